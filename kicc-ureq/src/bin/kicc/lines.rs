//! JSON objects, one per line, and their fields.

use std::io::{self, BufRead};

use kicc_proto::values::{Invalid, Won};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// The longest line that is read, in bytes (our choice: far above what all fields together may have).
pub const LINE_MAX: u64 = 64 * 1024;

/// A line that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The line, from 1.
    pub line: usize,
    /// The number, if it could be read.
    pub number: Option<String>,
    /// What is wrong: the field and its limit, never a value that may be secret (R23).
    pub why: String,
}

/// The fields of a line.
pub trait Fields: DeserializeOwned {
    /// The field `number`.
    fn number(&self) -> &Field;
}

/// Any value, so that no message of the JSON reader can quote one (R23): it only meets unknown and doubled keys.
#[derive(Default, PartialEq)]
pub struct Field(Option<Value>);

/// An explicit `null` is a value like any other, and then a wrong one.
impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field, D::Error> {
        Value::deserialize(deserializer).map(|value| Field(Some(value)))
    }
}

impl Field {
    /// A text that may be absent.
    pub fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match &self.0 {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{name}: must be a text in quotes")),
        }
    }

    /// An amount that may be absent.
    pub fn won(&self, name: &str) -> Result<Option<Won>, String> {
        let Some(value) = &self.0 else { return Ok(None) };
        value
            .as_u64()
            .map(|won| Some(Won(won)))
            .ok_or_else(|| format!("{name}: must be a whole number of won"))
    }

    /// A number of months that may be absent.
    pub fn months(&self, name: &str) -> Result<Option<u8>, String> {
        let Some(value) = &self.0 else { return Ok(None) };
        let months = value.as_u64().and_then(|months| u8::try_from(months).ok());
        months.map(Some).ok_or_else(|| format!("{name}: must be a whole number of months"))
    }

    /// Yes or no, or absent.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        let Some(value) = &self.0 else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| format!("{name}: must be true or false"))
    }

    /// Whether the line has it.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// A text that must be there.
    pub fn required_text(&self, name: &str) -> Result<&str, String> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// An amount that must be there.
    pub fn required_won(&self, name: &str) -> Result<Won, String> {
        self.won(name)?.ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> String {
    format!("{name}: is missing")
}

/// Whether anything was sent is for the caller to say, once for all lines.
pub fn plain(invalid: Invalid) -> String {
    format!("{}: {}", invalid.field, invalid.problem)
}

/// Reads line by line until the end, or until `take` says `false`. `make` makes of the fields what is wanted. Empty
/// lines are passed over.
pub fn each<F: Fields, T>(
    mut input: impl BufRead,
    make: impl Fn(&F) -> Result<T, String>,
    mut take: impl FnMut(Result<(usize, F, T), BadLine>) -> bool,
) -> io::Result<()> {
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        if io::Read::take(&mut input, LINE_MAX).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let read = if text.len() as u64 == LINE_MAX && !text.ends_with(b"\n") {
            input.skip_until(b'\n')?;
            Err((None, format!("is longer than {LINE_MAX} bytes")))
        } else {
            fields::<F>(&text).map_err(|why| (None, why)).and_then(|fields| match make(&fields) {
                Ok(made) => Ok((line, fields, made)),
                Err(why) => Err((fields.number().text("number").ok().flatten().map(str::to_owned), why)),
            })
        };
        if !take(read.map_err(|(number, why)| BadLine { line, number, why })) {
            break;
        }
    }
    Ok(())
}

fn fields<F: Fields>(text: &[u8]) -> Result<F, String> {
    let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?.trim();
    if !text.starts_with('{') {
        return Err("is not a JSON object".into());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}
