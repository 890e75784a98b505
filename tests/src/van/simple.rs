//! KICC's Simple Payment as the VAN sees it: approval, cancel and net-cancel (spec A.5 to A.7); the stages before the
//! approval are in [`stages`].
//!
//! Codes that the documentation does not give are our choice, and in no list of it: `9999` a decline that nobody
//! knows, `8999` an approval that was net-cancelled before it came, `7001` already voided, `7002` nothing to cancel,
//! `7003` a cancel that does not fit its approval, `7004` an id that is not this merchant's, `7005` an authorisation
//! that no window gave, `7777` proves nothing.

mod answers;
mod auth;
mod fields;
pub(super) mod stages;
mod token;

use std::sync::Arc;

use super::choice::plan;
use super::faults::{Fault, Product};
use super::fields::Message;
use super::http::{Answer, Reply, Request};
use super::json::Charset;
use super::ledger::{Entry, Key, Kind};
use super::rescue::{done, spoils, undone};
use super::{Shared, approval, gate};

/// Every path of the product begins so.
pub(super) const PATHS: &str = "/smpy/kiccpay/";

pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Answer {
    type Handle = fn(&Arc<Shared>, &Message, &[u8]) -> Answer;
    let (handle, table): (Handle, _) = match request.path.trim_start_matches(PATHS) {
        "reqAprv" => (approve, fields::APPROVAL),
        "reqCancel" => (cancel, fields::CANCEL),
        "reqRtran" => (net_cancel, fields::NET_CANCEL),
        _ => return Answer::Reply(Reply::text(404, "no such endpoint\n")),
    };
    if let Err(why) = auth::check(shared, request) {
        return gate::unauthorized(shared, request, why);
    }
    let read = |body: &[u8], now| fields::read(table, body, now);
    let message = match gate::admit(shared, request, Charset::Utf8, read) {
        Ok(message) => message,
        Err(answer) => return answer,
    };
    if let Some(field) = foreign_id(shared, &message) {
        shared.books().violation(format!("{}: {field} is not this merchant's", request.path));
        return Answer::Reply(answers::refusal(&message, "7004", "등록되지 않은 가맹점"));
    }
    handle(shared, &message, &request.body)
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
    let plan = plan(&shared.config, Product::Simple, &key.1, amount);
    approval::count(shared, plan);
    let issued = token::is_issued(shared, message.text("tokenKey"));
    let mut books = shared.books();
    let entry = books.entry_or_new(&key, amount, plan);
    entry.saw(Kind::Approval, body);
    entry.recorded.get_or_insert_with(|| fields::recorded(message));
    let (again, after_net_cancel) = (entry.approvals > 1, entry.net_cancels > 0);
    if again {
        books.violation(format!("{}: a second approval request", key.1));
    }
    if after_net_cancel {
        books.violation(format!("{}: the approval came after its net-cancel", key.1));
    }
    if !issued {
        books.violation(format!("{}: the token key holds no authorisation of a window", key.1));
    }
    let entry = books.entry_or_new(&key, amount, plan);
    if entry.net_cancel_remembered {
        entry.did("refused: net-cancelled before it came");
        return Answer::Reply(answers::refusal(message, "8999", "망취소된 거래"));
    }
    if !issued {
        entry.decline();
        entry.did("refused: 7005");
        return Answer::Reply(answers::refusal(message, "7005", "유효하지 않은 인증"));
    }
    approval::act(shared, &mut books, &key, amount, plan.fault, message)
}

fn net_cancel(shared: &Arc<Shared>, message: &Message, body: &[u8]) -> Answer {
    shared.counts().net_cancels += 1;
    let (key, amount) = (key(message), message.won("trxAmt"));
    let plan = plan(&shared.config, Product::Simple, &key.1, amount);
    let mut books = shared.books();
    let entry = books.entry_or_new(&key, amount, plan);
    let before = entry.latest_body(Kind::NetCancel).map(str::to_owned);
    entry.saw(Kind::NetCancel, body);
    let changed = before.is_some_and(|before| entry.latest_body(Kind::NetCancel) != Some(before.as_str()));
    let recorded = entry.recorded.clone().unwrap_or_default();
    if changed {
        books.violation(format!("{}: a repeated net-cancel has another body", key.1));
    }
    for ((name, own), (_, theirs)) in recorded.iter().zip(fields::recorded(message)) {
        if *own != theirs {
            books.violation(format!("{}: {name} of the net-cancel is not the approval's", key.1));
        }
    }
    let entry = books.entry_or_new(&key, amount, plan);
    let spoiled = spoils(entry, plan, Kind::NetCancel, shared.config.rescue_failures);
    if let Some(answer) = undone(entry, spoiled, |code, text| answers::refusal(message, code, text)) {
        return answer;
    }
    approval::given_up(shared, &mut books, &key, plan.fault);
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

fn cancel(shared: &Arc<Shared>, message: &Message, body: &[u8]) -> Answer {
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
    let plan = plan(&shared.config, Product::Simple, &key.1, entry.amount);
    let wrong = misfits(entry, message);
    if !wrong.is_empty() {
        entry.did("refused: 7003");
        for field in wrong {
            books.violation(format!("{}: {field} of the cancel does not fit the approval", key.1));
        }
        return Answer::Reply(answers::refusal(message, "7003", "원거래 정보 불일치"));
    }
    let spoiled = spoils(entry, plan, Kind::Cancel, shared.config.rescue_failures);
    if let Some(answer) = undone(entry, spoiled, |code, text| answers::refusal(message, code, text)) {
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
        shared.contains(name) && *value != fields::as_recorded(message, name)
    };
    wrong.extend(recorded.filter(differs).map(|(name, _)| *name));
    wrong
}
