//! Reading an object field by field: strict in its structure, lenient in its texts (R7).

use alloc::{
    borrow::{Cow, ToOwned},
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::fmt;

use serde::{
    Deserializer as _,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{flow::said::Unclear, values::Won};

/// A field as it came.
pub(crate) type Field<'a> = Option<&'a RawValue>;

/// Takes the named fields out of a JSON object. Other fields are passed over, since the gateway may add some
/// (spec C.4); a key that stands twice, cut-off or trailing text and broken JSON are an error.
pub(crate) fn object<'a, const N: usize>(
    text: &'a str,
    names: &'static [&'static str; N],
) -> Result<[Field<'a>; N], Unclear> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut twice = false;
    let fields = json.deserialize_map(Object { names, twice: &mut twice });
    match fields.and_then(|fields| json.end().map(|()| fields)) {
        Ok(fields) => Ok(fields),
        Err(_) if twice => Err(Unclear::DuplicateKey),
        Err(_) => Err(Unclear::NotJson),
    }
}

struct Object<'n, const N: usize> {
    names: &'static [&'static str; N],
    twice: &'n mut bool,
}

impl<'de, const N: usize> Visitor<'de> for Object<'_, N> {
    type Value = [Field<'de>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = [None; N];
        let mut others = BTreeSet::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let first = match self.names.iter().position(|name| *name == key) {
                Some(at) => {
                    let first = fields[at].is_none();
                    fields[at] = Some(map.next_value::<&'de RawValue>()?);
                    first
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                    others.insert(key)
                }
            };
            if !first {
                *self.twice = true;
                return Err(A::Error::custom("duplicate key"));
            }
        }
        Ok(fields)
    }
}

/// A key, borrowed where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// The elements of an array, each as it came; `None` if it is none.
pub(crate) fn array(field: Field<'_>) -> Option<Vec<&RawValue>> {
    serde_json::from_str(field?.get()).ok()
}

/// Whether an object states anything but null or the empty string under a key that begins so.
pub(crate) fn states_any(text: &str, prefix: &str) -> bool {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    fields.iter().any(|(key, value)| key.starts_with(prefix) && !matches!(value.get(), "null" | r#""""#))
}

/// A string that decides something: present and undamaged, or an error. Null is absent.
pub(crate) fn deciding(field: Field<'_>) -> Result<Option<Cow<'_, str>>, ()> {
    let Some(raw) = field else { return Ok(None) };
    match raw.get() {
        "null" => Ok(None),
        text => match plain(text) {
            Some(text) => Ok(Some(Cow::Borrowed(text))),
            None => serde_json::from_str::<String>(text).map(|text| Some(Cow::Owned(text))).map_err(|_| ()),
        },
    }
}

/// A text that a person reads: what cannot be decoded is replaced by U+FFFD, a number is taken as its digits,
/// and the empty string is absent.
pub(crate) fn text(field: Field<'_>) -> Option<Box<str>> {
    let raw = field?.get();
    if let Some(text) = plain(raw) {
        return (!text.is_empty()).then(|| for_people(text));
    }
    match raw.as_bytes().first()? {
        b'"' => {
            let mut json = serde_json::Deserializer::from_str(raw);
            let text = json.deserialize_bytes(Lossy).ok()?;
            (!text.is_empty()).then(|| for_people(&text))
        }
        b'0'..=b'9' | b'-' => Some(raw.into()),
        _ => None,
    }
}

/// A text from outside as a person may be shown it: line breaks and tabs are spaces, and what else a terminal would obey,
/// or what turns the direction of writing, is replaced by U+FFFD. It could forge a line of a report.
pub(crate) fn for_people(text: &str) -> Box<str> {
    let shown = text.chars().map(|character| match character {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        _ if character.is_control() => char::REPLACEMENT_CHARACTER,
        _ => character,
    });
    String::from_iter(shown).into()
}

/// The inside of a string without escapes.
fn plain(raw: &str) -> Option<&str> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then_some(inside)
}

/// serde_json hands a string's bytes out before it minds lone surrogates.
struct Lossy;

impl Visitor<'_> for Lossy {
    type Value = Box<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(String::from_utf8_lossy(bytes).into())
    }
}

/// A whole amount in won, stated as `51004`, `51004.0` or `"51004"` (R6). Null is absent.
pub(crate) fn amount(field: Field<'_>) -> Result<Option<Won>, Unclear> {
    let Some(raw) = field else { return Ok(None) };
    let raw = raw.get();
    if raw == "null" {
        return Ok(None);
    }
    let digits = match plain(raw) {
        Some(inside) => inside,
        None => match raw.split_once('.') {
            Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
            _ => raw,
        },
    };
    let whole = !digits.is_empty() && digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse() {
        Ok(won) if whole => Ok(Some(Won(won))),
        _ => Err(Unclear::Amount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Field<'_>, Unclear> {
        object(text, &["a"]).map(|[a]| a)
    }

    /// R7: structure is strict.
    #[test]
    fn r7_broken_structure_is_never_an_answer() {
        for text in ["", "{", r#"{"a":"1""#, r#"{"a":"1"}x"#, "[]", "1", "null", r#"{"a":1,}"#, "\u{feff}{}"]
        {
            assert_eq!(one(text).err(), Some(Unclear::NotJson), "{text}");
        }
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":1,"b":2}"#, r#"{"a":1,"\u0061":1}"#] {
            assert_eq!(one(text).err(), Some(Unclear::DuplicateKey), "{text}");
        }
        let deep = alloc::format!(r#"{{"a":{}1{}}}"#, "[".repeat(60_000), "]".repeat(60_000));
        assert!(one(&deep).is_err() || text(one(&deep).unwrap_or_default()).is_none());
    }

    /// R7: damage in a text replaces the text, and the answer stands.
    #[test]
    fn r7_damage_in_a_text_is_replaced() {
        let field = one(r#"{"a":"ok \ud800 end"}"#).unwrap();
        assert!(text(field).unwrap().contains('\u{fffd}'));
        assert_eq!(deciding(field), Err(()));
        assert_eq!(text(one(r#"{"a":"\ud55c"}"#).unwrap()).as_deref(), Some("한"));
        assert_eq!(text(one(r#"{"a":12}"#).unwrap()).as_deref(), Some("12"));
        assert_eq!(text(one(r#"{"a":null}"#).unwrap()), None);
        assert_eq!(text(one(r#"{"a":""}"#).unwrap()), None);
    }

    #[test]
    fn a_text_from_outside_cannot_speak_to_a_terminal_or_forge_a_line() {
        let forged = r#"{"a":"ok\u001b[2J\r\nORD-2 approved\u0000\u202eX\u009b"}"#;
        let shown = text(one(forged).unwrap()).unwrap();
        assert_eq!(&*shown, "ok\u{fffd}[2J  ORD-2 approved\u{fffd}\u{fffd}X\u{fffd}");
        assert_eq!(text(one("{\"a\":\"\u{7f}\u{9b}한\"}").unwrap()).as_deref(), Some("\u{fffd}\u{fffd}한"));
    }

    /// R6, R7: how an amount may be written.
    #[test]
    fn r6_a_whole_amount_counts_however_it_is_written() {
        let longest = one(r#"{"a":123456789012345}"#).unwrap();
        assert_eq!(amount(longest), Ok(Some(Won(123_456_789_012_345))));
        for good in ["51004", "51004.0", "51004.00", r#""51004""#] {
            assert_eq!(
                amount(one(&alloc::format!(r#"{{"a":{good}}}"#)).unwrap()),
                Ok(Some(Won(51_004))),
                "{good}"
            );
        }
        for bad in [
            "51004.5",
            "5e4",
            "-0",
            "1e400",
            r#""51,004""#,
            r#""""#,
            r#"" 51004""#,
            r#""+51004""#,
            "true",
            "{}",
            "1234567890123456",
        ] {
            assert_eq!(
                amount(one(&alloc::format!(r#"{{"a":{bad}}}"#)).unwrap()),
                Err(Unclear::Amount),
                "{bad}"
            );
        }
    }
}
