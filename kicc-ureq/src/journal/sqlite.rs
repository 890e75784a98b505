//! The journal in one SQLite file, shared by the threads and processes of one machine.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kicc_proto::{
    journal::{
        Admission, Claim, Claimed, Expect, Journal, Key, Listing, ReadError, Row, Unreadable, WriteError,
        Written, restore::RestoredError,
    },
    time::UnixMillis,
    values::TransactionNumber,
};
use kicc_sqlite::{End, OpenError, Opened, Parts, Reader, Work, Writer};

/// A journal file, opened. One per process is enough; dropping it makes its holder dead.
///
/// Each write is a transaction and a flush of its own. What is durable, known not stored and not known is said in
/// [`kicc_sqlite`]; `kicc-hyper` may work on the same file at the same time.
#[derive(Debug)]
pub struct SqliteJournal {
    writer: Mutex<Writer>,
    /// Apart from the writer, so that a read does not wait for somebody's flush.
    reader: Mutex<Reader>,
    holder: Box<str>,
    opened: Opened,
}

impl SqliteJournal {
    /// Opens the journal at `path`, and makes it if there is none.
    ///
    /// # Errors
    /// When it, or a file beside it, cannot be used, or another version made it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let Parts { writer, reader, opened } = kicc_sqlite::open(path.as_ref())?;
        let holder = writer.holder().into();
        Ok(SqliteJournal { writer: Mutex::new(writer), reader: Mutex::new(reader), holder, opened })
    }

    /// What was found at opening. A restored journal takes no new number until [`SqliteJournal::restored`] was called
    /// (R24).
    #[must_use]
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Why the mark could not follow the last write, if so (R24); the write itself is stored.
    #[must_use]
    pub fn mark_trouble(&self) -> Option<String> {
        lock(&self.writer).mark_trouble().map(str::to_owned)
    }

    /// Declares that the journal was restored from a backup (R24): new numbers must begin with `prefix`, which no
    /// number ever did; and all rows are suspect, unless opening had found the restore, when the rows written since are
    /// not. For a restore that opening did not find (the mark was lost or restored too), call it all the same.
    ///
    /// # Errors
    /// When the prefix is no prefix or was used, as far as this journal knows, or the journal was not written.
    pub fn restored(&self, prefix: &str) -> Result<(), RestoredError> {
        self.alone(|work| work.restored(prefix))?
    }

    /// Removes the records of at most `limit` closed and told rows made before `before`, the oldest first, and keeps
    /// hashes by which their numbers, authorisations and refunds go on being refused (R22). Returns how many; a refund
    /// goes in a later call than its approval, so call it until it returns 0.
    ///
    /// # Errors
    /// As [`Journal::write`]; then all of the call is undone, or not known.
    pub fn prune(&self, before: UnixMillis, limit: u32) -> Result<u32, WriteError> {
        self.alone(|work| work.prune(before, limit))
    }

    /// Every row made in `from..until` that [`Journal::list`] leaves out because a column holds what this version does not
    /// know, closed ones too (R21). Reads all of those rows; [`Journal::unreadable`] tells of those that need somebody.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unreadable_made(&self, from: UnixMillis, until: UnixMillis) -> Result<Vec<Unreadable>, ReadError> {
        lock(&self.reader).unreadable_made(from, until)
    }

    /// The rows under a number, of whatever environment, product and terminal.
    ///
    /// # Errors
    /// When the file or one of the rows cannot be read.
    pub fn numbered(&self, number: &TransactionNumber) -> Result<Vec<Row>, ReadError> {
        lock(&self.reader).numbered(number)
    }

    fn alone<T>(&self, work: impl FnOnce(&Work<'_>) -> Result<End<T>, WriteError>) -> Result<T, WriteError> {
        lock(&self.writer).alone(work)
    }
}

impl Journal for SqliteJournal {
    /// Alive until the handle is dropped or its process ends.
    fn holder(&self) -> &str {
        &self.holder
    }

    fn write(&self, row: &Row, expect: Expect) -> Result<Written, WriteError> {
        self.alone(|work| work.write(row, expect))
    }

    fn find(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        lock(&self.reader).find(key)
    }

    fn refunds(&self, original: &Key) -> Result<Vec<Row>, ReadError> {
        lock(&self.reader).refunds(original)
    }

    fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, WriteError> {
        self.alone(|work| work.claim(claim))
    }

    fn renew(&self, key: &Key, token: u64, until: UnixMillis) -> Result<bool, WriteError> {
        self.alone(|work| work.renew(key, token, until))
    }

    fn release(&self, key: &Key, token: u64) -> Result<(), WriteError> {
        self.alone(|work| work.release(key, token))
    }

    fn holds(&self, key: &Key, token: u64) -> Result<bool, ReadError> {
        lock(&self.reader).holds(key, token)
    }

    fn told(&self, key: &Key, revision: u64) -> Result<bool, WriteError> {
        self.alone(|work| work.told(key, revision))
    }

    fn list(
        &self,
        which: Listing,
        after: Option<(UnixMillis, &Key)>,
        limit: u32,
    ) -> Result<Vec<Row>, ReadError> {
        lock(&self.reader).list(which, after, limit)
    }

    fn unreadable(&self) -> Result<Vec<Unreadable>, ReadError> {
        lock(&self.reader).unreadable()
    }

    fn admission(&self) -> Result<Admission, ReadError> {
        lock(&self.reader).admission()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic unwinds through the transaction, which rolls back: what is left is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
