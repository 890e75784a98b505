//! What is known of an approval that the gateway gave.

use alloc::boxed::Box;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::values::Won;

/// An approval, as the gateway stated it. Only code, echo and amount decide whether it is one (R6, R7);
/// a text that was absent or damaged is `None` or has U+FFFD in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Approval {
    /// Whether the answer stated the amount (R8).
    pub amount: AmountStated,
    /// The card company's approval number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval_number: Option<Box<str>>,
    /// The card company's approval date, `yyyyMMdd`, KST.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval_date: Option<Box<str>>,
    /// The card company's approval time, `HHmmss`, KST.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval_time: Option<Box<str>>,
    /// The gateway's own number of the transaction.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub van_number: Option<Box<str>>,
    /// The VAN's serial number (`vanSerial`, spec B.4).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub van_serial: Option<Box<str>>,
    /// How the customer paid, as a code such as `11` for a card (spec B.4, C.7).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_method: Option<Box<str>>,
    /// In how many months the customer pays, as the gateway states it: two digits, `00` at once (spec B.4).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instalment: Option<Box<str>>,
    /// The issuer's code, opaque (spec F.1: it is not the card table's).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issuer_code: Option<Box<str>>,
    /// The issuer's name, as on the slip.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issuer_name: Option<Box<str>>,
    /// The acquirer's code, opaque.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acquirer_code: Option<Box<str>>,
    /// The acquirer's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acquirer_name: Option<Box<str>>,
    /// The merchant's number at the card company.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub merchant_number: Option<Box<str>>,
    /// The card number, masked by the gateway.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub masked_card: Option<Box<str>>,
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

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approval")
            .field("amount", &self.amount)
            .field("approval_number", &self.approval_number)
            .field("approval_date", &self.approval_date)
            .field("van_number", &self.van_number)
            .finish_non_exhaustive()
    }
}
