//! The ids of i'mport that go on the wire.

use core::fmt;

use arrayvec::ArrayString;

use crate::values::{Invalid, Problem, Secret, TerminalId, ascii, check_ascii, text_value};

const NAME: &str = "only A-Z a-z 0-9 _ -";

/// i'mport's own id of a payment (`imp_uid`, spec §3): 1 to 32 of `A-Z a-z 0-9 _ -`; `imp_` and digits in the
/// samples. The alphabet is ours: it goes into a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImpUid(ArrayString<32>);

impl ImpUid {
    /// An id as i'mport gave it.
    ///
    /// # Errors
    /// Empty, longer than 32 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        ascii("imp_uid", text, 32, is_name_byte, NAME).map(Self)
    }
}
text_value!(ImpUid, ImpUid::new);

/// The store's code that a page gives to `IMP.init` (spec §9): `imp` and 1 to 17 letters or digits. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreCode(TerminalId);

impl StoreCode {
    /// A code as the admin console shows it. The page names no length; ours keeps it short.
    ///
    /// # Errors
    /// Another beginning than `imp`, nothing after it, longer than 20 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "store code";
        let code = TerminalId::recorded(text).map_err(|invalid| invalid.problem.of(FIELD))?;
        match text.strip_prefix("imp") {
            Some(rest) if !rest.is_empty() => Ok(Self(code)),
            _ => Err(Problem::Other("must begin with imp, and go on").of(FIELD)),
        }
    }

    /// The same as the terminal of an attempt's key.
    #[must_use]
    pub fn as_terminal_id(&self) -> &TerminalId {
        &self.0
    }
}
text_value!(StoreCode, StoreCode::new);

/// The code of a sub-merchant (`Tier`, spec §1): exactly 3 ASCII letters or digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tier(ArrayString<3>);

impl Tier {
    /// A code as i'mport issued it.
    ///
    /// # Errors
    /// Another length, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "tier";
        if text.len() != 3 {
            return Err(Problem::WrongLength { expected: 3, got: text.len() }.of(FIELD));
        }
        ascii(FIELD, text, 3, u8::is_ascii_alphanumeric, "only letters A-Z a-z and digits").map(Self)
    }
}
text_value!(Tier, Tier::new);

/// The merchant's name of one card of one customer, under which its billing key is stored (`customer_uid`, spec
/// §4.1): 1 to 80 bytes of visible ASCII without `/`, quotes and backslash, and not `.` or `..`. The length is the
/// page's, the alphabet ours: it goes into a path. Whoever has it and the merchant's key can charge that card: not
/// printed (R23).
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerUid(Secret);

impl CustomerUid {
    /// A name of the merchant's choice. Issuing a key again under the same one replaces the card (spec §4.5).
    ///
    /// # Errors
    /// Empty, longer than 80 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "customer_uid";
        let allowed = |byte: &u8| byte.is_ascii_graphic() && !br#"/"'\"#.contains(byte);
        check_ascii(text, 80, allowed, "only visible ASCII, no slash, quote or backslash")
            .map_err(|problem| problem.of(FIELD))?;
        if matches!(text, "." | "..") {
            return Err(Problem::Other("must not be a step in a path").of(FIELD));
        }
        Ok(Self(Secret::from_utf8(text)))
    }

    /// The text as it goes on the wire, to be used and not kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        // The constructor lets in ASCII alone, so nothing is ever lost here.
        core::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

impl fmt::Debug for CustomerUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerUid(..)")
    }
}

/// `A-Z a-z 0-9 _ -`.
pub(super) fn is_name_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
