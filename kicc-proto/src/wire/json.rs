//! Reading an object field by field: strict in its structure, lenient in its texts (R7).

use alloc::{
    borrow::{Cow, ToOwned as _},
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::fmt;

use arrayvec::ArrayVec;
use serde::{
    Deserializer,
    de::{self, DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{flow::said::Unclear, values::Won};

/// A field as it came; `None`: it did not.
pub(crate) type Field<'a> = Option<Value<'a>>;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// The inside of a string that is its own text, for people too: without escapes, and [`for_people`] changes nothing.
    Text(&'a str),
    /// Anything else, such as another string, as its JSON text.
    Json(&'a str),
}

impl<'a> Value<'a> {
    fn of(raw: &'a RawValue) -> Self {
        let json = raw.get();
        let inside = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match inside.filter(|text| !text.contains('\\') && is_for_people(text)) {
            Some(text) => Value::Text(text),
            None => Value::Json(json),
        }
    }

    /// What may be an object: the JSON text, or nothing of a string.
    pub fn json(self) -> &'a str {
        match self {
            Value::Text(_) => "",
            Value::Json(json) => json,
        }
    }
}

/// Takes the named fields out of a JSON object. Other fields are passed over, since the gateway may add some
/// (spec C.4); a key that stands twice, cut-off or trailing text and broken JSON are an error. Names in the order in
/// which they come are found at once.
pub(crate) fn object<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Field<'a>; N], Unclear> {
    read::<N, false>(text, names)
}

/// [`object`], sooner where the named fields are plain texts, as they are documented to be.
pub(crate) fn texts<'a, const N: usize>(text: &'a str, names: &[&str; N]) -> Result<[Field<'a>; N], Unclear> {
    read::<N, true>(text, names).or_else(|_| object(text, names))
}

/// The JSON text of one value, alone.
pub(crate) fn value(text: &str) -> Option<Value<'_>> {
    serde_json::from_str::<&RawValue>(text).ok().map(Value::of)
}

fn read<'a, const N: usize, const PLAIN: bool>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Field<'a>; N], Unclear> {
    let (mut fields, mut twice) = ([None; N], false);
    let mut json = serde_json::Deserializer::from_str(text);
    let plain = Plain { all_for_people: PLAIN && is_for_people(text) };
    let object = Object::<N, PLAIN> { names, fields: &mut fields, plain, twice: &mut twice };
    match json.deserialize_map(object).and_then(|()| json.end()) {
        Ok(()) => Ok(fields),
        Err(_) if twice => Err(Unclear::DuplicateKey),
        Err(_) => Err(Unclear::NotJson),
    }
}

/// `PLAIN`: only with values that are a [`Value::Text`], `null`, `true` or `false`; any other is an error.
struct Object<'n, 'a, const N: usize, const PLAIN: bool> {
    names: &'n [&'n str; N],
    fields: &'n mut [Field<'a>; N],
    plain: Plain,
    twice: &'n mut bool,
}

impl<'de, const N: usize, const PLAIN: bool> Visitor<'de> for Object<'_, 'de, N, PLAIN> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut others = Others::default();
        let mut next = 0;
        while let Some(key) = map.next_key_seed(Whole)? {
            let is_first = match place(self.names, next, &key) {
                Some(at) => {
                    next = at + 1;
                    let value = match PLAIN {
                        true => map.next_value_seed(self.plain)?,
                        false => Value::of(map.next_value()?),
                    };
                    self.fields[at].replace(value).is_none()
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                    others.insert(key)
                }
            };
            if !is_first {
                *self.twice = true;
                return Err(A::Error::custom("duplicate key"));
            }
        }
        Ok(())
    }
}

/// Where a key stands among the names, most likely next.
fn place(names: &[&str], next: usize, key: &str) -> Option<usize> {
    if names.get(next).is_some_and(|name| *name == key) {
        return Some(next);
    }
    names.iter().position(|name| *name == key)
}

/// A value that [`Object`] takes while it is plain.
#[derive(Clone, Copy)]
struct Plain {
    /// Nothing in the whole text need be replaced.
    all_for_people: bool,
}

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Value<'de>, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        match self.all_for_people || is_for_people(text) {
            true => Ok(Value::Text(text)),
            false => Err(E::custom("not as people may be shown it")),
        }
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value<'de>, E> {
        Ok(Value::Json(if yes { "true" } else { "false" }))
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Json("null"))
    }
}

/// Keys that nobody asked for: a handful, or as many as somebody makes up.
#[derive(Default)]
struct Others<'a> {
    few: ArrayVec<Cow<'a, str>, 8>,
    more: BTreeSet<Cow<'a, str>>,
}

impl<'a> Others<'a> {
    /// Whether it was not there yet.
    fn insert(&mut self, key: Cow<'a, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        match self.few.try_push(key) {
            Ok(()) => true,
            Err(full) => self.more.insert(full.element()),
        }
    }
}

/// Whether a field is absent or null.
pub(crate) fn is_none(field: Field<'_>) -> bool {
    matches!(field, None | Some(Value::Json("null")))
}

/// The elements of an array, each as it came; `None` if it is none.
pub(crate) fn array(field: Field<'_>) -> Option<Vec<&str>> {
    let Some(Value::Json(json)) = field else { return None };
    let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// Whether an object states anything but null or the empty string under a key that begins so.
pub(crate) fn states_any(text: &str, prefix: &str) -> bool {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    fields.iter().any(|(key, value)| key.starts_with(prefix) && !matches!(value.get(), "null" | r#""""#))
}

/// A string that decides something: present and undamaged, or an error. Null is absent.
pub(crate) fn deciding(field: Field<'_>) -> Result<Option<Cow<'_, str>>, ()> {
    match field {
        None | Some(Value::Json("null")) => Ok(None),
        Some(Value::Text(text)) => Ok(Some(Cow::Borrowed(text))),
        Some(Value::Json(json)) => string(json).map(Some),
    }
}

/// A text that a person reads: what cannot be decoded is replaced by U+FFFD, a number is taken as its digits,
/// and the empty string is absent.
pub(crate) fn text(field: Field<'_>) -> Option<Cow<'_, str>> {
    match field? {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Json(json) => other_text(json),
    }
    .filter(|text| !text.is_empty())
}

#[cold]
fn other_text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => {
            let mut json = serde_json::Deserializer::from_str(json);
            json.deserialize_bytes(Lossy).ok().map(for_people)
        }
        b'0'..=b'9' | b'-' => Some(Cow::Borrowed(json)),
        _ => None,
    }
}

/// The same, to be kept by itself.
pub(crate) fn own_text(field: Field<'_>) -> Option<Box<str>> {
    text(field).map(Into::into)
}

/// A text from outside as a person may be shown it: line breaks and tabs are spaces, and what else a terminal would obey,
/// or what turns the direction of writing, is replaced by U+FFFD. It could forge a line of a report.
pub(crate) fn for_people<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    if is_for_people(&text) {
        return text;
    }
    let shown = text.chars().map(|character| match character {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        _ if character.is_control() => char::REPLACEMENT_CHARACTER,
        _ => character,
    });
    Cow::Owned(shown.collect())
}

/// Whether [`for_people`] leaves a text as it is, at a glance.
fn is_for_people(text: &str) -> bool {
    // Every byte is looked at, since that is many at once.
    !text.bytes().fold(false, |found, byte| found | may_be_replaced(byte))
}

/// Whether a character that [`for_people`] replaces begins with this byte in UTF-8: the controls below U+0020, U+007F,
/// those from U+0080 on, and what it names from U+2028 on.
const fn may_be_replaced(byte: u8) -> bool {
    matches!(byte, 0..0x20 | 0x7f | 0xc2 | 0xe2)
}

/// A string by its JSON text, undamaged.
fn string(json: &str) -> Result<Cow<'_, str>, ()> {
    let mut json = serde_json::Deserializer::from_str(json);
    json.deserialize_str(Whole).map_err(|_| ())
}

/// A string, borrowed where it has no escapes.
struct Whole;

impl<'de> DeserializeSeed<'de> for Whole {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Self::Value, D::Error> {
        text.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Whole {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// serde_json hands a string's bytes out before it minds lone surrogates.
struct Lossy;

impl<'de> Visitor<'de> for Lossy {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(String::from_utf8_lossy(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(String::from_utf8_lossy(bytes).into_owned()))
    }
}

/// A whole amount in won, stated as `51004`, `51004.0` or `"51004"` (R6). Null is absent.
pub(crate) fn amount(field: Field<'_>) -> Result<Option<Won>, Unclear> {
    let digits = match field {
        None | Some(Value::Json("null")) => return Ok(None),
        Some(Value::Text(text)) => text,
        Some(Value::Json(json)) => match json.split_once('.') {
            Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
            _ => json,
        },
    };
    let whole = !digits.is_empty() && digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse() {
        Ok(won) if whole => Ok(Some(Won(won))),
        _ => Err(Unclear::Amount),
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
