//! KICC's Simple Payment as the VAN sees it: approval, cancel and net-cancel (spec A.5 to A.7).
//!
//! Codes that the documentation does not give are our choice, and in no list of it: `9999` a decline that nobody
//! knows, `8999` an approval that was net-cancelled before it came, `7001` already voided, `7002` nothing to cancel,
//! `7003` a cancel that does not fit its approval, `7004` an id that is not this merchant's, `7777` proves nothing.

mod answers;
mod auth;
mod fields;

use std::sync::Arc;

use super::Shared;
use super::choice::plan;
use super::faults::{Fault, Plan, Rescue};
use super::http::{Answer, Reply, Request};
use super::ledger::{Entry, Key, Kind};
use fields::Message;

/// Every path of the product begins so.
pub(super) const PATHS: &str = "/smpy/kiccpay/";

pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Answer {
    let (kind, table) = match request.path.trim_start_matches(PATHS) {
        "reqAprv" => (Kind::Approval, fields::APPROVAL),
        "reqCancel" => (Kind::Cancel, fields::CANCEL),
        "reqRtran" => (Kind::NetCancel, fields::NET_CANCEL),
        _ => return Answer::Reply(Reply::text(404, "no such endpoint\n")),
    };
    if let Err(why) = auth::check(shared, request) {
        shared.counts().unauthorized += 1;
        shared.books().violation(format!("{}: {why}", request.path));
        return Answer::Reply(Reply::text(401, "not authorized\n"));
    }
    if !request.header("content-type").is_some_and(|value| value.starts_with("application/json")) {
        shared.books().violation(format!("{}: the content type is not application/json", request.path));
    }
    let message = match fields::read(table, &request.body) {
        Ok(message) => message,
        Err(problems) => {
            shared.counts().malformed += 1;
            for problem in problems {
                shared.books().violation(format!("{}: {problem}", request.path));
            }
            return Answer::Reply(Reply::text(400, "malformed request\n"));
        }
    };
    if let Some(field) = foreign_id(shared, &message) {
        shared.books().violation(format!("{}: {field} is not this merchant's", request.path));
        return Answer::Reply(answers::refusal(&message, "7004", "등록되지 않은 가맹점"));
    }
    match kind {
        Kind::Approval => approve(shared, &message, &request.body),
        Kind::NetCancel => net_cancel(shared, &message, &request.body),
        Kind::Cancel => cancel(shared, &message, &request.body),
    }
}

fn foreign_id(shared: &Shared, message: &Message) -> Option<&'static str> {
    let config = &shared.config;
    let own =
        [("tid", &config.terminal_id), ("svcId", &config.service_id), ("bizrNo", &config.business_number)];
    let foreign =
        |(name, id): &(&str, &Option<String>)| id.as_ref().is_some_and(|id| id != message.text(name));
    own.into_iter().find(foreign).map(|(name, _)| name)
}

fn key(message: &Message) -> Key {
    (message.text("tid").to_owned(), message.text("mercTrxNo").to_owned())
}

fn approve(shared: &Arc<Shared>, message: &Message, body: &[u8]) -> Answer {
    let (key, amount) = (key(message), message.won("trxAmt"));
    let plan = plan(&shared.config, &key.1, amount);
    count_approval(shared, plan);
    let mut books = shared.books();
    let entry = books.entry_or_new(&key, amount, plan);
    entry.saw(Kind::Approval, body);
    entry.recorded.get_or_insert_with(|| message.recorded());
    let (again, after_net_cancel) = (entry.approvals > 1, entry.net_cancels > 0);
    if again {
        books.violation(format!("{}: a second approval request", key.1));
    }
    if after_net_cancel {
        books.violation(format!("{}: the approval came after its net-cancel", key.1));
    }
    let entry = books.entry_or_new(&key, amount, plan);
    if entry.net_cancel_remembered {
        entry.did("refused: net-cancelled before it came");
        return Answer::Reply(answers::refusal(message, "8999", "망취소된 거래"));
    }
    match plan.fault {
        Fault::Decline | Fault::DeclineBare | Fault::DeclineUnlisted => {
            entry.decline();
            entry.did("declined");
            answers::decline(plan.fault, message)
        }
        Fault::HangBefore => {
            entry.did("ignored");
            Answer::Hang(None)
        }
        Fault::ResetBefore => {
            entry.did("ignored");
            Answer::Reset
        }
        Fault::LateAfterGiveUp | Fault::LateAfterNetCancel | Fault::LateForgetful => {
            entry.booking_pending = true;
            entry.did("to be booked late");
            let shared = Arc::clone(shared);
            Answer::Hang(Some(Box::new(move || book_late(&shared, &key, amount, plan.fault))))
        }
        fault => {
            entry.did("booked");
            match books.book(&key, amount) {
                Some(charge) => answers::approval(fault, message, &charge),
                None => Answer::Reset,
            }
        }
    }
}

fn count_approval(shared: &Shared, plan: Plan) {
    let mut counts = shared.counts();
    counts.approvals += 1;
    for name in
        [Some(plan.fault.row().name), plan.rescue.map(|rescue| rescue.row().name)].into_iter().flatten()
    {
        *counts.by_fault.entry(name.to_owned()).or_default() += 1;
    }
}

/// Runs when the client has given up the approval.
fn book_late(shared: &Shared, key: &Key, amount: u64, fault: Fault) {
    let delay = if fault == Fault::LateAfterGiveUp { std::time::Duration::ZERO } else { shared.config.late };
    if !shared.stop.wait(delay) {
        return;
    }
    let mut books = shared.books();
    let Some(entry) = books.entry(key) else { return };
    if !entry.booking_pending {
        return;
    }
    if entry.net_cancel_remembered {
        entry.booking_pending = false;
        entry.did_later(Kind::Approval, "not booked: net-cancelled meanwhile");
    } else {
        entry.did_later(Kind::Approval, "booked late");
        books.book(key, amount);
    }
}

/// The rescue fault that spoils this message, if one does; its turn is used up.
fn spoils(entry: &mut Entry, plan: Plan, kind: Kind, failures: u32) -> Option<Rescue> {
    let rescue = plan.rescue?;
    let of_cancels_only = matches!(rescue, Rescue::CancelHangDone | Rescue::CancelRefused);
    if rescue == Rescue::ProvesNothing {
        return Some(rescue);
    }
    if of_cancels_only && kind != Kind::Cancel || entry.rescues_failed >= failures {
        return None;
    }
    entry.rescues_failed += 1;
    Some(rescue)
}

/// The answer of a rescue fault that does nothing else.
fn undone(entry: &mut Entry, spoiled: Option<Rescue>, message: &Message) -> Option<Answer> {
    let (did, answer) = match spoiled? {
        Rescue::Hang => ("ignored", Answer::Hang(None)),
        Rescue::ServerError => ("ignored: 503", Answer::Reply(Reply::text(503, "try again\n"))),
        Rescue::ProvesNothing | Rescue::CancelRefused => {
            ("refused: 7777", Answer::Reply(answers::refusal(message, "7777", "처리 불가")))
        }
        Rescue::HangDone | Rescue::Reset | Rescue::CancelHangDone => return None,
    };
    entry.did(did);
    Some(answer)
}

/// The answer to what was done, unless the rescue fault swallows it.
fn done(spoiled: Option<Rescue>, reply: Reply) -> Answer {
    match spoiled {
        Some(Rescue::HangDone | Rescue::CancelHangDone) => Answer::Hang(None),
        Some(Rescue::Reset) => Answer::Reset,
        _ => Answer::Reply(reply),
    }
}

fn net_cancel(shared: &Shared, message: &Message, body: &[u8]) -> Answer {
    shared.counts().net_cancels += 1;
    let (key, amount) = (key(message), message.won("trxAmt"));
    let plan = plan(&shared.config, &key.1, amount);
    let mut books = shared.books();
    let entry = books.entry_or_new(&key, amount, plan);
    let before = entry.latest_body(Kind::NetCancel).map(str::to_owned);
    entry.saw(Kind::NetCancel, body);
    let changed = before.is_some_and(|before| entry.latest_body(Kind::NetCancel) != Some(before.as_str()));
    let recorded = entry.recorded.clone().unwrap_or_default();
    if changed {
        books.violation(format!("{}: a repeated net-cancel has another body", key.1));
    }
    for ((name, own), (_, theirs)) in recorded.iter().zip(message.recorded()) {
        if *own != theirs {
            books.violation(format!("{}: {name} of the net-cancel is not the approval's", key.1));
        }
    }
    let entry = books.entry_or_new(&key, amount, plan);
    let spoiled = spoils(entry, plan, Kind::NetCancel, shared.config.rescue_failures);
    if let Some(answer) = undone(entry, spoiled, message) {
        return answer;
    }
    if entry.booking_pending && plan.fault == Fault::LateAfterGiveUp {
        // The client has given up, or it would not be here; its closed connection may not have been noticed yet.
        let amount = entry.amount;
        entry.did_later(Kind::Approval, "booked late");
        books.book(&key, amount);
    }
    let entry = books.entry_or_new(&key, amount, plan);
    let reply = if let Some(charge) = entry.void(Kind::NetCancel, |_| true) {
        entry.did("voided");
        answers::net_cancel(message, None, &charge.card)
    } else if let Some(charge) = entry.charges.last() {
        let reply = answers::net_cancel(message, shared.config.already_voided_code.as_deref(), &charge.card);
        entry.did("was voided already");
        reply
    } else {
        entry.net_cancel_remembered = shared.config.remembers && plan.fault != Fault::LateForgetful;
        entry.did(if entry.net_cancel_remembered {
            "nothing to void: remembered"
        } else {
            "nothing to void: forgotten"
        });
        answers::net_cancel(message, shared.config.nothing_to_void_code.as_deref(), "")
    };
    done(spoiled, reply)
}

fn cancel(shared: &Shared, message: &Message, body: &[u8]) -> Answer {
    shared.counts().cancels += 1;
    let mut books = shared.books();
    let named = message.text("cndTrxNo");
    let own = key(message);
    if books.entry(&own).is_some() {
        books.violation(format!("{}: a cancel bears the number of an approval", own.1));
    }
    let original = match message.text("wcc") {
        "T" => books.key_of_van_number(named),
        "G" => Some((own.0.clone(), named.to_owned())),
        _ => None,
    };
    let Some(key) = original.filter(|key| books.entry(key).is_some_and(|entry| !entry.charges.is_empty()))
    else {
        books.violation(format!("{}: a cancel of what does not exist", own.1));
        return Answer::Reply(answers::refusal(message, "7002", "원거래 없음"));
    };
    let Some(entry) = books.entry(&key) else { return Answer::Reset };
    entry.saw(Kind::Cancel, body);
    let plan = plan(&shared.config, &key.1, entry.amount);
    let wrong = misfits(entry, message);
    if !wrong.is_empty() {
        entry.did("refused: 7003");
        for field in wrong {
            books.violation(format!("{}: {field} of the cancel does not fit the approval", key.1));
        }
        return Answer::Reply(answers::refusal(message, "7003", "원거래 정보 불일치"));
    }
    let spoiled = spoils(entry, plan, Kind::Cancel, shared.config.rescue_failures);
    if let Some(answer) = undone(entry, spoiled, message) {
        return answer;
    }
    let reply = if let Some(charge) = entry.void(Kind::Cancel, |charge| is_named(charge, message)) {
        entry.did("cancelled");
        answers::cancelled(message, &charge)
    } else {
        entry.did("was voided already");
        let code = shared.config.already_voided_code.as_deref().unwrap_or("7001");
        answers::refusal(message, code, "기취소 거래")
    };
    done(spoiled, reply)
}

fn is_named(charge: &super::Charge, message: &Message) -> bool {
    charge.approval_number == message.text("orgAprvNo")
        && (message.text("wcc") != "T" || charge.van_number == message.text("cndTrxNo"))
}

/// The fields of a cancel that differ from the approval that it names.
fn misfits(entry: &Entry, message: &Message) -> Vec<&'static str> {
    let Some(charge) = entry.charges.iter().find(|charge| is_named(charge, message)) else {
        return vec!["orgAprvNo"];
    };
    let mut wrong = Vec::new();
    if charge.approval_date != message.text("orgAprvDt") {
        wrong.push("orgAprvDt");
    }
    let recorded = entry.recorded.iter().flatten();
    let shared = ["tid", "svcId", "bizrNo", "alotMonth", "trxAmt", "vatAmt", "svcAmt"];
    let differs = |(name, value): &&(&'static str, String)| {
        shared.contains(name) && *value != message.as_recorded(name)
    };
    wrong.extend(recorded.filter(differs).map(|(name, _)| *name));
    wrong
}
