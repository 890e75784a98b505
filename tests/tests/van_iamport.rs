//! i'mport at the VAN: each fault does on the wire and in the ledger what its line in the table says; tokens, charges,
//! look-ups, refunds, registered amounts and billing keys are as documented.

#[allow(dead_code, reason = "each test file uses its part")]
mod raw;

use std::collections::BTreeSet;
use std::time::Duration;

use kicc_testkit::van::faults::{Fault, Plan, Product, Rescue};
use kicc_testkit::van::{BookEntry, Charged, Disagreement, IamportSettings, State, Van, VanConfig};
use raw::iamport::*;
use raw::{End, Got, eventually, quick};
use serde_json::{Value, json};

fn start() -> Van {
    Van::start(quick()).unwrap()
}

fn start_with(iamport: IamportSettings) -> Van {
    Van::start(VanConfig { iamport, ..quick() }).unwrap()
}

fn pay(van: &Van, number: &str, amount: u64) -> Value {
    post_json(van, AGAIN, &charge(number, amount)).json()["response"].clone()
}

fn assert_correct(van: &Van) {
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

/// What a look-up shows: the payments' statuses, or code and HTTP status, or how the connection ended.
fn shown(got: &Got) -> String {
    let json = got.json();
    let list = json["response"]["list"].as_array();
    let status = |payment: &Value| payment["status"].as_str().unwrap_or("?").to_owned();
    match list {
        Some(list) => list.iter().map(status).collect::<Vec<_>>().join(" "),
        None if json["response"].is_object() => status(&json["response"]),
        None if json["code"].is_i64() => format!("{} {}", json["code"], got.status().unwrap()),
        None => format!("{:?} {:?}", got.end, got.status()),
    }
}

/// Every fault of a charge: what the wire shows, whether money has moved, and what a look-up makes of it.
#[test]
fn every_approval_fault_is_what_it_says() {
    let van = start();
    for (serial, fault) in (0..).zip(Fault::of(Product::Iamport)) {
        let number = Plan::from(fault).number(serial);
        let got = post_json(&van, AGAIN, &charge(&number, 51_004));
        assert!(on_the_wire(fault, &got), "{fault}: {} {:?}", String::from_utf8_lossy(&got.bytes), got.end);
        let state = match fault {
            Fault::Decline | Fault::DeclineUnlisted | Fault::ReadyFails => State::Declined,
            Fault::HangBefore | Fault::ResetBefore | Fault::Unauthorized | Fault::LateForgetful => {
                State::None
            }
            Fault::CancelledAtOnce => State::Voided,
            _ => State::Approved,
        };
        eventually(&format!("{fault}: {state:?}"), || van.ledger().entry(&number).unwrap().state == state);
        let entry = van.ledger().entry(&number).unwrap().clone();
        assert_eq!((entry.approvals, entry.plan.as_str()), (1, fault.to_string().as_str()));
        assert_eq!(entry.terminal, "imp12345678");
        assert_eq!(van.counts().by_fault[fault.row().name], 1);
        if fault != Fault::LateForgetful {
            let found = match (fault, state) {
                (Fault::PaidTwice, _) => "paid paid",
                (Fault::DeclineUnlisted, _) | (_, State::None) => "-1 404",
                (_, State::Approved) => "paid",
                (_, State::Voided) => "cancelled",
                (_, State::Declined) => "failed",
            };
            assert_eq!(shown(&find_all(&van, &number)), found, "{fault}");
        }
    }
    assert_correct(&van);
}

fn on_the_wire(fault: Fault, got: &Got) -> bool {
    let text = String::from_utf8_lossy(&got.bytes).into_owned();
    let (json, paid) = (got.json(), got.json()["response"].clone());
    let whole = got.end == End::Closed && got.status() == Some(200);
    let good = whole && json["code"] == 0 && paid["status"] == "paid";
    let has = |part: &[u8]| got.bytes.windows(part.len()).any(|bytes| bytes == part);
    match fault {
        Fault::Ok | Fault::Drip => good && paid["amount"] == 51_004 && json["message"].is_null(),
        Fault::Chunked => whole && text.ends_with("\r\n0\r\n\r\n"),
        Fault::ChunkedCut => whole && text.contains("chunked") && text.ends_with("}\r\n"),
        Fault::UntilClose => good && !text.contains("Content-Length"),
        Fault::NoLengthCut => whole && json.is_null() && !text.contains("Content-Length"),
        Fault::AnsweredTwice => whole && text.matches("HTTP/1.1 200").count() == 2,
        Fault::BrokenText => good && has(b"\xec\x8a\""),
        Fault::BrokenEcho => good && has(b"ORDER\xec\x8a\""),
        Fault::LoneSurrogate => whole && text.contains("KB \\ud83d\"") && text.contains("\"code\":0"),
        Fault::Decline => {
            whole && json["code"] == 0 && paid["status"] == "failed" && paid["amount"] == 51_004
        }
        Fault::DeclineUnlisted | Fault::Duplicate => whole && json["code"] == 1 && paid.is_null(),
        Fault::DeclineWithApproval => whole && json["code"] == 1 && paid["status"] == "paid",
        Fault::ResetBefore | Fault::ResetAfter => got.end == End::Reset && got.bytes.is_empty(),
        Fault::HangBefore
        | Fault::HangAfter
        | Fault::PaidTwice
        | Fault::LateAfterGiveUp
        | Fault::LateForgetful => got.end == End::TimedOut && got.bytes.is_empty(),
        Fault::Cut(byte) => got.end == End::Closed && got.bytes.len() == byte as usize,
        Fault::Html502 => got.status() == Some(502) && text.contains("<html>"),
        Fault::Http400 => got.status() == Some(400) && json["code"] == 1,
        Fault::Http404 => got.status() == Some(404) && json["code"] == -1 && paid.is_null(),
        Fault::Unauthorized | Fault::UnauthorizedAfter => {
            got.status() == Some(401) && json["message"] == "Unauthorized"
        }
        Fault::BrokenJson => whole && json.is_null() && text.contains("\"code\":0"),
        Fault::DuplicatedKey => whole && text.contains("{\"code\":1,\"code\":0,"),
        Fault::MissingCode => whole && json["code"].is_null() && paid["status"] == "paid",
        Fault::EmptyCode => whole && json["code"] == "",
        Fault::TextCode => whole && json["code"] == "0" && paid["status"] == "paid",
        Fault::ForeignNumber => good && paid["merchant_uid"] == "SOMEBODY-ELSES-0001",
        Fault::NoEcho => good && paid.get("merchant_uid").is_none(),
        Fault::BinaryBody => whole && got.body().len() == 600,
        Fault::Oversized => good && got.body().len() > 1024 * 1024,
        Fault::Redirect302 => got.status() == Some(302) && text.contains("Location: /other\r\n"),
        Fault::Redirect307 => got.status() == Some(307) && text.contains("Location: /other\r\n"),
        Fault::Empty200 => whole && got.body().is_empty(),
        Fault::AmountText => good && paid["amount"] == "51004",
        Fault::AmountDecimal => good && text.contains("\"amount\":51004.0,"),
        Fault::AmountMissing => good && paid.get("amount").is_none(),
        Fault::AmountDiffers => good && paid["amount"] == 51_014,
        Fault::Ready | Fault::ReadyFails => whole && paid["status"] == "ready" && paid["paid_at"] == 0,
        Fault::CancelledAtOnce => whole && paid["status"] == "cancelled" && paid["cancel_amount"] == 51_004,
        Fault::OtherStatus => whole && json["code"] == 0 && paid["status"] == "settling",
        Fault::NoPayment => whole && json["code"] == 0 && paid.is_null(),
        Fault::OtherCurrency => good && paid["currency"] == "USD",
        other => panic!("{other} is not i'mport's"),
    }
}

/// Twice the rescue fails as its line says; then it works. With `hang_after`, so that there is something to find.
#[test]
fn every_rescue_fault_of_look_ups() {
    let van = Van::start(VanConfig { late: Duration::from_millis(1500), ..quick() }).unwrap();
    for (serial, rescue) in (0..).zip(Rescue::of(Product::Iamport)) {
        let number = Plan { fault: Fault::HangAfter, rescue: Some(rescue) }.number(serial);
        post_json(&van, AGAIN, &charge(&number, 51_004));
        let seen: Vec<Got> = (0..4).map(|_| find_all(&van, &number)).collect();
        let twice = |text| [text, text, "paid", "paid"];
        let expected = match rescue {
            Rescue::Hang => twice("TimedOut None"),
            Rescue::Reset => twice("Reset None"),
            Rescue::ServerError => twice("Closed Some(503)"),
            Rescue::ProvesNothing => ["1 200"; 4],
            Rescue::QueryNeither => twice("0 200"),
            Rescue::QueryBroken => twice("Closed Some(200)"),
            Rescue::QueryHtml404 => twice("Closed Some(404)"),
            Rescue::QueryReady => twice("ready"),
            Rescue::QueryPaged => twice("failed"),
            Rescue::QueryCancelled | Rescue::QueryPartly => ["cancelled"; 4],
            Rescue::QueryLags => ["-1 404"; 4],
            Rescue::Unauthorized => ["-1 401", "paid", "paid", "paid"],
            Rescue::QueryForeign
            | Rescue::CancelHang
            | Rescue::CancelHangDone
            | Rescue::CancelRefused
            | Rescue::CancelDuplicate
            | Rescue::CancelDuplicateBefore
            | Rescue::CancelPartly => ["paid"; 4],
            other => panic!("{} is not i'mport's", other.row().name),
        };
        assert_eq!(seen.iter().map(shown).collect::<Vec<_>>(), expected, "{}", rescue.row().name);
        let first = |got: &Got| got.json()["response"]["list"][0].clone();
        match rescue {
            Rescue::QueryForeign => {
                let foreign = seen.iter().map(|got| first(got)["merchant_uid"] == "SOMEBODY-ELSES-0001");
                assert_eq!(foreign.collect::<Vec<_>>(), [true, true, false, false]);
            }
            Rescue::QueryPartly => {
                let (amount, back) = (&first(&seen[3])["amount"], &first(&seen[3])["cancel_amount"]);
                assert_eq!((amount, back), (&json!(51_004), &json!(10)), "the rest stands");
            }
            Rescue::QueryPaged => {
                assert_eq!(seen[0].json()["response"]["next"], 2);
                let path = format!("/payments/findAll/{number}?include_sandbox=true&page=2");
                assert_eq!(shown(&get(&van, &path)), "paid", "also once the first page is whole");
            }
            Rescue::QueryLags => {
                eventually("found", || shown(&find_all(&van, &number)) == "paid");
            }
            _ => {}
        }
        assert_eq!(van.ledger().standing(&number), rescue != Rescue::QueryCancelled);
    }
    assert_correct(&van);
}

#[test]
fn every_rescue_fault_of_cancels() {
    let van = start();
    for (serial, rescue) in (0..).zip(Rescue::of(Product::Iamport)) {
        let number = Plan { fault: Fault::Ok, rescue: Some(rescue) }.number(serial);
        let imp_uid = pay(&van, &number, 51_004)["imp_uid"].clone();
        let tries = [51_004, 51_004, 51_004].map(|won| post_json(&van, CANCEL, &cancel(&imp_uid, won, won)));
        let codes = tries.map(|got| got.json()["code"].as_i64());
        let expected = match rescue {
            Rescue::Hang | Rescue::ServerError | Rescue::CancelHang => [None, None, Some(0)],
            Rescue::Reset | Rescue::CancelHangDone => [None, None, Some(1)],
            Rescue::CancelRefused | Rescue::CancelDuplicateBefore => [Some(1), Some(1), Some(0)],
            Rescue::CancelDuplicate | Rescue::ProvesNothing => [Some(1); 3],
            Rescue::Unauthorized => [Some(-1), Some(0), Some(1)],
            // The balance is another one then.
            _ => [Some(0), Some(1), Some(1)],
        };
        assert_eq!(codes, expected, "{}", rescue.row().name);
        let stands = matches!(rescue, Rescue::ProvesNothing | Rescue::CancelPartly);
        assert_eq!(van.ledger().standing(&number), stands, "{}", rescue.row().name);
        if rescue == Rescue::CancelPartly {
            assert_eq!(van.ledger().entry(&number).unwrap().charges[0].refunded, 50_994);
            assert_eq!(said(&post_json(&van, CANCEL, &cancel(&imp_uid, 10, 10))), (0, 200));
            assert!(!van.ledger().standing(&number));
        }
    }
    assert_correct(&van);
}

/// Spec §2.
#[test]
fn a_token_is_the_same_until_it_ends_and_401_after() {
    let van = start();
    let first = token(&van);
    let life = |token: &Value| token["expired_at"].as_u64().unwrap() - token["now"].as_u64().unwrap();
    assert_eq!((first["access_token"].as_str().unwrap().len(), life(&first)), (40, 1800));
    assert_eq!(token(&van)["access_token"], first["access_token"]);
    van.advance_clock(Duration::from_secs(1750));
    let longer = token(&van);
    assert_eq!(longer["access_token"], first["access_token"]);
    assert!((345..=350).contains(&life(&longer)), "five minutes more: {longer}");
    let old = bearer(&van);
    van.advance_clock(Duration::from_secs(400));
    let ended = |van: &Van| said(&call(van, "GET", "/payments/imp_000000000001", &[&old], None));
    assert_eq!(ended(&van), (-1, 401));
    assert_correct(&van);
    assert_ne!(token(&van)["access_token"], first["access_token"]);
    let fresh = bearer(&van);
    van.end_token();
    assert_eq!(said(&call(&van, "GET", "/payments/imp_000000000001", &[&fresh], None)), (-1, 401));
    assert_correct(&van);
    assert_eq!(said(&token_with(&van, "sandbox-imp-key", "wrong")), (-1, 401));
    assert_eq!(ended(&van), (-1, 401));
    assert_eq!(van.ledger().violations, ["/users/getToken: not the merchant's key and secret"]);
    assert_eq!((van.counts().tokens, van.counts().unauthorized), (7, 4));
    let printed = format!("{van:?}");
    for secret in [first["access_token"].as_str().unwrap(), "sandbox-imp-key", "sandbox-imp-secret"] {
        assert!(!printed.contains(secret), "r23");
    }
}

#[test]
fn tokens_may_be_down() {
    let van = start();
    assert_eq!(token_with(&van, "down", "").status(), Some(400), "no secret");
    assert_eq!(token_with(&van, "down", "s").status(), Some(503));
    assert_eq!(token_with(&van, "hang", "s").end, End::TimedOut);
    assert!(token_with(&van, "html", "s").text().contains("<html>"));
    van.serve_tokens(false);
    assert_eq!(token_with(&van, "sandbox-imp-key", "sandbox-imp-secret").status(), Some(503));
    van.serve_tokens(true);
    assert!(token(&van)["access_token"].is_string());
}

#[test]
fn the_token_comes_in_one_of_three_headers_and_authorization_wins() {
    let van = start();
    pay(&van, "A", 1000);
    let token = token(&van)["access_token"].as_str().unwrap().to_owned();
    let with = |headers: &[&str]| {
        said(&call(&van, "GET", "/payments/imp_000000000001?include_sandbox=true", headers, None)).1
    };
    let (bearer, bare) = (format!("authorization: bearer {token}"), format!("Authorization: {token}"));
    let legacy = format!("X-ImpTokenHeader: {token}");
    assert_eq!([with(&[&bearer]), with(&[&bare]), with(&[&legacy])], [200; 3]);
    assert_correct(&van);
    assert_eq!([with(&["Authorization: Bearer forged", &legacy]), with(&[])], [401; 2]);
    assert_eq!(with(&[&bearer, "Tier: abc"]), 401);
    let tiered = start_with(IamportSettings { tier: Some("abc".into()), ..IamportSettings::default() });
    let path = "/payments/imp_000000000001";
    let own = raw::iamport::bearer(&tiered);
    assert_eq!(said(&call(&tiered, "GET", path, &[&own, "Tier: abc"], None)).1, 404);
    assert_eq!(said(&call(&tiered, "GET", path, &[&own], None)).1, 401);
    assert_eq!(
        van.ledger().violations,
        ["a token that was never given", "no token", "not the merchant's Tier"]
            .map(|what| format!("/payments/imp_000000000001: {what}"))
    );
}

/// The documented fields of spec §3, no more and no fewer than KICC supplies.
#[test]
fn a_charge_its_look_up_and_its_cancel() {
    let van = start();
    let mut body = charge("ORD_1", 51_004);
    let more = json!({
        "tax_free": 1004, "card_quota": 3, "buyer_name": "홍길동", "custom_data": "{\"a\":1}",
        "notice_url": "https://shop.example/hook"
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let paid = post_json(&van, AGAIN, &body).json()["response"].clone();
    let names: BTreeSet<&str> = paid.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "amount apply_num bank_code bank_name buyer_addr buyer_email buyer_name buyer_postcode buyer_tel \
        cancel_amount cancel_history cancel_reason cancel_receipt_urls cancelled_at card_code card_name card_number \
        card_quota card_type cash_receipt_issued channel currency custom_data customer_uid customer_uid_usage \
        emb_pg_provider escrow fail_reason failed_at imp_uid merchant_uid name paid_at pay_method pg_id pg_provider \
        pg_tid receipt_url sandbox started_at status user_agent vbank_code vbank_date vbank_holder vbank_issued_at \
        vbank_name vbank_num";
    assert_eq!(names, expected.split_whitespace().collect::<BTreeSet<_>>());
    let fields = ["channel", "customer_uid_usage", "card_quota", "buyer_name", "custom_data", "currency"];
    let values = fields.map(|name| paid[name].clone());
    assert_eq!(
        values,
        ["api".into(), "payment".into(), json!(3), "홍길동".into(), "{\"a\":1}".into(), "KRW".into()]
    );
    assert_eq!(paid["imp_uid"], van.ledger().entry("ORD_1").unwrap().charges[0].van_number);
    let path = format!("/payments/{}", paid["imp_uid"].as_str().unwrap());
    assert_eq!(get(&van, &format!("{path}?include_sandbox=true")).json()["response"], paid);
    assert_eq!(said(&get(&van, &path)), (-1, 404), "a test channel's payment is hidden by default");

    let without = cancel(&paid["imp_uid"], 50_004, 51_004);
    assert_eq!(said(&post_json(&van, CANCEL, &without)), (1, 200), "KICC wants to be told the exempt part");
    let mut part = without;
    (part["amount"], part["tax_free"], part["enable_webhook"]) = (1004.into(), 1004.into(), true.into());
    let got = post_json(&van, CANCEL, &part).json()["response"].clone();
    assert_eq!(
        (&got["status"], &got["amount"], &got["cancel_amount"]),
        (&json!("cancelled"), &json!(51_004), &json!(1004))
    );
    let history = &got["cancel_history"][0];
    assert_eq!((&history["amount"], &history["reason"]), (&json!(1004), &json!("환불")));
    assert_eq!(said(&post_json(&van, CANCEL, &part)), (1, 200), "R16: the same checksum does not fit twice");
    let entry = van.ledger().entry("ORD_1").unwrap().clone();
    assert_eq!((entry.state, entry.charges[0].refunded), (State::Approved, 1004));
    let line = |amount| BookEntry { number: "ORD_1".into(), amount, charged: Charged::Yes };
    assert_eq!(van.ledger().disagreements([line(50_000)]), []);
    let differs = Disagreement::AmountDiffers { number: "ORD_1".into(), van: 50_000, merchant: 51_004 };
    assert_eq!(van.ledger().disagreements([line(51_004)]), [differs]);

    // Without an amount: all that is left.
    let rest = json!({ "merchant_uid": "ORD_1", "checksum": 50_000 });
    let got = post_json(&van, CANCEL, &rest).json()["response"].clone();
    assert_eq!((&got["cancel_amount"], got["cancel_history"].as_array().unwrap().len()), (&json!(51_004), 2));
    let got = post_json(&van, CANCEL, &rest);
    assert_eq!((said(&got), &got.json()["message"]), ((1, 200), &json!("이미 전액취소된 주문입니다.")));
    assert_correct(&van);
    let entry = van.ledger().entry("ORD_1").unwrap().clone();
    assert_eq!((entry.state, entry.approvals, entry.cancels), (State::Voided, 1, 5));

    let hooks: Vec<_> =
        van.webhooks().into_iter().map(|hook| (hook.to.clone(), hook.status.clone(), hook)).collect();
    assert_eq!(hooks.iter().map(|(_, status, _)| status.as_str()).collect::<Vec<_>>(), ["paid", "cancelled"]);
    assert!(hooks.iter().all(|(to, ..)| to.as_deref() == Some("https://shop.example/hook")));
    let last = &hooks[1].2;
    assert_eq!(
        serde_json::from_str::<Value>(&last.json()).unwrap()["cancellation_id"],
        history["cancellation_id"]
    );
    assert!(
        last.form()
            .starts_with("imp_uid=imp_000000000001&merchant_uid=ORD_1&status=cancelled&cancellation_id=")
    );
    assert_eq!(raw::get(&van, "/iamport/webhooks").json().as_array().unwrap().len(), 2);
}

#[test]
fn what_is_wrong_with_a_cancel_changes_nothing() {
    let van = start();
    let paid = pay(&van, "ORD_1", 10_000)["imp_uid"].clone();
    let failed = pay(&van, "Xdec-1", 10_000)["imp_uid"].clone();
    let refused = [
        cancel(&paid, 10_000, 9_999),
        cancel(&paid, 10_001, 10_000),
        cancel(&failed, 10_000, 10_000),
        json!({ "imp_uid": paid, "checksum": 10_000, "tax_free": 1 }),
    ];
    for body in refused {
        assert_eq!(said(&post_json(&van, CANCEL, &body)), (1, 200), "{body}");
    }
    assert_correct(&van);
    // An imp_uid that does not exist fails it, whatever merchant_uid says.
    let mut unknown = cancel(&"imp_999999999999".into(), 10_000, 10_000);
    unknown["merchant_uid"] = "ORD_1".into();
    assert_eq!(said(&post_json(&van, CANCEL, &unknown)), (1, 200));
    assert_eq!(said(&post_json(&van, CANCEL, &json!({ "amount": "10000" }))), (-1, 400));
    assert_eq!(
        van.ledger().violations,
        ["a cancel of what does not exist", "/payments/cancel: amount is no whole number"]
    );
    assert!(van.ledger().standing("ORD_1"));
    assert_eq!(said(&post_json(&van, CANCEL, &json!({ "imp_uid": paid }))), (0, 200));
    assert_eq!(van.ledger().violations[2..], ["a cancel without a checksum (R16)"]);
}

#[test]
fn a_form_says_the_same_as_json() {
    let van = start();
    let form =
        "customer_uid=CU-1&merchant_uid=ORD%2D1&amount=1000&name=%EC%A0%95%EA%B8%B0+%EA%B2%B0%EC%A0%9C";
    let paid = post_form(&van, AGAIN, form).json()["response"].clone();
    assert_eq!((&paid["merchant_uid"], &paid["name"]), (&json!("ORD-1"), &json!("정기 결제")));
    let form =
        "merchant_uid=ORD-1&amount=1000&checksum=1000&extra%5Brequester%5D=customer&enable_webhook=true";
    assert_eq!(said(&post_form(&van, CANCEL, form)), (0, 200));
    assert_correct(&van);
    assert_eq!(said(&post_form(&van, AGAIN, "amount=1e3&amount=1")), (-1, 400));
}

#[test]
fn a_charge_is_as_its_table_says() {
    let van = start();
    let with = |name: &str, value: Value| {
        let mut body = charge("ORD_1", 10_000);
        body[name] = value;
        said(&post_json(&van, AGAIN, &body)).1
    };
    let bad = [
        ("amount", json!("10000")),
        ("amount", json!(1000.5)),
        ("amount", json!(0)),
        ("name", json!("가".repeat(41))),
        ("merchant_uid", json!("A/B")),
        ("merchant_uid", json!("A".repeat(41))),
        ("card_quota", json!(3)),
        ("tax_free", json!(10_001)),
        ("vat", json!(909)),
    ];
    for (name, value) in bad.clone() {
        assert_eq!(with(name, value.clone()), 400, "{name} {value}");
    }
    assert_eq!(van.ledger().violations.len(), bad.len(), "{:?}", van.ledger().violations);
    assert_eq!(with("buyer_name", Value::Null), 200, "null is as good as nothing");
    assert_eq!(van.counts().approvals, 1);
}

#[test]
fn an_order_is_paid_once_and_a_second_request_is_noticed() {
    let van = start();
    pay(&van, "ORD_1", 10_000);
    assert_eq!(said(&post_json(&van, AGAIN, &charge("ORD_1", 10_000))), (1, 200));
    assert_eq!(shown(&find_all(&van, "ORD_2")), "-1 404");
    pay(&van, "ORD_2", 10_000);
    assert_eq!(
        van.ledger().violations,
        ["ORD_1: a second approval request", "ORD_2: the approval came after a look-up of all its payments"]
    );
    assert_eq!(van.ledger().entry("ORD_1").unwrap().charges.len(), 1);
}

/// R13: booked between give-up and the first look-up.
#[test]
fn a_late_charge_is_booked_once_the_client_gave_up() {
    let van = start();
    post_json(&van, AGAIN, &charge("Xlateg-1", 10_000));
    assert_eq!(shown(&find_all(&van, "Xlateg-1")), "paid");
    post_json(&van, AGAIN, &charge("Xlatef-1", 10_000));
    assert_eq!(shown(&find_all(&van, "Xlatef-1")), "-1 404");
    eventually("booked", || van.ledger().standing("Xlatef-1"));
    post_json(&van, AGAIN, &charge("Xready-1", 10_000));
    eventually("paid", || shown(&find_all(&van, "Xready-1")) == "paid");
}

#[test]
fn lists_are_paged_and_sorted_and_of_one_status() {
    let van = start();
    pay(&van, "Xtwop-1", 10_000);
    van.advance_clock(Duration::from_secs(10));
    let list =
        |query: &str| get(&van, &format!("/payments/findAll/Xtwop-1{query}")).json()["response"].clone();
    let ids = |page: &Value| -> Vec<String> {
        let list = page["list"].as_array().unwrap();
        list.iter().map(|payment| payment["imp_uid"].as_str().unwrap()[13..].to_owned()).collect()
    };
    let first = list("?include_sandbox=true&limit=1");
    assert_eq!((ids(&first), &first["total"]), (vec!["002".to_owned()], &json!(2)));
    assert_eq!((&first["previous"], &first["next"]), (&json!(0), &json!(2)));
    let second = list("?include_sandbox=true&limit=1&page=2");
    assert_eq!(
        (ids(&second), &second["previous"], &second["next"]),
        (vec!["001".into()], &json!(1), &json!(0))
    );
    assert_eq!(ids(&list("?include_sandbox=true&sorting=paid")), ["001", "002"]);
    let path = |what: &str| said(&get(&van, &format!("/payments/{what}")));
    assert_eq!(path("findAll/Xtwop-1/failed?include_sandbox=true"), (-1, 404));
    assert_eq!(path("findAll/Xtwop-1/paid?include_sandbox=true"), (0, 200));
    let first = get(&van, "/payments/find/Xtwop-1?include_sandbox=true&sorting=started").json();
    assert_eq!(first["response"]["imp_uid"], "imp_000000000001");
    let newest = get(&van, "/payments/find/Xtwop-1/paid?include_sandbox=true&sorting=started").json();
    assert_eq!(newest["response"]["imp_uid"], "imp_000000000002");
    let some = "?imp_uid[]=imp_000000000001&merchant_uid%5B%5D=NONE&include_sandbox=true";
    assert_eq!(said(&get(&van, &format!("/payments{some}"))), (0, 207));
    assert_eq!(path("findAll/Xtwop-1"), (-1, 404));
    assert_correct(&van);
    for bad in ["?page=0", "?limit=1001", "?sorting=amount", "/refunded", "?include_sandbox=1", "?more=1"] {
        assert_eq!(path(&format!("findAll/Xtwop-1{bad}")), (-1, 400), "{bad}");
    }
}

#[test]
fn lists_may_hide_payments_of_a_test_channel_whatever_is_asked() {
    let hiding = IamportSettings { lists_show_sandbox: false, ..IamportSettings::default() };
    let van = start_with(hiding);
    let imp_uid = pay(&van, "ORD_1", 10_000)["imp_uid"].as_str().unwrap().to_owned();
    assert_eq!(shown(&find_all(&van, "ORD_1")), "-1 404");
    assert_eq!(shown(&get(&van, &format!("/payments/{imp_uid}?include_sandbox=true"))), "paid");
    let live = start_with(IamportSettings {
        sandbox: false,
        lists_show_sandbox: false,
        partial_is_cancelled: false,
        ..IamportSettings::default()
    });
    let imp_uid = pay(&live, "ORD_1", 10_000)["imp_uid"].clone();
    assert_eq!(shown(&get(&live, "/payments/findAll/ORD_1")), "paid");
    let part = post_json(&live, CANCEL, &cancel(&imp_uid, 1, 10_000)).json()["response"].clone();
    assert_eq!(
        (&part["status"], &part["cancel_amount"], &part["sandbox"]),
        (&json!("paid"), &json!(1), &json!(false))
    );
}

#[test]
fn an_amount_is_registered_once_and_then_changed() {
    let van = start();
    let body = |amount: u64| json!({ "merchant_uid": "ORD_1", "amount": amount });
    let put = |amount: u64| {
        let body = body(amount).to_string();
        said(&call(&van, "PUT", PREPARE, &[&bearer(&van)], Some(("application/json", &body))))
    };
    assert_eq!(put(1000), (-1, 404));
    assert_eq!(said(&post_json(&van, PREPARE, &body(1000))), (0, 200));
    assert_eq!(said(&post_json(&van, PREPARE, &body(2000))), (1, 200));
    assert_eq!(put(2000), (0, 200));
    let got = get(&van, &format!("{PREPARE}/ORD_1")).json();
    assert_eq!(got["response"], json!({ "merchant_uid": "ORD_1", "amount": 2000, "currency": "KRW" }));
    assert_eq!(said(&get(&van, &format!("{PREPARE}/ORD_2"))), (1, 200));
    assert_correct(&van);
}

#[test]
fn a_billing_key_that_was_deleted_is_charged_no_more() {
    let van = start();
    let path = "/subscribe/customers/CU%2D1";
    let delete = || said(&call(&van, "DELETE", &format!("{path}?reason=x"), &[&bearer(&van)], None));
    let got = get(&van, path).json()["response"].clone();
    assert_eq!((&got["customer_uid"], &got["pg_provider"]), (&json!("CU-1"), &json!("kicc")));
    assert_eq!(got.as_object().unwrap().len(), 16);
    assert_eq!([delete(), delete()], [(0, 200), (-1, 404)]);
    assert_eq!(said(&get(&van, path)), (-1, 404));
    assert_eq!(said(&post_json(&van, AGAIN, &charge("ORD_1", 1000))), (1, 200));
    assert_eq!(van.ledger().entry("ORD_1").unwrap().state, State::None);
    let other = start_with(IamportSettings { unknown_customer_is_404: false, ..IamportSettings::default() });
    assert_eq!(said(&get(&other, "/subscribe/customers/none-1")), (1, 200));
    let plain = Van::start(VanConfig { magic: false, ..quick() }).unwrap();
    assert_eq!(said(&post_json(&plain, AGAIN, &charge("ORD_1", 1000))), (1, 200), "nothing is made up");
    assert_correct(&van);
}

#[test]
fn a_get_has_no_body_and_other_paths_are_none() {
    let van = start();
    let with_body = call(&van, "GET", "/payments/imp_1", &[&bearer(&van)], Some(("application/json", "{}")));
    assert_eq!(said(&with_body), (-1, 404));
    assert_eq!(said(&post_json(&van, "/subscribe/payments/onetime", &json!({}))), (-1, 404));
    assert_eq!(
        van.ledger().violations,
        ["/payments/imp_1: a GET with a body", "POST /subscribe/payments/onetime: no such operation"]
    );
}
