//! What the gateway said, and why an answer was not one.

use alloc::{borrow::Cow, boxed::Box};
use core::fmt;

use serde::{Deserialize, Serialize};

pub use crate::wire::answer::shown;
use crate::{codes::ResultCode, wire::MaybeSent};

/// A result code with its message, as the gateway gave them. An unknown code is kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Four ASCII letters or digits (spec C.3); of i'mport, an integer, or the status of a payment.
    pub code: Box<str>,
    /// The text beside it: at most 200 characters, an ellipsis for the rest (our choice); what could not be decoded, or
    /// would speak to a terminal, is replaced by U+FFFD (R7), and of a card number only the first six and the last
    /// four digits are left (R23).
    pub message: Box<str>,
}

impl Said {
    pub(crate) fn new<'a>(code: ResultCode, message: impl Into<Cow<'a, str>>) -> Self {
        Said { code: code.as_str().into(), message: shown(message).into() }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

/// Why an exchange brought no trustworthy answer (R7). It never changes what happens next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unclear {
    /// No whole answer.
    Exchange(MaybeSent),
    /// Not HTTP 200.
    Status(u16),
    /// Not a JSON object, or cut short.
    NotJson,
    /// A key stands twice.
    DuplicateKey,
    /// No result code.
    NoCode,
    /// A result code that is not four ASCII letters or digits.
    MalformedCode,
    /// The answer speaks of another transaction; the field.
    ForeignEcho(Box<str>),
    /// A success that does not say whose it is; the field.
    MissingEcho(Box<str>),
    /// An amount that cannot be read.
    Amount,
    /// Another field that decides something, and cannot be read; the field.
    Damaged(Box<str>),
    /// A configured code that says "asked before": the outcome of that is not known.
    Duplicate(Said),
    /// A configured code whose outcome is not known.
    UnknownCode(Said),
    /// A refusal that carries an approval's number.
    RefusalWithApproval(Said),
    /// A status that shows an approval and a cancel at once, or neither (R11).
    Ambiguous,
    /// The gateway itself has not decided yet.
    NotFinal,
    /// A success, read after its exchange had been given up (R9).
    TooLate,
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unclear::Exchange(why) => why.fmt(f),
            Unclear::Status(status) => write!(f, "HTTP {status}"),
            Unclear::NotJson => f.write_str("the answer is not a JSON object"),
            Unclear::DuplicateKey => f.write_str("a key stands twice in the answer"),
            Unclear::NoCode => f.write_str("the answer has no result code"),
            Unclear::MalformedCode => f.write_str("the result code is malformed"),
            Unclear::ForeignEcho(field) => write!(f, "the answer speaks of another {field}"),
            Unclear::MissingEcho(field) => write!(f, "a success without {field}"),
            Unclear::Damaged(field) => write!(f, "{field} cannot be read"),
            Unclear::Amount => f.write_str("the amount cannot be read"),
            Unclear::Duplicate(said) => write!(f, "asked before: {said}"),
            Unclear::UnknownCode(said) => write!(f, "outcome unknown: {said}"),
            Unclear::RefusalWithApproval(said) => write!(f, "a refusal with an approval's number: {said}"),
            Unclear::Ambiguous => f.write_str("the status shows both an approval and a cancel, or neither"),
            Unclear::NotFinal => f.write_str("the gateway has not decided yet"),
            Unclear::TooLate => f.write_str("a success, read too late"),
        }
    }
}
