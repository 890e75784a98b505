//! A row that must be durable before anything else is done.

use alloc::{boxed::Box, sync::Arc};
use core::fmt;

use super::{
    Done, Ended, Step,
    life::Life,
    outcome::{Charged, OperatorReason, Outcome, RefundOutcome, Verdict},
    resume,
    settle::{AskBooks, Settle},
    table::{Action, Event, Stage, Verb},
    transmit::Transmit,
    wait::{Resume, Wait, WaitReason},
};
use crate::{
    journal::{
        Expect, Key, Kind, RecordText, Row, Standing, WriteError, Written,
        record::{Happening, Origin, Pending, Record},
    },
    time::{Millis, Mono, Now, UnixMillis},
    wire::NotSent,
};

/// Write [`Persist::row`] under [`Persist::expect`], and hand what came of it to [`Persist::written`].
#[must_use = "nothing is sent, and nobody is told, before the row is durable"]
#[derive(Debug)]
pub struct Persist {
    life: Box<Life>,
    expect: Expect,
    then: Then,
    /// A write of exactly this row was not answered (R2).
    unsettled: bool,
    tries: u32,
    written_down: UnixMillis,
}

/// The caller's memory for one row; make one and use it again and again. What it holds is wiped when it is dropped (R23).
#[derive(Default)]
pub struct RowBuffer {
    row: Option<Row>,
    /// What the row's text begins with, and where that ends.
    written: Option<(Origin, usize)>,
}

impl RowBuffer {
    /// An empty buffer; it grows to its working size with the first row.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for RowBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowBuffer").field("row", &self.row).finish_non_exhaustive()
    }
}

/// What follows once the row is durable.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    Send(Verb),
    Wait {
        reason: WaitReason,
        until: Mono,
    },
    Ask,
    AskAgain {
        until: Mono,
    },
    AskBooks,
    Done,
    /// The row is somebody else's; we only told them what we saw (R9).
    Leave,
}

impl Persist {
    /// The row of a new attempt or refund.
    pub(super) fn first(mut life: Box<Life>, now: Now) -> Self {
        let verb = match life.record.kind {
            Kind::Approval => Verb::Approve,
            Kind::Refund => Verb::Cancel,
        };
        life.record.pending = Pending::Message(verb);
        if let Some(cancel) = &mut life.record.cancel {
            // It may be sent from here on, and is kept until its outcome is known (R16).
            cancel.sent = cancel.sent.saturating_add(1);
        }
        life.record.note(now.wall, Happening::Sending(verb, 1));
        life.renew(now);
        Self::new(life, Expect::Absent, Then::Send(verb), now)
    }

    /// The next state of a row that we hold.
    pub(super) fn next(mut life: Box<Life>, then: Then, now: Now) -> Self {
        life.renew(now);
        let expect = Expect::Revision(life.revision);
        Self::new(life, expect, then, now)
    }

    fn new(life: Box<Life>, expect: Expect, then: Then, now: Now) -> Self {
        Persist { life, expect, then, unsettled: false, tries: 0, written_down: now.wall }
    }

    /// The row to write.
    #[must_use]
    pub fn row(&self) -> Row {
        self.with(self.life.record.encode())
    }

    /// The same in memory that is used again. The rows of one payment, one after the other, share what stays the same.
    pub fn row_in<'b>(&self, buffer: &'b mut RowBuffer) -> &'b Row {
        let mut text = buffer.row.take().map(|row| row.record).unwrap_or_default();
        self.life.record.encode_in(&mut text, &mut buffer.written);
        buffer.row.insert(self.with(text))
    }

    fn with(&self, text: RecordText) -> Row {
        let record = &self.life.record;
        let open = record.standing() == Standing::Open;
        let free = !open && !matches!(self.then, Then::Leave);
        Row {
            key: record.key.clone(),
            kind: record.kind,
            original: record.original.clone(),
            authorisation_mark: record.authorisation_mark,
            live: record.live(),
            standing: record.standing(),
            told: false,
            revision: self.life.revision + 1,
            token: self.life.token,
            holder: if free { Arc::default() } else { self.life.holder.clone() },
            lease_until: if free { UnixMillis(0) } else { self.life.lease_until },
            created_at: record.made_at,
            updated_at: self.written_down,
            suspect: false,
            record: text,
        }
    }

    /// The row's key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.life.record.key
    }

    /// What must be so for the write to be done.
    #[must_use]
    pub fn expect(&self) -> Expect {
        self.expect
    }

    /// What came of the write.
    pub fn written(self, result: Result<Written, WriteError>, now: Now) -> Step {
        match result {
            Ok(Written::Stored) => self.stored(),
            Ok(Written::Conflict(row)) if self.is_ours(&row) => self.stored(),
            Ok(Written::Conflict(row)) => self.conflict(*row, now),
            Ok(Written::UsedBefore) => Done::because(Ended::UsedBefore),
            Ok(Written::AuthorisationInUse(key)) => Done::because(Ended::AuthorisationInUse(key)),
            Ok(Written::AlreadyRefunding(row)) => Done::because(Ended::Known(row)),
            Err(WriteError::NotStored(_)) => self.not_stored(now),
            Err(WriteError::NotKnown(_)) => self.not_known(now),
        }
    }

    fn stored(mut self) -> Step {
        self.life.revision += 1;
        self.life.unrecorded_success = false;
        match self.then {
            Then::Send(verb) => Step::Transmit(Transmit { life: self.life, verb, again: false }),
            Then::Wait { reason, until } => Step::Wait(Wait::new(self.life, reason, until, Resume::Pending)),
            Then::Ask => Step::Settle(Settle { life: self.life }),
            Then::AskAgain { until } => {
                Step::Wait(Wait::new(self.life, WaitReason::Merchant, until, Resume::Ask))
            }
            Then::AskBooks => Step::AskBooks(AskBooks { life: self.life }),
            Then::Done => Done::of(self.life),
            Then::Leave => Done::because(Ended::TakenOver(Box::new(self.life.record.key.clone()))),
        }
    }

    /// Known not stored.
    fn not_stored(mut self, now: Now) -> Step {
        if self.unsettled {
            // The earlier write of the same row is still not known.
            return self.again(now);
        }
        if self.expect == Expect::Absent {
            return never_recorded(&self.life);
        }
        let ours = !matches!(self.then, Then::Leave);
        if ours && self.life.record.stage == Stage::Undecided && self.life.unrecorded_success {
            self.life.record.note(now.wall, Happening::NotRecorded);
            return self.life.advance(Verb::Approve, Event::NotRecorded, now);
        }
        self.again(now)
    }

    /// Perhaps stored: the same write decides, from the same revision (R2).
    fn not_known(mut self, now: Now) -> Step {
        self.unsettled = true;
        self.again(now)
    }

    fn again(mut self, now: Now) -> Step {
        // Once `send_by` has passed, the same write still decides: what it stores is closed by the next one, unsent.
        if self.expect == Expect::Absent && self.life.answer_by().passed(now) {
            let Life { record, token, .. } = *self.life;
            return Done::because(Ended::NotKnown { record: Box::new(record), token });
        }
        self.tries += 1;
        let pause = Millis(50 << self.tries.min(6)).min(self.life.policy.backoff_cap);
        let until = now.mono + pause;
        Step::Wait(Wait::for_journal(self, until))
    }

    /// After a pause for the journal's sake.
    pub(super) fn wake(mut self, now: Now) -> Step {
        if !self.unsettled && self.expect != Expect::Absent {
            self.life.renew(now);
            self.written_down = now.wall;
        }
        Step::Persist(self)
    }

    pub(super) fn life(&self) -> &Life {
        &self.life
    }

    /// Whether the row that stands there is the one we wrote, in a write that was not answered.
    fn is_ours(&self, row: &Row) -> bool {
        row.revision == self.life.revision + 1
            && row.token == self.life.token
            && row.record == self.life.record.encode()
    }

    fn conflict(self, row: Row, now: Now) -> Step {
        let Persist { life, expect, then, .. } = self;
        let stored = match Record::of_row(&row) {
            Ok(stored) => stored,
            // Not ours to judge, and nothing may be sent over it (R21).
            Err(_) => return Done::because(Ended::TakenOver(Box::new(row.key))),
        };
        if expect == Expect::Absent {
            let same = stored.fingerprint == life.record.fingerprint && stored.kind == life.record.kind;
            return Done::because(if same { Ended::Known(Box::new(row)) } else { Ended::OtherData });
        }
        if life.unrecorded_success {
            // Whoever only tells the holder carries the holder's token, and is not the holder (R20).
            let held = !matches!(then, Then::Leave) && row.token == life.token && row.holder == life.holder;
            return late_success(&life, held, row, stored, now);
        }
        if row.token == life.token && row.holder == life.holder {
            return resume::go_on(row, stored, &life.driver(), now);
        }
        Done::because(Ended::TakenOver(Box::new(row.key)))
    }
}

/// A success that is ours to tell and not ours to use: it is written onto the record as it stands now, and
/// whoever holds that goes on from there; a record that was closed is opened again (R9). `held`: by us. One of a restored
/// journal is left to recovery, which asks the books first (R24).
fn late_success(seen: &Life, held: bool, row: Row, stored: Record, now: Now) -> Step {
    let ours = held && !row.suspect;
    // An approval has one answer (R4): a record that tells of it has it from a write of ours that was not answered,
    // and what has closed it since was in knowledge of it.
    let closed_knowing = stored.stage == Stage::Closed && stored.approval.is_some();
    if !ours && (stored.rescue.late_success || closed_knowing) {
        return Done::because(Ended::TakenOver(Box::new(row.key)));
    }
    let driver = seen.driver();
    let mut life = Life::new(stored, None, &driver, now);
    life.revision = row.revision;
    life.token = row.token;
    life.holder = row.holder;
    life.unrecorded_success = true;
    if life.record.approval.is_none() {
        life.record.approval.clone_from(&seen.record.approval);
    }
    life.record.note(now.wall, Happening::LateSuccess);
    let resolved = life.record.parked.as_ref().is_some_and(|parked| parked.resolution.is_some());
    let closed = life.record.stage == Stage::Closed;
    if closed && resolved {
        life.record.ending = None;
        life.park_as(OperatorReason::LateSuccessAfterResolution, false, Stage::Reversing, now);
        if row.suspect {
            resume::keep_suspect(&mut life);
        }
        return leave(life, row.lease_until, now);
    }
    let row_after = life.transition(Verb::Approve, Event::LateSuccess, now);
    if ours {
        return life.perform(row_after, now);
    }
    if let Action::Send(message) = row_after.action() {
        match life.choose(message, now) {
            Some(verb) => life.record.pending = Pending::Backoff(verb),
            None => life.park_as(OperatorReason::NoStatusQuery, false, row_after.next(), now),
        }
    }
    if row.suspect {
        resume::keep_suspect(&mut life);
    }
    if held || closed && life.record.stage != Stage::Closed {
        // Nobody's now: recovery takes it at once.
        life.holder = "".into();
        return leave(life, UnixMillis(0), now);
    }
    leave(life, row.lease_until, now)
}

fn leave(mut life: Box<Life>, lease_until: UnixMillis, now: Now) -> Step {
    life.lease_until = lease_until;
    let expect = Expect::Revision(life.revision);
    Step::Persist(Persist::new(life, expect, Then::Leave, now))
}

fn never_recorded(life: &Life) -> Step {
    let why = NotSent::NotRecorded;
    let paid = life.rules().is_paid_before(&life.record);
    Done::because(Ended::Verdict(match life.record.kind {
        Kind::Approval if paid => Verdict::Approval(Outcome::NeedsOperator {
            why: OperatorReason::PaidNotRecorded,
            charged: Charged::Unknown,
            resolution: None,
        }),
        Kind::Approval => Verdict::Approval(Outcome::NeverSent(why)),
        Kind::Refund => Verdict::Refund(RefundOutcome::NotAttempted(why)),
    }))
}
