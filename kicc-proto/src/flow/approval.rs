//! What is known of an approval that the gateway gave.

use alloc::{borrow::Cow, sync::Arc};
use core::fmt;

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{values::Won, wire::answer::cut};

/// More bytes than the texts of an ordinary approval have together.
const TEXTS_USUAL: usize = 256;

/// An approval, as the gateway stated it. Only code, echo and amount decide whether it is one (R6, R7);
/// a text that was absent or damaged is `None` or has U+FFFD in it.
///
/// Its texts stand one behind the other, in one allocation that copies share. [`Stated`] has them as fields.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Approval {
    /// Whether the answer stated the amount (R8).
    pub amount: AmountStated,
    texts: Arc<str>,
    /// Where each text ends, in bytes: those of all of them, as they are [cut], are counted in a `u16`.
    ends: [u16; Text::COUNT],
}

/// Writes the list of an approval's texts out: as fields, as methods, and as a place in [`Approval`].
macro_rules! texts {
    ($($(#[$doc:meta])+ $name:ident)+) => {
        /// An approval, text by text: what an [`Approval`] is made of. A text that is empty was not stated; of one with more
        /// than 200 characters the rest gives way to an ellipsis (our choice).
        #[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Stated<'a> {
            /// Whether the answer stated the amount (R8).
            pub amount: AmountStated,
            $(
                $(#[$doc])+
                #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
                pub $name: Cow<'a, str>,
            )+
        }

        #[allow(non_camel_case_types, reason = "the names of fields")]
        #[derive(Clone, Copy)]
        enum Text { $($name),+ }

        impl Text {
            const COUNT: usize = [$(Text::$name),+].len();
        }

        impl Approval {
            $(
                $(#[$doc])+
                #[must_use]
                pub fn $name(&self) -> Option<&str> {
                    Some(self.text(Text::$name)).filter(|text| !text.is_empty())
                }
            )+
        }

        impl From<Stated<'_>> for Approval {
            fn from(stated: Stated<'_>) -> Self {
                Approval::new(stated.amount, [$(&stated.$name),+])
            }
        }

        impl<'a> From<&'a Approval> for Stated<'a> {
            fn from(approval: &'a Approval) -> Self {
                Stated { amount: approval.amount, $($name: approval.text(Text::$name).into()),+ }
            }
        }
    };
}

texts! {
    /// The card company's approval number.
    approval_number
    /// The card company's approval date, `yyyyMMdd`, KST.
    approval_date
    /// The card company's approval time, `HHmmss`, KST.
    approval_time
    /// The gateway's own number of the transaction.
    van_number
    /// The VAN's serial number (`vanSerial`, spec B.4).
    van_serial
    /// How the customer paid, as a code such as `11` for a card (spec B.4, C.7).
    payment_method
    /// In how many months the customer pays, as the gateway states it: two digits, `00` at once (spec B.4).
    instalment
    /// The issuer's code, opaque (spec F.1: it is not the card table's).
    issuer_code
    /// The issuer's name, as on the slip.
    issuer_name
    /// The acquirer's code, opaque.
    acquirer_code
    /// The acquirer's name.
    acquirer_name
    /// The merchant's number at the card company.
    merchant_number
    /// The card number, masked by the gateway.
    masked_card
}

impl Approval {
    fn new(amount: AmountStated, texts: [&str; Text::COUNT]) -> Self {
        let texts = texts.map(|text| cut(text.into()));
        let mut end = 0;
        let ends = texts.each_ref().map(|text| {
            end += text.len();
            end as u16
        });
        let mut usual = ArrayString::<TEXTS_USUAL>::new();
        let fit = texts.iter().all(|text| usual.try_push_str(text).is_ok());
        Approval { amount, texts: if fit { usual.as_str().into() } else { texts.concat().into() }, ends }
    }

    fn text(&self, text: Text) -> &str {
        let at = text as usize;
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.texts[usize::from(begin)..usize::from(self.ends[at])]
    }
}

/// Whether an answer stated the approved amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum AmountStated {
    /// It did not: the documented answer has no such field (spec A.5, F.1).
    #[default]
    NotStated,
    /// It stated the amount that was asked for.
    Matched,
    /// It stated another: the approval is cancelled (R8).
    Differs(Won),
    /// It should have stated one, and did not: the approval is cancelled (R8).
    Missing,
}

impl AmountStated {
    /// Whether an approval with it is cancelled (R8).
    #[must_use]
    pub fn is_mismatch(self) -> bool {
        matches!(self, AmountStated::Differs(_) | AmountStated::Missing)
    }
}

impl Serialize for Approval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stated::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Approval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Stated::deserialize(deserializer).map(Approval::from)
    }
}

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approval")
            .field("amount", &self.amount)
            .field("approval_number", &self.approval_number())
            .field("approval_date", &self.approval_date())
            .field("van_number", &self.van_number())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Stated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Approval::from(self.clone()).fmt(f)
    }
}
