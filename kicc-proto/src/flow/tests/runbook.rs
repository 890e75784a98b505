//! Whoever is called at night finds every reason in `docs/runbook.md`.

use alloc::{collections::BTreeSet, string::ToString as _};

use crate::{
    codes::ResultCode,
    flow::{OperatorReason as Reason, said::Said},
};

/// All reasons, one after the other: a new one has no place here until somebody gives it one.
fn next(reason: &Reason) -> Option<Reason> {
    Some(match reason {
        Reason::ProvesNothing(said) => Reason::CancelRefused(said.clone()),
        Reason::CancelRefused(_) => Reason::Unanswered,
        Reason::Unanswered => Reason::OutsideProofWindow,
        Reason::OutsideProofWindow => Reason::Unconfirmed,
        Reason::Unconfirmed => Reason::AcceptCannotTell,
        Reason::AcceptCannotTell => Reason::StillStands,
        Reason::StillStands => Reason::RefundUnknown,
        Reason::RefundUnknown => Reason::NoStatusQuery,
        Reason::NoStatusQuery => Reason::JournalBehindBooks,
        Reason::JournalBehindBooks => Reason::LateSuccessAfterResolution,
        Reason::LateSuccessAfterResolution => Reason::PaidNotRecorded,
        Reason::PaidNotRecorded => return None,
    })
}

/// A section for each, under the words with which a command says it, with what to do.
#[test]
fn the_runbook_has_a_section_for_every_reason() {
    let runbook = include_str!("../../../../docs/runbook.md");
    let titles: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let said = Said::new(ResultCode::new("7777").unwrap(), "?");
    let (mut reason, mut known) = (Some(Reason::ProvesNothing(said)), BTreeSet::new());
    while let Some(why) = reason {
        let text = why.to_string();
        // What the gateway said differs each time.
        let words = text.split([';', ':']).next().unwrap();
        let title = *titles.get(words).unwrap_or_else(|| panic!("no section: {words}"));
        let section = runbook.split_once(title).unwrap().1.split("\n#").next().unwrap();
        assert!(section.contains("ustomer") || section.contains("money"), "{title}: what of the customer?");
        let commands = ["resolve", "--retry", "--charged", "once more under the same number"];
        assert!(commands.iter().any(|command| section.contains(command)), "{title}: what to do?");
        assert!(known.insert(title), "two reasons with the same words: {title}");
        reason = next(&why);
    }
    assert_eq!(known, titles, "a section for no reason");
}
