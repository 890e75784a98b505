//! EasyTalkPay at the VAN: each fault does on the wire and in the ledger what its line in the table says; ids live for a
//! day; the status query tells what became of a request.

#[allow(dead_code, reason = "each test file uses its part")]
mod raw;

use std::time::Duration;

use kicc_testkit::van::faults::{Fault, Plan, Product, Rescue};
use kicc_testkit::van::{EasyTalkSettings, State, Van, VanConfig};
use raw::{End, Got, eventually, post_euc_kr, quick};
use serde_json::{Value, json};

const APPROVE: &str = "/appcardpay/v1/approval.do";
const CANCEL: &str = "/appcardpay/v1/cancel.do";
const STATUS: &str = "/appcardpay/v1/tradeStatus.do";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The VAN's date at the start of a test, and a day later. Far enough ahead of any machine's clock.
const TODAY: &str = "20991230";
const TOMORROW: &str = "20991231";

/// A VAN at half a minute past noon of [`TODAY`]: a machine's clock may step back a little.
fn start_with(config: VanConfig) -> Van {
    let noon = Duration::from_secs(4_102_282_830);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Van::start(VanConfig { clock_ahead: noon.saturating_sub(now), ..config }).unwrap()
}

fn start() -> Van {
    start_with(quick())
}

fn approval(id: &str) -> Value {
    let cert = format!("W10000-{id}");
    json!({
        "vanTid": "T5102001", "shopTransactionId": id, "certControlNo": cert, "approvalReqDate": TODAY
    })
}

fn status(id: &str, date: &str) -> Value {
    json!({ "vanTid": "T5102001", "shopTransactionId": id, "transactionDate": date })
}

fn cancel(own: &str, control_number: &Value, date: &str) -> Value {
    json!({
        "vanTid": "T5102001", "shopTransactionId": own, "controlNo": control_number, "approvalReqDate": TODAY,
        "cancelReqDate": date
    })
}

fn query(van: &Van, id: &str) -> Got {
    post_euc_kr(van, STATUS, &status(id, TODAY))
}

/// What the status query shows: approved, cancelled, or its code.
fn shown(got: &Got) -> String {
    let json = got.json();
    match (json["controlNo"].is_string(), json["cancelControlNo"].is_string()) {
        (true, true) => "both".into(),
        (true, false) => "approved".into(),
        (false, true) => "cancelled".into(),
        _ if got.code().is_empty() => format!("{:?} {:?}", got.end, got.status()),
        _ => got.code(),
    }
}

/// Every fault of an approval: what the wire shows, whether money has moved when the client gives up, and what the
/// status query makes of it.
#[test]
fn every_approval_fault_is_what_it_says() {
    let van = start();
    for (serial, fault) in (0..).zip(Fault::of(Product::EasyTalk)) {
        let id = Plan::from(fault).number(serial);
        let got = post_euc_kr(&van, APPROVE, &approval(&id));
        assert!(on_the_wire(fault, &got), "{fault}: {} {:?}", String::from_utf8_lossy(&got.bytes), got.end);
        let state = match fault {
            Fault::Decline | Fault::DeclineBare | Fault::DeclineUnlisted => State::Declined,
            Fault::HangBefore | Fault::ResetBefore | Fault::LateForgetful | Fault::DuplicateBefore => {
                State::None
            }
            _ => State::Approved,
        };
        eventually(&format!("{fault}: {state:?}"), || van.ledger().entry(&id).unwrap().state == state);
        let entry = van.ledger().entry(&id).unwrap().clone();
        assert_eq!((entry.approvals, entry.plan.as_str()), (1, fault.to_string().as_str()));
        assert_eq!(van.counts().by_fault[fault.row().name], 1);
        if fault != Fault::LateForgetful {
            let found = if state == State::Approved { "approved" } else { "7010" };
            assert_eq!(shown(&query(&van, &id)), found, "{fault}");
        }
    }
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

fn on_the_wire(fault: Fault, got: &Got) -> bool {
    let text = String::from_utf8_lossy(&got.bytes).into_owned();
    let json = got.json();
    let whole = got.end == End::Closed && got.status() == Some(200);
    let good = whole && got.code() == "0000";
    match fault {
        Fault::Ok | Fault::Drip => {
            good && text.contains("charset=euc-kr")
                && json["resMsg"] == "결제 성공"
                && json["amount"] == 10_000
        }
        Fault::Chunked => whole && text.ends_with("\r\n0\r\n\r\n"),
        Fault::ChunkedCut => whole && text.contains("chunked") && text.ends_with("}\r\n"),
        Fault::UntilClose => good && !text.contains("Content-Length"),
        Fault::NoLengthCut => whole && json.is_null() && !text.contains("Content-Length"),
        Fault::AnsweredTwice => whole && text.matches("HTTP/1.1 200").count() == 2,
        // 승 without its second byte, and the quotation mark after it.
        Fault::BrokenText => good && contains(got, b"\xbd\xc2\xc0\xce\xbd\""),
        Fault::BrokenEcho => good && contains(got, b"ORDER\xbd\""),
        Fault::LoneSurrogate => whole && text.contains("KB \\ud83d\"") && text.contains("\"0000\""),
        Fault::CharsetUtf8 => good && contains(got, "결제 성공".as_bytes()) && text.contains("charset=utf-8"),
        Fault::CharsetWrong => good && contains(got, b"\xb0\xe1\xc1\xa6") && text.contains("charset=utf-8"),
        Fault::CharsetNone => good && contains(got, b"\xb0\xe1\xc1\xa6") && !text.contains("charset"),
        Fault::OtherSpelling => {
            let info = &json["paymentInfo"];
            good && info["authNo"].is_string()
                && info["payMethodType"] == "11"
                && info["approvalNo"].is_null()
        }
        Fault::AmountText => good && json["amount"] == "10000",
        Fault::AmountMissing => good && json.get("amount").is_none() && json["controlNo"].is_string(),
        Fault::AmountDiffers => good && json["amount"] == 10_010,
        Fault::Duplicate | Fault::DuplicateBefore => {
            whole && got.code() == "7011" && json["controlNo"].is_null()
        }
        Fault::Decline => got.code() == "8521" && json["controlNo"].is_null() && json["vanTid"] == "T5102001",
        Fault::DeclineBare => got.code() == "8521" && json.as_object().unwrap().len() == 2,
        Fault::DeclineUnlisted => got.code() == "9999",
        Fault::DeclineWithApproval => got.code() == "8521" && json["controlNo"].as_str().unwrap().len() == 12,
        Fault::ResetBefore | Fault::ResetAfter => got.end == End::Reset && got.bytes.is_empty(),
        Fault::HangBefore | Fault::HangAfter | Fault::LateAfterGiveUp | Fault::LateForgetful => {
            got.end == End::TimedOut && got.bytes.is_empty()
        }
        Fault::Cut(byte) => got.end == End::Closed && got.bytes.len() == byte as usize,
        Fault::Html502 => got.status() == Some(502) && text.contains("<html>"),
        Fault::Http400 => got.status() == Some(400) && got.code() == "8521",
        Fault::BrokenJson => whole && json.is_null() && text.contains("\"0000\""),
        Fault::DuplicatedKey => whole && text.matches("resCd").count() == 2,
        Fault::MissingCode => whole && json["resCd"].is_null() && json["controlNo"].is_string(),
        Fault::EmptyCode => whole && json["resCd"] == "",
        Fault::NumericCode => whole && json["resCd"] == 0,
        Fault::ForeignNumber => good && json["shopTransactionId"] == "SOMEBODY-ELSES-0001",
        Fault::ForeignTerminal => good && json["vanTid"] == "T9999999",
        Fault::NoEcho => good && json["shopTransactionId"].is_null() && json["vanTid"].is_null(),
        Fault::BinaryBody => whole && got.body().len() == 600 && got.body()[0] == 0xFF,
        Fault::Oversized => good && got.body().len() > 1024 * 1024,
        Fault::Redirect302 => got.status() == Some(302) && text.contains("Location: /other\r\n"),
        Fault::Redirect307 => got.status() == Some(307) && text.contains("Location: /other\r\n"),
        Fault::Empty200 => whole && got.body().is_empty() && text.contains("Content-Length: 0"),
        other => panic!("{other} is not EasyTalkPay's"),
    }
}

fn contains(got: &Got, part: &[u8]) -> bool {
    got.bytes.windows(part.len()).any(|bytes| bytes == part)
}

/// The documented fields of spec B.4 and B.5, no more and no fewer, with lengths as in the examples.
#[test]
fn a_sale_its_status_and_its_cancel() {
    let names = |json: &Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    let van = start();
    let sale = post_euc_kr(&van, APPROVE, &approval("ORD_1")).json();
    assert_eq!(
        names(&sale),
        "resCd resMsg shopTransactionId vanTid shopOrderNo controlNo amount transactionDate accepterId paymentInfo"
    );
    assert_eq!(names(&sale["paymentInfo"]), "payMethodTypeCode vanSerial approvalNo cardInfo");
    assert_eq!(names(&sale["paymentInfo"]["cardInfo"]), "cardNo issuerCode acquirerCode installmentMonth");
    assert_eq!(sale["paymentInfo"]["vanSerial"].as_str().unwrap().len(), 20);
    assert_eq!((&sale["shopOrderNo"], &sale["amount"]), (&json!("ORD_1"), &json!(10_000)));
    assert!(sale["transactionDate"].as_str().unwrap().starts_with("2099123012"), "{sale}");

    let mut found = query(&van, "ORD_1").json();
    assert_eq!(found, sale, "the query repeats the approval");
    let got = post_euc_kr(&van, CANCEL, &cancel("CAN_1", &sale["controlNo"], TODAY)).json();
    assert_eq!(
        names(&got),
        "resCd resMsg shopTransactionId vanTid cancelControlNo transactionDate vanSerial amount"
    );
    assert_eq!((&got["resCd"], &got["shopTransactionId"]), (&json!("0000"), &json!("CAN_1")));
    for id in ["ORD_1", "CAN_1"] {
        found = query(&van, id).json();
        assert_eq!(names(&found), names(&got));
        assert_eq!(
            (&found["cancelControlNo"], &found["shopTransactionId"]),
            (&got["cancelControlNo"], &json!(id))
        );
    }
    let entry = van.ledger().entry("ORD_1").unwrap().clone();
    assert_eq!((entry.state, entry.approvals, entry.cancels, entry.status_queries), (State::Voided, 1, 1, 3));
    assert_eq!(van.ledger().violations, Vec::<String>::new());
    assert_eq!(post_euc_kr(&van, CANCEL, &cancel("CAN_2", &sale["controlNo"], TODAY)).code(), "7001");
}

/// Spec C.1: a repeat is an error and nothing else, and only until midnight in Korea.
#[test]
fn an_id_is_used_once_a_day_whatever_for() {
    let van = start();
    let sale = post_euc_kr(&van, APPROVE, &approval("ORD_1")).json();
    let codes = |van: &Van| {
        let again = post_euc_kr(van, APPROVE, &approval("ORD_1"));
        let as_cancel = post_euc_kr(van, CANCEL, &cancel("ORD_1", &sale["controlNo"], TODAY));
        [again.code(), as_cancel.code()]
    };
    assert_eq!(codes(&van), ["7011", "7011"]);
    assert_eq!(van.ledger().entry("ORD_1").unwrap().charges.len(), 1);
    assert_eq!(
        van.ledger().violations,
        ["ORD_1: a second approval request", "ORD_1: a cancel bears the number of an approval"]
    );
    assert_eq!(query(&van, "ORD_1").json(), sale, "a repeat changes nothing");
    van.advance_clock(DAY / 2 - Duration::from_secs(60));
    assert_eq!(codes(&van)[0], "7011", "23:59 is the same day");
    van.advance_clock(Duration::from_secs(60));
    assert_eq!(post_euc_kr(&van, APPROVE, &approval("ORD_1")).code(), "0000");
    assert_eq!(van.ledger().entry("ORD_1").unwrap().charges.len(), 2, "nothing protects after midnight");
    let codes = [TOMORROW, TOMORROW]
        .map(|date| post_euc_kr(&van, CANCEL, &cancel("CAN_1", &sale["controlNo"], date)).code());
    assert_eq!(codes, ["0000", "7011"]);
}

#[test]
fn a_cancel_is_of_today_and_fits_its_approval() {
    let van = start();
    let sale = post_euc_kr(&van, APPROVE, &approval("ORD_1")).json();
    let with = |own: &str, name: &str, value: Value| {
        let mut body = cancel(own, &sale["controlNo"], TODAY);
        body[name] = value;
        post_euc_kr(&van, CANCEL, &body).code()
    };
    assert_eq!(with("C1", "cancelReqDate", "20991229".into()), "7003");
    assert_eq!(with("C2", "cancelReqDate", TOMORROW.into()), "7003");
    assert_eq!(with("C3", "approvalReqDate", TOMORROW.into()), "7003");
    assert_eq!(with("C4", "controlNo", "V99999999999".into()), "7002");
    assert_eq!(with("C5", "vanTid", "T0000000".into()), "7002");
    assert_eq!(van.ledger().violations.len(), 5, "{:?}", van.ledger().violations);
    assert!(van.ledger().standing("ORD_1"));
    van.advance_clock(DAY / 2);
    assert_eq!(with("C6", "cancelReqDate", TODAY.into()), "7003");
    assert_eq!(with("C7", "cancelReqDate", TOMORROW.into()), "0000");
    assert!(!van.ledger().standing("ORD_1"));
}

#[test]
fn the_status_query_knows_two_days_and_goes_by_the_date_of_the_request() {
    let van = start();
    post_euc_kr(&van, APPROVE, &approval("ORD_1"));
    let at = |date: &str| shown(&post_euc_kr(&van, STATUS, &status("ORD_1", date)));
    assert_eq!([at(TODAY), at(TOMORROW)], ["approved", "7010"]);
    assert_eq!(van.ledger().violations, Vec::<String>::new());
    assert_eq!(at("20991229"), "7010");
    assert_eq!(
        van.ledger().violations,
        ["ORD_1: the status query has neither the date 20991230 nor the next"]
    );
    assert_eq!(shown(&query(&van, "NEVER_SEEN")), "7010");
    assert_eq!(van.ledger().violations.len(), 1, "the approval may have been lost");
    van.advance_clock(DAY);
    assert_eq!([at(TODAY), at(TOMORROW)], ["approved", "7010"]);
    van.advance_clock(DAY);
    assert_eq!([at(TODAY), at(TOMORROW)], ["7010", "7010"], "the day before yesterday is forgotten");
    assert!(van.ledger().standing("ORD_1"));
}

#[test]
fn an_approval_may_be_filed_under_the_day_of_its_booking() {
    let easytalk = EasyTalkSettings { dated_by_booking: true, ..EasyTalkSettings::default() };
    let van = start_with(VanConfig { easytalk, ..quick() });
    let at = |id: &str, date: &str| shown(&post_euc_kr(&van, STATUS, &status(id, date)));
    post_euc_kr(&van, APPROVE, &approval("ORD_1"));
    assert_eq!([at("ORD_1", TODAY), at("ORD_1", TOMORROW)], ["approved", "7010"]);
    van.advance_clock(DAY / 2);
    let sale = post_euc_kr(&van, APPROVE, &approval("ORD_2")).json();
    assert_eq!([at("ORD_2", TODAY), at("ORD_2", TOMORROW)], ["7010", "approved"]);
    post_euc_kr(&van, CANCEL, &cancel("CAN_2", &sale["controlNo"], TOMORROW));
    assert_eq!([at("ORD_2", TODAY), at("ORD_2", TOMORROW)], ["7010", "cancelled"]);
    assert_eq!(at("CAN_2", TOMORROW), "cancelled");
}

/// Twice the rescue fails as its line says; then it works. With `hang_after`, so that there is something to find.
#[test]
fn every_rescue_fault_of_status_queries() {
    let van = start();
    for (serial, rescue) in (0..).zip(Rescue::of(Product::EasyTalk)) {
        let id = Plan { fault: Fault::HangAfter, rescue: Some(rescue) }.number(serial);
        post_euc_kr(&van, APPROVE, &approval(&id));
        let seen: Vec<Got> = (0..4).map(|_| query(&van, &id)).collect();
        let expected = match rescue {
            Rescue::Hang => ["TimedOut None", "TimedOut None", "approved", "approved"],
            Rescue::Reset => ["Reset None", "Reset None", "approved", "approved"],
            Rescue::ServerError => ["Closed Some(503)", "Closed Some(503)", "approved", "approved"],
            Rescue::ProvesNothing => ["7777"; 4],
            Rescue::QueryCancelled => ["cancelled"; 4],
            Rescue::QueryBoth => ["both", "both", "approved", "approved"],
            Rescue::QueryNeither => ["0000", "0000", "approved", "approved"],
            Rescue::QueryBroken => ["Closed Some(200)", "Closed Some(200)", "approved", "approved"],
            Rescue::QueryForgets => ["Closed Some(503)"; 4],
            Rescue::QueryForeign
            | Rescue::CancelHang
            | Rescue::CancelHangDone
            | Rescue::CancelRefused
            | Rescue::CancelDuplicate
            | Rescue::CancelDuplicateBefore => ["approved"; 4],
            other => panic!("{} is not EasyTalkPay's", other.row().name),
        };
        assert_eq!(seen.iter().map(shown).collect::<Vec<_>>(), expected, "{}", rescue.row().name);
        let foreign = |got: &Got| {
            let json = got.json();
            (json["shopTransactionId"] != json!(id), json["vanTid"] != "T5102001")
        };
        let others = match rescue {
            Rescue::QueryForeign => [(true, false), (false, true), (false, false), (false, false)],
            _ => [(false, false); 4],
        };
        if seen.iter().all(|got| got.json().is_object()) {
            assert_eq!(seen.iter().map(foreign).collect::<Vec<_>>(), others, "{}", rescue.row().name);
        }
        assert_eq!(van.ledger().standing(&id), rescue != Rescue::QueryCancelled);
    }
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

#[test]
fn every_rescue_fault_of_cancels() {
    let van = start();
    for (serial, rescue) in (0..).zip(Rescue::of(Product::EasyTalk)) {
        let id = Plan { fault: Fault::Ok, rescue: Some(rescue) }.number(serial);
        let sale = post_euc_kr(&van, APPROVE, &approval(&id)).json();
        let codes: Vec<String> = (0..3)
            .map(|time| {
                let own = format!("C{serial}-{time}");
                post_euc_kr(&van, CANCEL, &cancel(&own, &sale["controlNo"], TODAY)).code()
            })
            .collect();
        let expected = match rescue {
            Rescue::Hang | Rescue::ServerError | Rescue::CancelHang => ["", "", "0000"],
            Rescue::Reset | Rescue::CancelHangDone => ["", "", "7001"],
            Rescue::CancelRefused => ["7777", "7777", "0000"],
            Rescue::CancelDuplicate => ["7011", "7011", "7001"],
            Rescue::CancelDuplicateBefore => ["7011", "7011", "0000"],
            Rescue::ProvesNothing => ["7777"; 3],
            _ => ["0000", "7001", "7001"],
        };
        assert_eq!(codes, expected, "{}", rescue.row().name);
        assert_eq!(van.ledger().standing(&id), rescue == Rescue::ProvesNothing);
    }
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

#[test]
fn a_late_approval_is_not_found_until_it_is_booked() {
    let van = start();
    post_euc_kr(&van, APPROVE, &approval("Xlatef-1"));
    assert_eq!(shown(&query(&van, "Xlatef-1")), "7010");
    eventually("the late booking", || van.ledger().standing("Xlatef-1"));
    assert_eq!(shown(&query(&van, "Xlatef-1")), "approved");

    // The client still holds its socket, so that only the query tells the VAN that it gave up.
    let mut silent = std::net::TcpStream::connect(van.addr()).unwrap();
    let body = approval("Xlateg-1").to_string();
    let bytes = raw::plain(&van, APPROVE, "application/json; charset=euc-kr", body.as_bytes());
    std::io::Write::write_all(&mut silent, &bytes).unwrap();
    eventually("seen", || van.ledger().entry("Xlateg-1").is_some());
    assert_eq!(shown(&query(&van, "Xlateg-1")), "approved");
    assert_eq!(van.ledger().entry("Xlateg-1").unwrap().charges.len(), 1);
}

/// R13: a *not found* from outside the memory of the gateway, for what was booked.
#[test]
fn a_forgetful_status_query_says_not_found_once_its_memory_is_over() {
    let easytalk =
        EasyTalkSettings { forgets_after: Duration::from_millis(600), ..EasyTalkSettings::default() };
    let van = start_with(VanConfig { easytalk, ..quick() });
    post_euc_kr(&van, APPROVE, &approval("Xhanga_qforg-1"));
    assert_eq!(shown(&query(&van, "Xhanga_qforg-1")), "Closed Some(503)");
    eventually("forgotten", || shown(&query(&van, "Xhanga_qforg-1")) == "7010");
    assert!(van.ledger().standing("Xhanga_qforg-1"));
}

#[test]
fn an_approval_after_its_status_query_is_noticed() {
    let van = start();
    assert_eq!(shown(&query(&van, "ORD_1")), "7010");
    assert_eq!(post_euc_kr(&van, APPROVE, &approval("ORD_1")).code(), "0000");
    assert_eq!(van.ledger().violations, ["ORD_1: the approval came after a status query for it"]);
    assert_eq!(van.ledger().entry("ORD_1").unwrap().amount, 10_000);
}

#[test]
fn an_authentication_is_of_a_window_or_made_up_and_pays_once() {
    let van = start();
    let with = |id: &str, cert: &str| {
        let mut body = approval(id);
        body["certControlNo"] = cert.into();
        post_euc_kr(&van, APPROVE, &body).code()
    };
    assert_eq!(with("A", "NOBODY-GAVE-IT"), "7005");
    assert_eq!(with("A1", "W0-1"), "7005");
    assert_eq!(van.ledger().violations.len(), 2);
    assert_eq!(
        [with("Xdec-1", "W500-1"), with("B", "W500-1"), with("C", "W500-1")],
        ["8521", "0000", "7005"]
    );
    assert_eq!(van.ledger().violations[2..], ["C: the certControlNo of an approval that stands"]);
    assert_eq!(van.ledger().entry("B").unwrap().amount, 500);
    let plain = start_with(VanConfig { magic: false, ..quick() });
    assert_eq!(post_euc_kr(&plain, APPROVE, &approval("Xdec-1")).code(), "7005");
    assert!(!format!("{van:?}").contains("W500-1"), "r23");
}

#[test]
fn requests_are_in_euc_kr_and_as_the_tables_say() {
    let van = start();
    let send = |content_type: &str, body: &[u8]| {
        raw::send(van.addr(), &raw::plain(&van, APPROVE, content_type, body), Duration::from_secs(1)).status()
    };
    let good = approval("ORD_1").to_string();
    let euc_kr = "application/json; charset=euc-kr";
    for (body, problem) in [
        (good.replace("ORD_1", "\u{c8fc}\u{bb38}\u{d55c}"), "the body is not in euc-kr"),
        (good.replace("T5102001", "T51020011"), "vanTid is over 8 bytes"),
        (good.replace("\"ORD_1\"", "\"&#51452;\""), "a numeric character reference"),
        (good.replace("\"ORD_1\"", "\"\\ud83d\\ude00\""), "not to be had in euc-kr"),
        (good.replace("20991230", "2099-12-30"), "approvalReqDate is not 8 digits"),
        (good.replace("approvalReqDate", "approvalDate"), "approvalReqDate is missing"),
    ] {
        assert_eq!(send(euc_kr, body.as_bytes()), Some(400), "{problem}");
        let violations = van.ledger().violations.join("; ");
        assert!(violations.contains(problem), "{problem}: {violations}");
    }
    let before = van.ledger().violations.len();
    assert_eq!(send("application/json; charset=EUC-KR", good.as_bytes()), Some(200));
    assert_eq!(van.ledger().violations.len(), before);
    send("application/json; charset=utf-8", approval("ORD_2").to_string().as_bytes());
    send("application/json", approval("ORD_3").to_string().as_bytes());
    send("text/plain", approval("ORD_4").to_string().as_bytes());
    assert_eq!(van.ledger().violations.len(), before + 3);
}

#[test]
fn the_terminal_and_its_authorization_are_checked_where_they_are_set() {
    let easytalk = EasyTalkSettings {
        terminal_id: Some("T5102001".into()),
        basic_authorization: true,
        ..EasyTalkSettings::default()
    };
    let van = start_with(VanConfig { easytalk, ..quick() });
    let send = |terminal: &str, authorization: &str| {
        let mut body = approval("ORD_1");
        body["vanTid"] = terminal.into();
        let content_type = format!("application/json; charset=euc-kr\r\nAuthorization: {authorization}");
        let bytes = raw::plain(&van, APPROVE, &content_type, body.to_string().as_bytes());
        let got = raw::send(van.addr(), &bytes, Duration::from_secs(1));
        (got.status().unwrap(), got.code())
    };
    // Python: base64.b64encode(b"T5102001"), b"T0000000".
    assert_eq!(send("T5102001", "Basic VDUxMDIwMDA=").0, 401);
    assert_eq!(send("T5102001", "").0, 401);
    assert_eq!(send("T0000000", "Basic VDAwMDAwMDA="), (200, "7004".into()));
    assert_eq!((van.counts().unauthorized, van.ledger().violations.len()), (2, 3));
    assert_eq!(send("T5102001", "Basic VDUxMDIwMDE="), (200, "0000".into()));
    assert_eq!(van.ledger().violations.len(), 3);
}

#[test]
fn path_date_field_and_codes_of_the_status_query_are_settings() {
    let easytalk = EasyTalkSettings {
        status_path: "/elsewhere/status.do".into(),
        status_date_field: "tranDate".into(),
        not_found_code: "1234".into(),
        ..EasyTalkSettings::default()
    };
    let config = VanConfig { easytalk, duplicate_code: "4321".into(), ..quick() };
    let van = start_with(config);
    assert_eq!(query(&van, "ORD_1").status(), Some(404));
    let body = json!({ "vanTid": "T5102001", "shopTransactionId": "ORD_1", "tranDate": TODAY });
    let ask = || shown(&post_euc_kr(&van, "/elsewhere/status.do", &body));
    assert_eq!(ask(), "1234");
    post_euc_kr(&van, APPROVE, &approval("ORD_1"));
    assert_eq!(ask(), "approved");
    assert_eq!(post_euc_kr(&van, APPROVE, &approval("ORD_1")).code(), "4321");
    assert_eq!(van.counts().status_queries, 2);
}
