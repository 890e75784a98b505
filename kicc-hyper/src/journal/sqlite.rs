//! The journal in one SQLite file, for servers with thousands of payments in flight.

use std::{
    fmt,
    iter::once,
    path::{Path, PathBuf},
    sync::mpsc::Receiver,
    time::Duration,
};

use kicc_proto::{
    journal::{
        Admission, AsyncJournal, BoxFuture, Claim, Claimed, Expect, Key, Listing, ReadError, Row, Unreadable,
        WriteError, Written, restore::RestoredError,
    },
    time::UnixMillis,
};
use kicc_sqlite::{OpenError, Opened, Parts, Reader};
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{lanes::Of, thread::Thread, writes::Writes};

/// A journal file, opened. One per process is enough.
///
/// It is the same file as `kicc-ureq`'s and the `kicc` command's, which may use it at the same time. What is durable,
/// known not stored and not known is said in [`kicc_sqlite`].
///
/// **Groups.** One thread writes. It takes whatever is queued, does each write by itself (a conflict or an error is that
/// write's alone), commits and flushes once, and only then answers. A lone write waits for nobody. If the commit fails,
/// all of the group are told so, as known not stored or not known.
///
/// **Back-pressure.** The queue is bounded ([`SqliteSettings::queue`]). A write that finds no room waits a while
/// ([`SqliteSettings::new_attempts_wait`], [`SqliteSettings::under_way_waits`]) and is then known not stored: a new
/// attempt is never sent. Writes of attempts that are under way have room of their own, so that new sales do not keep
/// the ends of old ones out.
///
/// **Reads** see what was committed, on two threads of their own: one for single rows ([`AsyncJournal::holds`] among
/// them), one for lists, which may take long. None waits for a write.
///
/// **A future that is dropped.** A write that is queued is written all the same: treat it as not known.
///
/// **The end.** [`AsyncJournal::close`] takes no more calls and comes back when what is queued is written, the holder is
/// dead (R20) and the file is closed. After a mere drop the same happens behind the caller's back, if the process lives
/// long enough.
pub struct SqliteJournal {
    writes: Writes,
    rows: Reads,
    lists: Reads,
    holder: Box<str>,
    opened: Opened,
}

/// How a [`SqliteJournal`] treats its writers. Make it with [`SqliteSettings::default`] and change fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteSettings {
    /// How many writes of new attempts may be queued, and as many again of attempts that are under way; default 16,384
    /// (our choice: some tens of megabytes at most).
    pub queue: usize,
    /// How long the write of a new attempt waits for room; default 1 s (our choice: well below the 10 s in which it
    /// would have to be sent, R4). Zero: it is told at once.
    pub new_attempts_wait: Duration,
    /// How long any other write waits for room; default 30 s (our choice: below the lease of a minute; an approval that
    /// is not stored is cancelled, R18).
    pub under_way_waits: Duration,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        SqliteSettings {
            queue: 16_384,
            new_attempts_wait: Duration::from_secs(1),
            under_way_waits: Duration::from_secs(30),
        }
    }
}

/// How a [`SqliteJournal`] fares, since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Writes that were answered after their commit.
    pub writes: u64,
    /// Commits, each with one flush to the disk.
    pub commits: u64,
    /// Writes that found no room in the queue in time.
    pub turned_away: u64,
    /// Writes that are queued now.
    pub queued: usize,
}

impl SqliteJournal {
    /// Opens the journal at `path`, and makes it if there is none, with the default settings.
    ///
    /// # Errors
    /// When it, or a file beside it, cannot be used, or another version made it.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, SqliteSettings::default()).await
    }

    /// As [`SqliteJournal::open`], with settings of one's own.
    ///
    /// # Errors
    /// As there.
    pub async fn open_with(path: impl AsRef<Path>, settings: SqliteSettings) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let opening = path.clone();
        let opened = spawn_blocking(move || start(&opening, &settings)).await;
        opened.unwrap_or_else(|error| Err(OpenError::Thread { path, error: error.into() }))
    }

    /// What was found at opening. A restored journal takes no new number until [`SqliteJournal::restored`] was called
    /// (R24).
    #[must_use]
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Why the mark could not follow the last commit, if so (R24); the commit itself stands.
    #[must_use]
    pub fn mark_trouble(&self) -> Option<String> {
        self.writes.mark_trouble()
    }

    /// Writes, commits and what waits.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let [writes, commits, turned_away] = self.writes.counts();
        Counts { writes, commits, turned_away, queued: self.writes.queued() }
    }

    /// Declares that the journal was restored from a backup (R24): new numbers must begin with `prefix`, which no
    /// number ever did; and all rows are suspect, unless opening had found the restore, when the rows written since are
    /// not. For a restore that opening did not find (the mark was lost or restored too), call it all the same.
    ///
    /// # Errors
    /// When the prefix is no prefix or was used, as far as this journal knows, or the journal was not written.
    pub async fn restored(&self, prefix: &str) -> Result<(), RestoredError> {
        let prefix = prefix.to_owned();
        self.writes.write(Of::UnderWay, move |work| work.restored(&prefix)).await?
    }

    /// Removes the records of at most `limit` closed and told rows made before `before`, the oldest first, and keeps
    /// hashes by which their numbers, authorisations and refunds go on being refused (R22). Returns how many; a refund
    /// goes in a later call than its approval, so call it until it returns 0. Other writes wait meanwhile: keep `limit`
    /// at some hundreds.
    ///
    /// # Errors
    /// As [`AsyncJournal::write`]; then all of the call is undone, or not known.
    pub async fn prune(&self, before: UnixMillis, limit: u32) -> Result<u32, WriteError> {
        self.writes.write(Of::UnderWay, move |work| work.prune(before, limit)).await
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal")
            .field("holder", &self.holder)
            .field("opened", &self.opened)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

fn start(path: &Path, settings: &SqliteSettings) -> Result<SqliteJournal, OpenError> {
    let Parts { writer, reader, opened } = kicc_sqlite::open(path)?;
    let holder = writer.holder().into();
    let thread_error = |error| OpenError::Thread { path: PathBuf::from(path), error };
    let SqliteSettings { queue, new_attempts_wait, under_way_waits } = *settings;
    Ok(SqliteJournal {
        rows: Reads::start("kicc-journal-rows", reader).map_err(thread_error)?,
        lists: Reads::start("kicc-journal-lists", Reader::open(path)?).map_err(thread_error)?,
        writes: Writes::start(writer, queue, new_attempts_wait, under_way_waits).map_err(thread_error)?,
        holder,
        opened,
    })
}

impl AsyncJournal for SqliteJournal {
    /// Alive until the journal is closed, or dropped and its queue written, or its process ends.
    fn holder(&self) -> &str {
        &self.holder
    }

    fn write<'a>(&'a self, row: &'a Row, expect: Expect) -> BoxFuture<'a, Result<Written, WriteError>> {
        let of = if expect == Expect::Absent { Of::NewAttempt } else { Of::UnderWay };
        let row = row.clone();
        Box::pin(self.writes.write(of, move |work| work.write(&row, expect)))
    }

    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Row>, ReadError>> {
        let key = key.clone();
        Box::pin(self.rows.read(move |reader| reader.find(&key)))
    }

    fn refunds<'a>(&'a self, original: &'a Key) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        let original = original.clone();
        Box::pin(self.rows.read(move |reader| reader.refunds(&original)))
    }

    fn claim<'a>(&'a self, claim: &'a Claim<'a>) -> BoxFuture<'a, Result<Claimed, WriteError>> {
        let Claim { key, revision, holder, now, lease_until, force } = *claim;
        let (key, holder) = (key.clone(), holder.to_owned());
        Box::pin(self.writes.write(Of::UnderWay, move |work| {
            work.claim(&Claim { key: &key, revision, holder: &holder, now, lease_until, force })
        }))
    }

    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: u64,
        until: UnixMillis,
    ) -> BoxFuture<'a, Result<bool, WriteError>> {
        let key = key.clone();
        Box::pin(self.writes.write(Of::UnderWay, move |work| work.renew(&key, token, until)))
    }

    fn release<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<(), WriteError>> {
        let key = key.clone();
        Box::pin(self.writes.write(Of::UnderWay, move |work| work.release(&key, token)))
    }

    fn holds<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<bool, ReadError>> {
        let key = key.clone();
        Box::pin(self.rows.read(move |reader| reader.holds(&key, token)))
    }

    fn told<'a>(&'a self, key: &'a Key, revision: u64) -> BoxFuture<'a, Result<bool, WriteError>> {
        let key = key.clone();
        Box::pin(self.writes.write(Of::UnderWay, move |work| work.told(&key, revision)))
    }

    fn list<'a>(
        &'a self,
        which: Listing,
        after: Option<(UnixMillis, &'a Key)>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        let after = after.map(|(made, key)| (made, key.clone()));
        Box::pin(
            self.lists.read(move |reader| {
                reader.list(which, after.as_ref().map(|(made, key)| (*made, key)), limit)
            }),
        )
    }

    fn unreadable(&self) -> BoxFuture<'_, Result<Vec<Unreadable>, ReadError>> {
        Box::pin(self.lists.read(Reader::unreadable))
    }

    fn admission(&self) -> BoxFuture<'_, Result<Admission, ReadError>> {
        Box::pin(self.rows.read(Reader::admission))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.writes.close();
            self.rows.0.close();
            self.lists.0.close();
            self.writes.ended().await;
            self.rows.0.ended().await;
            self.lists.0.ended().await;
        })
    }
}

/// The way to a reading thread.
struct Reads(Thread<Read>);

type Read = Box<dyn FnOnce(&Reader) + Send>;

/// How many reads see one state of the file at most (our choice: none of them is older than a few milliseconds).
const AT_ONCE: usize = 128;

/// The thread. What is queued is read at once, after all of it was asked for: no answer is older than its question.
fn run(reader: &Reader, reads: &Receiver<Read>) {
    while let Ok(first) = reads.recv() {
        let queued: Vec<Read> = once(first).chain(reads.try_iter()).take(AT_ONCE).collect();
        reader.at_once(|| queued.into_iter().for_each(|read| read(reader)));
    }
}

impl Reads {
    fn start(name: &str, reader: Reader) -> std::io::Result<Self> {
        Thread::start(name, move |reads| run(&reader, reads)).map(Reads)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Box::new(move |reader| {
            // Nobody wants what a dropped future asked for.
            if !answer.is_closed() {
                let _ = answer.send(read(reader));
            }
        }));
        answered.await.unwrap_or_else(|_| Err(ReadError("the journal is closed".into())))
    }
}
