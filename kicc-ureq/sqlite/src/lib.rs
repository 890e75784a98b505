//! The journal in one SQLite file, shared by the threads and processes of one machine.
//!
//! What `kicc-ureq` and `kicc-hyper` have in common, so that both work on the same file, also at the same time: opening
//! it ([`open`]), writing it ([`Writer`], [`Work`]) and reading it ([`Reader`]). Who may use which when is theirs: there
//! is no thread and no lock between threads in here.
//!
//! **Durable** means on the disk: write-ahead log, `synchronous = FULL` (and `fullfsync`, which macOS needs for it).
//!
//! **Known not stored** ([`WriteError::NotStored`]): whatever fails before `COMMIT` (the file is read-only, another
//! process keeps it busy for five seconds, an I/O error, the row cannot be read), since a transaction without its
//! commit record is void, also after a crash. And a `COMMIT` that finds the disk full or the file locked: SQLite writes
//! the commit record last, and it did not fit.
//!
//! **Not known** ([`WriteError::NotKnown`]): any other failed `COMMIT`. The commit record may have reached the disk
//! though its flush failed, and may come to life when the log is next recovered.
//!
//! Files beside the journal: `-wal` and `-shm` (SQLite's own; a backup takes all three at once, or uses SQLite's
//! backup command), `.mark` (R24, never part of a backup) and `.holders/` (R20). File locks must work: no network drive.
//! New files are not for other users of the machine; their group is as the umask says.
//!
//! [`WriteError::NotStored`]: kicc_proto::journal::WriteError::NotStored
//! [`WriteError::NotKnown`]: kicc_proto::journal::WriteError::NotKnown
#![forbid(unsafe_code)]

mod file;
mod holder;
mod mark;
mod private;
mod reader;
mod statement;
mod transfer;
mod work;
mod writer;

pub use file::{OpenError, Opened, Parts, open};
pub use mark::Mark;
pub use reader::Reader;
pub use transfer::{ExportFile, Exported, ImportFile, Imported, TransferError, export, import};
pub use work::{End, Work};
pub use writer::{Group, Writer};

#[cfg(test)]
mod tests;

#[cfg(test)]
mod retention_tests;
