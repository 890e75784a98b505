//! Out of a SQLite file.

use std::{
    io,
    path::{Path, absolute},
};

use kicc_proto::journal::{
    sql::Value,
    transfer::{CLOSE, Purpose, TABLES, Table, not_a_cell},
};
use rusqlite::{Connection, TransactionBehavior, types::ValueRef};

use super::{
    TransferError,
    file::{ExportFile, file_error},
};
use crate::{
    OpenError, Opened, Writer,
    file::{connect, open},
};

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// The rows of each table.
    pub rows: [u64; TABLES.len()],
    /// What was found at opening: a restore that was not known before goes along (R24). Of a copy of a journal that was
    /// moved, nothing.
    pub opened: Opened,
}

/// Writes the journal to a new file.
///
/// [`Purpose::Move`] closes the journal for good, and is refused while any process has it open. Whatever goes wrong
/// before that leaves it as it was, without a file. [`Purpose::Copy`] reads one snapshot beside the processes that work
/// with it, and is also possible of a journal that was moved: nobody can know whether that move's file was imported, so
/// what is made of it counts as restored.
///
/// # Errors
/// When the journal or the file cannot be used, or the journal may not be moved.
pub fn export(journal: &Path, to: &Path, purpose: Purpose) -> Result<Exported, TransferError> {
    if !journal.exists() {
        return Err(file_error(journal)(io::Error::new(io::ErrorKind::NotFound, "there is no journal")));
    }
    let opened = match (open(journal), purpose) {
        (Ok(parts), Purpose::Move) => return move_out(parts.writer, journal, to, parts.opened),
        (Ok(parts), Purpose::Copy) => parts.opened,
        (Err(OpenError::Moved { .. }), Purpose::Copy) => Opened::default(),
        (Err(error), _) => return Err(error.into()),
    };
    let store = store_error(journal);
    let mut connection = connect(journal).map_err(&store)?;
    let snapshot = connection.transaction().map_err(&store)?;
    let (file, rows) = write(&snapshot, journal, to, purpose)?;
    file.end()?;
    Ok(Exported { rows, opened })
}

fn move_out(writer: Writer, journal: &Path, to: &Path, opened: Opened) -> Result<Exported, TransferError> {
    let Writer { mut connection, holder, .. } = writer;
    let store = store_error(journal);
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&store)?;
    // Within the transaction: whoever opens the journal from now on waits for it, and then finds it closed.
    if holder.has_company().map_err(file_error(journal))? {
        return Err(TransferError::InUse { path: journal.to_owned() });
    }
    let (mut file, rows) = write(&tx, journal, to, Purpose::Move)?;
    file.rows_are_safe()?;
    let place = absolute(to).unwrap_or_else(|_| to.to_owned());
    if tx.execute(CLOSE, [place.to_string_lossy()]).map_err(&store)? != 1 {
        return Err(TransferError::InUse { path: journal.to_owned() });
    }
    let not_moved = |why: String| TransferError::NotMoved { path: journal.to_owned(), why };
    tx.commit().map_err(|error| not_moved(error.to_string()))?;
    file.end().map_err(|error| not_moved(error.to_string()))?;
    Ok(Exported { rows, opened })
}

/// All but the end.
fn write(
    tx: &Connection,
    journal: &Path,
    to: &Path,
    purpose: Purpose,
) -> Result<(ExportFile, [u64; TABLES.len()]), TransferError> {
    let store = store_error(journal);
    let mut counts = [0; TABLES.len()];
    for (count, table) in counts.iter_mut().zip(&TABLES) {
        let rows: i64 = tx.query_row(&table.count(), [], |row| row.get(0)).map_err(&store)?;
        *count = u64::try_from(rows).unwrap_or_default();
    }
    let mut file = ExportFile::create(to, purpose, counts)?;
    for table in &TABLES {
        let mut statement = tx.prepare(&table.select()).map_err(&store)?;
        let mut rows = statement.query([]).map_err(&store)?;
        while let Some(row) = rows.next().map_err(&store)? {
            file.row(&cells(table, row).map_err(TransferError::Cell)?)?;
        }
    }
    Ok((file, counts))
}

fn cells<'a>(table: &Table, row: &'a rusqlite::Row<'_>) -> Result<Vec<Value<'a>>, Box<str>> {
    let mut cells = Vec::with_capacity(table.columns.len());
    for column in 0..table.columns.len() {
        let cell = match row.get_ref(column) {
            Ok(ValueRef::Null) => Some(Value::Null),
            Ok(ValueRef::Integer(number)) => Some(Value::Number(number)),
            Ok(ValueRef::Text(text)) => std::str::from_utf8(text).ok().map(Value::from),
            _ => None,
        };
        cells.push(cell.ok_or_else(|| not_a_cell(table, &cells, column))?);
    }
    Ok(cells)
}

fn store_error(journal: &Path) -> impl Fn(rusqlite::Error) -> TransferError + '_ {
    |error| TransferError::Store { path: journal.to_owned(), why: error.to_string() }
}
