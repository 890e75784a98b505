//! Memory that held a secret, and is wiped (R23): also what a buffer leaves behind where it grows, and the stack below a
//! cipher.

use alloc::vec::Vec;
use core::{
    hint::black_box,
    ops::{Deref, DerefMut},
};

use serde::Serialize;
use zeroize::{Zeroize as _, Zeroizing};

/// Above every message that holds a secret: the longest is an approval with 128 bytes of token key and 512 of user data.
const MESSAGE_MAX: usize = 2 * 1024;
/// Measured: AES-256 takes more than four KiB of stack here, and less than eight.
const STACK: usize = 8 * 1024;

/// A message as JSON, of exactly its size. It is written where none of ours need grow, since growth leaves copies behind;
/// without std serde_json writes to a place of its own, and does.
pub(crate) fn json(message: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // Strings and numbers only: none of serde_json's errors can arise.
    #[cfg(feature = "std")]
    let space = {
        let mut space = Zeroizing::new(Vec::with_capacity(MESSAGE_MAX));
        let _ = message.serialize(&mut serde_json::Serializer::new(&mut *space));
        space
    };
    #[cfg(not(feature = "std"))]
    let space = Zeroizing::new(serde_json::to_vec(message).unwrap_or_default());
    Zeroizing::new(space.to_vec())
}

/// A buffer that is used again and again: wiped when it is cleared, too.
#[derive(Default)]
pub(crate) struct Bytes(Zeroizing<Vec<u8>>);

impl Bytes {
    /// Empties it, with room for one message of ours.
    pub fn clear(&mut self) {
        self.0.zeroize();
        // Nothing is in it that a larger place could leave behind.
        self.0.reserve(MESSAGE_MAX);
    }
}

impl Deref for Bytes {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

/// Does the work, and then writes over the stack that it used: ciphers and MACs are moved inside their crates, and each
/// move leaves a copy of a key or of what was enciphered.
#[inline(never)]
pub(crate) fn off_the_stack<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    write_over();
    result
}

#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn write_over() {
    black_box(&mut [0u8; STACK]);
}

/// `serde` for a secret text that is recorded. Unescaping, serde_json leaves a copy behind; what we wrote has no escapes
/// but those of quotes, and is unescaped here.
pub(crate) mod secret_text {
    use alloc::string::String;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use serde_json::value::RawValue;
    use zeroize::Zeroizing;

    use crate::values::Secret;

    pub(crate) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        // It was made of a text.
        serializer.serialize_str(core::str::from_utf8(secret.expose()).unwrap_or_default())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        let quoted = <&RawValue>::deserialize(deserializer)?.get();
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let inner = inner.ok_or_else(|| D::Error::custom("not a text"))?;
        if inner.split(r#"\""#).any(|part| part.contains('\\')) {
            let text = serde_json::from_str::<String>(quoted);
            return text.map(Secret::from).map_err(|_| D::Error::custom("not a text"));
        }
        let mut text = Zeroizing::new(String::with_capacity(inner.len()));
        text.extend(inner.chars().filter(|character| *character != '\\'));
        Ok(Secret::from_utf8(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Secret;

    #[derive(Serialize, serde::Deserialize)]
    struct Recorded(#[serde(with = "secret_text")] Secret);

    #[test]
    fn a_secret_text_is_written_and_read_as_serde_json_does() {
        for text in ["", "plain", r#"{"a":"b"}"#, "\\\"", "\"\\", "가\n\u{7f}\0", r#"\\"\"#] {
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::to_string(&Recorded(Secret::from_utf8(text))).unwrap(), json);
            let read = serde_json::from_str::<Recorded>(&json).unwrap();
            assert_eq!(read.0.expose(), text.as_bytes(), "{json}");
        }
        assert_eq!(serde_json::from_str::<Recorded>(r#""\u0041""#).unwrap().0.expose(), b"A");
        for bad in ["1", "null", "[]", r#""\x""#, "\"\n\""] {
            assert!(serde_json::from_str::<Recorded>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn r23_a_buffer_is_wiped_when_it_is_cleared_and_never_grows_with_something_in_it() {
        let mut bytes = Bytes::default();
        bytes.clear();
        let place = bytes.as_ptr();
        for _ in 0..3 {
            bytes.extend_from_slice(&[b'x'; MESSAGE_MAX]);
            assert_eq!(bytes.as_ptr(), place);
            bytes.clear();
            assert!(bytes.is_empty());
            bytes.resize(MESSAGE_MAX, 0);
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.clear();
        }
    }

    #[test]
    fn a_message_is_written_as_serde_json_writes_it() {
        let message = alloc::collections::BTreeMap::from([("가\"\\", Some(1)), ("b", None)]);
        let written = json(&message);
        assert_eq!(*written, serde_json::to_vec(&message).unwrap());
        assert_eq!(written.capacity(), written.len());
    }
}
