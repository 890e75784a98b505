//! Reading an object field by field: strict in its structure, lenient in its texts (R7).
//!
//! Nearly all that a gateway says is an object of short texts and whole numbers in the order of its table. Its structure and
//! those are read here, in one pass and without a copy; every other value is left to serde_json.

use alloc::{
    borrow::{Cow, ToOwned as _},
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::fmt;

use arrayvec::ArrayVec;
use serde::{Deserializer as _, de::Visitor};
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
    let mut fields = [None; N];
    Reader { text, at: 0 }.object(names, &mut fields)?;
    Ok(fields)
}

/// The JSON text of one value, alone.
pub(crate) fn value(text: &str) -> Option<Value<'_>> {
    let mut reader = Reader { text, at: 0 };
    let mut value = None;
    reader.value(&mut value).ok()?;
    value.filter(|_| reader.peek().is_none())
}

/// Where the reading of a text stands, in bytes.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn object(&mut self, names: &[&str], fields: &mut [Field<'a>]) -> Result<(), Unclear> {
        let mut others = Others::default();
        let mut next = 0;
        self.expect(b'{')?;
        let mut is_open = self.peek() != Some(b'}');
        while is_open {
            let key = self.key(names, next)?;
            self.expect(b':')?;
            let (is_first, field) = match key {
                Key::Named(at) => {
                    next = at + 1;
                    (fields[at].is_none(), &mut fields[at])
                }
                Key::Other(key) => (others.insert(key), &mut None),
            };
            self.value(field)?;
            if !is_first {
                return Err(Unclear::DuplicateKey);
            }
            is_open = self.peek() == Some(b',');
            self.at += usize::from(is_open);
        }
        self.expect(b'}')?;
        self.peek().map_or(Ok(()), |_| Err(Unclear::NotJson))
    }

    /// A key, most likely the next of these names.
    #[inline(always)]
    fn key(&mut self, names: &[&str], next: usize) -> Result<Key<'a>, Unclear> {
        if self.peek() != Some(b'"') {
            return Err(Unclear::NotJson);
        }
        let inside = &self.text.as_bytes()[self.at + 1..];
        let stands_here = |at: &usize| {
            let name = names[*at].as_bytes();
            inside.get(name.len()) == Some(&b'"') && inside.starts_with(name)
        };
        match (next..names.len()).chain(0..next).find(stands_here) {
            Some(at) => {
                self.at += names[at].len() + 2;
                Ok(Key::Named(at))
            }
            None => self.other_key(names),
        }
    }

    /// A key that is none of the names, or is written with escapes.
    fn other_key(&mut self, names: &[&str]) -> Result<Key<'a>, Unclear> {
        let mut key = None;
        self.value(&mut key)?;
        let key = deciding(key).ok().flatten().ok_or(Unclear::NotJson)?;
        Ok(names.iter().position(|name| *name == key).map_or(Key::Other(key), Key::Named))
    }

    #[inline(always)]
    fn value(&mut self, field: &mut Field<'a>) -> Result<(), Unclear> {
        if self.peek() == Some(b'"') {
            let inside = &self.text[self.at + 1..];
            if let Some(end) = inside.bytes().position(|byte| ENDS_TEXT[usize::from(byte)])
                && inside.as_bytes()[end] == b'"'
            {
                self.at += end + 2;
                *field = Some(Value::Text(&inside[..end]));
                return Ok(());
            }
        }
        let json = match self.word() {
            Some(word) => word,
            None => self.json()?,
        };
        *field = Some(Value::Json(json));
        Ok(())
    }

    /// `null`, `true`, `false`, or a whole number.
    fn word(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| !byte.is_ascii_alphanumeric())?;
        let (word, ends_here) = (&rest[..end], matches!(rest.as_bytes()[end], b',' | b'}' | b' ' | b'\n'));
        let is_whole =
            || word.bytes().all(|byte| byte.is_ascii_digit()) && (end == 1 || !word.starts_with('0'));
        if !ends_here || end == 0 || !matches!(word, "null" | "true" | "false") && !is_whole() {
            return None;
        }
        self.at += end;
        Some(word)
    }

    #[cold]
    fn json(&mut self) -> Result<&'a str, Unclear> {
        let mut values = serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter::<&RawValue>();
        let value = values.next().and_then(Result::ok).ok_or(Unclear::NotJson)?;
        self.at += values.byte_offset();
        Ok(value.get())
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unclear> {
        if self.peek() != Some(byte) {
            return Err(Unclear::NotJson);
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => break byte.copied(),
            }
        }
    }
}

/// The key of a field.
enum Key<'a> {
    /// One of the names, by its place.
    Named(usize),
    Other(Cow<'a, str>),
}

/// The bytes at which a [`Value::Text`] ends or turns out to be none: quote, backslash, and what can begin a character
/// that [`for_people`] replaces.
static ENDS_TEXT: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        ends[byte] = matches!(byte as u8, b'"' | b'\\') || may_be_replaced(byte as u8);
        byte += 1;
    }
    ends
};

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
    if !text.bytes().any(may_be_replaced) {
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
