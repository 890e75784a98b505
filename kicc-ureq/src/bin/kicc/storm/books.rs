//! After a storm: the VAN's books against what was reported, and against what the shop holds.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use kicc_proto::flow::{Charged, Outcome};
use kicc_testkit::van::{self, BookEntry, Disagreement, Ledger, faults::End};

use super::{cases::Case, ended::Ended, shop::Shop, table::title};

/// Compares all books and says what they disagree on. Whether all agree.
pub fn reconcile(
    ledger: &Ledger,
    ended: &[Ended],
    cases: &[Case],
    shop: &Shop,
    out: &mut impl Write,
) -> io::Result<bool> {
    let mut wrong: Vec<String> = ledger.violations.clone();
    let (mut lost, mut doubled) = (0, 0);
    for disagreement in ledger.disagreements(ended.iter().map(entry)) {
        match disagreement {
            Disagreement::ForAPerson { .. } => continue,
            Disagreement::Doubled { .. } => doubled += 1,
            Disagreement::Lost { .. }
            | Disagreement::NotStanding { .. }
            | Disagreement::AmountDiffers { .. } => {
                lost += 1;
            }
        }
        wrong.push(disagreement.to_string());
    }
    let held = shop.held();
    for one in ended {
        let number = &one.order.number;
        if held.contains(number) != matches!(one.outcome(), Some(Outcome::Approved(_))) {
            wrong.push(format!("{number}: reported as {}, but the shop's book says otherwise", one.seen()));
        }
        let approvals = ledger.approvals(number.as_str());
        let sent = u32::from(cases[one.order.case].expected != End::NeverSent);
        if approvals != sent {
            wrong.push(format!("{number}: {approvals} approval requests instead of {sent}"));
        }
    }
    let for_a_person = persons(ledger, ended, cases, out)?;
    for wrong in &wrong {
        writeln!(out, "WRONG: {wrong}")?;
    }
    writeln!(out, "\n{lost} lost, {doubled} doubled, {for_a_person} for a person")?;
    Ok(wrong.is_empty())
}

/// The merchant's line about an order.
fn entry(one: &Ended) -> BookEntry {
    BookEntry {
        number: one.order.number.to_string(),
        amount: one.amount().0,
        charged: match one.charged() {
            Charged::Yes => van::Charged::Yes,
            Charged::No => van::Charged::No,
            Charged::Unknown => van::Charged::Unknown,
        },
    }
}

/// What a person must look at, by case and reason; how many orders that are.
fn persons(ledger: &Ledger, ended: &[Ended], cases: &[Case], out: &mut impl Write) -> io::Result<usize> {
    let mut lines = BTreeMap::<_, usize>::new();
    for one in
        ended.iter().filter(|one| !matches!(one.seen(), "approved" | "declined" | "never_sent" | "reversed"))
    {
        let case = &cases[one.order.case];
        let stands = if ledger.standing(one.order.number.as_str()) { "stands" } else { "nothing stands" };
        *lines
            .entry((case.product, &*case.name, one.charged().as_str(), stands, one.story()))
            .or_default() += 1;
    }
    let width = lines.keys().map(|(_, name, ..)| name.len()).max().unwrap_or_default();
    writeln!(out, "\nfor a person:")?;
    for ((product, name, charged, stands, story), count) in &lines {
        writeln!(
            out,
            "{count:>5}  {:<14}  {name:<width$}  charged: {charged:<7}  at the VAN: {stands:<14}  {story}",
            title(*product)
        )?;
    }
    Ok(lines.values().sum())
}
