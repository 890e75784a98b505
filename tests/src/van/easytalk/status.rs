//! The status query.

use std::sync::Arc;

use super::{answers, key};
use crate::van::choice::plan;
use crate::van::clock::{machine_now, next_day};
use crate::van::faults::{Product, Rescue};
use crate::van::fields::Message;
use crate::van::http::{Answer, Reply};
use crate::van::ledger::{Charge, Entry, Kind, Request};
use crate::van::rescue::{done, server_error, spoils, undone};
use crate::van::{Shared, approval};

pub(super) fn answer(shared: &Arc<Shared>, message: &Message, body: &[u8]) -> Answer {
    shared.counts().status_queries += 1;
    let mut books = shared.books();
    let asked = key(message);
    let request = books.request_of(&asked).filter(|request| request.about.is_some());
    let about = request.as_ref().and_then(|request| request.about.clone()).unwrap_or_else(|| asked.clone());
    let amount = books.entry(&about).map_or(0, |entry| entry.amount);
    let plan = plan(&shared.config, Product::EasyTalk, &about.1, amount);
    books.entry_or_new(&about, amount, plan).saw(Kind::StatusQuery, body);
    if let Some(request) = request.as_ref().filter(|request| !is_a_date_of(request, date(shared, message))) {
        let (own, right) = (&asked.1, &request.date);
        books.violation(format!("{own}: the status query has neither the date {right} nor the next"));
    }
    approval::given_up(shared, &mut books, &about, plan.fault);
    let Some(entry) = books.entry(&about) else { return Answer::Reset };
    let spoiled = spoils(entry, plan, Kind::StatusQuery, shared.config.rescue_failures);
    let refusal = |code: &str, text: &str| answers::refusal(message, code, text);
    if let Some(answer) = undone(entry, spoiled, refusal) {
        return answer;
    }
    if spoiled == Some(Rescue::QueryForgets) {
        return forget(shared, entry, message);
    }
    if spoiled == Some(Rescue::QueryCancelled) && entry.void(Kind::Cancel, |_| true).is_some() {
        entry.did_later(Kind::Cancel, "voided by the VAN itself");
    }
    let found = request.and_then(|request| find(shared, entry, message, &request));
    let (did, reply) = match found {
        Some(found) => told(shared, message, found, spoiled, entry),
        None => ("not found", not_found(shared, message)),
    };
    entry.did(did);
    done(spoiled, reply)
}

fn date<'a>(shared: &Shared, message: &'a Message) -> &'a str {
    message.text(&shared.config.easytalk.status_date_field)
}

/// The date of the request, or the day after it, when the VAN may have come to it.
fn is_a_date_of(request: &Request, date: &str) -> bool {
    request.date == date || next_day(&request.date).as_deref() == Some(date)
}

fn not_found(shared: &Shared, message: &Message) -> Reply {
    answers::refusal(message, &shared.config.easytalk.not_found_code, "거래내역 없음")
}

fn forget(shared: &Shared, entry: &mut Entry, message: &Message) -> Answer {
    let began = entry.requests.first().map_or(0, |seen| seen.at);
    let memory = shared.config.easytalk.forgets_after.as_millis();
    if u128::from(machine_now().saturating_sub(began)) < memory {
        entry.did("ignored: 503");
        return server_error();
    }
    entry.did("forgotten: not found");
    Answer::Reply(not_found(shared, message))
}

/// What the query finds.
enum Found {
    Approved(Charge),
    Cancelled(Charge),
}

fn find(shared: &Shared, entry: &Entry, message: &Message, request: &Request) -> Option<Found> {
    let (asked, today) = (date(shared, message), &message.now.date);
    let known = asked == today || next_day(asked).as_ref() == Some(today);
    let charges = &entry.charges;
    let standing = charges.iter().rev().find(|charge| charge.voided.is_none());
    let charge = standing.or(charges.last())?.clone();
    let of_the_approval = key(message).1 == entry.number;
    let filed = match shared.config.easytalk.dated_by_booking && of_the_approval {
        true => &charge.approval_date,
        false => &request.date,
    };
    if !known || asked != filed {
        return None;
    }
    match charge.voided {
        Some(_) => Some(Found::Cancelled(charge)),
        None => of_the_approval.then_some(Found::Approved(charge)),
    }
}

/// What is found, as the rescue fault leaves it.
fn told(
    shared: &Shared,
    message: &Message,
    found: Found,
    spoiled: Option<Rescue>,
    entry: &Entry,
) -> (&'static str, Reply) {
    let (did, charge, mut body) = match found {
        Found::Approved(charge) => {
            let body = answers::approved(message, entry.recorded("shopOrderNo"), &charge);
            ("found approved", charge, body)
        }
        Found::Cancelled(charge) => {
            let mut body = answers::echoing(message, "0000", "취소된 거래");
            body.extend(answers::of_cancel(&charge, &shared.clock));
            ("found cancelled", charge, body)
        }
    };
    match spoiled {
        Some(Rescue::QueryForeign) => {
            let first = entry.rescues_failed % 2 == 1;
            let (name, other) =
                if first { ("shopTransactionId", "SOMEBODY-ELSES-0001") } else { ("vanTid", "T9999999") };
            body.insert(name.into(), other.into());
        }
        Some(Rescue::QueryBoth) => {
            let both = answers::of_cancel(&charge, &shared.clock);
            body.extend(both.into_iter().filter(|(name, _)| name != "transactionDate"));
        }
        Some(Rescue::QueryNeither) => body = answers::echoing(message, "0000", "정상처리"),
        _ => {}
    }
    let mut reply = answers::reply(&body);
    if spoiled == Some(Rescue::QueryBroken) {
        reply.body.truncate(reply.body.len() / 2);
    }
    (did, reply)
}
