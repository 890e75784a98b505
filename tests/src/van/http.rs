//! HTTP/1.1 as far as a VAN needs it. Requests are read whole before anything acts on them; replies are written byte
//! by byte as they were given, since the faults live there.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// The longest request head that is read, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// The longest request body that is read, in bytes; a merchant's book may be long.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// A whole request.
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query, if there is one.
    pub(crate) path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) keep_alive: bool,
}

impl Request {
    /// The value of a header; `None` also where it comes twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }
}

/// What a connection brought.
pub(crate) enum Incoming {
    Request(Request),
    /// Closed between requests.
    Closed,
    /// Closed, or silent for too long, in the middle of a request. Nobody acts on it.
    Partial,
    /// A TLS hello.
    Tls,
    /// No request that we read.
    Bad(u16),
}

/// A reply, before a fault gets at it.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(body: Vec<u8>) -> Self {
        Self { status: 200, content_type: "application/json; charset=utf-8", location: None, body }
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", location: None, body: text.into() }
    }

    /// The whole response with a content length.
    pub(crate) fn to_bytes(&self, keep_alive: bool) -> Vec<u8> {
        let mut bytes = self.head(&format!("Content-Length: {}\r\n", self.body.len()), keep_alive);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The response in chunks, with or without the last one that ends it.
    pub(crate) fn to_chunks(&self, ended: bool) -> Vec<u8> {
        let mut bytes = self.head("Transfer-Encoding: chunked\r\n", false);
        for part in self.body.chunks(self.body.len() / 2 + 1) {
            bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(if ended { b"0\r\n\r\n" } else { b"" });
        bytes
    }

    /// The response whose body ends where the connection does.
    pub(crate) fn to_bytes_until_close(&self) -> Vec<u8> {
        let mut bytes = self.head("", false);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn head(&self, framing: &str, keep_alive: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            207 => "Multi-Status",
            302 => "Found",
            303 => "See Other",
            307 => "Temporary Redirect",
            400 => "Bad Request",
            401 => "Unauthorized",
            404 => "Not Found",
            411 => "Length Required",
            413 => "Content Too Large",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            _ => "Unlisted",
        };
        let location = self.location.iter().map(|to| format!("Location: {to}\r\n")).collect::<String>();
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let Self { status, content_type, .. } = self;
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\n{location}{framing}Connection: {connection}\r\n\r\n"
        )
        .into_bytes()
    }
}

/// What goes back on the wire.
pub(crate) enum Answer {
    /// The reply as it should be; the connection may be used again.
    Reply(Reply),
    /// The reply, a byte at a time.
    Drip(Reply),
    /// These bytes, whatever they are, then the end of the connection.
    Bytes(Vec<u8>),
    /// Nothing: the connection is reset.
    Reset,
    /// Nothing: the connection stays until the client gives up or the time is over; then this is done.
    Hang(Option<Box<dyn FnOnce() + Send>>),
}

/// The server's side of one connection.
pub(crate) struct Connection {
    stream: Arc<TcpStream>,
    read: Vec<u8>,
}

impl Connection {
    /// `patience` bounds every single read and write.
    pub(crate) fn new(stream: Arc<TcpStream>, patience: Duration) -> Self {
        // A socket that refuses its options is already broken, and the next read says so.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_read_timeout(Some(patience));
        let _ = stream.set_write_timeout(Some(patience));
        Self { stream, read: Vec::new() }
    }

    /// The next request, whole.
    pub(crate) fn next(&mut self) -> Incoming {
        loop {
            if self.read.first() == Some(&0x16) {
                return Incoming::Tls;
            }
            match parse(&self.read) {
                Parsed::Whole(request, used) => {
                    self.read.drain(..used);
                    return Incoming::Request(request);
                }
                Parsed::Bad(status) => return Incoming::Bad(status),
                Parsed::More => {}
            }
            let mut part = [0; 4096];
            match (&*self.stream).read(&mut part) {
                Ok(count) if count > 0 => self.read.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ if self.read.is_empty() => return Incoming::Closed,
                _ => return Incoming::Partial,
            }
        }
    }

    /// Writes all of it, if the client still listens.
    pub(crate) fn write(&self, bytes: &[u8]) -> bool {
        (&*self.stream).write_all(bytes).is_ok()
    }

    /// Writes a byte at a time, with a gap after each.
    pub(crate) fn drip(&self, bytes: &[u8], gap: Duration) -> bool {
        bytes.iter().all(|byte| {
            let written = self.write(&[*byte]);
            std::thread::sleep(gap);
            written
        })
    }

    /// Returns when the client has gone, or after this time.
    pub(crate) fn wait_for_its_end(&self, at_most: Duration) {
        let until = Instant::now() + at_most;
        let mut part = [0; 512];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match (&*self.stream).read(&mut part) {
                Ok(count) if count > 0 => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }

    /// Makes the close, which the caller's drop is, a reset.
    pub(crate) fn reset_on_close(&self) {
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
    }
}

enum Parsed {
    Whole(Request, usize),
    More,
    Bad(u16),
}

fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut head = httparse::Request::new(&mut headers);
    let body_at = match head.parse(bytes) {
        Ok(httparse::Status::Complete(at)) if at <= HEAD_MAX => at,
        Ok(httparse::Status::Partial) if bytes.len() <= HEAD_MAX => return Parsed::More,
        _ => return Parsed::Bad(400),
    };
    let text = |header: &httparse::Header<'_>| String::from_utf8_lossy(header.value).trim().to_owned();
    let mut request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        path: head.path.unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header))).collect(),
        body: Vec::new(),
        keep_alive: head.version == Some(1),
    };
    request.keep_alive &=
        !request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let length = match request.header("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) if length <= BODY_MAX => length,
        Some(Ok(_)) => return Parsed::Bad(413),
        Some(Err(_)) => return Parsed::Bad(400),
        None if ["GET", "DELETE"].contains(&request.method.as_str()) => 0,
        None => return Parsed::Bad(411),
    };
    match bytes.get(body_at..body_at + length) {
        Some(body) => {
            request.body = body.to_vec();
            Parsed::Whole(request, body_at + length)
        }
        None => Parsed::More,
    }
}
