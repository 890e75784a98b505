//! What every journal must do, as cases that an author runs against an own [`Journal`].
//!
//! Each case gets a fresh [`Store`] and panics where the journal breaks a rule; [`run`] runs them all, so that an
//! author's test is one line: `run(|| Box::new(MyStore::empty()))`.
//!
//! What only a process can show (a power cut, `kill -9`) and how a journal fails is outside the kit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Barrier,
    thread,
};

use kicc_proto::{
    journal::{
        Admission, Claim, Claimed, Expect, Force, Journal, Key, Kind, Listing, Product, RecordText, Row,
        Standing, WriteError, Written,
    },
    time::UnixMillis,
    values::{Environment, TerminalId, TransactionNumber},
};

/// A fresh journal, and what the contract does not say of it.
pub trait Store: Sync {
    /// Another handle on the same rows, as another process would open it. Dropping the handle is that process's death.
    fn open(&self) -> Box<dyn Journal>;

    /// Whether the journal can tell a live holder from a dead one, or only reads leases (R20).
    fn knows_life(&self) -> bool;

    /// Prunes closed and told rows made before a moment, one batch (R22): how many.
    fn prune(&self, before: UnixMillis) -> u64;

    /// Declares the journal restored, with a prefix for new numbers (R24): whether it agreed.
    fn restored(&self, prefix: &str) -> bool;
}

/// One thing that every journal must do.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// The rule of payment safety that it stands for.
    pub rule: &'static str,
    /// Shows it, or panics.
    pub run: fn(&dyn Store),
}

/// Runs every case on a store of its own.
///
/// # Panics
/// When a case fails, after all have run, with the names of the failed ones.
pub fn run(make: impl Fn() -> Box<dyn Store>) {
    let failed: Vec<String> = cases()
        .into_iter()
        .filter(|case| catch_unwind(AssertUnwindSafe(|| (case.run)(&*make()))).is_err())
        .map(|case| format!("{} ({})", case.name, case.rule))
        .collect();
    assert!(failed.is_empty(), "the journal fails: {failed:#?}");
}

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    let case = |rule, name, run| Case { name, rule, run };
    vec![
        case("R1", "a row comes back as it was written", comes_back),
        case("R3", "a number is taken once, and the second gets the first's row", number_once),
        case("R3", "keys differ by environment, terminal and number", keys_differ),
        case("R3", "of eight threads on one number one is first", insert_race),
        case("R3", "an authorisation is spent by one live row", authorisation_once),
        case("R3", "of eight threads on one authorisation one is first", authorisation_race),
        case("R9", "a closed row is opened again though its authorisation is spent anew", reopened),
        case("R16", "one refund of an approval is open or done", refund_once),
        case("R2", "a write from the revision before settles what became of a write", settles),
        case("R18", "of eight writers at one revision one is done", revision_race),
        case("R20", "a write under an old token is refused", fenced),
        case("R20", "of eight claims of a dead holder's row one is granted", claim_race),
        case("R20", "a lease that runs is not taken", live_not_robbed),
        case("R20", "a lapsed lease is taken from a live holder only where that is asked", lapsed),
        case("R20", "a dead holder is not waited for", dead_holder),
        case("R20", "a row that moved on is not claimed", moved),
        case("R20", "a lease is renewed, never shortened, and lost with the token", renewed),
        case("R20", "a lease given back is free at once, and its token is void", released),
        case("R22", "lists are complete, in order and in pages", lists),
        case("R22", "an end stays untold until it was told at that revision", told),
        case("R22", "pruning keeps numbers, authorisations and refunds refused", pruned),
        case("R22", "what is open, parked or untold is never pruned", not_pruned),
        case("R22", "an approval stays while its refund is open", not_pruned_under_a_refund),
        case(
            "R24",
            "a restored journal asks for a new prefix, and its rows are suspect until written",
            suspect,
        ),
    ]
}

fn key(number: &str) -> Key {
    Key {
        environment: Environment::new("test").expect("a label"),
        product: Product::Simple,
        terminal: TerminalId::new("T123456789").expect("a terminal"),
        number: TransactionNumber::new(number).expect("a number"),
    }
}

/// An open approval that nobody holds, made in millisecond 1000.
fn approval(number: &str) -> Row {
    Row {
        key: key(number),
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
        created_at: UnixMillis(1_000),
        updated_at: UnixMillis(1_000),
        suspect: false,
        record: RecordText(format!("{{\"about\":\"{number} 가\"}}")),
    }
}

fn marked(number: &str, mark: &str) -> Row {
    Row { authorisation_mark: Some(mark.into()), ..approval(number) }
}

fn refund(number: &str, original: &str) -> Row {
    let original = Some(TransactionNumber::new(original).expect("a number"));
    Row { kind: Kind::Refund, original, ..approval(number) }
}

fn held(row: Row, holder: &str, until: u64) -> Row {
    Row { holder: holder.into(), lease_until: UnixMillis(until), ..row }
}

fn closed(row: Row) -> Row {
    Row { standing: Standing::Closed, told: true, ..row }
}

/// The row's next revision.
fn next(row: &Row) -> Row {
    Row { revision: row.revision + 1, updated_at: UnixMillis(row.updated_at.0 + 1), ..row.clone() }
}

fn insert(journal: &dyn Journal, row: &Row) -> Written {
    journal.write(row, Expect::Absent).expect("a write")
}

fn stored(journal: &dyn Journal, row: &Row) {
    assert_eq!(insert(journal, row), Written::Stored);
}

fn update(journal: &dyn Journal, row: &Row) -> Written {
    journal.write(row, Expect::Revision(row.revision - 1)).expect("a write")
}

fn find(journal: &dyn Journal, number: &str) -> Row {
    journal.find(&key(number)).expect("a read").expect("a row")
}

fn claim(journal: &dyn Journal, number: &str, revision: u64, now: u64, force: Force) -> Claimed {
    let (now, lease_until) = (UnixMillis(now), UnixMillis(now + 60_000));
    let claim = Claim { key: &key(number), revision, holder: journal.holder(), now, lease_until, force };
    journal.claim(&claim).expect("a claim")
}

fn granted(claimed: Claimed) -> Row {
    match claimed {
        Claimed::Yes(row) => *row,
        other => panic!("not granted: {other:?}"),
    }
}

fn is_held(claimed: &Claimed) -> bool {
    matches!(claimed, Claimed::Held { .. })
}

/// Runs `act` on eight threads at once, each with a journal and number of its own, and counts who won.
fn race(store: &dyn Store, act: impl Fn(&dyn Journal, usize) -> bool + Sync) -> usize {
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

fn comes_back(store: &dyn Store) {
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
        assert_eq!(other.find(&row.key).expect("a read").as_ref(), Some(row));
        assert!(other.holds(&row.key, row.token).expect("a read"));
    }
    assert_eq!(other.find(&key("N9")).expect("a read"), None);
    assert_eq!(other.unreadable().expect("a read"), []);
    assert_eq!(other.admission().expect("a read"), Admission::Any);
}

fn number_once(store: &dyn Store) {
    let journal = &*store.open();
    let first = approval("N1");
    stored(journal, &first);
    let second = Row { record: RecordText("other".into()), ..refund("N1", "N0") };
    assert_eq!(insert(&*store.open(), &second), Written::Conflict(Box::new(first.clone())));
    assert_eq!(find(journal, "N1"), first);
    // Also when it is closed.
    assert_eq!(update(journal, &closed(next(&first))), Written::Stored);
    assert!(matches!(insert(journal, &second), Written::Conflict(_)));
}

fn keys_differ(store: &dyn Store) {
    let journal = &*store.open();
    let first = marked("N1", "m");
    let mut elsewhere = first.clone();
    elsewhere.key.environment = Environment::new("production").expect("a label");
    let mut other_terminal = first.clone();
    other_terminal.key.terminal = TerminalId::new("T2").expect("a terminal");
    for row in [&first, &elsewhere, &other_terminal, &approval("n1"), &approval("N10")] {
        stored(journal, row);
        assert_eq!(journal.find(&row.key).expect("a read").as_ref(), Some(row));
    }
}

fn insert_race(store: &dyn Store) {
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

fn authorisation_once(store: &dyn Store) {
    let journal = &*store.open();
    let first = marked("N1", "m");
    stored(journal, &first);
    assert_eq!(insert(journal, &marked("N2", "m")), Written::AuthorisationInUse(Box::new(key("N1"))));
    assert_eq!(journal.find(&key("N2")).expect("a read"), None);
    stored(journal, &marked("N3", "other"));
    // Approved: closed, and still taken. Then reversed: free.
    let approved = closed(next(&first));
    assert_eq!(update(journal, &approved), Written::Stored);
    assert_eq!(insert(journal, &marked("N2", "m")), Written::AuthorisationInUse(Box::new(key("N1"))));
    assert_eq!(update(journal, &Row { live: false, ..next(&approved) }), Written::Stored);
    stored(journal, &marked("N2", "m"));
    // Nothing marked, nothing taken.
    stored(journal, &approval("N4"));
    stored(journal, &approval("N5"));
}

fn authorisation_race(store: &dyn Store) {
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

fn reopened(store: &dyn Store) {
    let journal = &*store.open();
    let reversed = Row { live: false, ..closed(marked("N1", "m")) };
    stored(journal, &reversed);
    let second = marked("N2", "m");
    stored(journal, &second);
    let open_again = Row { standing: Standing::Open, live: true, ..next(&reversed) };
    assert_eq!(update(journal, &open_again), Written::Stored);
    assert_eq!(find(journal, "N1"), open_again);
    // Either keeps a third out, also when the other has ended.
    assert!(matches!(insert(journal, &marked("N3", "m")), Written::AuthorisationInUse(_)));
    assert_eq!(update(journal, &Row { live: false, ..closed(next(&second)) }), Written::Stored);
    assert_eq!(insert(journal, &marked("N3", "m")), Written::AuthorisationInUse(Box::new(key("N1"))));
    assert_eq!(update(journal, &Row { live: false, ..closed(next(&open_again)) }), Written::Stored);
    stored(journal, &marked("N3", "m"));
}

fn refund_once(store: &dyn Store) {
    let journal = &*store.open();
    stored(journal, &closed(approval("N1")));
    stored(journal, &closed(approval("N2")));
    let refused = Row { live: false, ..closed(refund("R1", "N1")) };
    stored(journal, &refused);
    let second = Row { created_at: UnixMillis(2_000), ..refund("A2", "N1") };
    let second_again = Row { created_at: UnixMillis(2_000), ..refund("A3", "N1") };
    stored(journal, &second);
    assert_eq!(insert(journal, &second_again), Written::AlreadyRefunding(Box::new(second.clone())));
    stored(journal, &refund("R4", "N2"));
    assert_eq!(journal.refunds(&key("N1")).expect("a read"), [refused, second]);
    assert_eq!(journal.refunds(&key("N9")).expect("a read"), []);
}

fn settles(store: &dyn Store) {
    let journal = &*store.open();
    let row = approval("N1");
    stored(journal, &row);
    // The same write twice: the second finds the first's row, by which it can be known.
    let second = Row { record: RecordText("second".into()), ..next(&row) };
    assert_eq!(update(journal, &second), Written::Stored);
    assert_eq!(update(journal, &second), Written::Conflict(Box::new(second.clone())));
    assert_eq!(insert(journal, &row), Written::Conflict(Box::new(second)));
    // A revision that skips one, and a row that is not there, are refused for certain.
    let skips = Row { revision: 4, ..row };
    assert!(matches!(journal.write(&skips, Expect::Revision(2)), Err(WriteError::NotStored(_))));
    let missing = next(&approval("N2"));
    assert!(matches!(journal.write(&missing, Expect::Revision(1)), Err(WriteError::NotStored(_))));
}

fn revision_race(store: &dyn Store) {
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

fn fenced(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    stored(&*one, &approval("N1"));
    let mine = granted(claim(&*one, "N1", 1, 0, Force::DeadOrLapsed));
    assert_eq!((mine.token, mine.revision), (2, 1));
    let theirs = granted(claim(&*two, "N1", 1, 60_000, Force::LapsedEvenIfAlive));
    assert_eq!((theirs.token, &*theirs.holder, theirs.lease_until.0), (3, two.holder(), 120_000));
    assert!(!one.holds(&key("N1"), 2).expect("a read"));
    assert!(two.holds(&key("N1"), 3).expect("a read"));
    assert_eq!(update(&*one, &next(&mine)), Written::Conflict(Box::new(theirs.clone())));
    assert_eq!(update(&*two, &next(&theirs)), Written::Stored);
    one.release(&key("N1"), 2).expect("a write");
    assert!(two.holds(&key("N1"), 3).expect("a read"));
}

fn claim_race(store: &dyn Store) {
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

fn live_not_robbed(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    let row = held(approval("N1"), one.holder(), 5_000);
    stored(&*one, &row);
    for force in [Force::DeadOrLapsed, Force::LapsedEvenIfAlive] {
        let refused = claim(&*two, "N1", 1, 4_999, force);
        assert_eq!(refused, Claimed::Held { holder: one.holder().into(), until: UnixMillis(5_000) });
    }
    assert_eq!(find(&*two, "N1"), row);
    // One's own is none either while the lease runs: another thread may be at work. Then it is one's to take again.
    assert!(is_held(&claim(&*one, "N1", 1, 4_999, Force::LapsedEvenIfAlive)));
    assert_eq!(granted(claim(&*one, "N1", 1, 5_000, Force::DeadOrLapsed)).token, 2);
}

fn lapsed(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    stored(&*one, &held(approval("N1"), one.holder(), 5_000));
    if store.knows_life() {
        assert!(is_held(&claim(&*two, "N1", 1, 9_000, Force::DeadOrLapsed)));
        granted(claim(&*two, "N1", 1, 9_000, Force::LapsedEvenIfAlive));
    } else {
        granted(claim(&*two, "N1", 1, 5_000, Force::DeadOrLapsed));
    }
}

fn dead_holder(store: &dyn Store) {
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

fn moved(store: &dyn Store) {
    let (one, two) = (store.open(), store.open());
    let row = approval("N1");
    stored(&*one, &row);
    assert_eq!(update(&*one, &next(&row)), Written::Stored);
    assert_eq!(claim(&*two, "N1", 1, 0, Force::LapsedEvenIfAlive), Claimed::Moved);
    assert_eq!(claim(&*two, "N2", 1, 0, Force::LapsedEvenIfAlive), Claimed::Moved);
    assert_eq!(find(&*one, "N1"), next(&row));
}

fn renewed(store: &dyn Store) {
    let journal = &*store.open();
    let row = held(approval("N1"), journal.holder(), 5_000);
    stored(journal, &row);
    let renew = |token, until| journal.renew(&row.key, token, UnixMillis(until)).expect("a write");
    assert!(renew(1, 8_000));
    assert!(renew(1, 7_000));
    assert!(!renew(2, 9_000));
    assert_eq!(find(journal, "N1"), held(approval("N1"), journal.holder(), 8_000));
    // A write that did not hear of the renewal does not undo it.
    assert_eq!(update(journal, &next(&row)), Written::Stored);
    assert_eq!(find(journal, "N1").lease_until, UnixMillis(8_000));
}

fn released(store: &dyn Store) {
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

fn lists(store: &dyn Store) {
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
            assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{which:?} by {limit}");
        }
    };
    check(Listing::Open, &|row| row.standing == Standing::Open);
    check(Listing::Parked, &|row| row.standing == Standing::Parked);
    check(Listing::Untold, &|row| row.standing != Standing::Open && !row.told);
    let made = |from, until| Listing::Made { from: UnixMillis(from), until: UnixMillis(until) };
    check(made(1_003, 1_007), &|row| (1_003..1_007).contains(&row.created_at.0));
    check(made(0, u64::MAX), &|_| true);
}

fn told(store: &dyn Store) {
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
    assert_eq!(update(journal, &Row { told: false, ..next(&row) }), Written::Stored);
    assert_eq!(untold(), 1);
}

fn pruned(store: &dyn Store) {
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
        assert_eq!(journal.find(&key(number)).expect("a read"), None);
        assert_eq!(insert(journal, &approval(number)), Written::UsedBefore);
    }
    let late = next(&approval("N1"));
    assert_eq!(update(journal, &late), Written::UsedBefore);
    assert_eq!(insert(journal, &marked("N4", "m")), Written::AuthorisationInUse(Box::new(key("N1"))));
    assert_eq!(insert(journal, &refund("R2", "N1")), Written::UsedBefore);
    stored(journal, &marked("N5", "free"));
}

fn not_pruned(store: &dyn Store) {
    let journal = &*store.open();
    stored(journal, &Row { told: true, ..approval("N1") });
    stored(journal, &Row { standing: Standing::Parked, told: true, ..approval("N2") });
    stored(journal, &Row { told: false, ..closed(approval("N3")) });
    assert_eq!(store.prune(UnixMillis(u64::MAX)), 0);
}

fn not_pruned_under_a_refund(store: &dyn Store) {
    let journal = &*store.open();
    stored(journal, &closed(approval("N1")));
    let refund = refund("R1", "N1");
    stored(journal, &refund);
    assert_eq!(store.prune(UnixMillis(9_999)), 0);
    assert_eq!(update(journal, &closed(next(&refund))), Written::Stored);
    while store.prune(UnixMillis(9_999)) > 0 {}
    assert_eq!(journal.find(&key("N1")).expect("a read"), None);
    assert_eq!(journal.find(&key("R1")).expect("a read"), None);
}

fn suspect(store: &dyn Store) {
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
    // A claim takes no suspicion away, and a row written since has none.
    let row = granted(claim(journal, "N1", 1, 0, Force::DeadOrLapsed));
    assert!(row.suspect && find(journal, "N1").suspect);
    stored(journal, &approval("B-1"));
    assert!(!find(journal, "B-1").suspect);
    assert_eq!(update(journal, &next(&row)), Written::Stored);
    assert!(!find(journal, "N1").suspect);
    // A second restore may have lost numbers of the first one's prefix.
    for bad in ["B-", "B", "B-2"] {
        assert!(!store.restored(bad), "{bad}");
    }
    assert!(store.restored("C-"));
    assert!(find(journal, "B-1").suspect && find(journal, "N1").suspect);
}
