//! Any async journal, for blocking callers.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Admission, AsyncJournal, BoxFuture, Claim, Claimed, Expect, Journal, Key, Listing, ReadError, Row,
    Unreadable, WriteError, Written,
};
use crate::time::UnixMillis;

/// An [`AsyncJournal`] as a [`Journal`]: each call is driven to its end on the calling thread. Dropping it closes the
/// journal first.
///
/// ```
/// # fn store(my_journal: impl kicc_proto::journal::AsyncJournal + 'static) {
/// # use kicc_proto::journal::Driven;
/// // What drives a future to its end is the runtime's: with tokio `move |future| runtime.block_on(future)`.
/// let journal = Driven::new(my_journal, |future| executor::block_on(future));
/// # }
/// # mod executor { pub fn block_on(_: impl Future) {} }
/// ```
pub struct Driven<J: AsyncJournal> {
    journal: J,
    block_on: Box<BlockOn>,
}

type BlockOn = dyn for<'a> Fn(BoxFuture<'a, ()>) + Send + Sync;

impl<J: AsyncJournal> Driven<J> {
    /// A journal, and what drives a future to its end; several threads call it at once.
    pub fn new(journal: J, block_on: impl for<'a> Fn(BoxFuture<'a, ()>) + Send + Sync + 'static) -> Self {
        Driven { journal, block_on: Box::new(block_on) }
    }

    /// The journal itself.
    pub fn journal(&self) -> &J {
        &self.journal
    }

    /// Drives a future of the journal's own to its end; none if it was not driven there.
    pub fn drive<T: Send>(&self, future: impl Future<Output = T> + Send) -> Option<T> {
        let mut answer = None;
        (self.block_on)(Box::pin(async { answer = Some(future.await) }));
        answer
    }

    fn write_call<T: Send>(&self, call: BoxFuture<'_, Result<T, WriteError>>) -> Result<T, WriteError> {
        self.drive(call)
            .unwrap_or_else(|| Err(WriteError::NotKnown("the write was not driven to its end".into())))
    }

    fn read_call<T: Send>(&self, call: BoxFuture<'_, Result<T, ReadError>>) -> Result<T, ReadError> {
        self.drive(call).unwrap_or_else(|| Err(ReadError("the read was not driven to its end".into())))
    }
}

impl<J: AsyncJournal> Drop for Driven<J> {
    fn drop(&mut self) {
        self.drive(self.journal.close());
    }
}

impl<J: AsyncJournal> Journal for Driven<J> {
    fn holder(&self) -> &str {
        self.journal.holder()
    }

    fn write(&self, row: &Row, expect: Expect) -> Result<Written, WriteError> {
        self.write_call(self.journal.write(row, expect))
    }

    fn find(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        self.read_call(self.journal.find(key))
    }

    fn refunds(&self, original: &Key) -> Result<Vec<Row>, ReadError> {
        self.read_call(self.journal.refunds(original))
    }

    fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, WriteError> {
        self.write_call(self.journal.claim(claim))
    }

    fn renew(&self, key: &Key, token: u64, until: UnixMillis) -> Result<bool, WriteError> {
        self.write_call(self.journal.renew(key, token, until))
    }

    fn release(&self, key: &Key, token: u64) -> Result<(), WriteError> {
        self.write_call(self.journal.release(key, token))
    }

    fn holds(&self, key: &Key, token: u64) -> Result<bool, ReadError> {
        self.read_call(self.journal.holds(key, token))
    }

    fn told(&self, key: &Key, revision: u64) -> Result<bool, WriteError> {
        self.write_call(self.journal.told(key, revision))
    }

    fn list(
        &self,
        which: Listing,
        after: Option<(UnixMillis, &Key)>,
        limit: u32,
    ) -> Result<Vec<Row>, ReadError> {
        self.read_call(self.journal.list(which, after, limit))
    }

    fn unreadable(&self) -> Result<Vec<Unreadable>, ReadError> {
        self.read_call(self.journal.unreadable())
    }

    fn admission(&self) -> Result<Admission, ReadError> {
        self.read_call(self.journal.admission())
    }
    fn rescues_share(&self) -> Option<u32> {
        self.journal.rescues_share()
    }
}
