use core::fmt;

use super::{
    Invalid, Secret,
    inline::{check_ascii, serde_as_text},
};

/// The token key of one payment (`tokenKey`, spec A.4, A.5): the authorisation id, enciphered, 1 to 128
/// visible ASCII characters without quotes and backslash. Whoever has it can pay with it once: a secret
/// (R23).
///
/// A net-cancel must carry the same one, so the record holds it: `Serialize` writes it out in full.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenKey(Secret);

impl TokenKey {
    /// A finished token key. Enciphering is [`wire::token_key`](crate::wire::token_key)'s business.
    ///
    /// # Errors
    /// Empty, longer than 128 bytes, or a character that is not visible ASCII, or a quote or backslash.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let allowed = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
        check_ascii(text, 128, allowed, "only visible ASCII, no space, quote or backslash")
            .map_err(|problem| problem.of("token key"))?;
        Ok(Self(Secret::from_utf8(text)))
    }

    /// The text as it goes on the wire, to be used and not kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        exposed(&self.0)
    }

    fn as_str(&self) -> &str {
        self.expose()
    }
}
serde_as_text!(TokenKey, TokenKey::new);

/// What the authentication window returned (`authorizationId`, spec A.3.2), before it is enciphered to a
/// [`TokenKey`]: 1 to 60 bytes of visible ASCII. Beyond ASCII its bytes would depend on a charset that no
/// page names. A secret (R23), and never recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationId(Secret);

impl AuthorizationId {
    /// An authorisation id, unchanged.
    ///
    /// # Errors
    /// Empty, longer than 60 bytes, or a character that is not visible ASCII.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        check_ascii(text, 60, u8::is_ascii_graphic, "only visible ASCII, no space")
            .map_err(|problem| problem.of("authorization id"))?;
        Ok(Self(Secret::from_utf8(text)))
    }

    /// The text, to be used and not kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        exposed(&self.0)
    }
}

/// What EasyTalkPay's payment window returned (`certControlNo`, spec B.3): 1 to 40 bytes of visible ASCII
/// without quotes and backslash. It is spent once (R3) and, as whoever has it can ask for the payment, not
/// printed (R23); it is never recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct CertControlNumber(Secret);

impl CertControlNumber {
    /// A certification control number, unchanged.
    ///
    /// # Errors
    /// Empty, longer than 40 bytes, or a character that is not visible ASCII, or a quote or backslash.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let allowed = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
        check_ascii(text, 40, allowed, "only visible ASCII, no space, quote or backslash")
            .map_err(|problem| problem.of("certification control number"))?;
        Ok(Self(Secret::from_utf8(text)))
    }

    /// The text as it goes on the wire, to be used and not kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        exposed(&self.0)
    }
}

/// All constructors let in ASCII alone, so nothing is ever lost here.
fn exposed(ascii: &Secret) -> &str {
    core::str::from_utf8(ascii.expose()).unwrap_or_default()
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

impl fmt::Debug for AuthorizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationId(..)")
    }
}

impl fmt::Debug for CertControlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertControlNumber(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r23_debug_and_errors_show_no_token() {
        let token = TokenKey::new("TOKEN_ABC123XYZ...").unwrap();
        let id = AuthorizationId::new("AUTH_ABC123").unwrap();
        assert_eq!(format!("{token:?} {id:?}"), "TokenKey(..) AuthorizationId(..)");
        let control = CertControlNumber::new("CERT_ABC123").unwrap();
        assert_eq!(format!("{control:?}"), "CertControlNumber(..)");
        let refused = CertControlNumber::new("CERT ABC").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("ABC"));
        let refused = TokenKey::new("TOKEN ABC").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("ABC"));
        let refused = serde_json::from_str::<TokenKey>(r#""TOKEN ABC""#).unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("ABC"));
    }

    proptest! {
        #[test]
        fn tokens_take_what_they_say(text in "[!-~]{0,140}|[A-Za-z0-9+/=]{0,140}|\\PC{0,12}") {
            let (len, graphic) = (text.len(), text.bytes().all(|b| b.is_ascii_graphic()));
            let token = TokenKey::new(&text);
            let plain = graphic && !text.contains(['"', '\'', '\\']);
            prop_assert_eq!(token.is_ok(), (1..=128).contains(&len) && plain);
            if let Ok(token) = token {
                prop_assert_eq!(token.expose(), &*text);
                let json = serde_json::to_string(&token).unwrap();
                prop_assert_eq!(serde_json::from_str::<TokenKey>(&json).unwrap(), token);
            }
            let control = CertControlNumber::new(&text);
            prop_assert_eq!(control.is_ok(), (1..=40).contains(&len) && plain);
            if let Ok(control) = control {
                prop_assert_eq!(control.expose(), &*text);
            }
            let id = AuthorizationId::new(&text);
            prop_assert_eq!(id.is_ok(), (1..=60).contains(&len) && graphic);
            if let Ok(id) = id {
                prop_assert_eq!(id.expose(), &*text);
            }
        }
    }
}
