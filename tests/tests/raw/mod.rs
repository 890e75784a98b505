//! A client made of a plain socket: it signs, sends, and tells what came back, byte for byte.

pub mod iamport;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use kicc_testkit::van::{Van, VanConfig};
use serde_json::{Value, json};
use sha2::Sha256;

pub const APPROVE: &str = "/smpy/kiccpay/reqAprv";
pub const CANCEL: &str = "/smpy/kiccpay/reqCancel";
pub const NET_CANCEL: &str = "/smpy/kiccpay/reqRtran";

/// A VAN that waits for nobody: hangs for 2 s at most, books 60 ms late.
pub fn quick() -> VanConfig {
    VanConfig {
        hang: Duration::from_secs(2),
        late: Duration::from_millis(60),
        drip: Duration::from_micros(50),
        ..VanConfig::default()
    }
}

/// How an exchange ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    Reset,
    TimedOut,
}

/// What came back on the wire.
#[derive(Debug)]
pub struct Got {
    pub bytes: Vec<u8>,
    pub end: End,
}

impl Got {
    pub fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.bytes.get(9..12)?).ok()?.parse().ok()
    }

    pub fn body(&self) -> &[u8] {
        let at = self.bytes.windows(4).position(|part| part == b"\r\n\r\n");
        at.map_or(&[], |at| &self.bytes[at + 4..])
    }

    /// The value of a header; empty where it is not there.
    pub fn header(&self, name: &str) -> String {
        let head = &self.bytes[..self.bytes.len() - self.body().len()];
        let head = String::from_utf8_lossy(head).into_owned();
        let value = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        value.unwrap_or_default().to_owned()
    }

    /// The body in the charset that the head states; broken bytes are replaced.
    pub fn text(&self) -> String {
        let is_euc_kr = self.header("Content-Type").contains("euc-kr");
        let charset = if is_euc_kr { encoding_rs::EUC_KR } else { encoding_rs::UTF_8 };
        charset.decode_without_bom_handling(self.body()).0.into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap_or(Value::Null)
    }

    /// The result code, under either of its names.
    pub fn code(&self) -> String {
        let json = self.json();
        ["respCd", "resCd"].iter().find_map(|name| json[name].as_str()).unwrap_or_default().to_owned()
    }
}

/// A signed POST as bytes, with `connection: close`.
pub fn signed(path: &str, body: &[u8]) -> Vec<u8> {
    static NONCE: AtomicU64 = AtomicU64::new(1);
    signed_with(
        path,
        body,
        &format!("nonce-{}", NONCE.fetch_add(1, Ordering::Relaxed)),
        "sandbox-secret-key",
        "close",
    )
}

pub fn signed_with(path: &str, body: &[u8], nonce: &str, secret: &str, connection: &str) -> Vec<u8> {
    let (channel, timestamp) = ("CH_A1B2C3D4", "1701234567890");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update([channel, path, timestamp, nonce].concat().as_bytes());
    mac.update(body);
    let signature = Base64::encode_string(&mac.finalize().into_bytes());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: van\r\nContent-Type: application/json; charset=utf-8\r\n\
         X-KICC-ChannelId: {channel}\r\nX-KICC-Timestamp: {timestamp}\r\nX-KICC-Nonce: {nonce}\r\n\
         X-KICC-Authorization: {signature}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends bytes and reads until the end, or gives up after `patience` without a byte.
pub fn send(addr: SocketAddr, bytes: &[u8], patience: Duration) -> Got {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(bytes).unwrap();
    read_all(&mut stream, patience)
}

pub fn read_all(stream: &mut TcpStream, patience: Duration) -> Got {
    stream.set_read_timeout(Some(patience)).unwrap();
    let (mut bytes, mut part) = (Vec::new(), [0; 8192]);
    let end = loop {
        match stream.read(&mut part) {
            Ok(0) => break End::Closed,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break End::TimedOut;
            }
            Err(_) => break End::Reset,
        }
    };
    Got { bytes, end }
}

/// A signed POST, given up after 300 ms of silence.
pub fn post(van: &Van, path: &str, body: &Value) -> Got {
    send(van.addr(), &signed(path, body.to_string().as_bytes()), Duration::from_millis(300))
}

pub fn get(van: &Van, path: &str) -> Got {
    let request = format!("GET {path} HTTP/1.1\r\nHost: van\r\nConnection: close\r\n\r\n");
    send(van.addr(), request.as_bytes(), Duration::from_secs(2))
}

/// A POST without a signature, of JSON in EUC-KR, given up after 300 ms of silence.
pub fn post_euc_kr(van: &Van, path: &str, body: &Value) -> Got {
    let text = body.to_string();
    let (bytes, _, unmappable) = encoding_rs::EUC_KR.encode(&text);
    assert!(!unmappable, "{text}");
    send(
        van.addr(),
        &plain(van, path, "application/json; charset=euc-kr", &bytes),
        Duration::from_millis(300),
    )
}

/// A POST without a signature, as bytes.
pub fn plain(van: &Van, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        van.addr(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The documentation's approval (spec A.5) under another number and amount.
pub fn approval(number: &str, amount: u64) -> Value {
    json!({
        "tid": "T123456789", "svcId": "SVC_SIMPLE", "bizrNo": "1234567890", "mercTrxNo": number,
        "tokenKey": "TOKEN_ABC123XYZ...", "alotMonth": "00", "trxAmt": amount, "vatAmt": amount / 11, "svcAmt": 0,
        "taxFreeAmt": 0, "tranDt": "20231225", "tranTm": "120000", "userData": "User_001"
    })
}

/// The net-cancel of [`approval`].
pub fn net_cancel(number: &str, amount: u64) -> Value {
    let mut body = approval(number, amount);
    body.as_object_mut().unwrap().retain(|name, _| name != "taxFreeAmt" && name != "userData");
    body
}

/// The cancel of an approval that was answered so.
pub fn cancel(own: &str, wcc: &str, answer: &Value, amount: u64) -> Value {
    json!({
        "tid": "T123456789", "svcId": "SVC_SIMPLE", "bizrNo": "1234567890", "mercTrxNo": own, "wcc": wcc,
        "cndTrxNo": answer[if wcc == "T" { "vanTrxNo" } else { "mercTrxNo" }], "alotMonth": "00", "trxAmt": amount,
        "vatAmt": amount / 11, "svcAmt": 0, "tranDt": "20231226", "tranTm": "100000",
        "orgAprvDt": answer["aprvDt"], "orgAprvNo": answer["aprvNo"]
    })
}

/// Waits until it holds; panics after 3 s.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("not within 3 s: {what}");
}
