//! Do all books agree? The VAN's, the journal, what was answered, and the shop's own.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use kicc_proto::flow::{Charged as Told, Outcome, Verdict};
use kicc_testkit::van::{BookEntry, Charged, Disagreement, Entry, Kind, Ledger, Seen, Van};
use serde_json::Value;

use crate::{
    shop::{JournalRow, Shop},
    trials::{has, no_skip},
};

/// Whether the second script can run here.
static PYTHON: LazyLock<Result<(), String>> =
    LazyLock::new(|| has("python3").inspect_err(|why| eprintln!("the second script is not asked: {why}")));

/// Fails unless for these numbers, of which the server answered this, all books [say the same](say_the_same), and the
/// second script finds so, too.
#[track_caller]
pub fn agree(shop: &Shop, numbers: &[String], answers: &[Value]) {
    let (ledger, rows) = (settled_ledger(&shop.van), shop.rows());
    say_the_same(&ledger, &rows, &shop.books(), numbers, answers);
    compare(&ledger, &rows, &format!("{}/ledger", shop.van.base_url()), &shop.path("journal.db"));
}

/// Fails unless for these numbers, of which this was answered:
///
/// * nothing was sent against the protocol, and no number's approval twice (R4);
/// * a number without a record was never sent (R1);
/// * every record has ended and was told (R22), and every answer said the same;
/// * the journal, the shop's own books and the VAN's ledger say the same.
///
/// Returns how many of them are for a person.
#[track_caller]
pub fn say_the_same(
    ledger: &Ledger,
    rows: &BTreeMap<String, JournalRow>,
    books: &BTreeMap<String, String>,
    numbers: &[String],
    answers: &[Value],
) -> usize {
    let mut told = BTreeMap::<&str, Vec<&Value>>::new();
    for answer in answers {
        told.entry(answer["number"].as_str().unwrap_or_default()).or_default().push(answer);
    }
    for number in numbers {
        let Some(row) = rows.get(number) else {
            let sent = ledger.entry(number).map_or(0, |entry| entry.approvals);
            assert_eq!(sent, 0, "{number}: sent without a record");
            // Written down by the shop at most, before the journal had it.
            assert_ne!(
                books.get(number).map(String::as_str),
                Some("paid"),
                "{number}: paid without a record"
            );
            continue;
        };
        assert!(!row.is_open() && row.told, "{number}: left behind: {row:?}");
        let outcome = outcome(row);
        let expected = match outcome.name() {
            "approved" => "paid",
            "declined" | "never_sent" => "refused",
            "needs_operator" => "person",
            reversed => reversed,
        };
        assert_eq!(books[number], expected, "{number}: the shop's books");
        for answer in told.get(number.as_str()).into_iter().flatten() {
            if let Some(told) = answer["outcome"].as_str() {
                assert_eq!(told, outcome.name(), "{number}: answered otherwise: {answer}");
                assert_eq!(answer["charged"], outcome.charged().as_str(), "{answer}");
            }
        }
    }
    disagreements(ledger, rows)
}

/// Compares the journal with the ledger, and asks the second script, too, where it can run.
#[track_caller]
pub fn compare(ledger: &Ledger, rows: &BTreeMap<String, JournalRow>, ledger_url: &str, journal: &Path) {
    let for_a_person = disagreements(ledger, rows);
    if PYTHON.is_ok() || no_skip() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../kicc-ureq/tests/reconcile.py");
        let second = Command::new("python3").arg(script).arg(ledger_url).arg(journal).output().unwrap();
        let text = String::from_utf8_lossy(&second.stdout).into_owned();
        assert!(second.status.success(), "{text}{}", String::from_utf8_lossy(&second.stderr));
        let sums = format!("0 lost, 0 doubled, 0 wrong, {for_a_person} for a person\n");
        assert!(text.ends_with(&sums), "{text}");
    }
}

/// Fails unless journal and ledger agree; how many are for a person.
#[track_caller]
fn disagreements(ledger: &Ledger, rows: &BTreeMap<String, JournalRow>) -> usize {
    assert_eq!(ledger.violations, Vec::<String>::new());
    for entry in &ledger.entries {
        assert!(entry.approvals <= 1, "{}: {} approvals", entry.number, entry.approvals);
    }
    let book = rows.iter().map(|(number, row)| BookEntry {
        number: number.clone(),
        amount: row.record.amount.total().0,
        charged: match outcome(row).charged() {
            Told::Yes => Charged::Yes,
            Told::No => Charged::No,
            Told::Unknown => Charged::Unknown,
        },
    });
    // A cancel bears a number of its own, and is nobody's sale.
    let mut sales = ledger.clone();
    sales.entries.retain(|entry| rows.contains_key(&entry.number) || !entry.charges.is_empty());
    let disagreements = sales.disagreements(book);
    let differ = |what: &Disagreement| !matches!(what, Disagreement::ForAPerson { .. });
    assert!(!disagreements.iter().any(differ), "{disagreements:#?}");
    disagreements.len()
}

/// How a row's approval ended.
#[track_caller]
pub fn outcome(row: &JournalRow) -> Outcome {
    match row.record.verdict() {
        Some(Verdict::Approval(outcome)) => outcome,
        other => panic!("no outcome but {other:?}: {row:?}"),
    }
}

/// The ledger, once everything that is to be booked late was, or was not.
pub fn settled_ledger(van: &Van) -> Ledger {
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
