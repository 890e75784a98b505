//! Do all books agree? The VAN's, the journal, what was told, and the merchant's own.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use kicc_testkit::van::{BookEntry, Charged, Disagreement, Entry, Kind, Ledger, Seen};

use crate::{
    process::Line,
    shop::{Shop, name},
    trials::possible,
};

/// Whether the second script can run here.
pub static PYTHON: LazyLock<Result<(), String>> = LazyLock::new(|| possible("python3", &["--version"]));

/// Fails unless after `pay` and `recover`, which printed `lines`, for these numbers of the shop's product:
///
/// * nothing was sent against the protocol, and no number's approval twice (R4);
/// * a number without a record was never sent (R1);
/// * every record has ended, was told (R22), and told the same each time;
/// * what was told, the merchant's books and the VAN's ledger say the same.
///
/// Returns how many are for a person.
#[track_caller]
pub fn agree(shop: &Shop, numbers: &[String], lines: &[Line]) -> usize {
    let ledger = settled_ledger(shop);
    assert_eq!(ledger.violations, Vec::<String>::new());
    let rows = shop.rows().into_iter().filter(|row| row.original.is_none());
    let rows: BTreeMap<_, _> = rows.map(|row| (row.number.clone(), row)).collect();
    let (mut book, mut persons) = (Vec::new(), 0);
    for number in numbers {
        let told = told_of(shop, lines, number, |line| line.refund_number.is_none());
        let approvals = ledger.approvals(number);
        assert!(approvals <= 1, "{number}: {approvals} approvals");
        let Some(row) = rows.get(number) else {
            assert_eq!(approvals, 0, "{number}: sent without a record");
            assert!(!shop.holds(number), "{number}: in the merchant's books without a record");
            continue;
        };
        assert!(!row.is_open() && row.told, "{number}: left behind: {row:?}");
        let last = told.unwrap_or_else(|| panic!("{number}: its outcome was never told; {row:?}"));
        assert_eq!(
            shop.holds(number),
            last.outcome() == "approved",
            "{number}: the merchant's books: {last:?}"
        );
        let (person, charged) = believed(&ledger, last);
        persons += usize::from(person);
        book.push(BookEntry { number: number.clone(), amount: 1000, charged });
    }
    compare(shop, &ledger, book, persons);
    persons
}

/// The same after refunds of these numbers, which were all approved. Each has one refund at most, and where it was
/// begun it has ended and was told.
#[track_caller]
pub fn agree_after_refunds(shop: &Shop, numbers: &[String], lines: &[Line]) -> usize {
    let ledger = shop.ledger();
    assert_eq!(ledger.violations, Vec::<String>::new());
    let rows = shop.rows();
    let (mut book, mut persons) = (Vec::new(), 0);
    for number in numbers {
        let refunds: Vec<_> = rows.iter().filter(|row| row.original.as_ref() == Some(number)).collect();
        let charged = match refunds[..] {
            [] => Charged::Yes,
            [row] => {
                assert!(!row.is_open() && row.told, "{number}: left behind: {row:?}");
                let told =
                    told_of(shop, lines, number, |line| line.refund_number.as_ref() == Some(&row.number));
                let told = told.unwrap_or_else(|| panic!("{number}: its refund was never told: {row:?}"));
                let (person, charged) = believed(&ledger, told);
                persons += usize::from(person);
                charged
            }
            _ => panic!("{number}: refunded more than once: {refunds:?}"),
        };
        book.push(BookEntry { number: number.clone(), amount: 1000, charged });
    }
    compare(shop, &ledger, book, persons);
    persons
}

/// The same after refunds of parts, that have given back so many won of each.
#[track_caller]
pub fn agree_after_parts(shop: &Shop, numbers: &[String], given_back: u64) {
    let ledger = shop.ledger();
    assert_eq!(ledger.violations, Vec::<String>::new());
    for row in shop.rows() {
        assert!(!row.is_open() && row.told, "left behind: {row:?}");
    }
    let book = |number: &String| BookEntry {
        number: number.clone(),
        amount: 1000 - given_back,
        charged: Charged::Yes,
    };
    compare(shop, &ledger, numbers.iter().map(book).collect(), 0);
}

/// What was told of a number at last, and was told no otherwise before.
#[track_caller]
fn told_of<'a>(
    shop: &Shop,
    lines: &'a [Line],
    number: &str,
    is_meant: impl Fn(&Line) -> bool,
) -> Option<&'a Line> {
    let is_ours = |line: &Line| line.product.as_deref() == Some(name(shop.product));
    let of_it = |line: &&Line| line.number == number && is_ours(line) && is_meant(line);
    let told: Vec<&Line> = lines.iter().filter(of_it).filter(|line| line.outcome.is_some()).collect();
    let last = told.last().copied()?;
    for line in told {
        let same = (line.outcome(), &line.charged) == (last.outcome(), &last.charged);
        assert!(same, "{number}: told otherwise before: {line:?}, then {last:?}");
    }
    Some(last)
}

/// Whether a person must look, and what the merchant believes. A person does not take the amount as settled.
#[track_caller]
fn believed(ledger: &Ledger, line: &Line) -> (bool, Charged) {
    let person = line.outcome() == "needs_operator";
    match line.charged.as_deref() {
        Some("yes") if person => {
            assert!(ledger.standing(&line.number), "nothing stands: {line:?}");
            (true, Charged::Unknown)
        }
        Some("yes") => (false, Charged::Yes),
        Some("no") => (false, Charged::No),
        Some("unknown") => (person, Charged::Unknown),
        _ => panic!("charged? {line:?}"),
    }
}

/// Compares what was told with the ledger, and asks the second script about the journal.
#[track_caller]
fn compare(shop: &Shop, ledger: &Ledger, book: Vec<BookEntry>, persons: usize) {
    let differ = |what: &Disagreement| !matches!(what, Disagreement::ForAPerson { .. });
    let disagreements = ledger.disagreements(book);
    assert!(!disagreements.iter().any(differ), "{disagreements:#?}");
    if PYTHON.is_ok() {
        let second = second_opinion(shop, &format!("{}/ledger", shop.van.base_url()));
        let text = String::from_utf8_lossy(&second.stdout).into_owned();
        assert!(second.status.success(), "{text}{}", String::from_utf8_lossy(&second.stderr));
        let sums = format!("\n{}: 0 lost, 0 doubled, 0 wrong, {persons} for a person\n", name(shop.product));
        assert!(format!("\n{text}").contains(&sums), "{text}");
    }
}

/// The ledger, once everything that is to be booked late was, or was not.
fn settled_ledger(shop: &Shop) -> Ledger {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let ledger = shop.ledger();
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
