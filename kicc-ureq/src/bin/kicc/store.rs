//! The journal that a command works on: an SQLite file or, with the feature `postgres`, a PostgreSQL database.

use std::{path::Path, sync::Arc};

use kicc_proto::{
    journal::{Journal, ReadError, Unreadable, WriteError},
    time::UnixMillis,
};
use kicc_ureq::journal::{Opened, RestoredError, SqliteJournal};

use crate::exit::Fail;

/// What a command needs of a journal beside the contract.
pub trait Store: Journal {
    /// What was found at opening (R24).
    fn opened(&self) -> Opened;
    /// Why the mark could not follow the last write, if so (R24).
    fn mark_trouble(&self) -> Option<String>;
    /// What is unreadable among the records of that time, closed ones too (R21).
    fn unreadable_made(&self, from: UnixMillis, until: UnixMillis) -> Result<Vec<Unreadable>, ReadError>;
    /// Removes old records (R22).
    fn prune(&self, before: UnixMillis, limit: u32) -> Result<u32, WriteError>;
    /// Declares that it was restored from a backup (R24).
    fn restored(&self, prefix: &str) -> Result<(), RestoredError>;
}

impl Store for SqliteJournal {
    fn opened(&self) -> Opened {
        self.opened()
    }
    fn mark_trouble(&self) -> Option<String> {
        self.mark_trouble()
    }
    fn unreadable_made(&self, from: UnixMillis, until: UnixMillis) -> Result<Vec<Unreadable>, ReadError> {
        self.unreadable_made(from, until)
    }
    fn prune(&self, before: UnixMillis, limit: u32) -> Result<u32, WriteError> {
        self.prune(before, limit)
    }
    fn restored(&self, prefix: &str) -> Result<(), RestoredError> {
        self.restored(prefix)
    }
}

/// A journal's place on the command line.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    File(&'a Path),
    /// `postgres://…`
    Database(
        #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "it cannot be opened"))] &'a str,
    ),
}

impl<'a> Place<'a> {
    pub fn of(path: &'a Path) -> Self {
        match path.to_str() {
            Some(address) if ["postgres:", "postgresql:"].iter().any(|word| address.starts_with(word)) => {
                Place::Database(address)
            }
            _ => Place::File(path),
        }
    }

    /// Opens it, and makes its file or tables if there are none.
    pub fn open(self) -> Result<Arc<dyn Store>, Fail> {
        match self {
            Place::File(path) => Ok(Arc::new(SqliteJournal::open(path).map_err(Fail::io)?)),
            #[cfg(feature = "postgres")]
            Place::Database(address) => database::open(address),
            #[cfg(not(feature = "postgres"))]
            Place::Database(_) => Err(Fail::input("this `kicc` was built without the feature `postgres`")),
        }
    }
}

/// An address may say more than is to be read by others.
impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Database(_) => f.write_str("the journal in the database"),
        }
    }
}

#[cfg(feature = "postgres")]
mod database {
    use kicc_hyper::journal::{PostgresJournal, PostgresSettings};
    use kicc_proto::journal::{BoxFuture, Driven};
    use tokio::runtime::Builder;

    use super::*;

    pub fn open(address: &str) -> Result<Arc<dyn Store>, Fail> {
        // A process's arguments can be read by everybody on its machine (R23).
        let user = address.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?']).next();
        if user.is_some_and(|user| user.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))) {
            return Err(Fail::input(
                "a password does not belong into an address on the command line: PGPASSWORD",
            ));
        }
        let mut settings = PostgresSettings::default();
        settings.password = std::env::var("PGPASSWORD").ok();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(Fail::io)?;
        let journal = runtime.block_on(PostgresJournal::open_with(address, settings)).map_err(Fail::io)?;
        // It is closed before the runtime is dropped.
        Ok(Arc::new(Driven::new(journal, move |future: BoxFuture<'_, ()>| runtime.block_on(future))))
    }

    impl Store for Driven<PostgresJournal> {
        fn opened(&self) -> Opened {
            self.journal().opened()
        }
        fn mark_trouble(&self) -> Option<String> {
            self.journal().mark_trouble()
        }
        fn unreadable_made(&self, from: UnixMillis, until: UnixMillis) -> Result<Vec<Unreadable>, ReadError> {
            self.drive(self.journal().unreadable_made(from, until))
                .unwrap_or_else(|| Err(ReadError("the read was not driven to its end".into())))
        }
        fn prune(&self, before: UnixMillis, limit: u32) -> Result<u32, WriteError> {
            self.drive(self.journal().prune(before, limit)).unwrap_or_else(|| Err(not_driven()))
        }
        fn restored(&self, prefix: &str) -> Result<(), RestoredError> {
            self.drive(self.journal().restored(prefix)).unwrap_or_else(|| Err(not_driven().into()))
        }
    }

    fn not_driven() -> WriteError {
        WriteError::NotKnown("the write was not driven to its end".into())
    }
}
