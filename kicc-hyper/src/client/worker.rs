//! The recovery worker: what [`Client::recover`] does once, again and again beside a running server.

use std::sync::Arc;

use futures_util::FutureExt as _;
use kicc_proto::{
    journal::{Force, Listing},
    time::Millis,
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::{Duration, Instant, sleep_until},
};
use tracing::{debug, info, warn};

use super::{
    Client, Error, Inner, Report, Settled, Told, clock,
    recover::{Taken, is_forgotten},
    shutdown::State,
};

/// When a worker looks for what was left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// The time between two looks; the first is at once. Default 30 s.
    pub every: Duration,
    /// Up to so much is added to each of them at random, so that the workers of several replicas do not look all at
    /// once. Default 10 s.
    pub jitter: Duration,
    /// An end that nobody was told of is told only after so long, because the call that drove it may be about to.
    /// Default 60 s.
    pub tell_after: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule {
            every: Duration::from_secs(30),
            jitter: Duration::from_secs(10),
            tell_after: Duration::from_secs(60),
        }
    }
}

/// A recovery worker that runs. Dropped, it goes on until its client stops.
#[derive(Debug)]
pub struct Worker {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Worker {
    /// Takes over nothing more, and ends. What it has in hand is dropped, see [`OnDrop`](super::OnDrop).
    pub async fn stop(self) {
        // It may have ended with its client.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

impl Client {
    /// Begins a recovery worker on this runtime: open records are taken over at once and from time to time, each is
    /// driven to its end, and every end that nobody was told of is told. Records that wait do not keep others waiting.
    /// It ends with the client.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn start_worker<F, T>(&self, schedule: Schedule, tell: F) -> Worker
    where
        F: FnMut(Arc<Settled>) -> T + Send + 'static,
        T: Future<Output = Told> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let round = Round { inner: Arc::clone(&self.inner), schedule, tasks: JoinSet::new() };
        Worker { task: tokio::spawn(round.run(stopped, tell)), stop }
    }
}

struct Round {
    inner: Arc<Inner>,
    schedule: Schedule,
    tasks: JoinSet<Result<Taken, Error>>,
}

impl Round {
    async fn run<F, T>(mut self, stopped: oneshot::Receiver<()>, mut tell: F)
    where
        F: FnMut(Arc<Settled>) -> T,
        T: Future<Output = Told>,
    {
        let inner = Arc::clone(&self.inner);
        // Pending for ever once the worker was dropped.
        let mut stopped = stopped.fuse();
        let mut next = Instant::now();
        loop {
            let closing = inner.is_closing();
            if closing && self.tasks.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                Ok(()) = &mut stopped => return self.tasks.shutdown().await,
                Some(taken) = self.tasks.join_next() => match taken {
                    Ok(taken) => if let Err(error) = note(taken, &mut tell).await {
                        warn!(%error, "recovery did not go on with a record");
                    },
                    Err(error) => warn!(%error, "recovery of a record panicked"),
                },
                () = inner.reaches(State::Closing), if !closing => {}
                () = sleep_until(next), if !closing => {
                    if let Err(error) = self.look(&mut tell).await {
                        warn!(%error, "recovery could not look for what was left behind");
                    }
                    next = Instant::now() + self.schedule.every + part_of(self.schedule.jitter);
                }
            }
        }
    }

    /// Takes over what is open and not in hand, and tells what was not told.
    async fn look<F, T>(&mut self, tell: &mut F) -> Result<(), Error>
    where
        F: FnMut(Arc<Settled>) -> T,
        T: Future<Output = Told>,
    {
        for row in self.inner.pages(Listing::Open).await? {
            match self.inner.take_up(&row) {
                Ok(hand) => drop(self.tasks.spawn(hand.take_over(row, Force::DeadOrLapsed))),
                Err(not) => note(Ok(not), tell).await?,
            }
        }
        let mut report = Report::default();
        let now = self.inner.clock.now().wall;
        let grace = Millis(u64::try_from(self.schedule.tell_after.as_millis()).unwrap_or(u64::MAX));
        for row in self.inner.pages(Listing::Untold).await? {
            if is_forgotten(&row, now, grace) {
                self.inner.tell_again(&row, &mut report, tell).await?;
            }
        }
        let (in_hand, told_again, untold) = (self.tasks.len(), report.told_again, report.untold);
        debug!(in_hand, told_again, untold, "recovery looked for what was left behind");
        Ok(())
    }
}

async fn note<F, T>(taken: Result<Taken, Error>, tell: &mut F) -> Result<(), Error>
where
    F: FnMut(Arc<Settled>) -> T,
    T: Future<Output = Told>,
{
    let mut report = Report::default();
    report.note(taken?, tell).await?;
    for (number, why) in report.left_alone {
        info!(%number, %why, "recovery leaves a record alone");
    }
    Ok(())
}

/// A part of a span, at random.
fn part_of(span: Duration) -> Duration {
    let [low, high, ..] = clock::random();
    span.mul_f64(f64::from(u16::from_le_bytes([low, high])) / 65_536.0)
}
