//! Why a call has no outcome to give, or why there is no client.

use alloc::{boxed::Box, string::ToString as _};

use crate::{
    codes::Text,
    flow::{Charged, RefundError, policy::PolicyError},
    journal::{Admission, Key, ReadError, WriteError, record::RecordError},
    values::{Invalid, TransactionNumber},
    wire::message::CallError,
};

/// An error from before anything was sent by this call, but for [`Error::OutOfSight`] and the look-up of
/// [`Error::Call`], which moves no money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value is wrong (R5).
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The number is known, with other data (R3).
    #[error("the number is known, with other data; this call sent nothing")]
    OtherData,
    /// The number was used, and its record was pruned (R22).
    #[error("the number was used before; this call sent nothing")]
    UsedBefore,
    /// The authorisation is spent, or being spent, under another number (R3).
    #[error("the authorisation is used by {number}; this call sent nothing")]
    AuthorisationInUse {
        /// That number.
        number: Box<str>,
    },
    /// Nothing is known of the number.
    #[error("nothing is known of {number}")]
    Unknown {
        /// That number.
        number: Box<str>,
    },
    /// Several of the client's terminals have an attempt of that number: ask a client of one of them.
    #[error("{number} is known at several terminals; this call sent nothing")]
    Ambiguous {
        /// That number.
        number: Box<str>,
    },
    /// The client has no terminal of that product or name.
    #[error("the client has no such terminal; nothing was sent")]
    NoTerminal,
    /// The journal was restored from a backup: say `restored` with a new prefix first (R24).
    #[error("the journal was restored from a backup and takes no new numbers yet; nothing was sent")]
    JournalRestored,
    /// The journal was restored from a backup: new numbers need a prefix (R24).
    #[error("since the journal was restored, new numbers must begin with {prefix}; nothing was sent")]
    NumberNeedsPrefix {
        /// That prefix.
        prefix: Box<str>,
    },
    /// The client takes no new orders any more.
    #[error("the client is stopping; nothing was sent")]
    Stopping,
    /// The journal cannot be read.
    #[error("{0}; this call sent nothing")]
    Read(#[from] ReadError),
    /// The journal cannot be written.
    #[error("{0}; this call sent nothing")]
    Write(#[from] WriteError),
    /// The attempt was sent, another worker went on with it, and the journal that would tell its end cannot be
    /// read: ask for its outcome later, and do not try again under another number.
    #[error("{number} is in another worker's hands, and its end cannot be read now: {why}")]
    OutOfSight {
        /// Its number.
        number: Box<str>,
        /// What failed.
        why: Box<str>,
    },
    /// The record cannot be used (R20, R21).
    #[error("{0}; it is left alone")]
    Record(#[from] RecordError),
    /// A look-up, or another call that moves no money, brought nothing.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is nothing to refund.
    #[error(transparent)]
    Refund(#[from] RefundError),
}

impl Error {
    /// Whether *this call* may have charged the customer. It says nothing of what the number did before: under a number
    /// that is known the customer may have paid, also where this is [`Charged::No`]. What is known of a number, the
    /// client's `outcome` tells.
    #[must_use]
    pub fn charged(&self) -> Charged {
        match self {
            Error::OutOfSight { .. } => Charged::Unknown,
            _ => Charged::No,
        }
    }

    /// For the customer's screen and the cashier: what to do now. Our choice: since an error says nothing of what the
    /// number did before ([`Error::charged`]), none of these texts says that it is not paid.
    #[must_use]
    pub fn text(&self) -> Text {
        let (ko, en) = match self {
            Error::OtherData
            | Error::UsedBefore
            | Error::AuthorisationInUse { .. }
            | Error::Ambiguous { .. } => (
                "이미 처리된 거래입니다. 다시 결제하지 마시고 직원에게 말씀해 주세요",
                "This was dealt with before. Do not pay again; please ask our staff",
            ),
            Error::Refund(_) => (
                "환불을 진행하지 못했습니다. 직원에게 말씀해 주세요",
                "No refund was begun. Please ask our staff",
            ),
            // A window's payment that could not be looked up may have been made.
            Error::Call(_) => UNSEEN,
            _ => match self.charged() {
                Charged::No => (
                    "이번 요청으로는 청구되지 않았습니다. 다시 결제하기 전에 직원에게 말씀해 주세요",
                    "Nothing was charged by this. Please ask our staff before you pay again",
                ),
                Charged::Yes | Charged::Unknown => UNSEEN,
            },
        };
        Text { ko, en }
    }

    /// Of a number that nobody recorded.
    #[must_use]
    pub fn unknown(number: &TransactionNumber) -> Self {
        Error::Unknown { number: number.as_str().into() }
    }

    /// Of a new number that a restored journal does not take (R24).
    #[must_use]
    pub fn not_admitted(admission: Admission) -> Self {
        match admission {
            Admission::Prefix(prefix) => Error::NumberNeedsPrefix { prefix },
            Admission::None | Admission::Any => Error::JournalRestored,
        }
    }

    /// Of an attempt that was sent and went on in other hands.
    #[must_use]
    pub fn out_of_sight(key: &Key, why: &Error) -> Self {
        Error::OutOfSight { number: key.number.as_str().into(), why: why.to_string().into() }
    }
}

/// What became of it is not in sight.
const UNSEEN: (&str, &str) = (
    "결제되었는지 확인하지 못했습니다. 다시 결제하지 마시고 직원에게 말씀해 주세요",
    "We could not see what became of this payment. Do not pay again; please ask our staff",
);

/// Why a client was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Without a terminal there is nothing to sell at.
    #[error("no terminal was given")]
    NoTerminal,
    /// Two terminals with the same environment, product and id.
    #[error("terminal {0} was given twice")]
    TerminalTwice(Box<str>),
    /// An EasyTalkPay terminal, and a policy that does not say whether there is a status query (R11).
    #[error("the policy says nothing of EasyTalkPay: whether there is a status query must be said")]
    NoEasyTalkSettings,
    /// An i'mport terminal, and a policy that does not say through which channel it sells (R12).
    #[error("the policy says nothing of i'mport: through which channel it sells must be said")]
    NoIamportSettings,
    /// A Simple Payment terminal without a key: none of its requests could be signed (spec A.2).
    #[error("terminal {0} has nothing to sign with")]
    NoSigning(Box<str>),
    /// An i'mport terminal without `imp_key` and `imp_secret`: it would never get a token (iamport spec §2).
    #[error("terminal {0} has no API keys to ask for a token with")]
    NoApiKeys(Box<str>),
}
