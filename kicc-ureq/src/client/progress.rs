//! What a call gives back.

use std::sync::Arc;

use kicc_proto::{
    flow::{Outcome, RefundOutcome, Settle, Verdict, Wait, WaitReason},
    journal::{
        Journal, Key, Row, WriteError,
        record::{Pending, Record},
    },
    time::{Now, UnixMillis},
};

/// Where an attempt or a refund stands.
#[derive(Debug)]
#[must_use]
pub enum Progress {
    /// It has ended.
    Settled(Box<Settled>),
    /// It is still open: no outcome, and no reason to try again under another number.
    Open(Box<Open>),
}

/// An end that is in the journal, unless nothing of it was ever recorded.
#[must_use = "say `told` once the outcome has reached whoever asked, or recovery tells it again (R22)"]
pub struct Settled {
    pub(super) verdict: Verdict,
    pub(super) record: Option<Box<Record>>,
    pub(super) revision: Option<u64>,
    pub(super) repeat: bool,
    pub(super) journal: Arc<dyn Journal>,
}

impl Settled {
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

    /// The outcome has reached whoever asked; until then recovery tells it again (R22).
    ///
    /// # Errors
    /// When the journal did not take it: it may be told once more.
    pub fn told(&self) -> Result<(), WriteError> {
        match (&self.record, self.revision) {
            (Some(record), Some(revision)) => self.journal.told(&record.key, revision).map(|_| ()),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Settled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settled")
            .field("verdict", &self.verdict)
            .field("repeat", &self.repeat)
            .finish_non_exhaustive()
    }
}

/// An attempt that is still open.
#[derive(Debug)]
pub struct Open {
    /// Whose.
    pub key: Key,
    /// Why.
    pub reason: OpenReason,
    /// Not before then will there be more to tell (Unix milliseconds).
    pub until: UnixMillis,
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
    pub(super) fn of_wait(wait: &Wait, now: Now) -> Self {
        Open {
            key: wait.key().clone(),
            reason: match wait.reason() {
                WaitReason::Backoff => OpenReason::Backoff,
                WaitReason::Quiet => OpenReason::Quiet,
                WaitReason::Merchant => OpenReason::Merchant,
                WaitReason::Journal => OpenReason::Journal,
            },
            until: wait.until_wall(now),
            provisional: wait.provisional(),
            record: Box::new(wait.record().clone()),
        }
    }

    pub(super) fn of_settle(settle: &Settle, now: Now) -> Self {
        Open {
            key: settle.key().clone(),
            reason: OpenReason::NobodyDecides,
            until: now.wall,
            provisional: None,
            record: Box::new(settle.record().clone()),
        }
    }

    pub(super) fn of_row(row: &Row, record: Record) -> Self {
        let reason = match record.pending {
            Pending::Quiet(_) => OpenReason::Quiet,
            Pending::Backoff(_) => OpenReason::Backoff,
            Pending::Message(_) | Pending::Nothing => OpenReason::InHand,
        };
        Open {
            key: row.key.clone(),
            reason,
            until: row.lease_until,
            provisional: None,
            record: Box::new(record),
        }
    }
}
