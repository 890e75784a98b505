//! A pause, and why.

use alloc::boxed::Box;

use super::{
    Step,
    life::Life,
    outcome::Outcome,
    persist::Persist,
    policy::ReportReversal,
    settle::{AskBooks, Settle},
    table::{FirstSuccess, Stage},
};
use crate::{
    journal::{
        Key,
        record::{Pending, Record, Why},
    },
    time::{Millis, Mono, Now, UnixMillis},
};

/// Come back at [`Wait::until`]; later is safe.
#[must_use = "the attempt is open; recovery goes on with it if nobody wakes it"]
#[derive(Debug)]
pub struct Wait {
    held: Held,
    reason: WaitReason,
    until: Mono,
}

#[derive(Debug)]
enum Held {
    Life(Box<Life>, Resume),
    Persist(Box<Persist>),
}

/// What a wake-up brings.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resume {
    /// The message that the record says is pending.
    Pending,
    /// The merchant's accept step.
    Ask,
    /// The merchant's books, after a restore (R24).
    AskBooks,
}

/// Why it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// The gateway did not answer, or its answer proved nothing: the pause before the next message (R14).
    Backoff,
    /// A late approval may still be booked (R13b).
    Quiet,
    /// The merchant could not tell (R19).
    Merchant,
    /// The journal did not take the row (R2, R18).
    Journal,
}

impl Wait {
    pub(super) fn new(life: Box<Life>, reason: WaitReason, until: Mono, resume: Resume) -> Self {
        Wait { held: Held::Life(life, resume), reason, until }
    }

    pub(super) fn for_journal(persist: Persist, until: Mono) -> Self {
        Wait { held: Held::Persist(Box::new(persist)), reason: WaitReason::Journal, until }
    }

    /// When to come back. `jitter` is from the caller's randomness and lengthens a pause by up to half of
    /// itself, so that many attempts do not come back at once (R14).
    #[must_use]
    pub fn until(&self, jitter: u16, now: Now) -> Mono {
        let left = self.until.0.saturating_sub(now.mono.0);
        let more = match self.reason {
            WaitReason::Backoff | WaitReason::Journal | WaitReason::Merchant => {
                left.saturating_mul(u64::from(jitter)) / (2 * u64::from(u16::MAX))
            }
            WaitReason::Quiet => 0,
        };
        self.until + Millis(more)
    }

    /// The same moment for a person to read.
    #[must_use]
    pub fn until_wall(&self, now: Now) -> UnixMillis {
        now.wall + Millis(self.until.0.saturating_sub(now.mono.0))
    }

    /// Why it waits.
    #[must_use]
    pub fn reason(&self) -> WaitReason {
        self.reason
    }

    /// The row that stays open meanwhile.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.life().record.key
    }

    /// The fencing token under which it is held.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.life().token
    }

    /// The record as it stands.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.life().record
    }

    /// What may be told already, where the policy says so: the first success of a reversal (R13d).
    #[must_use]
    pub fn provisional(&self) -> Option<Outcome> {
        let life = self.life();
        let record = &life.record;
        let early = life.policy.report_reversal == ReportReversal::FirstSuccess
            && record.stage == Stage::Reversing
            && record.rescue.first_success != FirstSuccess::None;
        early.then(|| Outcome::Reversed(record.why.clone().unwrap_or(Why::NotHeld)))
    }

    /// Goes on. Too early a call gives the same wait again.
    pub fn wake(self, now: Now) -> Step {
        if now.mono < self.until {
            return Step::Wait(self);
        }
        match self.held {
            Held::Persist(persist) => persist.wake(now),
            Held::Life(life, Resume::Ask) => Step::Settle(Settle { life }),
            Held::Life(life, Resume::AskBooks) => Step::AskBooks(AskBooks { life }),
            Held::Life(life, Resume::Pending) => match life.record.pending {
                Pending::Backoff(verb) | Pending::Quiet(verb) | Pending::Message(verb) => life.due(verb, now),
                Pending::Nothing => Step::AskBooks(AskBooks { life }),
            },
        }
    }

    fn life(&self) -> &Life {
        match &self.held {
            Held::Life(life, _) => life,
            Held::Persist(persist) => persist.life(),
        }
    }
}
