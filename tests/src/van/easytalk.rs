//! KICC's EasyTalkPay as the VAN sees it: registration, approval, cancel (spec B.2 to B.5) and a status query, of which
//! nothing is documented but its existence (spec B.6).
//!
//! A `shopTransactionId` may be used once a day in Korea, by whatever request: a repeat is answered as a duplicate, and
//! no more is done (spec C.1). The status query takes the id of an approval or of a cancel with the date of that request,
//! and knows today and yesterday. It answers in the shape of the approval, or of the cancel once there was one.
//!
//! While [`VanConfig::magic`] is on, `certControlNo` may be made up: `W10000-A1` is of the order `A1` over 10000 won.
//!
//! Codes that the documentation does not give are our choice, and in no list of it: those of Simple Payment, `7006` a
//! `returnUrl` that no window may post to, `7008` an order number that is registered already, and those of
//! [`VanConfig::duplicate_code`] and [`EasyTalkSettings::not_found_code`].
//!
//! [`VanConfig::magic`]: super::VanConfig::magic
//! [`VanConfig::duplicate_code`]: super::VanConfig::duplicate_code
//! [`EasyTalkSettings::not_found_code`]: super::EasyTalkSettings::not_found_code

mod answers;
mod fields;
mod status;

use std::sync::Arc;

use base64ct::{Base64, Encoding};

use super::choice::plan;
use super::faults::{Product, Rescue};
use super::fields::Message;
use super::http::{Answer, Reply, Request};
use super::json::{Charset, object};
use super::ledger::{self, Books, Key, Kind};
use super::rescue::{done, spoils, undone};
use super::windows::{self, Order, Window};
use super::{Shared, VanConfig, approval, gate};
use answers::Teller;

const ORDERS: &str = "/easytalkpay/v1/orders.do";
const APPROVAL: &str = "/appcardpay/v1/approval.do";
const CANCEL: &str = "/appcardpay/v1/cancel.do";

/// Is it a path of the product?
pub(super) fn serves(config: &VanConfig, path: &str) -> bool {
    [ORDERS, APPROVAL, CANCEL, &config.easytalk.status_path].contains(&path)
}

pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Answer {
    let settings = &shared.config.easytalk;
    let read = |body: &[u8], now| match request.path.as_str() {
        ORDERS => fields::read_order(body, now),
        APPROVAL => fields::read(fields::APPROVAL, body, now),
        CANCEL => fields::read(fields::CANCEL, body, now),
        _ => fields::read_status(&settings.status_date_field, body, now),
    };
    let message = match gate::admit(shared, request, Charset::EucKr, read) {
        Ok(message) => message,
        Err(answer) => return answer,
    };
    let terminal = message.text("vanTid");
    let basic = format!("Basic {}", Base64::encode_string(terminal.as_bytes()));
    if settings.basic_authorization && request.header("authorization") != Some(&basic) {
        return gate::unauthorized(shared, request, "Authorization is not Basic with the terminal id");
    }
    if settings.terminal_id.as_ref().is_some_and(|own| own != terminal) {
        shared.books().violation(format!("{}: vanTid is not this merchant's", request.path));
        return Answer::Reply(answers::refusal(&message, "7004", "등록되지 않은 가맹점"));
    }
    match request.path.as_str() {
        ORDERS => Answer::Reply(register(shared, request, &message)),
        APPROVAL => approve(shared, &message, &request.body),
        CANCEL => cancel(shared, &message, &request.body),
        _ => status::answer(shared, &message, &request.body),
    }
}

fn key(message: &Message) -> Key {
    (message.text("vanTid").to_owned(), message.text("shopTransactionId").to_owned())
}

fn duplicate(shared: &Shared, message: &Message) -> Reply {
    answers::refusal(message, &shared.config.duplicate_code, "중복 요청")
}

/// Notes the request under its key; false if that key was used today.
fn is_fresh(books: &mut Books, message: &Message, date: &str, about: Option<Key>) -> bool {
    let (day, date) = (message.now.date.clone(), message.text(date).to_owned());
    books.request_is_fresh(&key(message), ledger::Request { day, date, about })
}

fn register(shared: &Shared, request: &Request, message: &Message) -> Reply {
    let terminal = message.text("vanTid");
    if let Some(refusal) = windows::refusal(shared, message, (terminal, message.text("shopTransactionId"))) {
        return Charset::EucKr.reply(&refusal);
    }
    let order = (terminal.to_owned(), message.text("shopOrderNo").to_owned());
    if shared.windows().has_order(&order) {
        return answers::refusal(message, "7008", "주문번호 중복");
    }
    let window = Window {
        shown: ["mallNm", "productNm", "noticeMsg"].map(|name| message.text(name).to_owned()).to_vec(),
        amount: Some(message.won("amount")),
        order: Some(order),
        ..Window::of(message, "certControlNo", &["shopOrderNo"])
    };
    let url = windows::register(shared, request, window);
    let id = message.text("shopTransactionId");
    let fields =
        [("resCd", "0000"), ("resMsg", "정상처리"), ("shopTransactionId", id), ("authPageUrl", &url)];
    Charset::EucKr.reply(&object(fields))
}

/// The order that was authenticated; for a made-up `certControlNo` the one that it says.
fn order(shared: &Shared, message: &Message) -> Option<Order> {
    let (terminal, authentication) = (message.text("vanTid"), message.text("certControlNo"));
    let registered = shared.windows().order(authentication).filter(|order| order.terminal == terminal);
    registered.or_else(|| {
        let (amount, number) = authentication.strip_prefix('W')?.split_once('-')?;
        let amount = amount.parse().ok().filter(|amount| *amount > 0 && shared.config.magic)?;
        Some(Order { terminal: terminal.to_owned(), number: number.to_owned(), amount })
    })
}

fn approve(shared: &Arc<Shared>, message: &Message, body: &[u8]) -> Answer {
    let key = key(message);
    let Some(order) = order(shared, message) else {
        shared.books().violation(format!("{}: a certControlNo that no window gave", key.1));
        return Answer::Reply(answers::refusal(message, "7005", "유효하지 않은 인증"));
    };
    let plan = plan(&shared.config, Product::EasyTalk, &key.1, order.amount);
    approval::count(shared, plan);
    let mut books = shared.books();
    let entry = books.entry_or_new(&key, order.amount, plan);
    if entry.approvals == 0 {
        // A status query may have come first, which knows no amount.
        (entry.amount, entry.plan) = (order.amount, plan.to_string());
        entry.recorded = Some(vec![("shopOrderNo", order.number.clone())]);
    }
    entry.saw(Kind::Approval, body);
    let (again, after_query) = (entry.approvals > 1, entry.status_queries > 0);
    if again {
        books.violation(format!("{}: a second approval request", key.1));
    }
    if after_query {
        books.violation(format!("{}: the approval came after a status query for it", key.1));
    }
    if !is_fresh(&mut books, message, "approvalReqDate", Some(key.clone())) {
        return refuse(&mut books, &key, "a duplicate", duplicate(shared, message));
    }
    if let Some(other) = books.authorise(message.text("certControlNo"), &key) {
        let stands = other.state == ledger::State::Approved;
        if stands {
            books.violation(format!("{}: the certControlNo of an approval that stands", key.1));
        }
        let reply = answers::refusal(message, "7005", "이미 사용된 인증");
        return refuse(&mut books, &key, "refused: 7005", reply);
    }
    let teller = Teller { message, order: &order.number, duplicate_code: &shared.config.duplicate_code };
    approval::act(shared, &mut books, &key, order.amount, plan.fault, &teller)
}

fn refuse(books: &mut Books, key: &Key, did: &str, reply: Reply) -> Answer {
    if let Some(entry) = books.entry(key) {
        entry.did(did);
    }
    Answer::Reply(reply)
}

fn cancel(shared: &Arc<Shared>, message: &Message, body: &[u8]) -> Answer {
    shared.counts().cancels += 1;
    let (own, mut books) = (key(message), shared.books());
    if books.entry(&own).is_some_and(|entry| entry.approvals > 0) {
        books.violation(format!("{}: a cancel bears the number of an approval", own.1));
    }
    let original = books.key_of_van_number(message.text("controlNo")).filter(|key| key.0 == own.0);
    let fresh = is_fresh(&mut books, message, "cancelReqDate", original.clone());
    let Some(key) = original else {
        books.violation(format!("{}: a cancel of what does not exist", own.1));
        return Answer::Reply(answers::refusal(message, "7002", "원거래 없음"));
    };
    let Some(entry) = books.entry(&key) else { return Answer::Reset };
    entry.saw(Kind::Cancel, body);
    let amount = entry.amount;
    let plan = plan(&shared.config, Product::EasyTalk, &key.1, amount);
    if !fresh {
        return refuse(&mut books, &key, "a duplicate", duplicate(shared, message));
    }
    let approved_on = books.request_of(&key).map(|request| request.date).unwrap_or_default();
    for (name, right) in [("approvalReqDate", &approved_on), ("cancelReqDate", &message.now.date)] {
        if message.text(name) != right {
            books.violation(format!("{}: {name} of the cancel is not {right}", key.1));
            let reply = answers::refusal(message, "7003", "원거래 정보 불일치");
            return refuse(&mut books, &key, "refused: 7003", reply);
        }
    }
    let Some(entry) = books.entry(&key) else { return Answer::Reset };
    let spoiled = spoils(entry, plan, Kind::Cancel, shared.config.rescue_failures);
    let refusal = |code: &str, text: &str| answers::refusal(message, code, text);
    if let Some(answer) = undone(entry, spoiled, refusal) {
        return answer;
    }
    if spoiled == Some(Rescue::CancelDuplicateBefore) {
        entry.did("ignored: answered as a duplicate");
        return Answer::Reply(duplicate(shared, message));
    }
    let named = message.text("controlNo");
    let reply = match entry.void(Kind::Cancel, |charge| charge.van_number == named) {
        Some(charge) => {
            entry.did("cancelled");
            answers::cancelled(message, &charge, &shared.clock)
        }
        None => {
            entry.did("was voided already");
            let code = shared.config.already_voided_code.as_deref().unwrap_or("7001");
            answers::refusal(message, code, "기취소 거래")
        }
    };
    if spoiled == Some(Rescue::CancelDuplicate) {
        return Answer::Reply(duplicate(shared, message));
    }
    done(spoiled, reply)
}
