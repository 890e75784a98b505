//! One HTTP exchange as data: what to send, what came back, and what can be proved when nothing did.

pub(crate) mod answer;
pub mod call;
pub mod exchange;
pub(crate) mod json;
pub mod message;
pub mod post;
pub mod settings;
pub mod sign;
pub mod token_key;

use alloc::string::String;
use core::{fmt, ops::Range};

use arrayvec::ArrayVec;

/// The longest reply body that is read, in bytes. A longer one is cut off by the adapter and is *unknown* (R7).
pub const REPLY_MAX: usize = 64 * 1024;

/// The method of a request. VAN products post; i'mport has all four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Method {
    /// `POST`, with a body.
    #[default]
    Post,
    /// `GET`, without one.
    Get,
    /// `PUT`, with a body.
    Put,
    /// `DELETE`, without one.
    Delete,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }

    /// Whether a body goes with it. Without one neither `content-length` nor `content-type` is sent.
    #[must_use]
    pub fn has_body(self) -> bool {
        matches!(self, Method::Post | Method::Put)
    }
}

/// One request, ready to be written. It borrows the caller's [`RequestBuffer`].
///
/// An adapter adds `host`, `content-length` (where there is a body) and `connection`, and nothing else.
pub struct Request<'b> {
    pub(crate) method: Method,
    pub(crate) path: &'b str,
    pub(crate) headers: ArrayVec<(&'static str, &'b str), 8>,
    pub(crate) body: &'b [u8],
}

impl<'b> Request<'b> {
    /// A POST to try a transport with, or `None` with more than eight headers. What moves money is made by the
    /// flow alone, after it was recorded.
    #[must_use]
    pub fn trial(path: &'b str, headers: &[(&'static str, &'b str)], body: &'b [u8]) -> Option<Self> {
        Some(Request { method: Method::Post, path, headers: ArrayVec::try_from(headers).ok()?, body })
    }

    /// The same request by another method; the body stays behind where the method has none.
    #[must_use]
    pub fn by(self, method: Method) -> Self {
        Request { method, body: if method.has_body() { self.body } else { &[] }, ..self }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The path below the configured base URL, such as `/smpy/kiccpay/reqAprv`, with its query, if it has one.
    #[must_use]
    pub fn path(&self) -> &'b str {
        self.path
    }

    /// Header names in lower case with their values; no secret but the signature, or i'mport's token (R23).
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &'b str)> + '_ {
        self.headers.iter().copied()
    }

    /// The body, byte for byte as it was signed (spec A.2); empty where the method has none. It may hold a token key:
    /// never log it (R23).
    #[must_use]
    pub fn body(&self) -> &'b [u8] {
        self.body
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// A complete reply. *Complete* is the adapter's promise: a body that was cut short is
/// [`MaybeSent::Truncated`], one over [`REPLY_MAX`] is [`MaybeSent::BodyTooLarge`].
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The value of `content-type`, if there was one.
    pub content_type: Option<&'a str>,
    /// The whole body, as it came.
    pub body: &'a [u8],
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).field("body_bytes", &self.body.len()).finish()
    }
}

/// Why an exchange brought no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Proof that not one byte of the request was handed to the transport.
    #[error("never sent: {0}")]
    NotSent(NotSent),
    /// Everything else.
    #[error("maybe sent: {0}")]
    MaybeSent(MaybeSent),
}

/// The only failures that count as *never sent*. An adapter decides by a marker of its own ("was any
/// HTTP byte handed to the transport?"), never by the kind of an I/O error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotSent {
    /// The host name was not resolved.
    #[error("the gateway's name was not resolved")]
    Resolve,
    /// No TCP connection came about.
    #[error("no connection to the gateway came about")]
    Connect,
    /// The TLS handshake did not finish.
    #[error("the TLS handshake with the gateway did not finish")]
    Tls,
    /// The proxy did not let us through.
    #[error("the proxy did not let it through")]
    Proxy,
    /// `send_by` or the lease had passed when the first byte was about to go (R4, R20).
    #[error("it was too late to send it")]
    PermitLapsed,
    /// The signer did not sign.
    #[error("it could not be signed")]
    Signing,
    /// The record is known not to be stored (R2).
    #[error("the journal did not take it")]
    NotRecorded,
    /// i'mport gave no token for it.
    #[error("i'mport gave no token for it")]
    Token,
}

/// What is known of a failure after bytes may have left. It never changes what happens next; it is told to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MaybeSent {
    /// No whole answer within the time allowed.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke.
    #[error("the connection broke")]
    Reset,
    /// The answer ended early.
    #[error("the answer was cut short")]
    Truncated,
    /// The answer was longer than [`REPLY_MAX`].
    #[error("the answer was too long")]
    BodyTooLarge,
    /// What came back was not HTTP.
    #[error("the answer was not HTTP")]
    Protocol,
    /// The future, thread or process that waited for the answer is gone.
    #[error("whoever waited for the answer is gone")]
    Lost,
    /// Anything else.
    #[error("the exchange failed")]
    Other,
}

/// The caller's memory for one request; make one and use it again and again.
#[derive(Default)]
pub struct RequestBuffer {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: crate::values::Bytes,
    pub(crate) headers: HeaderBuffer,
}

/// Header values one behind the other, and where each lies.
#[derive(Default)]
pub(crate) struct HeaderBuffer {
    text: zeroize::Zeroizing<String>,
    spans: ArrayVec<(&'static str, Range<usize>), 8>,
}

impl HeaderBuffer {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        // Above what headers come to, a token among them: text that grows leaves copies behind (R23).
        self.text.reserve(1024);
        self.spans.clear();
    }

    /// A header whose value is these parts, one behind the other.
    pub(crate) fn push(&mut self, name: &'static str, value: &[&str]) {
        let from = self.text.len();
        value.iter().for_each(|part| self.text.push_str(part));
        self.spans.push((name, from..self.text.len()));
    }

    pub(crate) fn all(&self) -> ArrayVec<(&'static str, &str), 8> {
        self.spans.iter().map(|(name, span)| (*name, &self.text[span.clone()])).collect()
    }
}

impl RequestBuffer {
    /// An empty buffer; it grows to its working size with the first request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request { method: self.method, path: &self.path, headers: self.headers.all(), body: &self.body }
    }
}

impl fmt::Debug for RequestBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuffer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    /// R23: what is printed of an exchange is its path, its status and its sizes.
    #[test]
    fn r23_debug_shows_sizes_alone() {
        let request = Request::trial("/x.do", &[("x-kicc-authorization", "SECRET")], b"SECRET").unwrap();
        assert_eq!(format!("{request:?}"), r#"Request { method: Post, path: "/x.do", body_bytes: 6 }"#);
        let reply = Reply { status: 200, content_type: Some("text/html"), body: b"SECRET" };
        assert_eq!(format!("{reply:?}"), "Reply { status: 200, body_bytes: 6 }");
        let mut buffer = RequestBuffer::new();
        buffer.path.push_str("SECRET");
        assert_eq!(format!("{buffer:?}"), "RequestBuffer { .. }");
    }

    /// As the documentation says them.
    #[test]
    fn r7_the_longest_that_is_read() {
        assert_eq!((REPLY_MAX, post::POST_MAX), (65_536, 32_768));
    }

    #[test]
    fn a_method_goes_with_a_body_or_without() {
        for (method, word, body) in [
            (Method::Post, "POST", &b"{}"[..]),
            (Method::Put, "PUT", b"{}"),
            (Method::Get, "GET", b""),
            (Method::Delete, "DELETE", b""),
        ] {
            let request = Request::trial("/", &[], b"{}").unwrap().by(method);
            assert_eq!((request.method(), request.method().as_str(), request.body()), (method, word, body));
        }
    }

    #[test]
    fn a_trial_has_eight_headers_at_most() {
        let headers = [("x", "1"); 9];
        let request = Request::trial("/", &headers[..8], b"").unwrap();
        assert!(request.headers().eq(headers[..8].iter().copied()));
        assert!(Request::trial("/", &headers, b"").is_none());
    }
}
