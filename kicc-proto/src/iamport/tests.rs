//! Tokens (spec §2), what is checked before a charge (R5), and the calls that move no money (spec §4).

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    AccessToken, ApiKeys, Charge, CustomerUid, GetToken, Granted, ImpUid, Settings, Tier, Tokens, calls,
};
use crate::{
    flow::said::{Said, Unclear},
    time::{Millis, Mono},
    values::{Amount, Parts, Problem, ReturnUrl, TransactionNumber, Won},
    wire::{
        Method, Reply, RequestBuffer,
        call::{Call, CallError},
        message,
    },
};

const TOKEN: &str = "a9ace025c90c0da2161075da6ddd3492a2fca776";
const SECRET: &str = "ekKoeW8RyKuT0zgaZsUtXXTLQ4AhPFW3ZGseDA6bkA5lamv9OqDMnxyeB9wqOsuO9W3Mx9YSJ4dTqJ3f";

fn keys() -> ApiKeys {
    ApiKeys::new("imp_apikey", SECRET).unwrap()
}

fn token(text: &str) -> AccessToken {
    AccessToken::new(text).unwrap()
}

fn number() -> TransactionNumber {
    TransactionNumber::new("ORD-1").unwrap()
}

fn customer() -> CustomerUid {
    CustomerUid::new("gildong_0001_1234").unwrap()
}

fn won(total: u64) -> Amount {
    Amount::new(Won(total), Parts::default()).unwrap()
}

fn reply(status: u16, body: &str) -> Reply<'_> {
    Reply { status, content_type: Some("application/json;charset=UTF-8"), body: body.as_bytes() }
}

fn sent(call: &impl Call) -> (Method, String, Vec<(String, String)>, String) {
    let mut buffer = RequestBuffer::new();
    let request = call.request(&mut buffer);
    let headers = request.headers().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    (request.method(), request.path().to_string(), headers, body)
}

/// Sends it with a token, and looks at all but the token.
fn bare<A>(rest: &calls::Rest<A>) -> (Method, String, String) {
    let token = token(TOKEN);
    let (method, path, headers, body) = sent(&rest.with(&token, None));
    let authorization = ("authorization".to_string(), format!("Bearer {TOKEN}"));
    let content_type = ("content-type".to_string(), "application/json".to_string());
    match method.has_body() {
        true => assert_eq!(headers, [content_type, authorization]),
        false => assert_eq!((headers, body.as_str()), (Vec::from([authorization]), "")),
    }
    (method, path, body)
}

fn read<A>(rest: &calls::Rest<A>, status: u16, body: &str) -> Result<A, CallError> {
    rest.with(&token(TOKEN), None).read(reply(status, body))
}

fn success(response: &str) -> String {
    format!(r#"{{"code":0,"message":null,"response":{response}}}"#)
}

const NONE: &str = r#"{"code":-1,"message":"none","response":null}"#;

fn unclear<T: core::fmt::Debug>(result: Result<T, CallError>) -> Unclear {
    match result {
        Err(CallError::Unclear(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn grant(body: &str) -> Result<Granted, CallError> {
    GetToken(&keys()).read(reply(200, body))
}

#[test]
fn a_token_is_asked_for_with_the_keys() {
    let (method, path, headers, body) = sent(&GetToken(&keys()));
    assert_eq!((method, path.as_str()), (Method::Post, "/users/getToken"));
    assert_eq!(headers, [("content-type".to_string(), "application/json".to_string())]);
    assert_eq!(body, format!(r#"{{"imp_key":"imp_apikey","imp_secret":"{SECRET}"}}"#));
}

/// The published sample, and what is no grant.
#[test]
fn a_grant_lives_by_the_servers_clock() {
    let sample =
        success(&format!(r#"{{"access_token":"{TOKEN}","now":1512446940,"expired_at":1512448740}}"#));
    let granted = Granted { token: token(TOKEN), life: Millis::from_secs(1800) };
    assert_eq!(grant(&sample), Ok(granted.clone()));
    let as_text = sample.replace("1512446940", "\"1512446940\"");
    assert_eq!(grant(&as_text), Ok(granted));
    let over = sample.replace("1512448740", "1512446940");
    assert_eq!(unclear(grant(&over)), Unclear::Damaged("expired_at".into()));
    assert_eq!(unclear(grant(&sample.replace(TOKEN, "a b"))), Unclear::Damaged("access_token".into()));
    assert_eq!(
        unclear(grant(&sample.replace("expired_at", "expires"))),
        Unclear::MissingEcho("expired_at".into())
    );
    assert_eq!(unclear(grant(&success("null"))), Unclear::MissingEcho("response".into()));
    let said = |code: &str| Said { code: code.into(), message: "none".into() };
    assert_eq!(grant(NONE), Err(CallError::Refused(said("-1"))));
    let call = GetToken(&keys()).read(reply(401, NONE));
    assert_eq!(call, Err(CallError::Refused(said("-1"))), "wrong keys (spec §1.2)");
    let quoted = NONE.replace("none", &format!("no {SECRET} of imp_apikey"));
    let Err(CallError::Refused(said)) = grant(&quoted) else { panic!() };
    assert_eq!(&*said.message, "no (..) of (..)", "R23");
    for (status, body) in [(401, "Unauthorized"), (500, NONE), (302, &sample)] {
        assert_eq!(unclear(GetToken(&keys()).read(reply(status, body))), Unclear::Status(status));
    }
}

/// Spec §2: renewed when less than a minute is left, counted from before it was asked for.
#[test]
fn a_token_is_used_until_shortly_before_its_end() {
    let mut tokens = Tokens::new();
    assert_eq!(tokens.get(Mono(0)), None);
    let granted = |text| Granted { token: token(text), life: Millis::from_secs(1800) };
    assert_eq!(tokens.store(granted("one"), Mono(5_000)), &token("one"));
    assert_eq!(tokens.get(Mono(1_745_000)), Some(&token("one")));
    assert_eq!(tokens.get(Mono(1_745_001)), None);
    // It was lengthened, or another one came.
    let _ = tokens.store(Granted { life: Millis::from_secs(359), ..granted("one") }, Mono(1_745_001));
    assert_eq!(tokens.get(Mono(2_000_000)), Some(&token("one")));
    // One that is short-lived still serves the message that it was asked for.
    let mut tokens = Tokens::new();
    assert_eq!(tokens.store(Granted { life: Millis(1), ..granted("one") }, Mono(0)), &token("one"));
    assert_eq!(tokens.get(Mono(0)), None);
}

/// A token that was not taken is given up once, and not the one that came after it.
#[test]
fn a_refused_token_is_given_up() {
    let mut tokens = Tokens::new();
    let granted = |text| Granted { token: token(text), life: Millis::from_secs(1800) };
    let _ = tokens.store(granted("two"), Mono(0));
    tokens.refused(&token("one"));
    assert_eq!(tokens.get(Mono(0)), Some(&token("two")));
    tokens.refused(&token("two"));
    assert_eq!(tokens.get(Mono(0)), None);
    let unauthorised = message::CallError::Unclear(Unclear::Status(401));
    assert!(unauthorised.wants_new_token());
    assert!(!message::CallError::Unclear(Unclear::Status(403)).wants_new_token());
}

/// R23.
#[test]
fn r23_debug_shows_no_secret() {
    let mut tokens = Tokens::new();
    let _ = tokens.store(Granted { token: token(TOKEN), life: Millis(1) }, Mono(0));
    let (keys, uid, token) = (keys(), customer(), token(TOKEN));
    let key = calls::billing_key(&uid);
    let deleted = calls::delete_billing_key(&uid, Some("left us")).unwrap();
    let stored = read(&key, 200, &success(&stored())).unwrap().unwrap();
    let charge = Charge::new(number(), customer(), won(1), "coffee").unwrap().buyer_name("Gildong").unwrap();
    let mut buffer = RequestBuffer::new();
    let mut shown =
        format!("{keys:?} {tokens:?} {token:?} {uid:?} {:?} {key:?} {deleted:?} {stored:?}", GetToken(&keys));
    shown +=
        &format!("{charge:?} {:?} {:?}", key.with(&token, None), key.with(&token, None).request(&mut buffer));
    shown += &format!("{buffer:?}");
    for secret in [SECRET, "imp_apikey", TOKEN, "Gildong", "1234********5678"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    for kind in ["ApiKeys(..)", "AccessToken(..)", "CustomerUid(..)", "Rest {", "BillingKey {", "Charge {"] {
        assert!(shown.contains(kind), "{kind} not in {shown}");
    }
    assert_eq!(format!("{:?}", key.with(&token, None)), format!("{key:?}"));
    let refused = [ApiKeys::new("a b", SECRET).unwrap_err(), AccessToken::new("a\nb").unwrap_err()];
    assert!(refused.iter().all(|refused| matches!(refused.problem, Problem::BadCharacter { at: 1, .. })));
    assert!(ApiKeys::new("", SECRET).is_err() && ApiKeys::new("a", &"a".repeat(257)).is_err());
}

/// R5: limits of spec §4.1, and what KICC does not take.
#[test]
fn r5_a_charge_is_checked_before_it_is_recorded() {
    let charge = |name: &str, amount| Charge::new(number(), customer(), amount, name);
    let coffee = || charge("coffee", won(50_000)).unwrap();
    let long = |limit, got| Problem::TooManyCharacters { limit, got };
    assert!(charge(&"가".repeat(40), won(1)).is_ok());
    assert_eq!(charge(&"가".repeat(41), won(1)).unwrap_err().problem, long(40, 41));
    assert_eq!(charge("", won(1)).unwrap_err().problem, Problem::Empty);
    assert!(matches!(charge("a\u{0}", won(1)).unwrap_err().problem, Problem::BadCharacter { at: 1, .. }));
    for (parts, field) in [
        (Parts { vat: Won(1), ..Parts::default() }, "vat"),
        (Parts { service_charge: Won(1), ..Parts::default() }, "service charge"),
    ] {
        assert_eq!(charge("coffee", Amount::new(Won(10), parts).unwrap()).unwrap_err().field, field);
    }
    type Set = fn(Charge, &str) -> Result<Charge, crate::values::Invalid>;
    let fields: [(Set, usize); 6] = [
        (Charge::buyer_name, 16),
        (Charge::buyer_email, 64),
        (Charge::buyer_tel, 16),
        (Charge::buyer_address, 128),
        (Charge::buyer_postcode, 8),
        (Charge::custom_data, 4000),
    ];
    for (set, limit) in fields {
        assert!(set(coffee(), &"a".repeat(limit)).is_ok());
        assert_eq!(set(coffee(), &"a".repeat(limit + 1)).unwrap_err().problem, long(limit, limit + 1));
        assert!(set(coffee(), "").is_err() && set(coffee(), "a\nb").is_err());
    }
    for (months, fine) in [(0, true), (1, false), (2, true), (99, true), (100, false)] {
        assert_eq!(coffee().months(months).is_ok(), fine, "{months}");
    }
    assert!(charge("coffee", won(49_999)).unwrap().months(2).is_err());
    assert!(charge("coffee", won(49_999)).unwrap().months(0).is_ok());
}

/// Spec §4.1: every field under its name, and none that was not given.
#[test]
fn a_charge_is_the_documentations() {
    let parts = Parts { tax_free: Won(1_000), ..Parts::default() };
    let amount = Amount::new(Won(50_000), parts).unwrap();
    let charge = Charge::new(number(), customer(), amount, "커피 \"2\"").unwrap();
    let charge = charge.buyer_name("홍길동").unwrap().buyer_email("a@b.example").unwrap();
    let charge = charge.buyer_tel("02-1234-5678").unwrap().buyer_address("Seoul").unwrap();
    let charge = charge.buyer_postcode("06018").unwrap().months(3).unwrap().custom_data("{}").unwrap();
    let charge = charge.notice_url(ReturnUrl::new("https://shop.example/hook").unwrap());
    let body = super::messages::again(&charge);
    let expected = r#"{"customer_uid":"gildong_0001_1234","merchant_uid":"ORD-1","amount":50000,"tax_free":1000,"name":"커피 \"2\"","buyer_name":"홍길동","buyer_email":"a@b.example","buyer_tel":"02-1234-5678","buyer_addr":"Seoul","buyer_postcode":"06018","card_quota":3,"custom_data":"{}","notice_url":"https://shop.example/hook"}"#;
    assert_eq!(core::str::from_utf8(&body).unwrap(), expected);
}

const PAYMENT: &str = r#"{"imp_uid":"imp_1","merchant_uid":"ORD-1","amount":10000,"cancel_amount":0,"currency":"KRW","status":"paid","sandbox":false}"#;

fn imp_uid() -> ImpUid {
    ImpUid::new("imp_1").unwrap()
}

#[test]
fn a_payment_is_looked_up_by_its_id_or_number() {
    let (live, test) = (Settings::live(), Settings::test());
    let call = calls::payment(&imp_uid(), &live);
    assert_eq!(bare(&call), (Method::Get, "/payments/imp_1".into(), String::new()));
    assert_eq!(bare(&calls::payment(&imp_uid(), &test)).1, "/payments/imp_1?include_sandbox=true");
    assert_eq!(read(&call, 200, &success(PAYMENT)).unwrap().unwrap().amount, Won(10_000));
    assert_eq!(read(&call, 404, NONE), Ok(None));
    let other = success(&PAYMENT.replace("imp_1", "imp_2"));
    assert_eq!(unclear(read(&call, 200, &other)), Unclear::ForeignEcho("imp_uid".into()));

    let call = calls::latest(&number(), &live);
    assert_eq!(bare(&call), (Method::Get, "/payments/find/ORD-1".into(), String::new()));
    assert_eq!(bare(&calls::latest(&number(), &test)).1, "/payments/find/ORD-1?include_sandbox=true");
    assert_eq!(read(&call, 200, &success(PAYMENT)).unwrap().unwrap().imp_uid, imp_uid());
    assert_eq!(read(&call, 404, NONE), Ok(None));
    let other = success(&PAYMENT.replace("ORD-1", "ORD-2"));
    assert_eq!(unclear(read(&call, 200, &other)), Unclear::ForeignEcho("merchant_uid".into()));
}

#[test]
fn all_payments_of_a_number_come_in_pages() {
    let (live, test) = (Settings::live(), Settings::test());
    let call = calls::payments(&number(), 0, &live);
    assert_eq!(bare(&call), (Method::Get, "/payments/findAll/ORD-1?page=1".into(), String::new()));
    let second = calls::payments(&number(), 2, &test);
    assert_eq!(bare(&second).1, "/payments/findAll/ORD-1?include_sandbox=true&page=2");
    let page = |total: &str, next: &str, list: &str| {
        success(&format!(r#"{{"total":{total},"previous":0,"next":{next},"list":{list}}}"#))
    };
    let one = read(&call, 200, &page("21", "2", &format!("[{PAYMENT}]"))).unwrap();
    assert_eq!((one.total, one.next, one.list.len()), (Some(21), Some(2), 1));
    let last = read(&call, 200, &page("0", "0", "[]")).unwrap();
    assert_eq!((last.total, last.next, last.list.len()), (Some(0), None, 0));
    assert_eq!(read(&call, 404, NONE).unwrap(), calls::Page::default());
    let foreign = format!("[{}]", PAYMENT.replace("ORD-1", "ORD-2"));
    for (bad, why) in [
        (page("1", "0", &foreign), Unclear::ForeignEcho("merchant_uid".into())),
        (page("1.5", "0", "[]"), Unclear::Damaged("total".into())),
        (page("0", "-1", "[]"), Unclear::Damaged("next".into())),
        (page("0", "0", "{}"), Unclear::Damaged("list".into())),
        (success("null"), Unclear::MissingEcho("response".into())),
    ] {
        assert_eq!(unclear(read(&call, 200, &bad)), why, "{bad}");
    }
}

/// R6, R7: HTTP 200 with an integer code is an answer; 404 is one only as *there is none*, in the envelope.
#[test]
fn r7_what_is_no_answer_is_not_taken_for_one() {
    let call = calls::payment(&imp_uid(), &Settings::live());
    let said = Said { code: "1".into(), message: "no".into() };
    let refusal = r#"{"code":1,"message":"no","response":null}"#;
    assert_eq!(read(&call, 200, refusal), Err(CallError::Refused(said)));
    for (status, body) in
        [(404, "<html>"), (404, success("null").as_str()), (401, NONE), (500, NONE), (207, NONE)]
    {
        assert_eq!(unclear(read(&call, status, body)), Unclear::Status(status), "{body}");
    }
    let with = |code: &str| success(PAYMENT).replace(r#""code":0"#, &format!(r#""code":{code}"#));
    for code in [r#""0""#, "0.0", "-0", "0e0", "true", "99999999999", "[]"] {
        assert_eq!(unclear(read(&call, 200, &with(code))), Unclear::MalformedCode, "{code}");
    }
    assert_eq!(unclear(read(&call, 200, &with("null"))), Unclear::NoCode);
    assert_eq!(unclear(read(&call, 200, &with(r#"0,"code":0"#))), Unclear::DuplicateKey);
    assert_eq!(unclear(read(&call, 200, &success(PAYMENT)[..90])), Unclear::NotJson);
}

#[test]
fn an_amount_is_registered_before_the_window_opens() {
    let body = r#"{"merchant_uid":"ORD-1","amount":10000}"#;
    let post = calls::prepare(&number(), &won(10_000));
    let put = calls::prepare_again(&number(), &won(10_000));
    let get = calls::prepared(&number());
    assert_eq!(bare(&post), (Method::Post, "/payments/prepare".into(), body.into()));
    assert_eq!(bare(&put), (Method::Put, "/payments/prepare".into(), body.into()));
    assert_eq!(bare(&get), (Method::Get, "/payments/prepare/ORD-1".into(), String::new()));
    let answer = success(body);
    assert_eq!(read(&post, 200, &answer).unwrap().amount, Won(10_000));
    assert_eq!(read(&put, 200, &answer).unwrap().unwrap().amount, Won(10_000));
    assert_eq!(read(&get, 200, &answer).unwrap().unwrap().amount, Won(10_000));
    assert!(read(&post, 404, NONE).is_err());
    assert_eq!(
        (read(&put, 404, NONE), read(&get, 404, NONE), read(&get, 200, &success("null"))),
        (Ok(None), Ok(None), Ok(None))
    );
    let other = success(&body.replace("ORD-1", "ORD-2"));
    assert_eq!(unclear(read(&post, 200, &other)), Unclear::ForeignEcho("merchant_uid".into()));
    let half = success(&body.replace("10000", "10000.5"));
    assert_eq!(unclear(read(&get, 200, &half)), Unclear::Amount);
}

fn stored() -> String {
    r#"{"customer_uid":"gildong_0001_1234","pg_provider":"kicc","pg_id":"T5102001","sandbox":true,"card_name":"KB","card_code":"381","card_number":"1234567812345678","card_type":0,"inserted":1512446940,"updated":0}"#.into()
}

/// Spec §4.5: unknown is 404 by the reference, and HTTP 200 with a code by the vendor's tests.
#[test]
fn a_billing_key_is_looked_up_and_deleted() {
    let get = calls::billing_key(&customer());
    let path = "/subscribe/customers/gildong_0001_1234";
    assert_eq!(bare(&get), (Method::Get, path.into(), String::new()));
    let key = read(&get, 200, &success(&stored())).unwrap().unwrap();
    assert_eq!(
        (key.customer_uid, key.sandbox, key.card_type.as_deref()),
        (customer(), Some(true), Some("0"))
    );
    assert_eq!(
        (key.card_code.as_deref(), key.card_number.as_deref()),
        (Some("381"), Some("123456******5678"))
    );
    assert_eq!((key.inserted.unwrap().0, key.updated), (1_512_446_940_000, None));
    assert_eq!(read(&get, 404, NONE), Ok(None));
    assert_eq!(read(&get, 200, NONE), Ok(None));
    let other = success(&stored().replace("0001", "0002"));
    assert_eq!(unclear(read(&get, 200, &other)), Unclear::ForeignEcho("customer_uid".into()));

    let delete = calls::delete_billing_key(&customer(), Some("해지 & 100%")).unwrap();
    let with_reason = format!("{path}?reason=%ED%95%B4%EC%A7%80%20%26%20100%25");
    assert_eq!(bare(&delete), (Method::Delete, with_reason, String::new()));
    assert!(read(&delete, 200, &success(&stored())).unwrap().is_some());
    assert_eq!(read(&delete, 404, NONE), Ok(None));
    // R23: it quotes the name.
    let quoting = r#"{"code":1,"message":"customer_uid(gildong_0001_1234) ...","response":null}"#;
    let said = Said { code: "1".into(), message: "customer_uid((..)) ...".into() };
    assert_eq!(read(&delete, 200, quoting), Err(CallError::Refused(said)));
    assert_eq!(bare(&calls::delete_billing_key(&customer(), None).unwrap()).1, path);
    assert!(calls::delete_billing_key(&customer(), Some("")).is_err());
    let odd = CustomerUid::new("a?b#c%&d").unwrap();
    assert_eq!(bare(&calls::billing_key(&odd)).1, "/subscribe/customers/a%3Fb%23c%25%26d");
}

#[test]
fn an_agent_names_its_sub_merchant() {
    let (token, tier) = (token(TOKEN), Tier::new("AAA").unwrap());
    let (_, _, headers, _) = sent(&calls::billing_key(&customer()).with(&token, Some(&tier)));
    assert_eq!(headers[1], ("tier".to_string(), "AAA".to_string()));
}
