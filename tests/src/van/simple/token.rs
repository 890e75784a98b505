//! The token key (spec A.4) opened again: AES-256-CBC with PKCS #7, in hexadecimal or Base64, is what we assume.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64ct::{Base64, Encoding};

use crate::van::{Shared, TokenCipher};

/// Does the token key hold an authorisation id that a window gave? Always, where no cipher is configured.
pub(super) fn is_issued(shared: &Shared, token_key: &str) -> bool {
    let Some(cipher) = &shared.config.token_key else { return true };
    open(cipher, token_key).is_some_and(|id| shared.windows().knows(&id))
}

fn open(cipher: &TokenCipher, token_key: &str) -> Option<String> {
    let sealed = hexadecimal(token_key).or_else(|| Base64::decode_vec(token_key).ok())?;
    let decryptor = cbc::Decryptor::<Aes256>::new((&*cipher.key).into(), (&*cipher.iv).into());
    String::from_utf8(decryptor.decrypt_padded_vec::<Pkcs7>(&sealed).ok()?).ok()
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    digits
        .filter(|digits| digits.len() % 2 == 0)
        .map(|digits| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `openssl enc -aes-256-cbc`, apart from this project.
    #[test]
    fn a_token_key_of_another_implementation_is_opened() {
        let key: [u8; 32] = std::array::from_fn(|at| at as u8);
        let cipher = TokenCipher::new(key, std::array::from_fn(|at| 0xF0 | at as u8));
        assert_eq!(open(&cipher, HEX).as_deref(), Some("AUTH-0001"));
        assert_eq!(open(&cipher, &HEX.to_uppercase()).as_deref(), Some("AUTH-0001"));
        assert_eq!(open(&cipher, BASE64).as_deref(), Some("AUTH-0001"));
        assert_eq!(open(&TokenCipher::new([0; 32], [0; 16]), HEX), None);
        assert_eq!(open(&cipher, "AUTH-0001"), None);
    }

    const HEX: &str = "c2ba0410d46543a6e0bb15586011bd8d";
    const BASE64: &str = "wroEENRlQ6bguxVYYBG9jQ==";
}
