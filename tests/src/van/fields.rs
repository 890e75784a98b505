//! Request tables as data, and requests read by them.

use serde_json::Value;

use super::clock::Moment;
use super::json::{Charset, Object};

/// One line of a request table.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    is: Is,
    required: bool,
}

/// What a field holds; lengths are in bytes of the message's charset.
pub(super) enum Is {
    /// Text of one to so many bytes.
    Text(usize),
    /// Text of at most so many bytes.
    List(usize),
    /// Exactly so many digits.
    Digits(usize),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number, of won or of months.
    Won,
    /// A whole number of won above zero.
    Price,
    /// Text of one to so many characters.
    Chars(usize),
    /// True or false.
    Flag,
    /// An object, or a list.
    Nested,
}

pub(super) const fn field(name: &str, is: Is) -> Field<'_> {
    Field { name, is, required: true }
}

pub(super) const fn optional(name: &str, is: Is) -> Field<'_> {
    Field { name, is, required: false }
}

impl Field<'_> {
    /// The value that a form's text stands for.
    pub(super) fn of_text(&self, text: &str) -> Value {
        match self.is {
            Is::Won | Is::Price => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
            Is::Flag => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
            _ => text.into(),
        }
    }
}

/// A request whose fields are as its table says.
pub(super) struct Message {
    fields: Object,
    /// When it came, by the VAN's clock.
    pub(super) now: Moment,
}

/// Reads a body by a table. An error says everything that is wrong, and no value.
pub(super) fn read(
    table: &[Field<'_>],
    charset: Charset,
    body: &[u8],
    now: Moment,
) -> Result<Message, Vec<String>> {
    let Some(text) = charset.decode(body) else {
        return Err(vec![format!("the body is not in {}", charset.name())]);
    };
    let Ok(Value::Object(fields)) = serde_json::from_str(&text) else {
        return Err(vec!["the body is no JSON object".into()]);
    };
    check(table, charset, fields, now)
}

/// Takes fields by a table, as [`read`] does.
pub(super) fn check(
    table: &[Field<'_>],
    charset: Charset,
    fields: Object,
    now: Moment,
) -> Result<Message, Vec<String>> {
    let unknown = fields.keys().filter(|name| table.iter().all(|field| field.name != *name));
    let mut problems: Vec<String> = unknown.map(|name| format!("{name} is in no table")).collect();
    for Field { name, is, required } in table {
        match fields.get(*name) {
            None if *required => problems.push(format!("{name} is missing")),
            Some(value) => {
                problems.extend(is.problem(charset, value).map(|what| format!("{name} is {what}")));
            }
            None => {}
        }
    }
    if problems.is_empty() { Ok(Message { fields, now }) } else { Err(problems) }
}

impl Is {
    fn problem(&self, charset: Charset, value: &Value) -> Option<String> {
        match self {
            Self::Won => return value.as_u64().is_none().then(|| "no whole number".into()),
            Self::Price => {
                return (value.as_u64().unwrap_or(0) == 0).then(|| "no whole number above zero".into());
            }
            Self::Flag => return (!value.is_boolean()).then(|| "neither true nor false".into()),
            Self::Nested => {
                return (!value.is_object() && !value.is_array()).then(|| "neither object nor list".into());
            }
            _ => {}
        }
        let Value::String(text) = value else { return Some("no text".into()) };
        let Some(bytes) = charset.encode(text) else {
            return Some(format!("not to be had in {}", charset.name()));
        };
        match *self {
            Self::Text(_) | Self::Chars(_) if text.is_empty() => Some("empty".into()),
            Self::Chars(max) if text.chars().count() > max => Some(format!("over {max} characters")),
            Self::Text(max) | Self::List(max) if bytes.len() > max => Some(format!("over {max} bytes")),
            Self::Text(_) | Self::List(_) if has_reference(text) => {
                Some("a text with a numeric character reference".into())
            }
            Self::Digits(count) if text.len() != count || !text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(format!("not {count} digits"))
            }
            Self::Word(words) if !words.contains(&text.as_str()) => {
                Some(format!("none of {}", words.join(", ")))
            }
            _ => None,
        }
    }
}

/// `&#128512;`: what careless encoders write for a character that the charset does not have.
fn has_reference(text: &str) -> bool {
    text.split("&#").skip(1).any(|rest| {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        after.len() < rest.len() && after.starts_with(';')
    })
}

impl Message {
    /// A text field; empty where it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// An amount in won; 0 where it is absent.
    pub(super) fn won(&self, name: &str) -> u64 {
        self.fields.get(name).and_then(Value::as_u64).unwrap_or_default()
    }

    /// A flag; false where it is absent.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.fields.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// Is the field there?
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(body: &[u8]) -> String {
        const TABLE: &[Field<'_>] = &[
            field("name", Is::Text(6)),
            optional("list", Is::List(4)),
            optional("path", Is::Word(&["SHP"])),
            optional("day", Is::Digits(2)),
            optional("free", Is::Chars(2)),
            optional("flag", Is::Flag),
        ];
        let now = Moment { date: "20231225".into(), time: "120000".into(), unix: 1_703_473_200 };
        read(TABLE, Charset::EucKr, body, now).err().unwrap_or_default().join("; ")
    }

    #[test]
    fn lengths_are_those_of_the_charset() {
        let euc_kr = |text: &str| Charset::EucKr.encode(text).unwrap();
        assert_eq!(problems(&euc_kr(r#"{"name":"결제창"}"#)), "");
        assert_eq!(problems(&euc_kr(r#"{"name":"결제창1"}"#)), "name is over 6 bytes");
        assert_eq!(problems(r#"{"name":"결제창"}"#.as_bytes()), "the body is not in euc-kr");
        assert_eq!(problems(br#"{"name":"\ud83d\ude00"}"#), "name is not to be had in euc-kr");
        assert_eq!(problems(br#"{"name":"&#1;"}"#), "name is a text with a numeric character reference");
        assert_eq!(problems(br#"{"name":"&#;#1;"}"#), "");
        assert_eq!(problems(&euc_kr(r#"{"name":"A","free":"결제","flag":true}"#)), "");
        assert_eq!(
            problems(&euc_kr(r#"{"name":"A","free":"결제창","flag":"true"}"#)),
            "free is over 2 characters; flag is neither true nor false"
        );
        assert_eq!(
            problems(br#"{"name":"","list":"","path":"X","day":"1","more":0}"#),
            "more is in no table; name is empty; path is none of SHP; day is not 2 digits"
        );
    }
}
