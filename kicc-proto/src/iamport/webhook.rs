//! i'mport's webhook (spec §7): a post to the shop when a payment was approved, deposited or refunded.
//!
//! **It is a hint and no more.** It is not signed, so anybody can send one; it may come twice, late, before the
//! browser, or never (a failed payment sends none, nor does a refund by REST unless asked for). Whatever it says,
//! look the payment up and put that to [`verify`](super::verify); a webhook that did not come is no reason to
//! refund. Answer 200 to whatever was understood, also when the order was settled long ago, and 5xx only where the
//! shop's own store failed, so that asking again makes sense.

use alloc::{boxed::Box, vec::Vec};
use core::net::{IpAddr, Ipv4Addr};

use super::{
    hint::{self, HintError},
    payment::Status,
    values::ImpUid,
};
use crate::wire::post::Post;

/// From where i'mport sends webhooks, as documented (spec §7); older lists have two, and applications in the field
/// another third one.
pub const SOURCES: [Ipv4Addr; 3] =
    [Ipv4Addr::new(52, 78, 100, 19), Ipv4Addr::new(52, 78, 48, 223), Ipv4Addr::new(52, 78, 5, 241)];

/// What a webhook claims.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// `imp_uid`: the payment to look up.
    pub imp_uid: ImpUid,
    /// `merchant_uid`, as text: it may be of another till of the same store. The order is found by the one of the
    /// payment that was looked up.
    pub merchant_uid: Option<Box<str>>,
    /// `status`, which is claimed and proves nothing.
    pub claimed: Option<Status>,
    /// `cancellation_id`, of refunds only.
    pub cancellation_id: Option<Box<str>>,
}

impl Webhook {
    /// Reads a post, JSON or form as the console is set. Fields that are not documented are passed over.
    ///
    /// # Errors
    /// [`HintError`]; most likely somebody else's post, and none of our payments is touched by it.
    pub fn read(post: Post<'_>) -> Result<Self, HintError> {
        const NAMES: [&str; 4] = ["imp_uid", "merchant_uid", "status", "cancellation_id"];
        let [imp_uid, merchant_uid, status, cancellation_id] = hint::fields(post, &NAMES)?;
        Ok(Webhook {
            imp_uid: ImpUid::new(&imp_uid.ok_or(HintError::Missing("imp_uid"))?)?,
            merchant_uid,
            claimed: status.map(|word| Status::from_word(&word)),
            cancellation_id,
        })
    }
}

/// Addresses from which webhooks are taken: less noise, not proof. Behind a proxy the peer's address is the
/// proxy's, so give the one that the proxy vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources(Vec<IpAddr>);

impl Default for Sources {
    /// The documented [`SOURCES`].
    fn default() -> Self {
        Self::new(SOURCES.map(IpAddr::V4))
    }
}

impl Sources {
    /// These addresses and no others.
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self(addresses.into_iter().map(|address| address.to_canonical()).collect())
    }

    /// Whether `sender` is one of them; an IPv4 address written as IPv6 (`::ffff:…`) is itself.
    #[must_use]
    pub fn contains(&self, sender: IpAddr) -> bool {
        self.0.contains(&sender.to_canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Option<&str> = Some("application/json; charset=utf-8");
    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    fn read(content_type: Option<&str>, body: &str) -> Result<Webhook, HintError> {
        Webhook::read(Post { content_type, body: body.as_bytes() })
    }

    #[test]
    fn both_content_types_say_the_same() {
        let json = r#"{"imp_uid":"imp_1","merchant_uid":"O 1/2","status":"paid","new":[1]}"#;
        let form = "imp_uid=imp_1&merchant_uid=O+1%2F2&status=paid&new=1";
        let webhook = read(JSON, json).unwrap();
        assert_eq!(webhook.imp_uid.as_str(), "imp_1");
        assert_eq!(webhook.merchant_uid.as_deref(), Some("O 1/2"));
        assert_eq!(webhook.claimed, Some(Status::Paid));
        assert_eq!(webhook.cancellation_id, None);
        for same in [read(FORM, form), read(None, form), read(None, json)] {
            assert_eq!(same.as_ref(), Ok(&webhook));
        }
        assert_eq!(read(JSON, form), Err(HintError::Unreadable));
        assert_eq!(read(Some("text/plain"), json), Err(HintError::Unreadable));
    }

    /// Spec §7: a status that is not documented does no harm, nor does a refund's id.
    #[test]
    fn an_unknown_status_is_kept() {
        let webhook = read(JSON, r#"{"imp_uid":"imp_1","status":"held","cancellation_id":"c1"}"#).unwrap();
        assert_eq!(webhook.claimed, Some(Status::Other("held".into())));
        assert_eq!((webhook.cancellation_id.as_deref(), webhook.merchant_uid), (Some("c1"), None));
        assert_eq!(read(FORM, "imp_uid=imp_1").unwrap().claimed, None);
    }

    #[test]
    fn what_names_no_payment_is_refused() {
        for (content_type, body, why) in [
            (JSON, r#"{"merchant_uid":"O1","status":"paid"}"#, HintError::Missing("imp_uid")),
            (FORM, "imp_uid=&status=paid", HintError::Missing("imp_uid")),
            (FORM, "imp_uid=a&imp_uid=b", HintError::Twice),
            (JSON, r#"{"imp_uid":"a","imp_uid":"a"}"#, HintError::Twice),
            (JSON, r#"{"imp_uid":"a""#, HintError::Unreadable),
        ] {
            assert_eq!(read(content_type, body), Err(why), "{body}");
        }
        assert!(matches!(read(JSON, r#"{"imp_uid":"../users"}"#), Err(HintError::Invalid(_))));
        let long = "x".repeat(crate::wire::post::POST_MAX + 1);
        assert_eq!(read(FORM, &long), Err(HintError::TooLong));
    }

    #[test]
    fn the_documented_senders_are_known_in_either_notation() {
        let sources = Sources::default();
        for sender in ["52.78.100.19", "52.78.48.223", "52.78.5.241", "::ffff:52.78.5.241"] {
            assert!(sources.contains(sender.parse().unwrap()), "{sender}");
        }
        for other in ["52.78.17.128", "127.0.0.1", "::1", "::ffff:52.78.5.242"] {
            assert!(!sources.contains(other.parse().unwrap()), "{other}");
        }
        let own = Sources::new(["::ffff:52.78.17.128".parse().unwrap()]);
        assert!(
            own.contains("52.78.17.128".parse().unwrap()) && !own.contains("52.78.5.241".parse().unwrap())
        );
    }
}
