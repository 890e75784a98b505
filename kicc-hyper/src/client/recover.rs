//! Going on with what other processes left behind (R20).

use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
};

use futures_util::FutureExt as _;

use kicc_proto::{
    client::{Error, Found, Told},
    flow::{Outcome, PersonError, RefundOutcome, Step, outcome::Resolution, resolve, retry, table::Stage},
    journal::{
        Force, Key, Listing, Row,
        record::{Record, RecordError},
    },
    time::{Millis, UnixMillis},
    values::TransactionNumber,
};
use tokio::{
    sync::SemaphorePermit,
    task::{JoinError, JoinSet},
};
use tracing::{info, warn};

use super::{
    Client, Inner, Open, Progress, Settled,
    drive::{Advance, StandBy, Stop, Stopped},
    hand::Hand,
    shutdown::State,
};

/// How a run of recovery goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// Whose records are taken over. A live holder is never robbed unless a person says that it hangs.
    pub force: Force,
}

impl Default for Recovery {
    fn default() -> Self {
        Recovery { force: Force::DeadOrLapsed }
    }
}

/// What a run of recovery found, beside the ends that it told.
#[derive(Debug, Default)]
#[must_use]
pub struct Report {
    /// Records that were driven to an end.
    pub settled: usize,
    /// Ends of earlier runs that had not been told.
    pub told_again: usize,
    /// Ends that could not be told now.
    pub untold: usize,
    /// Records that wait for a person.
    pub parked: Vec<Settled>,
    /// Records that another live worker holds.
    pub held: Vec<Key>,
    /// Records of another environment, merchant or version, left alone (R20, R21).
    pub left_alone: Vec<(Box<str>, Box<str>)>,
    /// Records that are still open: the client is stopping, or has no accept step to ask (R19).
    pub still_open: Vec<Open>,
}

/// What waits in the journal, whoever works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Backlog {
    /// Records without an end whose money may have moved; those whose first message a worker has in hand are not
    /// among them.
    pub open: u64,
    /// When the oldest of these was made.
    pub oldest: Option<UnixMillis>,
    /// Records that wait for a person.
    pub parked: u64,
}

impl Client {
    /// Drives every open record to its end, tells every end that was not told, and lists what waits for a
    /// person. `tell` is asked for one end after the other; its panic is a [`Told::NotYet`].
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn recover<F, T>(&self, how: Recovery, mut tell: F) -> Result<Report, Error>
    where
        F: FnMut(Arc<Settled>) -> T + Send,
        T: Future<Output = Told> + Send,
    {
        let inner = &self.inner;
        let mut report = Report::default();
        let mut tasks = JoinSet::new();
        for row in inner.pages(Listing::Open).await? {
            match inner.take_up(&row) {
                Ok(hand) => drop(tasks.spawn(hand.take_over(row, how.force))),
                Err(not) => report.note(not, &mut tell).await?,
            }
        }
        info!(open = tasks.len(), "recovery begins");
        let mut first_error = Ok(());
        while let Some(taken) = tasks.join_next().await {
            let done = match joined(taken) {
                Ok(taken) => report.note(taken, &mut tell).await,
                Err(error) => Err(error),
            };
            first_error = first_error.and(done);
        }
        first_error?;
        for row in inner.pages(Listing::Untold).await? {
            inner.tell_again(&row, &mut report, &mut tell).await?;
        }
        for row in inner.pages(Listing::Parked).await? {
            match inner.standing(&row, true) {
                Ok(Progress::Settled(settled)) => report.parked.push(*settled),
                Ok(Progress::Open(_)) => {}
                Err(error) => report.left_alone.push((name(&row.key), error.to_string().into())),
            }
        }
        for unreadable in inner.journal.unreadable().await? {
            report.left_alone.push((unreadable.key.into(), unreadable.why.into()));
        }
        Ok(report)
    }

    /// What waits in the journal: how many payments are unknown, and since when.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        let now = self.inner.clock.now().wall;
        let mut backlog = Backlog::default();
        for row in self.inner.pages(Listing::Open).await? {
            // A row that cannot be read counts: somebody has to look.
            let first_message = |record: Record| matches!(record.stage, Stage::Intent | Stage::Refunding);
            if row.lease_until > now && Record::of_row(&row).is_ok_and(first_message) {
                continue;
            }
            backlog.open += 1;
            backlog.oldest = backlog.oldest.or(Some(row.created_at));
        }
        backlog.parked = self.inner.pages(Listing::Parked).await?.len() as u64;
        Ok(backlog)
    }

    /// More tries for a parked record, because a person says so (R20).
    ///
    /// # Errors
    /// [`PersonError`] within; the record is as it was.
    pub async fn retry(&self, number: &TransactionNumber) -> Result<Result<Progress, PersonError>, Error> {
        let inner = &self.inner;
        let row = inner.find(number).await?.ok_or_else(|| Error::unknown(number))?;
        let terminal = inner.terminal_of(&row.key)?;
        let hand = Hand::new(inner, terminal, &row.key);
        let Some(ours) = inner.claim(&row, Force::DeadOrLapsed).await? else {
            return inner.standing(&row, true).map(Ok);
        };
        let driver = &inner.driver;
        match ours.go_on(|row| retry(row, &terminal.merchant, driver, inner.clock.now())) {
            Ok(persist) => inner.progress(hand, persist, inner.patience_end()).await.map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// A person has looked at a parked record and says what is so; final (R20).
    ///
    /// # Errors
    /// [`PersonError`] within; the record is as it was.
    pub async fn resolve(
        &self,
        number: &TransactionNumber,
        resolution: Resolution,
    ) -> Result<Result<Progress, PersonError>, Error> {
        let inner = &self.inner;
        let row = inner.find(number).await?.ok_or_else(|| Error::unknown(number))?;
        let terminal = inner.terminal_of(&row.key)?;
        let hand = Hand::new(inner, terminal, &row.key);
        match resolve(row, resolution, &terminal.merchant, &inner.driver, inner.clock.now()) {
            Ok(persist) => inner.progress(hand, persist, inner.patience_end()).await.map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }
}

/// What became of an open row.
pub(super) enum Taken {
    Progress(Progress),
    Held(Key),
    LeftAlone(Box<str>, Box<str>),
}

impl Report {
    pub(super) async fn note<F, T>(&mut self, taken: Taken, tell: &mut F) -> Result<(), Error>
    where
        F: FnMut(Arc<Settled>) -> T,
        T: Future<Output = Told>,
    {
        match taken {
            Taken::Held(key) => self.held.push(key),
            Taken::LeftAlone(number, why) => self.left_alone.push((number, why)),
            Taken::Progress(Progress::Open(open)) => self.still_open.push(*open),
            Taken::Progress(Progress::Settled(settled)) => {
                self.settled += 1;
                self.tell(*settled, tell).await?;
            }
        }
        Ok(())
    }

    async fn tell<F, T>(&mut self, settled: Settled, tell: &mut F) -> Result<bool, Error>
    where
        F: FnMut(Arc<Settled>) -> T,
        T: Future<Output = Told>,
    {
        let settled = Arc::new(settled);
        let telling = AssertUnwindSafe(async { tell(Arc::clone(&settled)).await }).catch_unwind();
        let told = telling.await.unwrap_or_else(|_| {
            warn!("telling an end panicked");
            Told::NotYet
        });
        match told {
            Told::Yes => settled.told().await?,
            Told::NotYet => self.untold += 1,
        }
        Ok(told == Told::Yes)
    }
}

/// The task's own result; its panic goes on here.
pub(super) fn joined<T>(task: Result<Result<T, Error>, JoinError>) -> Result<T, Error> {
    match task {
        Ok(result) => result,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Stopping),
    }
}

fn name(key: &Key) -> Box<str> {
    key.number.as_str().into()
}

impl Inner {
    pub(super) async fn pages(&self, which: Listing) -> Result<Vec<Row>, Error> {
        const PAGE: u32 = 500;
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let after = rows.last().map(|row| (row.created_at, row.key.clone()));
            let after = after.as_ref().map(|(at, key)| (*at, key));
            let page = self.journal.list(which, after, PAGE).await?;
            let full = page.len() == PAGE as usize;
            rows.extend(page);
            if !full {
                return Ok(rows);
            }
        }
    }

    /// Tells an end that was not told.
    pub(super) async fn tell_again<F, T>(
        self: &Arc<Self>,
        row: &Row,
        report: &mut Report,
        tell: &mut F,
    ) -> Result<(), Error>
    where
        F: FnMut(Arc<Settled>) -> T,
        T: Future<Output = Told>,
    {
        match self.standing(row, true) {
            Ok(Progress::Settled(settled)) => {
                report.told_again += usize::from(report.tell(*settled, tell).await?);
            }
            Ok(Progress::Open(_)) => {}
            Err(error) => report.left_alone.push((name(&row.key), error.to_string().into())),
        }
        Ok(())
    }

    /// A hand on an open row, so that it is not looked for again; or why it is not ours to go on with.
    pub(super) fn take_up(self: &Arc<Self>, row: &Row) -> Result<Hand, Taken> {
        let Some(terminal) = self.terminals.of_key(&row.key) else {
            return Err(Taken::LeftAlone(name(&row.key), RecordError::Foreign.to_string().into()));
        };
        Hand::of_free(self, terminal, &row.key).ok_or_else(|| Taken::Held(row.key.clone()))
    }

    /// A slot for a record that recovery works on; none once nothing new is begun.
    async fn recovery_slot(&self, unless: State) -> Option<SemaphorePermit<'_>> {
        tokio::select! {
            biased;
            () = self.reaches(unless) => None,
            slot = self.recoveries.acquire() => slot.ok(),
        }
    }
}

impl Hand {
    /// Takes an open row over and drives it to its end. While it waits it holds no slot.
    pub(super) async fn take_over(self, row: Row, force: Force) -> Result<Taken, Error> {
        let inner = Arc::clone(&self.inner);
        let mut slot = inner.recovery_slot(State::Closing).await;
        if slot.is_none() {
            return inner.standing(&row, true).map(Taken::Progress);
        }
        let Some(ours) = inner.claim(&row, force).await? else { return Ok(Taken::Held(row.key)) };
        let mut step = match ours.resume(&self.terminal) {
            Ok(step) => step,
            Err(error) => return Ok(Taken::LeftAlone(name(&row.key), error.to_string().into())),
        };
        info!(number = %row.key.number, "recovery takes a record over");
        let mut rows = None;
        let stop = loop {
            step = match self.advance(step, StandBy::End, &mut rows).await {
                Advance::Next(step) => step,
                Advance::Settle(settle) if inner.nobody_decides(&settle) => break Stop::Settle(settle),
                Advance::Settle(settle) => self.ask(settle).await,
                Advance::Wait(wait, until) => {
                    drop(slot);
                    let guard = self.guard(wait, |wait, _| Step::Wait(wait));
                    inner.sleep_until(until).await;
                    slot = inner.recovery_slot(State::Stopping).await;
                    let wait = guard.take();
                    if inner.stopping() {
                        break Stop::Wait(wait);
                    }
                    wait.wake(inner.clock.now())
                }
                Advance::Done(done) => break Stop::Done(done),
            };
        };
        match self.put_down(stop).await {
            Stopped::Progress(progress) => {
                if let Progress::Settled(end) = &progress {
                    let outcome = end.outcome().map(Outcome::name);
                    let outcome = outcome.or(end.refund_outcome().map(RefundOutcome::name));
                    info!(number = %row.key.number, outcome, "recovery has ended a record");
                }
                Ok(Taken::Progress(progress))
            }
            Stopped::Refused(error) => Err(error),
            Stopped::Elsewhere { key, .. } => {
                // Whoever has it now will tell its end.
                let row = inner.journal.find(&key).await?.ok_or_else(|| Error::unknown(&key.number))?;
                Ok(match Found::of_row(&row, true, inner.clock.now().wall)? {
                    Found::Open(open) => Taken::Progress(Progress::Open(Box::new(open))),
                    Found::Ended(_) => Taken::Held(row.key),
                })
            }
        }
    }
}

/// Rows that ended so recently may still be told by the call that drove them.
pub(super) fn is_forgotten(row: &Row, now: UnixMillis, grace: Millis) -> bool {
    row.updated_at + grace <= now
}
