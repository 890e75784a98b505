//! An async journal as a blocking one, so that one set of cases serves both.

use kicc_proto::{
    journal::{
        Admission, AsyncJournal, BoxFuture, Claim, Claimed, Expect, Journal, Key, Listing, ReadError, Row,
        Unreadable, WriteError, Written,
    },
    time::UnixMillis,
};

/// Drives each call of an [`AsyncJournal`] to its end on the calling thread. Dropping it closes the journal first.
///
/// ```
/// # fn store(my_journal: impl kicc_proto::journal::AsyncJournal + 'static) {
/// # use kicc_testkit::journal_kit::Driven;
/// // What drives a future to its end is the runtime's: with tokio `move |future| handle.block_on(future)`.
/// let journal = Driven::new(my_journal, |future| executor::block_on(future));
/// # }
/// # mod executor { pub fn block_on(_: impl Future) {} }
/// ```
pub struct Driven {
    journal: Box<dyn AsyncJournal>,
    block_on: Box<BlockOn>,
}

type BlockOn = dyn for<'a> Fn(BoxFuture<'a, ()>) + Send + Sync;

impl Driven {
    /// A journal, and what drives a future to its end; several threads call it at once.
    pub fn new(
        journal: impl AsyncJournal + 'static,
        block_on: impl for<'a> Fn(BoxFuture<'a, ()>) + Send + Sync + 'static,
    ) -> Self {
        Driven { journal: Box::new(journal), block_on: Box::new(block_on) }
    }

    fn drive<T: Send>(&self, future: BoxFuture<'_, T>) -> T {
        let mut answer = None;
        (self.block_on)(Box::pin(async { answer = Some(future.await) }));
        answer.expect("`block_on` drives the future to its end")
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.drive(self.journal.close());
    }
}

impl Journal for Driven {
    fn holder(&self) -> &str {
        self.journal.holder()
    }

    fn write(&self, row: &Row, expect: Expect) -> Result<Written, WriteError> {
        self.drive(self.journal.write(row, expect))
    }

    fn find(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        self.drive(self.journal.find(key))
    }

    fn refunds(&self, original: &Key) -> Result<Vec<Row>, ReadError> {
        self.drive(self.journal.refunds(original))
    }

    fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, WriteError> {
        self.drive(self.journal.claim(claim))
    }

    fn renew(&self, key: &Key, token: u64, until: UnixMillis) -> Result<bool, WriteError> {
        self.drive(self.journal.renew(key, token, until))
    }

    fn release(&self, key: &Key, token: u64) -> Result<(), WriteError> {
        self.drive(self.journal.release(key, token))
    }

    fn holds(&self, key: &Key, token: u64) -> Result<bool, ReadError> {
        self.drive(self.journal.holds(key, token))
    }

    fn told(&self, key: &Key, revision: u64) -> Result<bool, WriteError> {
        self.drive(self.journal.told(key, revision))
    }

    fn list(
        &self,
        which: Listing,
        after: Option<(UnixMillis, &Key)>,
        limit: u32,
    ) -> Result<Vec<Row>, ReadError> {
        self.drive(self.journal.list(which, after, limit))
    }

    fn unreadable(&self) -> Result<Vec<Unreadable>, ReadError> {
        self.drive(self.journal.unreadable())
    }

    fn admission(&self) -> Result<Admission, ReadError> {
        self.drive(self.journal.admission())
    }
}
