//! Texts for people, limited by characters: the pages do not say of which charset bytes would be (spec §15).

use crate::values::{Invalid, Problem};

/// A text in one line: not blank, no control characters (ours), at most `limit` characters.
pub(super) fn text(field: &'static str, text: &str, limit: usize) -> Result<(), Invalid> {
    if text.trim().is_empty() {
        return Err(Problem::Empty.of(field));
    }
    let got = text.chars().count();
    if got > limit {
        return Err(Problem::TooManyCharacters { limit, got }.of(field));
    }
    let control = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    match text.char_indices().find(|(_, c)| control(*c)) {
        Some((at, _)) => {
            Err(Problem::BadCharacter { at, why: "a control character or line break" }.of(field))
        }
        None => Ok(()),
    }
}
