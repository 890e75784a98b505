//! The merchant's word.

use alloc::boxed::Box;

use super::{
    Step,
    approval::Approval,
    life::Life,
    outcome::OperatorReason,
    persist::{Persist, Then},
    person, resume,
    table::{Event, Verb},
    wait::{Resume, Wait, WaitReason},
};
use crate::{
    journal::{
        Key,
        record::{Happening, Pending, Record},
    },
    time::Now,
    values::Amount,
};

/// The gateway approved, and that is durable: the merchant's books decide (R18, R19). Put it to the accept
/// step, which must be idempotent: it is asked at least once. Where none was ever configured, accept.
#[must_use = "money moved: accept it or void it"]
#[derive(Debug)]
pub struct Settle {
    pub(super) life: Box<Life>,
}

impl Settle {
    /// Whose it is.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.life.record.key
    }

    /// The fencing token; the lease is renewed under it while the merchant decides (R20).
    #[must_use]
    pub fn token(&self) -> u64 {
        self.life.token
    }

    /// What was asked for, in won.
    #[must_use]
    pub fn amount(&self) -> &Amount {
        &self.life.record.amount
    }

    /// What the gateway stated.
    #[must_use]
    pub fn approval(&self) -> Option<&Approval> {
        self.life.record.approval.as_ref()
    }

    /// The record as it stands.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.life.record
    }

    /// The books hold it. The write may find that it is too late: then the end is
    /// [`Ended::TakenOver`](super::Ended::TakenOver), and the approval is being reversed.
    pub fn accept(self, now: Now) -> Step {
        self.decide(Happening::Held, Event::Held, now)
    }

    /// The books do not hold it, and will not: it is cancelled.
    pub fn refuse(self, now: Now) -> Step {
        self.decide(Happening::NotHeld, Event::NotHeld, now)
    }

    /// The merchant cannot tell: asked again until the horizon (R19).
    pub fn cannot_tell(self, now: Now) -> Step {
        self.decide(Happening::CannotTell, Event::CannotTell, now)
    }

    fn decide(mut self, happening: Happening, event: Event, now: Now) -> Step {
        self.life.record.note(now.wall, happening);
        self.life.advance(Verb::Approve, event, now)
    }
}

/// The journal was restored from a backup that may be older than the sale's end: nothing is sent before the
/// merchant's books were asked (R24).
#[must_use = "the attempt is open; nothing is sent for it before the books were asked"]
#[derive(Debug)]
pub struct AskBooks {
    pub(super) life: Box<Life>,
}

impl AskBooks {
    /// Whose it is.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.life.record.key
    }

    /// The fencing token.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.life.token
    }

    /// The record as the backup has it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.life.record
    }

    /// The books hold a sale that this journal knows nothing of: a person must look.
    pub fn held(mut self, now: Now) -> Step {
        self.life.record.note(now.wall, Happening::Held);
        self.park(OperatorReason::JournalBehindBooks, now)
    }

    /// The books hold nothing: the record is as good as any.
    pub fn not_held(mut self, now: Now) -> Step {
        self.life.record.note(now.wall, Happening::NotHeld);
        if self.life.record.pending == Pending::Nothing {
            self.life.record.pending = person::first_message(&self.life);
        }
        resume::obligation(self.life, now)
    }

    /// The merchant cannot tell: asked again until the horizon (R19).
    pub fn cannot_tell(mut self, now: Now) -> Step {
        self.life.record.note(now.wall, Happening::CannotTell);
        if self.life.horizon_passed(now) {
            return self.park(OperatorReason::AcceptCannotTell, now);
        }
        self.life.record.rescue.asked = self.life.record.rescue.asked.saturating_add(1);
        let pause = self.life.policy.backoff(0, self.life.record.rescue.asked);
        let until = now.mono + pause;
        Step::Wait(Wait::new(self.life, WaitReason::Merchant, until, Resume::AskBooks))
    }

    /// There is nobody who could be asked: a person must look.
    pub fn nobody_to_ask(self, now: Now) -> Step {
        self.park(OperatorReason::JournalBehindBooks, now)
    }

    fn park(mut self, why: OperatorReason, now: Now) -> Step {
        let from = self.life.record.stage;
        self.life.park_as(why, false, from, now);
        Step::Persist(Persist::next(self.life, Then::Done, now))
    }
}
