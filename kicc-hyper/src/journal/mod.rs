//! Journals of the async adapter: [`SqliteJournal`] for one machine, `PostgresJournal` (feature `postgres`) for several,
//! [`Blocking`] for any blocking one.

mod blocking;
mod lanes;
#[cfg(feature = "postgres")]
pub mod postgres;
mod sqlite;
mod thread;
mod writes;

pub use kicc_proto::journal::{
    restore::{PREFIX_MAX, RestoredError},
    transfer::Purpose,
};
/// [`export`] and [`import`] are of the journal in a file, and block; those of a database are in `postgres`.
pub use kicc_sqlite::{Exported, Imported, OpenError, Opened, TransferError, export, import};

#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresJournal, PostgresSettings};
pub use self::{
    blocking::Blocking,
    sqlite::{Counts, SqliteJournal, SqliteSettings},
};
