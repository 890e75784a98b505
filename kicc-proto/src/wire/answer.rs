//! What the products' answers have in common (spec C.2; R6, R7).

use alloc::{borrow::Cow, string::String};
use core::ops::Deref;

use encoding_rs::Encoding;

use super::{
    Reply,
    json::{self, Field},
};
use crate::{
    codes::ResultCode,
    flow::said::Unclear,
    values::{Charset, wipe_text},
};

/// The body as text, by the charset that it declares, else by `default`. Broken bytes become U+FFFD: in a text
/// that is a blemish, in a deciding field it matches nothing (R7).
pub(crate) fn body_text(reply: Reply<'_>, default: Charset) -> BodyText<'_> {
    BodyText(decode(reply.content_type.and_then(charset), reply.body, default))
}

/// A body as text: its own bytes where they are that, else a copy that is wiped, for it may hold what is about a person,
/// or a token (R23).
pub(crate) struct BodyText<'a>(Cow<'a, str>);

impl<'a> BodyText<'a> {
    /// A body that is UTF-8 whatever it declares.
    pub fn utf8(bytes: &'a [u8]) -> Self {
        BodyText(decode(None, bytes, Charset::Utf8))
    }
}

impl Deref for BodyText<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for BodyText<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            wipe_text(text);
        }
    }
}

/// Bytes as text by a charset's label, or by `default` where there is none that anybody knows.
pub(crate) fn decode<'a>(label: Option<&str>, bytes: &'a [u8], default: Charset) -> Cow<'a, str> {
    let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    encoding.unwrap_or_else(|| default.encoding()).decode_without_bom_handling(bytes).0
}

/// A text of the gateway's for a person, as it is kept and shown: without a card number (R23).
pub fn shown<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    // A card number that was cut first would no longer look like one.
    if text.len() < CARD_NUMBER { text } else { cut(without_card_numbers(&text).into()) }
}

/// As much of a text of the gateway's as is kept, an ellipsis for the rest.
#[inline]
pub(crate) fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= KEPT { text } else { long_cut(text) }
}

/// In characters: more than a slip or a screen's line holds, and little beside the rest of a record.
const KEPT: usize = 200;

#[cold]
fn long_cut(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.chars().nth(KEPT) {
        Some(_) => text.chars().take(KEPT - 1).chain(['…']).collect(),
        None => text,
    }
}

/// No card number has fewer digits.
const CARD_NUMBER: usize = 13;

/// Masks every run that is long enough for a card number, single spaces or dashes between the digits: one that stands
/// beside other digits makes a longer run.
fn without_card_numbers(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(is_digit) {
        let (before, from) = rest.split_at(begin);
        let (run, after) = from.split_at(end_of_run(from));
        shown.push_str(before);
        match run.chars().filter(|c| is_digit(*c)).count() {
            0..CARD_NUMBER => shown.push_str(run),
            _ => shown.push_str(&masked(run)),
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Where the digits end with which a text begins, in bytes.
fn end_of_run(text: &str) -> usize {
    let (mut end, mut between) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            c if is_digit(c) => (end, between) = (at + c.len_utf8(), false),
            ' ' | '-' if !between => between = true,
            _ => break,
        }
    }
    end
}

/// Also in the full width that Korean text has.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || ('０'..='９').contains(&c)
}

/// The charset that a content type declares.
pub(crate) fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// The result code: exactly four letters or digits, as a string (R6).
pub(crate) fn result_code(field: Field<'_>) -> Result<ResultCode, Unclear> {
    let code = json::deciding(field).map_err(|()| Unclear::MalformedCode)?;
    match code.as_deref() {
        None | Some("") => Err(Unclear::NoCode),
        Some(text) => ResultCode::new(text).map_err(|_| Unclear::MalformedCode),
    }
}

/// `Ok(Ok)`: ours. `Ok(Err)`: absent. `Err`: somebody else's.
pub(crate) fn echo(
    field: Field<'_>,
    name: &'static str,
    ours: impl Fn(&str) -> bool,
) -> Result<Result<(), &'static str>, Unclear> {
    match json::deciding(field) {
        Ok(None) => Ok(Err(name)),
        Ok(Some(text)) if text.is_empty() => Ok(Err(name)),
        Ok(Some(text)) if ours(&text) => Ok(Ok(())),
        Ok(Some(_)) | Err(()) => Err(Unclear::ForeignEcho(name.into())),
    }
}

/// A gateway that forgot to mask must not make us print a card number (R23): of the digits, at most the first
/// six and the last four are kept.
pub(crate) fn masked<'a>(card: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let card = card.into();
    let digits = card.chars().filter(|c| is_digit(*c)).count();
    if digits <= 10 {
        return card;
    }
    let mut seen = 0;
    let hide = |c: char| {
        if !is_digit(c) {
            return c;
        }
        seen += 1;
        if seen <= 6 || seen > digits - 4 { c } else { '*' }
    };
    card.chars().map(hide).collect()
}
