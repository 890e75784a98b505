//! A journal in memory that costs next to nothing, and one that times another.

use std::{
    collections::HashMap,
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kicc_proto::{
    journal::{
        Admission, AsyncJournal, BoxFuture, Claim, Claimed, Expect, Journal, Key, Listing, ReadError, Row,
        Unreadable, WriteError, Written,
    },
    time::UnixMillis,
};

/// Rows in memory, until they are told: so a long run does not measure a large table. It decides who was first and who
/// may write next; nobody claims here.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<Key, Row>>);

impl Memory {
    fn rows(&self) -> MutexGuard<'_, HashMap<Key, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Memory {
    fn holder(&self) -> &str {
        "memory"
    }

    fn write(&self, row: &Row, expect: Expect) -> Result<Written, WriteError> {
        let mut rows = self.rows();
        match (rows.get_mut(&row.key), expect) {
            (None, Expect::Absent) => drop(rows.insert(row.key.clone(), row.clone())),
            (Some(stored), Expect::Revision(revision)) if stored.revision == revision => {
                *stored = row.clone()
            }
            (Some(stored), _) => return Ok(Written::Conflict(Box::new(stored.clone()))),
            (None, Expect::Revision(_)) => return Err(WriteError::NotStored("there is no such row".into())),
        }
        Ok(Written::Stored)
    }

    fn find(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        Ok(self.rows().get(key).cloned())
    }

    fn refunds(&self, _: &Key) -> Result<Vec<Row>, ReadError> {
        Ok(Vec::new())
    }

    fn claim(&self, _: &Claim<'_>) -> Result<Claimed, WriteError> {
        Ok(Claimed::Moved)
    }

    fn renew(&self, key: &Key, token: u64, _: UnixMillis) -> Result<bool, WriteError> {
        Ok(self.rows().get(key).is_some_and(|row| row.token == token))
    }

    fn release(&self, _: &Key, _: u64) -> Result<(), WriteError> {
        Ok(())
    }

    fn holds(&self, key: &Key, token: u64) -> Result<bool, ReadError> {
        Ok(self.rows().get(key).is_some_and(|row| row.token == token))
    }

    fn told(&self, key: &Key, revision: u64) -> Result<bool, WriteError> {
        let mut rows = self.rows();
        let stands = rows.get(key).is_some_and(|row| row.revision == revision);
        Ok(stands && rows.remove(key).is_some())
    }

    fn list(&self, _: Listing, _: Option<(UnixMillis, &Key)>, _: u32) -> Result<Vec<Row>, ReadError> {
        Ok(Vec::new())
    }

    fn unreadable(&self) -> Result<Vec<Unreadable>, ReadError> {
        Ok(Vec::new())
    }

    fn admission(&self) -> Result<Admission, ReadError> {
        Ok(Admission::default())
    }
}

/// The same, async: it never waits.
#[derive(Debug, Default)]
pub struct AsyncMemory(pub Memory);

/// Any journal, and how long each write of a row took until it was durable.
pub struct Timed<J> {
    /// The journal.
    pub journal: J,
    took: Mutex<Vec<Duration>>,
}

impl<J> Timed<J> {
    /// Nothing was written yet.
    pub fn new(journal: J) -> Self {
        Timed { journal, took: Mutex::default() }
    }

    /// All until now, the shortest first; then it begins anew.
    pub fn take(&self) -> Vec<Duration> {
        let mut took = std::mem::take(&mut *self.took.lock().unwrap_or_else(PoisonError::into_inner));
        took.sort();
        took
    }
}

macro_rules! at_once {
    ($($name:ident($($argument:ident: $of:ty),*) -> $result:ty;)*) => {
        impl AsyncJournal for AsyncMemory {
            fn holder(&self) -> &str {
                self.0.holder()
            }
            $(fn $name<'a>(&'a self, $($argument: $of),*) -> BoxFuture<'a, $result> {
                Box::pin(ready(Journal::$name(&self.0, $($argument),*)))
            })*
        }

        impl<J: AsyncJournal> AsyncJournal for Timed<J> {
            fn holder(&self) -> &str {
                self.journal.holder()
            }
            fn write<'a>(&'a self, row: &'a Row, expect: Expect) -> BoxFuture<'a, Result<Written, WriteError>> {
                Box::pin(async move {
                    let began = Instant::now();
                    let written = self.journal.write(row, expect).await;
                    self.took.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
                    written
                })
            }
            $(at_once!(@timed $name($($argument: $of),*) -> $result);)*
            fn close(&self) -> BoxFuture<'_, ()> {
                self.journal.close()
            }
        }
    };
    (@timed write($($argument:ident: $of:ty),*) -> $result:ty) => {};
    (@timed $name:ident($($argument:ident: $of:ty),*) -> $result:ty) => {
        fn $name<'a>(&'a self, $($argument: $of),*) -> BoxFuture<'a, $result> {
            self.journal.$name($($argument),*)
        }
    };
}

at_once! {
    write(row: &'a Row, expect: Expect) -> Result<Written, WriteError>;
    find(key: &'a Key) -> Result<Option<Row>, ReadError>;
    refunds(original: &'a Key) -> Result<Vec<Row>, ReadError>;
    claim(claim: &'a Claim<'a>) -> Result<Claimed, WriteError>;
    renew(key: &'a Key, token: u64, until: UnixMillis) -> Result<bool, WriteError>;
    release(key: &'a Key, token: u64) -> Result<(), WriteError>;
    holds(key: &'a Key, token: u64) -> Result<bool, ReadError>;
    told(key: &'a Key, revision: u64) -> Result<bool, WriteError>;
    list(which: Listing, after: Option<(UnixMillis, &'a Key)>, limit: u32) -> Result<Vec<Row>, ReadError>;
    unreadable() -> Result<Vec<Unreadable>, ReadError>;
    admission() -> Result<Admission, ReadError>;
}
