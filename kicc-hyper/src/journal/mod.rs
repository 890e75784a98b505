//! Journals of the async adapter: [`SqliteJournal`] for one machine, `PostgresJournal` (feature `postgres`) for several,
//! [`Blocking`] for any blocking one.

mod blocking;
mod lanes;
#[cfg(feature = "postgres")]
pub mod postgres;
mod sqlite;
mod thread;
mod writes;

pub use kicc_proto::journal::restore::{PREFIX_MAX, RestoredError};
pub use kicc_sqlite::{OpenError, Opened};

#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresJournal, PostgresSettings};
pub use self::{
    blocking::Blocking,
    sqlite::{Counts, SqliteJournal, SqliteSettings},
};
