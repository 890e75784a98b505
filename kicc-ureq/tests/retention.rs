//! What closed records cost the open ones: next to nothing, however many there are. Prints its times; how much is done is
//! counted in `kicc-sqlite`'s own tests.
//!
//! `KICC_LONG=1 cargo test -p kicc-ureq --test retention -- --nocapture` has ten million closed records, in some
//! 6 GB and five minutes.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use kicc_proto::{
    journal::{Claim, Claimed, Expect, Force, Journal as _, Listing, RecordText, Row, Standing, Written},
    time::UnixMillis,
    values::Mark,
};
use kicc_testkit::journal_kit;
use kicc_ureq::journal::SqliteJournal;
use rusqlite::{Connection, params};

/// The closed ones are older than the open ones.
const NOW: UnixMillis = UnixMillis(1_000_000_000_000);

/// How many are open, and how many closed.
fn counts() -> (usize, u32) {
    if std::env::var_os("KICC_LONG").is_some() { (1_000, 10_000_000) } else { (50, 20_000) }
}

fn row(number: &str) -> Row {
    Row {
        authorisation_mark: Mark::new(&format!("mark-of-{number}")).ok(),
        created_at: NOW,
        updated_at: NOW,
        // Shorter than a real one, of one to two kilobytes: no statement but pruning reads a closed one.
        record: RecordText("r".repeat(200)),
        ..journal_kit::row(number)
    }
}

/// Approved, told sales that spent an authorisation each; without their flushes, or it would take a day.
fn fill(path: &Path, count: u32) {
    drop(SqliteJournal::open(path).unwrap());
    let file = Connection::open(path).unwrap();
    file.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000").unwrap();
    let mut from = 0;
    while from < count {
        let until = count.min(from + 100_000);
        let sql = "WITH RECURSIVE n (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?2) \
            INSERT INTO kicc_attempts SELECT 'test', 'simple', 'T1', printf('C%010d', n), 'approval', NULL, \
            printf('%032d', n), printf('a:%032d', n), 1, 'closed', 1, 5, 1, '', 0, ?3 - ?4 + n, ?3, n, ?5 FROM n";
        file.execute(sql, params![from, until, i64::try_from(NOW.0).unwrap(), count, "r".repeat(200)])
            .unwrap();
        from = until;
    }
    file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// What a shop and its recovery do with the open ones, and how long each takes in all, in the one journal and in the
/// other. Both by turns, so that whatever else the machine does slows both.
fn work(journals: &[SqliteJournal; 2], open: usize) -> Vec<(&'static str, [Duration; 2])> {
    let rows: Vec<Row> = (0..open).map(|n| row(&format!("N{n}"))).collect();
    let each = |done: &dyn Fn(&SqliteJournal, &Row)| {
        let mut times = [Duration::ZERO; 2];
        for row in &rows {
            for (journal, time) in journals.iter().zip(&mut times) {
                let began = Instant::now();
                done(journal, row);
                *time += began.elapsed();
            }
        }
        times
    };
    let once = |done: &dyn Fn(&SqliteJournal)| {
        journals.each_ref().map(|journal| {
            let began = Instant::now();
            done(journal);
            began.elapsed()
        })
    };
    let listed = |journal: &SqliteJournal, which| journal.list(which, None, u32::MAX).unwrap().len();
    let claim = |journal: &SqliteJournal, row: &Row| {
        let claim = Claim {
            key: &row.key,
            revision: 1,
            holder: journal.holder(),
            now: NOW,
            lease_until: NOW,
            force: Force::DeadOrLapsed,
        };
        assert!(matches!(journal.claim(&claim), Ok(Claimed::Yes(_))));
        assert!(journal.holds(&row.key, 2).unwrap());
    };
    let finish = |journal: &SqliteJournal, row: &Row| {
        let closed = Row { standing: Standing::Closed, revision: 2, token: 2, ..row.clone() };
        assert_eq!(journal.write(&closed, Expect::Revision(1)), Ok(Written::Stored));
    };
    vec![
        ("written down", each(&|j, row| assert_eq!(j.write(row, Expect::Absent), Ok(Written::Stored)))),
        ("all listed", once(&|j| assert_eq!(listed(j, Listing::Open), open))),
        ("found", each(&|j, row| assert!(j.find(&row.key).unwrap().is_some()))),
        ("claimed", each(&claim)),
        ("looked over for unreadable ones", once(&|j| assert_eq!(j.unreadable(), Ok(Vec::new())))),
        ("finished", each(&finish)),
        ("all listed as untold", once(&|j| assert_eq!(listed(j, Listing::Untold), open))),
        ("told", each(&|j, row| assert_eq!(j.told(&row.key, 2), Ok(true)))),
    ]
}

#[test]
fn closed_records_cost_the_open_ones_nothing() {
    let (open, closed) = counts();
    let folder = tempfile::tempdir().unwrap();
    let (empty, full) = (folder.path().join("empty"), folder.path().join("full"));
    fill(&empty, 0);
    let began = Instant::now();
    fill(&full, closed);
    let size = std::fs::metadata(&full).unwrap().len() >> 20;
    println!("{closed} closed records, {size} MiB, made in {:.0?}", began.elapsed());
    let journals = [empty, full].map(|path| SqliteJournal::open(path).unwrap());
    println!(
        "{:<34} {:>10}   {:>10}",
        format!("{open} open records beside"),
        "none",
        format!("{closed} closed")
    );
    for (what, [alone, beside]) in work(&journals, open) {
        println!("  {what:<32} {alone:>10.1?}   {beside:>10.1?}");
    }
    let [_, full] = journals;
    let began = Instant::now();
    let (mut removed, mut longest) = (0, Duration::ZERO);
    while removed < closed.min(10_000) {
        let batch = Instant::now();
        removed += full.prune(NOW, 500).unwrap();
        longest = longest.max(batch.elapsed());
    }
    println!("{removed} pruned in batches of 500: {:.1?}, the longest {longest:.1?}", began.elapsed());
}
