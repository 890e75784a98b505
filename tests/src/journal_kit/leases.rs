//! Who works on a row (R20).

use kicc_proto::{
    journal::{Claimed, Force, Written},
    time::UnixMillis,
};

use super::{
    Store,
    rows::{approval, claim, find, granted, held, is_held, key, next, race, same, stored, update},
};

pub(super) fn fenced(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    stored(&*one, &approval("N1"));
    let mine = granted(claim(&*one, "N1", 1, 0, Force::DeadOrLapsed));
    assert_eq!((mine.token, mine.revision), (2, 1));
    let theirs = granted(claim(&*two, "N1", 1, 60_000, Force::LapsedEvenIfAlive));
    assert_eq!((theirs.token, &*theirs.holder, theirs.lease_until.0), (3, two.holder(), 120_000));
    assert!(!one.holds(&key("N1"), 2).expect("a read"));
    assert!(two.holds(&key("N1"), 3).expect("a read"));
    same(update(&*one, &next(&mine)), Written::Conflict(Box::new(theirs.clone())));
    same(update(&*two, &next(&theirs)), Written::Stored);
    one.release(&key("N1"), 2).expect("a write");
    assert!(two.holds(&key("N1"), 3).expect("a read"));
}

pub(super) fn claim_race(store: &dyn Store) {
    let dead = store.open();
    for round in 0..5 {
        stored(&*dead, &held(approval(&format!("N{round}")), dead.holder(), 10));
    }
    drop(dead);
    for round in 0..5 {
        let won = race(store, |journal, _| {
            match claim(journal, &format!("N{round}"), 1, 10, Force::DeadOrLapsed) {
                Claimed::Yes(row) => {
                    assert_eq!((row.token, &*row.holder), (2, journal.holder()));
                    true
                }
                Claimed::Held { .. } => false,
                Claimed::Moved => panic!("it did not move"),
            }
        });
        assert_eq!(won, 1);
    }
}

pub(super) fn live_not_robbed(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    let row = held(approval("N1"), one.holder(), 5_000);
    stored(&*one, &row);
    for force in [Force::DeadOrLapsed, Force::LapsedEvenIfAlive] {
        let refused = claim(&*two, "N1", 1, 4_999, force);
        assert_eq!(refused, Claimed::Held { holder: one.holder().into(), until: UnixMillis(5_000) });
    }
    same(find(&*two, "N1"), row);
    // One's own is none either while the lease runs: another thread may be at work. Then it is one's to take again.
    assert!(is_held(&claim(&*one, "N1", 1, 4_999, Force::LapsedEvenIfAlive)));
    assert_eq!(granted(claim(&*one, "N1", 1, 5_000, Force::DeadOrLapsed)).token, 2);
}

pub(super) fn lapsed(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    stored(&*one, &held(approval("N1"), one.holder(), 5_000));
    if store.knows_life() {
        assert!(is_held(&claim(&*two, "N1", 1, 9_000, Force::DeadOrLapsed)));
        granted(claim(&*two, "N1", 1, 9_000, Force::LapsedEvenIfAlive));
    } else {
        granted(claim(&*two, "N1", 1, 5_000, Force::DeadOrLapsed));
    }
}

pub(super) fn dead_holder(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    stored(&*one, &held(approval("N1"), one.holder(), 5_000));
    drop(one);
    if store.knows_life() {
        granted(claim(&*two, "N1", 1, 0, Force::DeadOrLapsed));
    } else {
        assert!(is_held(&claim(&*two, "N1", 1, 4_999, Force::DeadOrLapsed)));
        granted(claim(&*two, "N1", 1, 5_000, Force::DeadOrLapsed));
    }
}

pub(super) fn moved(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    let row = approval("N1");
    stored(&*one, &row);
    same(update(&*one, &next(&row)), Written::Stored);
    same(claim(&*two, "N1", 1, 0, Force::LapsedEvenIfAlive), Claimed::Moved);
    same(claim(&*two, "N2", 1, 0, Force::LapsedEvenIfAlive), Claimed::Moved);
    same(find(&*one, "N1"), next(&row));
}

pub(super) fn renewed(store: &dyn Store) {
    let journal = &*store.open();
    let row = held(approval("N1"), journal.holder(), 5_000);
    stored(journal, &row);
    let renew = |token, until| journal.renew(&row.key, token, UnixMillis(until)).expect("a write");
    assert!(renew(1, 8_000));
    assert!(renew(1, 7_000));
    assert!(!renew(2, 9_000));
    same(find(journal, "N1"), held(approval("N1"), journal.holder(), 8_000));
    // A write that did not hear of the renewal does not undo it.
    same(update(journal, &next(&row)), Written::Stored);
    assert_eq!(find(journal, "N1").lease_until, UnixMillis(8_000));
    // One that gives it back does.
    let free = held(next(&next(&row)), "", 0);
    same(update(journal, &free), Written::Stored);
    same(find(journal, "N1"), free);
}

pub(super) fn released(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    let row = held(approval("N1"), one.holder(), 5_000);
    stored(&*one, &row);
    one.release(&row.key, 1).expect("a write");
    assert!(!one.holds(&row.key, 1).expect("a read"));
    assert!(matches!(update(&*one, &next(&row)), Written::Conflict(_)));
    let free = find(&*one, "N1");
    assert_eq!((&*free.holder, free.revision), ("", 1));
    granted(claim(&*two, "N1", 1, 0, Force::DeadOrLapsed));
}
