//! Accepting in the merchant's own transaction: the order's row and the journal's are committed together, or neither is.

use kicc_proto::{
    client::Error,
    flow::{Persist, Step},
    journal::{Expect, Key, Written},
};
use tokio_postgres::Transaction;

use super::{
    Begun, Progress, Undecided, background,
    drive::{StandBy, Stop},
    hand::Hand,
    keeper::Lease,
};
use crate::journal::postgres::update;

/// What became of [`Undecided::accept_in`].
#[must_use]
pub enum AcceptedIn {
    /// It is accepted if the transaction is committed.
    Joined(Box<Joined>),
    /// Too late: somebody else decided. Nothing was written: roll back.
    TooLate(Progress),
}

/// An acceptance that stands in the caller's transaction. Say what became of that; its lease is kept until then. Dropped,
/// the journal decides: what was committed is accepted, and recovery tells it; else recovery puts it to the accept step.
#[must_use = "say whether the transaction was committed"]
pub struct Joined {
    /// Taken at the end.
    owed: Option<(Hand, Persist)>,
    key: Key,
    token: u64,
    _lease: Lease,
}

impl Undecided {
    /// The books hold it, if `transaction` is committed: the acceptance is written into that. It must be a transaction of
    /// the database that the journal is in, under any isolation but `SERIALIZABLE`.
    ///
    /// Make this its last statement, and commit at once: until then whoever else writes this attempt waits for it, half a
    /// second at most.
    ///
    /// # Errors
    /// When a statement fails, which undoes the transaction, or the journal cannot be read. The attempt stays open, its
    /// lease is given back, and recovery puts it to the accept step.
    pub async fn accept_in(mut self, transaction: &Transaction<'_>) -> Result<AcceptedIn, Error> {
        let key = self.key().clone();
        let Some((hand, settle)) = self.take() else { return Err(Error::unknown(&key.number)) };
        let (now, token) = (hand.inner.clock.now(), settle.token());
        let _lease = hand.inner.keep(&key, token);
        let Step::Persist(persist) = settle.accept(now) else { return Err(Error::unknown(&key.number)) };
        let (row, expect) = (persist.row(), persist.expect());
        let joined = Joined { owed: Some((hand, persist)), key, token, _lease };
        let written = match expect {
            Expect::Revision(revision) => update(transaction, &row, revision).await?,
            Expect::Absent => false,
        };
        match written {
            true => Ok(AcceptedIn::Joined(Box::new(joined))),
            false => joined.committed().await.map(AcceptedIn::TooLate),
        }
    }
}

impl Joined {
    /// The transaction was committed: its outcome. Where the commit was not answered, call neither this nor
    /// [`Joined::rolled_back`], but drop it.
    ///
    /// The journal is looked at all the same: what it does not hold is put to the accept step.
    ///
    /// # Errors
    /// When the journal cannot be read. It is accepted all the same, and recovery tells it.
    pub async fn committed(self) -> Result<Progress, Error> {
        let (hand, step) = self.look().await?;
        let end = hand.inner.patience_end();
        let stop = hand.drive(step, end, StandBy::News).await;
        hand.inner.clone().stopped(hand, stop, end).await
    }

    /// The transaction was rolled back: the approval waits for the caller's word again.
    ///
    /// # Errors
    /// When the journal cannot be read. Recovery puts it to the accept step.
    pub async fn rolled_back(self) -> Result<Begun, Error> {
        let (hand, step) = self.look().await?;
        let end = hand.inner.patience_end();
        match hand.drive(step, end, StandBy::Decision).await {
            Stop::Settle(settle) => Ok(Begun::Undecided(Box::new(Undecided::new(hand, settle)))),
            stop => hand.inner.clone().stopped(hand, stop, end).await.map(Begun::Progress),
        }
    }

    /// Goes on from what stands in the journal: our row, the one before it, or somebody else's.
    async fn look(mut self) -> Result<(Hand, Step), Error> {
        let unknown = || Error::unknown(&self.key.number);
        let journal = match &self.owed {
            Some((hand, _)) => hand.inner.journal.clone(),
            None => return Err(unknown()),
        };
        let row = journal.find(&self.key).await?.ok_or_else(unknown)?;
        let (hand, persist) = self.owed.take().ok_or_else(|| Error::unknown(&row.key.number))?;
        let step = persist.written(Ok(Written::Conflict(Box::new(row))), hand.inner.clock.now());
        Ok((hand, step))
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        if let Some((hand, _)) = &self.owed {
            drop(background::release(&hand.inner, self.key.clone(), self.token));
        }
    }
}
