//! The documentation's examples value for value (spec A.5 to A.7), and what is read from answers (R6 to R8).

use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use super::{
    Original,
    messages::{self, Cancelled},
    order::{Merchant, Order, Recorded},
    reply,
    rules::Simple,
};
use crate::{
    codes::{CodeSets, Codes, ResultCode},
    flow::{
        ApprovalBody, Driver, Opening, Policy,
        approval::{AmountStated, Approval, Stated},
        outcome::Ending,
        said::{Said, Unclear},
        table::{Stage, Verb},
    },
    journal::record::{Cancel, Record},
    product::{self, Order as _, Payload, Reading, Rules as _},
    time::{Mono, Now},
    values::{
        Amount, BusinessNumber, Environment, Instalment, KstDateTime, Parts, ServiceId, TerminalId, TokenKey,
        TransactionNumber, UserData, Won,
    },
    wire::Reply,
};

const NUMBER: &str = "ORD_20231225_0001";

fn merchant() -> Merchant {
    Merchant {
        environment: Environment::new("test").unwrap(),
        terminal_id: TerminalId::new("T123456789").unwrap(),
        service_id: ServiceId::new("SVC_SIMPLE").unwrap(),
        business_number: BusinessNumber::new("1234567890").unwrap(),
    }
}

fn amount() -> Amount {
    Amount::new(Won(10_000), Parts { vat: Won(909), ..Parts::default() }).unwrap()
}

fn order(number: &str) -> Order {
    let number = TransactionNumber::new_long(number).unwrap();
    Order::new(number, amount(), TokenKey::new("TOKEN_ABC123XYZ...").unwrap())
        .user_data(UserData::new("User_001").unwrap())
}

fn at(text: &str) -> KstDateTime {
    KstDateTime::new(text).unwrap()
}

/// Spec A.5 and A.7: the approval's example, and the net-cancel with exactly its data.
#[test]
fn the_approval_and_its_net_cancel_are_the_documentations() {
    let (approval, net_cancel) = approval_and_net_cancel(&merchant(), &order(NUMBER), &at("20231225120000"));
    let head = r#"{"tid":"T123456789","svcId":"SVC_SIMPLE","bizrNo":"1234567890","mercTrxNo":"ORD_20231225_0001","tokenKey":"TOKEN_ABC123XYZ...","alotMonth":"00","trxAmt":10000,"vatAmt":909,"svcAmt":0"#;
    let dates = r#""tranDt":"20231225","tranTm":"120000""#;
    let expected = format!(r#"{head},"taxFreeAmt":0,{dates},"userData":"User_001"}}"#);
    assert_eq!(approval, expected);
    assert_eq!(net_cancel, format!("{head},{dates}}}"));
    let in_three = order(NUMBER).instalment(Instalment::of_months(3).unwrap());
    let (approval, net_cancel) = approval_and_net_cancel(&merchant(), &in_three, &at("20231225120000"));
    assert!(approval.contains(r#""alotMonth":"03""#) && net_cancel.contains(r#""alotMonth":"03""#));
    let without = Order { user_data: None, ..order(NUMBER) };
    let (approval, net_cancel) = approval_and_net_cancel(&merchant(), &without, &at("20231225120000"));
    assert_eq!(approval, format!(r#"{head},"taxFreeAmt":0,{dates}}}"#));
    assert_eq!(net_cancel, format!("{head},{dates}}}"));
}

/// Both as texts.
fn approval_and_net_cancel(merchant: &Merchant, order: &Order, at: &KstDateTime) -> (String, String) {
    let (body, net_cancel) = messages::approval_and_net_cancel(merchant, order, at);
    assert_eq!(net_cancel.capacity(), net_cancel.len(), "it is written where it stays");
    let net_cancel = crate::values::Secret::from(net_cancel);
    let mut approval = Vec::new();
    body.append_to(&net_cancel, &mut approval);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&approval), text(net_cancel.expose()))
}

fn recorded() -> Recorded {
    Recorded {
        service_id: merchant().service_id,
        business_number: merchant().business_number,
        instalment: Instalment::lump_sum(),
        requested_at: at("20231225120000"),
    }
}

fn cancel_of(original: &str, approval: &Stated<'_>) -> Option<String> {
    let (terminal, recorded, amount) = (merchant().terminal_id, recorded(), amount());
    let approval = approval.clone().into();
    let original = TransactionNumber::new_long(original).unwrap();
    let what = Cancelled {
        terminal: &terminal,
        recorded: &recorded,
        original: &original,
        amount: &amount,
        approval: &approval,
    };
    let number = TransactionNumber::new("CANCEL_20231225_0001").unwrap();
    messages::cancel(&what, &number, &at("20231226100000"))
}

fn approval() -> Stated<'static> {
    Stated { approval_number: "12345678".into(), approval_date: "20231225".into(), ..Stated::default() }
}

/// Spec A.6: the cancel's example names the original by `G`; by `T` where the gateway's number is known.
#[test]
fn the_cancel_is_the_documentations() {
    let head = r#"{"tid":"T123456789","svcId":"SVC_SIMPLE","bizrNo":"1234567890","mercTrxNo":"CANCEL_20231225_0001""#;
    let tail = r#""alotMonth":"00","trxAmt":10000,"vatAmt":909,"svcAmt":0,"tranDt":"20231226","tranTm":"100000","orgAprvDt":"20231225","orgAprvNo":"12345678"}"#;
    let by_ours = format!(r#"{head},"wcc":"G","cndTrxNo":"ORD_20231225_0001",{tail}"#);
    assert_eq!(cancel_of(NUMBER, &approval()), Some(by_ours));
    let known = Stated { van_number: "V12345678901".into(), ..approval() };
    let by_theirs = format!(r#"{head},"wcc":"T","cndTrxNo":"V12345678901",{tail}"#);
    assert_eq!(cancel_of(NUMBER, &known), Some(by_theirs.clone()));
    // A number of more than 20 bytes does not fit beside `G` (spec F.1).
    let long = "ORD_20231225_0001-abcd";
    assert_eq!(cancel_of(long, &approval()), None);
    assert_eq!(cancel_of(long, &known), Some(by_theirs));
}

/// An approval that no journal here knows is cancelled by what the shop's own books say of it.
#[test]
fn an_approval_made_elsewhere_is_closed_and_can_be_cancelled() {
    let now = Now { mono: Mono(0), wall: at("20261121120000").to_unix() };
    let original = Original {
        number: TransactionNumber::new("ELSEWHERE-1").unwrap(),
        amount: amount(),
        instalment: Instalment::of_months(3).unwrap(),
        approval_number: "12345678".into(),
        approval_date: at("20231225000000").date(),
        van_number: Some("V12345678901".into()),
    };
    let record = original.record(&merchant(), now).unwrap();
    assert_eq!((record.stage, &record.ending), (Stage::Closed, &Some(Ending::Approved)));
    assert_eq!(record.key.number.as_str(), "ELSEWHERE-1");
    let Payload::Simple(recorded) = &record.payload else { panic!() };
    assert_eq!((recorded.instalment.as_str(), recorded.requested_at.date().as_str()), ("03", "20231225"));
    let known = Stated { van_number: "V12345678901".into(), ..approval() };
    assert_eq!(record.approval, Some(known.into()));
    let moment = at("20231226100000").to_unix();
    let mut refund = record.clone();
    assert!(Simple.prepare_cancel(&mut refund, Now { wall: moment, ..now }));
    assert!(refund.cancel.unwrap().body.contains(r#""wcc":"T","cndTrxNo":"V12345678901""#));
}

/// Spec A.5 to A.7: every part of the amount under its own name; the cancel and the net-cancel without what is free of
/// tax.
#[test]
fn every_part_of_the_amount_is_stated() {
    let parts = Parts { vat: Won(900), service_charge: Won(300), tax_free: Won(70) };
    let amount = Amount::new(Won(10_000), parts).unwrap();
    let number = TransactionNumber::new_long(NUMBER).unwrap();
    let order = Order::new(number.clone(), amount, TokenKey::new("TOKEN").unwrap());
    let when = at("20231225120000");
    let (sale, net_cancel) = approval_and_net_cancel(&merchant(), &order, &when);
    let (terminal, recorded, approval) = (merchant().terminal_id, recorded(), approval().into());
    let what = Cancelled {
        terminal: &terminal,
        recorded: &recorded,
        original: &number,
        amount: order.amount(),
        approval: &approval,
    };
    let cancel = messages::cancel(&what, &number, &when).unwrap();
    for body in [&sale, &net_cancel, &cancel] {
        assert!(body.contains(r#""trxAmt":10000,"vatAmt":900,"svcAmt":300"#), "{body}");
    }
    assert!(sale.contains(r#""taxFreeAmt":70"#), "{sale}");
}

/// R23: the longest body has room from the start, so that its growth leaves no copy of the token key behind.
#[test]
fn r23_a_body_never_grows() {
    let won = Won(333_333_333_333);
    let parts = Parts { vat: won, service_charge: won, tax_free: won };
    let number = TransactionNumber::new_long(&"x".repeat(40)).unwrap();
    let token_key = TokenKey::new(&"x".repeat(128)).unwrap();
    let user_data = UserData::new(&"x".repeat(512)).unwrap();
    let order = Order::new(number, Amount::new(Amount::MAX, parts).unwrap(), token_key).user_data(user_data);
    let merchant = Merchant {
        terminal_id: TerminalId::new("T123456789").unwrap(),
        service_id: ServiceId::new("SVC_SIMPLE").unwrap(),
        ..merchant()
    };
    let (body, net_cancel) = messages::approval_and_net_cancel(&merchant, &order, &at("20231225120000"));
    assert!(net_cancel.len() > 128 && net_cancel.capacity() == net_cancel.len());
    let ApprovalBody::Whole(body) = body else { panic!("user data stand in no net-cancel") };
    assert!(body.len() > 128 + 512 && body.capacity() == messages::ROOM + 128 + 512, "{}", body.len());
}

/// What the gateway gave goes back whole, or not at all.
#[test]
fn a_cancel_needs_the_approvals_number_and_date() {
    for incomplete in [
        Stated { approval_number: "".into(), ..approval() },
        Stated { approval_number: "1234\u{fffd}678".into(), ..approval() },
        Stated { approval_number: "12345678901".into(), ..approval() },
        Stated { approval_date: "".into(), ..approval() },
        Stated { approval_date: "20231325".into(), ..approval() },
    ] {
        assert_eq!(cancel_of(NUMBER, &incomplete), None, "{incomplete:?}");
    }
    let odd = Stated { van_number: "V1234\u{fffd}".into(), ..approval() };
    assert!(cancel_of(NUMBER, &odd).unwrap().contains(r#""wcc":"G""#));
}

fn record_of(number: &str) -> Record {
    let now = Now { mono: Mono(0), wall: at("20261121120000").to_unix() };
    let driver = Driver { policy: Arc::default(), holder: "one".into(), accept_step: true };
    let merchant = product::Merchant::Simple(merchant());
    let opening = Opening { merchant: &merchant, driver: &driver, attempt: [1; 16] };
    Record::of_row(&order(number).open(&opening, now).unwrap().row()).unwrap()
}

fn read(verb: Verb, body: &[u8]) -> Reading {
    read_as(verb, &record_of(NUMBER), 200, body)
}

fn read_as(verb: Verb, record: &Record, status: u16, body: &[u8]) -> Reading {
    let set = |code: &str| Vec::from([ResultCode::new(code).unwrap()]);
    let sets = CodeSets {
        unknown: set("7200"),
        duplicate: set("7100"),
        nothing_to_void: set("7001"),
        already_voided: set("7002"),
        refusals: Vec::new(),
    };
    let policy = Policy { codes: Codes::new(sets).unwrap(), ..Policy::default() };
    reply::read(verb, record, Reply { status, content_type: None, body }, &policy)
}

/// Spec A.5's example of an answer.
const APPROVED: &str = r#"{"respCd":"0000","respMsg":"Approval Success","tid":"T123456789","svcId":"SVC_SIMPLE","bizrNo":"1234567890","mercTrxNo":"ORD_20231225_0001","trxDt":"20231225","trxTm":"120001","issFmCd":"06","issFmNm":"KB Kookmin Card","purchFmCd":"06","purchFmNm":"KB Kookmin Card","joShopNo":"1234567890","aprvDt":"20231225","aprvTm":"120002","aprvNo":"12345678","vanTrxNo":"V12345678901","cardConfirmNo":"1234-56**-****-1234"}"#;

fn approved_by(body: &str) -> Approval {
    match read(Verb::Approve, body.as_bytes()) {
        Reading::Approved(approval) => approval,
        other => panic!("{other:?} from {body}"),
    }
}

fn unclear(body: impl AsRef<[u8]>) -> Unclear {
    match read(Verb::Approve, body.as_ref()) {
        Reading::Unclear(why) => why,
        other => panic!("{other:?} from {:?}", String::from_utf8_lossy(body.as_ref())),
    }
}

#[test]
fn the_approvals_answer_is_the_documentations() {
    let expected = Stated {
        amount: AmountStated::NotStated,
        approval_number: "12345678".into(),
        approval_date: "20231225".into(),
        approval_time: "120002".into(),
        van_number: "V12345678901".into(),
        issuer_code: "06".into(),
        issuer_name: "KB Kookmin Card".into(),
        acquirer_code: "06".into(),
        acquirer_name: "KB Kookmin Card".into(),
        merchant_number: "1234567890".into(),
        masked_card: "1234-56**-****-1234".into(),
        ..Stated::default()
    };
    assert_eq!(approved_by(APPROVED), expected.into());
}

/// Spec A.7's example of an answer; a cancel's answer is public in its first fields only (spec A.6).
#[test]
fn the_answers_to_a_net_cancel_and_a_cancel_are_the_documentations() {
    let net_cancel = r#"{"respCd":"0000","respMsg":"Net-Cancel Success","tid":"T123456789","svcId":"SVC_SIMPLE","bizrNo":"1234567890","mercTrxNo":"ORD_20231225_0001","trxDt":"20231225","trxTm":"120005","cardConfirmNo":"1234-56**-****-1234"}"#;
    assert_eq!(read(Verb::NetCancel, net_cancel.as_bytes()), Reading::Voided { card: true });
    let without = net_cancel.replace("1234-56**-****-1234", "");
    assert_eq!(read(Verb::NetCancel, without.as_bytes()), Reading::Voided { card: false });
    let cancel = r#"{"respCd":"0000","respMsg":"Cancel Success","tid":"T123456789","svcId":"SVC_SIMPLE"}"#;
    assert_eq!(read(Verb::Cancel, cancel.as_bytes()), Reading::Voided { card: false });
}

/// R6: a code is a string of four letters or digits; anything else is no code.
#[test]
fn r6_a_code_is_a_string_of_four() {
    assert_eq!(unclear(APPROVED.replace(r#""respCd":"0000","#, "")), Unclear::NoCode);
    assert_eq!(unclear(APPROVED.replace(r#""0000""#, r#""""#)), Unclear::NoCode);
    assert_eq!(unclear(APPROVED.replace(r#""0000""#, "null")), Unclear::NoCode);
    for bad in ["0", "8521", r#""0""#, r#""00000""#, r#"" 000""#, r#""000 ""#, "true", "[]", r#""00\ud800""#]
    {
        assert_eq!(unclear(APPROVED.replace(r#""0000""#, bad)), Unclear::MalformedCode, "{bad}");
    }
    assert!(matches!(unclear(APPROVED.replace(r#""0000""#, r#""한""#)), Unclear::MalformedCode));
    approved_by(&APPROVED.replace(r#""0000""#, r#""\u00300\u00300""#));
}

/// R6: a different echo is never ours; a success must have one.
#[test]
fn r6_an_echo_decides_whose_it_is() {
    for (field, ours) in [("tid", "T123456789"), ("mercTrxNo", NUMBER)] {
        let stated = format!(r#""{field}":"{ours}""#);
        for other in
            [r#""SOMEBODY""#, r#""T12345678""#, r#""ORD_20231225_000""#, "5", r#""\ud800""#, r#"" ""#]
        {
            let body = APPROVED.replace(&stated, &format!(r#""{field}":{other}"#));
            assert_eq!(unclear(&body), Unclear::ForeignEcho(field.into()), "{other}");
            let refusal = body.replace("0000", "8521").replace("12345678\"", "\"");
            assert_eq!(unclear(refusal), Unclear::ForeignEcho(field.into()), "{other}");
        }
        for absent in ["null", r#""""#] {
            let body = APPROVED.replace(&stated, &format!(r#""{field}":{absent}"#));
            assert_eq!(unclear(&body), Unclear::MissingEcho(field.into()));
            assert!(matches!(read(Verb::Cancel, body.as_bytes()), Reading::Voided { .. }));
            let missing = Reading::Unclear(Unclear::MissingEcho(field.into()));
            assert_eq!(read(Verb::NetCancel, body.as_bytes()), missing);
        }
    }
}

/// R6, spec F.1: a number of more than 20 bytes may come back cut to 20.
#[test]
fn r6_a_long_number_may_come_back_cut() {
    let long = "ORD_20231225_0001-abcd";
    let body = |number: &str| APPROVED.replace(NUMBER, number);
    let read = |number: &str| read_as(Verb::Approve, &record_of(long), 200, body(number).as_bytes());
    for ours in [long, &long[..20]] {
        assert!(matches!(read(ours), Reading::Approved(_)), "{ours}");
    }
    for other in [&long[..21], &long[..19], "ORD_20231225_0001-abce"] {
        assert_eq!(read(other), Reading::Unclear(Unclear::ForeignEcho("mercTrxNo".into())), "{other}");
    }
}

/// R6: a cancel may echo its own number or the approval's, and no third.
#[test]
fn r6_a_cancel_echoes_either_number() {
    let mut record = record_of(NUMBER);
    let number = TransactionNumber::new("CANCEL_20231225_0001").unwrap();
    record.cancel = Some(Box::new(Cancel { sequence: 1, number, body: "{}".into(), only_on: None, sent: 0 }));
    let read =
        |number: &str| read_as(Verb::Cancel, &record, 200, APPROVED.replace(NUMBER, number).as_bytes());
    assert!(matches!(read(NUMBER), Reading::Voided { .. }));
    assert!(matches!(read("CANCEL_20231225_0001"), Reading::Voided { .. }));
    assert!(matches!(read("CANCEL_20231225_0002"), Reading::Unclear(Unclear::ForeignEcho(_))));
}

/// R7: the structure is strict.
#[test]
fn r7_a_broken_structure_is_unknown() {
    let twice = APPROVED.replacen('{', r#"{"respCd":"8521","#, 1);
    assert_eq!(unclear(twice), Unclear::DuplicateKey);
    assert_eq!(unclear(APPROVED.replacen('{', r#"{"x":1,"x":1,"#, 1)), Unclear::DuplicateKey);
    for broken in ["", " ", "<html>502 Bad Gateway</html>", "0000", "null", "[]", r#""0000""#] {
        assert_eq!(unclear(broken), Unclear::NotJson, "{broken}");
    }
    assert_eq!(unclear(format!("{APPROVED}{APPROVED}")), Unclear::NotJson);
    assert_eq!(unclear(format!("\u{feff}{APPROVED}")), Unclear::NotJson);
    assert_eq!(unclear([0xff, 0xfe, 0, 0x7b]), Unclear::NotJson);
    approved_by(&format!("\r\n {APPROVED}\r\n"));
    approved_by(&APPROVED.replacen('{', r#"{"new":{"a":[1,2,{}]},"#, 1));
}

/// R7: only HTTP 200 is an answer, whatever the body says.
#[test]
fn r7_only_status_200_is_an_answer() {
    for status in [100, 201, 202, 204, 301, 302, 307, 400, 401, 404, 408, 429, 500, 502, 503, 504] {
        for verb in [Verb::Approve, Verb::NetCancel, Verb::Cancel] {
            let reading = read_as(verb, &record_of(NUMBER), status, APPROVED.as_bytes());
            assert_eq!(reading, Reading::Unclear(Unclear::Status(status)));
        }
    }
}

/// R7: cut at every byte, an answer is never one; nor with any byte of it damaged does it become another answer.
#[test]
fn r7_cut_at_every_byte_it_is_unknown() {
    for end in 0..APPROVED.len() {
        assert_eq!(unclear(&APPROVED[..end]), Unclear::NotJson, "{end}");
    }
    let refusal =
        r#"{"respCd":"8521","respMsg":"한도초과","tid":"T123456789","mercTrxNo":"ORD_20231225_0001"}"#;
    for end in 0..refusal.len() {
        assert_eq!(unclear(&refusal.as_bytes()[..end]), Unclear::NotJson, "{end}");
    }
    for at in 0..APPROVED.len() {
        for byte in [0, b' ', b'0', b'"', b'}', 0x80, 0xff] {
            let mut body = APPROVED.as_bytes().to_vec();
            body[at] = byte;
            let reading = read(Verb::Approve, &body);
            assert!(matches!(reading, Reading::Approved(_) | Reading::Unclear(_)), "{at} {byte} {reading:?}");
        }
    }
}

/// R7: broken Hangul and lone surrogates in a text are replaced, and the answer stands.
#[test]
fn r7_damage_in_a_text_does_not_change_the_answer() {
    for (field, text) in [("respMsg", "Approval Success"), ("issFmNm", "KB Kookmin Card")] {
        let stated = format!(r#""{field}":"{text}""#);
        for damage in [&[0xec, 0x8a][..], &[0xb0, 0xa1], &[0xff], br"\ud83d", br"\udc00x"] {
            let damaged = [format!(r#""{field}":"a"#).as_bytes(), damage, b"z\""].concat();
            let at = APPROVED.find(&stated).unwrap();
            let (before, after) = (&APPROVED[..at], &APPROVED[at + stated.len()..]);
            let body = [before.as_bytes(), &damaged, after.as_bytes()].concat();
            let Reading::Approved(approval) = read(Verb::Approve, &body) else { panic!("{damage:?}") };
            if field == "issFmNm" {
                let name = approval.issuer_name().unwrap();
                assert!(name.starts_with('a') && name.ends_with('z') && name.contains('\u{fffd}'), "{name}");
            }
        }
    }
    let body = br#"{"respCd":"8521","respMsg":"a\ud800z"}"#;
    let Reading::Declined(said) = read(Verb::Approve, body) else { panic!() };
    assert!(said.message.contains('\u{fffd}'));
}

/// R8: an amount is compared where it is stated.
#[test]
fn r8_an_amount_that_is_stated_is_compared() {
    let with = |amount: &str| APPROVED.replacen('{', &format!(r#"{{"trxAmt":{amount},"#), 1);
    for same in ["10000", "10000.0", r#""10000""#] {
        assert_eq!(approved_by(&with(same)).amount, AmountStated::Matched, "{same}");
    }
    for (other, won) in [("9999", 9_999), ("0", 0), (r#""100000""#, 100_000)] {
        assert_eq!(approved_by(&with(other)).amount, AmountStated::Differs(Won(won)));
    }
    assert_eq!(approved_by(&with("null")).amount, AmountStated::NotStated);
    for unreadable in ["-1", "10000.5", "1e4", r#""10,000""#, r#""""#, "true", "{}", "99999999999999999999"] {
        assert_eq!(unclear(with(unreadable)), Unclear::Amount, "{unreadable}");
    }
}

/// R6: what a refusal means.
#[test]
fn r6_refusals_by_their_code() {
    let body = |code: &str| format!(r#"{{"respCd":"{code}","respMsg":"text"}}"#);
    let said = |code: &str| Said { code: code.into(), message: "text".into() };
    let of = |verb, code: &str| read(verb, body(code).as_bytes());
    assert_eq!(of(Verb::Approve, "8521"), Reading::Declined(said("8521")));
    assert_eq!(of(Verb::Approve, "9999"), Reading::Unlisted(said("9999")));
    // What speaks of a void says nothing of an approval.
    assert_eq!(of(Verb::Approve, "7001"), Reading::Unlisted(said("7001")));
    for verb in [Verb::Approve, Verb::NetCancel, Verb::Cancel] {
        assert_eq!(of(verb, "7100"), Reading::Unclear(Unclear::Duplicate(said("7100"))));
        assert_eq!(of(verb, "7200"), Reading::Unclear(Unclear::UnknownCode(said("7200"))));
    }
    for verb in [Verb::NetCancel, Verb::Cancel] {
        assert_eq!(of(verb, "7001"), Reading::NothingStands(said("7001")));
        assert_eq!(of(verb, "7002"), Reading::AlreadyVoided(said("7002")));
    }
    // R15: proves nothing by itself.
    assert_eq!(of(Verb::NetCancel, "8521"), Reading::ProvesNothing(said("8521")));
    assert_eq!(of(Verb::NetCancel, "9999"), Reading::ProvesNothing(said("9999")));
    assert_eq!(of(Verb::Cancel, "8521"), Reading::Declined(said("8521")));
    assert_eq!(of(Verb::Cancel, "9999"), Reading::Unlisted(said("9999")));
}

/// R6: a refusal that carries an approval's number is unknown; an empty one is none.
#[test]
fn r6_a_refusal_with_an_approvals_number_is_unknown() {
    let said = Said { code: "8521".into(), message: "text".into() };
    let body =
        |field: &str, value: &str| format!(r#"{{"respCd":"8521","respMsg":"text","{field}":{value}}}"#);
    for stated in [r#""12345678""#, "12345678"] {
        assert_eq!(unclear(body("aprvNo", stated)), Unclear::RefusalWithApproval(said.clone()));
        // The gateway's own number says that it saw the request, not that anybody approved it.
        let declined = Reading::Declined(said.clone());
        assert_eq!(read(Verb::Approve, body("vanTrxNo", stated).as_bytes()), declined);
    }
    for none in [r#""""#, "null"] {
        assert_eq!(read(Verb::Approve, body("aprvNo", none).as_bytes()), Reading::Declined(said.clone()));
    }
}

/// R23: a card number that comes unmasked is masked.
#[test]
fn r23_a_card_number_is_masked() {
    for (stated, kept) in [
        ("1234567812345678", "123456******5678"),
        ("1234-5678-1234-5678", "1234-56**-****-5678"),
        ("1234-56**-****-1234", "1234-56**-****-1234"),
        ("****", "****"),
    ] {
        let approval = approved_by(&APPROVED.replace("1234-56**-****-1234", stated));
        assert_eq!(approval.masked_card(), Some(kept));
    }
}

/// R3: other data give another fingerprint; R23: none of it is in the fingerprint.
#[test]
fn r3_the_fingerprint_tells_the_data_apart() {
    let fingerprint = |order: &Order| {
        let now = Now { mono: Mono(0), wall: at("20261121120000").to_unix() };
        let driver = Driver { policy: Arc::default(), holder: "one".into(), accept_step: true };
        let merchant = product::Merchant::Simple(merchant());
        let opening = Opening { merchant: &merchant, driver: &driver, attempt: [2; 16] };
        Record::of_row(&order.open(&opening, now).unwrap().row()).unwrap().fingerprint.to_string()
    };
    let same = order(NUMBER);
    let number = || TransactionNumber::new(NUMBER).unwrap();
    let key = || TokenKey::new("TOKEN_ABC123XYZ...").unwrap();
    let free =
        Amount::new(Won(10_000), Parts { vat: Won(909), tax_free: Won(1), ..Parts::default() }).unwrap();
    let others = [
        Order::new(number(), amount(), key()),
        order(NUMBER).user_data(UserData::new("User_002").unwrap()),
        order(NUMBER).instalment(Instalment::of_months(2).unwrap()),
        Order::new(number(), free, key()).user_data(UserData::new("User_001").unwrap()),
        Order::new(number(), amount(), TokenKey::new("TOKEN_2").unwrap())
            .user_data(UserData::new("User_001").unwrap()),
    ];
    let first = fingerprint(&same);
    assert_eq!(first, fingerprint(&order(NUMBER)));
    assert_eq!(first, record_of(NUMBER).fingerprint.to_string());
    assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()));
    for other in &others {
        assert_ne!(fingerprint(other), first);
    }
}

/// Spec A.5 to A.7 and A.2: paths, and what goes beside the body.
#[test]
fn the_record_holds_what_a_net_cancel_needs() {
    let record = record_of(NUMBER);
    let net_cancel = core::str::from_utf8(record.net_cancel.expose()).unwrap();
    assert!(net_cancel.contains(r#""tranDt":"20261121","tranTm":"120000""#));
    assert!(!net_cancel.contains("userData") && !net_cancel.contains("taxFreeAmt"));
    assert_eq!(messages::APPROVAL, "/smpy/kiccpay/reqAprv");
    assert_eq!(messages::CANCEL, "/smpy/kiccpay/reqCancel");
    assert_eq!(messages::NET_CANCEL, "/smpy/kiccpay/reqRtran");
}
