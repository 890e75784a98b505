//! An approval that waits for the caller's own word.

use kicc_proto::{
    client::{Answer, Error},
    flow::{Settle, approval::Approval},
    journal::{Key, record::Record},
};

use super::{Progress, background, drive::StandBy, hand::Hand, keeper::Lease};

/// What [`Client::begin`](super::Client::begin) gives back.
#[must_use]
pub enum Begun {
    /// Approved: the caller decides.
    Undecided(Box<Undecided>),
    /// It did not come to that.
    Progress(Progress),
}

/// An approval that waits for the caller's word. Its lease is kept until then; dropped, it stays open, its lease
/// is given back, and recovery puts it to the accept step.
#[must_use = "money moved: accept it or refuse it"]
pub struct Undecided {
    /// Both are taken by the decision.
    owed: Option<(Hand, Settle)>,
    key: Key,
    _lease: Lease,
}

impl Undecided {
    pub(super) fn new(hand: Hand, settle: Settle) -> Self {
        let lease = hand.inner.keep(settle.key(), settle.token());
        Undecided { key: hand.key.clone(), owed: Some((hand, settle)), _lease: lease }
    }

    /// Whose it is.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The record, with amount and all that was asked for.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.settle().map(Settle::record)
    }

    /// What the gateway stated.
    #[must_use]
    pub fn approval(&self) -> Option<&Approval> {
        self.settle().and_then(Settle::approval)
    }

    /// The books hold it. If it is too late, the outcome says that it was reversed.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn accept(self) -> Result<Progress, Error> {
        self.decide(Answer::Held).await
    }

    /// The books do not hold it, and will not: it is cancelled.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn refuse(self) -> Result<Progress, Error> {
        self.decide(Answer::NotHeld).await
    }

    async fn decide(mut self, answer: Answer) -> Result<Progress, Error> {
        let Some((hand, settle)) = self.owed.take() else { return Err(Error::unknown(&self.key.number)) };
        let inner = hand.inner.clone();
        let end = inner.patience_end();
        let stop = hand.drive(answer.settle(settle, inner.clock.now()), end, StandBy::News).await;
        inner.stopped(hand, stop, end).await
    }

    #[cfg(feature = "postgres")]
    pub(super) fn take(&mut self) -> Option<(Hand, Settle)> {
        self.owed.take()
    }

    fn settle(&self) -> Option<&Settle> {
        self.owed.as_ref().map(|(_, settle)| settle)
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        if let Some((hand, settle)) = &self.owed {
            drop(background::release(&hand.inner, self.key.clone(), settle.token()));
        }
    }
}
