//! How an attempt and a refund end, in the words that tell a person what to do.

use alloc::boxed::Box;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{approval::Approval, said::Said};
use crate::{
    codes::Text,
    journal::{
        Kind,
        record::{Parked, Record, Why},
    },
    wire::NotSent,
};

/// Whether the customer has been charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charged {
    /// Yes.
    Yes,
    /// No: not charged, or given back.
    No,
    /// A person must look.
    Unknown,
}

impl Charged {
    /// `yes`, `no` or `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Charged::Yes => "yes",
            Charged::No => "no",
            Charged::Unknown => "unknown",
        }
    }
}

/// How an attempt ended. Exactly these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Charged, and the merchant accepted it.
    Approved(Approval),
    /// Refused by the card company or the gateway.
    Declined(Said),
    /// Not one byte of the request left.
    NeverSent(NotSent),
    /// It was, or may have been, charged, and is voided or cancelled.
    Reversed(Why),
    /// A person must look; the record says everything that was tried.
    NeedsOperator {
        /// Why.
        why: OperatorReason,
        /// As far as it is known; as the person said, once one did.
        charged: Charged,
        /// What a person said.
        resolution: Option<Resolution>,
    },
}

impl Outcome {
    /// `approved`, `declined`, `never_sent`, `reversed` or `needs_operator`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Approved(_) => "approved",
            Outcome::Declined(_) => "declined",
            Outcome::NeverSent(_) => "never_sent",
            Outcome::Reversed(_) => "reversed",
            Outcome::NeedsOperator { .. } => "needs_operator",
        }
    }

    /// Whether the customer has been charged.
    #[must_use]
    pub fn charged(&self) -> Charged {
        match self {
            Outcome::Approved(_) => Charged::Yes,
            Outcome::Declined(_) | Outcome::NeverSent(_) | Outcome::Reversed(_) => Charged::No,
            Outcome::NeedsOperator { charged, .. } => *charged,
        }
    }

    /// Whether the shop may try again, under a new number.
    #[must_use]
    pub fn safe_to_retry(&self) -> bool {
        self.charged() == Charged::No
    }

    /// For the customer's screen and the cashier: whether money moved, and what to do now. Why a card was refused, the
    /// tables of [`codes`](crate::codes) say. Our choice: never *failed* alone.
    #[must_use]
    pub fn text(&self) -> Text {
        let (ko, en) = match self {
            Outcome::Approved(_) => ("결제되었습니다", "Paid"),
            Outcome::Declined(_) => {
                ("결제되지 않았습니다. 청구되지 않습니다", "Not paid. You are not charged")
            }
            Outcome::NeverSent(_) => (
                "결제되지 않았습니다. 카드사에 연결되지 않았으니 잠시 후 다시 결제해 주세요",
                "Not paid. The card company could not be reached; please pay again in a moment",
            ),
            Outcome::Reversed(_) => (
                "결제가 취소되었습니다. 청구되지 않으니 다시 결제해 주세요",
                "The payment was voided. You are not charged; please pay again",
            ),
            Outcome::NeedsOperator { charged, .. } => for_staff(*charged),
        };
        Text { ko, en }
    }
}

/// What a person must see to.
fn for_staff(charged: Charged) -> (&'static str, &'static str) {
    match charged {
        Charged::Yes => (
            "결제되었으나 주문을 처리하지 못했습니다. 다시 결제하지 마시고 직원에게 말씀해 주세요",
            "Paid, but the order was not completed. Do not pay again; please ask our staff",
        ),
        Charged::No => {
            ("청구되지 않았습니다. 직원에게 말씀해 주세요", "You are not charged. Please ask our staff")
        }
        Charged::Unknown => (
            "결제되었는지 확인이 필요합니다. 다시 결제하지 마시고 직원에게 말씀해 주세요",
            "It is not yet known whether this was paid. Do not pay again; please ask our staff",
        ),
    }
}

/// How a refund ended. Exactly these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// The money goes back.
    Refunded,
    /// The gateway said no: still charged.
    Refused(Said),
    /// Not one byte of the cancel left: still charged.
    NotAttempted(NotSent),
    /// A person must look.
    NeedsOperator {
        /// Why.
        why: OperatorReason,
        /// Whether the customer is still charged.
        charged: Charged,
        /// What a person said.
        resolution: Option<Resolution>,
    },
}

impl RefundOutcome {
    /// `refunded`, `refused`, `not_attempted` or `needs_operator`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            RefundOutcome::Refunded => "refunded",
            RefundOutcome::Refused(_) => "refused",
            RefundOutcome::NotAttempted(_) => "not_attempted",
            RefundOutcome::NeedsOperator { .. } => "needs_operator",
        }
    }

    /// Whether the customer is still charged what was to be given back: of a part, that part.
    #[must_use]
    pub fn charged(&self) -> Charged {
        match self {
            RefundOutcome::Refunded => Charged::No,
            RefundOutcome::Refused(_) | RefundOutcome::NotAttempted(_) => Charged::Yes,
            RefundOutcome::NeedsOperator { charged, .. } => *charged,
        }
    }

    /// Whether the refund may be asked for again; that of a part under another id.
    #[must_use]
    pub fn safe_to_retry(&self) -> bool {
        match self {
            RefundOutcome::Refused(_) | RefundOutcome::NotAttempted(_) => true,
            RefundOutcome::Refunded => false,
            RefundOutcome::NeedsOperator { charged, resolution, .. } => {
                resolution.is_some() && *charged == Charged::Yes
            }
        }
    }

    /// For the customer's screen and the cashier: whether the money goes back, and what to do now. Our choice.
    #[must_use]
    pub fn text(&self) -> Text {
        let (ko, en) = match self {
            RefundOutcome::Refunded => ("환불되었습니다", "Refunded"),
            RefundOutcome::Refused(_) => (
                "환불이 거절되었습니다. 청구는 그대로입니다",
                "The refund was refused. You are still charged",
            ),
            RefundOutcome::NotAttempted(_) => (
                "환불되지 않았습니다. 카드사에 연결되지 않았으니 잠시 후 다시 시도해 주세요",
                "Not refunded. The card company could not be reached; please try again in a moment",
            ),
            RefundOutcome::NeedsOperator { charged, .. } => match charged {
                Charged::Yes => {
                    ("환불되지 않았습니다. 직원에게 말씀해 주세요", "Not refunded. Please ask our staff")
                }
                Charged::No => ("환불되었습니다", "Refunded"),
                Charged::Unknown => (
                    "환불되었는지 확인이 필요합니다. 다시 환불하지 마시고 직원에게 말씀해 주세요",
                    "It is not yet known whether this was refunded. Do not refund it again; please ask our staff",
                ),
            },
        };
        Text { ko, en }
    }
}

/// The end of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Of an approval.
    Approval(Outcome),
    /// Of a refund.
    Refund(RefundOutcome),
}

impl Verdict {
    /// The outcome's name: of an approval [`Outcome::name`], of a refund [`RefundOutcome::name`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Approval(outcome) => outcome.name(),
            Verdict::Refund(outcome) => outcome.name(),
        }
    }
}

/// Why a person must look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperatorReason {
    /// Every rescue message so far was answered with codes that prove nothing; the latest (R15).
    ProvesNothing(Said),
    /// The rescue messages were not answered until budget or horizon was used up (R14).
    Unanswered,
    /// *Nothing to void* came when the gateway need not remember any more (R13b).
    OutsideProofWindow,
    /// A success inside the quiet period could not be confirmed after it (R13c).
    Unconfirmed,
    /// The merchant could not tell until the horizon whether its books hold the approval (R19).
    AcceptCannotTell,
    /// The cancel was refused, and nothing else may be tried (R15).
    CancelRefused(Said),
    /// A query showed it standing after all cancels, and budget or horizon was used up (R11, R14).
    StillStands,
    /// The refund was not answered, and nothing may settle it (R16).
    RefundUnknown,
    /// The product has no status query by configuration, so that nothing can settle it (R11).
    NoStatusQuery,
    /// The journal was restored from a backup, and the merchant's books know better (R24).
    JournalBehindBooks,
    /// After a person's word a success was read late (R9).
    LateSuccessAfterResolution,
    /// A payment that the customer had made before could not be written down, and so is not accepted: put it to the
    /// flow once more, under the same number. Never in a record.
    PaidNotRecorded,
}

impl fmt::Display for OperatorReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperatorReason::ProvesNothing(said) => {
                write!(f, "the gateway's answers to the rescue prove nothing; the latest: {said}")
            }
            OperatorReason::Unanswered => {
                f.write_str("the rescue was not answered until its budget was used up")
            }
            OperatorReason::OutsideProofWindow => {
                f.write_str("\"nothing to void\" came too late to prove anything")
            }
            OperatorReason::Unconfirmed => f.write_str("an early reversal could not be confirmed"),
            OperatorReason::AcceptCannotTell => f.write_str(
                "the merchant could not tell until the horizon whether its books hold the approval",
            ),
            OperatorReason::CancelRefused(said) => write!(f, "the cancel was refused: {said}"),
            OperatorReason::StillStands => f.write_str(
                "it still stands, as a query showed after all cancels, and the rescue's budget is used up",
            ),
            OperatorReason::RefundUnknown => {
                f.write_str("the refund was not answered, and nothing may settle it")
            }
            OperatorReason::NoStatusQuery => {
                f.write_str("no status query is configured, so that nothing can tell what became of it")
            }
            OperatorReason::JournalBehindBooks => {
                f.write_str("the journal was restored from a backup and is behind the merchant's books")
            }
            OperatorReason::LateSuccessAfterResolution => {
                f.write_str("a success was read after a person had resolved the attempt")
            }
            OperatorReason::PaidNotRecorded => f.write_str(
                "the journal did not take a payment that the customer has made: put it in once more, under its number",
            ),
        }
    }
}

/// What a person said of a parked attempt; final (R20).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// Whether the customer is charged.
    pub charged: bool,
    /// In the person's words.
    pub note: Box<str>,
}

/// The end as the record keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// [`Outcome::Approved`].
    Approved,
    /// [`Outcome::Declined`].
    Declined(Said),
    /// [`Outcome::NeverSent`].
    NeverSent(NotSent),
    /// [`Outcome::Reversed`].
    Reversed,
    /// [`RefundOutcome::Refunded`].
    Refunded,
    /// [`RefundOutcome::Refused`].
    RefundRefused(Said),
    /// [`RefundOutcome::NotAttempted`].
    RefundNotAttempted(NotSent),
}

impl Record {
    /// The end, if it has one: closed or parked.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        if let Some(ending) = &self.ending {
            return Some(match ending {
                Ending::Approved => {
                    Verdict::Approval(Outcome::Approved(self.approval.clone().unwrap_or_default()))
                }
                Ending::Declined(said) => Verdict::Approval(Outcome::Declined(said.clone())),
                Ending::NeverSent(why) => Verdict::Approval(Outcome::NeverSent(*why)),
                Ending::Reversed => {
                    Verdict::Approval(Outcome::Reversed(self.why.clone().unwrap_or(Why::NotHeld)))
                }
                Ending::Refunded => Verdict::Refund(RefundOutcome::Refunded),
                Ending::RefundRefused(said) => Verdict::Refund(RefundOutcome::Refused(said.clone())),
                Ending::RefundNotAttempted(why) => Verdict::Refund(RefundOutcome::NotAttempted(*why)),
            });
        }
        let Parked { why, charged, resolution, .. } = self.parked.as_deref()?;
        let (why, resolution) = (why.clone(), resolution.clone());
        let charged = match &resolution {
            Some(Resolution { charged: true, .. }) => Charged::Yes,
            Some(Resolution { charged: false, .. }) => Charged::No,
            None if *charged => Charged::Yes,
            None => Charged::Unknown,
        };
        Some(match self.kind {
            Kind::Approval => Verdict::Approval(Outcome::NeedsOperator { why, charged, resolution }),
            Kind::Refund => Verdict::Refund(RefundOutcome::NeedsOperator { why, charged, resolution }),
        })
    }
}
