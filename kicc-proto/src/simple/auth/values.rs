//! What names a customer and the customer's cards, and the proof of who that is. All of it is about a person: it is
//! not printed (R23).

use alloc::boxed::Box;
use core::fmt;

use crate::values::{Invalid, Secret, check_ascii};

macro_rules! about_a_person {
    ($(#[$doc:meta])* $name:ident, $field:literal, $limit:literal, $allowed:expr, $why:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Secret);

        impl $name {
            /// The text as KICC gave it, unchanged.
            ///
            /// # Errors
            /// Empty, too long, or a character that cannot stand there.
            pub fn new(text: &str) -> Result<Self, Invalid> {
                check_ascii(text, $limit, $allowed, $why).map_err(|problem| problem.of($field))?;
                Ok(Self(Secret::from_utf8(text)))
            }

            /// The text as it goes on the wire, to be used and not kept.
            #[must_use]
            pub fn expose(&self) -> &str {
                // The constructor lets in ASCII alone, so nothing is ever lost here.
                core::str::from_utf8(self.0.expose()).unwrap_or_default()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

about_a_person!(
    /// A customer's key (`customerKey`, spec A.3.1): 1 to 60 bytes of visible ASCII.
    CustomerKey, "customer key", 60, u8::is_ascii_graphic, "only visible ASCII, no space"
);

about_a_person!(
    /// The virtual number of one of a customer's payment methods (`easypayVirtualNo`, spec A.3.1): 1 to 60 bytes
    /// of visible ASCII.
    VirtualNumber, "virtual number", 60, u8::is_ascii_graphic, "only visible ASCII, no space"
);

about_a_person!(
    /// A customer's CI, enciphered with SEED (`certValue`, spec A.3.4): 1 to 200 hexadecimal digits. KICC's details
    /// of the cipher are not public, so a finished one is taken.
    CertValue, "certification value", 200, u8::is_ascii_hexdigit, "only hexadecimal digits"
);

/// A cipher for [`CertValue`].
pub trait EncryptCertValue {
    /// The value of this CI.
    ///
    /// # Errors
    /// When there is none; nothing is then sent.
    fn encrypt(&self, ci: &Secret) -> Result<CertValue, CertValueError>;
}

/// Why there is no certification value, in words that name no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no certification value; nothing was sent: {0}")]
pub struct CertValueError(pub Box<str>);
