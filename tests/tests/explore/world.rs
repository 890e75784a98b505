//! One run: the real engine, its driver, and everything around it that can fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    rc::Rc,
};

use kicc_proto::{
    flow::{
        Done, Driver, Ended, InFlight, Opening, Outcome, Persist, PersonError, RefundOutcome, Step, Verdict,
        outcome::Resolution,
        refund, resolve, resume, retry,
        table::{Stage, Verb},
    },
    journal::{Expect, Key, Kind, Row, Standing, record::Record},
    time::{Deadline, Millis, Mono, Now},
    wire::{NotSent, RequestBuffer, sign::Nonce},
};

use super::{
    acts::{Act, Budget, Cost},
    coverage::Coverage,
    glance::Noted,
    machines::Machine,
    place::Place,
    van::{Ledger, Van},
};

/// What a worker has in hand.
pub enum Doing {
    /// About to write that row.
    Write(Persist, Rc<Noted>),
    /// Another step.
    Step(Step),
    /// Encoded; not one byte has left.
    Ready(Box<Ready>),
    /// Answered; not read yet.
    Sent { in_flight: Box<InFlight>, answer: Vec<u8> },
}

pub struct Ready {
    pub verb: Verb,
    pub in_flight: InFlight,
    pub body: Vec<u8>,
    pub token: u64,
    pub permit: Deadline,
}

impl Ready {
    /// Whether its permission holds still.
    pub fn may_still_go(&self, now: Now) -> bool {
        !self.permit.passed(now)
    }
}

pub struct Worker {
    pub doing: Option<Doing>,
    pub key: Key,
    pub token: u64,
    /// The row that it wrote or was given last.
    pub row: Option<Rc<Noted>>,
    /// The same before its latest write, for a machine that does not flush.
    pub before: Option<Rc<Noted>>,
    /// The row that it waits to write again.
    pub again: Option<Rc<Noted>>,
    /// A write of its present row was not answered.
    pub unsettled: bool,
    /// Failed writes of its present row.
    pub tries: u32,
    /// Its first row, or an approval's answer, may still surprise whoever has the row.
    pub approving: bool,
    /// When it began, and when a message of it that moves money was last given up.
    pub begun: Mono,
    pub gave_up: Mono,
    /// Its message is in hand since then.
    pub sent_at: Mono,
    /// It read an answer after its time.
    pub late: bool,
    /// Its message was sent before, and its token refused.
    pub repeats: bool,
}

/// What the world's rules look at, beside the books.
#[derive(Default)]
pub struct Wire {
    pub approvals: u32,
    pub net_cancel: Option<Vec<u8>>,
    pub cancel: Option<Vec<u8>>,
    /// Which messages were made durable: under which token, in which revision.
    pub durable: BTreeSet<(u64, u64)>,
    /// A query showed the approval standing since the latest cancel.
    pub stood_since: bool,
}

/// An approved sale in which nothing went wrong.
#[derive(Clone)]
pub struct Sold {
    now: Now,
    rows: BTreeMap<Key, Rc<Noted>>,
    van: Van,
}

pub struct World<'a> {
    pub place: &'a Place,
    pub machine: Machine,
    /// What this machine's clocks say.
    pub now: Now,
    /// What the gateway's say, which go right.
    pub real: Now,
    pub rows: BTreeMap<Key, Rc<Noted>>,
    pub late_commit: Option<(Rc<Noted>, Expect)>,
    pub backup: Option<BTreeMap<Key, Rc<Noted>>>,
    pub workers: Vec<Worker>,
    pub van: Van,
    pub books: Option<bool>,
    /// What the caller was told last.
    pub told: Option<Verdict>,
    /// How much may still go wrong.
    pub left: Budget,
    pub wire: Wire,
    pub restored: bool,
    /// A day and more passed in which nothing was done, or so the clock says.
    pub overslept: bool,
    pub clock_was_put: bool,
    pub resolved: bool,
    pub asked_again: bool,
    /// A person must look, and none has.
    pub parked: bool,
    /// What is done is judged; a replay was judged before.
    pub judges: bool,
    /// What rule was broken.
    pub broken: Option<String>,
    /// The lines of a sequence diagram, if they are wanted.
    pub diagram: Option<Vec<String>>,
    /// What was met, if that is wanted.
    pub coverage: Option<Coverage>,
    buffer: RequestBuffer,
}

impl<'a> World<'a> {
    pub fn new(place: &'a Place, machine: Machine, budget: Budget) -> Self {
        let Some(after) = place.habits.refund_after else {
            let mut world = World::empty(place, machine);
            world.open();
            world.left = budget;
            return world;
        };
        let sold = place.sold.get_or_init(|| {
            let mut world = World::empty(place, Machine::Real);
            world.open();
            world.run_forced();
            world.later(after.0);
            Sold { now: world.now, rows: world.rows, van: world.van }
        });
        let Sold { now, rows, van } = sold.clone();
        let world = World::empty(place, machine);
        let mut world = World { now, real: now, rows, van, books: Some(true), left: budget, ..world };
        world.begin_refund(0);
        world
    }

    fn empty(place: &'a Place, machine: Machine) -> Self {
        World {
            place,
            machine,
            now: place.begins,
            real: place.begins,
            rows: BTreeMap::new(),
            late_commit: None,
            backup: None,
            workers: Vec::new(),
            van: Van::new(place),
            books: None,
            told: None,
            left: Budget::default(),
            wire: Wire::default(),
            restored: false,
            overslept: false,
            clock_was_put: false,
            resolved: false,
            asked_again: false,
            parked: false,
            judges: true,
            broken: None,
            diagram: None,
            coverage: None,
            buffer: RequestBuffer::new(),
        }
    }

    pub fn key(&self) -> Key {
        self.place.merchant.key(self.place.order.number().clone())
    }

    /// The row that is being worked on: the refund's, once there is one.
    pub fn row(&self) -> Option<&Rc<Noted>> {
        self.rows.values().find(|row| row.kind == Kind::Refund).or_else(|| self.rows.values().next())
    }

    pub fn has_worker(&self, row: &Noted) -> bool {
        self.workers
            .iter()
            .any(|worker| worker.key == row.key && worker.token == row.token && !row.holder.is_empty())
    }

    pub fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(diagram) = &mut self.diagram {
            diagram.push(line());
        }
    }

    pub fn must(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds && self.broken.is_none() {
            let rule = rule();
            self.say(|| format!("Note over S,G: broken: {rule}"));
            self.broken = Some(rule);
        }
    }

    pub fn later(&mut self, millis: u64) {
        for clock in [&mut self.now, &mut self.real] {
            *clock = Now { mono: clock.mono + Millis(millis), wall: clock.wall + Millis(millis) };
        }
        self.van.catch_up(self.real);
    }

    /// Goes on as long as there is no choice. A worker may die at any time, if that may be afforded.
    pub fn run_forced(&mut self) {
        while self.broken.is_none() && (self.left.is_empty() || self.workers.is_empty()) {
            match self.acts()[..] {
                [(act, Cost::Nothing)] => self.perform(act, Cost::Nothing),
                _ => return,
            }
        }
    }

    pub fn perform(&mut self, act: Act, cost: Cost) {
        self.left.take(cost);
        match act {
            Act::Worker(n, deed) => self.deed(n, deed),
            Act::LateCommit => {
                if let Some((row, expect)) = self.late_commit.take() {
                    self.say(|| "Note over J: the late commit lands".into());
                    drop(self.commit(row, expect));
                }
            }
            Act::Recover => self.recover(),
            Act::Restore => {
                self.say(|| "Note over J: restored from a backup".into());
                self.restored = true;
                // It takes the old journal's place, with all that was under way there.
                self.late_commit = None;
                if mem::take(&mut self.parked) {
                    // What waited for a person is driven again, by an older record.
                    self.told = None;
                }
                self.rows = self.backup.take().unwrap_or_default();
                for row in self.rows.values_mut() {
                    *row = row.with(|row| row.suspect = true);
                }
            }
            Act::SameOrderAgain => self.same_order_again(),
            Act::Retry => self.person_retries(),
            Act::Resolve => self.person_resolves(),
        }
    }

    pub fn driver(&self, holder: u64) -> Driver {
        Driver { policy: self.place.policy.clone(), holder: format!("w{holder}").into(), accept_step: true }
    }

    fn open(&mut self) {
        let driver = self.driver(1);
        let opening = Opening { merchant: &self.place.merchant, driver: &driver, attempt: [1; 16] };
        let persist = self.place.order.open(&opening, self.now).expect("a valid order");
        self.say(|| "S->>W1: order".into());
        let key = self.key();
        self.hire(key, 1, None, true, Step::Persist(persist));
    }

    fn begin_refund(&mut self, earlier: u32) {
        let original = self.rows[&self.key()].record();
        let driver = self.driver(1);
        let opening = Opening { merchant: &self.place.merchant, driver: &driver, attempt: [2; 16] };
        let persist = refund(&original, earlier, &opening, self.now).expect("an approval to refund");
        self.say(|| "S->>W1: refund".into());
        let key = persist.key().clone();
        self.hire(key, 1, None, true, Step::Persist(persist));
    }

    fn hire(&mut self, key: Key, token: u64, row: Option<Rc<Noted>>, approving: bool, step: Step) {
        let now = self.now.mono;
        let worker = Worker {
            doing: None,
            key,
            token,
            before: None,
            again: None,
            row,
            unsettled: false,
            tries: 0,
            approving,
            begun: now,
            gave_up: now,
            sent_at: now,
            late: false,
            repeats: false,
        };
        self.workers.push(worker);
        self.take_up(self.workers.len() - 1, step);
    }

    /// Another takes the row of a worker that does not move, or that is gone (R20).
    fn recover(&mut self) {
        let row = self.rows.values().find(|row| row.standing == Standing::Open && !self.has_worker(row));
        let Some(row) = row.cloned() else {
            // Nothing is open: an end that nobody was told is told (R22).
            let Some(row) = self.rows.values().find(|row| !row.told).cloned() else { return };
            let driver = self.driver(row.token);
            let (key, token) = (row.key.clone(), row.token);
            match resume(Row::clone(&row), &self.place.merchant, &driver, self.now) {
                Ok(step) => self.hire(key, token, Some(row), false, step),
                Err(error) => self.must(false, || format!("R17: {error}")),
            }
            return;
        };
        self.claim(row);
    }

    pub fn claim(&mut self, row: Rc<Noted>) {
        if self.machine == Machine::RefundsUnderAFreshNumber && row.kind == Kind::Refund {
            self.rows.remove(&row.key);
            let earlier = row.record().cancel.map_or(0, |cancel| cancel.sequence);
            self.begin_refund(earlier);
            return;
        }
        let (row, driver) = self.lease(&row);
        let token = row.token;
        self.say(|| format!("J->>W{token}: claimed"));
        if self.machine == Machine::IntentIsNeverSent && row.record().stage == Stage::Intent {
            self.rows.remove(&row.key);
            self.tell(token, Verdict::Approval(Outcome::NeverSent(NotSent::PermitLapsed)), None);
            return;
        }
        match resume(Row::clone(&row), &self.place.merchant, &driver, self.now) {
            Ok(step) => self.hire(row.key.clone(), token, Some(row), false, step),
            Err(error) => self.must(false, || format!("R17: {error}")),
        }
    }

    /// The row under a new token.
    fn lease(&mut self, row: &Noted) -> (Rc<Noted>, Driver) {
        let lease_until = self.now.wall + self.place.policy.lease;
        let row = row.with(|row| {
            row.token += 1;
            row.holder = format!("w{}", row.token).into();
            row.lease_until = lease_until;
        });
        self.rows.insert(row.key.clone(), Rc::clone(&row));
        let driver = self.driver(row.token);
        (row, driver)
    }

    fn same_order_again(&mut self) {
        self.asked_again = true;
        let driver = self.driver(9);
        let opening = Opening { merchant: &self.place.merchant, driver: &driver, attempt: [9; 16] };
        let persist = self.place.order.open(&opening, self.now).expect("a valid order");
        self.say(|| "S->>W9: the same order".into());
        let result = Ok(self.commit(Noted::new(persist.row()), persist.expect()));
        let known = match persist.written(result, self.now) {
            Step::Done(done) => matches!(done.into_ended(), Ended::Known(_)),
            _ => false,
        };
        self.must(known, || "R3: a known number was not recognised".into());
        if self.machine == Machine::KnownNumberIsNeverSent {
            self.tell(9, Verdict::Approval(Outcome::NeverSent(NotSent::NotRecorded)), None);
        }
    }

    pub fn parked_row(&self) -> Option<Rc<Noted>> {
        self.rows.values().find(|row| row.standing == Standing::Parked).cloned()
    }

    fn person_retries(&mut self) {
        let Some(parked) = self.parked_row() else { return };
        let (row, driver) = self.lease(&parked);
        let (key, token) = (row.key.clone(), row.token);
        self.say(|| format!("S->>W{token}: retry"));
        match retry(Row::clone(&row), &self.place.merchant, &driver, self.now) {
            Ok(persist) => {
                self.told = None;
                self.parked = false;
                self.hire(key, token, Some(row), false, Step::Persist(persist));
            }
            Err(PersonError::NothingSettles) => {
                self.say(|| format!("W{token}->>S: refused: nothing settles it"));
                self.rows.insert(key, parked);
            }
            Err(error) => self.must(false, || format!("R20: {error}")),
        }
    }

    /// The person looks when the last message cannot be under way any more, and tells the truth.
    fn person_resolves(&mut self) {
        let Some(row) = self.parked_row() else { return };
        let after = row.record().rescue.last_deadline;
        let quiet = self.place.quiet_period();
        self.later(after.0.saturating_sub(self.now.wall.0) + quiet);
        let charged = self.van.ledger == Ledger::Standing;
        self.resolved = true;
        self.told = None;
        self.say(|| format!("S->>J: resolved: charged {charged}"));
        let (key, token, driver) = (row.key.clone(), row.token, self.driver(row.token));
        let resolution = Resolution { charged, note: "looked".into() };
        match resolve(Row::clone(&row), resolution, &self.place.merchant, &driver, self.now) {
            Ok(persist) => self.hire(key, token, Some(row), false, Step::Persist(persist)),
            Err(error) => self.must(false, || format!("R20: {error}")),
        }
    }

    pub fn dismiss(&mut self, n: usize) {
        let worker = self.workers.remove(n);
        if self.machine == Machine::WritesWithoutFlush
            && !matches!(worker.doing, None | Some(Doing::Step(Step::Done(_))))
        {
            match worker.before {
                Some(row) => drop(self.rows.insert(row.key.clone(), row)),
                None => drop(self.rows.remove(&worker.key)),
            }
        }
    }

    pub fn rob(&mut self, n: usize, millis: u64) {
        let (key, name) = (self.workers[n].key.clone(), self.workers[n].token);
        self.say(|| format!("Note over W{name}: is stopped for {} s", millis / 1_000));
        self.later(millis);
        if let Some(row) = self.rows.get(&key).cloned() {
            self.claim(row);
        }
    }

    /// Puts a step into a worker's hand. What is not a choice is done at once.
    pub fn take_up(&mut self, n: usize, step: Step) {
        let doing = match step {
            Step::Transmit(transmit) => {
                let (verb, token, permit) = (transmit.verb(), transmit.token(), transmit.permit());
                let credentials = self.place.sample.credentials();
                let mut buffer = mem::take(&mut self.buffer);
                let encoded = transmit.encode(credentials, Nonce([7; 16]), self.now, &mut buffer);
                let encoded = encoded.map(|(request, in_flight)| {
                    // What has no body asks by its path.
                    let asked =
                        if request.body().is_empty() { request.path().as_bytes() } else { request.body() };
                    (asked.to_vec(), in_flight)
                });
                self.buffer = buffer;
                match encoded {
                    Ok((body, in_flight)) => {
                        self.workers[n].sent_at = self.now.mono;
                        Doing::Ready(Box::new(Ready { verb, in_flight, body, token, permit }))
                    }
                    Err(step) => return self.take_up(n, step),
                }
            }
            Step::InFlight(in_flight) => return self.take_up(n, in_flight.lost(self.now)),
            Step::Persist(persist) => {
                let row = Noted::new(persist.row());
                self.workers[n].repeats = false;
                self.observe(n, &row, persist.expect());
                Doing::Write(persist, row)
            }
            step => Doing::Step(step),
        };
        self.workers[n].doing = Some(doing);
    }

    pub fn end(&mut self, teller: u64, done: Done) {
        let revision = done.revision();
        let record = done.record().cloned();
        match done.into_ended() {
            Ended::Verdict(verdict) => {
                if let Some(row) = record.as_ref().and_then(|record| self.rows.get_mut(&record.key)) {
                    let told = row.told || Some(row.revision) == revision;
                    *row = row.with(|row| row.told = told);
                }
                self.tell(teller, verdict, record.as_ref());
            }
            Ended::TakenOver(_) | Ended::Known(_) | Ended::NotKnown { .. } => {}
            other => self.must(false, || format!("R3: ended as {other:?}")),
        }
    }

    pub fn tell(&mut self, teller: u64, verdict: Verdict, record: Option<&Record>) {
        self.say(|| format!("W{teller}->>S: {}", named(&verdict)));
        if let Some(coverage) = &mut self.coverage {
            coverage.outcomes.insert(named(&verdict));
        }
        if self.judges {
            self.judge_telling(&verdict, record);
        }
        self.told = Some(verdict);
    }
}

/// An outcome by its name, a person's reason beside it.
pub fn named(verdict: &Verdict) -> String {
    let reason = |name: &str, why: &dyn std::fmt::Debug| {
        let why = format!("{why:?}");
        format!("{name} {}", why.split(['(', ' ']).next().unwrap_or_default())
    };
    match verdict {
        Verdict::Approval(Outcome::NeedsOperator { why, .. }) => reason("needs_operator", why),
        Verdict::Refund(RefundOutcome::NeedsOperator { why, .. }) => reason("refund: needs_operator", why),
        Verdict::Approval(outcome) => outcome.name().into(),
        Verdict::Refund(outcome) => format!("refund: {}", outcome.name()),
    }
}
