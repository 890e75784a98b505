//! From the authorisation id to the token key (spec A.4).
//!
//! **Confirm with KICC.** The page says "AES256" and no more: mode, key, IV, padding and output are not public.
//! [`Aes256Cbc`] is what the field lengths favour; any other cipher plugs in by [`EncryptTokenKey`], and a
//! finished [`TokenKey`] is always accepted.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use aes::{
    Aes256,
    cipher::{
        BlockModeEncrypt as _, KeyIvInit as _,
        block_padding::{Padding, Pkcs7},
    },
};
use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use crate::values::{AuthorizationId, CIPHER, Invalid, Problem, Secret, TokenKey, hex_digits, off_the_stack};

/// A cipher for the token key. It is asked once per payment: the record keeps what it said, and a net-cancel
/// repeats that (R10).
pub trait EncryptTokenKey {
    /// The token key of this authorisation.
    ///
    /// # Errors
    /// When there is none; nothing is then recorded or sent.
    fn encrypt(&self, id: &AuthorizationId) -> Result<TokenKey, TokenKeyError>;
}

/// Why there is no token key, in words that name no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no token key: {0}")]
pub struct TokenKeyError(pub Box<str>);

/// How the ciphertext is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Output {
    /// Hexadecimal digits in lower case: 60 bytes of id give exactly the 128 that the field holds.
    #[default]
    Hex,
    /// Standard Base64 with padding.
    Base64,
}

/// AES-256-CBC with PKCS#7 padding under one key and IV. Confirm with KICC (see the [module](self)).
pub struct Aes256Cbc {
    key: Secret,
    iv: Secret,
    output: Output,
}

impl Aes256Cbc {
    /// A cipher of a key of 32 bytes and an IV of 16.
    ///
    /// # Errors
    /// Another length.
    pub fn new(key: &Secret, iv: &Secret, output: Output) -> Result<Self, Invalid> {
        for (field, bytes, expected) in [("token key's key", key, 32), ("token key's IV", iv, 16)] {
            let got = bytes.expose().len();
            if got != expected {
                return Err(Problem::WrongLength { expected, got }.of(field));
            }
        }
        Ok(Self { key: key.clone(), iv: iv.clone(), output })
    }
}

impl EncryptTokenKey for Aes256Cbc {
    fn encrypt(&self, id: &AuthorizationId) -> Result<TokenKey, TokenKeyError> {
        let (key, iv, id) = (self.key.expose(), self.iv.expose(), id.expose().as_bytes());
        let ciphertext = off_the_stack::<CIPHER, _>(|| cbc::<Pkcs7>(key, iv, id))?;
        let text = Zeroizing::new(match self.output {
            Output::Hex => hexadecimal(&ciphertext),
            Output::Base64 => Base64::encode_string(&ciphertext),
        });
        TokenKey::new(&text).map_err(|invalid| TokenKeyError(alloc::format!("{}", invalid.problem).into()))
    }
}

impl fmt::Debug for Aes256Cbc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aes256Cbc").field("output", &self.output).finish_non_exhaustive()
    }
}

fn cbc<P: Padding>(key: &[u8], iv: &[u8], plaintext: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenKeyError> {
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(key, iv)
        .map_err(|_| TokenKeyError("key or IV has another length".into()))?;
    Ok(Zeroizing::new(cipher.encrypt_padded_vec::<P>(plaintext)))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    bytes.iter().flat_map(|byte| hex_digits(*byte)).for_each(|digit| text.push(digit.into()));
    text
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use aes::cipher::{BlockModeDecrypt as _, block_padding::NoPadding};
    use proptest::prelude::*;

    use super::*;

    /// NIST SP 800-38A, F.2.5 and F.2.6.
    const KEY: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    const IV: &str = "000102030405060708090a0b0c0d0e0f";
    const PLAINTEXT: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                             30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    const CIPHERTEXT: &str = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d\
                              39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b";

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    fn decryptor() -> cbc::Decryptor<Aes256> {
        cbc::Decryptor::new_from_slices(&bytes(KEY), &bytes(IV)).unwrap()
    }

    fn cipher(output: Output) -> Aes256Cbc {
        Aes256Cbc::new(&bytes(KEY).into(), &bytes(IV).into(), output).unwrap()
    }

    #[test]
    fn nist_sp_800_38a_cbc_aes256() {
        let encrypted = cbc::<NoPadding>(&bytes(KEY), &bytes(IV), &bytes(PLAINTEXT)).unwrap();
        assert_eq!(*encrypted, bytes(CIPHERTEXT));
        assert_eq!(decryptor().decrypt_padded_vec::<NoPadding>(&encrypted).unwrap(), bytes(PLAINTEXT));
    }

    #[test]
    fn both_outputs() {
        let id = AuthorizationId::new("AUTH_ABC123").unwrap();
        // Worked out apart with OpenSSL.
        assert_eq!(cipher(Output::Hex).encrypt(&id).unwrap().expose(), "541c7168a4621fc0a7c7ef4265c4f5d9");
        assert_eq!(cipher(Output::Base64).encrypt(&id).unwrap().expose(), "VBxxaKRiH8Cnx+9CZcT12Q==");
        assert_eq!(Output::default(), Output::Hex);
    }

    #[test]
    fn the_longest_id_fits() {
        let longest = AuthorizationId::new(&"x".repeat(60)).unwrap();
        for (output, len) in [(Output::Hex, 128), (Output::Base64, 88)] {
            assert_eq!(cipher(output).encrypt(&longest).unwrap().expose().len(), len);
        }
    }

    #[test]
    fn key_and_iv_have_one_length() {
        let (key, iv, short) = (Secret::new(&[0; 32]), Secret::new(&[0; 16]), Secret::new(&[0; 15]));
        assert!(Aes256Cbc::new(&key, &iv, Output::Hex).is_ok());
        let problem = Problem::WrongLength { expected: 32, got: 16 };
        assert_eq!(Aes256Cbc::new(&iv, &iv, Output::Hex).unwrap_err(), problem.of("token key's key"));
        let problem = Problem::WrongLength { expected: 16, got: 15 };
        assert_eq!(Aes256Cbc::new(&key, &short, Output::Hex).unwrap_err(), problem.of("token key's IV"));
    }

    #[test]
    fn r23_debug_shows_no_secret_and_keys_are_wiped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<cbc::Encryptor<Aes256>>();
        assert_eq!(format!("{:?}", cipher(Output::Hex)), "Aes256Cbc { output: Hex, .. }");
    }

    proptest! {
        #[test]
        fn every_id_can_be_read_back(text in "[!-~]{1,60}") {
            let id = AuthorizationId::new(&text).unwrap();
            let hex = cipher(Output::Hex).encrypt(&id).unwrap();
            let plaintext = decryptor().decrypt_padded_vec::<Pkcs7>(&bytes(hex.expose())).unwrap();
            prop_assert_eq!(String::from_utf8(plaintext).unwrap(), text);
            let base64 = cipher(Output::Base64).encrypt(&id).unwrap();
            prop_assert_eq!(Base64::decode_vec(base64.expose()).unwrap(), bytes(hex.expose()));
            prop_assert_eq!(cipher(Output::Hex).encrypt(&id).unwrap(), hex);
        }
    }
}
