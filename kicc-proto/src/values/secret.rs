use alloc::{string::String, vec::Vec};
use core::fmt;

use subtle::ConstantTimeEq as _;

use super::wiped::wipe;

/// Secret bytes, such as a key (R23): never printed, compared in constant time, wiped on drop, and behind one
/// heap pointer, so that moving them leaves no copy behind.
#[derive(Clone, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A copy of these bytes. The caller's own copy is the caller's to wipe; `Secret::from` a `Vec` or
    /// `String` does.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// A text as its UTF-8 bytes, which is how KICC's sample uses a secret key (spec A.2).
    #[must_use]
    pub fn from_utf8(text: &str) -> Self {
        Self::new(text.as_bytes())
    }

    /// The bytes, to be used and not kept.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0, 0);
    }
}

impl zeroize::ZeroizeOnDrop for Secret {}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString as _};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r23_debug_shows_no_secret() {
        let secret = Secret::from_utf8("hunter2");
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(..) Secret(..)");
        assert_eq!(size_of::<Secret>(), size_of::<Vec<u8>>());
    }

    #[test]
    fn r23_secrets_are_wiped_on_drop() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<Secret>();
    }

    proptest! {
        #[test]
        fn secrets_are_equal_as_their_bytes_are(a in ".{0,4}", b in ".{0,4}") {
            prop_assert_eq!(Secret::from_utf8(&a) == Secret::from(b.to_string()), a == b);
            let made = Secret::from(a.clone().into_bytes());
            prop_assert_eq!(made.expose(), a.as_bytes());
            prop_assert_eq!(Secret::new(a.as_bytes()).clone(), Secret::from_utf8(&a));
        }
    }
}
