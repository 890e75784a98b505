//! A journal out of its database, and into one: the format and its reasons are in [`kicc_proto::journal::transfer`].

use std::{
    path::{Path, absolute},
    sync::atomic::Ordering,
    time::Duration,
};

use deadpool_postgres::Object;
use futures_util::{StreamExt as _, future::try_join_all, pin_mut};
use kicc_proto::journal::{
    Admission,
    sql::{self, Value},
    transfer::{CLOSE, Purpose, TABLES, Table, not_a_cell},
};
use kicc_sqlite::{ExportFile, Exported, ImportFile, Imported};
use tokio_postgres::{Error, Statement, error::SqlState, types::Type};

use super::{
    OpenError, PostgresJournal, PostgresSettings, Shared,
    connect::{Pools, connection},
    holder,
    open::{FIRST, LOCK_TABLES},
    statement::{Parameter, error_text, execute, is_rolled_back, query},
};

/// How many rows are on their way to the database at once (our choice: some megabytes at most).
const BATCH: usize = 256;

/// Why a journal was not exported or imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The journal was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be made, written, read or trusted.
    #[error(transparent)]
    File(#[from] kicc_sqlite::TransferError),
    /// A process has the journal open: it could sell while the journal moves away under it (R3).
    #[error(
        "the journal in the database is in use: stop every process that works with it, then move it; one that ended without \
         closing it counts until its lease is over. Nothing was changed"
    )]
    InUse,
    /// Something was written into it, or its mark says so (R24).
    #[error(
        "the journal in the database is, or was, in use: an import needs a new journal; nothing was changed"
    )]
    NotEmpty,
    /// A row holds what cannot be in a file: no version writes it.
    #[error("{0}; nothing was changed")]
    Cell(Box<str>),
    /// The database refuses, or cannot be reached.
    #[error("the journal's database: {0}")]
    Database(Box<str>),
    /// The source may be closed, and no file was written: export a copy of it.
    #[error(
        "the journal in the database may be closed, and was not moved: {0}. What is in it, `export --copy` still gives"
    )]
    NotMoved(Box<str>),
}

impl From<Error> for TransferError {
    fn from(error: Error) -> Self {
        TransferError::Database(error_text(&error))
    }
}

/// Writes the journal to a new file, row by row.
///
/// [`Purpose::Move`] closes the journal for good, and is refused while any holder of it lives: so while any lease runs.
/// Whatever goes wrong before that leaves it as it was, without a file. [`Purpose::Copy`] reads one snapshot beside the
/// replicas that work with it, and is also possible of a journal that was moved: nobody can know whether that move's file
/// was imported, so what is made of it counts as restored.
///
/// The file is written on the task that calls.
///
/// # Errors
/// When the journal or the file cannot be used, or the journal may not be moved.
pub async fn export(
    address: &str,
    settings: PostgresSettings,
    to: &Path,
    purpose: Purpose,
) -> Result<Exported, TransferError> {
    let pools = Pools::new(address, &settings)?;
    let wait = settings.statement_timeout;
    let journal = match (PostgresJournal::open_existing(address, settings).await, purpose) {
        (Ok(journal), _) => Some(journal),
        (Err(OpenError::Moved { .. }), Purpose::Copy) => None,
        (Err(error), _) => return Err(error.into()),
    };
    let exported = match (&journal, purpose) {
        (Some(journal), Purpose::Move) => move_out(pools, &journal.shared.holder, wait, to).await,
        _ => copy_out(pools, to).await,
    };
    let opened = journal.as_ref().map(PostgresJournal::opened).unwrap_or_default();
    if let Some(journal) = &journal {
        kicc_proto::journal::AsyncJournal::close(journal).await;
    }
    Ok(Exported { rows: exported?, opened })
}

/// A transaction that lasts as long as it must, but waits so long for the locks of others. If it is not committed, it ends
/// with its connection, and that with its pool.
fn begin(isolation: &str, wait: Duration) -> String {
    format!(
        "BEGIN ISOLATION LEVEL {isolation}; SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = {}",
        wait.as_millis()
    )
}

async fn copy_out(pools: Pools, to: &Path) -> Result<[u64; TABLES.len()], TransferError> {
    let client = connection(&pools.lists).await.map_err(TransferError::Database)?;
    client.batch_execute(&begin("REPEATABLE READ READ ONLY", Duration::ZERO)).await?;
    let (file, rows) = write(&client, to, Purpose::Copy).await?;
    file.end()?;
    Ok(rows)
}

async fn move_out(
    pools: Pools,
    holder: &str,
    wait: Duration,
    to: &Path,
) -> Result<[u64; TABLES.len()], TransferError> {
    let client = connection(&pools.lists).await.map_err(TransferError::Database)?;
    client.batch_execute(&begin("REPEATABLE READ", wait)).await?;
    // Before the snapshot. Whoever writes from now on waits for it, and then finds the journal closed.
    client.batch_execute(LOCK_TABLES).await.map_err(|error| match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => TransferError::InUse,
        _ => error.into(),
    })?;
    let company = query(&client, holder::HAS_COMPANY, vec![holder.into()]).await?;
    if company.first().is_none_or(|row| row.try_get(0).unwrap_or(true)) {
        return Err(TransferError::InUse);
    }
    let (mut file, rows) = write(&client, to, Purpose::Move).await?;
    file.rows_are_safe()?;
    let place = absolute(to).unwrap_or_else(|_| to.to_owned());
    if execute(&client, CLOSE, vec![place.to_string_lossy().into_owned().into()]).await? != 1 {
        return Err(TransferError::InUse);
    }
    client.batch_execute("COMMIT").await.map_err(|error| TransferError::NotMoved(error_text(&error)))?;
    file.end().map_err(|error| TransferError::NotMoved(error.to_string().into()))?;
    Ok(rows)
}

/// All but the end. The connection has no more of the rows than fit into its buffer.
async fn write(
    client: &Object,
    to: &Path,
    purpose: Purpose,
) -> Result<(ExportFile, [u64; TABLES.len()]), TransferError> {
    let mut counts = [0; TABLES.len()];
    for (count, table) in counts.iter_mut().zip(&TABLES) {
        let rows: i64 = client.query_one(&table.count(), &[]).await?.try_get(0)?;
        *count = u64::try_from(rows).unwrap_or_default();
    }
    let mut file = ExportFile::create(to, purpose, counts)?;
    for table in &TABLES {
        let rows = client.query_raw(&table.select(), std::iter::empty::<Parameter<'_>>()).await?;
        pin_mut!(rows);
        while let Some(row) = rows.next().await {
            file.row(&cells(table, &row?).map_err(TransferError::Cell)?)?;
        }
    }
    Ok((file, counts))
}

fn cells<'r>(table: &Table, row: &'r tokio_postgres::Row) -> Result<Vec<Value<'r>>, Box<str>> {
    let mut cells = Vec::with_capacity(table.columns.len());
    for column in 0..table.columns.len() {
        let cell = match row.columns().get(column).map(|column| column.type_()) {
            Some(&Type::INT8) => {
                row.try_get(column).map(|cell: Option<i64>| cell.map_or(Value::Null, Value::Number))
            }
            _ => row.try_get(column).map(|cell: Option<&str>| Value::from(cell)),
        };
        cells.push(cell.map_err(|_| not_a_cell(table, &cells, column))?);
    }
    Ok(cells)
}

/// Makes a new journal of a file, all of it or nothing. The file is read on the task that calls.
///
/// # Errors
/// When the file is not whole or not private, or there is a journal already in which something was written.
pub async fn import(
    from: &Path,
    address: &str,
    settings: PostgresSettings,
) -> Result<Imported, TransferError> {
    ImportFile::check(from)?;
    let mut file = ImportFile::open(from)?;
    let (purpose, rows) = (file.purpose(), file.counts());
    let pools = Pools::new(address, &settings)?;
    let wait = settings.statement_timeout;
    let journal = PostgresJournal::open_with(address, settings).await?;
    let read = read_in(pools, wait, &mut file).await;
    if let Ok(last) = read {
        raise(&journal.shared, last);
    }
    kicc_proto::journal::AsyncJournal::close(&journal).await;
    read?;
    Ok(Imported { purpose, rows, removed: file.used() })
}

/// All of it, to the commit: the last sequence.
async fn read_in(pools: Pools, wait: Duration, file: &mut ImportFile) -> Result<u64, TransferError> {
    let client = connection(&pools.lists).await.map_err(TransferError::Database)?;
    client.batch_execute(&begin("READ COMMITTED", wait)).await?;
    client.batch_execute(LOCK_TABLES).await?;
    // Every write has a number, also those whose rows are gone; a journal behind its mark begins behind that.
    let first = sequence(&client).await?;
    if first > FIRST {
        return Err(TransferError::NotEmpty);
    }
    let mut inserts = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        inserts.push((table, client.prepare(&table.insert()).await?));
    }
    let mut more = true;
    while more {
        let mut batch = Vec::with_capacity(BATCH);
        while more && batch.len() < BATCH {
            let row = file.row()?;
            more = row.is_some();
            let insert = row.and_then(|(table, cells)| Some((inserts.get(table)?, cells)));
            batch.extend(
                insert.map(|((table, statement), cells)| insert_row(&client, table, statement, cells)),
            );
        }
        try_join_all(batch).await?;
    }
    // A mark may know the one that the journal had.
    let mut last = sequence(&client).await?.max(first);
    if file.purpose() == Purpose::Copy {
        set(&client, "restored", last.into(), "").await?;
        // The earlier prefix, if any, stays beside it: it must not be used again either.
        let admission = query(&client, sql::META, vec!["admission".into()]).await?;
        let earlier = admission.first().map(|row| row.try_get(1)).transpose()?.unwrap_or_default();
        set(&client, "admission", Value::Number(Admission::None.meta_number()), earlier).await?;
        last += 1;
    }
    set(&client, "sequence", last.into(), "").await?;
    client.batch_execute("COMMIT").await.map_err(|error| {
        let why = error_text(&error);
        TransferError::Database(match is_rolled_back(&error) {
            true => why,
            false => format!(
                "not known whether it was imported: {why}; once more, and a journal that has it refuses"
            )
            .into(),
        })
    })?;
    Ok(last)
}

async fn insert_row(
    client: &Object,
    table: &Table,
    statement: &Statement,
    cells: Vec<Value<'static>>,
) -> Result<(), TransferError> {
    let key = table.key_text(&cells);
    let inserted = client.execute_raw(statement, cells.into_iter().map(Parameter)).await;
    inserted
        .map(drop)
        .map_err(|error| TransferError::Database(format!("{key}: {}", error_text(&error)).into()))
}

async fn sequence(client: &Object) -> Result<u64, Error> {
    let rows = query(client, sql::META, vec!["sequence".into()]).await?;
    let number: i64 = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    Ok(u64::try_from(number).unwrap_or(0))
}

async fn set(client: &Object, name: &'static str, number: Value<'_>, text: &str) -> Result<(), Error> {
    execute(client, sql::SET_META, vec![number, text.into(), name.into()]).await.map(drop)
}

/// To what was imported.
fn raise(shared: &Shared, sequence: u64) {
    shared.highest.fetch_max(sequence, Ordering::SeqCst);
    shared.mark.raise(sequence);
}
