//! Where the books are: in a file of this process, or in a PostgreSQL database that replicas share.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deadpool_postgres::{Manager, Object, Pool, Runtime, Timeouts};
use rusqlite::Connection;
use tokio_postgres::{Config, NoTls, types::ToSql};

use super::Error;

/// How long the database may take for one thing; then the books cannot tell.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Columns of an order: order number, number, amount, state, note.
pub type Columns = (String, String, i64, String, Option<String>);

/// The store; a clone is the same one. Placeholders are `$1`, `$2`, ... in this order, as both databases read them.
#[derive(Clone)]
pub enum Store {
    File(Arc<Mutex<Connection>>),
    Database(Pool),
}

/// What is put in the place of a placeholder.
pub enum Value {
    Text(Option<String>),
    Number(i64),
}

impl Store {
    /// Opens a file, and makes it if there is none.
    pub fn file(path: &Path, table: &str) -> Result<Self, Error> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What the accept step has answered must survive a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute(table, [])?;
        Ok(Store::File(Arc::new(Mutex::new(connection))))
    }

    /// Opens a database, without TLS: one of this machine, or of a network that nobody else is in.
    pub async fn database(address: &str, table: &str) -> Result<Self, Error> {
        // What only the journal understands of it.
        let (place, settings) = address.split_once('?').unwrap_or((address, ""));
        let settings: Vec<&str> = settings.split('&').filter(|part| !part.starts_with("kicc_")).collect();
        let address = format!("{place}?{}", settings.join("&"));
        let mut config: Config = address.parse().map_err(|_| "the database's address is not understood")?;
        // A transaction that this process leaves open must not keep the orders' rows, and the journal's, from the others.
        let millis = PATIENCE.as_millis();
        config.connect_timeout(PATIENCE).options(format!(
            "-c statement_timeout={millis} -c idle_in_transaction_session_timeout={millis} \
             -c synchronous_commit=on"
        ));
        let timeouts = Timeouts { wait: Some(PATIENCE), create: Some(PATIENCE), recycle: Some(PATIENCE) };
        let manager = Manager::new(config, NoTls);
        let pool = Pool::builder(manager).max_size(8).runtime(Runtime::Tokio1).timeouts(timeouts).build()?;
        // Replicas that start at once make the table one after the other.
        let table = format!("BEGIN; SELECT pg_advisory_xact_lock(1); {table}; COMMIT");
        pool.get().await?.batch_execute(&table).await?;
        Ok(Store::Database(pool))
    }

    /// How many rows it changed.
    pub async fn execute(&self, sql: &'static str, values: Vec<Value>) -> Result<u64, Error> {
        match self {
            Store::File(file) => {
                let changed = call(file, move |file| {
                    file.prepare_cached(sql)?.execute(rusqlite::params_from_iter(values))
                });
                Ok(changed.await? as u64)
            }
            Store::Database(pool) => {
                within(pool, async |database| {
                    let statement = database.prepare_cached(sql).await?;
                    Ok(database.execute(&statement, &parameters(&values)).await?)
                })
                .await
            }
        }
    }

    /// The rows that it finds.
    pub async fn select(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Columns>, Error> {
        match self {
            Store::File(file) => {
                call(file, move |file| {
                    let mut statement = file.prepare_cached(sql)?;
                    statement.query_map(rusqlite::params_from_iter(values), |row| row.try_into())?.collect()
                })
                .await
            }
            Store::Database(pool) => {
                within(pool, async |database| {
                    let statement = database.prepare_cached(sql).await?;
                    let rows = database.query(&statement, &parameters(&values)).await?;
                    let columns = |row: &tokio_postgres::Row| {
                        Ok((
                            row.try_get(0)?,
                            row.try_get(1)?,
                            row.try_get(2)?,
                            row.try_get(3)?,
                            row.try_get(4)?,
                        ))
                    };
                    rows.iter().map(columns).collect()
                })
                .await
            }
        }
    }
}

/// Does something on a connection. One on which it took too long, or that was left in the middle, is not used again.
pub async fn within<T>(
    pool: &Pool,
    act: impl AsyncFnOnce(&mut Object) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut database = pool.get().await?;
    let acted = tokio::time::timeout(PATIENCE, act(&mut database)).await;
    let done = acted.unwrap_or_else(|_| Err("the database did not answer in time".into()));
    if done.is_err() {
        drop(Object::take(database));
    }
    done
}

/// As the database's library wants them.
pub fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    fn parameter(value: &Value) -> &(dyn ToSql + Sync) {
        match value {
            Value::Text(text) => text,
            Value::Number(number) => number,
        }
    }
    values.iter().map(parameter).collect()
}

/// A file blocks: not on the threads that serve.
async fn call<T: Send + 'static>(
    file: &Arc<Mutex<Connection>>,
    call: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let file = Arc::clone(file);
    let called = move || call(&file.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(tokio::task::spawn_blocking(called).await??)
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Value::Text(text) => rusqlite::ToSql::to_sql(text),
            Value::Number(number) => rusqlite::ToSql::to_sql(number),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(Some(text.to_owned()))
    }
}
