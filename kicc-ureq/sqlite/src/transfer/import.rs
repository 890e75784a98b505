//! Into a SQLite file.

use std::path::Path;

use kicc_proto::journal::transfer::{Purpose, TABLES};
use rusqlite::TransactionBehavior;

use super::{TransferError, file::ImportFile};
use crate::{
    Parts, Writer,
    file::{open, restored, sequence},
    statement::execute,
};

/// What was imported.
#[derive(Debug)]
pub struct Imported {
    /// What the file was for. After a copy the journal counts as restored from a backup, and takes no new number until
    /// a prefix is given (R24).
    pub purpose: Purpose,
    /// The rows of each table.
    pub rows: [u64; TABLES.len()],
    /// Of a move: the file was removed, so that it is not imported a second time. Else why it was not.
    pub removed: Result<(), String>,
}

/// Makes a new journal of a file, all of it or nothing.
///
/// # Errors
/// When the file is not whole or not private, or there is a journal already in which something was written.
pub fn import(from: &Path, journal: &Path) -> Result<Imported, TransferError> {
    ImportFile::check(from)?;
    let mut file = ImportFile::open(from)?;
    let (purpose, rows) = (file.purpose(), file.counts());

    let Parts { writer: Writer { mut connection, mut mark, .. }, .. } = open(journal)?;
    let store =
        |error: rusqlite::Error| TransferError::Store { path: journal.to_owned(), why: error.to_string() };
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store)?;
    // Every write has a number, also those whose rows are gone; a journal beside an old mark begins behind it.
    if sequence(&tx).map_err(store)? != 0 {
        return Err(TransferError::NotEmpty { path: journal.to_owned() });
    }
    let inserts = TABLES.each_ref().map(|table| table.insert());
    while let Some((table, cells)) = file.row()? {
        let key = TABLES.get(table).map(|table| table.key_text(&cells)).unwrap_or_default();
        let insert = inserts.get(table).map_or("", String::as_str);
        execute(&tx, insert, cells).map_err(|error| TransferError::Store {
            path: journal.to_owned(),
            why: format!("{key}: {error}"),
        })?;
    }
    let mut last = sequence(&tx).map_err(store)?;
    if purpose == Purpose::Copy {
        last += 1;
        restored(&tx, last).map_err(store)?;
    }
    tx.commit().map_err(|error| TransferError::Store {
        path: journal.to_owned(),
        why: format!(
            "not known whether it was imported: {error}; once more, and a journal that has it refuses"
        ),
    })?;
    mark.raise(last);
    Ok(Imported { purpose, rows, removed: file.used() })
}
