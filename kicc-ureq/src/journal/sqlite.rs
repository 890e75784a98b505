//! The journal in one SQLite file, shared by the threads and processes of one machine.
//!
//! **Durable** means on the disk: write-ahead log, `synchronous = FULL` (and `fullfsync`, which macOS needs for it).
//!
//! **Known not stored** ([`WriteError::NotStored`]): whatever fails before `COMMIT` (the file is read-only, another
//! process keeps it busy for five seconds, an I/O error, the row cannot be read), since a transaction without its
//! commit record is void, also after a crash. And a `COMMIT` that finds the disk full or the file locked: SQLite writes
//! the commit record last, and it did not fit.
//!
//! **Not known** ([`WriteError::NotKnown`]): any other failed `COMMIT`. The commit record may have reached the disk
//! though its flush failed, and may come to life when the log is next recovered.
//!
//! Files beside the journal: `-wal` and `-shm` (SQLite's own; a backup takes all three at once, or uses SQLite's
//! backup command), `.mark` (R24, never part of a backup) and `.holders/` (R20). File locks must work: no network drive.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kicc_proto::{
    journal::{
        Admission, Claim, Claimed, Expect, Journal, Key, Kind, Listing, ReadError, Row, Unreadable,
        WriteError, Written,
        sql::{self, Value},
    },
    time::UnixMillis,
    values::TransactionNumber,
};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior,
    params_from_iter,
};

use super::{RestoredError, check_prefix, holder::Holder, mark::Mark};

/// How long a write waits for other processes (our choice: well below the default lease of a minute).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What `admission` in [`sql::SCHEMA`]'s `kicc_meta` says.
const ADMIT_ANY: i64 = 0;
const ADMIT_NONE: i64 = 1;
const ADMIT_PREFIX: i64 = 2;

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file beside the journal could not be made, locked, read or written.
    #[error("the journal's file {path} cannot be used: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// SQLite refuses.
    #[error("the journal {path} was not opened: {why}")]
    Sqlite {
        /// The journal.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// Another version made it; this one leaves it alone (R21).
    #[error("the journal {path} has schema version {found}, this program knows version {known} only", known = sql::SCHEMA_VERSION)]
    Version {
        /// The journal.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
}

/// What was found at opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opened {
    /// The journal is behind its mark: it was restored from a backup, or made anew beside an old mark. All rows are
    /// suspect, and no new number is taken until [`SqliteJournal::restored`] was called (R24).
    pub restored: bool,
    /// A journal that was in use had no readable mark; it was made anew at the journal's sequence. Whether the journal
    /// was restored cannot be known: if it was, call [`SqliteJournal::restored`].
    pub mark_missing: bool,
}

/// A journal file, opened. One per process is enough; dropping it makes its holder dead.
#[derive(Debug)]
pub struct SqliteJournal {
    writer: Mutex<Writer>,
    /// Apart from the writer, so that a read does not wait for somebody's flush.
    reader: Mutex<Connection>,
    holder: Holder,
    opened: Opened,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    mark: Mark,
}

/// What a transaction's work comes to.
enum End<T> {
    Commit(T),
    /// Nothing was changed, or it is to be undone.
    RollBack(T),
}

impl SqliteJournal {
    /// Opens the journal at `path`, and makes it if there is none.
    ///
    /// # Errors
    /// When it, or a file beside it, cannot be used, or another version made it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let beside = |suffix: &str| {
            let mut name = OsString::from(path);
            name.push(suffix);
            PathBuf::from(name)
        };
        let file_error = |path: PathBuf| move |error| OpenError::File { path, error };
        let sqlite_error =
            |error: rusqlite::Error| OpenError::Sqlite { path: path.to_owned(), why: error.to_string() };

        // Whoever opens holds the mark: two first openings do not meet, and the mark is read before the sequence.
        let mut mark =
            Mark::open_locked(&beside(".mark"), BUSY_TIMEOUT).map_err(file_error(beside(".mark")))?;
        let highest = mark.read().map_err(file_error(beside(".mark")))?;
        let mut connection = connect(path).map_err(sqlite_error)?;
        let (sequence, opened) = match prepare(&mut connection, highest).map_err(sqlite_error)? {
            Ok(found) => found,
            Err(found) => return Err(OpenError::Version { path: path.to_owned(), found }),
        };
        if highest != Some(sequence) {
            mark.set(sequence).map_err(file_error(beside(".mark")))?;
        }
        mark.unlock().map_err(file_error(beside(".mark")))?;

        let reader = connect(path).map_err(sqlite_error)?;
        reader.pragma_update(None, "query_only", true).map_err(sqlite_error)?;
        let holder = Holder::new(beside(".holders")).map_err(file_error(beside(".holders")))?;
        let writer = Mutex::new(Writer { connection, mark });
        Ok(SqliteJournal { writer, reader: Mutex::new(reader), holder, opened })
    }

    /// What was found at opening.
    #[must_use]
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Why the mark could not follow the last write, if so (R24); the write itself is stored.
    #[must_use]
    pub fn mark_trouble(&self) -> Option<String> {
        lock(&self.writer).mark.trouble.clone()
    }

    /// Declares that the journal was restored from a backup (R24): new numbers must begin with `prefix`, which no
    /// number ever did; and all rows are suspect, unless opening had found the restore, when the rows written since are
    /// not. For a restore that opening did not find (the mark was lost or restored too), call it all the same.
    ///
    /// # Errors
    /// When the prefix is no prefix or was used, as far as this journal knows, or the journal was not written.
    pub fn restored(&self, prefix: &str) -> Result<(), RestoredError> {
        self.transact(|tx, sequence| {
            let (in_force, earlier) = meta(tx, "admission").map_err(not_stored)?.unwrap_or_default();
            let used: Option<String> = tx
                .prepare_cached(sql::WITH_PREFIX)
                .and_then(|mut statement| statement.query_row([prefix], |row| row.get(0)).optional())
                .map_err(not_stored)?;
            if let Err(error) = check_prefix(prefix, &earlier, used.as_deref()) {
                return Ok(End::RollBack(Err(error)));
            }
            if in_force != ADMIT_NONE {
                set_meta(tx, "restored", sequence.into(), "").map_err(not_stored)?;
            }
            set_meta(tx, "admission", Value::Number(ADMIT_PREFIX), prefix).map_err(not_stored)?;
            Ok(End::Commit(Ok(())))
        })?
    }

    /// Removes the records of at most `limit` closed and told rows made before `before`, the oldest first, and keeps
    /// hashes by which their numbers, authorisations and refunds go on being refused (R22). Returns how many; a refund
    /// goes in a later call than its approval, so call it until it returns 0.
    ///
    /// # Errors
    /// As [`Journal::write`]; then all of the call is undone, or not known.
    pub fn prune(&self, before: UnixMillis, limit: u32) -> Result<u32, WriteError> {
        self.transact(|tx, _| {
            let values = vec![before.0.into(), u64::MAX.into()];
            let rows = page(tx, sql::PRUNABLE, values, limit).map_err(not_stored)?;
            for row in &rows {
                keep(tx, row).map_err(not_stored)?;
                execute(tx, sql::DELETE, sql::key_values(&row.key).into()).map_err(not_stored)?;
            }
            let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            Ok(if count > 0 { End::Commit(count) } else { End::RollBack(count) })
        })
    }

    /// One write transaction, from the next sequence to the commit and the mark.
    fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, u64) -> Result<End<T>, WriteError>,
    ) -> Result<T, WriteError> {
        let mut writer = lock(&self.writer);
        let Writer { connection, mark } = &mut *writer;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(not_stored)?;
        let sequence = next_sequence(&tx).map_err(not_stored)?.ok_or_else(|| {
            WriteError::NotStored("another version has changed the journal's tables".into())
        })?;
        match work(&tx, sequence)? {
            End::Commit(result) => {
                tx.commit().map_err(commit_failed)?;
                mark.raise(sequence);
                Ok(result)
            }
            End::RollBack(result) => Ok(result),
        }
    }

    /// A write of one statement: whether it changed a row.
    fn change(&self, statement: &str, values: Vec<Value<'_>>) -> Result<bool, WriteError> {
        self.transact(|tx, _| {
            let changed = execute(tx, statement, values).map_err(not_stored)? > 0;
            Ok(if changed { End::Commit(true) } else { End::RollBack(false) })
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        read(&lock(&self.reader)).map_err(|error| ReadError(error.to_string().into()))
    }
}

impl Journal for SqliteJournal {
    /// Alive until the handle is dropped or its process ends.
    fn holder(&self) -> &str {
        self.holder.id()
    }

    fn write(&self, row: &Row, expect: Expect) -> Result<Written, WriteError> {
        match expect {
            Expect::Absent => self.transact(|tx, sequence| {
                if execute(tx, sql::INSERT, sql::insert_values(row, sequence)).map_err(not_stored)? == 1 {
                    return Ok(End::Commit(Written::Stored));
                }
                who_was_first(tx, row).map(End::RollBack)
            }),
            Expect::Revision(revision) if row.revision != revision + 1 => {
                let (new, expected) = (row.revision, revision);
                Err(WriteError::NotStored(format!("revision {new} cannot follow revision {expected}").into()))
            }
            Expect::Revision(revision) => self.transact(|tx, sequence| {
                let values = sql::update_values(row, revision, sequence);
                if execute(tx, sql::UPDATE, values).map_err(not_stored)? == 1 {
                    return Ok(End::Commit(Written::Stored));
                }
                match known(tx, &row.key)? {
                    Some(written) => Ok(End::RollBack(written)),
                    None => Err(WriteError::NotStored("there is no row of this number to write".into())),
                }
            }),
        }
    }

    fn find(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        readable(self.read(|c| select(c, sql::FIND, sql::key_values(key).into()))?)
            .map(|rows| rows.into_iter().next())
    }

    fn refunds(&self, original: &Key) -> Result<Vec<Row>, ReadError> {
        readable(self.read(|c| select(c, sql::REFUNDS, sql::key_values(original).into()))?)
    }

    fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, WriteError> {
        self.transact(|tx, _| {
            let Some(mut row) = find_in(tx, sql::FIND, sql::key_values(claim.key).into())? else {
                return Ok(End::RollBack(Claimed::Moved));
            };
            if row.revision != claim.revision {
                return Ok(End::RollBack(Claimed::Moved));
            }
            if !claim.takes(&row, self.holder.life(&row.holder)) {
                return Ok(End::RollBack(Claimed::Held { holder: row.holder, until: row.lease_until }));
            }
            let mut values = vec![claim.holder.into(), claim.lease_until.0.into()];
            values.extend(sql::key_values(claim.key));
            values.extend([row.revision.into(), row.token.into()]);
            if execute(tx, sql::CLAIM, values).map_err(not_stored)? != 1 {
                return Ok(End::RollBack(Claimed::Moved));
            }
            row.token += 1;
            row.holder = claim.holder.into();
            row.lease_until = claim.lease_until;
            Ok(End::Commit(Claimed::Yes(Box::new(row))))
        })
    }

    fn renew(&self, key: &Key, token: u64, until: UnixMillis) -> Result<bool, WriteError> {
        let mut values = vec![until.0.into()];
        values.extend(sql::key_values(key));
        values.push(token.into());
        self.change(sql::RENEW, values)
    }

    fn release(&self, key: &Key, token: u64) -> Result<(), WriteError> {
        self.change(sql::RELEASE, with(key, token)).map(drop)
    }

    fn holds(&self, key: &Key, token: u64) -> Result<bool, ReadError> {
        self.read(|c| c.prepare_cached(sql::HOLDS)?.exists(bind(with(key, token))))
    }

    fn told(&self, key: &Key, revision: u64) -> Result<bool, WriteError> {
        self.change(sql::TOLD, with(key, revision))
    }

    fn list(
        &self,
        which: Listing,
        after: Option<(UnixMillis, &Key)>,
        limit: u32,
    ) -> Result<Vec<Row>, ReadError> {
        // The statement itself is not limited: rows are fetched one by one, and unreadable ones must not shorten a page.
        let (statement, values) = sql::list(which, after, u64::MAX);
        self.read(|c| page(c, statement, values, limit))
    }

    fn unreadable(&self) -> Result<Vec<Unreadable>, ReadError> {
        self.read(|c| {
            let mut statement = c.prepare(sql::CHECK)?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.extend(sql::row(&Columns(row)).err());
            }
            Ok(found)
        })
    }

    fn admission(&self) -> Result<Admission, ReadError> {
        self.read(admission)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic unwinds through rusqlite's transaction, which rolls back: what is left is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_URI, which would read some file names as addresses.
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(32);
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        let why = format!("no write-ahead log is possible here, only journal_mode {mode}");
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(why),
        ));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    Ok(connection)
}

/// Makes the tables where there are none, and compares the sequence with the mark: the sequence from now on, or the
/// version of the tables if it is another one.
fn prepare(connection: &mut Connection, mark: Option<u64>) -> rusqlite::Result<Result<(u64, Opened), i64>> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = tx.table_exists(None::<&str>, "kicc_meta")?;
    if !known {
        for statement in sql::SCHEMA {
            tx.execute(statement, [])?;
        }
    }
    let number = |name: &str| meta(&tx, name).map(|row| row.map_or(0, |(number, _)| number));
    let version = number("schema")?;
    if version != sql::SCHEMA_VERSION {
        return Ok(Err(version));
    }
    let mut sequence = u64::try_from(number("sequence")?).unwrap_or(0);
    let opened = Opened {
        restored: mark.is_some_and(|mark| sequence < mark),
        mark_missing: known && sequence > 0 && mark.is_none(),
    };
    if let Some(mark) = mark.filter(|_| opened.restored) {
        set_meta(&tx, "restored", sequence.into(), "")?;
        // The earlier prefix, if any, stays beside it: it must not be used again either.
        let (_, earlier) = meta(&tx, "admission")?.unwrap_or_default();
        set_meta(&tx, "admission", Value::Number(ADMIT_NONE), &earlier)?;
        sequence = mark + 1;
        set_meta(&tx, "sequence", sequence.into(), "")?;
    }
    tx.commit()?;
    Ok(Ok((sequence, opened)))
}

fn next_sequence(tx: &Transaction<'_>) -> rusqlite::Result<Option<u64>> {
    let number =
        tx.prepare_cached(sql::NEXT_SEQUENCE)?.query_row([], |row| row.get::<_, i64>(0)).optional()?;
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}

fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<(i64, String)>> {
    connection.prepare_cached(sql::META)?.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

fn set_meta(tx: &Transaction<'_>, name: &str, number: Value<'_>, text: &str) -> rusqlite::Result<usize> {
    execute(tx, sql::SET_META, vec![number, text.into(), name.into()])
}

fn admission(connection: &Connection) -> rusqlite::Result<Admission> {
    Ok(match meta(connection, "admission")? {
        Some((ADMIT_ANY, _)) => Admission::Any,
        Some((ADMIT_PREFIX, prefix)) => Admission::Prefix(prefix.into()),
        _ => Admission::None,
    })
}

/// Who keeps [`sql::INSERT`] from inserting `row`.
fn who_was_first(tx: &Transaction<'_>, row: &Row) -> Result<Written, WriteError> {
    if let Some(written) = known(tx, &row.key)? {
        return Ok(written);
    }
    let mut values = Vec::from(sql::key_values(&row.key));
    values.truncate(3);
    values.push(sql::slot(row).into());
    if let Some(other) = find_in(tx, sql::BY_SLOT, values)? {
        return Ok(match row.kind {
            Kind::Approval => Written::AuthorisationInUse(Box::new(other.key)),
            Kind::Refund => Written::AlreadyRefunding(Box::new(other)),
        });
    }
    let number = sql::slot_hash(row).map(|hash| used(tx, &hash)).transpose()?.flatten().flatten();
    match (row.kind, number.as_deref().map(TransactionNumber::new_long)) {
        (Kind::Refund, Some(_)) => Ok(Written::UsedBefore),
        (Kind::Approval, Some(Ok(number))) => {
            Ok(Written::AuthorisationInUse(Box::new(Key { number, ..row.key.clone() })))
        }
        _ => Err(WriteError::NotStored("the journal refused the row and does not show why".into())),
    }
}

/// What stands, or stood, under a number.
fn known(tx: &Transaction<'_>, key: &Key) -> Result<Option<Written>, WriteError> {
    if let Some(row) = find_in(tx, sql::FIND, sql::key_values(key).into())? {
        return Ok(Some(Written::Conflict(Box::new(row))));
    }
    Ok(used(tx, &key.short_hash())?.map(|_| Written::UsedBefore))
}

/// Whether a hash was kept by pruning, and the number beside it.
fn used(tx: &Transaction<'_>, hash: &str) -> Result<Option<Option<String>>, WriteError> {
    tx.prepare_cached(sql::USED)
        .and_then(|mut s| s.query_row([hash], |row| row.get(0)).optional())
        .map_err(not_stored)
}

/// Keeps the hashes of a row that is about to be removed.
fn keep(tx: &Transaction<'_>, row: &Row) -> rusqlite::Result<usize> {
    execute(tx, sql::KEEP, vec![row.key.short_hash().into(), "key".into(), Value::Null])?;
    match sql::slot_hash(row).filter(|_| row.live) {
        Some(hash) => {
            execute(tx, sql::KEEP, vec![hash.into(), "slot".into(), row.key.number.as_str().into()])
        }
        None => Ok(0),
    }
}

fn find_in(tx: &Transaction<'_>, statement: &str, values: Vec<Value<'_>>) -> Result<Option<Row>, WriteError> {
    let rows = select(tx, statement, values).map_err(not_stored)?;
    rows.into_iter().next().transpose().map_err(|bad| WriteError::NotStored(unreadable_text(&bad).into()))
}

fn readable(rows: Vec<Result<Row, Unreadable>>) -> Result<Vec<Row>, ReadError> {
    rows.into_iter().map(|row| row.map_err(|bad| ReadError(unreadable_text(&bad).into()))).collect()
}

fn unreadable_text(bad: &Unreadable) -> String {
    format!("row {} is unreadable and left alone: {}", bad.key, bad.why)
}

fn execute(connection: &Connection, statement: &str, values: Vec<Value<'_>>) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute(bind(values))
}

fn select(
    c: &Connection,
    statement: &str,
    values: Vec<Value<'_>>,
) -> rusqlite::Result<Vec<Result<Row, Unreadable>>> {
    c.prepare_cached(statement)?.query_map(bind(values), |row| Ok(sql::row(&Columns(row))))?.collect()
}

/// The first `limit` readable rows.
fn page(c: &Connection, statement: &str, values: Vec<Value<'_>>, limit: u32) -> rusqlite::Result<Vec<Row>> {
    let mut statement = c.prepare_cached(statement)?;
    let rows = statement.query_map(bind(values), |row| Ok(sql::row(&Columns(row)).ok()))?;
    rows.filter_map(Result::transpose).take(limit as usize).collect()
}

fn with(key: &Key, number: u64) -> Vec<Value<'_>> {
    let mut values = Vec::from(sql::key_values(key));
    values.push(number.into());
    values
}

fn bind(values: Vec<Value<'_>>) -> impl rusqlite::Params {
    params_from_iter(values.into_iter().map(|value| match value {
        Value::Text(text) => rusqlite::types::Value::Text(text.into_owned()),
        Value::Number(number) => rusqlite::types::Value::Integer(number),
        Value::Null => rusqlite::types::Value::Null,
    }))
}

struct Columns<'a, 'b>(&'a rusqlite::Row<'b>);

impl sql::Columns for Columns<'_, '_> {
    fn text(&self, column: usize) -> Option<String> {
        self.0.get(column).ok()
    }
    fn number(&self, column: usize) -> Option<i64> {
        self.0.get(column).ok()
    }
}

/// Of whatever fails before the commit.
fn not_stored(error: rusqlite::Error) -> WriteError {
    WriteError::NotStored(error.to_string().into())
}

/// Of a failed commit; see the head of this file.
fn commit_failed(error: rusqlite::Error) -> WriteError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => not_stored(error),
        _ => WriteError::NotKnown(error.to_string().into()),
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
