//! Request signatures (spec A.2), and the keyed mark of an authorisation (R3).

use alloc::boxed::Box;
use core::fmt;

use arrayvec::ArrayString;
use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::values::{AuthorizationId, ChannelId, HASH, Mark, Secret, hex_digits, off_the_stack};

/// Whoever holds the secret key: [`HmacSha256`], or an HSM behind one method.
pub trait Sign {
    /// HMAC-SHA256 over the parts, one after the other with nothing between.
    ///
    /// # Errors
    /// When there is no signature; the request is then never sent.
    fn sign(&self, parts: &[&[u8]]) -> Result<[u8; 32], SignError>;
}

/// Why nothing was signed, in words that name no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not signed: {0}")]
pub struct SignError(pub Box<str>);

/// The signer with the key in this process. The key is used as it is; KICC's sample takes its UTF-8 bytes
/// (spec A.2).
pub struct HmacSha256(Box<Hmac<Sha256>>);

impl HmacSha256 {
    /// A signer that was keyed once. Any length of key will do.
    #[must_use]
    pub fn new(key: &Secret) -> Self {
        let keyed = || Hmac::new_from_slice(key.expose()).expect("an HMAC takes keys of every length");
        Self(off_the_stack::<HASH, _>(|| Box::new(keyed())))
    }
}

impl Sign for HmacSha256 {
    fn sign(&self, parts: &[&[u8]]) -> Result<[u8; 32], SignError> {
        Ok(off_the_stack::<HASH, _>(|| {
            let mut mac = self.0.as_ref().clone();
            for part in parts {
                mac.update(part);
            }
            mac.finalize().into_bytes().into()
        }))
    }
}

impl fmt::Debug for HmacSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha256(..)")
    }
}

/// The value of `X-KICC-Authorization`: standard Base64, padded, of the MAC over channel id, path, timestamp,
/// nonce and body without separators (spec A.2). Each is the very text that is sent: the path without scheme
/// and host, the timestamp in decimal milliseconds, the body byte for byte.
///
/// # Errors
/// The signer's.
pub fn request_signature(
    signer: &(impl Sign + ?Sized),
    channel: &ChannelId,
    path: &str,
    timestamp: &str,
    nonce: &str,
    body: &[u8],
) -> Result<ArrayString<44>, SignError> {
    let parts = [channel.as_str(), path, timestamp, nonce].map(str::as_bytes);
    let [channel, path, timestamp, nonce] = parts;
    let mac = signer.sign(&[channel, path, timestamp, nonce, body])?;
    let mut space = [0; 44];
    let text = Base64::encode(&mac, &mut space).ok().and_then(|text| ArrayString::from(text).ok());
    text.ok_or_else(|| SignError("32 bytes take 44 characters of Base64, but did not fit".into()))
}

/// What makes a request unique (`X-KICC-Nonce`, spec A.2): 16 bytes of the caller's randomness, fresh for
/// every message, a repeated one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 16]);

impl Nonce {
    /// A UUID of version 4 in lower case; six of the bits say so, the other 122 are the caller's.
    #[must_use]
    pub fn to_text(self) -> ArrayString<36> {
        let mut bytes = self.0;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = [b'-'; 36];
        for (at, byte) in bytes.iter().enumerate() {
            let dashes = [4, 6, 8, 10].into_iter().filter(|dash| at >= *dash).count();
            text[2 * at + dashes..][..2].copy_from_slice(&hex_digits(*byte));
        }
        // ASCII of just that length.
        ArrayString::from_byte_string(&text).unwrap_or_default()
    }
}

/// What stands for an authorisation in the journal, so that it is spent once (R3): a mark from which without the key
/// nobody can tell the id.
///
/// # Errors
/// The signer's.
pub fn authorisation_mark(signer: &(impl Sign + ?Sized), id: &AuthorizationId) -> Result<Mark, SignError> {
    signer.sign(&[b"kicc authorisation mark\0", id.expose().as_bytes()]).map(|mac| Mark::of(&mac))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r23_debug_shows_no_secret_and_the_key_is_wiped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        // An HMAC has no such mark, but holds nothing else: two states of the hash, and its buffer.
        wiped::<Sha256>();
        let signer = HmacSha256::new(&Secret::from_utf8("hunter2"));
        assert_eq!(format!("{signer:?}"), "HmacSha256(..)");
        assert_eq!(size_of::<HmacSha256>(), size_of::<usize>());
    }

    #[test]
    fn rfc_4231() {
        // Test cases 2 and 6: a short key, and one longer than a block.
        let mac = HmacSha256::new(&Secret::from_utf8("Jefe"))
            .sign(&[b"what do ya want ", b"for nothing?"])
            .unwrap();
        assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let mac = HmacSha256::new(&Secret::new(&[0xaa; 131]))
            .sign(&[b"Test Using Larger Than Block-Size Key - Hash Key First"])
            .unwrap();
        assert_eq!(hex(&mac), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn a_mark_is_keyed_and_never_changes() {
        let mark = |key: &str, id: &str| {
            authorisation_mark(&HmacSha256::new(&Secret::from_utf8(key)), &AuthorizationId::new(id).unwrap())
                .unwrap()
        };
        // Worked out apart with Python's hmac.
        assert_eq!(mark("secret-0-", "AUTH_ABC123").as_str(), "668635b5ba62026358f1d17bf0dab542");
        assert_ne!(mark("secret-1-", "AUTH_ABC123"), mark("secret-0-", "AUTH_ABC123"));
        assert_ne!(mark("secret-0-", "AUTH_ABC124"), mark("secret-0-", "AUTH_ABC123"));
    }

    #[test]
    fn a_nonce_is_a_uuid_of_version_4() {
        assert_eq!(&*Nonce([0; 16]).to_text(), "00000000-0000-4000-8000-000000000000");
        assert_eq!(&*Nonce([0xff; 16]).to_text(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let ascending = core::array::from_fn(|i| i as u8);
        assert_eq!(&*Nonce(ascending).to_text(), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    proptest! {
        #[test]
        fn where_a_message_is_parted_makes_no_difference(message: [u8; 32], at in 0..32_usize) {
            let signer = HmacSha256::new(&Secret::from_utf8("key"));
            let (a, b) = message.split_at(at);
            prop_assert_eq!(signer.sign(&[a, b]).unwrap(), signer.sign(&[&message]).unwrap());
        }
    }
}
