//! Which rows of the transition table were taken, and which ends were told.
//!
//! The engine does not say which row it took; its records do. Of the rows that the public table gives for what the
//! history says has happened, whatever the facts that cannot be seen from outside, one leads from the record before
//! to the record after. Where several do, none is counted.

use std::collections::{BTreeSet, HashSet};

use kicc_proto::{
    codes::{Class, ResultCode},
    flow::{
        outcome::Ending,
        policy::UnlistedCodes,
        table::{self, Action, Event, Facts, FirstSuccess, Message, Row, Stage, Verb},
    },
    journal::record::{Happening, Pending, Record},
    product::Product,
    time::{Now, UnixMillis},
};

use super::{
    glance::Noted,
    place::{NOT_FOUND, Place, SUCCESS, Sale, Sample},
};

#[derive(Default)]
pub struct Coverage {
    pub rows: BTreeSet<Row>,
    pub outcomes: BTreeSet<String>,
    /// What was looked at before: to decode the records takes long.
    seen: HashSet<(u64, u64, u64, bool)>,
}

impl Coverage {
    pub fn transition(&mut self, before: &Noted, after: &Noted, place: &Place, now: Now) {
        let in_time = now.wall < UnixMillis(before.since()) + place.policy.horizon;
        let transition = (before.essence(), after.essence(), after.news(before), in_time);
        if before.key != after.key || !self.seen.insert(transition) {
            return;
        }
        // EasyTalkPay writes down for which date it was said, unless that proves it of all.
        let absent = !after.record.0.contains(r#""not_found":"#);
        let (before, after) = (&before.record(), &after.record());
        let added = (after.history.len() + after.history_dropped as usize)
            .saturating_sub(before.history.len() + before.history_dropped as usize);
        let news = &after.history[after.history.len().saturating_sub(added)..];
        let Some((verb, events)) =
            news.iter().rev().find_map(|entry| events(&entry.what, (before, after), place, absent))
        else {
            return;
        };
        let mut fitting: Vec<Row> = events
            .into_iter()
            .flat_map(|event| rows(before, event, verb, (place, in_time)))
            .filter(|row| leads(*row, before, after))
            .collect();
        fitting.sort_unstable();
        fitting.dedup();
        if let [row] = fitting[..] {
            self.rows.insert(row);
        }
    }

    /// What was missed although nothing says why it cannot be, and what was met although that was said.
    pub fn surprises(&self, sample: &dyn Sample) -> Vec<String> {
        let (rows, ends) = sample.never();
        let never = |row: &Row| rows.iter().chain(NEVER).any(|(_, rows)| rows.contains(row));
        let rows = Row::ALL.iter().filter(|row| self.rows.contains(row) == never(row));
        let never = |end: &str| ends.iter().chain(NEVER_TOLD).any(|(_, ends)| ends.contains(&end));
        let ends = ends_of_all().into_iter().filter(|end| self.outcomes.contains(end) == never(end));
        rows.map(|row| format!("{row:?}")).chain(ends).collect()
    }
}

/// What never is, and why.
pub type Never<T> = (&'static str, &'static [T]);

/// Rows that no product takes.
const NEVER: &[Never<Row>] = &[
    (
        "an approval has one answer (R4): whoever has read a refusal reads no success",
        &[Row::SettlingLate, Row::SettlingLateCancelled],
    ),
    (
        "what is parked, or closed in knowledge of the approval, is left alone before the table is asked",
        &[Row::ParkedOther, Row::ClosedOther],
    ),
    (
        "without a rescue message only a person closes what was not answered, and that is no row",
        &[Row::ClosedLateCancelled],
    ),
];

/// Ends that are told of no product.
const NEVER_TOLD: &[Never<&str>] = &[
    ("no refund is at stake", &["needs_operator RefundUnknown"]),
    (
        "only an approval is confirmed, asked about without a query, or read late",
        &[
            "refund: needs_operator Unconfirmed",
            "refund: needs_operator StillStands",
            "refund: needs_operator NoStatusQuery",
            "refund: needs_operator LateSuccessAfterResolution",
            "refund: needs_operator PaidNotRecorded",
        ],
    ),
];

/// All ends that there are, a person's reasons beside them.
fn ends_of_all() -> Vec<String> {
    const REASONS: [&str; 12] = [
        "ProvesNothing",
        "Unanswered",
        "OutsideProofWindow",
        "Unconfirmed",
        "AcceptCannotTell",
        "CancelRefused",
        "StillStands",
        "RefundUnknown",
        "NoStatusQuery",
        "JournalBehindBooks",
        "LateSuccessAfterResolution",
        "PaidNotRecorded",
    ];
    let reasons = REASONS.iter().map(|why| format!("needs_operator {why}"));
    let approvals = ["approved", "declined", "never_sent", "reversed"].map(String::from);
    let refunds = ["refunded", "refused", "not_attempted"].map(String::from);
    let refunds = refunds.into_iter().chain(reasons.clone()).map(|end| format!("refund: {end}"));
    approvals.into_iter().chain(reasons).chain(refunds).collect()
}

/// What may have happened, as the history tells it.
fn events(
    what: &Happening,
    (before, after): (&Record, &Record),
    place: &Place,
    absent: bool,
) -> Option<(Verb, Vec<Event>)> {
    Some(match what {
        Happening::Succeeded(verb) => (
            *verb,
            match verb {
                Verb::Approve => vec![Event::Approved, Event::AmountDiffers],
                Verb::Query => vec![Event::StandsApproved],
                Verb::NetCancel | Verb::Cancel => {
                    vec![Event::Voided { card: true }, Event::Voided { card: false }]
                }
            },
        ),
        Happening::Answered(verb, said) => {
            if let Some(events) = place.sample.heard(*verb, said, matches!(after.pending, Pending::Quiet(_)))
            {
                return Some((*verb, events));
            }
            let class = ResultCode::new(&said.code).map(|code| place.policy.codes.class(code)).ok()?;
            let event = match (verb, class) {
                (Verb::Query, _) if &*said.code == SUCCESS => Event::AlreadyVoided,
                (Verb::Query, _) if &*said.code == NOT_FOUND && absent => Event::NothingStands,
                (Verb::Query, _) if &*said.code == NOT_FOUND => {
                    return Some((*verb, vec![Event::NothingStands, Event::ProvesNothing]));
                }
                (Verb::Query, _) => Event::ProvesNothing,
                (Verb::NetCancel | Verb::Cancel, Class::NothingToVoid) => Event::NothingStands,
                (Verb::NetCancel | Verb::Cancel, Class::AlreadyVoided) => Event::AlreadyVoided,
                (Verb::NetCancel, _) => Event::ProvesNothing,
                (_, Class::IssuerRefusal(_)) => Event::Declined,
                (_, _) => Event::Unlisted,
            };
            (*verb, vec![event])
        }
        Happening::Unclear(verb, _) => (*verb, vec![Event::Unknown]),
        Happening::NotSent(verb, _) => (*verb, vec![Event::NotSent]),
        Happening::LateSuccess => (Verb::Approve, vec![Event::LateSuccess]),
        Happening::Held if before.stage == Stage::Undecided => (Verb::Approve, vec![Event::Held]),
        Happening::NotHeld if before.stage == Stage::Undecided => (Verb::Approve, vec![Event::NotHeld]),
        Happening::CannotTell if before.stage == Stage::Undecided => (Verb::Approve, vec![Event::CannotTell]),
        Happening::NotRecorded => (Verb::Approve, vec![Event::NotRecorded]),
        _ => return None,
    })
}

/// The rows of the table, for all facts that cannot be seen from outside; `in_time`: before the horizon.
fn rows(
    before: &Record,
    event: Event,
    verb: Verb,
    (place, in_time): (&Place, bool),
) -> impl Iterator<Item = Row> {
    let Place { habits, sample, policy, .. } = place;
    let rescue = &before.rescue;
    // What never left is not counted.
    let sent = rescue.sent - u32::from(event == Event::NotSent && verb != Verb::Approve && rescue.sent > 0);
    let stage = if event == Event::NotRecorded { Stage::Undecided } else { before.stage };
    let first_success =
        if event == Event::LateSuccess { FirstSuccess::None } else { before.rescue.first_success };
    let facts = Facts {
        verb,
        quiet_over: false,
        in_window: false,
        may_try_again: in_time && (stage == Stage::Undecided || sent < policy.rescue_attempts),
        refund_settles: false,
        first_success,
        confirm: policy.confirm_reversal,
        settle_unlisted: policy.unlisted_codes == UnlistedCodes::Settle,
        cancel_unclear: before.rescue.unclear > 0,
        has_rescue: sample.has_rescue(habits),
        has_query: habits.query,
        sees_at_once: habits.product != Product::Iamport,
        ended_approved: before.ending == Some(Ending::Approved),
        adopt: false,
    };
    let adopts = u8::from(habits.sale != Sale::Order);
    (0..8_u8 << adopts).map(move |bits| {
        let bit = |n: u8| bits & 1 << n != 0;
        let facts =
            Facts { quiet_over: bit(0), in_window: bit(1), refund_settles: bit(2), adopt: bit(3), ..facts };
        table::next(stage, event, &facts)
    })
}

fn leads(row: Row, before: &Record, after: &Record) -> bool {
    let told = after.rescue.late_success && !before.rescue.late_success;
    let sent = match after.pending {
        Pending::Message(verb) => Some(verb),
        Pending::Backoff(verb) if told => Some(verb),
        _ => None,
    };
    let cancel = after.pending == Pending::Message(Verb::Cancel);
    let next_cancel = |record: &Record| record.cancel.as_ref().map_or(0, |cancel| cancel.sequence);
    let grown = next_cancel(after) > next_cancel(before);
    let parked_reason = after.parked.as_ref().map(|parked| format!("{:?}", parked.why));
    let reason = |word: &str| parked_reason.as_ref().is_some_and(|why| why.contains(word));
    let action = match row.action() {
        // What is told to the holder is left for it to send.
        Action::Send(Message::Rescue) => matches!(sent, Some(verb) if verb != Verb::Cancel),
        Action::Send(Message::Cancel) => sent.is_some() || after.stage == Stage::Parked,
        Action::Send(Message::NextCancel) => cancel && grown,
        Action::Retry(Message::Rescue) => {
            matches!(after.pending, Pending::Backoff(verb) if verb != Verb::Cancel)
        }
        Action::Retry(_) => after.pending == Pending::Backoff(Verb::Cancel),
        Action::AfterQuiet(_) => matches!(after.pending, Pending::Quiet(_)),
        Action::Ask => after.stage == Stage::Undecided && after.rescue.asked == before.rescue.asked,
        Action::AskAgain => after.rescue.asked > before.rescue.asked,
        Action::Close(_) => after.stage == Stage::Closed,
        Action::Park => after.stage == Stage::Parked,
        Action::Note => after.stage == before.stage,
    };
    // What comes after a person's word is no row.
    if reason("LateSuccessAfterResolution") {
        return false;
    }
    let outside = matches!(
        row,
        Row::SettlingNothingOutside
            | Row::ReversingNothingOutside
            | Row::VoidingNothingOutside
            | Row::RefundNothingOutside
    );
    let why = row.action() != Action::Park
        || outside == reason("OutsideProofWindow")
            && (row == Row::VoidingStandsExhausted) == reason("StillStands");
    let stage =
        row.next() == after.stage || after.stage == Stage::Parked && !matches!(row.action(), Action::Park);
    action && why && stage
}

/// The page of the state machine marks what the search takes, and nothing else but an approval that is booked later than
/// is assumed, and read: where a query has found nothing before, the record was closed in no knowledge of it (R9).
#[test]
fn the_page_of_the_state_machine_marks_what_the_search_takes() {
    let page = include_str!("../../../docs/state-machine.md");
    for (product, columns) in
        [(Product::Simple, [0].as_slice()), (Product::EasyTalk, &[1, 2]), (Product::Iamport, &[3, 4])]
    {
        let (never, _) = super::place::sample(product).never();
        for row in Row::ALL {
            let name = format!("| `{row:?}` |");
            let line = page.lines().find(|line| line.starts_with(&name)).expect("every row has a line");
            let marks: Vec<&str> = line.trim_end_matches('|').rsplit('|').take(5).collect();
            let marked = columns.iter().any(|column| marks[4 - column].contains('●'));
            let taken = !never.iter().chain(NEVER).any(|(_, rows)| rows.contains(row));
            let booked_too_late = *row == Row::ClosedLate && product != Product::Simple;
            assert_eq!(marked, taken || booked_too_late, "{product:?} {row:?}");
        }
    }
}
