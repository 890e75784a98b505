//! Request signatures that were made elsewhere, with Python's `hmac` (spec A.2).

use kicc_proto::{
    values::{ChannelId, Secret},
    wire::sign::{HmacSha256, request_signature},
};

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

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors/signature.json")).unwrap()
}

fn sign(v: &Vector) -> String {
    let signer = HmacSha256::new(&Secret::from_utf8(&v.secret_key));
    let channel = ChannelId::new(&v.channel_id).unwrap();
    let body = v.body.as_bytes();
    request_signature(&signer, &channel, &v.request_uri, &v.timestamp, &v.nonce, body)
        .unwrap()
        .as_str()
        .to_owned()
}

#[test]
fn signatures_are_those_of_the_vectors() {
    let vectors = vectors();
    assert!(vectors.len() >= 7, "only {} vectors", vectors.len());
    for (i, vector) in vectors.iter().enumerate() {
        assert_eq!(sign(vector), vector.signature, "vector {i}");
    }
}

#[test]
fn every_part_is_signed() {
    let alterations: [fn(&mut Vector); 6] = [
        |v| v.channel_id.push('0'),
        |v| v.request_uri.push('/'),
        |v| v.timestamp.push('0'),
        |v| v.nonce.push('0'),
        |v| v.body.push(' '),
        |v| v.secret_key.push('x'),
    ];
    for alter in alterations {
        for mut vector in vectors() {
            alter(&mut vector);
            assert_ne!(sign(&vector), vector.signature);
        }
    }
}
