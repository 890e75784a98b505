//! Refunds (spec §4.3).

use std::sync::Arc;

use super::store::Back;
use super::{answers, give_back, key, spoil};
use crate::van::Shared;
use crate::van::choice::plan;
use crate::van::faults::{Product, Rescue};
use crate::van::fields::Message;
use crate::van::http::Answer;
use crate::van::ledger::{Books, Key, Kind};
use crate::van::rescue;

use super::payment::{Payment, Standing};

const NO_SUCH_PAYMENT: &str = "취소할 결제건이 존재하지 않습니다.";
const FULLY_REFUNDED: &str = "이미 전액취소된 주문입니다.";

pub(super) fn answer(shared: &Arc<Shared>, message: &Message, body: &[u8]) -> Answer {
    shared.counts().cancels += 1;
    let mut books = shared.books();
    if !message.has("checksum") {
        books.violation("a cancel without a checksum (R16)");
    }
    let reason = message.text("reason");
    if reason.starts_with("refund ") && books.iamport.is_another_cancel(reason, body) {
        books.violation("the refund of a part with another cancel than before (R16)");
    }
    let Some(payment) = named(&books, message).cloned() else {
        books.violation("a cancel of what does not exist");
        return Answer::Reply(answers::refused(1, NO_SUCH_PAYMENT));
    };
    let key = key(shared, &payment.of.merchant_uid);
    let Some(entry) = books.entry(&key) else {
        // The issue of a billing key, or a window that nobody paid in.
        return Answer::Reply(answers::refused(1, NO_SUCH_PAYMENT));
    };
    entry.saw(Kind::Cancel, body);
    let plan = plan(&shared.config, Product::Iamport, &key.1, entry.amount);
    let spoiled = match spoil(shared, entry, plan, Kind::Cancel) {
        Ok(spoiled) => spoiled,
        Err(answer) => return answer,
    };
    if spoiled == Some(Rescue::CancelDuplicateBefore) {
        entry_did(&mut books, &key, "ignored: answered as refunded");
        return Answer::Reply(answers::refused(1, FULLY_REFUNDED));
    }
    let mut amount = match refundable(&payment, message) {
        Ok(amount) => amount,
        Err((did, text)) => {
            entry_did(&mut books, &key, did);
            return rescue::done(spoiled, answers::refused(1, text));
        }
    };
    if spoiled == Some(Rescue::CancelPartly) && amount > 10 {
        amount -= 10;
    }
    entry_did(&mut books, &key, "cancelled");
    let back = Back {
        amount,
        tax_free: message.won("tax_free"),
        reason: message.text("reason"),
        now: message.now.unix,
        webhook: message.is_true("enable_webhook"),
    };
    give_back(&mut books, &key, &payment.imp_uid, back);
    if spoiled == Some(Rescue::CancelDuplicate) {
        return Answer::Reply(answers::refused(1, FULLY_REFUNDED));
    }
    let now = books.iamport.payment(&payment.imp_uid).unwrap_or(&payment);
    rescue::done(spoiled, answers::reply(now.json(&shared.config.iamport)))
}

/// The payment that a cancel is about. An `imp_uid` wins, also where there is no such payment.
fn named<'a>(books: &'a Books, message: &Message) -> Option<&'a Payment> {
    if message.has("imp_uid") {
        return books.iamport.payment(message.text("imp_uid"));
    }
    let number = message.text("merchant_uid");
    let standing = books.iamport.of(number).rev().find(|payment| payment.balance() > 0);
    standing.or_else(|| books.iamport.of(number).next_back())
}

/// How many won this cancel gives back; else what becomes of it, in words and in the answer's.
fn refundable(payment: &Payment, message: &Message) -> Result<u64, (&'static str, &'static str)> {
    if !matches!(payment.standing, Standing::Paid(_)) {
        return Err(("refused: nothing was paid", NO_SUCH_PAYMENT));
    }
    let balance = payment.balance();
    if balance == 0 {
        return Err(("was voided already", FULLY_REFUNDED));
    }
    if message.has("checksum") && message.won("checksum") != balance {
        return Err(("refused: another balance", "취소 가능 잔액이 checksum과 일치하지 않습니다."));
    }
    let amount = if message.won("amount") == 0 { balance } else { message.won("amount") };
    let exempt_before: u64 = payment.cancels.iter().map(|cancel| cancel.tax_free).sum();
    let exempt = payment.of.tax_free.saturating_sub(exempt_before);
    if amount > balance || message.won("tax_free") > exempt.min(amount) {
        return Err(("refused: more than stands", "취소 요청금액이 잔액보다 큽니다."));
    }
    // Of a payment with an exempt part KICC wants to be told the exempt part of the refund.
    if exempt > 0 && !message.has("tax_free") {
        return Err(("refused: no tax_free", "면세금액을 입력하여 주십시오."));
    }
    let account = ["refund_holder", "refund_bank", "refund_account"];
    if payment.of.pay_method == "vbank" && !account.iter().all(|name| message.has(name)) {
        return Err(("refused: no refund account", "환불계좌 정보가 필요합니다."));
    }
    Ok(amount)
}

fn entry_did(books: &mut Books, key: &Key, did: &str) {
    if let Some(entry) = books.entry(key) {
        entry.did(did);
    }
}
