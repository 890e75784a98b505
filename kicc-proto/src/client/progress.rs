//! Where an attempt or a refund stands.

use alloc::boxed::Box;

use super::Error;
use crate::{
    codes::Text,
    flow::{Done, Ended, Outcome, RefundOutcome, Settle, Verdict, Wait, WaitReason},
    journal::{
        Key, Kind, Row,
        record::{Pending, Record, RecordError},
    },
    time::{Now, UnixMillis},
};

/// An end that is in the journal, unless nothing of it was ever recorded.
pub struct End {
    verdict: Verdict,
    record: Option<Box<Record>>,
    revision: Option<u64>,
    repeat: bool,
}

impl End {
    /// The end.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The end of an approval; `None` for a refund's.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.verdict {
            Verdict::Approval(outcome) => Some(outcome),
            Verdict::Refund(_) => None,
        }
    }

    /// The end of a refund; `None` for an approval's.
    #[must_use]
    pub fn refund_outcome(&self) -> Option<&RefundOutcome> {
        match &self.verdict {
            Verdict::Refund(outcome) => Some(outcome),
            Verdict::Approval(_) => None,
        }
    }

    /// The record, with every try and its reason.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.record.as_deref()
    }

    /// Whether the number was known before this call (R3).
    #[must_use]
    pub fn repeat(&self) -> bool {
        self.repeat
    }

    /// The same, of a number that was (not) known before.
    #[must_use]
    pub fn repeated(self, repeat: bool) -> Self {
        End { repeat, ..self }
    }

    /// What the journal is to note as told (R22); `None` where nothing was recorded.
    #[must_use]
    pub fn to_tell(&self) -> Option<(&Key, u64)> {
        Some((&self.record.as_ref()?.key, self.revision?))
    }
}

/// Whether an end has reached whoever asked (R22).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It has, durably.
    Yes,
    /// It has not: it is told again by the next run.
    NotYet,
}

impl core::fmt::Debug for End {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("End")
            .field("verdict", &self.verdict)
            .field("repeat", &self.repeat)
            .finish_non_exhaustive()
    }
}

/// What a row says.
#[derive(Debug)]
pub enum Found {
    /// It has ended.
    Ended(End),
    /// It is open.
    Open(Open),
}

impl Found {
    /// Reads a row, as it stands at `now`.
    ///
    /// # Errors
    /// When this version cannot read its record.
    pub fn of_row(row: &Row, repeat: bool, now: UnixMillis) -> Result<Self, RecordError> {
        let record = Record::of_row(row)?;
        Ok(match record.verdict() {
            Some(verdict) => {
                let (record, revision) = (Some(Box::new(record)), Some(row.revision));
                Found::Ended(End { verdict, record, revision, repeat })
            }
            None => Found::Open(Open::of_row(row, record, now)),
        })
    }
}

/// What the end of a drive means to its caller.
#[derive(Debug)]
pub enum Concluded {
    /// The end.
    Ended(End),
    /// The journal did not take the row. That is the end only if it shows none of this key: somebody else may have
    /// recorded the number, and what is told of this call is taken for the number's (R2, R3).
    NotRecorded(End),
    /// Somebody else has it: look there.
    Elsewhere {
        /// The row's key.
        key: Key,
        /// Whether it was known before (R3), or taken over after it was sent (R20).
        repeat: bool,
    },
    /// Nothing was sent.
    Refused(Error),
    /// Nothing was sent, and the journal has not said whether it holds the row: it counts as open (R2).
    NotKnown {
        /// Where it stands.
        open: Box<Open>,
        /// The token of its lease, which is to be given back.
        token: u64,
    },
}

impl Concluded {
    /// Reads a drive's end.
    #[must_use]
    pub fn of(done: Done) -> Self {
        let revision = done.revision();
        let (ended, record) = done.into_parts();
        match ended {
            Ended::Verdict(verdict) => {
                let recorded = record.is_some();
                let end = End { verdict, record, revision, repeat: false };
                if recorded { Concluded::Ended(end) } else { Concluded::NotRecorded(end) }
            }
            Ended::Known(row) => Concluded::Elsewhere { key: row.key, repeat: true },
            Ended::TakenOver(key) => Concluded::Elsewhere { key: *key, repeat: false },
            Ended::NotKnown { record, token } => {
                Concluded::NotKnown { open: Box::new(Open::unsettled(record)), token }
            }
            Ended::OtherData => Concluded::Refused(Error::OtherData),
            Ended::UsedBefore => Concluded::Refused(Error::UsedBefore),
            Ended::AuthorisationInUse(key) => {
                Concluded::Refused(Error::AuthorisationInUse { number: key.number.as_str().into() })
            }
        }
    }
}

/// An attempt that is still open.
#[derive(Debug)]
pub struct Open {
    /// Whose.
    pub key: Key,
    /// Why.
    pub reason: OpenReason,
    /// When there may be more to tell (Unix milliseconds): the next message is due then, or the lease of whoever has it is
    /// over unless it is lengthened. `None`: not known, because nobody has it in hand; recovery takes it at its next look.
    /// Whoever asks again and again does so by a clock of its own, every second or two: the end may come earlier.
    pub until: Option<UnixMillis>,
    /// What may be told already, where the policy reports a reversal at its first success (R13d).
    pub provisional: Option<Outcome>,
    /// The record as it stands.
    pub record: Box<Record>,
}

/// Why it is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenReason {
    /// A late approval may still be booked (R13b).
    Quiet,
    /// The gateway has not answered, or proved nothing: the next message comes then (R14).
    Backoff,
    /// The merchant could not tell (R19).
    Merchant,
    /// The journal does not take the row.
    Journal,
    /// It is approved and waits for the accept step, which this client does not have (R19).
    NobodyDecides,
    /// A worker has it in hand.
    InHand,
}

impl Open {
    /// For the customer's screen and the cashier. Our choice: nobody is to pay again meanwhile.
    #[must_use]
    pub fn text(&self) -> Text {
        match (&self.provisional, self.record.kind) {
            (Some(outcome), _) => outcome.text(),
            (None, Kind::Approval) => Text {
                ko: "결제 결과를 확인하고 있습니다. 다시 결제하지 마시고 잠시 기다려 주세요",
                en: "We are checking what became of this payment. Please wait, and do not pay again",
            },
            (None, Kind::Refund) => Text {
                ko: "환불 결과를 확인하고 있습니다. 다시 환불하지 마시고 잠시 기다려 주세요",
                en: "We are checking what became of this refund. Please wait, and do not refund it again",
            },
        }
    }

    /// Of an attempt that waits.
    #[must_use]
    pub fn of_wait(wait: &Wait, now: Now) -> Self {
        Open {
            key: wait.key().clone(),
            reason: match wait.reason() {
                WaitReason::Backoff => OpenReason::Backoff,
                WaitReason::Quiet => OpenReason::Quiet,
                WaitReason::Merchant => OpenReason::Merchant,
                WaitReason::Journal => OpenReason::Journal,
            },
            until: Some(wait.until_wall(now)),
            provisional: wait.provisional(),
            record: Box::new(wait.record().clone()),
        }
    }

    /// Of an approval that nobody here decides.
    #[must_use]
    pub fn of_settle(settle: &Settle, now: Now) -> Self {
        Open {
            key: settle.key().clone(),
            reason: OpenReason::NobodyDecides,
            until: Some(now.wall),
            provisional: None,
            record: Box::new(settle.record().clone()),
        }
    }

    /// Of an attempt of which nobody knows whether it is in the journal; what could be sent for it has its end by then.
    fn unsettled(record: Box<Record>) -> Self {
        Open {
            key: record.key.clone(),
            reason: OpenReason::Journal,
            until: Some(record.rescue.last_deadline),
            provisional: None,
            record,
        }
    }

    fn of_row(row: &Row, record: Record, now: UnixMillis) -> Self {
        let reason = match record.pending {
            Pending::Quiet(_) => OpenReason::Quiet,
            Pending::Backoff(_) => OpenReason::Backoff,
            Pending::Message(_) | Pending::Nothing => OpenReason::InHand,
        };
        Open {
            key: row.key.clone(),
            reason,
            // A lease that was given back is 0.
            until: Some(row.lease_until).filter(|until| *until > now),
            provisional: None,
            record: Box::new(record),
        }
    }
}
