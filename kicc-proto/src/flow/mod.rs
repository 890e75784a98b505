//! What to do next. One engine for all products.
//!
//! Each [`Step`] is a value with only its own verbs; acting on it consumes it and gives the next, so that the
//! safe order is the only order that compiles. A driver is a loop over it:
//!
//! | step | what the driver does | and says so by |
//! |---|---|---|
//! | [`Persist`] | writes the row to its journal | [`Persist::written`] |
//! | [`Transmit`] | takes the bytes and posts them | [`Transmit::encode`] |
//! | [`InFlight`] | says when the last byte went, and waits for the answer | [`InFlight::written`], then [`InFlight::reply`], [`InFlight::failed`] or [`InFlight::lost`] |
//! | [`Wait`] | comes back later | [`Wait::wake`] |
//! | [`Settle`] | asks the merchant's accept step | [`Settle::accept`], [`Settle::refuse`], [`Settle::cannot_tell`] |
//! | [`AskBooks`] | asks it after a backup was restored | [`AskBooks::held`], [`AskBooks::not_held`], [`AskBooks::cannot_tell`], [`AskBooks::nobody_to_ask`] |
//! | [`Done`] | tells the caller what [`Ended`] asks for | [`Done::into_ended`] |
//!
//! Bytes of an approval come only out of a [`Transmit`], and that only out of [`Persist::written`] (R1). There is
//! no verb to send an approval again (R4). Two drivers may meet on one record; every write is a compare-and-set
//! under a token, and the one who loses is told so (R20).
//!
//! Which stage follows which is decided by one table for all products: [`table`].
//!
//! Dropping a step is a crash, and safe: [`resume`] goes on from the record (R17).
//!
//! What the steps cannot see, such as which new numbers the journal takes (R24), is a driver's duty: the list of them is
//! in `docs/own-runtime.md` of the repository.
//!
//! What the compiler refuses, beside what it takes:
//!
//! ```
//! # use kicc_proto::{flow::{InFlight, Persist, Step}, journal::{Journal, Row}, time::Now, wire::Reply};
//! fn record(persist: Persist, journal: &dyn Journal, now: Now) -> Step {
//!     let result = journal.write(&persist.row(), persist.expect());
//!     persist.written(result, now)
//! }
//!
//! fn answer(sent: InFlight, reply: Reply<'_>, now: Now) -> Step {
//!     sent.reply(reply, now)
//! }
//! ```
//!
//! Bytes before the row is durable (R1):
//!
//! ```compile_fail,E0599
//! # use kicc_proto::{flow::Persist, product::Credentials, time::Now, wire::{RequestBuffer, sign::Nonce}};
//! fn send(persist: Persist, keys: Credentials<'_>, nonce: Nonce, now: Now, buffer: &mut RequestBuffer) {
//!     let _ = persist.encode(keys, nonce, now, buffer);
//! }
//! ```
//!
//! The same message twice, or two answers to one (R4, R9):
//!
//! ```compile_fail,E0382
//! # use kicc_proto::{flow::Transmit, product::Credentials, time::Now, wire::{RequestBuffer, sign::Nonce}};
//! fn send(transmit: Transmit, keys: Credentials<'_>, nonce: Nonce, now: Now, buffer: &mut RequestBuffer) {
//!     let _ = transmit.encode(keys, nonce, now, buffer);
//!     let _ = transmit.encode(keys, nonce, now, buffer);
//! }
//! ```
//!
//! ```compile_fail,E0382
//! # use kicc_proto::{flow::{InFlight, Step}, time::Now, wire::Reply};
//! fn answer(sent: InFlight, first: Reply<'_>, second: Reply<'_>, now: Now) -> (Step, Step) {
//!     (sent.reply(first, now), sent.reply(second, now))
//! }
//! ```
//!
//! An obligation that is let drop:
//!
//! ```compile_fail
//! # #![deny(unused_must_use)]
//! # use kicc_proto::{flow::InFlight, time::Now};
//! fn give_up(sent: InFlight, now: Now) {
//!     sent.lost(now);
//! }
//! ```

pub mod approval;
mod life;
pub mod outcome;
mod persist;
mod person;
pub mod policy;
mod refund;
mod resume;
pub mod said;
mod settle;
pub mod table;
mod transmit;
mod wait;

#[cfg(test)]
mod tests;

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt::{self, Write as _};

use arrayvec::ArrayString;

pub use self::{
    outcome::{Charged, OperatorReason, Outcome, RefundOutcome, Verdict},
    persist::{Persist, RowBuffer},
    person::{PersonError, resolve, retry},
    policy::Policy,
    refund::{PartialRefund, RefundCall, RefundError, call_refund, refund},
    resume::resume,
    settle::{AskBooks, Settle},
    transmit::{InFlight, Transmit},
    wait::{Wait, WaitReason},
};
use crate::{
    journal::{
        Key, Kind, Row,
        record::{Happening, Record},
    },
    product::{Merchant, Payload},
    time::{Now, UnixMillis},
    values::{Amount, Bytes, Invalid, KstDateTime, Mark, Problem, Secret, Won},
};
use life::Life;

/// The next obligation.
#[must_use = "a payment step carries an obligation; dropping it is a crash, and only `resume` recovers"]
#[derive(Debug)]
pub enum Step {
    /// Make a row durable.
    Persist(Persist),
    /// Post a message.
    Transmit(Transmit),
    /// A message is under way.
    InFlight(InFlight),
    /// Come back later.
    Wait(Wait),
    /// Money moved: the merchant decides.
    Settle(Settle),
    /// The journal was restored: ask the merchant's books first (R24).
    AskBooks(AskBooks),
    /// It has ended, for this driver at least.
    Done(Done),
}

/// What a driver is.
#[derive(Debug, Clone)]
pub struct Driver {
    /// What the merchant decided about the flow. [`Policy::check`] it once: `open` and [`resume`] trust it.
    pub policy: Arc<Policy>,
    /// The name under which leases are held (R20): the journal's own, [`Journal::holder`](crate::journal::Journal::holder).
    pub holder: Arc<str>,
    /// Whether there is an accept step (R19).
    pub accept_step: bool,
}

/// The end of a drive.
#[must_use]
#[derive(Debug)]
pub struct Done {
    ended: Ended,
    life: Option<Box<Life>>,
}

/// How a drive ended.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "the large one is the common one, and is made once per payment")]
pub enum Ended {
    /// The attempt or refund has ended, durably unless nothing of it was ever recorded ([`Done::is_unrecorded`]): that is
    /// the end only where the journal holds no row of the number, which somebody else may have written (R3).
    Verdict(Verdict),
    /// The number is known, with the same data (R3); or a refund of that approval is open or done (R16). Its end is
    /// [`Record::of_row`]'s verdict; without one it is open, and somebody has it or recovery will. Nothing was sent.
    Known(Box<Row>),
    /// The number is known, with other data: an input error (R3). Nothing was sent.
    OtherData,
    /// The number was used, and its record was pruned (R22). Nothing was sent. Of the refund of a whole it means one more
    /// that is to be counted as `pruned` by [`call_refund`].
    UsedBefore,
    /// The authorisation is spent, or being spent, under another number (R3). Nothing was sent.
    AuthorisationInUse(Box<Key>),
    /// Another worker has it now, and it may have been sent: its end will be in the journal.
    TakenOver(Box<Key>),
    /// It is not known whether its first row is stored, and it is too late to send: this drive has sent nothing and
    /// has no outcome to tell. Whoever finds the row there goes on with it (R2, R22).
    NotKnown {
        /// What the row holds, if it is there.
        record: Box<Record>,
        /// Its token; the lease under it is to be given back ([`Journal::release`](crate::journal::Journal::release)).
        token: u64,
    },
}

/// For a log: numbers, no secret (R23).
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Verdict(verdict) => f.write_str(verdict.name()),
            Ended::Known(row) => write!(f, "{} is known", row.key.number),
            Ended::OtherData => f.write_str("the number is known, with other data"),
            Ended::UsedBefore => f.write_str("the number was used before"),
            Ended::AuthorisationInUse(key) => write!(f, "the authorisation is used by {}", key.number),
            Ended::TakenOver(key) => write!(f, "another worker has {}", key.number),
            Ended::NotKnown { record, .. } => {
                write!(f, "whether {} is recorded is not known, and it was not sent", record.key.number)
            }
        }
    }
}

impl Done {
    /// The end.
    #[must_use]
    pub fn ended(&self) -> &Ended {
        &self.ended
    }

    /// The end.
    #[must_use]
    pub fn into_ended(self) -> Ended {
        self.ended
    }

    /// The end, with the record as it was closed or parked.
    #[must_use]
    pub fn into_parts(self) -> (Ended, Option<Box<Record>>) {
        (self.ended, self.life.map(|life| Box::new(life.record)))
    }

    /// The record as it was closed or parked.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.life.as_ref().map(|life| &life.record)
    }

    /// Whether it is an end of which nothing was recorded.
    #[must_use]
    pub fn is_unrecorded(&self) -> bool {
        matches!(self.ended, Ended::Verdict(_)) && self.life.is_none()
    }

    /// The revision that is to be marked as told (R22), when the end is in the journal.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.life.as_ref().map(|life| life.revision)
    }

    fn because(ended: Ended) -> Step {
        Step::Done(Done { ended, life: None })
    }

    fn of(life: Box<Life>) -> Step {
        match life.record.verdict() {
            Some(verdict) => Step::Done(Done { ended: Ended::Verdict(verdict), life: Some(life) }),
            None => Self::because(Ended::TakenOver(Box::new(life.record.origin.key))),
        }
    }
}

/// What a product makes of an order.
pub(crate) struct Attempt {
    pub key: Key,
    pub amount: Amount,
    pub payload: Payload,
    pub fingerprint: Mark,
    pub authorisation_mark: Option<Mark>,
    /// The approval's body: only the process that made it has it (R4).
    pub body: ApprovalBody,
    /// The net-cancel's body, where the product has one (R10).
    pub net_cancel: Secret,
}

/// The body of an approval that was not sent yet.
pub(crate) enum ApprovalBody {
    /// By itself.
    Whole(Bytes),
    /// The net-cancel's, which the record holds, and in it one more field.
    LikeNetCancel {
        /// Its name.
        name: &'static str,
        /// In won.
        amount: Won,
        /// How many bytes of the net-cancel's body stand behind it.
        behind: u16,
    },
}

impl ApprovalBody {
    /// Writes it where there is room.
    pub fn append_to(&self, net_cancel: &Secret, out: &mut Vec<u8>) {
        match self {
            ApprovalBody::Whole(body) => out.extend_from_slice(body),
            ApprovalBody::LikeNetCancel { name, amount, behind } => {
                let body = net_cancel.expose();
                let (before, behind) = body.split_at(body.len().saturating_sub(usize::from(*behind)));
                let mut field = ArrayString::<64>::new();
                // A `u64` has 20 digits at most.
                let _ = write!(field, r#","{name}":{}"#, amount.0);
                [before, field.as_bytes(), behind].iter().for_each(|part| out.extend_from_slice(part));
            }
        }
    }
}

/// Begins an attempt: the row is to be written first.
pub(crate) fn open(attempt: Attempt, opening: &Opening<'_>, now: Now) -> Persist {
    let driver = opening.driver;
    let Attempt { key, amount, payload, fingerprint, authorisation_mark, body, net_cancel } = attempt;
    let until = now.wall + driver.policy.send_by;
    let (key, what) = ((key, Kind::Approval), (amount, payload));
    let mut record = Record::new(opening.attempt, key, what, fingerprint, (now.wall, until));
    record.authorisation_mark = authorisation_mark;
    record.accept_step = driver.accept_step;
    record.net_cancel = net_cancel;
    record.note(now.wall, Happening::Made);
    Persist::first(Life::new(record, Some(body), driver, now), now)
}

/// The second in Korea in which an order is sold.
///
/// # Errors
/// A wall clock that stands before this release: it is wrong, and signs, dates and horizons with it (R25).
pub(crate) fn selling_at(now: Now) -> Result<KstDateTime, Invalid> {
    /// 2026-11-01, UTC.
    const RELEASED: UnixMillis = UnixMillis(1_793_491_200_000);
    if now.wall < RELEASED {
        return Err(Problem::Other("stands before this release: set it right").of("clock"));
    }
    KstDateTime::from_unix(now.wall)
}

/// The ids and the driver of a new attempt.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Who sells.
    pub merchant: &'a Merchant,
    /// Who drives.
    pub driver: &'a Driver,
    /// 16 bytes from the caller's randomness.
    pub attempt: [u8; 16],
}
