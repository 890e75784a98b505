//! The documentation's examples value for value (spec B.2 to B.5), and what is read from answers (R6 to R8, R11).

use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use super::{
    Merchant, Order, Settings, StatusQuery, messages,
    register::{Purchase, registration},
    reply,
    rules::EasyTalk,
    window,
};
use crate::{
    codes::{CodeSets, Codes, ResultCode},
    flow::{
        Driver, Opening, Policy,
        approval::{AmountStated, Approval, Stated},
        said::{Said, Unclear},
        table::Verb,
    },
    journal::record::{Cancel, Record},
    product::{self, Moment, Order as _, Payload, Reading, Rules as _},
    time::{Mono, Now},
    values::{
        Amount, BusinessNumber, CertControlNumber, Charset, Environment, KstDateTime, OrderNumber, Parts,
        Problem, ReturnUrl, TransactionNumber, VanTerminalId, Won,
    },
    wire::{
        Reply, RequestBuffer,
        call::{Call as _, CallError, Registration, RequestAuthorization},
        post::{POST_MAX, Post, PostError, Posted},
    },
};

const NUMBER: &str = "20210326090100-0001";

fn merchant() -> Merchant {
    Merchant {
        environment: Environment::new("test").unwrap(),
        van_terminal_id: VanTerminalId::new("T5102001").unwrap(),
    }
}

fn code(text: &str) -> ResultCode {
    ResultCode::new(text).unwrap()
}

fn settings() -> Settings {
    Settings::with_status_query(StatusQuery::new("/status.do", "transactionDate", &[code("7404")]).unwrap())
}

fn policy() -> Policy {
    let sets = CodeSets {
        unknown: Vec::from([code("7200")]),
        duplicate: Vec::from([code("7100")]),
        nothing_to_void: Vec::from([code("7001")]),
        already_voided: Vec::from([code("7002")]),
        refusals: Vec::new(),
    };
    let mut policy = Policy { codes: Codes::new(sets).unwrap(), ..Policy::default() };
    policy.products.easytalk = Some(settings().duplicate_codes(&[code("7101")]).unwrap());
    policy
}

fn now() -> Now {
    Now { mono: Mono(0), wall: KstDateTime::new("20261121120000").unwrap().to_unix() }
}

fn order() -> Order {
    Order::new(
        TransactionNumber::new(NUMBER).unwrap(),
        OrderNumber::new("GDS30004").unwrap(),
        Amount::new(Won(51_004), Parts::default()).unwrap(),
        CertControlNumber::new("CERT20210326").unwrap(),
    )
}

fn record() -> Record {
    let driver = Driver { policy: Arc::new(policy()), holder: "one".into(), accept_step: true };
    let merchant = product::Merchant::EasyTalk(merchant());
    let opening = Opening { merchant: &merchant, driver: &driver, attempt: [1; 16] };
    Record::of_row(&order().open(&opening, now()).unwrap().row()).unwrap()
}

/// Spec B.4 and B.5: the fields in the documentation's order, and nothing else; the paths.
#[test]
fn the_messages_are_the_documentations() {
    let date = |text: &str| KstDateTime::new(text).unwrap().date();
    let (first, second) = (date("20210326090100"), date("20210327000000"));
    let number = TransactionNumber::new(NUMBER).unwrap();
    let approval =
        messages::approval(&merchant(), &number, &CertControlNumber::new("CERT1").unwrap(), &first);
    let expected = r#"{"vanTid":"T5102001","shopTransactionId":"20210326090100-0001","certControlNo":"CERT1","approvalReqDate":"20210326"}"#;
    assert_eq!(core::str::from_utf8(&approval).unwrap(), expected);
    let key = record().origin.key;
    let cancel = messages::cancel(&key, &number, "50123011010326090200", &first, &second);
    let expected = r#"{"vanTid":"T5102001","shopTransactionId":"20210326090100-0001","controlNo":"50123011010326090200","approvalReqDate":"20210326","cancelReqDate":"20210327"}"#;
    assert_eq!(cancel, expected);
    assert_eq!(messages::APPROVAL, "/appcardpay/v1/approval.do");
    assert_eq!(messages::CANCEL, "/appcardpay/v1/cancel.do");
}

#[test]
fn a_status_query_is_what_was_configured() {
    let query = StatusQuery::new("/x/y.do", "tradeDt", &[]).unwrap();
    assert_eq!((query.path(), query.date_field(), query.not_found_codes()), ("/x/y.do", "tradeDt", &[][..]));
    let with = settings().authorization(RequestAuthorization::Basic);
    assert_eq!(with.request_authorization(), RequestAuthorization::Basic);
    assert_eq!(with.status().map(StatusQuery::not_found_codes), Some(&[code("7404")][..]));
    assert_eq!(Settings::without_status_query().status(), None);
    let key = record().origin.key;
    let date = KstDateTime::new("20210326090100").unwrap().date();
    let body = messages::status(&query, &key, &key.number, &date);
    let expected = r#"{"vanTid":"T5102001","shopTransactionId":"20210326090100-0001","tradeDt":"20210326"}"#;
    assert_eq!(body, expected);
    for (path, field) in
        [("x.do", "a"), ("", "a"), ("/a b", "a"), ("/a", ""), ("/a", "a\""), ("/a", "vanTid")]
    {
        assert!(StatusQuery::new(path, field, &[]).is_err(), "{path} {field}");
    }
    assert!(StatusQuery::new("/a", "a", &[code("0000")]).is_err());
}

#[test]
fn a_duplicate_code_means_nothing_else() {
    assert!(settings().duplicate_codes(&[code("0000")]).is_err());
    assert!(settings().duplicate_codes(&[code("7404")]).is_err());
    assert!(settings().duplicate_codes(&[code("7405")]).is_ok());
}

/// Spec B.4's example of an answer, with the fields of its table.
const APPROVED: &str = r#"{"resCd":"0000","resMsg":"Payment Success","shopTransactionId":"20210326090100-0001","vanTid":"T5102001","shopOrderNo":"GDS30004","controlNo":"20210326000000000001","amount":51004,"transactionDate":"20210326090200","accepterId":"123456789","paymentInfo":{"payMethodTypeCode":"11","approvalNo":"00017177","vanSerial":"50123011010326090200","cardInfo":{"cardNo":"45184211******81","issuerCode":"029","acquirerCode":"029","installmentMonth":"00"}}}"#;

/// Spec B.5, as far as it is public.
const CANCELLED: &str = r#"{"resCd":"0000","resMsg":"ok","shopTransactionId":"20210326090100-0001","vanTid":"T5102001","cancelControlNo":"20210326000000000002","transactionDate":"20210326100000","vanSerial":"1","amount":51004}"#;

fn read(verb: Verb, body: impl AsRef<[u8]>) -> Reading {
    let reply = Reply { status: 200, content_type: None, body: body.as_ref() };
    reply::read(verb, &record(), reply, &policy())
}

fn approved(body: impl AsRef<[u8]>) -> Approval {
    match read(Verb::Approve, &body) {
        Reading::Approved(approval) => approval,
        other => panic!("{other:?} from {}", String::from_utf8_lossy(body.as_ref())),
    }
}

fn unclear(verb: Verb, body: impl AsRef<[u8]>) -> Unclear {
    match read(verb, &body) {
        Reading::Unclear(why) => why,
        other => panic!("{other:?} from {}", String::from_utf8_lossy(body.as_ref())),
    }
}

fn today(body: &str) -> String {
    body.replace(r#""transactionDate":"20210326"#, r#""transactionDate":"20261121"#)
}

#[test]
fn the_approvals_answer_is_the_documentations() {
    let expected = Stated {
        amount: AmountStated::Matched,
        approval_number: "00017177".into(),
        approval_date: "20210326".into(),
        approval_time: "090200".into(),
        van_number: "20210326000000000001".into(),
        van_serial: "50123011010326090200".into(),
        payment_method: "11".into(),
        instalment: "00".into(),
        issuer_code: "029".into(),
        acquirer_code: "029".into(),
        merchant_number: "123456789".into(),
        masked_card: "45184211******81".into(),
        ..Stated::default()
    };
    assert_eq!(approved(APPROVED), expected.clone().into());
    // Spec F.1: the table's names of the two fields; months as a number, as in a sister API.
    let table = APPROVED
        .replace("payMethodTypeCode", "payMethodType")
        .replace("approvalNo", "authNo")
        .replace(r#""installmentMonth":"00""#, r#""installmentMonth":3"#);
    assert_eq!(approved(table), Stated { instalment: "3".into(), ..expected }.into());
}

/// R6: a success of an approval names number and terminal, and the gateway's number, without which it could not be
/// cancelled; an order number that is stated is ours.
#[test]
fn r6_a_success_says_whose_it_is() {
    for (field, ours) in [("shopTransactionId", NUMBER), ("vanTid", "T5102001"), ("shopOrderNo", "GDS30004")]
    {
        let stated = format!(r#""{field}":"{ours}""#);
        for other in [r#""SOMEBODY""#, r#""T510200""#, "5", r#""\ud800""#, r#""20210326090100-000""#] {
            let body = today(APPROVED).replace(&stated, &format!(r#""{field}":{other}"#));
            for verb in [Verb::Approve, Verb::Query] {
                assert_eq!(unclear(verb, &body), Unclear::ForeignEcho(field.into()), "{other}");
                let refusal = body.replace("0000\"", "8521\"").replace("00017177", "");
                assert_eq!(unclear(verb, refusal), Unclear::ForeignEcho(field.into()), "{other}");
            }
        }
        let absent = today(APPROVED).replace(&format!("{stated},"), "");
        if field == "shopOrderNo" {
            approved(absent);
            continue;
        }
        for verb in [Verb::Approve, Verb::Query] {
            assert_eq!(unclear(verb, &absent), Unclear::MissingEcho(field.into()));
        }
    }
    let without = APPROVED.replace(r#""controlNo":"20210326000000000001","#, "");
    assert_eq!(unclear(Verb::Approve, without), Unclear::MissingEcho("controlNo".into()));
}

/// R8: the approval must state the amount that was registered.
#[test]
fn r8_the_amount_must_be_stated() {
    let with = |amount: &str| APPROVED.replace("51004", amount);
    for same in ["51004", "51004.0", r#""51004""#] {
        assert_eq!(approved(with(same)).amount, AmountStated::Matched, "{same}");
    }
    assert_eq!(approved(with("51003")).amount, AmountStated::Differs(Won(51_003)));
    assert_eq!(approved(with("null")).amount, AmountStated::Missing);
    assert_eq!(approved(APPROVED.replace(r#""amount":51004,"#, "")).amount, AmountStated::Missing);
    for unreadable in ["-1", "51004.5", r#""51,004""#, "true", "{}"] {
        assert_eq!(unclear(Verb::Approve, with(unreadable)), Unclear::Amount, "{unreadable}");
    }
}

/// R7: the body is read in the charset that it declares, else in EUC-KR; broken Hangul in a text costs no sale.
#[test]
fn r7_texts_are_read_in_their_charset() {
    let said = |content_type: Option<&str>, bytes: &[u8]| {
        let body = [br#"{"resCd":"8521","resMsg":""#.as_slice(), bytes, br#""}"#].concat();
        let reply = Reply { status: 200, content_type, body: &body };
        match reply::read(Verb::Approve, &record(), reply, &policy()) {
            Reading::Declined(said) => said.message,
            other => panic!("{other:?}"),
        }
    };
    let (euc_kr, utf_8) = (Charset::EucKr.encode("한도초과 똠").unwrap(), "한도초과 똠".as_bytes());
    for label in ["euc-kr", "EUC-KR", "\"euc-kr\"", "ks_c_5601-1987", "no-such-charset"] {
        let content_type = format!("application/json; charset={label}");
        assert_eq!(&*said(Some(&content_type), &euc_kr), "한도초과 똠", "{label}");
    }
    assert_eq!(&*said(None, &euc_kr), "한도초과 똠");
    assert_eq!(&*said(Some("application/json"), &euc_kr), "한도초과 똠");
    assert_eq!(&*said(Some("application/json;v=1; Charset=UTF-8"), utf_8), "한도초과 똠");
    // A lead byte without its trail does not swallow the quote after it.
    assert_eq!(&*said(None, &euc_kr[..3]), "한\u{fffd}");
    let damaged = [APPROVED.as_bytes()].concat();
    for damage in [0x80_u8, 0xb0, 0xff] {
        let at = APPROVED.find("Payment Success").unwrap();
        let mut body = damaged.clone();
        body[at + 3] = damage;
        approved(&body);
        // In a field that decides it makes the answer unknown.
        for field in ["0000\"", NUMBER, "T5102001", "GDS30004", "20210326000000000001"] {
            let mut body = damaged.clone();
            body[APPROVED.find(field).unwrap() + 1] = damage;
            unclear(Verb::Approve, &body);
        }
    }
}

/// R7: structure, status and every cut.
#[test]
fn r7_what_is_not_an_answer_is_unknown() {
    for end in 0..APPROVED.len() {
        assert_eq!(unclear(Verb::Approve, &APPROVED[..end]), Unclear::NotJson, "{end}");
    }
    for end in 0..CANCELLED.len() {
        assert_eq!(unclear(Verb::Cancel, &CANCELLED[..end]), Unclear::NotJson, "{end}");
    }
    let twice = APPROVED.replace(r#""vanSerial""#, r#""approvalNo""#);
    assert_eq!(unclear(Verb::Approve, twice), Unclear::DuplicateKey);
    assert_eq!(unclear(Verb::Approve, APPROVED.replacen('{', r#"{"x":1,"x":2,"#, 1)), Unclear::DuplicateKey);
    for status in [100, 201, 302, 400, 500, 503] {
        for verb in [Verb::Approve, Verb::Query, Verb::Cancel] {
            let reply = Reply { status, content_type: None, body: APPROVED.as_bytes() };
            let reading = reply::read(verb, &record(), reply, &policy());
            assert_eq!(reading, Reading::Unclear(Unclear::Status(status)));
        }
    }
    for odd in ["null", r#""""#, "[]", "5"] {
        let at = APPROVED.find(r#"{"payMethod"#).unwrap();
        let body = format!("{}{odd}}}", &APPROVED[..at]);
        assert_eq!(approved(body).approval_number(), None, "{odd}");
    }
}

/// R6, R15: what a refusal means.
#[test]
fn r6_refusals_by_their_code() {
    let body = |code: &str| format!(r#"{{"resCd":"{code}","resMsg":"text"}}"#);
    let said = |code: &str| Said { code: code.into(), message: "text".into() };
    for verb in [Verb::Approve, Verb::Query, Verb::Cancel] {
        for duplicate in ["7100", "7101"] {
            assert_eq!(read(verb, body(duplicate)), Reading::Unclear(Unclear::Duplicate(said(duplicate))));
        }
        assert_eq!(read(verb, body("7200")), Reading::Unclear(Unclear::UnknownCode(said("7200"))));
    }
    assert_eq!(read(Verb::Approve, body("8521")), Reading::Declined(said("8521")));
    assert_eq!(read(Verb::Cancel, body("8521")), Reading::Declined(said("8521")));
    for code in ["9999", "7404"] {
        assert_eq!(read(Verb::Approve, body(code)), Reading::Unlisted(said(code)));
        assert_eq!(read(Verb::Cancel, body(code)), Reading::Unlisted(said(code)));
    }
    assert_eq!(read(Verb::Cancel, body("7001")), Reading::NothingStands(said("7001")));
    assert_eq!(read(Verb::Cancel, body("7002")), Reading::AlreadyVoided(said("7002")));
    assert_eq!(read(Verb::Query, body("7404")), Reading::NothingStands(said("7404")));
    // Of a query only the codes for "no such transaction" say anything.
    for code in ["8521", "9999", "7001", "7002"] {
        assert_eq!(read(Verb::Query, body(code)), Reading::ProvesNothing(said(code)));
    }
    for field in
        [r#""paymentInfo":{"authNo":"1"}"#, r#""paymentInfo":{"approvalNo":"1"}"#, r#""cancelControlNo":"1""#]
    {
        let body = format!(r#"{{"resCd":"8521","resMsg":"text",{field}}}"#);
        for verb in [Verb::Approve, Verb::Query, Verb::Cancel] {
            assert_eq!(unclear(verb, &body), Unclear::RefusalWithApproval(said("8521")), "{field}");
        }
    }
}

/// R11: a status shows one thing, or nothing.
#[test]
fn r11_a_status_shows_one_shape() {
    assert!(matches!(read(Verb::Query, today(APPROVED)), Reading::Approved(_)));
    assert!(matches!(read(Verb::Query, CANCELLED), Reading::AlreadyVoided(_)));
    assert_eq!(unclear(Verb::Query, APPROVED), Unclear::ForeignEcho("transactionDate".into()));
    let with = |more: &str| today(APPROVED).replacen('{', &format!("{{{more},"), 1);
    for more in [r#""cancelControlNo":"1""#, r#""cancelDate":"20261121""#, r#""cancelAmount":0"#] {
        assert_eq!(unclear(Verb::Query, with(more)), Unclear::Ambiguous, "{more}");
    }
    for more in [r#""cancelControlNo":"""#, r#""cancelDate":null"#, r#""x":{"cancelDate":"1"}"#] {
        assert!(matches!(read(Verb::Query, with(more)), Reading::Approved(_)), "{more}");
    }
    let neither = CANCELLED.replace("cancelControlNo", "cancelNo");
    assert_eq!(unclear(Verb::Query, neither), Unclear::Ambiguous);
    for (broken, field) in [("2026\u{fffd}1", "controlNo"), ("", "transactionDate"), ("x", "transactionDate")]
    {
        let stated = if field == "controlNo" { "20210326000000000001" } else { "20261121090200" };
        let why = unclear(Verb::Query, today(APPROVED).replace(stated, broken));
        assert!(matches!(&why, Unclear::Damaged(name) if &**name == field), "{why:?}");
    }
}

/// R6: the answer to a cancel, and a query that shows one, may echo the cancel's own number; an approval's may not.
#[test]
fn r6_a_cancels_number_is_ours_once_there_is_a_cancel() {
    let number = TransactionNumber::new("CANCEL_20210326_0001").unwrap();
    let mut record = record();
    record.cancel = Some(Box::new(Cancel { sequence: 1, number, body: "{}".into(), only_on: None, sent: 1 }));
    let read = |verb, body: &str, number: &str| {
        let body = today(body).replace(NUMBER, number);
        let reply = Reply { status: 200, content_type: None, body: body.as_bytes() };
        reply::read(verb, &record, reply, &policy())
    };
    let foreign = Reading::Unclear(Unclear::ForeignEcho("shopTransactionId".into()));
    for ours in [NUMBER, "CANCEL_20210326_0001"] {
        assert_eq!(read(Verb::Cancel, CANCELLED, ours), Reading::Voided { card: true }, "{ours}");
        assert!(matches!(read(Verb::Query, CANCELLED, ours), Reading::AlreadyVoided(_)), "{ours}");
    }
    assert!(matches!(read(Verb::Approve, APPROVED, NUMBER), Reading::Approved(_)));
    assert_eq!(read(Verb::Approve, APPROVED, "CANCEL_20210326_0001"), foreign);
    for verb in [Verb::Cancel, Verb::Query] {
        assert_eq!(read(verb, CANCELLED, "CANCEL_20210326_0002"), foreign);
    }
}

/// R13b: only a query's *not found* counts for the date that it asked about.
#[test]
fn r13_a_cancels_code_says_nothing_of_a_date() {
    let mut record = record();
    let before = record.clone();
    let reply = Reply { status: 200, content_type: None, body: br#"{"resCd":"7001","resMsg":"text"}"# };
    // The next day has begun, and nobody has asked about it.
    let tomorrow = KstDateTime::new("20261122000000").unwrap().to_unix();
    let moment = Moment { now: Now { mono: Mono(0), wall: tomorrow }, nothing_counts: true };
    let reading = EasyTalk.read(Verb::Cancel, &mut record, reply, &policy(), moment);
    assert!(matches!(reading, Reading::NothingStands(_)), "{reading:?}");
    assert_eq!(record, before);
}

/// R7: a date that is none is a text like another.
#[test]
fn r7_a_damaged_date_does_not_undo_an_approval() {
    for damaged in ["", "2021", "2021032609020", "202103260902000", "2021032\u{fffd}0902"] {
        let approval = approved(APPROVED.replace("20210326090200", damaged));
        assert_eq!((approval.approval_date(), approval.approval_time()), (None, None), "{damaged}");
    }
}

/// R6: a cancel is done when it says so with its own number.
#[test]
fn r6_a_cancel_has_a_number_of_its_own() {
    assert_eq!(read(Verb::Cancel, CANCELLED), Reading::Voided { card: true });
    let without = CANCELLED.replace(r#""cancelControlNo":"20210326000000000002","#, "");
    assert_eq!(unclear(Verb::Cancel, without), Unclear::MissingEcho("cancelControlNo".into()));
    let anonymous = CANCELLED.replace(NUMBER, "");
    assert_eq!(unclear(Verb::Cancel, anonymous), Unclear::MissingEcho("shopTransactionId".into()));
    assert_eq!(
        unclear(Verb::Cancel, CANCELLED.replace(NUMBER, "X")),
        Unclear::ForeignEcho("shopTransactionId".into())
    );
}

/// R13b, R16: what the record holds for a query.
#[test]
fn the_record_holds_what_a_query_needs() {
    let record = record();
    let Payload::EasyTalk(recorded) = &record.payload else { panic!() };
    assert_eq!((recorded.order_number.as_str(), recorded.requested_on.as_str()), ("GDS30004", "20261121"));
    let text = record.encode().0.clone();
    assert!(!text.contains("CERT20210326"), "R23");
    assert_eq!(Record::decode(&text).unwrap(), record);
    assert!(!format!("{:?} {:?}", order(), record).contains("CERT20210326"), "R23");
}

fn register(change: impl FnOnce(&mut Purchase<'_>)) -> Result<Registration, crate::values::Invalid> {
    let return_url = ReturnUrl::new("https://shop.example/return").unwrap();
    let number = TransactionNumber::new("REG-1").unwrap();
    let order_number = OrderNumber::new("GDS30004").unwrap();
    let business_number = BusinessNumber::new("1178119949").unwrap();
    let mut purchase = Purchase {
        number: &number,
        order_number: &order_number,
        total: Won(47_000),
        tax: Won(4_700),
        product_name: "May Tuition Fees",
        merchant_name: "Elite Math",
        business_number: &business_number,
        return_url: &return_url,
        complete_url: None,
        notice: None,
    };
    change(&mut purchase);
    let at = Now { mono: Mono(0), wall: KstDateTime::new("20230915121212").unwrap().to_unix() };
    registration(&merchant(), &settings().authorization(RequestAuthorization::Basic), &purchase, at)
}

/// Spec B.2's example.
#[test]
fn the_registration_is_the_documentations() {
    let mut buffer = RequestBuffer::new();
    let call = register(|_| {}).unwrap();
    let shown = format!("{call:?}");
    assert!(shown.contains("orders.do") && !shown.contains("Tuition"), "{shown}");
    let request = call.request(&mut buffer);
    assert_eq!(request.path(), "/easytalkpay/v1/orders.do");
    let headers: Vec<_> = request.headers().collect();
    let expected =
        [("content-type", "application/json; charset=euc-kr"), ("authorization", "Basic VDUxMDIwMDE=")];
    assert_eq!(headers, expected);
    let expected = r#"{"vanTid":"T5102001","shopTransactionId":"REG-1","shopReqDate":"20230915121212","inflowPath":"SHP","shopOrderNo":"GDS30004","productNm":"May Tuition Fees","amount":47000,"tax":4700,"returnUrl":"https://shop.example/return","mallNm":"Elite Math","bussNo":"1178119949"}"#;
    assert_eq!(core::str::from_utf8(request.body()).unwrap(), expected);
    drop(request);
    // The buffer is used again, and nothing of the first request is left in it.
    let call = register(|purchase| purchase.notice = Some("감사합니다")).unwrap();
    let body = call.request(&mut buffer).body().to_vec();
    let expected = expected.replace('}', r#","noticeMsg":"감사합니다"}"#);
    assert_eq!(body, Charset::EucKr.encode(&expected).unwrap());
}

/// R5: bytes are counted in EUC-KR, and nothing is replaced.
#[test]
fn r5_a_registration_is_refused_with_the_field_and_the_place() {
    let refused = |change: fn(&mut Purchase<'_>)| register(change).unwrap_err();
    let name = |text: &'static str| register(move |purchase| purchase.product_name = text);
    // 251 times 가.
    static LONG: [[u8; 3]; 251] = [[0xea, 0xb0, 0x80]; 251];
    let long = core::str::from_utf8(LONG.as_flattened()).unwrap();
    assert!(name(&long[3..]).is_ok());
    let invalid = name(long).unwrap_err();
    assert_eq!(invalid, Problem::TooLong { limit: 500, got: 502 }.of("product name"));
    for (text, at) in [("가₩", 3), ("똠방각하", 0), ("a🙂", 1)] {
        let invalid = name(text).unwrap_err();
        assert_eq!(invalid.field, "product name");
        assert!(
            matches!(invalid.problem, Problem::NotEncodable { at: is, .. } | Problem::BadCharacter { at: is, .. } if is == at),
            "{invalid:?}"
        );
    }
    assert_eq!(name("").unwrap_err().problem, Problem::Empty);
    assert_eq!(refused(|purchase| purchase.merchant_name = "a&b").field, "merchant name");
    assert_eq!(refused(|purchase| purchase.notice = Some("a\nb")).field, "notice");
    assert_eq!(refused(|purchase| purchase.total = Won(0)).field, "amount");
    assert_eq!(refused(|purchase| purchase.tax = Won(47_001)).field, "vat");
}

/// R5: the limits of spec B.2, to the byte; and the address that only Naver Pay goes to.
#[test]
fn r5_each_text_of_a_registration_has_its_own_limit() {
    type Set = fn(&mut Purchase<'_>, &'static str);
    let long = |bytes: usize| -> &'static str { "a".repeat(bytes).leak() };
    let fields: [(&str, usize, Set); 3] = [
        ("product name", 500, |purchase, text| purchase.product_name = text),
        ("merchant name", 200, |purchase, text| purchase.merchant_name = text),
        ("notice", 3000, |purchase, text| purchase.notice = Some(text)),
    ];
    for (field, limit, set) in fields {
        assert!(register(|purchase| set(purchase, long(limit))).is_ok(), "{field}");
        let invalid = register(|purchase| set(purchase, long(limit + 1))).unwrap_err();
        assert_eq!(invalid, Problem::TooLong { limit, got: limit + 1 }.of(field));
    }
    let url = |bytes: usize| ReturnUrl::new(&format!("https://shop.example/{}", "a".repeat(bytes - 21)));
    assert!(url(1001).is_err());
    let complete_url: &'static ReturnUrl = Box::leak(Box::new(url(1000).unwrap()));
    let call = register(|purchase| purchase.complete_url = Some(complete_url)).unwrap();
    let mut buffer = RequestBuffer::new();
    let request = call.request(&mut buffer);
    let body = core::str::from_utf8(request.body()).unwrap();
    assert!(body.contains(&format!(r#","completeUrl":"{}","mallNm""#, complete_url.as_str())), "{body}");
}

#[test]
fn a_registration_opens_a_window() {
    let read = |status, body: &str| {
        let reply = Reply { status, content_type: None, body: body.as_bytes() };
        register(|_| {}).unwrap().read(reply)
    };
    let body = r#"{"resCd":"0000","resMsg":"ok","shopTransactionId":"REG-1","authPageUrl":"https://pay.example/w?id=1"}"#;
    assert_eq!(read(200, body).unwrap().as_str(), "https://pay.example/w?id=1");
    let unclear = |why| Err(CallError::Unclear(why));
    assert_eq!(read(500, body), unclear(Unclear::Status(500)));
    let foreign = Unclear::ForeignEcho("shopTransactionId".into());
    assert_eq!(read(200, &body.replace("REG-1", "REG-2")), unclear(foreign));
    let http = body.replace("https", "http");
    assert_eq!(read(200, &http), unclear(Unclear::Damaged("authPageUrl".into())));
    let missing = body.replace("https://pay.example/w?id=1", "");
    assert_eq!(read(200, &missing), unclear(Unclear::MissingEcho("authPageUrl".into())));
    let said = Said { code: "7100".into(), message: "again".into() };
    assert_eq!(read(200, r#"{"resCd":"7100","resMsg":"again"}"#), Err(CallError::Refused(said)));
}

fn posted(body: impl AsRef<[u8]>) -> Result<Posted<CertControlNumber>, PostError> {
    let content_type = Some("application/x-www-form-urlencoded");
    window::read(Post { content_type, body: body.as_ref() }, &OrderNumber::new("GDS30004").unwrap())
}

/// Spec B.3: a post that is ours. Its charset is not documented.
#[test]
fn a_windows_post_brings_the_certification() {
    let success = "resCd=0000&resMsg=%BC%BA%B0%F8&shopOrderNo=GDS30004&certControlNo=CERT%2B1";
    let Posted::Authenticated(number) = posted(success).unwrap() else { panic!() };
    assert_eq!(number.expose(), "CERT+1");
    for message in ["%C3%EB%BC%D2+%21", "%EC%B7%A8%EC%86%8C+%21"] {
        let body = format!("resCd=9001&resMsg={message}&shopOrderNo=GDS30004");
        let Posted::Failed(said) = posted(body).unwrap() else { panic!() };
        assert_eq!((&*said.code, &*said.message), ("9001", "취소 !"));
    }
    let Posted::Failed(said) = posted("resCd=9001&shopOrderNo=").unwrap() else { panic!() };
    assert_eq!(said.message.to_string(), "");
}

/// A post comes through the customer's hands.
#[test]
fn a_forged_post_is_not_believed() {
    let good = "resCd=0000&shopOrderNo=GDS30004&certControlNo=CERT1";
    for (body, error) in [
        (good.replace("GDS30004", "GDS30005"), PostError::Foreign("shopOrderNo")),
        (good.replace("&shopOrderNo=GDS30004", ""), PostError::Missing("shopOrderNo")),
        (good.replace("GDS30004", "GDS30004%00"), PostError::Foreign("shopOrderNo")),
        (format!("{good}&shopOrderNo=GDS30004"), PostError::Twice("shopOrderNo")),
        (format!("{good}&%63ertControlNo=CERT2"), PostError::Twice("certControlNo")),
        (format!("{good}&resCd=0000"), PostError::Twice("resCd")),
        (good.replace("resCd=0000&", ""), PostError::Missing("resCd")),
        (good.replace("CERT1", ""), PostError::Missing("certControlNo")),
        (format!("{good}&x={}", "a".repeat(40_000)), PostError::TooLong),
        (String::new(), PostError::Missing("resCd")),
    ] {
        assert_eq!(posted(body).unwrap_err(), error);
    }
    for (from, to) in [("0000", "000"), ("0000", "%B0%A1"), ("CERT1", "a%22b"), ("CERT1", "%B0%A1")] {
        let error = posted(good.replace(from, to)).unwrap_err();
        assert!(matches!(error, PostError::Invalid(_)), "{to} {error}");
    }
    let longest = format!("{good}&x=");
    let longest = format!("{longest}{}", "a".repeat(POST_MAX - longest.len()));
    assert!(posted(&longest).is_ok());
    assert_eq!(posted(format!("{longest}a")).unwrap_err(), PostError::TooLong);
    let order = OrderNumber::new("GDS30004").unwrap();
    let shown = format!("{:?}", Post { content_type: None, body: b"SECRET" });
    assert_eq!(shown, "Post { body_bytes: 6, .. }", "R23");
    let json = Post { content_type: Some("application/json"), body: good.as_bytes() };
    assert_eq!(window::read(json, &order), Err(PostError::NotAForm));
    assert!(window::read(Post { content_type: None, body: good.as_bytes() }, &order).is_ok());
}
