//! The product's replies, with exactly the fields of spec B.4 and B.5.

use serde_json::Value;

use crate::van::clock::Clock;
use crate::van::damage::{self, Dialect};
use crate::van::faults::Fault;
use crate::van::fields::Message;
use crate::van::http::{Answer, Reply};
use crate::van::json::{Charset, Object, object};
use crate::van::ledger::Books;
use crate::van::{Charge, approval};

const DIALECT: Dialect = Dialect {
    charset: Charset::EucKr,
    code: "resCd",
    refusal: "\"8521\"",
    text: "resMsg",
    number: "shopTransactionId",
    terminal: ("vanTid", "T9999999"),
    name: "resMsg",
    inner: None,
};

/// Answers one approval request.
pub(super) struct Teller<'a> {
    pub(super) message: &'a Message,
    /// The order number as registered.
    pub(super) order: &'a str,
    pub(super) duplicate_code: &'a str,
}

impl approval::Teller for Teller<'_> {
    fn not_booked(&self, fault: Fault) -> Answer {
        Answer::Reply(match fault {
            Fault::DeclineUnlisted => refusal(self.message, "9999", "기타 오류"),
            Fault::DeclineBare => reply(&object([("resCd", "8521"), ("resMsg", "한도초과")])),
            Fault::DuplicateBefore => refusal(self.message, self.duplicate_code, "중복 요청"),
            _ => refusal(self.message, "8521", "한도초과"),
        })
    }

    fn booked(&self, _: &Books, fault: Fault, charge: &Charge) -> Answer {
        let mut body = approved(self.message, self.order, charge);
        let amount = charge.amount.to_string();
        match fault {
            Fault::Duplicate => {
                return Answer::Reply(refusal(self.message, self.duplicate_code, "중복 요청"));
            }
            Fault::AmountMissing => drop(body.shift_remove("amount")),
            Fault::AmountText => drop(body.insert("amount".into(), amount.into())),
            Fault::OtherSpelling => spell_as_in_the_table(&mut body),
            _ => {}
        }
        damage::answer(&DIALECT, fault, body)
    }
}

/// The documentation writes two fields in two ways, and its example in the one of [`approved`].
fn spell_as_in_the_table(body: &mut Object) {
    let Some(info) = body.get_mut("paymentInfo").and_then(Value::as_object_mut) else { return };
    for (example, table) in [("payMethodTypeCode", "payMethodType"), ("approvalNo", "authNo")] {
        if let Some(value) = info.shift_remove(example) {
            info.insert(table.into(), value);
        }
    }
}

/// A refusal of any request: code, text and the echo.
pub(super) fn refusal(message: &Message, code: &str, text: &str) -> Reply {
    reply(&echoing(message, code, text))
}

/// The answer to a cancel that was done. The documentation's page ends with these fields.
pub(super) fn cancelled(message: &Message, charge: &Charge, clock: &Clock) -> Reply {
    let mut body = echoing(message, "0000", "취소 성공");
    body.extend(of_cancel(charge, clock));
    reply(&body)
}

/// Any object in the product's charset.
pub(super) fn reply(body: &Object) -> Reply {
    DIALECT.charset.reply(body)
}

/// The body that tells an approval.
pub(super) fn approved(message: &Message, order: &str, charge: &Charge) -> Object {
    let mut body = echoing(message, "0000", "결제 성공");
    body.insert("shopOrderNo".into(), order.into());
    body.insert("controlNo".into(), charge.van_number.as_str().into());
    body.insert("amount".into(), charge.amount.into());
    body.insert("transactionDate".into(), [&*charge.approval_date, &*charge.approval_time].concat().into());
    body.insert("accepterId".into(), "1234567890".into());
    let card = [
        ("cardNo", charge.card.as_str()),
        ("issuerCode", "029"),
        ("acquirerCode", "029"),
        ("installmentMonth", "00"),
    ];
    let mut info = object([
        ("payMethodTypeCode", "11"),
        ("vanSerial", &serial("5", charge)),
        ("approvalNo", &charge.approval_number),
    ]);
    info.insert("cardInfo".into(), object(card).into());
    body.insert("paymentInfo".into(), info.into());
    body
}

/// What a cancel's answer has beyond the echo. The charge's end may be yet to come.
pub(super) fn of_cancel(charge: &Charge, clock: &Clock) -> Object {
    let at = charge.voided.as_ref().map_or_else(|| clock.now(), |voided| clock.at(voided.at));
    let mut body = object([
        ("cancelControlNo", charge.van_number.replacen('V', "C", 1).as_str()),
        ("transactionDate", &[at.date, at.time].concat()),
        ("vanSerial", &serial("6", charge)),
    ]);
    body.insert("amount".into(), charge.amount.into());
    body
}

/// 20 digits.
fn serial(kind: &str, charge: &Charge) -> String {
    [kind, &charge.van_number[3..], &charge.approval_date[2..], &charge.approval_time[..4]].concat()
}

/// Code, text, number and terminal.
pub(super) fn echoing(message: &Message, code: &str, text: &str) -> Object {
    object([
        ("resCd", code),
        ("resMsg", text),
        ("shopTransactionId", message.text("shopTransactionId")),
        ("vanTid", message.text("vanTid")),
    ])
}
