//! The journal that a command works on: an SQLite file or, with the feature `postgres`, a PostgreSQL database.

use std::{path::Path, sync::Arc};

use kicc_proto::{
    journal::{Journal, ReadError, Row, Unreadable, WriteError},
    time::UnixMillis,
    values::TransactionNumber,
};
use kicc_ureq::journal::{
    self, Exported, Imported, Opened, Purpose, RestoredError, SqliteJournal, TransferError,
};

use crate::exit::Fail;

/// What a command needs of a journal beside the contract.
pub trait Store: Journal {
    /// What was found at opening (R24).
    fn opened(&self) -> Opened;
    /// Why the mark could not follow the last write, if so (R24).
    fn mark_trouble(&self) -> Option<String>;
    /// The rows under a number, at whatever terminal.
    fn numbered(&self, number: &TransactionNumber) -> Result<Vec<Row>, ReadError>;
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
    fn numbered(&self, number: &TransactionNumber) -> Result<Vec<Row>, ReadError> {
        self.numbered(number)
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
    Database(&'a str),
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
            Place::Database(address) => database::open(address, false),
        }
    }

    /// Opens it if it is there, and makes nothing.
    pub fn open_existing(self) -> Result<Arc<dyn Store>, Fail> {
        match self {
            Place::File(path) if !path.exists() => {
                Err(Fail::input(format!("there is no journal at {}", path.display())))
            }
            Place::File(_) => self.open(),
            Place::Database(address) => database::open(address, true),
        }
    }

    /// Writes it to a new file.
    pub fn export(self, to: &Path, purpose: Purpose) -> Result<Exported, Fail> {
        match self {
            Place::File(path) => journal::export(path, to, purpose).map_err(transfer_failed),
            Place::Database(address) => database::export(address, to, purpose),
        }
    }

    /// Makes it of such a file.
    pub fn import(self, from: &Path) -> Result<Imported, Fail> {
        match self {
            Place::File(path) => journal::import(from, path).map_err(transfer_failed),
            Place::Database(address) => database::import(from, address),
        }
    }
}

/// What the operator can put right is bad input.
fn transfer_failed(error: TransferError) -> Fail {
    match error {
        TransferError::Open(_) | TransferError::File { .. } | TransferError::Store { .. } => Fail::io(error),
        _ => Fail::input(error),
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
    use kicc_hyper::journal::{
        PostgresJournal, PostgresSettings,
        postgres::{self, OpenError, TransferError},
    };
    use kicc_proto::journal::{BoxFuture, Driven};
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    pub fn open(address: &str, existing: bool) -> Result<Arc<dyn Store>, Fail> {
        let (settings, runtime) = prepare(address)?;
        let journal = runtime.block_on(async {
            match existing {
                true => PostgresJournal::open_existing(address, settings).await,
                false => PostgresJournal::open_with(address, settings).await,
            }
        });
        let journal = journal.map_err(open_failed)?;
        // It is closed before the runtime is dropped.
        Ok(Arc::new(Driven::new(journal, move |future: BoxFuture<'_, ()>| runtime.block_on(future))))
    }

    pub fn export(address: &str, to: &Path, purpose: Purpose) -> Result<Exported, Fail> {
        let (settings, runtime) = prepare(address)?;
        let exported = runtime.block_on(postgres::export(address, settings, to, purpose));
        exported.map_err(transfer_failed)
    }

    pub fn import(from: &Path, address: &str) -> Result<Imported, Fail> {
        let (settings, runtime) = prepare(address)?;
        runtime.block_on(postgres::import(from, address, settings)).map_err(transfer_failed)
    }

    fn prepare(address: &str) -> Result<(PostgresSettings, Runtime), Fail> {
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
        Ok((settings, runtime))
    }

    fn open_failed(error: OpenError) -> Fail {
        match error {
            OpenError::Absent => Fail::input(error),
            _ => Fail::io(error),
        }
    }

    fn transfer_failed(error: TransferError) -> Fail {
        match error {
            TransferError::Open(error) => open_failed(error),
            TransferError::File(error) => super::transfer_failed(error),
            TransferError::Database(_) => Fail::io(error),
            _ => Fail::input(error),
        }
    }

    impl Store for Driven<PostgresJournal> {
        fn opened(&self) -> Opened {
            self.journal().opened()
        }
        fn mark_trouble(&self) -> Option<String> {
            self.journal().mark_trouble()
        }
        fn numbered(&self, number: &TransactionNumber) -> Result<Vec<Row>, ReadError> {
            self.drive(self.journal().numbered(number)).unwrap_or_else(|| Err(not_read()))
        }
        fn unreadable_made(&self, from: UnixMillis, until: UnixMillis) -> Result<Vec<Unreadable>, ReadError> {
            self.drive(self.journal().unreadable_made(from, until)).unwrap_or_else(|| Err(not_read()))
        }
        fn prune(&self, before: UnixMillis, limit: u32) -> Result<u32, WriteError> {
            self.drive(self.journal().prune(before, limit)).unwrap_or_else(|| Err(not_driven()))
        }
        fn restored(&self, prefix: &str) -> Result<(), RestoredError> {
            self.drive(self.journal().restored(prefix)).unwrap_or_else(|| Err(not_driven().into()))
        }
    }

    fn not_read() -> ReadError {
        ReadError("the read was not driven to its end".into())
    }

    fn not_driven() -> WriteError {
        WriteError::NotKnown("the write was not driven to its end".into())
    }
}

/// In a command that was built without them.
#[cfg(not(feature = "postgres"))]
mod database {
    use super::*;

    pub fn open(_: &str, _existing: bool) -> Result<Arc<dyn Store>, Fail> {
        Err(none())
    }

    pub fn export(_: &str, _: &Path, _: Purpose) -> Result<Exported, Fail> {
        Err(none())
    }

    pub fn import(_: &Path, _: &str) -> Result<Imported, Fail> {
        Err(none())
    }

    fn none() -> Fail {
        Fail::input(
            "this `kicc` was built without the feature `postgres`; one with it: \
             cargo install --locked --path kicc-ureq --features postgres",
        )
    }
}
