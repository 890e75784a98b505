//! The journal: where an attempt is written down before its first byte leaves.
//!
//! A journal is a table of [`Row`]s. It decides three races, and nothing else: who was first under a
//! number ([`Journal::write`] with [`Expect::Absent`], R3), who may write next ([`Expect::Revision`], R18, R20),
//! and who works on it ([`Journal::claim`], R20). What is in a row's record text is the core's business.
//!
//! Every write answers one of three: done, *known not stored* ([`WriteError::NotStored`]) or *not known*
//! ([`WriteError::NotKnown`]); to mistake the third for the second loses a payment (R2, R18).

mod async_journal;
mod driven;
mod history;
pub mod record;
pub mod restore;
pub mod sql;
pub mod transfer;

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

pub use self::{
    async_journal::{AsyncJournal, BoxFuture},
    driven::Driven,
    restore::Admission,
};
pub use crate::product::Product;
use crate::{
    time::UnixMillis,
    values::{Environment, HASH, Mark, TerminalId, TransactionNumber, off_the_stack, wipe_text},
};

/// What names an attempt for ever: environment, product, terminal and the merchant's transaction number (R3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The label of the client and the journal, such as `test`; not a URL.
    pub environment: Environment,
    /// The product.
    pub product: Product,
    /// The terminal that the request names.
    pub terminal: TerminalId,
    /// The merchant's number of *this* request: an approval's, or a refund's own.
    pub number: TransactionNumber,
}

impl Key {
    /// What stands for this key once its record was pruned (R22).
    #[must_use]
    pub fn short_hash(&self) -> Mark {
        short_hash(&[
            "key",
            self.environment.as_str(),
            self.product.as_str(),
            self.terminal.as_str(),
            self.number.as_str(),
        ])
    }
}

/// The first 16 bytes of a SHA-256 over length-prefixed parts.
pub(crate) fn short_hash<P: AsRef<[u8]> + ?Sized>(parts: &[&P]) -> Mark {
    use sha2::Digest as _;
    // Some of the parts are secret: an order's are.
    off_the_stack::<HASH, _>(|| {
        let mut hash = sha2::Sha256::new();
        for part in parts.iter().map(|part| part.as_ref()) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Mark::of(&hash.finalize())
    })
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An approval and, where needed, its rescue.
    Approval,
    /// A refund of an approval (R16).
    Refund,
}

impl Kind {
    /// The name in the journal's column.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Approval => "approval",
            Kind::Refund => "refund",
        }
    }
}

/// Who has to do something about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its worker, or recovery.
    Open,
    /// A person (R20).
    Parked,
    /// Nobody any more.
    Closed,
}

impl Standing {
    /// The name in the journal's column.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Open => "open",
            Standing::Parked => "parked",
            Standing::Closed => "closed",
        }
    }
}

/// One row: the columns by which a store finds and guards it, and the record's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The primary key.
    pub key: Key,
    /// Approval or refund.
    pub kind: Kind,
    /// Of a refund: the number of the approval that it refunds.
    pub original: Option<TransactionNumber>,
    /// A keyed hash of the authorisation that was spent, where one is known (R3).
    pub authorisation_mark: Option<Mark>,
    /// Whether `authorisation_mark` (of an approval) or `original` (of a refund) is still taken:
    /// open, parked, approved or refunded (of a part: open or parked).
    pub live: bool,
    /// Open, parked or closed.
    pub standing: Standing,
    /// Whether the end was told to the caller at least once (R22). Meaningless while open. A write stores it as given, and
    /// the core's rows come with `false`: what was written since was not told. [`Journal::told`] sets it.
    pub told: bool,
    /// Counts the writes of this row; the next write must name it.
    pub revision: u64,
    /// The fencing token: grows with every claim, and every write carries it (R20).
    pub token: u64,
    /// Who holds the lease, or empty.
    pub holder: Arc<str>,
    /// Until when.
    pub lease_until: UnixMillis,
    /// When the attempt was made.
    pub created_at: UnixMillis,
    /// When this row was last written.
    pub updated_at: UnixMillis,
    /// Set by the store when it reads, whatever was written: this row was last written before the journal was restored from
    /// a backup (R24). Every write of the row ends that; claims, leases and [`Journal::told`] do not.
    pub suspect: bool,
    /// The record, see [`record`]. It holds a token key's ciphertext: never print it whole (R23).
    pub record: RecordText,
}

/// A record's text; redacted in `Debug` and wiped on drop, since it holds what a net-cancel needs (R10, R23).
///
/// UTF-8 of one line: no line feed, no carriage return and no tab in it. A later version reads what an earlier one wrote,
/// and an earlier one leaves a later one's alone (R21): that holds for any store that gives the text back byte for byte.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RecordText(pub String);

impl Drop for RecordText {
    fn drop(&mut self) {
        wipe_text(&mut self.0);
    }
}

impl core::fmt::Debug for RecordText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RecordText({} bytes)", self.0.len())
    }
}

/// What must be true for a write to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// No row and no pruned key of that name, no live row with its `authorisation_mark` (approvals)
    /// and no live refund with its `original` (refunds).
    Absent,
    /// The row stands at this revision, under the token that the new row carries; the new row's revision is the next.
    /// A lease that was renewed meanwhile is not shortened, unless the new row gives it back (an empty holder), and a slot
    /// taken by another row meanwhile is no obstacle: a row that must be opened again is (R9).
    Revision(u64),
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Durable: it survives a power cut from now on.
    Stored,
    /// What was expected is not so; here is the row that stands there.
    Conflict(Box<Row>),
    /// The number was used once and its record was pruned (R22); or, of a refund, the approval's one refund was.
    UsedBefore,
    /// Another live row spends, or a pruned approval spent, the same authorisation (R3); its key.
    AuthorisationInUse(Box<Key>),
    /// Another refund of the same approval is open, or one of the whole is done (R16); here it is.
    AlreadyRefunding(Box<Row>),
}

/// Why a write failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Certain: nothing of it is stored, nor will be (disk full, read-only file, no room in the queue).
    #[error("known not stored: {0}")]
    NotStored(Box<str>),
    /// A commit without an answer: it may be stored, or may yet be.
    #[error("not known whether it was stored: {0}")]
    NotKnown(Box<str>),
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal was not read: {0}")]
pub struct ReadError(pub Box<str>);

/// A row that this version cannot read. It still keeps its number from being used again, and is left alone (R21).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its key columns as they stand, joined by `/`.
    pub key: String,
    /// Which column is not understood.
    pub why: String,
}

/// One page of which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Open rows, the oldest first.
    Open,
    /// Parked rows, the oldest first.
    Parked,
    /// Closed or parked rows whose end nobody was told (R22).
    Untold,
    /// Everything made in `from..until`, the oldest first.
    Made {
        /// The first millisecond.
        from: UnixMillis,
        /// The first millisecond that is too late.
        until: UnixMillis,
    },
}

/// A wish to work on a row (R20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The row.
    pub key: &'a Key,
    /// The revision that was seen: a row that moved on is not claimed.
    pub revision: u64,
    /// The claimant.
    pub holder: &'a str,
    /// The present; a journal that has a clock of its own uses that.
    pub now: UnixMillis,
    /// Until when.
    pub lease_until: UnixMillis,
    /// Whom to rob.
    pub force: Force,
}

/// Whose lease a claim may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// A holder known dead, or, where life cannot be known, one whose lease is over. A live holder is never robbed.
    DeadOrLapsed,
    /// Also a live holder whose lease is over: a person says that it hangs.
    LapsedEvenIfAlive,
}

impl Claim<'_> {
    /// Whether this claim may take the lease of `row`, whose holder is as alive as `life` says (R20).
    ///
    /// A lease ends in the millisecond that it names. A free row is always there to take; one's own only when its
    /// lease is over, since another thread may be at work under the same name.
    #[must_use]
    pub fn takes(&self, row: &Row, life: Life) -> bool {
        let lapsed = self.now >= row.lease_until;
        row.holder.is_empty()
            || (*row.holder == *self.holder && lapsed)
            || match life {
                Life::Dead => true,
                Life::Unknown => lapsed,
                Life::Alive => lapsed && self.force == Force::LapsedEvenIfAlive,
            }
    }
}

/// What a journal knows of the holder of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs, or is stopped and may be woken.
    Alive,
    /// It will never send again.
    Dead,
    /// The journal has no way to tell.
    Unknown,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours: the row with its new token. The revision is as before.
    Yes(Box<Row>),
    /// Its holder lives, or its lease runs.
    Held {
        /// Who has it.
        holder: Arc<str>,
        /// Until when.
        until: UnixMillis,
    },
    /// The row is not as it was seen.
    Moved,
}

/// The contract of a journal, blocking form; [`AsyncJournal`] is the other one, with the same names.
///
/// A journal is shared by threads and, where it is a file or a server, by processes and machines.
pub trait Journal: Send + Sync {
    /// The name under which this process holds leases, as the journal tells the living from the dead (R20).
    fn holder(&self) -> &str;

    /// Writes a row if what is expected is so, durably, with all its columns as given but for [`Row::suspect`] (and a
    /// lease that was renewed meanwhile, see [`Expect::Revision`]). It does not look at [`Journal::admission`].
    ///
    /// Under [`Expect::Revision`] a row that was pruned is [`Written::UsedBefore`].
    ///
    /// # Errors
    /// [`WriteError::NotStored`] only where that is certain; so, under [`Expect::Revision`], of a row that is not there and
    /// was never pruned, and of a revision that is not the next.
    fn write(&self, row: &Row, expect: Expect) -> Result<Written, WriteError>;

    /// The row of a key.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn find(&self, key: &Key) -> Result<Option<Row>, ReadError>;

    /// The refunds of an approval (its key), in the order in which they were made.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn refunds(&self, original: &Key) -> Result<Vec<Row>, ReadError>;

    /// Takes the lease of a row, with a new token (R20).
    ///
    /// # Errors
    /// As [`Journal::write`].
    fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, WriteError>;

    /// Lengthens the lease of a row under its token, without a new revision. `false`: it is no longer ours.
    ///
    /// # Errors
    /// As [`Journal::write`].
    fn renew(&self, key: &Key, token: u64, until: UnixMillis) -> Result<bool, WriteError>;

    /// Gives a lease back before its end, so that nobody waits for it. The token is void from then on.
    ///
    /// # Errors
    /// As [`Journal::write`].
    fn release(&self, key: &Key, token: u64) -> Result<(), WriteError>;

    /// Whether the row still stands under that token; asked immediately before a first byte (R20).
    ///
    /// # Errors
    /// When the store cannot be read.
    fn holds(&self, key: &Key, token: u64) -> Result<bool, ReadError>;

    /// Notes that the end was told, if the row still stands at that revision (R22).
    ///
    /// # Errors
    /// As [`Journal::write`].
    fn told(&self, key: &Key, revision: u64) -> Result<bool, WriteError>;

    /// A page of rows behind `after` (by time made, then key), at most `limit` of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn list(
        &self,
        which: Listing,
        after: Option<(UnixMillis, &Key)>,
        limit: u32,
    ) -> Result<Vec<Row>, ReadError>;

    /// Every row that [`Journal::list`] leaves out because a column holds what this version does not know (R21), and
    /// that is open, parked or untold, or of which just that is not known. However many are closed, they cost nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn unreadable(&self) -> Result<Vec<Unreadable>, ReadError>;

    /// Which new numbers are taken (R24). The driver asks before it writes the first row of a number that
    /// [`Journal::find`] does not know; neither [`Journal::write`] nor the core looks.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn admission(&self) -> Result<Admission, ReadError>;

    /// How many rescues this process may have in flight now, of a cap that all who share the journal have together (R14);
    /// `None`: there is no such cap. Asked before each of them, so it must not wait.
    fn rescues_share(&self) -> Option<u32> {
        None
    }
}

#[cfg(test)]
mod tests;
