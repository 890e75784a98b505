//! Who is first, and who may write next (R1 to R3, R9, R16, R18).

use kicc_proto::{
    journal::{Admission, Expect, RecordText, Row, Standing, WriteError, Written},
    time::UnixMillis,
    values::{Environment, TerminalId},
};

use super::{
    Store,
    rows::{approval, closed, find, held, insert, key, marked, next, race, refund, same, stored, update},
};

pub(super) fn comes_back(store: &dyn Store) {
    let journal = &*store.open();
    let rows = [
        approval("N1"),
        held(marked("N2", "m2"), "somebody", 5_000),
        Row { standing: Standing::Parked, live: false, revision: 7, token: 9, ..approval("N3") },
        closed(refund("N4", "N1")),
        approval("long-but-allowed-num"),
    ];
    for row in &rows {
        stored(journal, row);
    }
    let other = store.open();
    for row in &rows {
        same(other.find(&row.key).expect("a read").as_ref(), Some(row));
        assert!(other.holds(&row.key, row.token).expect("a read"));
    }
    same(other.find(&key("N9")).expect("a read"), None);
    assert_eq!(other.unreadable().expect("a read"), []);
    assert_eq!(other.admission().expect("a read"), Admission::Any);
}

pub(super) fn number_once(store: &dyn Store) {
    let journal = &*store.open();
    let first = approval("N1");
    stored(journal, &first);
    let second = Row { record: RecordText("other".into()), ..refund("N1", "N0") };
    same(insert(&*store.open(), &second), Written::Conflict(Box::new(first.clone())));
    same(find(journal, "N1"), first.clone());
    // Also when it is closed.
    same(update(journal, &closed(next(&first))), Written::Stored);
    assert!(matches!(insert(journal, &second), Written::Conflict(_)));
}

pub(super) fn keys_differ(store: &dyn Store) {
    let journal = &*store.open();
    let first = marked("N1", "m");
    let mut elsewhere = first.clone();
    elsewhere.key.environment = Environment::new("production").expect("a label");
    let mut other_terminal = first.clone();
    other_terminal.key.terminal = TerminalId::new("T2").expect("a terminal");
    for row in [&first, &elsewhere, &other_terminal, &approval("n1"), &approval("N10")] {
        stored(journal, row);
        same(journal.find(&row.key).expect("a read").as_ref(), Some(row));
    }
}

pub(super) fn insert_race(store: &dyn Store) {
    for round in 0..5 {
        let number = format!("N{round}");
        let won = race(store, |journal, racer| {
            let row = Row { record: RecordText(racer.to_string()), ..approval(&number) };
            match insert(journal, &row) {
                Written::Stored => true,
                Written::Conflict(first) => {
                    assert_ne!(first.record, row.record);
                    false
                }
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(won, 1);
    }
}

pub(super) fn authorisation_once(store: &dyn Store) {
    let journal = &*store.open();
    let first = marked("N1", "m");
    stored(journal, &first);
    same(insert(journal, &marked("N2", "m")), Written::AuthorisationInUse(Box::new(key("N1"))));
    same(journal.find(&key("N2")).expect("a read"), None);
    stored(journal, &marked("N3", "other"));
    // Approved: closed, and still taken. Then reversed: free.
    let approved = closed(next(&first));
    same(update(journal, &approved), Written::Stored);
    same(insert(journal, &marked("N2", "m")), Written::AuthorisationInUse(Box::new(key("N1"))));
    same(update(journal, &Row { live: false, ..next(&approved) }), Written::Stored);
    stored(journal, &marked("N2", "m"));
    // Nothing marked, nothing taken.
    stored(journal, &approval("N4"));
    stored(journal, &approval("N5"));
}

pub(super) fn authorisation_race(store: &dyn Store) {
    for round in 0..5 {
        let mark = format!("m{round}");
        let won = race(store, |journal, racer| {
            match insert(journal, &marked(&format!("N{round}-{racer}"), &mark)) {
                Written::Stored => true,
                Written::AuthorisationInUse(_) => false,
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(won, 1);
    }
}

pub(super) fn reopened(store: &dyn Store) {
    let journal = &*store.open();
    let reversed = Row { live: false, ..closed(marked("N1", "m")) };
    stored(journal, &reversed);
    let second = marked("N2", "m");
    stored(journal, &second);
    let open_again = Row { standing: Standing::Open, live: true, ..next(&reversed) };
    same(update(journal, &open_again), Written::Stored);
    same(find(journal, "N1"), open_again.clone());
    // Either keeps a third out, also when the other has ended.
    assert!(matches!(insert(journal, &marked("N3", "m")), Written::AuthorisationInUse(_)));
    same(update(journal, &Row { live: false, ..closed(next(&second)) }), Written::Stored);
    same(insert(journal, &marked("N3", "m")), Written::AuthorisationInUse(Box::new(key("N1"))));
    same(update(journal, &Row { live: false, ..closed(next(&open_again)) }), Written::Stored);
    stored(journal, &marked("N3", "m"));
}

pub(super) fn refund_once(store: &dyn Store) {
    let journal = &*store.open();
    stored(journal, &closed(approval("N1")));
    stored(journal, &closed(approval("N2")));
    let refused = Row { live: false, ..closed(refund("R1", "N1")) };
    stored(journal, &refused);
    let second = Row { created_at: UnixMillis(2_000), ..refund("A2", "N1") };
    let second_again = Row { created_at: UnixMillis(2_000), ..refund("A3", "N1") };
    stored(journal, &second);
    same(insert(journal, &second_again), Written::AlreadyRefunding(Box::new(second.clone())));
    stored(journal, &refund("R4", "N2"));
    // The refund of a part makes room once it has ended.
    let (part, next_part) = (refund("P1", "N3"), refund("P2", "N3"));
    stored(journal, &part);
    same(insert(journal, &next_part), Written::AlreadyRefunding(Box::new(part.clone())));
    same(update(journal, &Row { live: false, ..closed(next(&part)) }), Written::Stored);
    stored(journal, &next_part);
    same(journal.refunds(&key("N1")).expect("a read"), [refused, second]);
    same(journal.refunds(&key("N9")).expect("a read"), []);
}

pub(super) fn settles(store: &dyn Store) {
    let journal = &*store.open();
    let row = approval("N1");
    stored(journal, &row);
    // The same write twice: the second finds the first's row, by which it can be known.
    let second = Row { record: RecordText("second".into()), ..next(&row) };
    same(update(journal, &second), Written::Stored);
    same(update(journal, &second), Written::Conflict(Box::new(second.clone())));
    same(insert(journal, &row), Written::Conflict(Box::new(second)));
    // A revision that skips one, and a row that is not there, are refused for certain.
    let skips = Row { revision: 4, ..row };
    assert!(matches!(journal.write(&skips, Expect::Revision(2)), Err(WriteError::NotStored(_))));
    let missing = next(&approval("N2"));
    assert!(matches!(journal.write(&missing, Expect::Revision(1)), Err(WriteError::NotStored(_))));
}

pub(super) fn revision_race(store: &dyn Store) {
    let journal = &*store.open();
    let mut row = approval("N1");
    stored(journal, &row);
    for _ in 0..5 {
        row = next(&row);
        let won = race(store, |journal, racer| {
            let row = Row { record: RecordText(racer.to_string()), ..row.clone() };
            match update(journal, &row) {
                Written::Stored => true,
                Written::Conflict(stands) => {
                    assert_eq!(stands.revision, row.revision);
                    false
                }
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(won, 1);
    }
}
