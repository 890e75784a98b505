//! What can happen next. The first act of a worker is the good one and is free; every other is a departure.

use kicc_proto::{
    flow::{Step, table::Verb},
    journal::Standing,
};

use super::{
    place::{DECLINED, DUPLICATE, NOON, UNKNOWN, UNLISTED, VAGUE},
    world::{Doing, Worker, World},
};

/// How much may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Budget {
    /// Departures of any kind.
    pub departures: u8,
    /// Crashes beside them.
    pub crashes: u8,
}

/// What an act takes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    Nothing,
    Departure,
    Crash,
}

impl Budget {
    pub fn is_empty(self) -> bool {
        self == Budget::default()
    }

    pub fn total(self) -> u8 {
        self.departures + self.crashes
    }

    /// What a departure from the good costs; `None`: too much.
    fn cost(self, act: Act) -> Option<Cost> {
        if self.crashes > 0 && act.is_a_crash() {
            Some(Cost::Crash)
        } else {
            (self.departures > 0).then_some(Cost::Departure)
        }
    }

    pub fn take(&mut self, cost: Cost) {
        match cost {
            Cost::Nothing => {}
            Cost::Departure => self.departures -= 1,
            Cost::Crash => self.crashes -= 1,
        }
    }
}

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
    /// Finds the machine's wall clock put.
    ClockPut(Jump),
    /// Is stopped; another, whose clock runs ahead, takes over at once.
    Robbed,
    /// Is stopped for longer than its lease; another takes over.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    TenMinutesBack,
    AnHourForward,
    ADayForward,
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
    /// It is done twice; the answer is lost.
    Twice,
    /// It is decided later; the answer says so.
    Pending {
        /// For it.
        paid: bool,
    },
    /// A little less is given back than was asked for.
    Partly,
    /// It is not done, for its token is refused.
    Unauthorized,
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
    /// The same, after it was asked for a day and an hour.
    CannotTellForADay,
    /// The books are written; their answer is lost.
    HeldButCannotTell,
    /// The books are written; the worker dies.
    HeldThenCrash,
    NotHeldThenCrash,
}

const WRITES: [Write; 5] = [Write::Full, Write::AnswerLost, Write::Lost, Write::Late, Write::StoredThenCrash];

const WORDS: [Word; 4] =
    [Word::NotHeld, Word::HeldButCannotTell, Word::HeldThenCrash, Word::NotHeldThenCrash];

/// Requests arrive before and after the net-cancel that follows a give-up, always inside the quiet period.
const APPROVALS: [Fate; 23] = [
    Fate::Refused,
    Fate::Lost,
    Fate::LostReset,
    Fate::AnswerLost,
    Fate::AnswerReset,
    Fate::Delayed(34_000),
    Fate::Delayed(60_000),
    Fate::DelayedReset(4_000),
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

const RESCUES: [Fate; 13] = [
    Fate::Refused,
    Fate::Lost,
    Fate::LostReset,
    Fate::AnswerLost,
    Fate::Delayed(34_000),
    Fate::DelayedReset(4_000),
    Fate::BadGateway,
    Fate::Foreign,
    Fate::Blemished,
    Fate::Code(VAGUE),
    Fate::DoneThenCrash,
    Fate::DoneThenRobbed,
    Fate::DoneThenStopped,
];

const CANCELS: [Fate; 3] = [Fate::Code(DECLINED), Fate::Code(UNLISTED), Fate::DoneBut(VAGUE)];

/// Where every act that is possible now is put, as far as it may be afforded.
struct Acts {
    acts: Vec<(Act, Cost)>,
    worker: usize,
    left: Budget,
}

impl Acts {
    fn free(&mut self, act: Act) {
        self.acts.push((act, Cost::Nothing));
    }

    fn departure(&mut self, act: Act) {
        if let Some(cost) = self.left.cost(act) {
            self.acts.push((act, cost));
        }
    }

    fn good(&mut self, deed: Deed) {
        self.free(Act::Worker(self.worker, deed));
    }

    fn bad(&mut self, deed: Deed) {
        self.departure(Act::Worker(self.worker, deed));
    }
}

impl World<'_> {
    /// Every act that is possible now, with its cost.
    pub fn acts(&self) -> Vec<(Act, Cost)> {
        let mut acts = Acts { acts: Vec::with_capacity(32), worker: 0, left: self.left };
        for (n, worker) in self.workers.iter().enumerate() {
            acts.worker = n;
            self.good_deeds(worker, &mut acts);
            if !self.left.is_empty() {
                self.bad_deeds(worker, &mut acts);
            }
        }
        let open = self.rows.values().any(|row| row.standing == Standing::Open && !self.has_worker(row));
        let untold = self.rows.values().any(|row| row.standing != Standing::Open && !row.told);
        if self.workers.len() < 2 && (open || untold && self.workers.is_empty()) {
            acts.free(Act::Recover);
        }
        if self.late_commit.is_some() {
            acts.free(Act::LateCommit);
        }
        // A worker that was stopped may still have an answer to read.
        let waits = |worker: &Worker| matches!(worker.doing, Some(Doing::Sent { .. }));
        if self.workers.len() < 2
            && self.workers.iter().all(waits)
            && self.rows.values().any(|row| row.standing == Standing::Parked)
        {
            acts.departure(Act::Retry);
            acts.departure(Act::Resolve);
        }
        if self.workers.is_empty() && self.backup.is_some() && !self.restored {
            acts.departure(Act::Restore);
        }
        if !self.asked_again && self.rows.contains_key(&self.key()) {
            acts.departure(Act::SameOrderAgain);
        }
        acts.acts
    }

    fn good_deeds(&self, worker: &Worker, acts: &mut Acts) {
        match &worker.doing {
            Some(Doing::Write(..)) => acts.good(Deed::Write(Write::Stored)),
            Some(Doing::Ready(_)) => acts.good(Deed::Post(Fate::Good)),
            Some(Doing::Sent { .. }) => acts.good(Deed::Read),
            Some(Doing::Step(Step::Wait(_))) => acts.good(Deed::Wake),
            Some(Doing::Step(Step::Done(_))) => acts.good(Deed::Tell),
            Some(Doing::Step(Step::Settle(_))) => {
                acts.good(Deed::Ask(if self.books == Some(false) { Word::NotHeld } else { Word::Held }));
            }
            // What was never put to the merchant is not in its books.
            Some(Doing::Step(Step::AskBooks(_))) => {
                acts.good(Deed::Ask(if self.books == Some(true) { Word::Held } else { Word::NotHeld }));
            }
            Some(Doing::Step(Step::Persist(_) | Step::Transmit(_) | Step::InFlight(_))) | None => {}
        }
    }

    fn bad_deeds(&self, worker: &Worker, acts: &mut Acts) {
        let Some(doing) = &worker.doing else { return };
        let may_rob = self.workers.len() < 2;
        match doing {
            Doing::Write(..) => WRITES.iter().for_each(|write| acts.bad(Deed::Write(*write))),
            Doing::Ready(ready) => {
                if ready.may_still_go(self.now) {
                    acts.bad(Deed::Paused);
                }
                let approve = ready.verb == Verb::Approve;
                let own = self.place.sample.fates(&self.place.habits, ready.verb);
                let fates = own.unwrap_or(if approve { &APPROVALS } else { &RESCUES });
                let more = if ready.verb == Verb::Cancel && own.is_none() { &CANCELS[..] } else { &[] };
                for fate in fates.iter().chain(more) {
                    let robs = matches!(fate, Fate::DoneThenRobbed | Fate::DoneThenStopped);
                    let texts = approve
                        || !matches!(fate, Fate::Foreign | Fate::Blemished)
                        || self.place.sample.reads_texts_of(ready.verb);
                    let believable = !matches!(fate, Fate::DoneBut(_)) || self.may_lie(ready.verb);
                    if texts && believable && (may_rob || !robs) {
                        acts.bad(Deed::Post(*fate));
                    }
                }
            }
            Doing::Step(Step::Wait(_)) => acts.bad(Deed::Oversleep),
            Doing::Step(Step::Settle(_)) => {
                acts.bad(Deed::Ask(Word::CannotTell));
                acts.bad(Deed::Ask(Word::CannotTellForADay));
                if self.books.is_none() {
                    WORDS.iter().for_each(|word| acts.bad(Deed::Ask(*word)));
                }
            }
            Doing::Step(Step::AskBooks(_)) => {
                acts.bad(Deed::Ask(Word::CannotTell));
                acts.bad(Deed::Ask(Word::CannotTellForADay));
            }
            Doing::Sent { .. } | Doing::Step(_) => {}
        }
        acts.bad(Deed::Crash);
        // Near midnight a wrong clock has wrong dates, which nothing can make good.
        if !self.clock_was_put
            && self.place.habits.begins == NOON
            && matches!(doing, Doing::Ready(_) | Doing::Step(Step::Wait(_)))
        {
            for jump in [Jump::TenMinutesBack, Jump::AnHourForward, Jump::ADayForward] {
                acts.bad(Deed::ClockPut(jump));
            }
        }
        if may_rob
            && !matches!(doing, Doing::Step(Step::Done(_)) | Doing::Sent { .. })
            && self.can_be_robbed(worker)
        {
            acts.bad(Deed::Robbed);
            acts.bad(Deed::Stopped);
        }
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

impl Act {
    /// Whether a process dies by it, and nothing else goes wrong.
    fn is_a_crash(self) -> bool {
        matches!(
            self,
            Act::Worker(
                _,
                Deed::Crash
                    | Deed::Write(Write::StoredThenCrash)
                    | Deed::Post(Fate::DoneThenCrash)
                    | Deed::Ask(Word::HeldThenCrash | Word::NotHeldThenCrash)
            )
        )
    }
}
