//! The journals of both adapters at work on one file.

use std::sync::atomic::{AtomicUsize, Ordering};

use kicc_hyper::journal::SqliteJournal as AsyncSqliteJournal;
use kicc_proto::{
    journal::{BoxFuture, Journal},
    time::UnixMillis,
};
use kicc_testkit::journal_kit::{Driven, Store, run};
use kicc_ureq::journal::SqliteJournal;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Handles on one file, by turns of the blocking and of the async adapter.
struct Mixed {
    folder: TempDir,
    runtime: Runtime,
    opened: AtomicUsize,
}

impl Mixed {
    fn new() -> Self {
        let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
        Mixed { folder, runtime, opened: AtomicUsize::new(0) }
    }

    fn blocking(&self) -> SqliteJournal {
        SqliteJournal::open(self.folder.path().join("journal.db")).unwrap()
    }

    fn driven(&self) -> Driven<AsyncSqliteJournal> {
        let handle = self.runtime.handle().clone();
        let journal = AsyncSqliteJournal::open(self.folder.path().join("journal.db"));
        let journal = self.runtime.block_on(journal).unwrap();
        Driven::new(journal, move |future: BoxFuture<'_, ()>| handle.block_on(future))
    }
}

impl Store for Mixed {
    fn open(&self) -> Box<dyn Journal> {
        match self.opened.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => Box::new(self.blocking()),
            _ => Box::new(self.driven()),
        }
    }
    fn knows_life(&self) -> bool {
        true
    }
    fn prune(&self, before: UnixMillis) -> u64 {
        self.blocking().prune(before, 100).unwrap().into()
    }
    fn restored(&self, prefix: &str) -> bool {
        self.blocking().restored(prefix).is_ok()
    }
}

#[test]
fn both_sqlite_journals_keep_the_contract_on_one_file() {
    run(|| Box::new(Mixed::new()));
}

/// The same with the turns exchanged.
#[test]
fn both_sqlite_journals_keep_the_contract_on_one_file_whoever_is_first() {
    run(|| {
        let store = Mixed::new();
        store.opened.store(1, Ordering::Relaxed);
        Box::new(store)
    });
}
