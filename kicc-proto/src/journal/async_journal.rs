//! The contract of a journal, async form.

use alloc::{boxed::Box, vec::Vec};
use core::{future::Future, pin::Pin};

use super::{
    Admission, Claim, Claimed, Expect, Key, Listing, ReadError, Row, Unreadable, WriteError, Written,
};
use crate::time::UnixMillis;

/// What a method of [`AsyncJournal`] returns: `Box::pin(async move { … })`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The contract of a journal, async form: what [`Journal`](super::Journal) says of each method holds for the method of
/// the same name here.
///
/// Futures are boxed so that a client shares any journal as `Arc<dyn AsyncJournal>`; a box is small next to a write
/// that reaches the disk.
///
/// **A future that is dropped.** Before its first poll nothing has happened. After it the work may be done all the same,
/// then or later: who drops the future of a write must treat it as [`WriteError::NotKnown`] (R2, R17).
pub trait AsyncJournal: Send + Sync {
    /// The name under which this process holds leases (R20).
    fn holder(&self) -> &str;

    /// Writes a row if what is expected is so, durably.
    ///
    /// # Errors
    /// [`WriteError::NotStored`] only where that is certain.
    fn write<'a>(&'a self, row: &'a Row, expect: Expect) -> BoxFuture<'a, Result<Written, WriteError>>;

    /// The row of a key.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Row>, ReadError>>;

    /// The refunds of an approval (its key), in the order in which they were made.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn refunds<'a>(&'a self, original: &'a Key) -> BoxFuture<'a, Result<Vec<Row>, ReadError>>;

    /// Takes the lease of a row, with a new token (R20).
    ///
    /// # Errors
    /// As [`AsyncJournal::write`].
    fn claim<'a>(&'a self, claim: &'a Claim<'a>) -> BoxFuture<'a, Result<Claimed, WriteError>>;

    /// Lengthens the lease of a row under its token, without a new revision. `false`: it is no longer ours.
    ///
    /// # Errors
    /// As [`AsyncJournal::write`].
    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: u64,
        until: UnixMillis,
    ) -> BoxFuture<'a, Result<bool, WriteError>>;

    /// Gives a lease back before its end, so that nobody waits for it. The token is void from then on.
    ///
    /// # Errors
    /// As [`AsyncJournal::write`].
    fn release<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<(), WriteError>>;

    /// Whether the row still stands under that token; awaited immediately before a first byte (R20), so it must not
    /// wait behind writes or long reads.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn holds<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<bool, ReadError>>;

    /// Notes that the end was told, if the row still stands at that revision (R22).
    ///
    /// # Errors
    /// As [`AsyncJournal::write`].
    fn told<'a>(&'a self, key: &'a Key, revision: u64) -> BoxFuture<'a, Result<bool, WriteError>>;

    /// A page of rows behind `after` (by time made, then key), at most `limit` of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn list<'a>(
        &'a self,
        which: Listing,
        after: Option<(UnixMillis, &'a Key)>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Row>, ReadError>>;

    /// Every row that [`AsyncJournal::list`] leaves out because a column holds what this version does not know (R21), and
    /// that is open, parked or untold, or of which just that is not known. However many are closed, they cost nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn unreadable(&self) -> BoxFuture<'_, Result<Vec<Unreadable>, ReadError>>;

    /// Which new numbers are taken (R24), see [`Journal::admission`](super::Journal::admission).
    ///
    /// # Errors
    /// When the store cannot be read.
    fn admission(&self) -> BoxFuture<'_, Result<Admission, ReadError>>;

    /// How many rescues this process may have in flight now, of a cap that all who share the journal have together (R14);
    /// `None`: there is no such cap. Asked before each of them, so it must not wait.
    fn rescues_share(&self) -> Option<u32> {
        None
    }

    /// Takes no more calls, and comes back when what was taken before is done and the holder is dead (R20). What has no
    /// queue of its own has nothing to do here: its holder is dead when it is dropped.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(core::future::ready(()))
    }
}
