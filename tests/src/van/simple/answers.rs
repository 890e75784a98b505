//! The product's replies, with exactly the fields of spec A.5 to A.7, and what the faults make of them.

use crate::van::Charge;
use crate::van::approval::Teller;
use crate::van::damage::{self, Dialect};
use crate::van::faults::Fault;
use crate::van::fields::Message;
use crate::van::http::{Answer, Reply};
use crate::van::json::{Charset, Object, object};
use crate::van::ledger::Books;

const DIALECT: Dialect = Dialect {
    charset: Charset::Utf8,
    code: "respCd",
    refusal: "\"8521\"",
    text: "respMsg",
    number: "mercTrxNo",
    terminal: ("tid", "T999999999"),
    name: "issFmNm",
    inner: None,
};

impl Teller for Message {
    fn not_booked(&self, fault: Fault) -> Answer {
        Answer::Reply(match fault {
            Fault::DeclineUnlisted => refusal(self, "9999", "기타 오류"),
            Fault::DeclineBare => reply(&object([("respCd", "8521"), ("respMsg", "한도초과")])),
            _ => refusal(self, "8521", "한도초과"),
        })
    }

    fn booked(&self, _: &Books, fault: Fault, charge: &Charge) -> Answer {
        damage::answer(&DIALECT, fault, approved(self, charge))
    }
}

/// A refusal of any request: code, text and the echo.
pub(super) fn refusal(message: &Message, code: &str, text: &str) -> Reply {
    reply(&echoing(message, code, text))
}

/// The answer to a net-cancel; `code` where it is not `0000`, `card` empty where nothing was there.
pub(super) fn net_cancel(message: &Message, code: Option<&str>, card: &str) -> Reply {
    let (code, text) = code.map_or(("0000", "Net-Cancel Success"), |code| (code, "망취소 대상 없음"));
    let mut body = echoing(message, code, text);
    body.insert("cardConfirmNo".into(), card.into());
    reply(&body)
}

/// The answer to a cancel that was done. The documentation shows its first four fields; the others are by analogy.
pub(super) fn cancelled(message: &Message, charge: &Charge) -> Reply {
    let mut body = echoing(message, "0000", "Cancel Success");
    body.extend(of_charge(charge));
    reply(&body)
}

fn approved(message: &Message, charge: &Charge) -> Object {
    let mut body = echoing(message, "0000", "Approval Success");
    body.extend(object([
        ("issFmCd", "06"),
        ("issFmNm", "KB Kookmin Card"),
        ("purchFmCd", "06"),
        ("purchFmNm", "KB Kookmin Card"),
        ("joShopNo", "1234567890"),
    ]));
    body.extend(of_charge(charge));
    body
}

fn of_charge(charge: &Charge) -> Object {
    object([
        ("aprvDt", charge.approval_date.as_str()),
        ("aprvTm", &charge.approval_time),
        ("aprvNo", &charge.approval_number),
        ("vanTrxNo", &charge.van_number),
        ("cardConfirmNo", &charge.card),
    ])
}

fn echoing(message: &Message, code: &str, text: &str) -> Object {
    let number = message.text("mercTrxNo");
    object([
        ("respCd", code),
        ("respMsg", text),
        ("tid", message.text("tid")),
        ("svcId", message.text("svcId")),
        ("bizrNo", message.text("bizrNo")),
        // The reply's field has 20 bytes where the request's has 40.
        ("mercTrxNo", number.get(..20).unwrap_or(number)),
        ("trxDt", &message.now.date),
        ("trxTm", &message.now.time),
    ])
}

fn reply(body: &Object) -> Reply {
    DIALECT.charset.reply(body)
}
