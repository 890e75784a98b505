//! Opening the journal in a database.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use deadpool_postgres::Object;
use kicc_proto::journal::{WriteError, sql, transfer};
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
    /// There are no tables, and none were to be made.
    #[error("there is no journal in the database")]
    Absent,
    /// Its attempts go on elsewhere; nothing is written here any more (R3).
    #[error("the journal was moved: it was exported to {to} and goes on where that was imported")]
    Moved {
        /// The file that it was exported to.
        to: String,
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

/// What each version of the tables has in PostgreSQL beside the core's.
const OWN: [&[&str]; sql::VERSIONS.len()] = [&[
    holder::SCHEMA,
    // In which database, and on which of its timelines, the journal was last written (R24).
    "INSERT INTO kicc_meta (name, number, text) VALUES ('lineage', 0, '') ON CONFLICT DO NOTHING",
]];

/// Where there is no journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    Make,
    Refuse,
}

/// The sequence of a journal that nobody has written: the first group says in which database it is.
pub(super) const FIRST: u64 = 1;

/// Replicas that start at once make the tables one after the other: `kicc` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1801020259)";

/// Keeps every writer out to the transaction's end, and waits for those under way: a group's, which begins with the first
/// of the tables, and a merchant's own. Who waits for it begins with what it leaves.
pub(super) const LOCK_TABLES: &str =
    "LOCK TABLE kicc_meta, kicc_attempts, kicc_used IN SHARE ROW EXCLUSIVE MODE";

pub(super) async fn open(
    address: &str,
    mut settings: PostgresSettings,
    absent: Absent,
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
    let known = prepare(&client, absent, &versions()).await?;
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

fn versions() -> Vec<Vec<&'static str>> {
    sql::VERSIONS.iter().zip(OWN).map(|(shared, own)| [shared, own].concat()).collect()
}

/// Makes the tables of the last of `versions`, of none or of those of an earlier one; whether there were any.
async fn prepare(client: &Object, absent: Absent, versions: &[Vec<&'static str>]) -> Result<bool, OpenError> {
    client.batch_execute("BEGIN").await?;
    let prepared = tables(client, absent, versions).await;
    client.batch_execute(if prepared.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    prepared
}

async fn tables(client: &Object, absent: Absent, versions: &[Vec<&'static str>]) -> Result<bool, OpenError> {
    client.batch_execute(LOCK).await?;
    let known: bool =
        client.query_one("SELECT to_regclass('kicc_meta') IS NOT NULL", &[]).await?.try_get(0)?;
    let (mut version, mut text) = (None, String::new());
    if known {
        let schema = query(client, sql::META, vec!["schema".into()]).await?;
        let schema =
            schema.first().map(|row| Ok::<_, Error>((row.try_get(0)?, row.try_get(1)?))).transpose()?;
        let number: i64;
        (number, text) = schema.unwrap_or_default();
        version = Some(number);
    } else if absent == Absent::Refuse {
        return Err(OpenError::Absent);
    }
    let Some(mut steps) = sql::upgrade(version, versions) else {
        return Err(match version {
            Some(transfer::MOVED) => OpenError::Moved { to: text },
            found => OpenError::Version { found: found.unwrap_or_default() },
        });
    };
    if known && !steps.is_empty() {
        client.batch_execute(LOCK_TABLES).await?;
    }
    // One that is there is not asked for: that would wait for all writers.
    let asked = sql::INDEXES.iter().map(|(name, _)| format!("to_regclass('{name}') IS NULL"));
    let missing = client.query_one(&format!("SELECT {}", asked.collect::<Vec<_>>().join(", ")), &[]).await?;
    for (at, (_, statement)) in sql::INDEXES.iter().enumerate() {
        if missing.try_get(at)? {
            steps.push((*statement).to_owned());
        }
    }
    if !steps.is_empty() {
        client.batch_execute("SET LOCAL statement_timeout = 0").await?;
    }
    for step in steps {
        client.batch_execute(&step.replace("TEXT", sql::POSTGRES_TEXT)).await?;
    }
    Ok(known)
}

/// 32 hexadecimal digits that were never a holder's.
fn name() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the system's random generator answers");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
