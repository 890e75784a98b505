//! Do all books agree? The VAN's, the journal, what was told, and the merchant's own.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use kicc_testkit::van::{BookEntry, Charged, Disagreement, Entry, Kind, Ledger, Seen, Van};

use crate::{
    shop::{Line, Shop},
    trials::possible,
};

/// Whether the second script can run here.
pub static PYTHON: LazyLock<Result<(), String>> = LazyLock::new(|| possible("python3", &["--version"]));

/// Fails unless after `pay` and `recover`, which printed `lines`:
///
/// * nothing was sent against the protocol, and no number's approval twice (R4);
/// * a number without a record was never sent (R1);
/// * every record has ended, was told (R22), and told the same each time;
/// * what was told, the merchant's books and the VAN's ledger say the same.
///
/// Returns how many are for a person.
#[track_caller]
pub fn agree(shop: &Shop, numbers: &[String], lines: &[Line]) -> usize {
    let ledger = settled_ledger(&shop.van);
    assert_eq!(ledger.violations, Vec::<String>::new());
    let rows: BTreeMap<_, _> = shop.rows().into_iter().map(|row| (row.number.clone(), row)).collect();
    let mut book = Vec::new();
    for number in numbers {
        let told: Vec<&Line> =
            lines.iter().filter(|line| line.number == *number && line.outcome.is_some()).collect();
        let approvals = ledger.approvals(number);
        assert!(approvals <= 1, "{number}: {approvals} approvals");
        let Some(row) = rows.get(number) else {
            assert_eq!(approvals, 0, "{number}: sent without a record");
            assert!(!shop.holds(number), "{number}: in the merchant's books without a record");
            continue;
        };
        assert!(!row.is_open() && row.told, "{number}: left behind: {row:?}");
        let last = told.last().unwrap_or_else(|| panic!("{number}: its outcome was never told; {row:?}"));
        for line in &told {
            assert_eq!(
                (line.outcome(), &line.charged),
                (last.outcome(), &last.charged),
                "{number}: told otherwise before"
            );
        }
        assert_eq!(
            shop.holds(number),
            last.outcome() == "approved",
            "{number}: the merchant's books: {last:?}"
        );
        let charged = match last.charged.as_deref() {
            Some("yes") => Charged::Yes,
            Some("no") => Charged::No,
            Some("unknown") => Charged::Unknown,
            other => panic!("{number}: charged {other:?}"),
        };
        book.push(BookEntry { number: number.clone(), amount: 1000, charged });
    }
    let differ = |what: &Disagreement| !matches!(what, Disagreement::ForAPerson { .. });
    let disagreements = ledger.disagreements(book);
    assert!(!disagreements.iter().any(differ), "{disagreements:#?}");
    let is_parked = |number: &String| {
        lines.iter().any(|line| line.number == *number && line.outcome() == "needs_operator")
    };
    let persons = numbers.iter().filter(|number| is_parked(number)).count();
    if PYTHON.is_ok() {
        let second = second_opinion(shop, &format!("{}/ledger", shop.van.base_url()));
        let text = String::from_utf8_lossy(&second.stdout).into_owned();
        assert!(second.status.success(), "{text}{}", String::from_utf8_lossy(&second.stderr));
        assert!(text.ends_with(&format!("0 lost, 0 doubled, 0 wrong, {persons} for a person\n")), "{text}");
    }
    persons
}

/// The ledger, once everything that is to be booked late was, or was not.
fn settled_ledger(van: &Van) -> Ledger {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let ledger = van.ledger();
        let pending = |entry: &&Entry| {
            let came_late = |seen: &Seen| seen.kind == Kind::Approval && seen.body.is_none();
            entry.plan.starts_with("late_") && entry.approvals > 0 && !entry.requests.iter().any(came_late)
        };
        let Some(entry) = ledger.entries.iter().find(pending) else { return ledger };
        assert!(Instant::now() < until, "never booked late: {entry:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs the second script over a ledger and the shop's journal.
pub fn second_opinion(shop: &Shop, ledger_url: &str) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reconcile.py");
    Command::new("python3").arg(script).arg(ledger_url).arg(shop.journal()).output().unwrap()
}
