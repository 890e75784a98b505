//! The envelope of every answer (spec §1.1).

use serde_json::Value;

use crate::van::damage::Dialect;
use crate::van::http::Reply;
use crate::van::json::{Charset, Object};

/// As the faults of a charge need to know it.
pub(super) const DIALECT: Dialect = Dialect {
    charset: Charset::Utf8,
    code: "code",
    refusal: "1",
    text: "message",
    number: "merchant_uid",
    terminal: ("", ""),
    name: "card_name",
    inner: Some("response"),
};

/// The call was carried out.
pub(super) fn done(response: impl Into<Value>) -> Object {
    envelope(0, None, response.into())
}

/// [`done`] as a reply.
pub(super) fn reply(response: impl Into<Value>) -> Reply {
    Charset::Utf8.reply(&done(response))
}

/// The call was not carried out, which is HTTP 200 all the same.
pub(super) fn refused(code: i64, text: &str) -> Reply {
    Charset::Utf8.reply(&envelope(code, Some(text), Value::Null))
}

/// No token, or none that is good.
pub(super) fn unauthorized() -> Reply {
    Reply { status: 401, ..refused(-1, "Unauthorized") }
}

/// There is no such thing.
pub(super) fn not_found(text: &str) -> Reply {
    Reply { status: 404, ..refused(-1, text) }
}

/// A parameter is wrong.
pub(super) fn bad_request(text: &str) -> Reply {
    Reply { status: 400, ..refused(-1, text) }
}

fn envelope(code: i64, text: Option<&str>, response: Value) -> Object {
    let fields = [("code", code.into()), ("message", text.into()), ("response", response)];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
