//! Memory that held a secret, and is wiped (R23): also what a buffer leaves behind where it grows, and the stack below a
//! cipher.

use alloc::{string::String, vec::Vec};
use core::{
    hint::black_box,
    mem::take,
    ops::{Deref, DerefMut},
};

use serde::Serialize;
use zeroize::optimization_barrier;

use super::Secret;

/// Above every message that holds a secret: the longest is an approval with 128 bytes of token key and 512 of user data.
const MESSAGE_MAX: usize = 2 * 1024;
/// Measured: AES-256 takes more than four KiB of stack here, and less than eight.
pub(crate) const CIPHER: usize = 8 * 1024;
/// Measured: SHA-256 and its HMAC take less than half of it.
pub(crate) const HASH: usize = 2 * 1024;
/// Measured in optimised code: CRC-32 takes less than half of it, where the processor does 64 or 256 bytes at a time.
pub(crate) const SUM: usize = 1024;

/// Writes over all that a place holds or has held behind its first bytes, which stay: many bytes at once, where `Zeroize`
/// takes them one by one.
pub(crate) fn wipe(bytes: &mut Vec<u8>, first: usize) {
    bytes.truncate(first);
    bytes.resize(bytes.capacity(), 0);
    optimization_barrier(bytes.as_slice());
    bytes.truncate(first);
}

/// [`wipe`] for a text, whose place is given back.
pub(crate) fn wipe_text(text: &mut String) {
    let mut bytes = take(text).into_bytes();
    wipe(&mut bytes, 0);
    // Empty, so that there is nothing to check.
    *text = String::from_utf8(bytes).unwrap_or_default();
}

/// Serialises behind what `out` holds: strings, numbers and named variants only, so that none of serde_json's errors can
/// arise. Where `out` grows, or without std, copies are left behind.
pub(crate) fn append_json(out: &mut Vec<u8>, message: &impl Serialize) {
    #[cfg(feature = "std")]
    let _ = message.serialize(&mut serde_json::Serializer::new(out));
    #[cfg(not(feature = "std"))]
    out.extend_from_slice(&serde_json::to_vec(message).unwrap_or_default());
}

/// A message as JSON, of exactly its size. It is written where none of ours need grow, since growth leaves copies behind;
/// without std serde_json writes to a place of its own, and does.
pub(crate) fn json(message: &impl Serialize) -> Bytes {
    let mut space = Bytes::with_room(MESSAGE_MAX);
    append_json(&mut space, message);
    Bytes(space.to_vec())
}

/// A buffer that is used again and again: wiped when it is cleared, too.
#[derive(Default)]
pub(crate) struct Bytes(Vec<u8>);

impl Bytes {
    /// An empty one with room for so many bytes.
    pub fn with_room(bytes: usize) -> Self {
        Bytes(Vec::with_capacity(bytes))
    }

    /// Empties it, with room for one message of ours.
    pub fn clear(&mut self) {
        wipe(&mut self.0, 0);
        // Nothing is in it that a larger place could leave behind.
        self.0.reserve(MESSAGE_MAX);
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(bytes)
    }
}

impl From<Bytes> for Secret {
    fn from(mut bytes: Bytes) -> Self {
        take(&mut bytes.0).into()
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        wipe(&mut self.0, 0);
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

/// Does the work, and then writes over the `STACK` bytes of stack that it used: ciphers and MACs are moved inside their
/// crates, and each move leaves a copy of a key or of what was enciphered; sums are made in registers that are put there.
#[inline(never)]
pub(crate) fn off_the_stack<const STACK: usize, T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    write_over::<STACK>();
    result
}

#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn write_over<const STACK: usize>() {
    black_box(&mut [0u8; STACK]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R23: the whole place, also beyond what it holds now.
    #[test]
    fn r23_what_a_place_has_held_is_written_over() {
        let mut text = String::from("hunter2, and more");
        text.truncate(3);
        let place = text.as_ptr();
        wipe_text(&mut text);
        assert!(text.is_empty() && text.as_ptr() == place);
        let mut bytes = text.into_bytes();
        bytes.resize(17, 1);
        bytes.truncate(3);
        wipe(&mut bytes, 2);
        // What lies behind can only be seen by growing into it, which writes it anew.
        assert_eq!(bytes, [1; 2]);
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
