//! The write end of a journal file: transactions, from the lock to the mark.

use std::cell::Cell;

use kicc_proto::journal::{WriteError, sql};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior};

use crate::{
    holder::Holder,
    mark::Mark,
    statement::{run, set_meta},
    work::{End, Work},
};

/// The connection that writes, with the holder that lives as long as it does (R20).
#[derive(Debug)]
pub struct Writer {
    pub(crate) connection: Connection,
    pub(crate) mark: Mark,
    pub(crate) holder: Holder,
}

impl Writer {
    /// The name under which leases are held. It is dead once this writer is dropped, or its process ends.
    #[must_use]
    pub fn holder(&self) -> &str {
        self.holder.id()
    }

    /// Why the mark could not follow the last commit, if so (R24); the commit itself stands.
    #[must_use]
    pub fn mark_trouble(&self) -> Option<&str> {
        self.mark.trouble.as_deref()
    }

    /// One write in a transaction of its own, to the commit and the mark.
    ///
    /// # Errors
    /// The work's own, or the commit's.
    pub fn alone<T>(
        &mut self,
        work: impl FnOnce(&Work<'_>) -> Result<End<T>, WriteError>,
    ) -> Result<T, WriteError> {
        let mut group = self.begin()?;
        let done = group.run(work)?;
        group.commit()?;
        Ok(done)
    }

    /// Begins a transaction for several writes: one lock, one commit, one flush.
    ///
    /// # Errors
    /// [`WriteError::NotStored`]: the file is read-only, or busy for too long.
    pub fn begin(&mut self) -> Result<Group<'_>, WriteError> {
        let Writer { connection, mark, holder } = self;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(not_stored)?;
        let first = next_sequence(&tx)?;
        Ok(Group { tx, mark, holder, first, last: None, lost: None })
    }
}

/// Writes that are committed together. Nothing of them is stored, and nobody may be told, before
/// [`Group::commit`] returned; what it returns holds for all of them. Dropped before, it is rolled back.
#[derive(Debug)]
#[must_use = "nothing is stored without the commit"]
pub struct Group<'a> {
    tx: Transaction<'a>,
    mark: &'a mut Mark,
    holder: &'a Holder,
    /// The number of the first work that changes something; it is in the tables. Nobody else can take one meanwhile.
    first: u64,
    /// That of the last one, which comes there with the commit.
    last: Option<u64>,
    /// Why there is no transaction any more.
    lost: Option<WriteError>,
}

impl Group<'_> {
    /// Does one write of the group. A conflict or an error undoes this one alone.
    ///
    /// # Errors
    /// Its own: [`WriteError::NotStored`].
    pub fn run<T>(
        &mut self,
        work: impl FnOnce(&Work<'_>) -> Result<End<T>, WriteError>,
    ) -> Result<T, WriteError> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        let done = self.run_or_undo(work);
        // A full disk or an I/O error may make SQLite roll back all of the transaction.
        if let (Err(error), true) = (&done, self.tx.is_autocommit()) {
            self.lost = Some(error.clone());
        }
        done
    }

    fn run_or_undo<T>(
        &mut self,
        work: impl FnOnce(&Work<'_>) -> Result<End<T>, WriteError>,
    ) -> Result<T, WriteError> {
        let connection: &Connection = &self.tx;
        let sequence = self.last.map_or(self.first, |last| last + 1);
        let before = connection.total_changes();
        let place = Work { connection, sequence, holder: self.holder, savepoint: Cell::new(false) };
        let done = work(&place);
        let kept = matches!(done, Ok(End::Commit(_)));
        let finished = match (kept, place.savepoint.get()) {
            (true, false) => Ok(()),
            (true, true) => run(connection, "RELEASE work").map_err(not_stored),
            // SQLite has rolled back all of the transaction, and its savepoints.
            (false, _) if connection.is_autocommit() => Ok(()),
            (false, true) => run(connection, "ROLLBACK TO work")
                .and_then(|()| run(connection, "RELEASE work"))
                .map_err(not_stored),
            // A statement that fails undoes itself.
            (false, false) if connection.total_changes() == before => Ok(()),
            (false, false) => Err(WriteError::NotStored("a write cannot be undone alone".into())),
        };
        if let Err(lost) = finished {
            // What is not undone for certain must not be committed with the others.
            self.lost = Some(lost.clone());
            return Err(lost);
        }
        if kept {
            self.last = Some(sequence);
        }
        done.map(|(End::Commit(result) | End::RollBack(result))| result)
    }

    /// Makes all of it durable, and lifts the mark to it (R24). `false`: nothing was changed, so nothing was flushed.
    ///
    /// # Errors
    /// For every write of the group, whatever its own result was: a row that another one of them was refused for may
    /// not stand either.
    pub fn commit(self) -> Result<bool, WriteError> {
        if let Some(lost) = self.lost {
            return Err(lost);
        }
        let Some(last) = self.last else { return Ok(false) };
        if last > self.first {
            set_meta(&self.tx, "sequence", last.into(), "").map_err(not_stored)?;
        }
        self.tx.commit().map_err(commit_failed)?;
        self.mark.raise(last);
        Ok(true)
    }
}

fn next_sequence(connection: &Connection) -> Result<u64, WriteError> {
    let number = connection
        .prepare_cached(sql::NEXT_SEQUENCE)
        .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)).optional())
        .map_err(not_stored)?;
    number.and_then(|number| u64::try_from(number).ok()).ok_or_else(|| {
        WriteError::NotStored("another version has changed the journal's tables, or it was moved".into())
    })
}

/// Of whatever fails before the commit.
pub(crate) fn not_stored(error: rusqlite::Error) -> WriteError {
    WriteError::NotStored(error.to_string().into())
}

/// Of a failed commit; see the head of this package.
pub(crate) fn commit_failed(error: rusqlite::Error) -> WriteError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => not_stored(error),
        _ => WriteError::NotKnown(error.to_string().into()),
    }
}
