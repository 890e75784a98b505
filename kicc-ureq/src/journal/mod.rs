//! The journal of the blocking adapter, for one machine: [`SqliteJournal`].

mod sqlite;

pub use kicc_proto::journal::restore::{PREFIX_MAX, RestoredError};
pub use kicc_sqlite::{OpenError, Opened};
pub use sqlite::SqliteJournal;
