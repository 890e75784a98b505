//! A plain HTTP client: one request, one connection.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Where it redirects to; empty if it does not.
    pub location: String,
    pub body: String,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn get(url: &str) -> io::Result<Answer> {
    exchange(&head("GET", url, "accept: */*", 0), url, b"", PATIENCE)
}

/// With another header.
pub fn get_with(url: &str, header: &str) -> io::Result<Answer> {
    exchange(&head("GET", url, header, 0), url, b"", PATIENCE)
}

pub fn post_json(url: &str, body: &serde_json::Value) -> io::Result<Answer> {
    post_json_within(url, body, PATIENCE)
}

/// Waits no longer for the answer.
pub fn post_json_within(url: &str, body: &serde_json::Value, patience: Duration) -> io::Result<Answer> {
    let body = body.to_string();
    let head = head("POST", url, "content-type: application/json", body.len());
    exchange(&head, url, body.as_bytes(), patience)
}

pub fn post_form(url: &str, fields: &[(String, String)]) -> io::Result<Answer> {
    let body = form(fields);
    exchange(&form_head(url, &body), url, body.as_bytes(), PATIENCE)
}

/// Posts it, and goes away without waiting for the answer.
pub fn post_form_and_leave(url: &str, fields: &[(String, String)]) -> io::Result<TcpStream> {
    let body = form(fields);
    send(&form_head(url, &body), url, body.as_bytes())
}

fn form_head(url: &str, body: &str) -> String {
    head("POST", url, "content-type: application/x-www-form-urlencoded", body.len())
}

fn form(fields: &[(String, String)]) -> String {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let fields = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// Host and port, and the path with its query.
fn parts(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").expect("plain http");
    let at = rest.find('/').unwrap_or(rest.len());
    (&rest[..at], if at == rest.len() { "/" } else { &rest[at..] })
}

fn head(method: &str, url: &str, header: &str, length: usize) -> String {
    let (host, path) = parts(url);
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{header}\r\ncontent-length: {length}\r\n\r\n"
    )
}

fn send(head: &str, url: &str, body: &[u8]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(parts(url).0)?;
    stream.write_all(&[head.as_bytes(), body].concat())?;
    Ok(stream)
}

fn exchange(head: &str, url: &str, body: &[u8], patience: Duration) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut stream = send(head, url, body)?;
    stream.set_read_timeout(Some(patience))?;
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case(wanted).then(|| value.to_owned())
        })
    };
    let whole = header("content-length").is_none_or(|length| length == body.len().to_string());
    if !whole {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Answer { status, location: header("location").unwrap_or_default(), body: body.to_owned() })
}
