//! Going on with what other processes left behind (R20).

use std::{
    collections::{BinaryHeap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use kicc_proto::{
    client::Told,
    flow::{Ended, PersonError, RowBuffer, Step, Wait, outcome::Resolution, resolve, resume, retry},
    journal::{Claimed, Force, Key, Listing, Row, record::RecordError},
    values::TransactionNumber,
};

use super::{
    Client, Error, Inner, Open, Progress, Settled, Terminal,
    drive::{Advance, Stop},
    hands::Hand,
    trace::event,
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

impl Report {
    fn tell(&mut self, settled: &Settled, tell: &mut impl FnMut(&Settled) -> Told) -> Result<bool, Error> {
        let told = catch_unwind(AssertUnwindSafe(|| tell(settled))).unwrap_or(Told::NotYet);
        match told {
            Told::Yes => settled.told()?,
            Told::NotYet => self.untold += 1,
        }
        Ok(told == Told::Yes)
    }
}

impl Client {
    /// Drives every open record to its end, tells every end that was not told, and lists what waits for a
    /// person. `tell` is called from this thread, for one end after the other; its panic is a [`Told::NotYet`].
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub fn recover(&self, how: Recovery, mut tell: impl FnMut(&Settled) -> Told) -> Result<Report, Error> {
        let inner = &*self.inner;
        let mut report = Report::default();
        let mut ready = VecDeque::new();
        for row in pages(inner, Listing::Open)? {
            let Some(terminal) = inner.terminals.of_key(&row.key) else {
                report.left_alone.push((name(&row.key), RecordError::Foreign.to_string().into()));
                continue;
            };
            let Some(hand) = inner.hands.take_up_free(&row.key) else {
                report.held.push(row.key);
                continue;
            };
            match inner.claim(&row, how.force)? {
                Claimed::Held { .. } | Claimed::Moved => report.held.push(row.key),
                Claimed::Yes(row) => {
                    let key = row.key.clone();
                    let token = row.token;
                    match resume(*row, &terminal.merchant, &inner.driver, inner.clock.now()) {
                        Ok(step) => {
                            ready.push_back((Taken { terminal, key: Box::new(key), _hand: hand }, step))
                        }
                        Err(error) => {
                            inner.journal.release(&key, token)?;
                            report.left_alone.push((name(&key), error.to_string().into()));
                        }
                    }
                }
            }
        }
        event!(INFO, open = ready.len(), held = report.held.len(), "recovery begins");
        Pool::run(inner, ready, |progress| match progress {
            Progress::Settled(settled) => {
                report.settled += 1;
                report.tell(&settled, &mut tell).map(drop)
            }
            Progress::Open(open) => {
                report.still_open.push(*open);
                Ok(())
            }
        })?;
        for row in pages(inner, Listing::Untold)? {
            match inner.standing(&row, true) {
                Ok(Progress::Settled(settled)) => {
                    report.told_again += usize::from(report.tell(&settled, &mut tell)?);
                }
                Ok(Progress::Open(_)) => {}
                Err(error) => report.left_alone.push((name(&row.key), error.to_string().into())),
            }
        }
        for row in pages(inner, Listing::Parked)? {
            match inner.standing(&row, true) {
                Ok(Progress::Settled(settled)) => report.parked.push(*settled),
                Ok(Progress::Open(_)) => {}
                Err(error) => report.left_alone.push((name(&row.key), error.to_string().into())),
            }
        }
        for unreadable in inner.journal.unreadable()? {
            report.left_alone.push((unreadable.key.into(), unreadable.why.into()));
        }
        Ok(report)
    }

    /// More tries for a parked record, because a person says so (R20).
    ///
    /// # Errors
    /// [`PersonError`] within; the record is as it was.
    pub fn retry(&self, number: &TransactionNumber) -> Result<Result<Progress, PersonError>, Error> {
        let inner = &*self.inner;
        let row = inner.find(number)?.ok_or_else(|| Error::unknown(number))?;
        let terminal = inner.terminal_of(&row.key)?;
        let row = match inner.claim(&row, Force::DeadOrLapsed)? {
            Claimed::Yes(row) => *row,
            Claimed::Held { .. } | Claimed::Moved => return inner.standing(&row, true).map(Ok),
        };
        let (key, token) = (row.key.clone(), row.token);
        match retry(row, &terminal.merchant, &inner.driver, inner.clock.now()) {
            Ok(persist) => {
                inner.progress(terminal, &key, Step::Persist(persist), inner.patience_end()).map(Ok)
            }
            Err(error) => {
                inner.journal.release(&key, token)?;
                Ok(Err(error))
            }
        }
    }

    /// A person has looked at a parked record and says what is so; final (R20).
    ///
    /// # Errors
    /// [`PersonError`] within; the record is as it was.
    pub fn resolve(
        &self,
        number: &TransactionNumber,
        resolution: Resolution,
    ) -> Result<Result<Progress, PersonError>, Error> {
        let inner = &*self.inner;
        let row = inner.find(number)?.ok_or_else(|| Error::unknown(number))?;
        let terminal = inner.terminal_of(&row.key)?;
        let key = row.key.clone();
        match resolve(row, resolution, &terminal.merchant, &inner.driver, inner.clock.now()) {
            Ok(persist) => {
                inner.progress(terminal, &key, Step::Persist(persist), inner.patience_end()).map(Ok)
            }
            Err(error) => Ok(Err(error)),
        }
    }
}

fn name(key: &Key) -> Box<str> {
    key.number.as_str().into()
}

fn pages(inner: &Inner, which: Listing) -> Result<Vec<Row>, Error> {
    const PAGE: u32 = 500;
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| (row.created_at, row.key.clone()));
        let after = after.as_ref().map(|(at, key)| (*at, key));
        let page = inner.journal.list(which, after, PAGE)?;
        let full = page.len() == PAGE as usize;
        rows.extend(page);
        if !full {
            return Ok(rows);
        }
    }
}

/// Many records at once on a few threads: while one waits, another goes on.
struct Pool<'a> {
    inner: &'a Inner,
    state: Mutex<State<'a>>,
    changed: Condvar,
}

struct State<'a> {
    ready: VecDeque<(Taken<'a>, Step)>,
    waiting: BinaryHeap<Waiting<'a>>,
    busy: usize,
    finished: VecDeque<Result<Progress, Error>>,
}

/// A row that was taken over.
struct Taken<'a> {
    terminal: &'a Terminal,
    key: Box<Key>,
    _hand: Hand<'a>,
}

struct Waiting<'a> {
    until: Instant,
    taken: Taken<'a>,
    wait: Wait,
}

impl<'a> Pool<'a> {
    fn run(
        inner: &'a Inner,
        ready: VecDeque<(Taken<'a>, Step)>,
        mut on_progress: impl FnMut(Progress) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let workers = ready.len().min(inner.driver.policy.rescues_in_flight as usize);
        let state = State { ready, waiting: BinaryHeap::new(), busy: 0, finished: VecDeque::new() };
        let pool = Pool { inner, state: Mutex::new(state), changed: Condvar::new() };
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| pool.work());
            }
            let mut first_error = Ok(());
            while let Some(finished) = pool.finished() {
                let told = finished.and_then(&mut on_progress);
                if first_error.is_ok() {
                    first_error = told;
                }
            }
            first_error
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next end, or nothing when all have ended.
    fn finished(&self) -> Option<Result<Progress, Error>> {
        let mut state = self.lock();
        loop {
            if let Some(finished) = state.finished.pop_front() {
                return Some(finished);
            }
            if state.is_over() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(&self) {
        while let Some((taken, step)) = self.next() {
            let _busy = Busy(self);
            let finished = self.drive(taken, step);
            let mut state = self.lock();
            match finished {
                Ok(result) => state.finished.push_back(result),
                Err(waiting) => state.waiting.push(waiting),
            }
        }
    }

    fn next(&self) -> Option<(Taken<'a>, Step)> {
        let mut state = self.lock();
        loop {
            if let Some(ready) = state.ready.pop_front() {
                state.busy += 1;
                return Some(ready);
            }
            let stopping = self.inner.stopping();
            let due = state.waiting.peek().map(|first| first.until);
            match due {
                Some(due) if stopping || due <= Instant::now() => {
                    let Some(Waiting { taken, wait, .. }) = state.waiting.pop() else { continue };
                    state.busy += 1;
                    let step = if stopping { Step::Wait(wait) } else { wait.wake(self.inner.clock.now()) };
                    return Some((taken, step));
                }
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now()).min(STOP_CHECK);
                    state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                }
                None if state.busy == 0 => {
                    drop(state);
                    self.changed.notify_all();
                    return None;
                }
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Drives to the end, or to the next wait.
    fn drive(&self, taken: Taken<'a>, mut step: Step) -> Result<Result<Progress, Error>, Waiting<'a>> {
        let mut rows = RowBuffer::new();
        loop {
            step = match self.inner.advance(taken.terminal, step, &mut rows) {
                Advance::Next(step) => step,
                Advance::Settle(settle) if self.inner.nobody_decides(&settle) => {
                    return Ok(self.inner.stopped(&taken.key, Stop::Settle(settle), None));
                }
                Advance::Settle(settle) => self.inner.ask(settle),
                Advance::Wait(wait, until) => {
                    if self.inner.stopping() {
                        return Ok(self.inner.stopped(&taken.key, Stop::Wait(wait), None));
                    }
                    return Err(Waiting { until, taken, wait });
                }
                Advance::Done(done) => {
                    if let Ended::TakenOver(key) = done.ended() {
                        // Whoever has it now will tell its end.
                        let standing = self.inner.journal.find(key).map_err(Error::from);
                        let unknown = Error::unknown(&key.number);
                        return Ok(standing
                            .and_then(|row| row.ok_or(unknown))
                            .and_then(|row| self.inner.standing(&row, true)));
                    }
                    return Ok(self.inner.stopped(&taken.key, Stop::Done(done), None));
                }
            };
        }
    }
}

/// A worker at work; one that panics must not leave the others waiting for it.
struct Busy<'p, 'a>(&'p Pool<'a>);

impl Drop for Busy<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().busy -= 1;
        self.0.changed.notify_all();
    }
}

/// How soon a stopping client is noticed by a worker that waits.
const STOP_CHECK: std::time::Duration = std::time::Duration::from_millis(100);

impl State<'_> {
    fn is_over(&self) -> bool {
        self.busy == 0 && self.ready.is_empty() && self.waiting.is_empty() && self.finished.is_empty()
    }
}

/// The heap gives the greatest first: the one that is due first is the greatest.
impl Ord for Waiting<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.until.cmp(&self.until)
    }
}

impl PartialOrd for Waiting<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.until == other.until
    }
}

impl Eq for Waiting<'_> {}
