//! What all of i'mport's REST messages have in common (spec §1, §1.1): UTF-8 JSON, a token in a header, and an answer
//! of `code`, `message` and `response`.

use alloc::{borrow::ToOwned as _, boxed::Box, string::ToString as _};

use super::{AccessToken, Tier};
use crate::{
    flow::said::{Said, Unclear},
    values::Charset,
    wire::{
        HeaderBuffer, Method, Reply, RequestBuffer,
        answer::{BodyText, body_text},
        json::{self, Field, Value},
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
            || Said { code: code.to_string().into(), message: json::own_text(message).unwrap_or_default() };
        Ok(Envelope {
            refusal: (code != 0).then(said),
            response: response.filter(|_| !json::is_none(response)),
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
    let json = match field {
        None | Some(Value::Json("null")) => return Err(Unclear::NoCode),
        Some(Value::Text(_)) => return Err(Unclear::MalformedCode),
        Some(Value::Json(json)) => json,
    };
    // Neither a string, a fraction, an exponent nor -0 is one.
    match json.parse() {
        Ok(0) if json != "0" => Err(Unclear::MalformedCode),
        Ok(code) => Ok(code),
        Err(_) => Err(Unclear::MalformedCode),
    }
}

/// The body as text.
pub(super) fn body(reply: Reply<'_>) -> BodyText<'_> {
    body_text(reply, Charset::Utf8)
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
        out.push("content-type", &["application/json"]);
    }
}

/// The token (spec §13.23), and for whom it is used.
pub(super) fn push_authorization(out: &mut HeaderBuffer, token: &AccessToken, tier: Option<&Tier>) {
    out.push("authorization", &["Bearer ", token.expose()]);
    if let Some(tier) = tier {
        out.push("tier", &[tier.as_str()]);
    }
}

/// What a status word and its reason say, as the words of a gateway.
pub(super) fn said(code: &str, message: Option<&str>) -> Said {
    Said { code: code.into(), message: message.map_or_else(Box::default, |text| text.to_owned().into()) }
}
