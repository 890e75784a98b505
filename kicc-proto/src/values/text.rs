use unicode_properties::{EmojiStatus, UnicodeEmoji as _};

use super::Problem;

/// Whether a text for people (order, product or user text; not a URL) is free of what KICC bars (spec C.4):
/// `'` `"` `<` `>` `\` `;` `|` `&`, CR, LF and emoji. Other control characters are refused too (our choice:
/// R5).
///
/// # Errors
/// [`Problem::BadCharacter`] with the first one.
pub fn check_text(text: &str) -> Result<(), Problem> {
    match text.char_indices().find_map(|(at, c)| Some((at, barred(c)?))) {
        Some((at, why)) => Err(Problem::BadCharacter { at, why }),
        None => Ok(()),
    }
}

fn barred(c: char) -> Option<&'static str> {
    match c {
        '\'' | '"' | '<' | '>' | '\\' | ';' | '|' | '&' => Some("one of ' \" < > \\ ; | &"),
        '\r' | '\n' | '\u{2028}' | '\u{2029}' => Some("a line break"),
        _ if c.is_control() => Some("a control character"),
        _ if is_emoji(c) => Some("an emoji"),
        _ => None,
    }
}

/// What is drawn as a picture: emoji by default, pictographs beyond the basic plane, and the marks that make
/// an emoji of what stands before them. `Emoji=Yes` alone would bar digits, and signs that Korean text uses
/// (☎ ♥).
fn is_emoji(c: char) -> bool {
    match c.emoji_status() {
        EmojiStatus::EmojiPresentation
        | EmojiStatus::EmojiModifierBase
        | EmojiStatus::EmojiPresentationAndModifierBase
        | EmojiStatus::EmojiPresentationAndModifierAndEmojiComponent
        | EmojiStatus::EmojiPresentationAndEmojiComponent => true,
        EmojiStatus::EmojiOther => c > '\u{ffff}',
        _ => matches!(c, '\u{200d}' | '\u{20e3}' | '\u{fe0f}' | '\u{e0020}'..='\u{e007f}'),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn barred_characters_are_refused_where_they_stand() {
        for c in "'\"<>\\;|&\r\n\t\0\u{7f}\u{85}\u{2028}".chars().chain("🙂🇰🌶☔👍✌\u{fe0f}\u{200d}".chars())
        {
            let text = alloc::format!("주문 {c}");
            let refused = check_text(&text);
            assert!(matches!(refused, Err(Problem::BadCharacter { at: 7, .. })), "{c:?} {refused:?}");
        }
    }

    #[test]
    fn ordinary_text_passes() {
        for text in
            ["", "주문 #12: 아메리카노 2잔, 3,000원 (포장) ★☎♥ 50%", "A-Z_a.z/0=9?+~@!*^`{}[]$", "漢字 ￦ ①"]
        {
            assert_eq!(check_text(text), Ok(()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_refusal_is_at_the_first_barred_character(text in any::<String>()) {
            match check_text(&text) {
                Ok(()) => prop_assert!(!text.contains(['\'', '"', '<', '>', '\\', ';', '|', '&', '\r', '\n'])),
                Err(Problem::BadCharacter { at, .. }) => prop_assert_eq!(check_text(&text[..at]), Ok(())),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}
