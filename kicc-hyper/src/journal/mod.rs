//! Journals of the async adapter: [`SqliteJournal`] for one machine, [`Blocking`] for any blocking one.

mod blocking;
mod sqlite;
mod thread;
mod writes;

pub use kicc_proto::journal::restore::{PREFIX_MAX, RestoredError};
pub use kicc_sqlite::{OpenError, Opened};

pub use self::{
    blocking::Blocking,
    sqlite::{Counts, SqliteJournal, SqliteSettings},
};
