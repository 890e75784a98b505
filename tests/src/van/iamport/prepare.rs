//! Amounts registered beforehand, which guard the window only (spec §4.4).

use std::sync::Arc;

use serde_json::json;

use super::answers;
use crate::van::Shared;
use crate::van::fields::Message;
use crate::van::http::{Answer, Reply};

/// `POST`: once per order.
pub(super) fn register(shared: &Arc<Shared>, message: &Message, _: &[u8]) -> Answer {
    let mut books = shared.books();
    let (number, amount) = (message.text("merchant_uid"), message.won("amount"));
    if books.iamport.prepared.contains_key(number) {
        let text = "결제정보 사전등록에 실패하였습니다(이미 등록된 merchant_uid입니다).";
        return Answer::Reply(answers::refused(1, text));
    }
    books.iamport.prepared.insert(number.to_owned(), amount);
    Answer::Reply(registered(number, amount))
}

/// `PUT`: another amount for what is registered.
pub(super) fn change(shared: &Arc<Shared>, message: &Message, _: &[u8]) -> Answer {
    let mut books = shared.books();
    let (number, amount) = (message.text("merchant_uid"), message.won("amount"));
    let Some(own) = books.iamport.prepared.get_mut(number) else {
        return Answer::Reply(answers::not_found("사전등록된 결제정보가 존재하지 않습니다."));
    };
    *own = amount;
    Answer::Reply(registered(number, amount))
}

/// `GET`. What it answers for an order that is not registered is not documented, but 404 is not among its statuses.
pub(super) fn show(shared: &Shared, number: &str) -> Answer {
    Answer::Reply(match shared.books().iamport.prepared.get(number) {
        Some(amount) => registered(number, *amount),
        None => answers::refused(1, "사전등록된 결제정보가 존재하지 않습니다."),
    })
}

fn registered(number: &str, amount: u64) -> Reply {
    answers::reply(json!({ "merchant_uid": number, "amount": amount, "currency": "KRW" }))
}
