//! The driver of the engine's steps, and how each of its acts can go wrong.

use std::rc::Rc;

use kicc_proto::{
    flow::{
        AskBooks, InFlight, Persist, Settle, Step, Wait, retry,
        table::{Stage, Verb},
    },
    journal::{Expect, Kind, Row, Standing, WriteError, Written},
    time::{Millis, Now, UnixMillis},
    wire::{Failure, MaybeSent, NotSent, Reply},
};

use super::{
    acts::{Deed, Fate, Jump, Word, Write},
    glance::Noted,
    iamport::less,
    machines::Machine,
    place::{DECLINED, NOT_FOUND, NUMBER, SUCCESS},
    world::{Doing, Ready, World},
};

/// Longer than a message may be held back, and shorter than a lease.
const PAUSED: u64 = 11_000;
/// An answer's time, where nothing else is said.
const EXCHANGE: u64 = 3_000;
const OVERSLEPT: u64 = 25 * 3_600_000;

impl World<'_> {
    pub fn deed(&mut self, n: usize, deed: Deed) {
        let name = self.workers[n].token;
        match deed {
            Deed::Crash => {
                self.say(|| format!("Note over W{name}: dies"));
                self.dismiss(n);
                return;
            }
            Deed::Robbed | Deed::Stopped => {
                let millis = if deed == Deed::Stopped { self.longer_than_a_lease() } else { 0 };
                self.rob(n, millis);
                return;
            }
            Deed::Paused => {
                self.say(|| format!("Note over W{name}: is stopped for {} s", PAUSED / 1_000));
                self.later(PAUSED);
                return;
            }
            Deed::ClockPut(jump) => {
                self.put_clock(jump);
                return;
            }
            _ => {}
        }
        let now = self.now;
        let Some(doing) = self.workers[n].doing.take() else { return };
        let step = match (doing, deed) {
            (Doing::Write(persist, row), Deed::Write(write)) => self.write(n, persist, row, write),
            (Doing::Ready(ready), Deed::Post(fate)) => self.post(n, *ready, fate),
            (Doing::Sent { in_flight, answer }, Deed::Read) => Some(self.read(n, *in_flight, &answer)),
            (Doing::Step(Step::Wait(wait)), Deed::Wake) => Some(self.wake(n, wait)),
            (Doing::Step(Step::Wait(wait)), Deed::Oversleep) => {
                self.overslept = true;
                self.say(|| format!("Note over W{name}: sleeps for a day and an hour"));
                self.later(OVERSLEPT);
                Some(wait.wake(self.now))
            }
            (Doing::Step(Step::Settle(settle)), Deed::Ask(word)) => self.ask(n, settle, word),
            (Doing::Step(Step::AskBooks(ask)), Deed::Ask(word)) => Some(self.ask_books(ask, word)),
            (Doing::Step(Step::Done(done)), Deed::Tell) => {
                self.dismiss(n);
                self.end(name, done);
                None
            }
            (doing, _) => {
                self.workers[n].doing = Some(doing);
                self.must(false, || format!("the explorer meant {deed:?} for another step at {now:?}"));
                None
            }
        };
        if let Some(step) = step {
            self.take_up(n, step);
        }
    }

    fn longer_than_a_lease(&self) -> u64 {
        self.place.policy.lease.0 + 1_000
    }

    /// The wall clock alone jumps (R25).
    fn put_clock(&mut self, jump: Jump) {
        let Now { mono, wall } = self.now;
        self.clock_was_put = true;
        self.overslept |= jump == Jump::ADayForward;
        let millis = match jump {
            Jump::TenMinutesBack => 0,
            Jump::AnHourForward => 3_600_000,
            Jump::ADayForward => OVERSLEPT,
        };
        self.now.wall = wall + Millis(millis);
        if jump == Jump::TenMinutesBack {
            self.now.wall = UnixMillis(wall.0 - 600_000);
        }
        if self.machine == Machine::WaitsByTheWallClock {
            self.now.mono = mono + Millis(millis);
        }
        self.say(|| format!("Note over S: the clock is put: {jump:?}"));
    }

    /// Counts the transition to that row: from the one that stands, where it is to be written over; else from its
    /// worker's.
    pub fn observe(&mut self, n: usize, row: &Rc<Noted>, expect: Expect) {
        let (Some(coverage), Some(worker)) = (&mut self.coverage, self.workers.get(n)) else { return };
        let stands = self.rows.get(&worker.key).filter(|stands| expect == Expect::Revision(stands.revision));
        if let Some(before) = stands.or(worker.row.as_ref()) {
            coverage.transition(before, row, self.place, self.now);
        }
    }

    /// What the journal does with a row (its contract, in short).
    pub fn commit(&mut self, row: Rc<Noted>, expect: Expect) -> Written {
        let stored = self.rows.get(&row.key);
        match (expect, stored) {
            (Expect::Absent, None) => {
                let rival = self.rows.values().find(|other| {
                    let mark = row.authorisation_mark.is_some()
                        && other.authorisation_mark == row.authorisation_mark;
                    let original = row.original.is_some() && other.original == row.original;
                    other.live && other.kind == row.kind && (mark || original)
                });
                match rival {
                    Some(rival) if row.kind == Kind::Approval => {
                        return Written::AuthorisationInUse(Box::new(rival.key.clone()));
                    }
                    Some(rival) => return Written::AlreadyRefunding(Box::new(Row::clone(rival))),
                    None => {}
                }
            }
            (Expect::Revision(revision), Some(stored))
                if stored.revision == revision && stored.token == row.token
                    || self.machine == Machine::WritesWithoutComparing => {}
            (_, Some(stored)) => return Written::Conflict(Box::new(Row::clone(stored))),
            // Only a machine that loses rows comes here.
            (_, None) => {}
        }
        self.parked |= row.standing == Standing::Parked;
        self.wire.durable.insert((row.token, row.revision));
        self.rows.insert(row.key.clone(), row);
        if self.backup.is_none() {
            self.backup = Some(self.rows.clone());
        }
        Written::Stored
    }

    fn write(&mut self, n: usize, persist: Persist, row: Rc<Noted>, write: Write) -> Option<Step> {
        let expect = persist.expect();
        let name = self.workers[n].token;
        self.say(|| {
            let record = row.record();
            format!("W{name}->>J: {:?}, {:?} ({write:?})", record.stage, record.pending)
        });
        let skips = match self.machine {
            Machine::SkipsTheRecord => row.is_sending(),
            Machine::CancelsBeforeRefusalIsStored => row.record().stage == Stage::Voiding,
            _ => false,
        };
        let before = self.rows.get(&row.key).cloned();
        let lost = || Err(WriteError::NotKnown("no answer".into()));
        let result = match write {
            _ if skips => Ok(Written::Stored),
            Write::Stored | Write::StoredThenCrash => Ok(self.commit(Rc::clone(&row), expect)),
            Write::Full => Err(WriteError::NotStored("disk full".into())),
            Write::Lost => lost(),
            Write::AnswerLost => {
                drop(self.commit(Rc::clone(&row), expect));
                lost()
            }
            Write::Late => {
                self.late_commit = Some((Rc::clone(&row), expect));
                lost()
            }
        };
        let result = match result {
            Err(WriteError::NotKnown(_)) if self.machine == Machine::TakesNotKnownForStored => {
                Ok(Written::Stored)
            }
            result => result,
        };
        let worker = &mut self.workers[n];
        match &result {
            Ok(_) => {
                worker.unsettled = false;
                worker.tries = 0;
                worker.approving &= worker.row.is_none() || result != Ok(Written::Stored);
            }
            Err(error) => {
                worker.unsettled |= matches!(error, WriteError::NotKnown(_));
                worker.tries += 1;
                worker.again = Some(Rc::clone(&row));
            }
        }
        match &result {
            Ok(Written::Stored) => (worker.before, worker.row) = (before, Some(row)),
            Ok(Written::Conflict(stands)) if stands.token == worker.token => {
                worker.row = Some(Noted::new(Row::clone(stands)));
            }
            _ => {}
        }
        if write == Write::StoredThenCrash {
            self.say(|| format!("Note over W{name}: dies"));
            self.dismiss(n);
            return None;
        }
        let step = persist.written(result, self.now);
        Some(self.ignore_the_parked(step))
    }

    /// A machine that goes on with what a person should look at.
    fn ignore_the_parked(&mut self, step: Step) -> Step {
        if self.machine != Machine::DrivesTheParked || !matches!(step, Step::Done(_)) {
            return step;
        }
        let Some(row) = self.parked_row() else { return step };
        let driver = self.driver(row.token);
        retry(Row::clone(&row), &self.place.merchant, &driver, self.now).map_or(step, Step::Persist)
    }

    /// What the rules ask of a message's first byte.
    fn first_byte(&mut self, n: usize, ready: &Ready) {
        if self.judges {
            self.judge_first_byte(n, ready);
        }
        let body = || Some(ready.body.clone());
        match ready.verb {
            Verb::Approve => self.wire.approvals += 1,
            Verb::NetCancel => self.wire.net_cancel = body(),
            Verb::Query => {}
            Verb::Cancel => (self.wire.cancel, self.wire.stood_since) = (body(), false),
        }
    }

    fn judge_first_byte(&mut self, n: usize, ready: &Ready) {
        let verb = ready.verb;
        let row = self.rows.get(&self.workers[n].key);
        let current = row.is_some_and(|row| row.token == ready.token);
        let seen = self.workers[n].row.as_ref();
        let durable = |row: &Noted| self.wire.durable.contains(&(ready.token, row.revision));
        let recorded = seen.is_some_and(|row| row.is_sending() && durable(row));
        let (own, parked) = (self.workers[n].token == ready.token, self.parked);
        self.must(recorded, || format!("R1: {verb:?} left without its record"));
        self.must(own, || format!("R20: {verb:?} left under another worker's token"));
        self.must(current, || format!("R20: {verb:?} left under a token that is not the row's"));
        self.must(!parked, || format!("R20: {verb:?} left while a person must look"));
        self.must(!ready.permit.passed(self.now), || format!("R4: {verb:?} left after its permission"));
        let same = |before: &Option<Vec<u8>>| before.as_ref().is_none_or(|body| *body == ready.body);
        match verb {
            Verb::Approve => {
                let first = self.wire.approvals == 0;
                self.must(first, || "R4: a second approval left".into());
            }
            Verb::NetCancel => {
                let same = same(&self.wire.net_cancel);
                self.must(same, || "R10: two net-cancels differ".into());
            }
            Verb::Query => {}
            Verb::Cancel => {
                let Some(record) = self.rows.get(&self.workers[n].key).map(|row| row.record()) else {
                    return;
                };
                let body = record.cancel.as_ref().map_or(&b""[..], |cancel| cancel.body.as_bytes());
                self.must(body == ready.body, || "R16: a cancel left that is not the recorded one".into());
                let voiding = matches!(record.stage, Stage::Voiding | Stage::Refunding);
                self.must(voiding, || format!("R18: a cancel left in stage {:?}", record.stage));
                let settled = same(&self.wire.cancel) || self.wire.stood_since;
                self.must(settled, || "R16: a second cancel left before the first was settled".into());
            }
        }
    }

    fn post(&mut self, n: usize, mut ready: Ready, fate: Fate) -> Option<Step> {
        let (name, verb) = (self.workers[n].token, ready.verb);
        let holds = self.rows.get(&self.workers[n].key).is_some_and(|row| row.token == ready.token);
        let holds = holds
            || matches!(
                self.machine,
                Machine::IgnoresTheLease | Machine::SkipsTheRecord | Machine::TakesNotKnownForStored
            );
        let in_time = !ready.permit.passed(self.now) || self.machine == Machine::IgnoresSendBy;
        if !holds || !in_time {
            self.say(|| format!("Note over W{name}: may not send {verb:?}"));
            return Some(ready.in_flight.failed(Failure::NotSent(NotSent::PermitLapsed), self.now));
        }
        if fate == Fate::Refused {
            self.say(|| format!("W{name}-xG: {verb:?} (nobody listens)"));
            return Some(self.failed(n, ready, Failure::NotSent(NotSent::Connect)));
        }
        if self.machine == Machine::CancelsWithoutChecksum && verb == Verb::Cancel {
            ready.body = String::from_utf8_lossy(&ready.body).replace("checksum", "unchecked").into_bytes();
        }
        if self.machine == Machine::RebuildsTheNetCancel && verb == Verb::NetCancel {
            ready.body.extend_from_slice(format!("{}", self.now.mono.0).as_bytes());
        }
        self.first_byte(n, &ready);
        self.say(|| format!("W{name}->>G: {verb:?} ({fate:?})"));
        ready.in_flight.written(self.now);
        let arrives = !matches!(
            fate,
            Fate::Lost
                | Fate::LostReset
                | Fate::Delayed(_)
                | Fate::DelayedReset(_)
                | Fate::Code(_)
                | Fate::OtherAmount
                | Fate::Twice
                | Fate::Pending { .. }
                | Fate::Partly
                | Fate::Unauthorized
        );
        let mut answer = match fate {
            Fate::OtherAmount => self.van.book(self.real, true),
            Fate::Twice => {
                drop(self.van.answer(verb, &ready.body, self.real));
                self.van.answer(verb, &ready.body, self.real)
            }
            Fate::Pending { paid } => self.van.pend(paid, self.real),
            Fate::Partly => self.van.answer(verb, &less(&ready.body), self.real),
            _ if arrives => self.van.answer(verb, &ready.body, self.real),
            _ => String::new(),
        };
        if let Fate::Code(code) | Fate::DoneBut(code) = fate {
            answer = self.van.code(code);
        }
        if let Fate::Delayed(after) | Fate::DelayedReset(after) = fate {
            let due = self.real.mono + Millis(after);
            self.van.delay(verb, &ready.body, due);
        }
        let bytes = |text: &str| text.as_bytes().to_vec();
        self.later(EXCHANGE);
        match fate {
            Fate::Lost | Fate::AnswerLost | Fate::Delayed(_) | Fate::Twice => {
                Some(self.failed(n, ready, Failure::MaybeSent(MaybeSent::Timeout)))
            }
            Fate::LostReset | Fate::AnswerReset | Fate::DelayedReset(_) => {
                Some(self.failed(n, ready, Failure::MaybeSent(MaybeSent::Reset)))
            }
            Fate::AnswerLate => {
                self.later(ready.in_flight.deadline().left(self.now).0);
                Some(self.read(n, ready.in_flight, &bytes(&answer)))
            }
            Fate::BadGateway => {
                if self.machine == Machine::BrokenAnswerIsADecline {
                    return Some(self.read(n, ready.in_flight, self.van.code(DECLINED).as_bytes()));
                }
                self.moved(n, verb);
                let reply = Reply { status: 502, content_type: None, body: b"<html>" };
                Some(ready.in_flight.reply(reply, self.now))
            }
            Fate::Unauthorized => {
                self.workers[n].repeats = true;
                let reply = Reply { status: 401, content_type: None, body: b"" };
                Some(ready.in_flight.reply(reply, self.now))
            }
            Fate::Cut => Some(self.read(n, ready.in_flight, &answer.as_bytes()[..answer.len() / 2])),
            Fate::Foreign => Some(self.read(n, ready.in_flight, answer.replace(NUMBER, "ORD-2").as_bytes())),
            Fate::Blemished => {
                let at = answer.find("text").unwrap_or(0);
                let mut answer = bytes(&answer);
                answer[at] = 0xff;
                Some(self.read(n, ready.in_flight, &answer))
            }
            Fate::DoneThenCrash => {
                self.say(|| format!("Note over W{name}: dies"));
                self.dismiss(n);
                None
            }
            Fate::DoneThenRobbed | Fate::DoneThenStopped => {
                self.workers[n].doing =
                    Some(Doing::Sent { in_flight: Box::new(ready.in_flight), answer: bytes(&answer) });
                let millis = if fate == Fate::DoneThenStopped { self.longer_than_a_lease() } else { 0 };
                self.rob(n, millis);
                None
            }
            _ => Some(self.read(n, ready.in_flight, answer.as_bytes())),
        }
    }

    /// A message that moves money has been answered or given up.
    fn moved(&mut self, n: usize, verb: Verb) {
        if matches!(verb, Verb::Approve | Verb::Cancel) {
            self.workers[n].gave_up = self.now.mono;
        }
    }

    fn failed(&mut self, n: usize, ready: Ready, failure: Failure) -> Step {
        let Ready { verb, in_flight, body, .. } = ready;
        if failure == Failure::MaybeSent(MaybeSent::Timeout) {
            self.later(in_flight.deadline().left(self.now).0);
        }
        self.moved(n, verb);
        match (self.machine, failure) {
            (Machine::RetriesTheApproval, Failure::MaybeSent(_)) if verb == Verb::Approve => {
                let (token, permit) = (self.workers[n].token, self.now.after(Millis(1)));
                let again = Ready { verb, in_flight, body, token, permit };
                self.first_byte(n, &again);
                let answer = self.van.answer(verb, &again.body, self.real);
                self.read(n, again.in_flight, answer.as_bytes())
            }
            (Machine::TimeoutIsADecline, Failure::MaybeSent(MaybeSent::Timeout)) if verb == Verb::Approve => {
                let declined = self.van.code(DECLINED);
                let sent = Now { mono: self.workers[n].sent_at, ..self.now };
                let early =
                    Now { wall: UnixMillis(self.now.wall.0 - (self.now.mono.0 - sent.mono.0)), ..sent };
                in_flight.reply(Reply { status: 200, content_type: None, body: declined.as_bytes() }, early)
            }
            (Machine::ResetIsNeverSent, Failure::MaybeSent(MaybeSent::Reset)) => {
                in_flight.failed(Failure::NotSent(NotSent::Connect), self.now)
            }
            _ => in_flight.failed(failure, self.now),
        }
    }

    fn read(&mut self, n: usize, in_flight: InFlight, answer: &[u8]) -> Step {
        let (name, verb) = (self.workers[n].token, in_flight.verb());
        self.moved(n, verb);
        let mut text = String::from_utf8_lossy(answer).into_owned();
        self.say(|| format!("G->>W{name}: {text}"));
        let late = in_flight.deadline().passed(self.now);
        self.workers[n].late = late && verb == Verb::Approve;
        match self.machine {
            Machine::AnyAmountWillDo => {
                text = text.replace(r#","trxAmt":1"#, "").replace(r#""amount":1,"#, r#""amount":51004,"#)
            }
            Machine::NothingAtOnce if verb == Verb::Query && text.contains(NOT_FOUND) => {
                text = text
                    .replace(NOT_FOUND, SUCCESS)
                    .replace('}', r#","cancelControlNo":"20261121000000000002"}"#);
            }
            Machine::ReadyIsDead => text = text.replace(r#""status":"ready""#, r#""status":"failed""#),
            Machine::CancelsOnlyOne if verb == Verb::Query => {
                if let Some((one, _)) = text.split_once("},{") {
                    text = format!("{}}}]}}}}", one.replace(r#""total":2"#, r#""total":1"#));
                }
            }
            Machine::BrokenAnswerIsADecline if verb == Verb::Approve && !text.ends_with('}') => {
                text = self.van.code(DECLINED);
            }
            _ => {}
        }
        let stands = self.place.sample.shows_standing(&text);
        if verb == Verb::Query && stands {
            self.wire.stood_since = true;
        }
        let now = match self.machine {
            Machine::LateAnswerApproves if late => Now {
                mono: self.workers[n].sent_at,
                wall: UnixMillis(self.now.wall.0 - (self.now.mono.0 - self.workers[n].sent_at.0)),
            },
            _ => self.now,
        };
        let changed = self.machine != Machine::Real;
        let body = if changed && text.is_ascii() { text.as_bytes() } else { answer };
        let step = in_flight.reply(Reply { status: 200, content_type: None, body }, now);
        if self.machine == Machine::TellsBeforeItIsStored && verb == Verb::Approve && stands {
            self.merchant_is_asked(n);
        }
        step
    }

    fn wake(&mut self, n: usize, wait: Wait) -> Step {
        let name = self.workers[n].token;
        let millis = wait.until(0, self.now).0.saturating_sub(self.now.mono.0);
        self.say(|| format!("Note over W{name}: waits {millis} ms ({:?})", wait.reason()));
        self.later(millis);
        wait.wake(self.now)
    }

    /// R18: the merchant is only told of an approval that is durable, and not of one that was read late (R9).
    fn merchant_is_asked(&mut self, n: usize) {
        if !self.judges {
            return;
        }
        let worker = &self.workers[n];
        let late = worker.late;
        let row = self.rows.get(&worker.key).filter(|row| row.token == worker.token);
        let durable = row.is_none_or(|row| row.record().stage == Stage::Undecided);
        let there = self.rows.contains_key(&worker.key);
        self.must(durable && there, || "R18: the merchant was told of an approval that is not stored".into());
        self.must(!late, || "R9: an answer after give-up made it approved".into());
    }

    fn ask(&mut self, n: usize, settle: Settle, word: Word) -> Option<Step> {
        let name = self.workers[n].token;
        self.merchant_is_asked(n);
        self.say(|| format!("W{name}->>M: held? ({word:?})"));
        match word {
            Word::Held | Word::HeldButCannotTell | Word::HeldThenCrash => self.books = Some(true),
            Word::NotHeld | Word::NotHeldThenCrash => self.books = Some(false),
            Word::CannotTell => {}
            Word::CannotTellForADay => {
                self.overslept = true;
                self.later(OVERSLEPT);
            }
        }
        let now = self.now;
        Some(match word {
            Word::CannotTell | Word::HeldButCannotTell if self.machine == Machine::CannotTellIsHeld => {
                settle.accept(now)
            }
            Word::NotHeld if self.machine == Machine::RefusalIsIgnored => settle.accept(now),
            Word::Held => settle.accept(now),
            Word::NotHeld => settle.refuse(now),
            Word::CannotTell | Word::CannotTellForADay | Word::HeldButCannotTell => settle.cannot_tell(now),
            Word::HeldThenCrash | Word::NotHeldThenCrash => {
                self.dismiss(n);
                return None;
            }
        })
    }

    fn ask_books(&mut self, ask: AskBooks, word: Word) -> Step {
        self.say(|| format!("Note over M: asked after the restore: {word:?}"));
        match word {
            Word::Held => ask.held(self.now),
            Word::NotHeld => {
                self.books = Some(false);
                ask.not_held(self.now)
            }
            Word::CannotTellForADay => {
                self.overslept = true;
                self.later(OVERSLEPT);
                ask.cannot_tell(self.now)
            }
            _ => ask.cannot_tell(self.now),
        }
    }
}
