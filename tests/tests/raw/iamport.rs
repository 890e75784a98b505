//! i'mport's part of the client: a token, methods other than POST, JSON and forms.

use std::time::Duration;

use kicc_testkit::van::Van;
use serde_json::{Value, json};

use super::{Got, send};

pub const AGAIN: &str = "/subscribe/payments/again";
pub const CANCEL: &str = "/payments/cancel";
pub const PREPARE: &str = "/payments/prepare";
pub const TOKEN: &str = "/users/getToken";

/// A request with these further header lines, given up after 300 ms of silence.
pub fn call(van: &Van, method: &str, path: &str, headers: &[&str], body: Option<(&str, &str)>) -> Got {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", van.addr());
    for line in headers {
        head += &format!("{line}\r\n");
    }
    let (content_type, body) = body.unwrap_or_default();
    if !content_type.is_empty() {
        head += &format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
    }
    send(van.addr(), format!("{head}\r\n{body}").as_bytes(), Duration::from_millis(300))
}

pub fn post_json(van: &Van, path: &str, body: &Value) -> Got {
    call(van, "POST", path, &[&bearer(van)], Some(("application/json", &body.to_string())))
}

pub fn post_form(van: &Van, path: &str, body: &str) -> Got {
    call(van, "POST", path, &[&bearer(van)], Some(("application/x-www-form-urlencoded", body)))
}

pub fn get(van: &Van, path: &str) -> Got {
    call(van, "GET", path, &[&bearer(van)], None)
}

/// All payments of an order, those of a test channel too.
pub fn find_all(van: &Van, number: &str) -> Got {
    get(van, &format!("/payments/findAll/{number}?include_sandbox=true"))
}

/// The line of the `Authorization` header.
pub fn bearer(van: &Van) -> String {
    format!("Authorization: Bearer {}", token(van)["access_token"].as_str().unwrap_or_default())
}

/// The answer of `getToken`.
pub fn token(van: &Van) -> Value {
    token_with(van, "sandbox-imp-key", "sandbox-imp-secret").json()["response"].clone()
}

pub fn token_with(van: &Van, key: &str, secret: &str) -> Got {
    let body = json!({ "imp_key": key, "imp_secret": secret }).to_string();
    call(van, "POST", TOKEN, &[], Some(("application/json", &body)))
}

pub fn charge(number: &str, amount: u64) -> Value {
    json!({ "customer_uid": "CU-1", "merchant_uid": number, "amount": amount, "name": "정기결제" })
}

pub fn cancel(imp_uid: &Value, amount: u64, checksum: u64) -> Value {
    json!({ "imp_uid": imp_uid, "amount": amount, "checksum": checksum, "reason": "환불" })
}

/// Code and HTTP status.
pub fn said(got: &Got) -> (i64, u16) {
    (got.json()["code"].as_i64().unwrap_or(i64::MIN), got.status().unwrap_or(0))
}
