//! What all of i'mport's REST messages have in common (spec §1, §1.1): UTF-8 JSON, a token in a header, and an answer
//! of `code`, `message` and `response`.

use alloc::{
    borrow::ToOwned as _,
    boxed::Box,
    string::{String, ToString as _},
};

use zeroize::Zeroizing;

use super::{AccessToken, Tier};
use crate::{
    flow::said::{Said, Unclear},
    values::Charset,
    wire::{
        HeaderBuffer, Method, Reply, RequestBuffer,
        answer::body_text,
        json::{self, Field},
    },
};

/// An answer, taken apart. The HTTP status is another matter.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// `code` and `message`, unless the code is 0.
    pub refusal: Option<Said>,
    /// `response`; null is absent.
    pub response: Field<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads the body of an answer (R6: the code is an integer).
    pub fn read(body: &'a str) -> Result<Self, Unclear> {
        const NAMES: [&str; 3] = ["code", "message", "response"];
        let [code, message, response] = json::object(body, &NAMES)?;
        let code = integer(code)?;
        let said =
            || Said { code: code.to_string().into(), message: json::text(message).unwrap_or_default() };
        Ok(Envelope {
            refusal: (code != 0).then(said),
            response: response.filter(|response| response.get() != "null"),
        })
    }

    /// The answer of an object that is not there: 404 is one only with the envelope of a refusal (spec §1.2).
    pub fn absent(reply: Reply<'_>) -> Option<Said> {
        if reply.status != 404 {
            return None;
        }
        let body = body(reply);
        match Envelope::read(&body) {
            Ok(Envelope { refusal: Some(said), response: None }) => Some(said),
            _ => None,
        }
    }
}

fn integer(field: Field<'_>) -> Result<i32, Unclear> {
    let raw = field.map(|raw| raw.get()).filter(|raw| *raw != "null").ok_or(Unclear::NoCode)?;
    // Neither a string, a fraction, an exponent nor -0 is one.
    match raw.parse() {
        Ok(0) if raw != "0" => Err(Unclear::MalformedCode),
        Ok(code) => Ok(code),
        Err(_) => Err(Unclear::MalformedCode),
    }
}

/// The body as text. It may hold what is about a person, or a token.
pub(super) fn body(reply: Reply<'_>) -> Zeroizing<String> {
    Zeroizing::new(body_text(reply, Charset::Utf8))
}

/// Method and path in the buffer, and nothing else but the content type where there is a body.
pub(super) fn prepare(buffer: &mut RequestBuffer, method: Method, path: &str) {
    buffer.method = method;
    buffer.path.clear();
    buffer.path.push_str(path);
    buffer.body.clear();
    buffer.headers.clear();
    push_content_type(&mut buffer.headers, method);
}

pub(super) fn push_content_type(out: &mut HeaderBuffer, method: Method) {
    if method.has_body() {
        out.push("content-type", "application/json");
    }
}

/// The token (spec §13.23), and for whom it is used.
pub(super) fn push_authorization(out: &mut HeaderBuffer, token: &AccessToken, tier: Option<&Tier>) {
    out.push("authorization", format_args!("Bearer {}", token.expose()));
    if let Some(tier) = tier {
        out.push("tier", tier);
    }
}

/// What a status word and its reason say, as the words of a gateway.
pub(super) fn said(code: &str, message: Option<&str>) -> Said {
    Said { code: code.into(), message: message.map_or_else(Box::default, |text| text.to_owned().into()) }
}
