//! The queue: what waits in it is written in groups, with one commit for each.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use kicc_proto::journal::{BoxFuture, WriteError};
use tokio::sync::{
    OwnedSemaphorePermit,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    oneshot, watch,
};
use tokio_postgres::Error;

use super::{
    Shared,
    connect::connection,
    group::{Ended, Group},
    holder, keep_alive,
    statement::execute,
    work::{Done, Failure, Work},
};
use crate::journal::{
    lanes::{Lanes, Of, closed},
    thread::lock,
};

/// How many writes a group has at most (our choice: other replicas wait for the sequence no longer than some 100 ms).
const GROUP_MAX: usize = 512;

/// The way to the task that writes.
pub(super) struct Queue {
    /// Taken when it is closed.
    jobs: std::sync::Mutex<Option<UnboundedSender<Queued>>>,
    lanes: Lanes,
    ended: watch::Receiver<()>,
}

/// What was written since the journal was opened.
#[derive(Default)]
pub(super) struct Tally {
    pub writes: AtomicU64,
    pub commits: AtomicU64,
}

struct Queued {
    job: Box<dyn Job>,
    /// Given back when the job leaves the queue.
    _room: OwnedSemaphorePermit,
}

impl Queue {
    /// Begins the task.
    pub fn start(shared: Arc<Shared>) -> Self {
        let settings = &shared.settings;
        let lanes = Lanes::new(settings.queue, settings.new_attempts_wait, settings.under_way_waits);
        let (jobs, received) = unbounded_channel();
        let (end, ended) = watch::channel(());
        tokio::spawn(async move {
            // Dropped last: whoever waits for the end finds the holder gone.
            let _end = end;
            run(shared, received).await;
        });
        Queue { jobs: std::sync::Mutex::new(Some(jobs)), lanes, ended }
    }

    /// Queues a write and waits for its commit. Once it is queued it is written, whether this future lives or not.
    /// `lease`: how many milliseconds from now the lease is to last that it writes.
    pub async fn write<T: Send + 'static>(
        &self,
        of: Of,
        lease: u64,
        act: impl for<'w> Fn(&'w Work<'w>) -> BoxFuture<'w, Done<T>> + Send + Sync + 'static,
    ) -> Result<T, WriteError> {
        let room = self.lanes.room(of).await?;
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Task { act, lease, done: None, answer });
        let queued =
            lock(&self.jobs).as_ref().is_some_and(|jobs| jobs.send(Queued { job, _room: room }).is_ok());
        if !queued {
            return Err(closed());
        }
        answered.await.unwrap_or_else(|_| {
            Err(WriteError::NotKnown("the journal's task ended without an answer".into()))
        })
    }

    /// Takes no more writes.
    pub fn close(&self) {
        lock(&self.jobs).take();
        self.lanes.close();
    }

    /// Comes back when everything queued was written after [`Queue::close`], and the holder is dead.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// How many writes found no room in time, and how many wait.
    pub fn waits(&self) -> (u64, usize) {
        (self.lanes.turned_away(), self.lanes.queued())
    }
}

/// The task. It waits for a first write and takes with it all that are queued by the time the sequence is its own.
async fn run(shared: Arc<Shared>, mut received: UnboundedReceiver<Queued>) {
    let alive = tokio::spawn(keep_alive(Arc::clone(&shared)));
    while let Some(first) = received.recv().await {
        let begun = Group::begin(&shared).await;
        // If nobody can write, nobody shall wait to be told for as long as the first one did.
        let limit = if begun.is_ok() { GROUP_MAX } else { usize::MAX };
        let queued = std::iter::once(first).chain(std::iter::from_fn(|| received.try_recv().ok()));
        let jobs = queued.take(limit).map(|queued| queued.job).collect();
        match begun {
            Ok(group) => write(&shared, group, jobs).await,
            Err(error) => tell(&shared, jobs, Some(&error)),
        }
    }
    alive.abort();
    if let Ok(client) = connection(&shared.pools.rows).await {
        // Not told, it is dead when its time is over.
        let _ = execute(&client, holder::GONE, vec![(&*shared.holder).into()]).await;
    }
    shared.mark.ended().await;
    shared.pools.close();
}

/// Writes a group; one that a statement has broken is written again, each write by itself.
async fn write(shared: &Shared, group: Group<'_>, mut jobs: Vec<Box<dyn Job>>) {
    let ended = group.run(&mut jobs).await;
    match ended {
        Ended::Committed(commits) => {
            shared.tally.commits.fetch_add(commits, Ordering::Relaxed);
            tell(shared, jobs, None);
        }
        Ended::Apart(_) if jobs.len() > 1 => {
            for job in jobs {
                match Group::begin(shared).await {
                    Ok(group) => Box::pin(write(shared, group, vec![job])).await,
                    Err(error) => job.answer(Some(&error)),
                }
            }
        }
        Ended::Apart(error) | Ended::Failed(error) => tell(shared, jobs, Some(&error)),
    }
}

fn tell(shared: &Shared, jobs: Vec<Box<dyn Job>>, failed: Option<&WriteError>) {
    if failed.is_none() {
        shared.tally.writes.fetch_add(jobs.len() as u64, Ordering::Relaxed);
    }
    jobs.into_iter().for_each(|job| job.answer(failed));
}

/// A queued write.
pub(super) trait Job: Send {
    /// Does it, and says whether it changed anything; it can be done again. The error is a statement's, which breaks
    /// the group; a reason of its own is kept for the caller.
    fn run<'j>(&'j mut self, work: &'j Work<'j>) -> BoxFuture<'j, Result<bool, Error>>;

    /// How many milliseconds from now the lease is to last that it writes.
    fn lease(&self) -> u64;

    /// Tells its caller, after the commit, which may have failed.
    fn answer(self: Box<Self>, failed: Option<&WriteError>);
}

struct Task<T, A> {
    act: A,
    lease: u64,
    done: Option<Result<T, WriteError>>,
    answer: oneshot::Sender<Result<T, WriteError>>,
}

impl<T, A> Job for Task<T, A>
where
    T: Send,
    A: for<'w> Fn(&'w Work<'w>) -> BoxFuture<'w, Done<T>> + Send + Sync,
{
    fn run<'j>(&'j mut self, work: &'j Work<'j>) -> BoxFuture<'j, Result<bool, Error>> {
        Box::pin(async move {
            let (done, changed) = match (self.act)(work).await {
                Ok((done, changed)) => (Ok(done), changed),
                Err(Failure::Own(error)) => (Err(error), false),
                Err(Failure::Statement(error)) => return Err(error),
            };
            self.done = Some(done);
            Ok(changed)
        })
    }

    fn lease(&self) -> u64 {
        self.lease
    }

    fn answer(self: Box<Self>, failed: Option<&WriteError>) {
        let result = failed.map(|error| Err(error.clone())).or(self.done);
        // Without an answer the caller's end says so. A caller who has gone needs none.
        if let Some(result) = result {
            let _ = self.answer.send(result);
        }
    }
}
