//! The journal of the blocking adapter, for one machine: [`SqliteJournal`].

mod sqlite;

pub use kicc_proto::journal::{
    restore::{PREFIX_MAX, RestoredError},
    transfer::Purpose,
};
pub use kicc_sqlite::{Exported, Imported, OpenError, Opened, TransferError, export, import};
pub use sqlite::SqliteJournal;
