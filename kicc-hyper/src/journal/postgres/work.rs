//! The writes of a journal, each as work inside the transaction of its group.
//!
//! Groups follow one another, also those of other replicas: each holds the row of the sequence to its end
//! ([`sql::NEXT_SEQUENCE`]). So a statement finds what all before it left, and a look at a row beside the one that is
//! written is as good as a lock.

use deadpool_postgres::ClientWrapper;
use kicc_proto::{
    journal::{
        Admission, Claim, Claimed, Expect, Key, Kind, Life, Row, WriteError, Written,
        restore::{RestoredError, check_prefix},
        sql::{self, Value},
    },
    time::UnixMillis,
    values::TransactionNumber,
};
use tokio_postgres::Error;

use super::{
    holder,
    statement::{execute, query, select, unreadable_text},
};

/// Why a work failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// For a reason of its own; the transaction stands.
    Own(WriteError),
    /// A statement failed, and the transaction with it.
    Statement(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Statement(error)
    }
}

impl Failure {
    fn own(why: impl Into<Box<str>>) -> Self {
        Failure::Own(WriteError::NotStored(why.into()))
    }
}

/// A work's result, and whether it changed anything.
pub(super) type Done<T> = Result<(T, bool), Failure>;

/// A place inside a transaction: its methods are the writes of [`AsyncJournal`], by the same names, and what only this
/// journal can do.
///
/// [`AsyncJournal`]: kicc_proto::journal::AsyncJournal
pub(super) struct Work<'a> {
    pub client: &'a ClientWrapper,
    /// The number of this group (R24).
    pub sequence: u64,
    /// Our own.
    pub holder: &'a str,
    pub admission: &'a Admission,
}

impl Work<'_> {
    pub async fn write(&self, row: &Row, expect: Expect) -> Done<Written> {
        match expect {
            Expect::Absent if row.kind == Kind::Approval && !self.admission.takes(&row.key.number) => {
                match self.known(&row.key).await? {
                    Some(written) => Ok((written, false)),
                    None => Err(Failure::own("the journal was restored and does not take this number (R24)")),
                }
            }
            Expect::Absent => {
                if self.execute(sql::INSERT, sql::insert_values(row, self.sequence)).await? == 1 {
                    return Ok((Written::Stored, true));
                }
                Ok((self.who_was_first(row).await?, false))
            }
            Expect::Revision(revision) if row.revision != revision + 1 => {
                let new = row.revision;
                Err(Failure::own(format!("revision {new} cannot follow revision {revision}")))
            }
            Expect::Revision(revision) => {
                if self.execute(sql::UPDATE, sql::update_values(row, revision, self.sequence)).await? == 1 {
                    return Ok((Written::Stored, true));
                }
                match self.known(&row.key).await? {
                    Some(written) => Ok((written, false)),
                    None => Err(Failure::own("there is no row of this number to write")),
                }
            }
        }
    }

    /// A row that somebody else is writing just now, in a transaction of theirs, is held.
    pub async fn claim(&self, claim: &Claim<'_>) -> Done<Claimed> {
        let key = || Vec::from(sql::key_values(claim.key));
        let Some(mut row) = self.find(sql::FIND_UNLOCKED, key()).await? else {
            return Ok((
                match self.find(sql::FIND, key()).await? {
                    Some(row) => Claimed::Held { holder: row.holder.clone(), until: row.lease_until },
                    None => Claimed::Moved,
                },
                false,
            ));
        };
        if row.revision != claim.revision {
            return Ok((Claimed::Moved, false));
        }
        if !claim.takes(&row, self.life(&row.holder).await?) {
            return Ok((Claimed::Held { holder: row.holder.clone(), until: row.lease_until }, false));
        }
        let mut values = vec![claim.holder.into(), claim.lease_until.0.into()];
        values.extend(sql::key_values(claim.key));
        values.extend([row.revision.into(), row.token.into()]);
        if self.execute(sql::CLAIM, values).await? != 1 {
            return Ok((Claimed::Moved, false));
        }
        row.token += 1;
        row.holder = claim.holder.into();
        row.lease_until = claim.lease_until;
        Ok((Claimed::Yes(Box::new(row)), true))
    }

    /// A row that the caller's own transaction is writing just now keeps its lease as it is.
    pub async fn renew(&self, key: &Key, token: u64, until: UnixMillis) -> Done<bool> {
        let Some(row) = self.find(sql::FIND_UNLOCKED, sql::key_values(key).into()).await? else {
            return Ok((!query(self.client, sql::HOLDS, with(key, token)).await?.is_empty(), false));
        };
        if row.token != token {
            return Ok((false, false));
        }
        let mut values = vec![until.0.into()];
        values.extend(with(key, token));
        self.change(sql::RENEW, values).await
    }

    pub async fn release(&self, key: &Key, token: u64) -> Done<()> {
        self.change(sql::RELEASE, with(key, token)).await.map(|(_, changed)| ((), changed))
    }

    pub async fn told(&self, key: &Key, revision: u64) -> Done<bool> {
        self.change(sql::TOLD, with(key, revision)).await
    }

    pub async fn restored(&self, prefix: &str) -> Done<Result<(), RestoredError>> {
        let admission = query(self.client, sql::META, vec!["admission".into()]).await?;
        let earlier: String = admission.first().map_or(Ok(String::new()), |row| row.try_get(1))?;
        let used = query(self.client, sql::WITH_PREFIX, vec![prefix.into()]).await?;
        let used: Option<String> = used.first().map(|row| row.try_get(0)).transpose()?;
        if let Err(error) = check_prefix(prefix, &earlier, used.as_deref()) {
            return Ok((Err(error), false));
        }
        if *self.admission != Admission::None {
            self.set_meta("restored", self.sequence.into(), "").await?;
        }
        let admission = Admission::Prefix(prefix.into());
        self.set_meta("admission", Value::Number(admission.meta_number()), prefix).await?;
        Ok((Ok(()), true))
    }

    pub async fn prune(&self, before: UnixMillis, limit: u32) -> Done<u32> {
        let values = vec![before.0.into(), u64::from(limit).into()];
        let mut count = 0;
        for row in select(self.client, sql::PRUNABLE, values).await?.into_iter().flatten() {
            let key = vec![row.key.short_hash().into(), "key".into(), Value::Null];
            self.execute(sql::KEEP, key).await?;
            if let Some(hash) = sql::slot_hash(&row).filter(|_| row.live) {
                let slot = vec![hash.into(), "slot".into(), row.key.number.as_str().into()];
                self.execute(sql::KEEP, slot).await?;
            }
            self.execute(sql::DELETE, sql::key_values(&row.key).into()).await?;
            count += 1;
        }
        Ok((count, count > 0))
    }

    /// Whether a holder lives. One whose lease is over by the database's clock is as good as dead: so are all the leases
    /// that it ever wrote ([`holder`]).
    async fn life(&self, holder: &str) -> Result<Life, Failure> {
        if holder == self.holder {
            return Ok(Life::Alive);
        }
        let rows = query(self.client, holder::IS_ALIVE, vec![holder.into()]).await?;
        let alive = rows.first().is_some_and(|row| row.try_get(0).unwrap_or(true));
        Ok(if alive { Life::Alive } else { Life::Dead })
    }

    /// Who keeps [`sql::INSERT`] from inserting `row`.
    async fn who_was_first(&self, row: &Row) -> Result<Written, Failure> {
        if let Some(written) = self.known(&row.key).await? {
            return Ok(written);
        }
        let mut values = Vec::from(sql::key_values(&row.key));
        values.truncate(3);
        values.push(sql::slot(row).into());
        if let Some(other) = self.find(sql::BY_SLOT, values).await? {
            return Ok(match row.kind {
                Kind::Approval => Written::AuthorisationInUse(Box::new(other.key)),
                Kind::Refund => Written::AlreadyRefunding(Box::new(other)),
            });
        }
        let number = match sql::slot_hash(row) {
            Some(hash) => self.used(hash.as_str()).await?.flatten(),
            None => None,
        };
        match (row.kind, number.as_deref().map(TransactionNumber::new_long)) {
            (Kind::Refund, Some(_)) => Ok(Written::UsedBefore),
            (Kind::Approval, Some(Ok(number))) => {
                Ok(Written::AuthorisationInUse(Box::new(Key { number, ..row.key.clone() })))
            }
            _ => Err(Failure::own("the journal refused the row and does not show why")),
        }
    }

    /// What stands, or stood, under a number.
    async fn known(&self, key: &Key) -> Result<Option<Written>, Failure> {
        if let Some(row) = self.find(sql::FIND, sql::key_values(key).into()).await? {
            return Ok(Some(Written::Conflict(Box::new(row))));
        }
        Ok(self.used(key.short_hash().as_str()).await?.map(|_| Written::UsedBefore))
    }

    /// Whether a hash was kept by pruning, and the number beside it.
    async fn used(&self, hash: &str) -> Result<Option<Option<String>>, Failure> {
        let rows = query(self.client, sql::USED, vec![hash.into()]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    async fn find(&self, statement: &str, values: Vec<Value<'_>>) -> Result<Option<Row>, Failure> {
        let row = select(self.client, statement, values).await?.into_iter().next();
        row.transpose().map_err(|bad| Failure::own(unreadable_text(&bad)))
    }

    /// A write of one statement: whether it changed a row.
    async fn change(&self, statement: &str, values: Vec<Value<'_>>) -> Done<bool> {
        let changed = self.execute(statement, values).await? > 0;
        Ok((changed, changed))
    }

    pub async fn set_meta(&self, name: &str, number: Value<'_>, text: &str) -> Result<(), Failure> {
        self.execute(sql::SET_META, vec![number, text.into(), name.into()]).await.map(drop)
    }

    async fn execute(&self, statement: &str, values: Vec<Value<'_>>) -> Result<u64, Failure> {
        Ok(execute(self.client, statement, values).await?)
    }
}

fn with(key: &Key, number: u64) -> Vec<Value<'_>> {
    let mut values = Vec::from(sql::key_values(key));
    values.push(number.into());
    values
}
