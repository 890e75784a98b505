//! Which store's window opens, and by which of its contracts (spec §9, §9.1).

use alloc::{format, string::String};
use core::fmt;

use arrayvec::ArrayString;

use crate::{
    iamport::values::{StoreCode, Tier, is_name_byte},
    values::{Invalid, Problem, ascii, text_value},
};

const KICC: &str = "kicc";
const NAME: &str = "only A-Z a-z 0-9 _ -";

/// The store, for the call that comes once before any window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The store's code.
    pub code: StoreCode,
    /// The sub-merchant's, where the store is an agent.
    pub tier: Option<Tier>,
}

impl Store {
    /// `IMP.init("imp…");` or, with a tier, `IMP.agency("imp…","…");`, for a script in the page. Letters and digits
    /// alone: nothing in it needs escaping.
    #[must_use]
    pub fn init_script(&self) -> String {
        match &self.tier {
            None => format!("IMP.init(\"{}\");", self.code),
            Some(tier) => format!("IMP.agency(\"{}\",\"{tier}\");", self.code),
        }
    }
}

/// By which contract a window is opened. It is always stated: without, or with one that is not known, i'mport
/// silently takes the store's default, which may be another company's (spec §9.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gateway {
    /// `channelKey`: the current way. That the channel is one of KICC's is for the console to say.
    Channel(ChannelKey),
    /// `pg`: `kicc`, or `kicc.{MID}`. A billing key needs the billing MID where there are several.
    Pg(Option<PgMerchantId>),
}

impl Gateway {
    /// `pg: "kicc"`, for a store with one contract with KICC.
    #[must_use]
    pub fn kicc() -> Self {
        Gateway::Pg(None)
    }

    /// The value of `pg` as text: `kicc` or `kicc.{MID}`.
    ///
    /// # Errors
    /// Another company's, which is not for us; a MID as of [`PgMerchantId::new`].
    pub fn from_pg(pg: &str) -> Result<Self, Invalid> {
        match pg.split_once('.') {
            None if pg == KICC => Ok(Self::kicc()),
            Some((KICC, mid)) => Ok(Gateway::Pg(Some(PgMerchantId::new(mid)?))),
            _ => {
                Err(Problem::Other("must be kicc, or kicc. and a MID: other companies are not for us")
                    .of("pg"))
            }
        }
    }

    pub(super) fn channel_key(&self) -> Option<&str> {
        match self {
            Gateway::Channel(key) => Some(key.as_str()),
            Gateway::Pg(_) => None,
        }
    }

    pub(super) fn pg(&self) -> Option<String> {
        match self {
            Gateway::Channel(_) => None,
            Gateway::Pg(None) => Some(KICC.into()),
            Gateway::Pg(Some(mid)) => Some(format!("{KICC}.{mid}")),
        }
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.channel_key(), self.pg()) {
            (Some(key), _) => f.pad(key),
            (None, pg) => f.pad(&pg.unwrap_or_default()),
        }
    }
}

/// A channel's key from the console (`channelKey`, spec §9.1): 1 to 55 of `A-Z a-z 0-9 _ -`. The length is the one of
/// `again` (spec §4.1), the alphabet ours. Not a secret: pages carry it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey(ArrayString<55>);

impl ChannelKey {
    /// A key as the console shows it.
    ///
    /// # Errors
    /// Empty, longer than 55 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        ascii("channel key", text, 55, is_name_byte, NAME).map(Self)
    }
}
text_value!(ChannelKey, ChannelKey::new);

/// The merchant's id at KICC (the MID in `kicc.{MID}`, spec §9.1; `pg_id`, spec §3): 1 to 80 of `A-Z a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PgMerchantId(ArrayString<80>);

impl PgMerchantId {
    /// An id as KICC issued it.
    ///
    /// # Errors
    /// Empty, longer than 80 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        ascii("MID", text, 80, is_name_byte, NAME).map(Self)
    }
}
text_value!(PgMerchantId, PgMerchantId::new);

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn a_store_is_announced_once() {
        let mut store = Store { code: StoreCode::new("imp12345678").unwrap(), tier: None };
        assert_eq!(store.init_script(), r#"IMP.init("imp12345678");"#);
        store.tier = Some(Tier::new("A1b").unwrap());
        assert_eq!(store.init_script(), r#"IMP.agency("imp12345678","A1b");"#);
    }

    #[test]
    fn another_company_is_refused() {
        for pg in ["kicc", "kicc.T0001", "kicc.a_b-C"] {
            assert_eq!(Gateway::from_pg(pg).unwrap().to_string(), pg);
        }
        for pg in
            ["", "KICC", "nice", "html5_inicis.INIpayTest", "kiccx", "kicc.", "kicc.a b", "kicc.a.b", ".kicc"]
        {
            assert!(Gateway::from_pg(pg).is_err(), "{pg}");
        }
    }
}
