//! The product's replies, with exactly the fields of spec A.5 to A.7, and what the faults make of them.

use serde_json::{Map, Value, json};

use super::fields::Message;
use crate::van::Charge;
use crate::van::faults::Fault;
use crate::van::http::{Answer, Reply};
use crate::van::ledger::korean_date_and_time;

type Object = Map<String, Value>;

/// The answer to an approval that was booked, as the fault leaves it.
pub(super) fn approval(fault: Fault, message: &Message, charge: &Charge) -> Answer {
    let mut body = approved(message, charge);
    let mut put = |name: &str, value: Value| drop(body.insert(name.into(), value));
    match fault {
        Fault::HangAfter => return Answer::Hang(None),
        Fault::ResetAfter => return Answer::Reset,
        Fault::Html502 => {
            let html =
                "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>\n";
            return Answer::Reply(Reply { content_type: "text/html", ..Reply::text(502, html) });
        }
        Fault::Empty200 => return Answer::Reply(Reply::json(Vec::new())),
        Fault::BinaryBody => return Answer::Reply(Reply::json((0..=255).rev().cycle().take(600).collect())),
        Fault::Http400 | Fault::DeclineWithApproval => {
            put("respCd", "8521".into());
            put("respMsg", "한도초과".into());
        }
        Fault::EmptyCode => put("respCd", "".into()),
        Fault::NumericCode => put("respCd", 0.into()),
        Fault::ForeignNumber => put("mercTrxNo", "SOMEBODY-ELSES-0001".into()),
        Fault::ForeignTerminal => put("tid", "T999999999".into()),
        Fault::BrokenText => put("respMsg", "승인#".into()),
        Fault::LoneSurrogate => put("issFmNm", "KB #".into()),
        Fault::Oversized => put("respMsg", "A".repeat(1024 * 1024).into()),
        Fault::MissingCode => drop(body.shift_remove("respCd")),
        Fault::NoEcho => body.retain(|name, _| name != "mercTrxNo" && name != "tid"),
        _ => {}
    }
    let mut reply = reply(&body);
    match fault {
        Fault::Drip => Answer::Drip(reply),
        Fault::Chunked => Answer::Bytes(reply.to_chunks(true)),
        Fault::ChunkedCut => Answer::Bytes(reply.to_chunks(false)),
        Fault::UntilClose => Answer::Bytes(reply.to_bytes_until_close()),
        Fault::NoLengthCut => {
            reply.body.truncate(reply.body.len() / 2);
            Answer::Bytes(reply.to_bytes_until_close())
        }
        Fault::AnsweredTwice => Answer::Bytes([reply.to_bytes(true), reply.to_bytes(false)].concat()),
        Fault::Cut(byte) => {
            let mut bytes = reply.to_bytes(false);
            bytes.truncate(byte as usize % bytes.len());
            Answer::Bytes(bytes)
        }
        Fault::BrokenJson => {
            reply.body.pop();
            Answer::Reply(reply)
        }
        // The first two bytes of three.
        Fault::BrokenText => Answer::Reply(replaced(reply, b"#", &"승".as_bytes()[..2])),
        Fault::LoneSurrogate => Answer::Reply(replaced(reply, b"#", br"\ud83d")),
        Fault::DuplicatedKey => Answer::Reply(replaced(reply, b"{", br#"{"respCd":"8521","#)),
        Fault::Http400 => Answer::Reply(Reply { status: 400, ..reply }),
        Fault::Redirect302 => Answer::Reply(Reply { status: 302, location: Some("/other"), ..reply }),
        Fault::Redirect307 => Answer::Reply(Reply { status: 307, location: Some("/other"), ..reply }),
        _ => Answer::Reply(reply),
    }
}

/// The answer to an approval that was declined.
pub(super) fn decline(fault: Fault, message: &Message) -> Answer {
    Answer::Reply(match fault {
        Fault::DeclineUnlisted => refusal(message, "9999", "기타 오류"),
        Fault::DeclineBare => {
            Reply::json(json!({"respCd": "8521", "respMsg": "한도초과"}).to_string().into_bytes())
        }
        _ => refusal(message, "8521", "한도초과"),
    })
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
    let card_company = [
        ("issFmCd", "06"),
        ("issFmNm", "KB Kookmin Card"),
        ("purchFmCd", "06"),
        ("purchFmNm", "KB Kookmin Card"),
        ("joShopNo", "1234567890"),
    ];
    body.extend(card_company.map(|(name, value)| (name.to_owned(), value.into())));
    body.extend(of_charge(charge));
    body
}

fn of_charge(charge: &Charge) -> [(String, Value); 5] {
    [
        ("aprvDt", &charge.approval_date),
        ("aprvTm", &charge.approval_time),
        ("aprvNo", &charge.approval_number),
        ("vanTrxNo", &charge.van_number),
        ("cardConfirmNo", &charge.card),
    ]
    .map(|(name, value)| (name.to_owned(), value.as_str().into()))
}

fn echoing(message: &Message, code: &str, text: &str) -> Object {
    let number = message.text("mercTrxNo");
    let (date, time) = korean_date_and_time();
    let fields = [
        ("respCd", code),
        ("respMsg", text),
        ("tid", message.text("tid")),
        ("svcId", message.text("svcId")),
        ("bizrNo", message.text("bizrNo")),
        // The reply's field has 20 bytes where the request's has 40.
        ("mercTrxNo", number.get(..20).unwrap_or(number)),
        ("trxDt", &date),
        ("trxTm", &time),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn reply(body: &Object) -> Reply {
    Reply::json(serde_json::to_vec(body).expect("a map of texts and numbers is JSON"))
}

/// The reply with the first `old` of its body replaced.
fn replaced(mut reply: Reply, old: &[u8], new: &[u8]) -> Reply {
    if let Some(at) = reply.body.windows(old.len()).position(|part| part == old) {
        reply.body.splice(at..at + old.len(), new.iter().copied());
    }
    reply
}
