//! What closed rows cost the open ones, counted in steps of SQLite's machine: times would say less.

use kicc_proto::{
    journal::{
        Listing, Row, Standing,
        sql::{self, Value},
    },
    time::UnixMillis,
    values::Mark,
};
use rusqlite::{Connection, StatementStatus};
use tempfile::TempDir;

use crate::{
    Parts, open,
    statement::bind,
    tests::{insert, row},
};

/// A journal of ten open, parked and untold rows each, behind `closed` that need nobody.
fn journal(closed: u32) -> (TempDir, Parts) {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder.path().join("journal.db")).unwrap();
    let mut group = journal.writer.begin().unwrap();
    let numbers = (0..closed).map(|n| (format!("C{n}"), Standing::Closed, true));
    let others = (0..10).flat_map(|n| {
        [("N", Standing::Open, false), ("P", Standing::Parked, true), ("U", Standing::Closed, false)]
            .map(|(name, standing, told)| (format!("{name}{n}"), standing, told))
    });
    for (number, standing, told) in numbers.chain(others) {
        let mark = Mark::new(&format!("mark-of-{number}")).ok();
        let row = Row { standing, told, authorisation_mark: mark, ..row(&number) };
        group.run(|work| work.write(&row, kicc_proto::journal::Expect::Absent)).unwrap();
    }
    group.commit().unwrap();
    (folder, journal)
}

fn steps(connection: &Connection, statement: &str, values: Vec<Value<'_>>) -> (usize, i32) {
    let mut prepared = connection.prepare(statement).unwrap();
    let mut rows = prepared.query(bind(values)).unwrap();
    let mut count = 0;
    while rows.next().unwrap().is_some() {
        count += 1;
    }
    drop(rows);
    (count, prepared.get_status(StatementStatus::VmStep))
}

/// Every statement of the open path, on a row that is there.
fn open_path(journal: &Parts) -> Vec<(&'static str, (usize, i32))> {
    let connection = &journal.writer.connection;
    let (open, new) = (row("N5"), Row { authorisation_mark: Mark::new("new").ok(), ..row("NEW") });
    let key = || Vec::from(sql::key_values(&open.key));
    let with = |before: Vec<Value<'static>>, after: &[i64]| {
        let after = after.iter().map(|number| Value::Number(*number));
        before.into_iter().chain(sql::key_values(&open.key).map(owned)).chain(after).collect::<Vec<_>>()
    };
    let mut slot = key();
    slot[3] = "a:mark-of-N5".into();
    let closed = Row { revision: 2, standing: Standing::Closed, ..open.clone() };
    let mut found = Vec::new();
    for (statement, values) in [
        sql::list(Listing::Open, None, 99),
        sql::list(Listing::Open, Some((UnixMillis(1), &open.key)), 99),
        sql::list(Listing::Parked, None, 99),
        sql::list(Listing::Untold, None, 99),
        (sql::CHECK, Vec::new()),
        (sql::NEXT_SEQUENCE, Vec::new()),
        (sql::FIND, key()),
        (sql::BY_SLOT, slot),
        (sql::USED, vec!["h".into()]),
        (sql::REFUNDS, key()),
        (sql::INSERT, sql::insert_values(&new, 9)),
        (sql::CLAIM, with(vec!["h".into(), Value::Number(9)], &[1, 1])),
        (sql::HOLDS, with(Vec::new(), &[2])),
        (sql::RENEW, with(vec![Value::Number(99)], &[2])),
        (sql::RELEASE, with(Vec::new(), &[2])),
        (sql::UPDATE, sql::update_values(&Row { token: 3, ..closed }, 1, 9)),
        (sql::TOLD, with(Vec::new(), &[2])),
    ] {
        found.push((statement, steps(connection, statement, values)));
    }
    found
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Number(number) => Value::Number(number),
        Value::Null => Value::Null,
    }
}

#[test]
fn the_open_path_takes_the_same_steps_beside_any_number_of_closed_rows() {
    let ((_one, alone), (_two, beside)) = (journal(0), journal(2_000));
    let (alone, beside) = (open_path(&alone), open_path(&beside));
    assert!(alone.iter().all(|(_, (_, steps))| *steps > 0), "{alone:?}");
    assert_eq!(alone[0].1.0, 10);
    for ((statement, alone), (_, beside)) in alone.into_iter().zip(beside) {
        assert_eq!(alone, beside, "rows and steps of {statement}");
    }
}

/// R21: a journal of an older program gets the indexes that it lacks, and the older program goes on beside it.
#[test]
fn r21_a_missing_index_is_made_at_opening() {
    let (folder, journal) = journal(1);
    let path = folder.path().join("journal.db");
    let indexes = |journal: &Parts| {
        let names =
            "SELECT group_concat(name) FROM (SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY 1)";
        journal.writer.connection.query_row(names, [], |row| row.get::<_, String>(0)).unwrap()
    };
    let all = indexes(&journal);
    journal.writer.connection.execute("DROP INDEX kicc_unknown", []).unwrap();
    assert_ne!(indexes(&journal), all);
    let mut older = journal;
    assert_eq!(indexes(&open(&path).unwrap()), all);
    insert(&mut older, &row("LATER")).unwrap();
}

/// R21: also of a standing that a later version may bring, and of a row that was told.
#[test]
fn r21_what_may_need_somebody_is_found_among_the_closed() {
    let (_folder, journal) = journal(3);
    let change = |sql: &str| journal.writer.connection.execute(sql, []).unwrap();
    change("UPDATE kicc_attempts SET standing = 'frozen' WHERE number = 'C1'");
    change("UPDATE kicc_attempts SET told = 'x' WHERE number = 'C2'");
    // A parked one that is untold, an open one of which even that is not known: each is found once.
    change("UPDATE kicc_attempts SET told = 0 WHERE number = 'P1'");
    change("UPDATE kicc_attempts SET told = 'x' WHERE number = 'N1'");
    change("UPDATE kicc_attempts SET kind = 'top_up' WHERE number IN ('P1', 'U1', 'C0')");
    let keys = |found: Vec<kicc_proto::journal::Unreadable>| {
        let mut keys: Vec<_> =
            found.iter().map(|row| row.key.rsplit('/').next().unwrap().to_owned()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(journal.reader.unreadable().unwrap()), ["C1", "C2", "N1", "P1", "U1"]);
    let made = journal.reader.unreadable_made(UnixMillis(0), UnixMillis(9)).unwrap();
    assert_eq!(keys(made), ["C0", "C1", "C2", "N1", "P1", "U1"]);
    assert_eq!(journal.reader.unreadable_made(UnixMillis(0), UnixMillis(1)).unwrap(), []);
}
