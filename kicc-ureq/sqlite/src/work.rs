//! The writes of a journal, each as work inside a transaction.

use std::cell::Cell;

use kicc_proto::{
    journal::{
        Admission, Claim, Claimed, Expect, Key, Kind, Row, WriteError, Written,
        restore::{RestoredError, check_prefix},
        sql::{self, Value},
    },
    time::UnixMillis,
    values::TransactionNumber,
};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    holder::Holder,
    statement::{execute, meta, page, run, select, set_meta, unreadable_text},
    writer::not_stored,
};

/// What a work comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<T> {
    /// Something was changed, and is to be committed.
    Commit(T),
    /// Nothing was changed, or it is to be undone.
    RollBack(T),
}

/// A place inside a transaction: its methods are the writes of [`Journal`](kicc_proto::journal::Journal), by the same
/// names, and what only this journal can do. All errors are [`WriteError::NotStored`]: of a work that failed nothing is
/// kept.
#[derive(Debug)]
pub struct Work<'a> {
    pub(crate) connection: &'a Connection,
    /// The number of this write (R24).
    pub(crate) sequence: u64,
    pub(crate) holder: &'a Holder,
    /// Whether it can be undone alone although it changes more than once.
    pub(crate) savepoint: Cell<bool>,
}

impl Work<'_> {
    /// Must be called before the first of several changes: should they end in an error, they are undone, and the rest of
    /// the group stands. One change needs none: either it is done, or nothing was changed.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn several(&self) -> Result<(), WriteError> {
        if !self.savepoint.replace(true) {
            run(self.connection, "SAVEPOINT work").map_err(not_stored)?;
        }
        Ok(())
    }

    /// Writes a row if what is expected is so.
    ///
    /// # Errors
    /// When the row cannot be written, or what stands in its place cannot be read.
    pub fn write(&self, row: &Row, expect: Expect) -> Result<End<Written>, WriteError> {
        match expect {
            Expect::Absent => {
                let values = sql::insert_values(row, self.sequence);
                if self.execute(sql::INSERT, values)? == 1 {
                    return Ok(End::Commit(Written::Stored));
                }
                self.who_was_first(row).map(End::RollBack)
            }
            Expect::Revision(revision) if row.revision != revision + 1 => {
                let (new, expected) = (row.revision, revision);
                Err(WriteError::NotStored(format!("revision {new} cannot follow revision {expected}").into()))
            }
            Expect::Revision(revision) => {
                let values = sql::update_values(row, revision, self.sequence);
                if self.execute(sql::UPDATE, values)? == 1 {
                    return Ok(End::Commit(Written::Stored));
                }
                match self.known(&row.key)? {
                    Some(written) => Ok(End::RollBack(written)),
                    None => Err(WriteError::NotStored("there is no row of this number to write".into())),
                }
            }
        }
    }

    /// Takes the lease of a row, with a new token (R20).
    ///
    /// # Errors
    /// When the row cannot be read or written.
    pub fn claim(&self, claim: &Claim<'_>) -> Result<End<Claimed>, WriteError> {
        let Some(mut row) = self.find(sql::FIND, sql::key_values(claim.key).into())? else {
            return Ok(End::RollBack(Claimed::Moved));
        };
        if row.revision != claim.revision {
            return Ok(End::RollBack(Claimed::Moved));
        }
        if !claim.takes(&row, self.holder.life(&row.holder)) {
            return Ok(End::RollBack(Claimed::Held { holder: row.holder, until: row.lease_until }));
        }
        let mut values = vec![claim.holder.into(), claim.lease_until.0.into()];
        values.extend(sql::key_values(claim.key));
        values.extend([row.revision.into(), row.token.into()]);
        if self.execute(sql::CLAIM, values)? != 1 {
            return Ok(End::RollBack(Claimed::Moved));
        }
        row.token += 1;
        row.holder = claim.holder.into();
        row.lease_until = claim.lease_until;
        Ok(End::Commit(Claimed::Yes(Box::new(row))))
    }

    /// Lengthens the lease of a row under its token (R20).
    ///
    /// # Errors
    /// When the row cannot be written.
    pub fn renew(&self, key: &Key, token: u64, until: UnixMillis) -> Result<End<bool>, WriteError> {
        let mut values = vec![until.0.into()];
        values.extend(with(key, token));
        self.change(sql::RENEW, values)
    }

    /// Gives a lease back before its end (R20).
    ///
    /// # Errors
    /// When the row cannot be written.
    pub fn release(&self, key: &Key, token: u64) -> Result<End<()>, WriteError> {
        Ok(match self.change(sql::RELEASE, with(key, token))? {
            End::Commit(_) => End::Commit(()),
            End::RollBack(_) => End::RollBack(()),
        })
    }

    /// Notes that the end was told, if the row still stands at that revision (R22).
    ///
    /// # Errors
    /// When the row cannot be written.
    pub fn told(&self, key: &Key, revision: u64) -> Result<End<bool>, WriteError> {
        self.change(sql::TOLD, with(key, revision))
    }

    /// Declares that the journal was restored from a backup (R24): new numbers must begin with `prefix`, which no
    /// number ever did; and all rows are suspect, unless opening had found the restore, when the rows written since are
    /// not. For a restore that opening did not find (the mark was lost or restored too), call it all the same.
    ///
    /// # Errors
    /// When the tables cannot be read or written; within, when the prefix is no prefix or was used, as far as this
    /// journal knows.
    pub fn restored(&self, prefix: &str) -> Result<End<Result<(), RestoredError>>, WriteError> {
        let tx = self.connection;
        let (in_force, earlier) = meta(tx, "admission").map_err(not_stored)?.unwrap_or_default();
        let used: Option<String> = tx
            .prepare_cached(sql::WITH_PREFIX)
            .and_then(|mut statement| statement.query_row([prefix], |row| row.get(0)).optional())
            .map_err(not_stored)?;
        if let Err(error) = check_prefix(prefix, &earlier, used.as_deref()) {
            return Ok(End::RollBack(Err(error)));
        }
        self.several()?;
        if in_force != Admission::None.meta_number() {
            set_meta(tx, "restored", self.sequence.into(), "").map_err(not_stored)?;
        }
        let admission = Admission::Prefix(prefix.into());
        set_meta(tx, "admission", Value::Number(admission.meta_number()), prefix).map_err(not_stored)?;
        Ok(End::Commit(Ok(())))
    }

    /// Removes the records of at most `limit` closed and told rows made before `before`, the oldest first, and keeps
    /// hashes by which their numbers, authorisations and refunds go on being refused (R22). Returns how many; a refund
    /// goes in a later call than its approval, so call it until it returns 0.
    ///
    /// # Errors
    /// When a row cannot be removed; then none is.
    pub fn prune(&self, before: UnixMillis, limit: u32) -> Result<End<u32>, WriteError> {
        let values = vec![before.0.into(), u64::MAX.into()];
        let rows = page(self.connection, sql::PRUNABLE, values, limit).map_err(not_stored)?;
        self.several()?;
        for row in &rows {
            self.keep(row)?;
            self.execute(sql::DELETE, sql::key_values(&row.key).into())?;
        }
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        Ok(if count > 0 { End::Commit(count) } else { End::RollBack(count) })
    }

    fn execute(&self, statement: &str, values: Vec<Value<'_>>) -> Result<usize, WriteError> {
        execute(self.connection, statement, values).map_err(not_stored)
    }

    /// A write of one statement: whether it changed a row.
    fn change(&self, statement: &str, values: Vec<Value<'_>>) -> Result<End<bool>, WriteError> {
        Ok(if self.execute(statement, values)? > 0 { End::Commit(true) } else { End::RollBack(false) })
    }

    fn find(&self, statement: &str, values: Vec<Value<'_>>) -> Result<Option<Row>, WriteError> {
        let rows = select(self.connection, statement, values).map_err(not_stored)?;
        rows.into_iter().next().transpose().map_err(|bad| WriteError::NotStored(unreadable_text(&bad)))
    }

    /// Who keeps [`sql::INSERT`] from inserting `row`.
    fn who_was_first(&self, row: &Row) -> Result<Written, WriteError> {
        if let Some(written) = self.known(&row.key)? {
            return Ok(written);
        }
        let mut values = Vec::from(sql::key_values(&row.key));
        values.truncate(3);
        values.push(sql::slot(row).into());
        if let Some(other) = self.find(sql::BY_SLOT, values)? {
            return Ok(match row.kind {
                Kind::Approval => Written::AuthorisationInUse(Box::new(other.key)),
                Kind::Refund => Written::AlreadyRefunding(Box::new(other)),
            });
        }
        let number =
            sql::slot_hash(row).map(|hash| self.used(hash.as_str())).transpose()?.flatten().flatten();
        match (row.kind, number.as_deref().map(TransactionNumber::new_long)) {
            (Kind::Refund, Some(_)) => Ok(Written::UsedBefore),
            (Kind::Approval, Some(Ok(number))) => {
                Ok(Written::AuthorisationInUse(Box::new(Key { number, ..row.key.clone() })))
            }
            _ => Err(WriteError::NotStored("the journal refused the row and does not show why".into())),
        }
    }

    /// What stands, or stood, under a number.
    fn known(&self, key: &Key) -> Result<Option<Written>, WriteError> {
        if let Some(row) = self.find(sql::FIND, sql::key_values(key).into())? {
            return Ok(Some(Written::Conflict(Box::new(row))));
        }
        Ok(self.used(key.short_hash().as_str())?.map(|_| Written::UsedBefore))
    }

    /// Whether a hash was kept by pruning, and the number beside it.
    fn used(&self, hash: &str) -> Result<Option<Option<String>>, WriteError> {
        self.connection
            .prepare_cached(sql::USED)
            .and_then(|mut statement| statement.query_row([hash], |row| row.get(0)).optional())
            .map_err(not_stored)
    }

    /// Keeps the hashes of a row that is about to be removed.
    fn keep(&self, row: &Row) -> Result<(), WriteError> {
        self.execute(sql::KEEP, vec![row.key.short_hash().into(), "key".into(), Value::Null])?;
        if let Some(hash) = sql::slot_hash(row).filter(|_| row.live) {
            self.execute(sql::KEEP, vec![hash.into(), "slot".into(), row.key.number.as_str().into()])?;
        }
        Ok(())
    }
}

fn with(key: &Key, number: u64) -> Vec<Value<'_>> {
    let mut values = Vec::from(sql::key_values(key));
    values.push(number.into());
    values
}
