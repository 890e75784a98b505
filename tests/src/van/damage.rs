//! What the faults make of the answer to an approval that was booked: the same in every product, names aside.

use serde_json::Value;

use super::faults::Fault;
use super::http::{Answer, Reply};
use super::json::{Charset, Object};

/// How a product's approval answer is written.
pub(super) struct Dialect {
    pub(super) charset: Charset,
    /// The field of the result code.
    pub(super) code: &'static str,
    /// A result code that refuses, as JSON.
    pub(super) refusal: &'static str,
    /// The field of its text.
    pub(super) text: &'static str,
    /// The field that echoes the merchant's number.
    pub(super) number: &'static str,
    /// The field that echoes the terminal, and another merchant's.
    pub(super) terminal: (&'static str, &'static str),
    /// A text field that decides nothing.
    pub(super) name: &'static str,
    /// The object of the answer in which the fields after the result's text are; `None`: the answer itself.
    pub(super) inner: Option<&'static str>,
}

/// The answer to an approval that was booked, as the fault leaves it.
pub(super) fn answer(dialect: &Dialect, fault: Fault, mut body: Object) -> Answer {
    let refusal = || serde_json::from_str::<Value>(dialect.refusal).expect("a dialect's code is JSON");
    let mut put = |name: &str, value: Value| drop(body.insert(name.into(), value));
    match fault {
        Fault::HangAfter => return Answer::Hang(None),
        Fault::ResetAfter => return Answer::Reset,
        Fault::Html502 => {
            let html =
                "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>\n";
            return Answer::Reply(Reply { content_type: "text/html", ..Reply::text(502, html) });
        }
        Fault::Empty200 => return Answer::Reply(Reply::json(Vec::new())),
        Fault::BinaryBody => return Answer::Reply(Reply::json((0..=255).rev().cycle().take(600).collect())),
        Fault::Http400 | Fault::DeclineWithApproval => {
            put(dialect.code, refusal());
            put(dialect.text, "한도초과".into());
        }
        Fault::EmptyCode => put(dialect.code, "".into()),
        Fault::NumericCode => put(dialect.code, 0.into()),
        Fault::TextCode => put(dialect.code, "0".into()),
        Fault::BrokenText => put(dialect.text, "승인#".into()),
        Fault::Oversized => put(dialect.text, "A".repeat(1024 * 1024).into()),
        Fault::MissingCode => drop(body.shift_remove(dialect.code)),
        fault => {
            let inner = match dialect.inner {
                Some(name) => body.get_mut(name).and_then(Value::as_object_mut),
                None => Some(&mut body),
            };
            in_the_payment(dialect, fault, inner.expect("a dialect's answer has its object"));
        }
    }
    let charset = if fault == Fault::CharsetUtf8 { Charset::Utf8 } else { dialect.charset };
    let mut reply = charset.reply(&body);
    match fault {
        Fault::Drip => Answer::Drip(reply),
        Fault::Chunked => Answer::Bytes(reply.to_chunks(true)),
        Fault::ChunkedCut => Answer::Bytes(reply.to_chunks(false)),
        Fault::UntilClose => Answer::Bytes(reply.to_bytes_until_close()),
        Fault::NoLengthCut => {
            reply.body.truncate(reply.body.len() / 2);
            Answer::Bytes(reply.to_bytes_until_close())
        }
        Fault::AnsweredTwice => Answer::Bytes([reply.to_bytes(true), reply.to_bytes(false)].concat()),
        Fault::Cut(byte) => {
            let mut bytes = reply.to_bytes(false);
            bytes.truncate(byte as usize % bytes.len());
            Answer::Bytes(bytes)
        }
        Fault::BrokenJson => {
            reply.body.pop();
            Answer::Reply(reply)
        }
        Fault::BrokenText | Fault::BrokenEcho => Answer::Reply(replaced(reply, b"#", &cut_hangul(charset))),
        Fault::LoneSurrogate => Answer::Reply(replaced(reply, b"#", br"\ud83d")),
        Fault::DuplicatedKey => {
            let twice = format!("{{\"{}\":{},", dialect.code, dialect.refusal);
            Answer::Reply(replaced(reply, b"{", twice.as_bytes()))
        }
        Fault::Http400 => Answer::Reply(Reply { status: 400, ..reply }),
        Fault::Redirect302 => Answer::Reply(Reply { status: 302, location: Some("/other".into()), ..reply }),
        Fault::Redirect307 => Answer::Reply(Reply { status: 307, location: Some("/other".into()), ..reply }),
        Fault::CharsetWrong => {
            Answer::Reply(Reply { content_type: "application/json; charset=utf-8", ..reply })
        }
        Fault::CharsetNone => Answer::Reply(Reply { content_type: "application/json", ..reply }),
        _ => Answer::Reply(reply),
    }
}

fn in_the_payment(dialect: &Dialect, fault: Fault, body: &mut Object) {
    let mut put = |name: &str, value: &str| drop(body.insert(name.into(), value.into()));
    match fault {
        Fault::ForeignNumber => put(dialect.number, "SOMEBODY-ELSES-0001"),
        Fault::ForeignTerminal => put(dialect.terminal.0, dialect.terminal.1),
        Fault::BrokenEcho => put(dialect.number, "ORDER#"),
        Fault::LoneSurrogate => put(dialect.name, "KB #"),
        Fault::NoEcho => body.retain(|name, _| name != dialect.number && name != dialect.terminal.0),
        _ => {}
    }
}

/// A character without its last byte.
fn cut_hangul(charset: Charset) -> Vec<u8> {
    let mut bytes = charset.encode("승").unwrap_or_default();
    bytes.pop();
    bytes
}

/// The reply with the first `old` of its body replaced.
fn replaced(mut reply: Reply, old: &[u8], new: &[u8]) -> Reply {
    if let Some(at) = reply.body.windows(old.len()).position(|part| part == old) {
        reply.body.splice(at..at + old.len(), new.iter().copied());
    }
    reply
}
