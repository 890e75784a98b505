//! The SQLite journal keeps the contract.

use kicc_proto::{journal::Journal, time::UnixMillis};
use kicc_testkit::journal_kit::{Store, run};
use kicc_ureq::journal::SqliteJournal;
use tempfile::TempDir;

struct Sqlite(TempDir);

impl Sqlite {
    fn journal(&self) -> SqliteJournal {
        SqliteJournal::open(self.0.path().join("journal.db")).unwrap()
    }
}

impl Store for Sqlite {
    fn open(&self) -> Box<dyn Journal> {
        Box::new(self.journal())
    }
    fn knows_life(&self) -> bool {
        true
    }
    fn prune(&self, before: UnixMillis) -> u64 {
        self.journal().prune(before, 100).unwrap().into()
    }
    fn restored(&self, prefix: &str) -> bool {
        self.journal().restored(prefix).is_ok()
    }
}

#[test]
fn the_sqlite_journal_keeps_the_contract() {
    run(|| Box::new(Sqlite(tempfile::tempdir().unwrap())));
}
