//! The journal in PostgreSQL, for more than one machine.
//!
//! **Durable** means acknowledged by a commit with `synchronous_commit` on: flushed to the database's disk, and to its
//! standbys where it waits for those. A database with `fsync` off is refused.
//!
//! **Known not stored** ([`WriteError::NotStored`]): whatever fails before `COMMIT` is sent, since a transaction without
//! it is void; and a `COMMIT` that is answered with an error that undoes the transaction.
//!
//! **Not known** ([`WriteError::NotKnown`]): a `COMMIT` without an answer, or with any other. Who repeats the write waits
//! for the end of that transaction, if it still runs, since each holds the row of the sequence to its end.
//!
//! The database's settings and what it does after a failover are told in `docs/postgres.md`.

mod connect;
mod group;
mod holder;
mod join;
mod mark;
mod open;
mod queue;
mod statement;
mod transfer;
mod work;

use std::{
    fmt,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use deadpool_postgres::Pool;
use kicc_proto::{
    flow::Policy,
    journal::{
        Admission, AsyncJournal, BoxFuture, Claim, Claimed, Expect, Key, Life, Listing, ReadError, Row,
        Unreadable, WriteError, Written,
        restore::RestoredError,
        sql::{self, Value},
    },
    time::UnixMillis,
    values::TransactionNumber,
};
use kicc_sqlite::Opened;

use self::{
    connect::{Pools, connection},
    holder::{Share, keep_alive},
    mark::Follower,
    open::Absent,
    queue::{Queue, Tally},
    statement::{error_text, query, select, unreadable_text},
};
/// The library whose transactions [`Undecided::accept_in`](crate::client::Undecided::accept_in) joins.
pub use tokio_postgres;

pub(crate) use self::join::update;
pub use self::{
    mark::{Mark, MarkFile},
    open::OpenError,
    transfer::{TransferError, export, import},
};
use super::{Counts, lanes::Of};

/// A journal in a PostgreSQL database, opened. One per process is enough; it needs a tokio runtime with its timer, and
/// lives on the one that it was opened on.
///
/// **Groups, back-pressure and dropped futures** are as [`SqliteJournal`](super::SqliteJournal) has them: one connection
/// writes, everything that is queued shares one transaction and its commit, in three flights; a lone write waits for
/// nobody; the queue is bounded. Groups of several replicas follow one another.
///
/// **Leases** (R20). A process says from time to time, and with every write, until when it lives by the database's
/// clock ([`PostgresSettings::lease`]); nobody's own clock decides. A live one is never robbed; one that is stopped or cut
/// off for longer is taken for dead, and its next write or [`AsyncJournal::holds`] tells it so. One that closes its
/// journal is dead at once.
///
/// **The end.** [`AsyncJournal::close`] takes no more writes and comes back when what is queued is written and the holder
/// is dead. After a mere drop the same happens behind the caller's back, while the runtime lives.
pub struct PostgresJournal {
    queue: Queue,
    shared: Arc<Shared>,
    opened: Opened,
}

/// How a [`PostgresJournal`] treats its database and its writers. Make it with [`PostgresSettings::default`] and change
/// fields.
#[derive(Clone)]
#[non_exhaustive]
pub struct PostgresSettings {
    /// The password, where it is not in the address; default: none.
    pub password: Option<String>,
    /// The authorities for TLS, PEM; default: those of `sslrootcert` in the address, else the public ones.
    pub ca_pem: Option<Vec<u8>>,
    /// Connections at most, three at least: one writes, one lists, the others read single rows; default 6 (our choice).
    pub connections: usize,
    /// How long a connection may take to be made; default 5 s (our choice).
    pub connect_timeout: Duration,
    /// How long a read waits for a connection to come free; default 5 s (our choice: below the 10 s of `send_by`, R4).
    pub connection_wait: Duration,
    /// How long the database may work on one statement, waiting for the groups of other replicas included; default 10 s
    /// (our choice).
    pub statement_timeout: Duration,
    /// How long a commit may go unanswered before it counts as not known; default 10 s (our choice).
    pub commit_timeout: Duration,
    /// After how long the database ends a transaction whose process says nothing more: meanwhile it keeps all other
    /// writers waiting; default 5 s (our choice: below `statement_timeout`, so that those get their turn).
    pub idle_timeout: Duration,
    /// How long a process counts as alive after its last word, and so how long recovery waits for what a process that
    /// crashed has left; default 60 s (our choice: the lease of an attempt, which it never falls short of). With another
    /// [`Policy::lease`]: [`PostgresSettings::for_policy`].
    pub lease: Duration,
    /// How many rescues all who share the database may have in flight together (R14), each an even part of it; default:
    /// no such cap, and each has [`Policy::rescues_in_flight`], which bounds
    /// its part too. All must say the same.
    pub rescues_in_flight: Option<NonZeroU32>,
    /// What a failover may do to what was committed.
    pub failover: Failover,
    /// A mark outside the database (R24); default: none, then a restore into the same database goes unnoticed unless a
    /// process lives through it.
    pub mark: Option<Arc<dyn Mark>>,
    /// As [`SqliteSettings::queue`](super::SqliteSettings::queue).
    pub queue: usize,
    /// As [`SqliteSettings::new_attempts_wait`](super::SqliteSettings::new_attempts_wait).
    pub new_attempts_wait: Duration,
    /// As [`SqliteSettings::under_way_waits`](super::SqliteSettings::under_way_waits).
    pub under_way_waits: Duration,
}

/// What becomes of acknowledged commits when another server takes over, or the database is moved (R24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Failover {
    /// The last ones may be lost: replication is asynchronous. A change of the database's identity or timeline counts as a
    /// restore.
    #[default]
    MayLoseCommits,
    /// None is lost: `synchronous_standby_names` is set, or the disk is shared. Only what is seen to be missing counts as a
    /// restore.
    KeepsCommits,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        PostgresSettings {
            password: None,
            ca_pem: None,
            connections: 6,
            connect_timeout: Duration::from_secs(5),
            connection_wait: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            commit_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(5),
            lease: Duration::from_secs(60),
            rescues_in_flight: None,
            failover: Failover::default(),
            mark: None,
            queue: 16_384,
            new_attempts_wait: Duration::from_secs(1),
            under_way_waits: Duration::from_secs(30),
        }
    }
}

impl PostgresSettings {
    /// The defaults, with `lease` that of the policy, and the times of the database below it, so that a replica that hangs
    /// in a transaction does not keep the others from saying that they live: half of it at most, `idle_timeout` a quarter.
    ///
    /// ```
    /// use kicc_hyper::journal::PostgresSettings;
    /// use kicc_proto::{flow::Policy, time::Millis};
    ///
    /// let mut policy = Policy::default();
    /// policy.lease = Millis::from_secs(16);
    /// let settings = PostgresSettings::for_policy(&policy);
    /// assert_eq!([settings.lease, settings.commit_timeout, settings.idle_timeout].map(|span| span.as_secs()), [16, 8, 4]);
    /// ```
    #[must_use]
    pub fn for_policy(policy: &Policy) -> Self {
        let lease = Duration::from_millis(policy.lease.0);
        let mut settings = PostgresSettings { lease, ..PostgresSettings::default() };
        for span in [
            &mut settings.statement_timeout,
            &mut settings.commit_timeout,
            &mut settings.connect_timeout,
            &mut settings.connection_wait,
        ] {
            *span = (*span).min(lease / 2);
        }
        settings.idle_timeout = settings.idle_timeout.min(lease / 4);
        settings
    }
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("connections", &self.connections)
            .field("statement_timeout", &self.statement_timeout)
            .field("commit_timeout", &self.commit_timeout)
            .field("lease", &self.lease)
            .field("rescues_in_flight", &self.rescues_in_flight)
            .field("failover", &self.failover)
            .field("mark", &self.mark.is_some())
            .finish_non_exhaustive()
    }
}

/// What a journal and its tasks have in common.
struct Shared {
    pools: Pools,
    settings: PostgresSettings,
    holder: Box<str>,
    mark: Follower,
    /// The highest sequence that is known to be written, by whomever.
    highest: AtomicU64,
    /// The last that this holder is known to have written.
    own: AtomicU64,
    found_restored: AtomicBool,
    share: Share,
    tally: Tally,
}

impl PostgresJournal {
    /// Opens the journal in the database at `address` (`postgres://user:password@host/database`), and makes its tables if
    /// there are none, with the default settings.
    ///
    /// TLS is required, and the server verified, unless the address says `sslmode=disable` or does not leave this machine;
    /// `sslrootcert=/path` names the authority. `kicc_failover=keeps_commits`, `kicc_lease=60` (seconds),
    /// `kicc_rescues_in_flight=32` and `kicc_mark=/path` go before the settings of those names, so that all who share a
    /// database can share its address.
    ///
    /// # Errors
    /// When the database cannot be used, or another version made its tables.
    pub async fn open(address: &str) -> Result<Self, OpenError> {
        Self::open_with(address, PostgresSettings::default()).await
    }

    /// As [`PostgresJournal::open`], with settings of one's own.
    ///
    /// # Errors
    /// As there.
    pub async fn open_with(address: &str, settings: PostgresSettings) -> Result<Self, OpenError> {
        Self::begin(address, settings, Absent::Make).await
    }

    /// As [`PostgresJournal::open_with`], of a journal that must be there: makes none.
    ///
    /// # Errors
    /// As there; [`OpenError::Absent`].
    pub async fn open_existing(address: &str, settings: PostgresSettings) -> Result<Self, OpenError> {
        Self::begin(address, settings, Absent::Refuse).await
    }

    async fn begin(address: &str, settings: PostgresSettings, absent: Absent) -> Result<Self, OpenError> {
        let (shared, opened) = open::open(address, settings, absent).await?;
        Ok(PostgresJournal { queue: Queue::start(Arc::clone(&shared)), shared, opened })
    }

    /// What was found at opening. A restored journal takes no new number until [`PostgresJournal::restored`] was called
    /// (R24).
    #[must_use]
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Whether this process has found, at opening or since, that the database is behind what was written (R24).
    #[must_use]
    pub fn found_restored(&self) -> bool {
        self.shared.found_restored.load(Ordering::SeqCst)
    }

    /// Why the mark could not follow the last commit, if so (R24); the commit itself stands.
    #[must_use]
    pub fn mark_trouble(&self) -> Option<String> {
        self.shared.mark.trouble()
    }

    /// Writes, commits and what waits.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Tally { writes, commits } = &self.shared.tally;
        let [writes, commits] = [writes, commits].map(|count| count.load(Ordering::Relaxed));
        let (turned_away, queued) = self.queue.waits();
        Counts { writes, commits, turned_away, queued }
    }

    /// Declares that the journal was restored from a backup (R24): new numbers must begin with `prefix`, which no
    /// number ever did; and all rows are suspect, unless the restore had been found, when the rows written since are
    /// not. For a restore that was not found (the mark was lost or restored too), call it all the same.
    ///
    /// # Errors
    /// When the prefix is no prefix or was used, as far as this journal knows, or the journal was not written.
    pub async fn restored(&self, prefix: &str) -> Result<(), RestoredError> {
        let prefix = Arc::<str>::from(prefix);
        let restored = self.queue.write(Of::UnderWay, 0, move |work| {
            let prefix = Arc::clone(&prefix);
            Box::pin(async move { work.restored(&prefix).await })
        });
        restored.await?
    }

    /// Removes the records of at most `limit` closed and told rows made before `before`, the oldest first, and keeps
    /// hashes by which their numbers, authorisations and refunds go on being refused (R22). Returns how many; a refund
    /// goes in a later call than its approval, so call it until it returns 0. Other writes wait meanwhile: keep `limit`
    /// at some hundreds.
    ///
    /// # Errors
    /// As [`AsyncJournal::write`]; then all of the call is undone, or not known.
    pub async fn prune(&self, before: UnixMillis, limit: u32) -> Result<u32, WriteError> {
        self.queue.write(Of::UnderWay, 0, move |work| Box::pin(work.prune(before, limit))).await
    }

    /// What is unreadable among the records that were made at `from` or later, and before `until`: closed ones too, which
    /// [`AsyncJournal::unreadable`] leaves out (R21).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unreadable_made(
        &self,
        from: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<Unreadable>, ReadError> {
        self.check(sql::CHECK_MADE, vec![from.0.into(), until.0.into()]).await
    }

    /// The rows under a number, of whatever environment, product and terminal.
    ///
    /// # Errors
    /// When the database or one of the rows cannot be read.
    pub async fn numbered(&self, number: &TransactionNumber) -> Result<Vec<Row>, ReadError> {
        let mut found = Vec::new();
        let mut terminal = [String::new(), String::new(), String::new()];
        loop {
            let after = terminal.iter().map(|part| Value::from(part.as_str())).collect();
            let next = self.raw(&self.shared.pools.lists, sql::NEXT_TERMINAL, after).await?;
            let Some(next) = next.first() else { return Ok(found) };
            for (at, part) in terminal.iter_mut().enumerate() {
                *part = next.try_get(at).map_err(|error| ReadError(error_text(&error)))?;
            }
            let key = terminal.iter().map(String::as_str).chain([number.as_str()]).map(Value::from);
            found.extend(self.all(sql::FIND, key.collect()).await?);
        }
    }

    async fn check(&self, statement: &str, values: Vec<Value<'_>>) -> Result<Vec<Unreadable>, ReadError> {
        let rows = self.raw(&self.shared.pools.lists, statement, values).await?;
        Ok(rows.iter().filter_map(|row| statement::row(row).err()).collect())
    }

    /// The first row of a statement that finds one at most.
    async fn row(&self, statement: &str, values: Vec<Value<'_>>) -> Result<Option<Row>, ReadError> {
        Ok(self.all(statement, values).await?.into_iter().next())
    }

    async fn all(&self, statement: &str, values: Vec<Value<'_>>) -> Result<Vec<Row>, ReadError> {
        let client = connection(&self.shared.pools.rows).await.map_err(ReadError)?;
        let rows = select(&client, statement, values).await.map_err(|error| ReadError(error_text(&error)))?;
        rows.into_iter().map(|row| row.map_err(|bad| ReadError(unreadable_text(&bad)))).collect()
    }

    /// Rows of the database's own shape.
    async fn raw(
        &self,
        pool: &Pool,
        statement: &str,
        values: Vec<Value<'_>>,
    ) -> Result<Vec<tokio_postgres::Row>, ReadError> {
        let client = connection(pool).await.map_err(ReadError)?;
        query(&client, statement, values).await.map_err(|error| ReadError(error_text(&error)))
    }

    /// A look before a claim, which costs other writers nothing: whether it may be granted.
    async fn may_claim(&self, claim: &Claim<'_>) -> Result<Option<Claimed>, ReadError> {
        let Some(row) = self.row(sql::FIND, sql::key_values(claim.key).into()).await? else {
            return Ok(Some(Claimed::Moved));
        };
        if row.revision != claim.revision {
            return Ok(Some(Claimed::Moved));
        }
        let life = if *row.holder == *self.shared.holder {
            Life::Alive
        } else {
            let alive =
                self.raw(&self.shared.pools.rows, holder::IS_ALIVE, vec![(&*row.holder).into()]).await?;
            let alive = alive.first().is_some_and(|row| row.try_get(0).unwrap_or(true));
            if alive { Life::Alive } else { Life::Dead }
        };
        let held = || Claimed::Held { holder: row.holder.clone(), until: row.lease_until };
        Ok((!claim.takes(&row, life)).then(held))
    }
}

impl fmt::Debug for PostgresJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresJournal")
            .field("holder", &self.shared.holder)
            .field("opened", &self.opened)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl AsyncJournal for PostgresJournal {
    /// Alive until the journal is closed, or dropped and its queue written, or its lease is over.
    fn holder(&self) -> &str {
        &self.shared.holder
    }

    fn write<'a>(&'a self, row: &'a Row, expect: Expect) -> BoxFuture<'a, Result<Written, WriteError>> {
        let of = if expect == Expect::Absent { Of::NewAttempt } else { Of::UnderWay };
        // Both by one clock, whichever that is.
        let lease = row.lease_until.0.saturating_sub(row.updated_at.0);
        let row = Arc::new(row.clone());
        Box::pin(self.queue.write(of, lease, move |work| {
            let row = Arc::clone(&row);
            Box::pin(async move { work.write(&row, expect).await })
        }))
    }

    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Row>, ReadError>> {
        Box::pin(self.row(sql::FIND, sql::key_values(key).into()))
    }

    fn refunds<'a>(&'a self, original: &'a Key) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        Box::pin(self.all(sql::REFUNDS, sql::key_values(original).into()))
    }

    fn claim<'a>(&'a self, claim: &'a Claim<'a>) -> BoxFuture<'a, Result<Claimed, WriteError>> {
        Box::pin(async move {
            match self.may_claim(claim).await {
                Ok(None) => {}
                Ok(Some(refused)) => return Ok(refused),
                Err(ReadError(why)) => return Err(WriteError::NotStored(why)),
            }
            let Claim { key, revision, holder, now, lease_until, force } = *claim;
            let lease = lease_until.0.saturating_sub(now.0);
            let owned = Arc::new((key.clone(), holder.to_owned()));
            let claimed = self.queue.write(Of::UnderWay, lease, move |work| {
                let owned = Arc::clone(&owned);
                Box::pin(async move {
                    let (key, holder) = &*owned;
                    work.claim(&Claim { key, revision, holder, now, lease_until, force }).await
                })
            });
            claimed.await
        })
    }

    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: u64,
        until: UnixMillis,
    ) -> BoxFuture<'a, Result<bool, WriteError>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (key, lease) = (Arc::new(key.clone()), until.0.saturating_sub(millis(now)));
        Box::pin(self.queue.write(Of::UnderWay, lease, move |work| {
            let key = Arc::clone(&key);
            Box::pin(async move { work.renew(&key, token, until).await })
        }))
    }

    fn release<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<(), WriteError>> {
        let key = Arc::new(key.clone());
        Box::pin(self.queue.write(Of::UnderWay, 0, move |work| {
            let key = Arc::clone(&key);
            Box::pin(async move { work.release(&key, token).await })
        }))
    }

    fn holds<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<bool, ReadError>> {
        let mut values = Vec::from(sql::key_values(key));
        values.push(token.into());
        Box::pin(async move { Ok(!self.raw(&self.shared.pools.rows, sql::HOLDS, values).await?.is_empty()) })
    }

    fn told<'a>(&'a self, key: &'a Key, revision: u64) -> BoxFuture<'a, Result<bool, WriteError>> {
        let key = Arc::new(key.clone());
        Box::pin(self.queue.write(Of::UnderWay, 0, move |work| {
            let key = Arc::clone(&key);
            Box::pin(async move { work.told(&key, revision).await })
        }))
    }

    fn list<'a>(
        &'a self,
        which: Listing,
        after: Option<(UnixMillis, &'a Key)>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        Box::pin(async move {
            let (statement, mut values) = sql::list(which, after, limit.into());
            let mut found = Vec::new();
            loop {
                let asked = limit as usize - found.len();
                let last = values.len() - 1;
                values[last] = Value::from(asked as u64);
                let page = self.raw(&self.shared.pools.lists, statement, values.clone()).await?;
                found.extend(page.iter().filter_map(|row| statement::row(row).ok()));
                // Unreadable rows must not shorten a page: go on behind the last one.
                match page.last() {
                    Some(row) if page.len() == asked && found.len() < limit as usize => {
                        values.splice(last - 5..last, statement::cursor(row));
                    }
                    _ => return Ok(found),
                }
            }
        })
    }

    fn unreadable(&self) -> BoxFuture<'_, Result<Vec<Unreadable>, ReadError>> {
        Box::pin(self.check(sql::CHECK, Vec::new()))
    }

    fn admission(&self) -> BoxFuture<'_, Result<Admission, ReadError>> {
        Box::pin(async {
            let rows = self.raw(&self.shared.pools.rows, sql::META, vec!["admission".into()]).await?;
            let read = |row: &tokio_postgres::Row| {
                let text: String = row.try_get(1).ok()?;
                Some(Admission::from_meta(row.try_get(0).ok()?, &text))
            };
            Ok(rows.first().and_then(read).unwrap_or(Admission::None))
        })
    }

    fn rescues_share(&self) -> Option<u32> {
        self.shared.share.now()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.queue.close();
            self.queue.ended().await;
        })
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
