//! What is special about paying by card (spec §9.3).

use arrayvec::ArrayString;

use crate::{
    codes,
    values::{Instalment, Invalid, ascii, text_value},
};

/// The card part of a window. For [`PayMethod::Card`](crate::iamport::payment::PayMethod::Card) alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct CardOptions<'a> {
    /// `card.direct`: open this issuer's own window. KICC must have enabled it for the merchant.
    pub direct: Option<Direct<'a>>,
    /// `card.detail`: which issuers the window shows.
    pub cards: Cards<'a>,
    /// `display.card_quota`: the months offered beside a lump sum; an empty list offers the lump sum alone. KICC is
    /// not on the page that lists who heeds it: it may be ignored.
    pub months: Option<&'a [Instalment]>,
    /// `auth_mode`: `key-in`, where the customer types the card's number.
    pub key_in: bool,
}

/// An issuer's own window, called directly.
#[derive(Debug, Clone, Copy)]
pub struct Direct<'a> {
    /// `code`.
    pub code: &'a CardCode,
    /// `quota`: the instalment is settled beforehand. From 50 000 won; below only a lump sum.
    pub quota: Instalment,
    /// `company`: the shop's name in that window, at most 40 (our choice: none is published); `iamport` is shown
    /// without.
    pub company: Option<&'a str>,
}

/// Which issuers a window shows.
#[derive(Debug, Clone, Copy, Default)]
pub enum Cards<'a> {
    /// Whatever KICC has.
    #[default]
    All,
    /// These only; on the wire all are switched off first, then these on.
    Only(&'a [CardCode]),
    /// All but these.
    Without(&'a [CardCode]),
}

/// A card issuer's code (spec §12.1): 1 to 5 ASCII letters or digits, leading zeros kept. i'mport may add codes, so
/// any such text is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardCode(ArrayString<5>);

impl CardCode {
    /// A code, listed or not.
    ///
    /// # Errors
    /// Empty, longer than 5 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        ascii("card code", text, 5, u8::is_ascii_alphanumeric, "only letters A-Z a-z and digits").map(Self)
    }

    /// Its entry in the table of issuers; `None`: one that is not listed.
    #[must_use]
    pub fn known(&self) -> Option<&'static codes::Named> {
        codes::iamport::card(self.as_str())
    }
}
text_value!(CardCode, CardCode::new);

impl Cards<'_> {
    pub(super) fn shows(&self, code: &CardCode) -> bool {
        match self {
            Cards::All => true,
            Cards::Only(codes) => codes.contains(code),
            Cards::Without(codes) => !codes.contains(code),
        }
    }
}
