//! `kicc journal show`: what happened to one number, as one wants to read it at three in the morning.

use std::io::{self, Write};

use kicc_proto::{
    flow::{Charged, OperatorReason, Outcome, RefundOutcome, Verdict, table::Verb},
    journal::{
        Kind, Row, Standing,
        record::{Happening, Parked, Pending, Record, RecordError},
    },
    product::Product,
    time::UnixMillis,
};

use crate::{result, times, words};

/// Writes the whole story: what it is, what happened, where it stands, what to do. No secret is in it (R23).
pub fn write(row: &Row, refunds: &[Row], now: UnixMillis, out: &mut impl Write) -> io::Result<()> {
    let number = &row.key.number;
    let record = match Record::of_row(row) {
        Ok(record) => record,
        Err(error) => return unreadable(row, &error, out),
    };
    writeln!(out, "{number}  {}", what(&record))?;
    let (terminal, environment) = (&row.key.terminal, &row.key.environment);
    writeln!(out, "terminal {terminal}, environment {environment}, product {}", row.key.product.as_str())?;
    writeln!(out)?;
    history(&record, out)?;
    writeln!(out)?;
    writeln!(out, "now: {}", standing(row, &record, now))?;
    for refund in refunds {
        let refunded = Record::of_row(refund).ok();
        let how = match refunded.as_ref().and_then(Record::verdict) {
            Some(Verdict::Refund(outcome)) => outcome.name(),
            _ => refund.standing.as_str(),
        };
        let won = refunded.map(|record| format!(", {}", words::won(record.amount.total())));
        let (number, won) = (&refund.key.number, won.unwrap_or_default());
        writeln!(out, "refund {number}{won}: {how} (`kicc journal show {number}`)")?;
    }
    if given_back(&record, refunds) {
        writeln!(out, "what was charged is given back")?;
    }
    writeln!(out)?;
    writeln!(out, "what to do:")?;
    for line in advice(row, &record, refunds, now) {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// Whether the refunds of an approval have given back all of it.
pub fn given_back(record: &Record, refunds: &[Row]) -> bool {
    let refunded = refunds.iter().filter_map(|row| Record::of_row(row).ok()).filter(|refund| {
        matches!(refund.verdict(), Some(Verdict::Refund(outcome)) if outcome.charged() == Charged::No)
    });
    let won: u64 = refunded.map(|refund| refund.amount.total().0).sum();
    won > 0 && won >= record.amount.total().0
}

/// What is to do about a refund, of a sale about which there is nothing to do.
fn of_refund(refund: &Row) -> Option<String> {
    let number = &refund.key.number;
    let state = match refund.standing {
        Standing::Parked => "waits for a person",
        Standing::Open => "is still open",
        Standing::Closed if !refund.told => "has ended, and nobody was told",
        Standing::Closed => return None,
    };
    Some(format!("Of the sale nothing; its refund {number} {state}: `kicc journal show {number}`"))
}

/// What is said of a record that cannot be read.
pub fn unreadable(row: &Row, error: &RecordError, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}  made {}", row.key.number, times::stamp(row.created_at))?;
    writeln!(out, "This record cannot be read and is left alone: {error}.")?;
    writeln!(out, "Use the version of this program that wrote it, or a newer one.")
}

/// `approval, 40,000 won`.
pub fn what(record: &Record) -> String {
    let what = match &record.original {
        Some(original) => format!("refund of {original}"),
        None => "approval".into(),
    };
    format!("{what}, {}", words::won(record.amount.total()))
}

/// Before which entry of the history others are not kept, and how many.
pub fn dropped(record: &Record) -> Option<(usize, u32)> {
    (record.history_dropped > 0).then(|| (record.history.len().min(8), record.history_dropped))
}

fn history(record: &Record, out: &mut impl Write) -> io::Result<()> {
    let mut day = String::new();
    let dropped = dropped(record);
    for (at, entry) in record.history.iter().enumerate() {
        if let Some((_, missing)) = dropped.filter(|(before, _)| at == *before) {
            writeln!(out, "              ... {missing} entries are not kept ...")?;
        }
        let stamp = times::stamp(entry.at);
        let today = stamp.split(' ').next().unwrap_or_default();
        if today != day {
            writeln!(out, "{today} (KST)")?;
            day = today.to_owned();
        }
        writeln!(out, "{}  {}", times::instant(entry.at), happening(&entry.what, record))?;
    }
    Ok(())
}

/// What happened, in words.
pub fn happening(what: &Happening, record: &Record) -> String {
    match what {
        Happening::Made if record.kind == Kind::Refund => "the refund was written down".into(),
        Happening::Made => "the order was written down".into(),
        Happening::Sending(Verb::Approve, _) => "about to send the approval request, once".into(),
        Happening::Sending(verb, count) => {
            format!("about to send the {} (message {count})", words::verb(*verb))
        }
        Happening::Succeeded(Verb::Approve) => "the gateway approved".into(),
        Happening::Succeeded(verb) => format!("the {} succeeded", words::verb(*verb)),
        Happening::Answered(verb, said) => {
            format!("the {} was answered with {}", words::verb(*verb), words::said_text(said))
        }
        Happening::Unclear(verb, why) => {
            format!("no trustworthy answer to the {}: {why}", words::verb(*verb))
        }
        Happening::NotSent(verb, why) => {
            format!("the {} never left: {}", words::verb(*verb), words::not_sent(*why))
        }
        Happening::LateSuccess => "an approval was read after it had been given up: it is undone".into(),
        Happening::Held if !record.accept_step => "accepted, since no accept step is configured".into(),
        Happening::Held => "the shop's books hold it".into(),
        Happening::NotHeld => "the shop's books do not hold it".into(),
        Happening::CannotTell => "the shop could not tell whether its books hold it".into(),
        Happening::NotRecorded => {
            "the approval could not be written down; nobody was told, and it is undone".into()
        }
        Happening::Resumed(holder) => {
            format!("another worker went on with it ({}...)", holder.get(..8).unwrap_or(holder))
        }
        Happening::Retried => "a person asked for more tries".into(),
        Happening::Resolved(resolution) => words::resolution(resolution),
        Happening::Parked(why) => format!("handed to a person: {why}"),
        Happening::Closed => "ended".into(),
        _ => "something that this version cannot name".into(),
    }
}

/// Where it stands, and in further lines why.
pub fn standing(row: &Row, record: &Record, now: UnixMillis) -> String {
    let told = if row.told { "told" } else { "nobody was told yet" };
    match record.verdict() {
        Some(verdict) => {
            let (name, charged, why) = match &verdict {
                Verdict::Approval(outcome) => (outcome.name(), outcome.charged(), why(outcome)),
                Verdict::Refund(outcome) => (outcome.name(), outcome.charged(), refund_why(outcome)),
            };
            let charged = match charged {
                Charged::Yes => "the customer IS charged",
                Charged::No => "the customer is NOT charged",
                Charged::Unknown => "NOBODY KNOWS whether the customer is charged",
            };
            let why = why.map(|why| format!("\n     {why}")).unwrap_or_default();
            format!("{name}; {charged}; {told}{why}")
        }
        None => {
            let doing = match record.pending {
                Pending::Nothing => "the shop's books decide".to_owned(),
                Pending::Message(verb) => format!("the {} may be under way", words::verb(verb)),
                Pending::Backoff(verb) => format!("a pause, then the {}", words::verb(verb)),
                Pending::Quiet(verb) => format!("the quiet period, then the {}", words::verb(verb)),
            };
            let holder = if row.holder.is_empty() {
                "no worker has it".to_owned()
            } else if now < row.lease_until {
                format!("a worker has it until {}", times::stamp(row.lease_until))
            } else {
                format!("the worker that had it was to be back by {}", times::stamp(row.lease_until))
            };
            format!("open: {doing}; {holder}")
        }
    }
}

fn why(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Approved(approval) => {
            approval.approval_number().map(|number| format!("approval number {number}"))
        }
        Outcome::Declined(said) => Some(words::said_text(said)),
        Outcome::NeverSent(why) => Some(words::not_sent(*why).into()),
        Outcome::Reversed(why) => Some(words::reversed(why)),
        Outcome::NeedsOperator { why, resolution, .. } => Some(result::operator(why, resolution.as_ref())),
    }
}

fn refund_why(outcome: &RefundOutcome) -> Option<String> {
    match outcome {
        RefundOutcome::Refunded => None,
        RefundOutcome::Refused(said) => Some(words::said_text(said)),
        RefundOutcome::NotAttempted(why) => Some(words::not_sent(*why).into()),
        RefundOutcome::NeedsOperator { why, resolution, .. } => {
            Some(result::operator(why, resolution.as_ref()))
        }
    }
}

fn advice(row: &Row, record: &Record, refunds: &[Row], now: UnixMillis) -> Vec<String> {
    let number = &row.key.number;
    match row.standing {
        Standing::Open => {
            let first = if !row.holder.is_empty() && now < row.lease_until {
                "A worker is at it: nothing, for now. If that process is dead:"
            } else {
                "Run recovery:"
            };
            vec![
                first.into(),
                "    kicc recover --config FILE --journal FILE".into(),
                "Do not sell it again under another number before it has ended.".into(),
            ]
        }
        Standing::Parked => {
            let sale = record.original.as_ref().unwrap_or(number);
            let mut lines = vec![
                match row.key.product {
                    Product::Iamport => "1. Look the sale up in i'mport's console:".into(),
                    _ => "1. Look the sale up at KICC (merchant site or help desk):".into(),
                },
                format!(
                    "    terminal {}, number {sale}, {}, {}",
                    row.key.terminal,
                    words::won(record.amount.total()),
                    times::stamp(record.made_at)
                ),
            ];
            let approval = record.approval.as_ref().and_then(|approval| approval.approval_number());
            lines.extend(approval.map(|approval| format!("    approval number {approval}")));
            let last = record.rescue.last_deadline;
            let from = if now < last { format!(" (from {} on)", times::stamp(last)) } else { String::new() };
            lines.extend([
                format!("2. Say what you have seen{from}; that is final:"),
                format!(
                    "    kicc journal resolve {number} --charged yes|no --note \"...\" --config FILE --journal FILE"
                ),
                match record.parked.as_deref() {
                    Some(Parked { why: OperatorReason::NoStatusQuery, .. }) => {
                        "   or, once [easytalk] status_path is set and not before, have it tried again:".into()
                    }
                    _ => "   or have it tried again:".into(),
                },
                format!("    kicc recover --retry {number} --config FILE --journal FILE"),
                "Do not sell it again under another number before that.".into(),
            ]);
            lines
        }
        Standing::Closed if !row.told => {
            vec![
                "Nobody was told of its end. Recovery tells it:".into(),
                "    kicc recover --config FILE --journal FILE".into(),
            ]
        }
        Standing::Closed => {
            let left: Vec<_> = refunds.iter().filter_map(of_refund).collect();
            if left.is_empty() { vec!["Nothing: it has ended, and was told.".into()] } else { left }
        }
    }
}
