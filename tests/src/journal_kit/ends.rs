//! Lists, what was told, what is pruned and what was restored (R22, R24).

use kicc_proto::{
    journal::{Admission, Force, Listing, Row, Standing, Written},
    time::UnixMillis,
};

use super::{
    Store,
    rows::{approval, claim, closed, find, granted, insert, key, marked, next, refund, same, stored, update},
};

pub(super) fn lists(store: &dyn Store) {
    let journal = &*store.open();
    let standings = [Standing::Open, Standing::Parked, Standing::Closed];
    let mut rows = Vec::new();
    for number in 0..24_u64 {
        let standing = standings[number as usize % 3];
        // Pairs of one millisecond, and not in the order of their numbers.
        let made = UnixMillis(1_000 + (number * 7 % 24) / 2);
        let told = number % 4 == 0;
        let row = Row { standing, told, created_at: made, ..approval(&format!("N{number:02}")) };
        stored(journal, &row);
        rows.push(row);
    }
    rows.sort_by(|a, b| (a.created_at, &a.key).cmp(&(b.created_at, &b.key)));
    let check = |which, wanted: &dyn Fn(&Row) -> bool| {
        let wanted: Vec<&Row> = rows.iter().filter(|row| wanted(row)).collect();
        assert!(!wanted.is_empty());
        for limit in [1, 3, 100] {
            let mut found: Vec<Row> = Vec::new();
            loop {
                let after = found.last().map(|row| (row.created_at, &row.key));
                let page = journal.list(which, after, limit).expect("a read");
                assert!(page.len() <= limit as usize);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            let keys = found.iter().map(|row| &row.key).collect::<Vec<_>>();
            let wanted_keys = wanted.iter().map(|row| &row.key).collect::<Vec<_>>();
            assert_eq!(keys, wanted_keys, "{which:?} by {limit}");
            same(found.iter().collect::<Vec<_>>(), wanted.clone());
        }
    };
    check(Listing::Open, &|row| row.standing == Standing::Open);
    check(Listing::Parked, &|row| row.standing == Standing::Parked);
    check(Listing::Untold, &|row| row.standing != Standing::Open && !row.told);
    let made = |from, until| Listing::Made { from: UnixMillis(from), until: UnixMillis(until) };
    check(made(1_003, 1_007), &|row| (1_003..1_007).contains(&row.created_at.0));
    check(made(0, u64::MAX), &|_| true);
}

pub(super) fn told(store: &dyn Store) {
    let journal = &*store.open();
    let row = Row { told: false, ..closed(approval("N1")) };
    stored(journal, &row);
    let untold = || journal.list(Listing::Untold, None, 9).expect("a read").len();
    assert_eq!(untold(), 1);
    assert!(!journal.told(&row.key, 2).expect("a write"));
    assert_eq!(untold(), 1);
    assert!(journal.told(&row.key, 1).expect("a write"));
    assert!(journal.told(&row.key, 1).expect("a write"));
    assert_eq!(untold(), 0);
    // Telling is no revision: the next write still names the one before.
    same(update(journal, &Row { told: false, ..next(&row) }), Written::Stored);
    assert_eq!(untold(), 1);
}

/// `told` is stored as it is given, whichever way it goes.
pub(super) fn told_as_given(store: &dyn Store) {
    let journal = &*store.open();
    let row = closed(approval("N1"));
    stored(journal, &row);
    let untold = Row { told: false, ..next(&row) };
    for row in [untold.clone(), Row { told: true, ..next(&untold) }] {
        same(update(journal, &row), Written::Stored);
        same(find(journal, "N1"), row);
    }
}

pub(super) fn pruned(store: &dyn Store) {
    let journal = &*store.open();
    stored(journal, &closed(marked("N1", "m")));
    stored(journal, &Row { created_at: UnixMillis(1_001), ..closed(refund("R1", "N1")) });
    stored(journal, &Row { live: false, ..closed(marked("N2", "free")) });
    // A refund stays with its approval, even where the clock made it the older.
    stored(journal, &Row { created_at: UnixMillis(5_000), ..closed(approval("N3")) });
    stored(journal, &closed(refund("R3", "N3")));
    while store.prune(UnixMillis(5_000)) > 0 {}
    let left = journal.list(Listing::Made { from: UnixMillis(0), until: UnixMillis(9_999) }, None, 9);
    assert_eq!(
        left.expect("a read").iter().map(|row| row.key.number.as_str()).collect::<Vec<_>>(),
        ["R3", "N3"]
    );
    for number in ["N1", "R1", "N2"] {
        same(journal.find(&key(number)).expect("a read"), None);
        same(insert(journal, &approval(number)), Written::UsedBefore);
    }
    let late = next(&approval("N1"));
    same(update(journal, &late), Written::UsedBefore);
    same(insert(journal, &marked("N4", "m")), Written::AuthorisationInUse(Box::new(key("N1"))));
    same(insert(journal, &refund("R2", "N1")), Written::UsedBefore);
    stored(journal, &marked("N5", "free"));
}

pub(super) fn not_pruned(store: &dyn Store) {
    let journal = &*store.open();
    stored(journal, &Row { told: true, ..approval("N1") });
    stored(journal, &Row { standing: Standing::Parked, told: true, ..approval("N2") });
    stored(journal, &Row { told: false, ..closed(approval("N3")) });
    assert_eq!(store.prune(UnixMillis(u64::MAX)), 0);
}

pub(super) fn not_pruned_under_a_refund(store: &dyn Store) {
    let journal = &*store.open();
    stored(journal, &closed(approval("N1")));
    let refund = refund("R1", "N1");
    stored(journal, &refund);
    assert_eq!(store.prune(UnixMillis(9_999)), 0);
    let parked = Row { standing: Standing::Parked, told: true, ..next(&refund) };
    let untold = Row { told: false, ..closed(next(&parked)) };
    for waits in [&parked, &untold] {
        same(update(journal, waits), Written::Stored);
        assert_eq!(store.prune(UnixMillis(9_999)), 0);
    }
    same(update(journal, &closed(next(&untold))), Written::Stored);
    while store.prune(UnixMillis(9_999)) > 0 {}
    same(journal.find(&key("N1")).expect("a read"), None);
    same(journal.find(&key("R1")).expect("a read"), None);
}

pub(super) fn suspect(store: &dyn Store) {
    let journal = &*store.open();
    stored(journal, &approval("N1"));
    assert!(!find(journal, "N1").suspect);
    for bad in ["", "a b", "N", "N1", "thirteen-long"] {
        assert!(!store.restored(bad), "{bad}");
    }
    assert_eq!(journal.admission().expect("a read"), Admission::Any);
    assert!(store.restored("B-"));
    assert_eq!(journal.admission().expect("a read"), Admission::Prefix("B-".into()));
    assert!(find(journal, "N1").suspect);
    assert!(journal.list(Listing::Open, None, 1).expect("a read")[0].suspect);
    // What is no write of the row takes no suspicion away, and a row written since has none.
    let row = granted(claim(journal, "N1", 1, 0, Force::DeadOrLapsed));
    assert!(row.suspect && find(journal, "N1").suspect);
    assert!(journal.renew(&row.key, row.token, UnixMillis(70_000)).expect("a write"));
    assert!(journal.told(&row.key, row.revision).expect("a write"));
    assert!(find(journal, "N1").suspect);
    stored(journal, &approval("B-1"));
    assert!(!find(journal, "B-1").suspect);
    same(update(journal, &next(&row)), Written::Stored);
    assert!(!find(journal, "N1").suspect);
    // A second restore may have lost numbers of the first one's prefix.
    for bad in ["B-", "B", "B-2"] {
        assert!(!store.restored(bad), "{bad}");
    }
    assert!(store.restored("C-"));
    assert!(find(journal, "B-1").suspect && find(journal, "N1").suspect);
}
