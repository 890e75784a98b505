//! The writing thread: what is queued is written in groups, with one commit and one flush for each.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
    time::Duration,
};

use kicc_proto::journal::WriteError;
use kicc_sqlite::{End, Group, Work, Writer};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    lanes::{Lanes, Of, closed},
    thread::{Thread, lock},
};

/// How many writes a group has at most (our choice: other processes wait for the file no longer than some 50 ms).
const GROUP_MAX: usize = 1_024;

/// The way to the writing thread.
pub(super) struct Writes {
    thread: Thread<Queued>,
    lanes: Lanes,
    shared: Arc<Shared>,
}

/// What the thread lets others see.
#[derive(Default)]
struct Shared {
    writes: AtomicU64,
    commits: AtomicU64,
    mark_trouble: Mutex<Option<String>>,
}

struct Queued {
    job: Box<dyn Job>,
    /// Given back when the job leaves the queue.
    _room: OwnedSemaphorePermit,
}

impl Writes {
    /// Begins the thread. There is room for `size` writes of each kind.
    pub fn start(
        writer: Writer,
        size: usize,
        new_wait: Duration,
        under_way_wait: Duration,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = Arc::clone(&shared);
            Thread::start("kicc-journal-writes", move |jobs| run(writer, jobs, &shared))?
        };
        Ok(Writes { thread, lanes: Lanes::new(size, new_wait, under_way_wait), shared })
    }

    /// Queues a write and waits for its commit. Once it is queued it is written, whether this future lives or not.
    pub async fn write<T: Send + 'static>(
        &self,
        of: Of,
        work: impl FnOnce(&Work<'_>) -> Result<End<T>, WriteError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let room = self.lanes.room(of).await?;
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Task { work: Some(work), done: None, answer });
        if !self.thread.send(Queued { job, _room: room }) {
            return Err(closed());
        }
        answered.await.unwrap_or_else(|_| {
            Err(WriteError::NotKnown("the journal's thread ended without an answer".into()))
        })
    }

    /// Takes no more writes.
    pub fn close(&self) {
        self.thread.close();
        self.lanes.close();
    }

    /// Comes back when everything queued was written after [`Writes::close`], and the holder is dead.
    pub async fn ended(&self) {
        self.thread.ended().await;
    }

    /// Writes done, commits, writes turned away; in this order, since the journal was opened.
    pub fn counts(&self) -> [u64; 3] {
        let [writes, commits] =
            [&self.shared.writes, &self.shared.commits].map(|count| count.load(Ordering::Relaxed));
        [writes, commits, self.lanes.turned_away()]
    }

    /// How many writes wait in the queue.
    pub fn queued(&self) -> usize {
        self.lanes.queued()
    }

    pub fn mark_trouble(&self) -> Option<String> {
        lock(&self.shared.mark_trouble).clone()
    }
}

/// The thread. It waits for a first write and takes with it all that are queued until none is left: also those that come
/// while it writes need wait for one flush only.
fn run(mut writer: Writer, jobs: &Receiver<Queued>, shared: &Shared) {
    while let Ok(first) = jobs.recv() {
        let mut done = Vec::new();
        let mut queued = std::iter::once(first).chain(jobs.try_iter()).map(|queued| queued.job);
        let end = match writer.begin() {
            Ok(mut group) => {
                for mut job in queued.take(GROUP_MAX) {
                    job.run(&mut group);
                    done.push(job);
                }
                group.commit()
            }
            Err(error) => {
                // If nobody can write, nobody shall wait to be told for as long as the first one did.
                done.extend(&mut queued);
                Err(error)
            }
        };
        if let Ok(flushed) = &end {
            shared.writes.fetch_add(done.len() as u64, Ordering::Relaxed);
            shared.commits.fetch_add(u64::from(*flushed), Ordering::Relaxed);
            *lock(&shared.mark_trouble) = writer.mark_trouble().map(str::to_owned);
        }
        for job in done {
            job.answer(end.as_ref().err());
        }
    }
}

/// A queued write.
trait Job: Send {
    fn run(&mut self, group: &mut Group<'_>);

    /// Tells its caller, after the commit, which may have failed.
    fn answer(self: Box<Self>, failed: Option<&WriteError>);
}

struct Task<T, W> {
    /// Taken when it is run.
    work: Option<W>,
    done: Option<Result<T, WriteError>>,
    answer: oneshot::Sender<Result<T, WriteError>>,
}

impl<T, W> Job for Task<T, W>
where
    T: Send,
    W: FnOnce(&Work<'_>) -> Result<End<T>, WriteError> + Send,
{
    fn run(&mut self, group: &mut Group<'_>) {
        self.done = self.work.take().map(|work| group.run(work));
    }

    fn answer(self: Box<Self>, failed: Option<&WriteError>) {
        let result = failed.map(|error| Err(error.clone())).or(self.done);
        // Without an answer the caller's end says so. A caller who has gone needs none.
        if let Some(result) = result {
            let _ = self.answer.send(result);
        }
    }
}
