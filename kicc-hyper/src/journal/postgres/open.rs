//! Opening the journal in a database.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use deadpool_postgres::Object;
use kicc_proto::journal::{WriteError, sql};
use kicc_sqlite::Opened;
use tokio::task::spawn_blocking;
use tokio_postgres::Error;

use super::{
    PostgresSettings, Shared,
    connect::{Address, Pools, connection},
    group::Group,
    holder::{self, Share},
    mark::{Follower, MarkFile},
    millis,
    queue::Tally,
    statement::{error_text, execute, query},
};

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address, or what it needs, cannot be used. The address itself is not shown: it may hold a password (R23).
    #[error("the address of the journal's database cannot be used: {0}")]
    Address(Box<str>),
    /// The database cannot be reached, or refuses.
    #[error("the journal's database was not opened: {0}")]
    Database(Box<str>),
    /// The database does not keep what it acknowledges, or not as it was given.
    #[error("the journal's database has {setting} = {found}, it must be {needed}")]
    Unfit {
        /// The database's setting.
        setting: &'static str,
        /// How it stands.
        found: String,
        /// How it must stand.
        needed: &'static str,
    },
    /// Another version made the tables; this one leaves them alone (R21).
    #[error("the journal has schema version {found}, this program knows version {known} only", known = sql::SCHEMA_VERSION)]
    Version {
        /// Its version.
        found: i64,
    },
    /// The mark cannot be read (R24).
    #[error("the journal's mark was not read: {0}")]
    Mark(std::io::Error),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        OpenError::Database(error_text(&error))
    }
}

impl From<WriteError> for OpenError {
    fn from(error: WriteError) -> Self {
        OpenError::Database(error.to_string().into())
    }
}

/// What the tables of PostgreSQL have beside the core's.
const SCHEMA: &[&str] = &[
    holder::SCHEMA,
    // In which database, and on which of its timelines, the journal was last written (R24).
    "INSERT INTO kicc_meta (name, number, text) VALUES ('lineage', 0, '') ON CONFLICT DO NOTHING",
];

/// The sequence of a journal that nobody has written: the first group says in which database it is.
const FIRST: u64 = 1;

/// Replicas that start at once make the tables one after the other: `kicc` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1801020259)";

pub(super) async fn open(
    address: &str,
    mut settings: PostgresSettings,
) -> Result<(Arc<Shared>, Opened), OpenError> {
    let said = Address::parse(address)?;
    settings.failover = said.failover.unwrap_or(settings.failover);
    settings.lease = said.lease.unwrap_or(settings.lease);
    settings.rescues_in_flight = said.rescues_in_flight.or(settings.rescues_in_flight);
    if let Some(path) = said.mark {
        let file = spawn_blocking(move || MarkFile::open(path)).await;
        let file = file.map_err(std::io::Error::other).and_then(|file| file).map_err(OpenError::Mark)?;
        settings.mark = Some(Arc::new(file));
    }
    let pools = Pools::new(address, &settings)?;
    // Before the sequence, which is never behind it in a database that has lost nothing.
    let mark = match settings.mark.clone() {
        Some(mark) => {
            let read = spawn_blocking(move || mark.read()).await;
            read.map_err(std::io::Error::other).and_then(|read| read).map_err(OpenError::Mark)?
        }
        None => None,
    };
    let client = connection(&pools.lists).await.map_err(OpenError::Database)?;
    check(&client).await?;
    let known = prepare(&client).await?;
    let holder = name();
    let registered = vec![holder.as_str().into(), millis(settings.lease).into(), 0_u64.into()];
    execute(&client, holder::REGISTER, registered).await?;
    execute(&client, holder::FORGET, Vec::new()).await?;
    drop(client);
    let shared = Arc::new(Shared {
        pools,
        holder: holder.into(),
        mark: Follower::start(settings.mark.clone()),
        highest: AtomicU64::new(mark.unwrap_or(0)),
        own: AtomicU64::new(0),
        found_restored: AtomicBool::new(false),
        share: Share::new(settings.rescues_in_flight),
        tally: Tally::default(),
        settings,
    });
    // Finds out, and declares, what was restored or has moved.
    let sequence = Group::begin(&shared).await?.cancel().await;
    shared.highest.fetch_max(sequence, Ordering::SeqCst);
    shared.mark.raise(sequence);
    let opened = Opened {
        restored: shared.found_restored.load(Ordering::SeqCst),
        mark_missing: known && shared.settings.mark.is_some() && mark.is_none() && sequence > FIRST,
    };
    Ok((shared, opened))
}

/// Whether the database keeps what it acknowledges, and every text.
async fn check(client: &Object) -> Result<(), OpenError> {
    for (setting, needed) in [("fsync", "on"), ("full_page_writes", "on"), ("server_encoding", "UTF8")] {
        let row = client.query_one("SELECT current_setting($1)", &[&setting]).await?;
        let found: String = row.try_get(0)?;
        if found != needed {
            return Err(OpenError::Unfit { setting, found, needed });
        }
    }
    Ok(())
}

/// Makes the tables where there are none; whether there were any.
async fn prepare(client: &Object) -> Result<bool, OpenError> {
    client.batch_execute("BEGIN").await?;
    let prepared = tables(client).await;
    client.batch_execute(if prepared.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    prepared
}

async fn tables(client: &Object) -> Result<bool, OpenError> {
    client.batch_execute(LOCK).await?;
    let known: bool =
        client.query_one("SELECT to_regclass('kicc_meta') IS NOT NULL", &[]).await?.try_get(0)?;
    if !known {
        for statement in sql::SCHEMA.iter().chain(SCHEMA) {
            client.batch_execute(&statement.replace("TEXT", sql::POSTGRES_TEXT)).await?;
        }
    }
    let schema = query(client, sql::META, vec!["schema".into()]).await?;
    match schema.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0) {
        sql::SCHEMA_VERSION => Ok(known),
        found => Err(OpenError::Version { found }),
    }
}

/// 32 hexadecimal digits that were never a holder's.
fn name() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the system's random generator answers");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}
