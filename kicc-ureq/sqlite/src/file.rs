//! Opening a journal file.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use kicc_proto::journal::{
    Admission,
    sql::{self, Value},
    transfer,
};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::{
    holder::Holder,
    mark::Mark,
    private,
    reader::Reader,
    statement::{meta, set_meta},
    writer::Writer,
};

/// How long a write waits for other processes (our choice: well below the default lease of a minute).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// Its attempts go on elsewhere; nothing is written here any more (R3).
    #[error("the journal {path} was moved: it was exported to {to} and goes on where that was imported")]
    Moved {
        /// The journal.
        path: PathBuf,
        /// The file that it was exported to.
        to: String,
    },
    /// The system has no thread left for it.
    #[error("the journal {path} got no thread: {error}")]
    Thread {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// What was found at opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opened {
    /// The journal is behind its mark: it was restored from a backup, or made anew beside an old mark. All rows are
    /// suspect, and no new number is taken until it was declared restored, with a prefix (R24).
    pub restored: bool,
    /// A journal that was in use had no readable mark; it was made anew at the journal's sequence. Whether the journal
    /// was restored cannot be known: if it was, declare it so.
    pub mark_missing: bool,
}

/// An opened journal file.
#[derive(Debug)]
pub struct Parts {
    /// Its write end. One per process is enough.
    pub writer: Writer,
    /// Its read end, apart from the writer, so that a read does not wait for somebody's flush.
    pub reader: Reader,
    /// What was found.
    pub opened: Opened,
}

/// Opens the journal at `path`, and makes it if there is none.
///
/// # Errors
/// When it, or a file beside it, cannot be used, or another version made it.
pub fn open(path: &Path) -> Result<Parts, OpenError> {
    let beside = |suffix: &str| {
        let mut name = OsString::from(path);
        name.push(suffix);
        PathBuf::from(name)
    };
    let file_error = |path: PathBuf| move |error| OpenError::File { path, error };
    let sqlite_error = |error| sqlite_error(path, &error);

    // Whoever opens holds the mark: two first openings do not meet, and the mark is read before the sequence.
    let mut mark = Mark::open_locked(&beside(".mark"), BUSY_TIMEOUT).map_err(file_error(beside(".mark")))?;
    let highest = mark.read().map_err(file_error(beside(".mark")))?;
    let mut connection = connect(path).map_err(sqlite_error)?;
    let (sequence, opened) = match prepare(&mut connection, highest, &sql::VERSIONS).map_err(sqlite_error)? {
        Ok(found) => found,
        Err(other) => return Err(other.error(path)),
    };
    if highest != Some(sequence) {
        mark.set(sequence).map_err(file_error(beside(".mark")))?;
    }
    mark.unlock().map_err(file_error(beside(".mark")))?;

    let reader = Reader::open(path)?;
    let holder = Holder::new(beside(".holders")).map_err(file_error(beside(".holders")))?;
    Ok(Parts { writer: Writer { connection, mark, holder }, reader, opened })
}

pub(crate) fn sqlite_error(path: &Path, error: &rusqlite::Error) -> OpenError {
    OpenError::Sqlite { path: path.to_owned(), why: error.to_string() }
}

pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_URI, which would read some file names as addresses.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // SQLite would let everybody read it, and gives its own files beside it the same mode. Only a file that was not there is
    // opened here: to close another would drop the locks that this process has on it. What is wrong, SQLite says.
    let _ = private::file().write(true).create_new(true).open(path);
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

/// Why the tables are not for this program.
#[derive(Debug)]
pub(crate) struct Other {
    pub version: i64,
    text: String,
}

impl Other {
    fn error(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self.version {
            transfer::MOVED => OpenError::Moved { path, to: self.text },
            found => OpenError::Version { path, found },
        }
    }
}

/// Makes the tables of the last of `versions`, of none or of those of an earlier one, and compares the sequence with the
/// mark: the sequence from now on, unless the tables are not for this program.
pub(crate) fn prepare<V: AsRef<[&'static str]>>(
    connection: &mut Connection,
    mark: Option<u64>,
    versions: &[V],
) -> rusqlite::Result<Result<(u64, Opened), Other>> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = tx.table_exists(None::<&str>, "kicc_meta")?;
    let (version, text) = if known { meta(&tx, "schema")?.unwrap_or_default() } else { Default::default() };
    let Some(steps) = sql::upgrade(known.then_some(version), versions) else {
        return Ok(Err(Other { version, text }));
    };
    // Each index does nothing where it is.
    let indexes = sql::INDEXES.iter().map(|(_, statement)| *statement);
    for statement in steps.iter().map(String::as_str).chain(indexes) {
        tx.execute(statement, [])?;
    }
    let mut sequence = sequence(&tx)?;
    let opened = Opened {
        restored: mark.is_some_and(|mark| sequence < mark),
        mark_missing: known && sequence > 0 && mark.is_none(),
    };
    if let Some(mark) = mark.filter(|_| opened.restored) {
        sequence = mark + 1;
        restored(&tx, sequence)?;
    }
    tx.commit()?;
    Ok(Ok((sequence, opened)))
}

/// The last write's number (R24).
pub(crate) fn sequence(connection: &Connection) -> rusqlite::Result<u64> {
    let (number, _) = meta(connection, "sequence")?.unwrap_or_default();
    Ok(u64::try_from(number).unwrap_or(0))
}

/// All rows are suspect, no new number is taken, and writes go on behind `sequence` (R24).
pub(crate) fn restored(connection: &Connection, sequence: u64) -> rusqlite::Result<()> {
    set_meta(connection, "restored", self::sequence(connection)?.into(), "")?;
    // The earlier prefix, if any, stays beside it: it must not be used again either.
    let (_, earlier) = meta(connection, "admission")?.unwrap_or_default();
    set_meta(connection, "admission", Value::Number(Admission::None.meta_number()), &earlier)?;
    set_meta(connection, "sequence", sequence.into(), "").map(drop)
}
