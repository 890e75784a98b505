//! Journals for the blocking adapter: [`SqliteJournal`] for one machine, [`MemoryJournal`] for tests.

mod holder;
mod mark;
mod memory;
mod sqlite;

use kicc_proto::{journal::WriteError, values::TransactionNumber};

pub use memory::{Fault, MemoryJournal};
pub use sqlite::{OpenError, Opened, SqliteJournal};

/// The longest prefix for numbers after a restore, in bytes: at least eight of the usual twenty stay free (our choice).
pub const PREFIX_MAX: usize = 12;

/// Why a journal was not declared restored (R24).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoredError {
    /// It is empty, too long or holds a character that a transaction number must not have.
    #[error("the prefix must be 1 to {PREFIX_MAX} of A-Z a-z 0-9 - _, nothing was changed")]
    BadPrefix,
    /// Numbers that begin so may have been used, before the restore or after the backup.
    #[error("numbers that begin with this prefix were, or may have been, used ({0}), nothing was changed")]
    PrefixUsed(String),
    /// The journal was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Checks a prefix; `earlier` is that of the restore before (or empty), `used` a number here that begins with the new one.
fn check_prefix(prefix: &str, earlier: &str, used: Option<&str>) -> Result<(), RestoredError> {
    if prefix.len() > PREFIX_MAX || TransactionNumber::new(prefix).is_err() {
        return Err(RestoredError::BadPrefix);
    }
    // Numbers under an earlier prefix may be among what this restore lost.
    let overlaps = !earlier.is_empty() && (prefix.starts_with(earlier) || earlier.starts_with(prefix));
    match used.or(overlaps.then_some(earlier)) {
        Some(known) => Err(RestoredError::PrefixUsed(known.to_owned())),
        None => Ok(()),
    }
}
