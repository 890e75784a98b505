//! A group of writes: one transaction, from the lock on the sequence to the commit.

use std::{sync::atomic::Ordering, time::Duration};

use deadpool_postgres::Object;
use futures_util::future::{join_all, try_join_all};
use kicc_proto::journal::{
    Admission, WriteError,
    sql::{self, Value},
};
use tokio::time::timeout;
use tokio_postgres::{Error, error::Severity};
use tracing::warn;

use super::{
    Failover, Shared,
    connect::connection,
    holder, millis,
    queue::Job,
    statement::{error_text, execute, is_rolled_back, query},
    work::Work,
};

/// How long a write waits for a row that the caller's own transaction has (our choice: all others wait with it).
const ROW_WAIT: &str = "SET LOCAL lock_timeout = '500ms'";

/// `$1` holder → which database it is and on which timeline; which one the journal was last written in; admission; the
/// last sequence that this holder wrote, as the database knows it.
const FACTS: &str = "SELECT (SELECT s.system_identifier::TEXT FROM pg_control_system() AS s) \
    || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), \
    (SELECT l.text FROM kicc_meta AS l WHERE l.name = 'lineage'), \
    (SELECT a.number FROM kicc_meta AS a WHERE a.name = 'admission'), \
    (SELECT a.text FROM kicc_meta AS a WHERE a.name = 'admission'), \
    (SELECT h.sequence FROM kicc_holders AS h WHERE h.holder = $1)";

/// Prepared before they are needed, so that those that are sent together arrive in their order.
const PREPARED: &[&str] = &[
    sql::NEXT_SEQUENCE,
    FACTS,
    holder::WRITES,
    holder::IS_ALIVE,
    sql::FIND,
    sql::FIND_UNLOCKED,
    sql::INSERT,
    sql::UPDATE,
    sql::CLAIM,
    sql::RENEW,
    sql::RELEASE,
    sql::TOLD,
];

/// A transaction that is under way. Dropped, its connection ends, and with it the transaction.
pub(super) struct Group<'s> {
    shared: &'s Shared,
    client: Option<Object>,
    facts: Facts,
}

/// What a group finds.
struct Facts {
    /// Its own number.
    sequence: u64,
    /// The database's identity and timeline.
    lineage: String,
    /// The same when the journal was last written; empty before its first group.
    last_lineage: String,
    admission: Admission,
    /// The last that was in force (R24).
    last_prefix: String,
    /// The last sequence that the database has of this holder; none if it does not know it.
    own: Option<u64>,
}

/// What became of a group.
pub(super) enum Ended {
    /// Durable; the number of its commits: none, when nothing was changed.
    Committed(u64),
    /// Holds for every write of it.
    Failed(WriteError),
    /// A statement failed before the commit: nothing is stored, and each write is to be tried by itself.
    Apart(WriteError),
}

impl<'s> Group<'s> {
    /// Begins a group: the sequence is its own from here on. A database that is behind what this process knows was
    /// restored, or has failed over: that is declared first, and stands whatever becomes of the group (R24).
    pub async fn begin(shared: &'s Shared) -> Result<Self, WriteError> {
        for _ in 0..3 {
            let group = Self::attempt(shared).await?;
            let lost = group.is_behind()
                || (group.is_elsewhere() && shared.settings.failover == Failover::MayLoseCommits);
            if !lost && group.facts.last_lineage == group.facts.lineage {
                return Ok(group);
            }
            group.declare(lost).await?;
        }
        Err(WriteError::NotStored("the database moves while the journal is written".into()))
    }

    async fn attempt(shared: &'s Shared) -> Result<Self, WriteError> {
        let client = connection(&shared.pools.writer).await.map_err(WriteError::NotStored)?;
        let begun = within(shared, begin(&client, &shared.holder)).await;
        let facts = match begun {
            Ok(facts) => facts,
            Err(why) => {
                undo(client).await;
                return Err(WriteError::NotStored(why));
            }
        };
        match facts {
            Some(facts) => Ok(Group { shared, client: Some(client), facts }),
            None => {
                undo(client).await;
                Err(moved())
            }
        }
    }

    /// Whether the journal was last written in another database, or on another timeline of this one.
    fn is_elsewhere(&self) -> bool {
        let Facts { lineage, last_lineage, .. } = &self.facts;
        !last_lineage.is_empty() && last_lineage != lineage
    }

    /// Whether the database lacks what this process knows to be written.
    fn is_behind(&self) -> bool {
        let highest = self.shared.highest.load(Ordering::SeqCst);
        let own = self.shared.own.load(Ordering::SeqCst);
        self.facts.sequence <= highest || self.facts.own.is_none_or(|known| known < own)
    }

    /// Says in the journal that it was restored, if something was `lost`, and in which database it is from now on.
    async fn declare(mut self, lost: bool) -> Result<(), WriteError> {
        let Some(client) = self.client.take() else { return Ok(()) };
        let Facts { sequence, lineage, last_prefix, .. } = &self.facts;
        let highest = self.shared.highest.load(Ordering::SeqCst).max(*sequence);
        let set = |name: &'static str, number: Value<'static>, text: &str| {
            execute(&client, sql::SET_META, vec![number, text.to_owned().into(), name.into()])
        };
        let declared = async {
            set("lineage", Value::Number(0), lineage).await?;
            if lost {
                set("restored", highest.into(), "").await?;
                // The earlier prefix, if any, stays beside it: it must not be used again either.
                set("admission", Value::Number(Admission::None.meta_number()), last_prefix).await?;
                set("sequence", (highest + 1).into(), "").await?;
            }
            let lease = millis(self.shared.settings.lease);
            let holder = vec![(&*self.shared.holder).into(), lease.into(), highest.into()];
            execute(&client, holder::REGISTER, holder).await?;
            client.batch_execute("COMMIT").await
        };
        let declared = within(self.shared, declared).await;
        if let Err(why) = declared {
            undo(client).await;
            return Err(WriteError::NotStored(why));
        }
        if lost {
            warn!("the database is behind what was written: the journal counts as restored");
            self.shared.found_restored.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Does all writes of the group, and commits them.
    pub async fn run(mut self, jobs: &mut [Box<dyn Job>]) -> Ended {
        let Some(client) = self.client.take() else { return Ended::Committed(0) };
        let (shared, Facts { sequence, admission, .. }) = (self.shared, &self.facts);
        let work = Work { client: &client, sequence: *sequence, holder: &shared.holder, admission };
        let lease = jobs.iter().map(|job| job.lease()).max().unwrap_or(0).max(millis(shared.settings.lease));
        let ours = vec![lease.into(), (*sequence).into(), (&*shared.holder).into()];
        let writes = async {
            // In one flight, in their order.
            let writes = join_all(jobs.iter_mut().map(|job| job.run(&work)));
            let ours = execute(&client, holder::WRITES, ours);
            let (changed, ours) = futures_util::future::join(writes, ours).await;
            let any = changed.into_iter().try_fold(false, |any, changed| Ok::<_, Error>(any | changed?))?;
            ours.map(|_| any)
        };
        let wrote = timeout(shared.settings.statement_timeout * 2, writes).await;
        match wrote {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                undo(client).await;
                return Ended::Committed(0);
            }
            Ok(Err(error)) => {
                undo(client).await;
                let why = WriteError::NotStored(error_text(&error));
                return if is_one_statements(&error) { Ended::Apart(why) } else { Ended::Failed(why) };
            }
            Err(_) => {
                end(client);
                return Ended::Failed(WriteError::NotStored("the database did not answer in time".into()));
            }
        }
        // From here on only an answer that says so proves that nothing is stored.
        match timeout(shared.settings.commit_timeout, client.batch_execute("COMMIT")).await {
            Ok(Ok(())) => {
                shared.highest.fetch_max(*sequence, Ordering::SeqCst);
                shared.own.fetch_max(*sequence, Ordering::SeqCst);
                shared.mark.raise(*sequence);
                Ended::Committed(1)
            }
            Ok(Err(error)) if is_rolled_back(&error) => {
                Ended::Apart(WriteError::NotStored(error_text(&error)))
            }
            Ok(Err(error)) => {
                end(client);
                Ended::Failed(WriteError::NotKnown(error_text(&error)))
            }
            Err(_) => {
                end(client);
                Ended::Failed(WriteError::NotKnown("the commit was not answered in time".into()))
            }
        }
    }

    /// Ends it without a write: the sequence as it stands.
    pub async fn cancel(mut self) -> u64 {
        if let Some(client) = self.client.take() {
            undo(client).await;
        }
        self.facts.sequence - 1
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        self.client.take().into_iter().for_each(end);
    }
}

/// Begins the transaction and finds the facts; none where the tables are not of this version.
async fn begin(client: &Object, holder: &str) -> Result<Option<Facts>, Error> {
    try_join_all(PREPARED.iter().map(|statement| client.prepare_cached(statement))).await?;
    let (_, sequence, _, facts) = tokio::try_join!(
        biased;
        client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
        query(client, sql::NEXT_SEQUENCE, Vec::new()),
        client.batch_execute(ROW_WAIT),
        query(client, FACTS, vec![holder.into()]),
    )?;
    let (Some(sequence), Some(facts)) = (sequence.first(), facts.first()) else { return Ok(None) };
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let last_prefix: String = facts.try_get(3)?;
    Ok(Some(Facts {
        sequence: unsigned(sequence.try_get(0)?),
        lineage: facts.try_get(0)?,
        last_lineage: facts.try_get(1)?,
        admission: Admission::from_meta(facts.try_get(2)?, &last_prefix),
        last_prefix,
        own: facts.try_get::<_, Option<i64>>(4)?.map(unsigned),
    }))
}

/// Of tables in which this program writes nothing.
pub(super) fn moved() -> WriteError {
    WriteError::NotStored("another version has changed the journal's tables, or it was moved".into())
}

/// Whether one statement is at fault (its data, or a row that somebody has locked), and neither the connection nor the
/// database.
fn is_one_statements(error: &Error) -> bool {
    error.as_db_error().is_some_and(|said| {
        said.parsed_severity() == Some(Severity::Error)
            && matches!(&said.code().code()[..2], "22" | "23" | "40" | "54" | "55")
    })
}

async fn within<T>(
    shared: &Shared,
    statements: impl Future<Output = Result<T, Error>>,
) -> Result<T, Box<str>> {
    match timeout(shared.settings.statement_timeout * 2, statements).await {
        Ok(done) => done.map_err(|error| error_text(&error)),
        Err(_) => Err("the database did not answer in time".into()),
    }
}

/// Rolls back; a connection that cannot is ended, which does the same.
async fn undo(client: Object) {
    let undone = timeout(Duration::from_secs(2), client.batch_execute("ROLLBACK")).await;
    if !matches!(undone, Ok(Ok(()))) {
        end(client);
    }
}

/// Ends a connection in whatever state.
fn end(client: Object) {
    drop(Object::take(client));
}
