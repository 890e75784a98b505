//! Any blocking journal, for async callers.

use std::sync::Arc;

use kicc_proto::{
    journal::{
        Admission, AsyncJournal, BoxFuture, Claim, Claimed, Expect, Journal, Key, Listing, ReadError, Row,
        Unreadable, WriteError, Written,
    },
    time::UnixMillis,
};
use tokio::task::spawn_blocking;

/// A [`Journal`] as an [`AsyncJournal`]: each call runs on a thread of tokio's pool for blocking work, and occupies it
/// to its end, whether its future lives or not. Good for a journal that is quick, such as one in memory, or for few
/// payments at a time; for many on one machine there is [`SqliteJournal`](super::SqliteJournal).
#[derive(Debug)]
pub struct Blocking<J: ?Sized>(Arc<J>);

impl<J: Journal + ?Sized + 'static> Blocking<J> {
    /// Shares the journal; its holder is dead when the last one who has it is gone.
    #[must_use]
    pub fn new(journal: Arc<J>) -> Self {
        Blocking(journal)
    }

    /// The journal itself.
    #[must_use]
    pub fn journal(&self) -> &Arc<J> {
        &self.0
    }

    fn write_call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&J) -> Result<T, WriteError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, WriteError>> {
        let journal = Arc::clone(&self.0);
        Box::pin(async move {
            let called = spawn_blocking(move || call(&journal)).await;
            // It panicked, or the runtime is going down.
            called.unwrap_or_else(|error| Err(WriteError::NotKnown(error.to_string().into())))
        })
    }

    fn read_call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&J) -> Result<T, ReadError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, ReadError>> {
        let journal = Arc::clone(&self.0);
        Box::pin(async move {
            let called = spawn_blocking(move || call(&journal)).await;
            called.unwrap_or_else(|error| Err(ReadError(error.to_string().into())))
        })
    }
}

impl<J: Journal + ?Sized + 'static> AsyncJournal for Blocking<J> {
    fn holder(&self) -> &str {
        self.0.holder()
    }

    fn write<'a>(&'a self, row: &'a Row, expect: Expect) -> BoxFuture<'a, Result<Written, WriteError>> {
        let row = row.clone();
        self.write_call(move |journal| journal.write(&row, expect))
    }

    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Row>, ReadError>> {
        let key = key.clone();
        self.read_call(move |journal| journal.find(&key))
    }

    fn refunds<'a>(&'a self, original: &'a Key) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        let original = original.clone();
        self.read_call(move |journal| journal.refunds(&original))
    }

    fn claim<'a>(&'a self, claim: &'a Claim<'a>) -> BoxFuture<'a, Result<Claimed, WriteError>> {
        let Claim { key, revision, holder, now, lease_until, force } = *claim;
        let (key, holder) = (key.clone(), holder.to_owned());
        self.write_call(move |journal| {
            journal.claim(&Claim { key: &key, revision, holder: &holder, now, lease_until, force })
        })
    }

    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: u64,
        until: UnixMillis,
    ) -> BoxFuture<'a, Result<bool, WriteError>> {
        let key = key.clone();
        self.write_call(move |journal| journal.renew(&key, token, until))
    }

    fn release<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<(), WriteError>> {
        let key = key.clone();
        self.write_call(move |journal| journal.release(&key, token))
    }

    fn holds<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<bool, ReadError>> {
        let key = key.clone();
        self.read_call(move |journal| journal.holds(&key, token))
    }

    fn told<'a>(&'a self, key: &'a Key, revision: u64) -> BoxFuture<'a, Result<bool, WriteError>> {
        let key = key.clone();
        self.write_call(move |journal| journal.told(&key, revision))
    }

    fn list<'a>(
        &'a self,
        which: Listing,
        after: Option<(UnixMillis, &'a Key)>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        let after = after.map(|(made, key)| (made, key.clone()));
        self.read_call(move |journal| {
            journal.list(which, after.as_ref().map(|(made, key)| (*made, key)), limit)
        })
    }

    fn unreadable(&self) -> BoxFuture<'_, Result<Vec<Unreadable>, ReadError>> {
        self.read_call(Journal::unreadable)
    }

    fn admission(&self) -> BoxFuture<'_, Result<Admission, ReadError>> {
        self.read_call(Journal::admission)
    }

    fn rescues_share(&self) -> Option<u32> {
        self.0.rescues_share()
    }
}
