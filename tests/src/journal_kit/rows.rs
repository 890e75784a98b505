//! Rows to write, and what to do with them.

use std::{fmt::Debug, sync::Barrier, thread};

use kicc_proto::{
    journal::{
        Claim, Claimed, Expect, Force, Journal, Key, Kind, Product, RecordText, Row, Standing, Written,
    },
    time::UnixMillis,
    values::{Environment, Mark, TerminalId, TransactionNumber},
};

use super::Store;

pub(super) fn key(number: &str) -> Key {
    Key {
        environment: Environment::new("test").expect("a label"),
        product: Product::Simple,
        terminal: TerminalId::new("T123456789").expect("a terminal"),
        number: TransactionNumber::new(number).expect("a number"),
    }
}

/// A row to write in a test of a store: an open approval at terminal `T1` that nobody holds, made in millisecond 1, with
/// a record that is none.
///
/// # Panics
/// When the number is none.
#[must_use]
pub fn row(number: &str) -> Row {
    let terminal = TerminalId::new("T1").expect("a terminal");
    Row {
        key: Key { terminal, ..key(number) },
        kind: Kind::Approval,
        original: None,
        authorisation_mark: None,
        live: true,
        standing: Standing::Open,
        told: false,
        revision: 1,
        token: 1,
        holder: "".into(),
        lease_until: UnixMillis(0),
        created_at: UnixMillis(1),
        updated_at: UnixMillis(1),
        suspect: false,
        record: RecordText("{}".to_owned()),
    }
}

/// The kit's own, made in millisecond 1000.
pub(super) fn approval(number: &str) -> Row {
    Row {
        key: key(number),
        created_at: UnixMillis(1_000),
        updated_at: UnixMillis(1_000),
        record: RecordText(format!("{{\"about\":\"{number} 가\"}}")),
        ..row(number)
    }
}

pub(super) fn marked(number: &str, mark: &str) -> Row {
    Row { authorisation_mark: Mark::new(mark).ok(), ..approval(number) }
}

pub(super) fn refund(number: &str, original: &str) -> Row {
    let original = Some(TransactionNumber::new(original).expect("a number"));
    Row { kind: Kind::Refund, original, ..approval(number) }
}

pub(super) fn held(row: Row, holder: &str, until: u64) -> Row {
    Row { holder: holder.into(), lease_until: UnixMillis(until), ..row }
}

pub(super) fn closed(row: Row) -> Row {
    Row { standing: Standing::Closed, told: true, ..row }
}

/// The row's next revision.
pub(super) fn next(row: &Row) -> Row {
    Row { revision: row.revision + 1, updated_at: UnixMillis(row.updated_at.0 + 1), ..row.clone() }
}

pub(super) fn insert(journal: &dyn Journal, row: &Row) -> Written {
    journal.write(row, Expect::Absent).expect("a write")
}

#[track_caller]
pub(super) fn stored(journal: &dyn Journal, row: &Row) {
    same(insert(journal, row), Written::Stored);
}

/// Fails unless both are the same, and shows only the lines that the other has not.
#[track_caller]
pub(super) fn same<A: PartialEq<B> + Debug, B: Debug>(found: A, wanted: B) {
    if found != wanted {
        let (found, wanted) = (format!("{found:#?}"), format!("{wanted:#?}"));
        let only_in = |one: &str, other: &str| {
            let lines = |text| str::lines(text).map(|line| line.trim().trim_end_matches(','));
            let other: Vec<&str> = lines(other).collect();
            let only: Vec<&str> = lines(one).filter(|line| !other.contains(line)).collect();
            if only.is_empty() { "nothing else that is printed".into() } else { only.join(", ") }
        };
        panic!("found {}; it should be {}", only_in(&found, &wanted), only_in(&wanted, &found));
    }
}

pub(super) fn update(journal: &dyn Journal, row: &Row) -> Written {
    journal.write(row, Expect::Revision(row.revision - 1)).expect("a write")
}

pub(super) fn find(journal: &dyn Journal, number: &str) -> Row {
    journal.find(&key(number)).expect("a read").expect("a row")
}

pub(super) fn claim(journal: &dyn Journal, number: &str, revision: u64, now: u64, force: Force) -> Claimed {
    let (now, lease_until) = (UnixMillis(now), UnixMillis(now + 60_000));
    let claim = Claim { key: &key(number), revision, holder: journal.holder(), now, lease_until, force };
    journal.claim(&claim).expect("a claim")
}

pub(super) fn granted(claimed: Claimed) -> Row {
    match claimed {
        Claimed::Yes(row) => *row,
        other => panic!("not granted: {other:?}"),
    }
}

pub(super) fn is_held(claimed: &Claimed) -> bool {
    matches!(claimed, Claimed::Held { .. })
}

/// Runs `act` on eight threads at once, each with a journal and number of its own, and counts who won.
pub(super) fn race(store: &dyn Store, act: impl Fn(&dyn Journal, usize) -> bool + Sync) -> usize {
    const RACERS: usize = 8;
    let start = Barrier::new(RACERS);
    let journals: Vec<Box<dyn Journal>> = (0..RACERS).map(|_| store.open()).collect();
    thread::scope(|scope| {
        let racers: Vec<_> = journals
            .iter()
            .enumerate()
            .map(|(number, journal)| {
                let (start, act) = (&start, &act);
                scope.spawn(move || {
                    start.wait();
                    act(&**journal, number)
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().expect("a racer")).filter(|won| *won).count()
    })
}
