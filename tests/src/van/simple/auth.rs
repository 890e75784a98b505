//! The signature headers (spec A.2), checked apart from the code that writes them.

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::van::http::Request;
use crate::van::{SecretKey, Shared};

/// Says why a request is not authentic. A nonce that was used before is a violation, but no refusal: the documentation
/// does not say what KICC does.
pub(super) fn check(shared: &Shared, request: &Request) -> Result<(), &'static str> {
    let channel = request.header("x-kicc-channelid").ok_or("X-KICC-ChannelId is missing")?;
    let timestamp = request.header("x-kicc-timestamp").ok_or("X-KICC-Timestamp is missing")?;
    let nonce = request.header("x-kicc-nonce").ok_or("X-KICC-Nonce is missing")?;
    let signature = request.header("x-kicc-authorization").ok_or("X-KICC-Authorization is missing")?;
    let key = key_of(shared, channel).ok_or("X-KICC-ChannelId is not known")?;
    if timestamp.len() != 13 || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("X-KICC-Timestamp is not in milliseconds");
    }
    let parts = [channel, request.path.as_str(), timestamp, nonce].map(str::as_bytes);
    if !is_signed(key, &parts, &request.body, signature) {
        return Err("the signature does not fit");
    }
    let mut books = shared.books();
    if !books.nonce_is_fresh(nonce) {
        books.violation(format!("{}: a nonce was used before", request.path));
    }
    Ok(())
}

fn key_of<'a>(shared: &'a Shared, channel: &str) -> Option<&'a SecretKey> {
    let config = &shared.config;
    let others = config.other_channels.iter().map(|(id, key)| (id, key));
    let mut channels = [(&config.channel_id, &config.secret_key)].into_iter().chain(others);
    channels.find(|(id, _)| *id == channel).map(|(_, key)| key)
}

fn is_signed(key: &SecretKey, parts: &[&[u8]], body: &[u8], signature: &str) -> bool {
    let (Ok(mut mac), Ok(tag)) =
        (Hmac::<Sha256>::new_from_slice(key.0.as_bytes()), Base64::decode_vec(signature))
    else {
        return false;
    };
    for part in parts {
        mac.update(part);
    }
    mac.update(body);
    mac.verify_slice(&tag).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vector {
        channel_id: String,
        request_uri: String,
        timestamp: String,
        nonce: String,
        secret_key: String,
        body: String,
        signature: String,
    }

    /// Computed with Python's `hmac`, apart from this project.
    #[test]
    fn the_signature_vectors_fit_and_nothing_near_them_does() {
        let vectors: Vec<Vector> = serde_json::from_str(include_str!("signature_vectors.json")).unwrap();
        assert!(!vectors.is_empty());
        for vector in &vectors {
            let key = SecretKey::from(vector.secret_key.as_str());
            let parts = [&vector.channel_id, &vector.request_uri, &vector.timestamp, &vector.nonce];
            let parts = parts.map(|part| part.as_bytes());
            let body = vector.body.as_bytes();
            assert!(is_signed(&key, &parts, body, &vector.signature));
            assert!(!is_signed(&key, &parts, &[body, b" "].concat(), &vector.signature));
            assert!(!is_signed(&"other".into(), &parts, body, &vector.signature));
            assert!(!is_signed(&key, &parts, body, vector.signature.trim_end_matches('=')));
            assert!(!is_signed(&key, &parts, body, ""));
        }
    }
}
