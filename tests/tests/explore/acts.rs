//! What can happen next. The first act of a worker is the good one and is free; every other is a departure.

use std::fmt;

use kicc_proto::{
    flow::{Step, table::Verb},
    journal::Standing,
    product::Product,
};

use super::{
    place::{DECLINED, DUPLICATE, UNKNOWN, UNLISTED, VAGUE},
    world::{Doing, Worker, World},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A worker does what it is about to do.
    Worker(usize, Deed),
    /// A commit without an answer lands after all.
    LateCommit,
    /// Recovery takes an open row whose worker is gone.
    Recover,
    /// The journal is restored from a backup that was taken when the attempt was first written down (R24).
    Restore,
    /// The shop puts the same order again (R3).
    SameOrderAgain,
    /// A person wants more tries for a parked record (R20).
    Retry,
    /// A person looks at the gateway's books, and says what is so (R20).
    Resolve,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Writes its row.
    Write(Write),
    /// Posts its message.
    Post(Fate),
    /// Reads the answer that has come meanwhile.
    Read,
    /// Wakes in time.
    Wake,
    /// Wakes a day and an hour later.
    Oversleep,
    /// Asks the merchant.
    Ask(Word),
    /// Tells the caller how it ended.
    Tell,
    /// Dies.
    Crash,
    /// Is stopped until its message may not go any more.
    Paused,
    /// Is stopped; another, whose clock runs ahead, takes over at once.
    Robbed,
    /// Is stopped for longer than its lease; another takes over.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    Stored,
    /// Known not stored.
    Full,
    /// Stored, and not known.
    AnswerLost,
    /// Not stored, and not known.
    Lost,
    /// Not stored yet, and not known: it may land later.
    Late,
    /// Stored; the worker dies.
    StoredThenCrash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Good,
    /// Nobody listens: not one byte leaves.
    Refused,
    /// The request is lost; no answer.
    Lost,
    /// The request is lost, and the connection breaks at once.
    LostReset,
    /// It is done; the answer is lost.
    AnswerLost,
    /// It is done; the connection breaks at once.
    AnswerReset,
    /// No answer; the request arrives so many milliseconds after it was sent.
    Delayed(u64),
    /// The connection breaks at once; the request arrives so many milliseconds later.
    DelayedReset(u64),
    /// It is done; the answer is read when its time is over.
    AnswerLate,
    /// It is done; HTTP 502.
    BadGateway,
    /// It is done; the answer is cut in the middle.
    Cut,
    /// It is done; the answer speaks of another order.
    Foreign,
    /// It is done; a byte of the message text is broken.
    Blemished,
    /// It is not done; the answer is that code.
    Code(&'static str),
    /// It is done; the answer is that code.
    DoneBut(&'static str),
    /// Another amount is approved.
    OtherAmount,
    /// It is done; the worker dies.
    DoneThenCrash,
    /// It is done; before the answer is read, another worker takes over.
    DoneThenRobbed,
    /// The same, after longer than the lease.
    DoneThenStopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Held,
    NotHeld,
    CannotTell,
    /// The books are written; their answer is lost.
    HeldButCannotTell,
    /// The books are written; the worker dies.
    HeldThenCrash,
    NotHeldThenCrash,
}

const WRITES: [Write; 6] =
    [Write::Stored, Write::Full, Write::AnswerLost, Write::Lost, Write::Late, Write::StoredThenCrash];

/// Requests arrive before and after the net-cancel that follows a give-up, always inside the quiet period.
const APPROVALS: [Fate; 24] = [
    Fate::Good,
    Fate::Refused,
    Fate::Lost,
    Fate::LostReset,
    Fate::AnswerLost,
    Fate::AnswerReset,
    Fate::Delayed(34_000),
    Fate::Delayed(60_000),
    Fate::DelayedReset(3_000),
    Fate::DelayedReset(34_000),
    Fate::AnswerLate,
    Fate::BadGateway,
    Fate::Cut,
    Fate::Foreign,
    Fate::Blemished,
    Fate::Code(DECLINED),
    Fate::Code(UNLISTED),
    Fate::Code(DUPLICATE),
    Fate::DoneBut(UNLISTED),
    Fate::DoneBut(UNKNOWN),
    Fate::OtherAmount,
    Fate::DoneThenCrash,
    Fate::DoneThenRobbed,
    Fate::DoneThenStopped,
];

const RESCUES: [Fate; 14] = [
    Fate::Good,
    Fate::Refused,
    Fate::Lost,
    Fate::LostReset,
    Fate::AnswerLost,
    Fate::Delayed(34_000),
    Fate::DelayedReset(3_000),
    Fate::BadGateway,
    Fate::Foreign,
    Fate::Blemished,
    Fate::Code(VAGUE),
    Fate::DoneThenCrash,
    Fate::DoneThenRobbed,
    Fate::DoneThenStopped,
];

const CANCELS: [Fate; 3] = [Fate::Code(DECLINED), Fate::Code(UNLISTED), Fate::DoneBut(VAGUE)];

impl World<'_> {
    /// Every act that is possible now, with its cost in departures.
    pub fn acts(&self) -> Vec<(Act, u8)> {
        let mut acts = Vec::new();
        for (n, worker) in self.workers.iter().enumerate() {
            let mut deeds = Vec::new();
            self.deeds(worker, &mut deeds);
            acts.extend(deeds.into_iter().map(|(deed, cost)| (Act::Worker(n, deed), cost)));
        }
        let open = self.rows.values().any(|row| row.standing == Standing::Open && !self.has_worker(row));
        let untold = self.rows.values().any(|row| row.standing != Standing::Open && !row.told);
        if self.workers.len() < 2 && (open || untold && self.workers.is_empty()) {
            acts.push((Act::Recover, 0));
        }
        if self.late_commit.is_some() {
            acts.push((Act::LateCommit, 0));
        }
        if self.workers.is_empty() {
            if let Some(row) = self.rows.values().find(|row| row.standing == Standing::Parked) {
                // A journal behind the books must not be driven on: a person looks (R24).
                let behind = row.record.0.contains("journal_behind_books");
                acts.extend((!behind).then_some((Act::Retry, 1)));
                acts.push((Act::Resolve, 1));
            }
            if self.backup.is_some() && !self.restored {
                acts.push((Act::Restore, 1));
            }
        }
        if !self.asked_again && self.rows.contains_key(&self.key()) {
            acts.push((Act::SameOrderAgain, 1));
        }
        acts.retain(|(_, cost)| *cost <= self.departures_left);
        acts
    }

    fn deeds(&self, worker: &Worker, deeds: &mut Vec<(Deed, u8)>) {
        let Some(doing) = &worker.doing else { return };
        let may_rob = self.workers.len() < 2;
        match doing {
            Doing::Step(Step::Persist(_)) => {
                deeds.extend(
                    WRITES.iter().map(|write| (Deed::Write(*write), u8::from(*write != Write::Stored))),
                );
            }
            Doing::Ready(ready) => {
                deeds.push((Deed::Post(Fate::Good), 0));
                if ready.may_still_go(self.now) {
                    deeds.push((Deed::Paused, 1));
                }
                let approve = ready.verb == Verb::Approve;
                let fates = if approve { &APPROVALS[..] } else { &RESCUES[..] };
                let more = if ready.verb == Verb::Cancel { &CANCELS[..] } else { &[] };
                for fate in fates.iter().skip(1).chain(more) {
                    let robs = matches!(fate, Fate::DoneThenRobbed | Fate::DoneThenStopped);
                    let texts = approve
                        || !matches!(fate, Fate::Foreign | Fate::Blemished)
                        || self.is_first_query(ready.verb);
                    let believable = !matches!(fate, Fate::DoneBut(_)) || self.may_lie(ready.verb);
                    if texts && believable && (may_rob || !robs) {
                        deeds.push((Deed::Post(*fate), 1));
                    }
                }
            }
            Doing::Sent { .. } => deeds.push((Deed::Read, 0)),
            Doing::Step(Step::Wait(_)) => {
                deeds.push((Deed::Wake, 0));
                deeds.push((Deed::Oversleep, 1));
            }
            Doing::Step(Step::Settle(_) | Step::AskBooks(_)) => {
                let (good, bad) = match self.books {
                    None => (
                        Word::Held,
                        &[
                            Word::NotHeld,
                            Word::HeldButCannotTell,
                            Word::HeldThenCrash,
                            Word::NotHeldThenCrash,
                        ][..],
                    ),
                    Some(true) => (Word::Held, &[][..]),
                    Some(false) => (Word::NotHeld, &[][..]),
                };
                let good = match doing {
                    // What was never put to the merchant is not in its books.
                    Doing::Step(Step::AskBooks(_)) if self.books.is_none() => Word::NotHeld,
                    _ => good,
                };
                deeds.push((Deed::Ask(good), 0));
                deeds.push((Deed::Ask(Word::CannotTell), 1));
                if matches!(doing, Doing::Step(Step::Settle(_))) {
                    deeds.extend(bad.iter().map(|word| (Deed::Ask(*word), 1)));
                }
            }
            Doing::Step(Step::Done(_)) => deeds.push((Deed::Tell, 0)),
            Doing::Step(Step::Transmit(_) | Step::InFlight(_)) => {}
        }
        deeds.push((Deed::Crash, 1));
        if may_rob
            && !matches!(doing, Doing::Step(Step::Done(_)) | Doing::Sent { .. })
            && self.can_be_robbed(worker)
        {
            deeds.push((Deed::Robbed, 1));
            deeds.push((Deed::Stopped, 1));
        }
    }

    /// Damage to texts is the same for every message of a kind: it is tried on what EasyTalkPay reads most.
    fn is_first_query(&self, verb: Verb) -> bool {
        verb == Verb::Query || self.place.habits.product == Product::Simple
    }

    /// Whether the gateway may do what it is asked and answer with a refusal. An approval's is settled, unless its
    /// word is taken by configuration; a cancel's is asked about, where it can be: else its word is all there is, and
    /// R15 has it that the approval stands.
    fn may_lie(&self, verb: Verb) -> bool {
        let habits = &self.place.habits;
        habits.settles && (habits.query || verb == Verb::Approve)
    }

    fn can_be_robbed(&self, worker: &Worker) -> bool {
        self.rows
            .get(&worker.key)
            .is_some_and(|row| row.standing == Standing::Open && row.token == worker.token)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Worker(n, deed) => write!(f, "worker {n}: {deed:?}"),
            other => write!(f, "{other:?}"),
        }
    }
}
