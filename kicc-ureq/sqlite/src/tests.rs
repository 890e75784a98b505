//! What needs the connection itself: faults, groups, foreign rows, settings and query plans.

use std::time::Duration;

use kicc_proto::{
    journal::{Claim, Claimed, Expect, Force, Listing, RecordText, Row, WriteError, Written, sql},
    time::UnixMillis,
    values::{Environment, TerminalId, TransactionNumber},
};
pub(crate) use kicc_testkit::journal_kit::row;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use tempfile::TempDir;

use crate::{End, OpenError, Opened, Parts, Work, file::connect, mark::Mark, open, writer::commit_failed};

fn journal() -> (TempDir, Parts) {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db")).unwrap();
    (folder, journal)
}

pub(crate) fn insert(journal: &mut Parts, row: &Row) -> Result<Written, WriteError> {
    journal.writer.alone(|work| work.write(row, Expect::Absent))
}

#[cfg(unix)]
#[test]
fn r23_other_users_can_neither_read_nor_lock_the_journal_and_what_lies_beside_it() {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};
    fn modes(folder: &Path) -> Vec<(String, u32)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            found.push((entry.file_name().into_string().unwrap(), metadata.permissions().mode() & 0o777));
            if metadata.is_dir() {
                found.extend(modes(&entry.path()));
            }
        }
        found
    }
    let (folder, mut journal) = journal();
    insert(&mut journal, &row("N1")).unwrap();
    let found = modes(folder.path());
    // The journal, its log, its index, the mark, the holders' folder and one in it.
    assert_eq!(found.len(), 6, "{found:?}");
    assert!(found.iter().all(|(_, mode)| mode & 0o007 == 0), "{found:?}");

    // Who wants another mode sets it, and it stays.
    let path = folder.path().join("journal.db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop((open(&path).unwrap(), journal));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
}

/// Runs SQL on the writer's connection.
fn run_sql(journal: &Parts, text: &str) {
    journal.writer.connection.execute_batch(text).unwrap();
}

/// Makes every commit of an insert fail: a deferred constraint is checked by `COMMIT` itself.
fn break_commit(journal: &Parts) {
    run_sql(
        journal,
        "PRAGMA foreign_keys = ON; \
         CREATE TABLE bad (id INTEGER REFERENCES bad2 (id) DEFERRABLE INITIALLY DEFERRED); \
         CREATE TABLE bad2 (id INTEGER PRIMARY KEY); \
         CREATE TRIGGER break_commit AFTER INSERT ON kicc_attempts BEGIN INSERT INTO bad VALUES (1); END",
    );
}

fn known_not_stored(journal: &mut Parts, row: &Row) -> String {
    let error = insert(journal, row).unwrap_err();
    assert_eq!(journal.reader.find(&row.key).unwrap(), None);
    let WriteError::NotStored(why) = error else { panic!("{error:?}") };
    why.into()
}

#[test]
fn r2_a_full_disk_is_known_not_stored() {
    let (_folder, mut journal) = journal();
    let pages: u32 = journal.writer.connection.pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
    run_sql(&journal, &format!("PRAGMA max_page_count = {pages}"));
    let big = Row { record: RecordText("x".repeat(100_000)), ..row("N1") };
    assert!(known_not_stored(&mut journal, &big).contains("full"));
    run_sql(&journal, "PRAGMA max_page_count = 1000000");
    assert_eq!(insert(&mut journal, &big), Ok(Written::Stored));
}

#[test]
fn r2_a_read_only_journal_is_known_not_stored() {
    let (folder, mut journal) = journal();
    let path = folder.path().join("journal.db");
    journal.writer.connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    assert!(known_not_stored(&mut journal, &row("N1")).contains("readonly"));
}

#[test]
fn r2_a_busy_journal_is_known_not_stored() {
    let (folder, mut journal) = journal();
    let other = connect(&folder.path().join("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    journal.writer.connection.busy_timeout(Duration::from_millis(20)).unwrap();
    assert!(known_not_stored(&mut journal, &row("N1")).contains("locked"));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(insert(&mut journal, &row("N1")), Ok(Written::Stored));
}

#[test]
fn r2_a_failed_commit_is_not_known_and_the_journal_goes_on() {
    let (_folder, mut journal) = journal();
    break_commit(&journal);
    let error = insert(&mut journal, &row("N1")).unwrap_err();
    assert!(matches!(error, WriteError::NotKnown(_)), "{error:?}");
    assert_eq!(journal.reader.find(&row("N1").key).unwrap(), None);
    run_sql(&journal, "DROP TRIGGER break_commit");
    assert_eq!(insert(&mut journal, &row("N1")), Ok(Written::Stored));
}

#[test]
fn r2_a_commit_that_failed_otherwise_than_by_a_full_disk_is_not_known() {
    let failed = |code| commit_failed(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
    use rusqlite::ffi::*;
    for certain in [SQLITE_FULL, SQLITE_BUSY] {
        assert!(matches!(failed(certain), WriteError::NotStored(_)));
    }
    for unknown in [
        SQLITE_IOERR,
        SQLITE_IOERR_FSYNC,
        SQLITE_IOERR_SHMSIZE,
        SQLITE_NOMEM,
        SQLITE_CORRUPT,
        SQLITE_INTERRUPT,
    ] {
        assert!(matches!(failed(unknown), WriteError::NotKnown(_)));
    }
    assert!(matches!(commit_failed(rusqlite::Error::InvalidQuery), WriteError::NotKnown(_)));
}

#[test]
fn r2_a_conflict_or_an_error_in_a_group_undoes_that_write_alone() {
    let (folder, mut journal) = journal();
    let skips = Row { revision: 4, ..row("N1") };
    let mut group = journal.writer.begin().unwrap();
    let insert = |row: Row| move |work: &Work<'_>| work.write(&row, Expect::Absent);
    assert_eq!(group.run(insert(row("N1"))), Ok(Written::Stored));
    assert_eq!(group.run(insert(row("N1"))), Ok(Written::Conflict(Box::new(row("N1")))));
    assert!(matches!(
        group.run(|work| work.write(&skips, Expect::Revision(2))),
        Err(WriteError::NotStored(_))
    ));
    // What failed half-way leaves nothing behind.
    let half = group.run(|work| {
        work.several()?;
        work.write(&row("N3"), Expect::Absent)?;
        Err::<End<()>, _>(WriteError::NotStored("half-way".into()))
    });
    assert!(half.is_err());
    assert_eq!(group.run(insert(row("N2"))), Ok(Written::Stored));
    assert_eq!(journal.reader.find(&row("N1").key).unwrap(), None, "seen before the commit");
    group.commit().unwrap();
    for (number, stands) in [("N1", true), ("N2", true), ("N3", false)] {
        assert_eq!(journal.reader.find(&row(number).key).unwrap().is_some(), stands, "{number}");
    }
    let mark = std::fs::read_to_string(folder.path().join("journal.db.mark")).unwrap();
    assert_eq!(mark, format!("{:020}\n", 2));
}

#[test]
fn r2_what_cannot_be_undone_alone_is_not_committed_with_its_group() {
    let (_folder, mut journal) = journal();
    let mut group = journal.writer.begin().unwrap();
    assert_eq!(group.run(|work| work.write(&row("N1"), Expect::Absent)), Ok(Written::Stored));
    let half = group.run(|work| {
        work.write(&row("N2"), Expect::Absent)?;
        Err::<End<()>, _>(WriteError::NotStored("half-way".into()))
    });
    assert!(half.is_err());
    assert!(group.run(|work| work.write(&row("N3"), Expect::Absent)).is_err());
    assert!(matches!(group.commit(), Err(WriteError::NotStored(_))));
    for number in ["N1", "N2", "N3"] {
        assert_eq!(insert(&mut journal, &row(number)), Ok(Written::Stored));
    }
}

#[test]
fn r2_a_failed_commit_is_that_of_every_write_of_the_group() {
    let (_folder, mut journal) = journal();
    break_commit(&journal);
    let mut group = journal.writer.begin().unwrap();
    for number in ["N1", "N2"] {
        assert_eq!(group.run(|work| work.write(&row(number), Expect::Absent)), Ok(Written::Stored));
    }
    assert!(matches!(group.commit(), Err(WriteError::NotKnown(_))));
    run_sql(&journal, "DROP TRIGGER break_commit");
    for number in ["N1", "N2"] {
        assert_eq!(insert(&mut journal, &row(number)), Ok(Written::Stored));
    }
}

#[test]
fn r2_a_transaction_that_sqlite_rolled_back_is_known_not_stored_for_all_of_the_group() {
    let (_folder, mut journal) = journal();
    let mut group = journal.writer.begin().unwrap();
    assert_eq!(group.run(|work| work.write(&row("N1"), Expect::Absent)), Ok(Written::Stored));
    let disk_full = group.run(|work| {
        work.connection.execute_batch("ROLLBACK").unwrap();
        Err::<End<()>, _>(WriteError::NotStored("as on a full disk".into()))
    });
    assert!(disk_full.is_err());
    assert!(group.run(|work| work.write(&row("N2"), Expect::Absent)).is_err());
    assert!(matches!(group.commit(), Err(WriteError::NotStored(_))));
    for number in ["N1", "N2"] {
        assert_eq!(insert(&mut journal, &row(number)), Ok(Written::Stored));
    }
}

#[test]
fn r2_a_write_that_does_not_fit_on_the_disk_is_undone_alone() {
    let (_folder, mut journal) = journal();
    let pages: u32 = journal.writer.connection.pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
    run_sql(&journal, &format!("PRAGMA max_page_count = {}", pages + 1));
    let big = Row { record: RecordText("x".repeat(100_000)), ..row("N2") };
    let mut group = journal.writer.begin().unwrap();
    let ends = [row("N1"), big, row("N3")].map(|row| group.run(|work| work.write(&row, Expect::Absent)));
    assert_eq!((&ends[0], &ends[2]), (&Ok(Written::Stored), &Ok(Written::Stored)));
    assert!(matches!(&ends[1], Err(WriteError::NotStored(why)) if why.contains("full")), "{ends:?}");
    assert_eq!(group.commit(), Ok(true));
    for (number, stands) in [("N1", true), ("N2", false), ("N3", true)] {
        assert_eq!(journal.reader.find(&row(number).key).unwrap().is_some(), stands, "{number}");
    }
}

#[test]
fn r1_a_group_without_its_commit_is_not_stored() {
    let (_folder, mut journal) = journal();
    let mut group = journal.writer.begin().unwrap();
    assert_eq!(group.run(|work| work.write(&row("N1"), Expect::Absent)), Ok(Written::Stored));
    drop(group);
    assert_eq!(journal.reader.find(&row("N1").key).unwrap(), None);
}

#[test]
fn r1_a_commit_is_flushed_to_the_disk() {
    let (_folder, journal) = journal();
    let setting =
        |name| journal.writer.connection.pragma_query_value(None, name, |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!((setting("synchronous"), setting("fullfsync")), (2, 1));
    let mode: String =
        journal.writer.connection.pragma_query_value(None, "journal_mode", |r| r.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn r21_an_unreadable_row_is_reported_left_alone_and_blocks_its_number() {
    for change in
        ["standing = 'frozen'", "product = 'later'", "kind = 'top_up'", "revision = -1", "lease_until = 'x'"]
    {
        let (_folder, mut journal) = journal();
        for number in ["N1", "N2", "N3"] {
            insert(&mut journal, &row(number)).unwrap();
        }
        run_sql(&journal, &format!("UPDATE kicc_attempts SET {change} WHERE number = 'N2'"));

        let made = Listing::Made { from: UnixMillis(0), until: UnixMillis(9) };
        let numbers = |which, limit| {
            let rows = journal.reader.list(which, None, limit).unwrap();
            rows.iter().map(|row| row.key.number.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(made, 2), ["N1", "N3"], "{change}");
        assert_eq!(numbers(Listing::Open, 2), ["N1", "N3"], "{change}");
        let unreadable = journal.reader.unreadable().unwrap();
        assert_eq!(unreadable.len(), 1, "{change}");
        assert!(
            unreadable[0].key.ends_with("/N2") && unreadable[0].why.contains(&change[..4]),
            "{unreadable:?}"
        );
        assert_eq!(journal.writer.alone(|work| work.prune(UnixMillis(9), 9)), Ok(0));
        if change.starts_with("product") {
            continue; // It has another key now.
        }
        let row = row("N2");
        assert!(journal.reader.find(&row.key).is_err());
        assert!(matches!(insert(&mut journal, &row), Err(WriteError::NotStored(_))));
        let holder = journal.writer.holder().to_owned();
        let claim = Claim {
            key: &row.key,
            revision: 1,
            holder: &holder,
            now: UnixMillis(9),
            lease_until: UnixMillis(99),
            force: Force::LapsedEvenIfAlive,
        };
        assert!(matches!(
            journal.writer.alone(|work| work.claim(&claim)),
            Err(WriteError::NotStored(_)) | Ok(Claimed::Moved)
        ));
    }
}

#[test]
fn r21_a_newer_schema_is_refused_at_opening_and_by_a_running_process() {
    let (folder, mut journal) = journal();
    run_sql(&journal, "UPDATE kicc_meta SET number = 2 WHERE name = 'schema'");
    assert!(known_not_stored(&mut journal, &row("N1")).contains("another version"));
    let error = open(&folder.path().join("journal.db")).unwrap_err();
    assert!(matches!(error, OpenError::Version { found: 2, .. }), "{error}");
}

const ADD: &str = "ALTER TABLE kicc_attempts ADD COLUMN branch TEXT";
const STEP: &[&str] = &[ADD, "UPDATE kicc_attempts SET branch = number"];

/// R21: a step to a version that there is not yet. All of it is done, or nothing; and the program before, which may run
/// beside it, writes and sends nothing more.
#[test]
fn r21_older_tables_become_newer_ones_in_one_step_with_all_that_is_in_them() {
    let (folder, mut older) = journal();
    insert(&mut older, &row("N1")).unwrap();
    assert_eq!(older.reader.holds(&row("N1").key, 1), Ok(true));
    let mut connection = crate::file::connect(&folder.path().join("journal.db")).unwrap();
    let mut prepared = |step: &'static [&'static str]| {
        let prepared = crate::file::prepare(&mut connection, None, &[sql::VERSIONS[0], step]);
        prepared.map(|prepared| prepared.map(|(sequence, _)| sequence).map_err(|other| other.version))
    };
    prepared(&[ADD, "UPDATE kicc_attempts SET nothing = 1"]).unwrap_err();
    assert_eq!(insert(&mut older, &row("N2")), Ok(Written::Stored), "nothing of a step that failed is left");

    for _ in 0..2 {
        assert_eq!(prepared(STEP), Ok(Ok(2)));
    }
    assert!(known_not_stored(&mut older, &row("N3")).contains("another version"));
    assert_eq!(older.reader.holds(&row("N1").key, 1), Ok(false));
    let branches = "SELECT group_concat(branch) FROM (SELECT branch FROM kicc_attempts ORDER BY 1)";
    assert_eq!(connection.query_row(branches, [], |row| row.get(0)), Ok("N1,N2".to_owned()));
    let found = crate::file::prepare(&mut connection, None, &sql::VERSIONS).unwrap();
    assert_eq!(found.map(drop).map_err(|other| other.version), Err(2));
}

#[test]
fn a_number_is_found_at_every_terminal() {
    let (_folder, mut journal) = journal();
    let number = |number: &str| TransactionNumber::new(number).unwrap();
    assert_eq!(journal.reader.numbered(&number("N1")), Ok(Vec::new()));
    let mut expected = Vec::new();
    for (environment, terminal) in [("production", "T2"), ("test", "T1"), ("test", "T10"), ("test", "T2")] {
        for name in ["N1", "N2"] {
            let mut row = Row { authorisation_mark: None, ..row(name) };
            row.key.environment = Environment::new(environment).unwrap();
            row.key.terminal = TerminalId::new(terminal).unwrap();
            insert(&mut journal, &row).unwrap();
            expected.extend((name == "N1").then_some(row));
        }
    }
    assert_eq!(journal.reader.numbered(&number("N1")), Ok(expected));
    run_sql(&journal, "UPDATE kicc_attempts SET kind = 'top_up' WHERE number = 'N2' AND terminal = 'T10'");
    assert!(journal.reader.numbered(&number("N2")).unwrap_err().0.contains("test/simple/T10/N2"));
    assert_eq!(journal.reader.numbered(&number("N1")).unwrap().len(), 4);
}

#[test]
fn the_mark_that_cannot_follow_is_reported_and_the_write_stands() {
    let (folder, mut journal) = journal();
    let hold = Mark::open_locked(&folder.path().join("journal.db.mark"), Duration::ZERO).unwrap();
    assert_eq!(insert(&mut journal, &row("N1")), Ok(Written::Stored));
    assert!(journal.writer.mark_trouble().is_some());
    hold.unlock().unwrap();
    assert_eq!(insert(&mut journal, &row("N2")), Ok(Written::Stored));
    assert_eq!(journal.writer.mark_trouble(), None);
}

#[test]
fn r24_opening_makes_a_mark_and_misses_one_only_where_there_were_writes() {
    let (folder, mut journal) = journal();
    let (path, mark) = (folder.path().join("journal.db"), folder.path().join("journal.db.mark"));
    let read = || std::fs::read_to_string(&mark).unwrap();
    assert_eq!(read(), format!("{:020}\n", 0));
    std::fs::remove_file(&mark).unwrap();
    assert_eq!(open(&path).unwrap().opened, Opened { restored: false, mark_missing: false });

    insert(&mut journal, &row("N1")).unwrap();
    drop(journal);
    std::fs::remove_file(&mark).unwrap();
    assert_eq!(open(&path).unwrap().opened, Opened { restored: false, mark_missing: true });
    assert_eq!(read(), format!("{:020}\n", 1));
}

#[test]
fn pruning_nothing_writes_nothing() {
    let (folder, mut journal) = journal();
    insert(&mut journal, &row("N1")).unwrap();
    assert_eq!(journal.writer.alone(|work| work.prune(UnixMillis(9), 9)), Ok(0));
    let mark = std::fs::read_to_string(folder.path().join("journal.db.mark")).unwrap();
    assert_eq!(mark, format!("{:020}\n", 1));
}

/// What was written before the restore has numbers up to the mark, what is written from now on has others.
#[test]
fn r24_a_restored_journal_goes_on_above_its_mark() {
    let (folder, mut journal) = journal();
    insert(&mut journal, &row("N1")).unwrap();
    let (path, mark) = (folder.path().join("journal.db"), folder.path().join("journal.db.mark"));
    drop(journal);
    std::fs::write(&mark, format!("{:020}\n", 7)).unwrap();
    let journal = open(&path).unwrap();
    assert_eq!(journal.opened, Opened { restored: true, mark_missing: false });
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), format!("{:020}\n", 8));
    assert_eq!(open(&path).unwrap().opened, Opened { restored: false, mark_missing: false });
}

/// Lists must not get slower with every closed sale.
#[test]
fn lists_and_lookups_read_an_index_and_sort_nothing() {
    let (_folder, journal) = journal();
    let connection = &journal.reader.connection;
    let plan = |statement: &str| {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let values = vec![rusqlite::types::Null; explain.parameter_count()];
        let lines = explain.query_map(params_from_iter(values), |r| r.get::<_, String>(3)).unwrap();
        lines.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    };
    for (statement, index) in [
        (sql::LIST_OPEN, "kicc_open"),
        (sql::LIST_PARKED, "kicc_parked"),
        (sql::LIST_UNTOLD, "kicc_untold"),
        (sql::LIST_MADE, "kicc_made"),
        (sql::PRUNABLE, "kicc_made"),
        (sql::CHECK_MADE, "kicc_made"),
        (sql::REFUNDS, "kicc_refunds"),
        (sql::FIND, "autoindex"),
        (sql::NEXT_TERMINAL, "autoindex"),
        (sql::HOLDS, "autoindex"),
        (sql::BY_SLOT, "kicc_slot"),
    ] {
        let plan = plan(statement);
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{statement}\n{plan}");
    }
    let check = plan(sql::CHECK);
    for index in ["kicc_open", "kicc_parked", "kicc_untold", "kicc_unknown"] {
        assert!(check.contains(index), "{check}");
    }
    // Of a table that is read from end to end, only by an index of a few rows; a prefix is looked for once after a restore.
    for statement in sql::STATEMENTS.iter().filter(|s| **s != sql::WITH_PREFIX) {
        let plan = plan(statement);
        let partial = |step: &str| {
            ["kicc_open", "kicc_parked", "kicc_untold", "kicc_unknown"].iter().any(|i| step.contains(i))
        };
        assert!(
            !plan.split("; ").any(|step| step.starts_with("SCAN kicc_attempts") && !partial(step)),
            "{statement}\n{plan}"
        );
    }
}
