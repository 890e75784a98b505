//! The loop over the engine's steps.

use std::{sync::Arc, time::Instant};

use kicc_proto::{
    flow::{AskBooks, Done, RowBuffer, Settle, Step, Transmit, Wait, approval::Approval, table::Verb},
    journal::{Key, record::Record},
    wire::{RequestBuffer, sign::Nonce},
};

use super::{Answer, Error, Inner, Progress, Question, Terminal, accept, clock, keeper::Lease, trace::event};
use crate::http::{Limits, MaySend};

/// Where a drive stopped.
pub(super) enum Stop {
    Done(Done),
    /// Longer than the caller stands by.
    Wait(Wait),
    /// The caller wants to decide, or there is nobody here who could.
    Settle(Settle),
}

/// What the caller stands by for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StandBy {
    /// The end, or what may be told of a reversal before it (R13d).
    News,
    /// The end alone: the caller was told early, or need not be.
    End,
    /// To decide.
    Decision,
}

impl Inner {
    /// Drives until the end, or until the next wait goes beyond `end`.
    pub(super) fn drive(
        &self,
        terminal: &Terminal,
        key: &Key,
        mut step: Step,
        end: Option<Instant>,
        stand_by: StandBy,
    ) -> Stop {
        let _hand = self.hands.take_up(key);
        let mut rows = RowBuffer::new();
        loop {
            step = match self.advance(terminal, step, &mut rows) {
                Advance::Next(step) => step,
                Advance::Done(done) => return Stop::Done(done),
                Advance::Settle(settle) if stand_by == StandBy::Decision || self.nobody_decides(&settle) => {
                    return Stop::Settle(settle);
                }
                Advance::Settle(settle) => self.ask(settle),
                Advance::Wait(wait, until) => {
                    let told_early = stand_by != StandBy::End && wait.provisional().is_some();
                    if self.stopping() || told_early || end.is_some_and(|end| until > end) {
                        return Stop::Wait(wait);
                    }
                    self.sleep_until(until);
                    if self.stopping() {
                        return Stop::Wait(wait);
                    }
                    wait.wake(self.clock.now())
                }
            };
        }
    }

    /// One step; whatever would block for long is handed back. `rows`: for all steps of one drive.
    pub(super) fn advance(&self, terminal: &Terminal, step: Step, rows: &mut RowBuffer) -> Advance {
        Advance::Next(match step {
            Step::Persist(persist) => {
                let result = self.journal.write(persist.row_in(rows), persist.expect());
                if let Err(error) = &result {
                    event!(WARN, error = %error, "the journal did not take a row");
                }
                persist.written(result, self.clock.now())
            }
            Step::Transmit(transmit) => self.transmit(terminal, transmit),
            Step::InFlight(in_flight) => in_flight.lost(self.clock.now()),
            Step::AskBooks(ask) => self.ask_books(ask),
            Step::Wait(wait) => {
                let [low, high, ..] = clock::random();
                let now = self.clock.now();
                let until = self.clock.instant(wait.until(u16::from_le_bytes([low, high]), now));
                return Advance::Wait(wait, until);
            }
            Step::Settle(settle) => return Advance::Settle(settle),
            Step::Done(done) => return Advance::Done(done),
        })
    }

    fn transmit(&self, terminal: &Terminal, transmit: Transmit) -> Step {
        let (verb, token, permit) = (transmit.verb(), transmit.token(), transmit.permit());
        let key = transmit.key().clone();
        let send_by = self.clock.instant(permit.mono);
        // A slot that does not come free in time lets the permission lapse, and the message is not sent.
        let _slot =
            (verb != Verb::Approve).then(|| self.rescues.take(send_by, || self.journal.rescues_share()));
        let Ok(access) = self.token(terminal, send_by) else { return transmit.no_token(self.clock.now()) };
        let credentials = terminal.credentials(access.as_ref());
        let mut buffer = RequestBuffer::new();
        let nonce = Nonce(clock::random());
        let encoded = transmit.encode(credentials, nonce, self.clock.now(), &mut buffer);
        let (request, mut in_flight) = match encoded {
            Ok(encoded) => encoded,
            Err(step) => return step,
        };
        let may_send: MaySend = {
            let (journal, clock, key) = (Arc::clone(&self.journal), self.clock, key.clone());
            // A journal that cannot say whether the row is still ours does not let it go (R20).
            Arc::new(move || !permit.passed(clock.now()) && journal.holds(&key, token).unwrap_or(false))
        };
        let limits = Limits {
            send_by,
            answer_within: std::time::Duration::from_millis(in_flight.answer_within().0),
            money: matches!(verb, Verb::Approve | Verb::Cancel),
        };
        event!(DEBUG, number = %key.number, verb = ?verb, "sending");
        let exchange = self.http.exchange(&request, limits, may_send);
        if let Some(at) = exchange.written_at {
            in_flight.written(self.clock.at(at));
        }
        match exchange.result {
            Ok(reply) => {
                event!(DEBUG, number = %key.number, verb = ?verb, status = reply.status, "answered");
                if let (401, Some(access)) = (reply.status, &access) {
                    self.token_refused(terminal, access);
                }
                in_flight.reply(reply.as_reply(), self.clock.now())
            }
            Err(failure) => {
                event!(WARN, number = %key.number, verb = ?verb, failure = ?failure, "no answer");
                in_flight.failed(failure, self.clock.now())
            }
        }
    }

    /// An accept step was configured when the attempt was made, and only that may decide (R19); here is none.
    pub(super) fn nobody_decides(&self, settle: &Settle) -> bool {
        self.accept.is_none() && settle.record().accept_step
    }

    /// Puts an approval to the accept step, and keeps the lease while it thinks (R20). Where none was ever
    /// configured, the approval itself is the end (R19).
    pub(super) fn ask(&self, settle: Settle) -> Step {
        let Some(step) = &self.accept else { return settle.accept(self.clock.now()) };
        let answer = {
            let _lease = self.keeper.keep(settle.key(), settle.token());
            accept::ask(|| step.accept(&Question::of_settle(&settle)))
        };
        event!(DEBUG, number = %settle.key().number, answer = ?answer, "the accept step answered");
        answer.settle(settle, self.clock.now())
    }

    /// Asks what the books hold (R24), and keeps the lease while they look (R20).
    fn ask_books(&self, ask: AskBooks) -> Step {
        let Some(step) = &self.holds else { return ask.nobody_to_ask(self.clock.now()) };
        let answer = {
            let _lease = self.keeper.keep(ask.key(), ask.token());
            accept::ask(|| step.holds(&Question::of_books(&ask)))
        };
        answer.books(ask, self.clock.now())
    }
}

/// What one step came to.
pub(super) enum Advance {
    Next(Step),
    Settle(Settle),
    Wait(Wait, Instant),
    Done(Done),
}

/// What [`Client::begin`](super::Client::begin) gives back.
#[must_use]
pub enum Begun {
    /// Approved: the caller decides.
    Undecided(Box<Undecided>),
    /// It did not come to that.
    Progress(Progress),
}

/// An approval that waits for the caller's word. Its lease is kept until then; dropped, it stays open, its lease
/// is given back, and recovery puts it to the accept step.
#[must_use = "money moved: accept it or refuse it"]
pub struct Undecided {
    inner: Arc<Inner>,
    terminal: Terminal,
    /// Taken by the decision.
    settle: Option<Settle>,
    key: Key,
    token: u64,
    _lease: Lease,
}

impl Undecided {
    pub(super) fn new(inner: Arc<Inner>, terminal: Terminal, settle: Settle) -> Self {
        let (key, token) = (settle.key().clone(), settle.token());
        let lease = inner.keeper.keep(&key, token);
        Undecided { inner, terminal, settle: Some(settle), key, token, _lease: lease }
    }

    /// Whose it is.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The record, with amount and all that was asked for.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.settle.as_ref().map(Settle::record)
    }

    /// What the gateway stated.
    #[must_use]
    pub fn approval(&self) -> Option<&Approval> {
        self.settle.as_ref().and_then(Settle::approval)
    }

    /// The books hold it. If it is too late, the outcome says that it was reversed.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn accept(self) -> Result<Progress, Error> {
        self.decide(Answer::Held)
    }

    /// The books do not hold it, and will not: it is cancelled.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn refuse(self) -> Result<Progress, Error> {
        self.decide(Answer::NotHeld)
    }

    fn decide(mut self, answer: Answer) -> Result<Progress, Error> {
        match self.settle.take() {
            Some(settle) => {
                let step = answer.settle(settle, self.inner.clock.now());
                self.inner.progress(&self.terminal, &self.key, step, self.inner.patience_end())
            }
            None => Err(Error::unknown(&self.key.number)),
        }
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        if self.settle.is_some() {
            // A lease that is not given back only makes recovery wait for it.
            let _ = self.inner.journal.release(&self.key, self.token);
        }
    }
}
