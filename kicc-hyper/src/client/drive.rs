//! The loop over the steps of the core.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kicc_proto::{
    client::{self, Concluded, Error, Open},
    flow::{AskBooks, Done, Persist, RowBuffer, Settle, Step, Transmit, Wait, WaitReason, table::Verb},
    journal::{Key, WriteError},
    wire::{Failure, NotSent, RequestBuffer, sign::Nonce},
};
use tokio::time::{Duration, Instant};
use tracing::{Instrument as _, debug, debug_span, warn};

use super::{
    Inner, Progress, Question, accept, background, clock, hand::Hand, keeper::Lease, shutdown::lock,
};
use crate::http::{Limits, MaySend};

/// Where a drive stopped.
pub(super) enum Stop {
    Done(Done),
    /// Longer than the caller stands by.
    Wait(Wait),
    /// The caller wants to decide, or there is nobody here who could.
    Settle(Settle),
}

/// What its caller is told.
#[derive(Debug)]
pub(super) enum Stopped {
    Progress(Progress),
    /// Nothing was sent.
    Refused(Error),
    /// Somebody else has it.
    Elsewhere {
        key: Key,
        /// It was known before (R3).
        repeat: bool,
    },
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
    /// Nobody: whoever wanted it is gone.
    Nobody,
    /// Nobody, and recovery does the rest: nothing is sent.
    Recovery,
}

/// Memory for the rows of one drive. It is given up while an answer is awaited: thousands may wait.
pub(super) type Rows = Option<Box<RowBuffer>>;

/// What one step came to.
pub(super) enum Advance {
    Next(Step),
    Settle(Settle),
    Wait(Wait, Instant),
    Done(Done),
}

impl Hand {
    /// Drives until the end, or until the next wait goes beyond `end`.
    pub async fn drive(&self, mut step: Step, end: Option<Instant>, stand_by: StandBy) -> Stop {
        let inner = &self.inner;
        let mut rows = None;
        loop {
            step = match self.advance(step, stand_by, &mut rows).await {
                Advance::Next(step) => step,
                Advance::Done(done) => return Stop::Done(done),
                Advance::Settle(settle)
                    if matches!(stand_by, StandBy::Decision | StandBy::Recovery)
                        || inner.nobody_decides(&settle) =>
                {
                    return Stop::Settle(settle);
                }
                Advance::Settle(settle) => self.ask(settle).await,
                Advance::Wait(wait, until) => {
                    let is_over = match stand_by {
                        StandBy::News | StandBy::Decision => wait.provisional().is_some(),
                        StandBy::End | StandBy::Nobody => false,
                        // A write without an answer could take the lease again after it was given back.
                        StandBy::Recovery => wait.reason() != WaitReason::Journal,
                    };
                    if inner.stopping() || is_over || end.is_some_and(|end| until > end) {
                        return Stop::Wait(wait);
                    }
                    let guard = self.guard(wait, |wait, _| Step::Wait(wait));
                    inner.sleep_until(until).await;
                    let wait = guard.take();
                    if inner.stopping() {
                        return Stop::Wait(wait);
                    }
                    wait.wake(inner.clock.now())
                }
            };
        }
    }

    /// One step; whatever would be long is handed back.
    pub async fn advance(&self, step: Step, stand_by: StandBy, rows: &mut Rows) -> Advance {
        let inner = &self.inner;
        Advance::Next(match step {
            Step::Persist(persist) => self.write(persist, rows).await,
            Step::Transmit(transmit) if self.holds_back(&transmit, stand_by) => {
                transmit.withdraw(inner.clock.now())
            }
            Step::Transmit(transmit) => {
                *rows = None;
                self.transmit(transmit).await
            }
            Step::InFlight(in_flight) => in_flight.lost(inner.clock.now()),
            Step::AskBooks(ask) => self.ask_books(ask).await,
            Step::Wait(wait) => {
                let [low, high, ..] = clock::random();
                let now = inner.clock.now();
                let until = inner.clock.instant(wait.until(u16::from_le_bytes([low, high]), now));
                return Advance::Wait(wait, until);
            }
            Step::Settle(settle) => return Advance::Settle(settle),
            Step::Done(done) => return Advance::Done(done),
        })
    }

    /// No money is moved for nobody, and a client that ends sends nothing.
    fn holds_back(&self, transmit: &Transmit, stand_by: StandBy) -> bool {
        match stand_by {
            StandBy::Recovery => true,
            StandBy::Nobody if !transmit.is_rescue() => true,
            _ => self.inner.is_giving_up(),
        }
    }

    async fn write(&self, persist: Persist, rows: &mut Rows) -> Step {
        let inner = &self.inner;
        let (row, expect) = (persist.row_in(rows.get_or_insert_default()), persist.expect());
        let guard = self.guard(persist, |persist, now| {
            persist.written(Err(WriteError::NotKnown("whoever waited for it is gone".into())), now)
        });
        let result = inner.journal.write(row, expect).await;
        if let Err(error) = &result {
            warn!(number = %row.key.number, %error, "the journal did not take a row");
        }
        guard.take().written(result, inner.clock.now())
    }

    async fn transmit(&self, transmit: Transmit) -> Step {
        let inner = &self.inner;
        let (verb, token, permit) = (transmit.verb(), transmit.token(), transmit.permit());
        let (key, is_rescue) = (transmit.key().clone(), transmit.is_rescue());
        let send_by = inner.clock.instant(permit.mono);
        let guard = self.guard(transmit, |transmit, _| Step::Transmit(transmit));
        // A slot that does not come free in time lets the permission lapse, and the message is not sent.
        let _slot = match verb {
            Verb::Approve => None,
            _ => inner.rescues.take(send_by, || inner.journal.rescues_share()).await,
        };
        let access = inner.token(&self.terminal, send_by).await;
        let transmit = guard.take();
        let Ok(access) = access else { return transmit.no_token(inner.clock.now()) };
        let mut buffer = RequestBuffer::new();
        let nonce = Nonce(clock::random());
        let credentials = self.terminal.credentials(access.as_ref());
        let (request, in_flight) = match transmit.encode(credentials, nonce, inner.clock.now(), &mut buffer) {
            Ok(encoded) => encoded,
            Err(step) => return step,
        };
        let let_go = Arc::new(AtomicBool::new(false));
        let may_send: MaySend = {
            let (inner, key, let_go) = (Arc::clone(inner), key.clone(), Arc::clone(&let_go));
            // A journal that cannot say whether the row is still ours does not let it go (R20).
            Box::pin(async move {
                let ours = inner.journal.holds(&key, token).await.unwrap_or(false);
                let may = ours && !permit.passed(inner.clock.now()) && !inner.is_giving_up();
                let_go.store(may, Ordering::SeqCst);
                may
            })
        };
        let limits = Limits {
            send_by: send_by.into_std(),
            answer_within: Duration::from_millis(in_flight.answer_within().0),
            money: matches!(verb, Verb::Approve | Verb::Cancel),
        };
        // The exchange ends with its future. If it was not let go by then, nothing went.
        let guard = self.guard(in_flight, |in_flight, now| match let_go.load(Ordering::SeqCst) {
            true => in_flight.lost(now),
            false => in_flight.failed(Failure::NotSent(NotSent::PermitLapsed), now),
        });
        let span = debug_span!("exchange", number = %key.number, ?verb);
        let exchange = inner.transport.exchange(&request, limits, may_send);
        // It has its copy; thousands that wait for their answers need not keep two.
        drop(request);
        drop(buffer);
        let exchange = inner.exchange(exchange, &let_go).instrument(span).await;
        let mut in_flight = guard.take();
        if let Some(at) = exchange.written_at {
            in_flight.written(inner.clock.at(Instant::from_std(at)));
        }
        if is_rescue {
            inner.counters.rescue(exchange.result.is_ok());
        }
        match exchange.result {
            Ok(reply) => {
                debug!(number = %key.number, ?verb, status = reply.status, "answered");
                if let (401, Some(access)) = (reply.status, &access) {
                    inner.token_refused(&self.terminal, access);
                }
                in_flight.reply(reply.as_reply(), inner.clock.now())
            }
            Err(failure) => {
                warn!(number = %key.number, ?verb, ?failure, "no answer");
                in_flight.failed(failure, inner.clock.now())
            }
        }
    }

    /// Puts an approval to the accept step, and keeps the lease while it thinks (R20). Where none was ever
    /// configured, the approval itself is the end (R19).
    pub async fn ask(&self, settle: Settle) -> Step {
        let inner = &self.inner;
        let Some(step) = &inner.accept else { return settle.accept(inner.clock.now()) };
        let question: Question = client::Question::of_settle(&settle).into();
        let number = settle.key().number.clone();
        let _lease = inner.keep(settle.key(), settle.token());
        let guard = self.guard(settle, |settle, _| Step::Settle(settle));
        let answer = accept::ask(|| step.accept(question)).await;
        debug!(%number, ?answer, "the accept step answered");
        answer.settle(guard.take(), inner.clock.now())
    }

    /// Asks what the books hold (R24), and keeps the lease while they look (R20).
    async fn ask_books(&self, ask: AskBooks) -> Step {
        let inner = &self.inner;
        let Some(step) = &inner.holds else { return ask.nobody_to_ask(inner.clock.now()) };
        let question = client::Question::of_books(&ask).into();
        let _lease = inner.keep(ask.key(), ask.token());
        let guard = self.guard(ask, |ask, _| Step::AskBooks(ask));
        let answer = accept::ask(|| step.holds(question)).await;
        answer.books(guard.take(), inner.clock.now())
    }
}

impl Hand {
    /// Ends a drive. What is still open is left to recovery, its lease given back.
    pub async fn put_down(self, stop: Stop) -> Stopped {
        let inner = &self.inner;
        let (open, token) = match stop {
            Stop::Settle(settle) => (Open::of_settle(&settle, inner.clock.now()), settle.token()),
            Stop::Wait(wait) => (Open::of_wait(&wait, inner.clock.now()), wait.token()),
            Stop::Done(done) => match Concluded::of(done) {
                Concluded::Ended(end) => return Stopped::Progress(inner.ended(end)),
                Concluded::NotRecorded(end) => {
                    return match inner.journal.find(&self.key).await {
                        Ok(None) => Stopped::Progress(inner.ended(end)),
                        Ok(Some(row)) => Stopped::Elsewhere { key: row.key, repeat: true },
                        Err(error) => Stopped::Refused(error.into()),
                    };
                }
                Concluded::Refused(error) => return Stopped::Refused(error),
                Concluded::Elsewhere { key, repeat } => return Stopped::Elsewhere { key, repeat },
                Concluded::NotKnown { open, token } => (*open, token),
            },
        };
        if inner.is_closing() {
            lock(&inner.left_open).push(open.key.clone());
        }
        if let Some(released) = background::release(inner, open.key.clone(), token) {
            let _ = released.await;
        }
        Stopped::Progress(Progress::Open(Box::new(open)))
    }
}

impl Inner {
    /// An accept step was configured when the attempt was made, and only that may decide (R19); here is none.
    pub(super) fn nobody_decides(&self, settle: &Settle) -> bool {
        self.accept.is_none() && settle.record().accept_step
    }

    pub(super) fn keep(&self, key: &Key, token: u64) -> Lease {
        self.keeper.keep(key, token)
    }
}
