//! i'mport's payment window: its script, what its buttons do, and the result on a PC and on a phone.

#[allow(dead_code, reason = "each test file uses its part")]
mod raw;

use kicc_testkit::van::{IamportSettings, State, Van, VanConfig};
use raw::iamport::*;
use raw::{Got, quick};
use serde_json::{Value, json};

const OPEN: &str = "/iamport/window";

fn start() -> Van {
    Van::start(quick()).unwrap()
}

/// What a shop's page gives to `IMP.request_pay`.
fn param(number: &str) -> Value {
    json!({
        "pg": "kicc", "pay_method": "card", "merchant_uid": number, "name": "주문 </script><b>", "amount": 47_000,
        "buyer_tel": "010-1234-5678", "m_redirect_url": "http://127.0.0.1:3000/return?shop=1#top",
        "custom_data": { "a": 1 }
    })
}

fn post_form(van: &Van, path: &str, fields: &[(&str, &str)]) -> Got {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    call(van, "POST", path, &[], Some(("application/x-www-form-urlencoded", &body)))
}

/// What the script posts; `how` has `mobile`, `old`, `nobody` (no callback).
fn open(van: &Van, param: &Value, how: &str) -> Got {
    let flag = |word: &str, yes: bool| if how.contains(word) == yes { "1" } else { "" };
    let text = param.to_string();
    post_form(
        van,
        OPEN,
        &[
            ("user_code", "imp12345678"),
            ("tier", ""),
            ("old", flag("old", true)),
            ("mobile", flag("mobile", true)),
            ("callback", flag("nobody", false)),
            ("param", &text),
        ],
    )
}

/// Opens the window and presses a button in it.
fn press(van: &Van, param: &Value, how: &str, button: &str) -> Got {
    let opened = open(van, param, how);
    assert_eq!(opened.status(), Some(303), "{}", opened.text());
    let path = opened.header("Location");
    let page = raw::get(van, &path);
    assert!(page.text().contains(&format!("action=\"{path}\"")) && page.text().contains("id=\"pay\""));
    assert!(!page.text().contains("<b>"), "escaped");
    assert_eq!(raw::get(van, &format!("{path}?lang=en")).status(), Some(200));
    post_form(van, &path, &[("press", button)])
}

/// What the page around the window is told.
fn told(got: &Got) -> Value {
    let text = got.text();
    let told = text.split_once("postMessage(").and_then(|(_, rest)| rest.rsplit_once(", \"*\")"));
    serde_json::from_str(told.unwrap_or_else(|| panic!("{text}")).0).unwrap()
}

fn payment(van: &Van, result: &Value) -> Value {
    let path = format!("/payments/{}?include_sandbox=true", result["imp_uid"].as_str().unwrap());
    get(van, &path).json()["response"].clone()
}

fn assert_correct(van: &Van) {
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

#[test]
fn the_script_is_served_new_and_old() {
    let van = start();
    for path in ["/v1/iamport.js", "/js/iamport.payment-1.2.0.js"] {
        let got = raw::get(&van, path);
        assert_eq!(got.header("Content-Type"), "text/javascript; charset=utf-8");
        assert!(got.text().contains("window.IMP = "));
    }
    assert_eq!(raw::get(&van, "/js/other.js").status(), Some(404));
}

#[test]
fn a_customer_pays_on_a_pc() {
    let van = start();
    let got = press(&van, &param("ORD_1"), "", "pay");
    assert!(!got.text().contains("</script><b>"), "the name cannot break out");
    let told = told(&got);
    let result = &told["result"];
    let fields = ["merchant_uid", "status", "paid_amount", "error_code", "custom_data"];
    let values = fields.map(|name| result[name].clone());
    assert_eq!(values, ["ORD_1".into(), "paid".into(), json!(47_000), Value::Null, "{\"a\":1}".into()]);
    assert!(result.get("success").is_none() && told["redirect"].is_null(), "{told}");
    let paid = payment(&van, result);
    let fields = ["status", "amount", "channel", "merchant_uid", "customer_uid_usage"];
    let values = fields.map(|name| paid[name].clone());
    assert_eq!(values, ["paid".into(), json!(47_000), "pc".into(), "ORD_1".into(), Value::Null]);
    let entry = van.ledger().entry("ORD_1").unwrap().clone();
    assert_eq!((entry.state, entry.approvals, entry.amount), (State::Approved, 0, 47_000));
    assert_eq!(van.counts().registrations, 1);
    assert_correct(&van);
    assert_eq!(said(&post_json(&van, CANCEL, &cancel(&result["imp_uid"], 47_000, 47_000))), (0, 200));
    assert!(!van.ledger().standing("ORD_1"));
}

#[test]
fn what_is_not_paid_says_so_and_leaves_a_record() {
    let van = start();
    for (button, status, error) in [
        ("cancel", "failed", "[결제포기] 사용자가 결제를 취소하셨습니다"),
        ("fail", "failed", "[8311] 비밀번호 오류"),
        ("close", "ready", "[결제포기] 사용자가 결제창을 닫으셨습니다"),
    ] {
        let told = told(&press(&van, &param("ORD_1"), "old", button));
        let result = &told["result"];
        assert_eq!((&result["success"], &result["error_msg"]), (&json!(false), &json!(error)));
        assert_eq!(payment(&van, result)["status"], status);
    }
    assert!(van.ledger().entry("ORD_1").is_none());
    assert!(van.webhooks().is_empty(), "nobody hears of what failed");
    let told = told(&press(&van, &param("ORD_1"), "old", "pay"));
    assert_eq!(told["result"]["success"], true, "an order that was not paid may be paid");
    let list = find_all(&van, "ORD_1").json()["response"]["list"].clone();
    let statuses = list.as_array().unwrap().iter().map(|payment| payment["status"].as_str().unwrap());
    assert_eq!(statuses.filter(|status| *status == "paid").count(), 1);
}

#[test]
fn a_phone_goes_to_the_redirect_address_with_its_own_query() {
    let van = start();
    let location = |number: &str, how: &str, button: &str| {
        let got = press(&van, &param(number), how, button);
        assert_eq!(got.status(), Some(303));
        got.header("Location")
    };
    assert_eq!(
        location("ORD_1", "mobile", "pay"),
        "http://127.0.0.1:3000/return?shop=1&imp_uid=imp_000000000001&merchant_uid=ORD_1#top"
    );
    let failed = location("ORD_2", "mobile old", "fail");
    assert!(failed.contains("&error_code=KICC&error_msg=%5B8311%5D+"), "{failed}");
    assert!(failed.ends_with("&imp_success=false#top"), "{failed}");
    let mut nowhere = param("ORD_3");
    nowhere.as_object_mut().unwrap().remove("m_redirect_url");
    assert_eq!(open(&van, &nowhere, "mobile").status(), Some(400));
    assert_eq!(van.ledger().violations, ["/iamport/window: m_redirect_url is no address to return to"]);
}

#[test]
fn an_order_that_was_paid_or_has_another_amount_opens_no_window() {
    let van = start();
    let paid = told(&press(&van, &param("ORD_1"), "", "pay"));
    assert_eq!(paid["result"]["status"], "paid");
    let again = told(&open(&van, &param("ORD_1"), ""));
    assert_eq!(
        again["result"],
        json!({
            "imp_uid": null, "merchant_uid": "ORD_1", "error_code": "F1002",
            "error_msg": "이미 결제가 이루어진 거래건입니다."
        })
    );
    // Without a callback the page is sent on, on a PC too.
    let again = told(&open(&van, &param("ORD_1"), "nobody"));
    assert!(again["redirect"].as_str().unwrap().contains("&merchant_uid=ORD_1&error_code=F1002&"), "{again}");
    post_json(&van, PREPARE, &json!({ "merchant_uid": "ORD_2", "amount": 46_000 }));
    assert_eq!(told(&open(&van, &param("ORD_2"), ""))["result"]["error_code"], "F1001");
    assert_eq!(van.ledger().entries.len(), 1);
    assert_correct(&van);
}

#[test]
fn a_billing_key_is_issued_without_money_and_then_charged() {
    let van = Van::start(VanConfig { magic: false, ..quick() }).unwrap();
    let mut issue = param("KEY_1");
    (issue["customer_uid"], issue["amount"]) = ("CU-7".into(), 0.into());
    issue.as_object_mut().unwrap().remove("buyer_tel");
    let charge = || {
        let mut body = charge("ORD_1", 10_000);
        body["customer_uid"] = "CU-7".into();
        body
    };
    assert_eq!(told(&press(&van, &issue, "", "cancel"))["result"]["status"], "failed");
    let told = told(&press(&van, &issue, "", "pay"));
    let record = payment(&van, &told["result"]);
    assert_eq!((&record["customer_uid_usage"], &record["customer_uid"]), (&json!("issue"), &json!("CU-7")));
    assert_eq!(van.ledger().entries, [], "no money moved");
    let refund = cancel(&told["result"]["imp_uid"], 0, 0);
    assert_eq!(said(&post_json(&van, CANCEL, &refund)), (1, 200));
    assert_eq!(get(&van, "/subscribe/customers/CU-7").json()["response"]["card_code"], "366");
    assert_eq!(said(&post_json(&van, AGAIN, &charge())), (0, 200));
    assert!(van.ledger().standing("ORD_1"));
    assert_correct(&van);
}

#[test]
fn a_virtual_account_is_ready_until_its_deposit_comes() {
    let van = start();
    let mut escrow = param("ORD_1");
    let more = json!({
        "pay_method": "vbank", "vbank_due": "20301231", "escrow": true, "buyer_name": "홍길동",
        "buyer_email": "a@shop.example",
        "kiccProducts": [{ "orderNumber": "1", "name": "책", "quantity": 1, "amount": 47_000 }]
    });
    escrow.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let told = told(&press(&van, &escrow, "old", "pay"));
    let result = &told["result"];
    assert_eq!((&result["success"], &result["status"]), (&json!(true), &json!("ready")));
    assert_eq!((&result["vbank_num"], &result["paid_at"]), (&json!("110-000000000001"), &json!(0)));
    assert!(van.ledger().entry("ORD_1").is_none());
    let deposit = format!("/iamport/deposits/{}", result["imp_uid"].as_str().unwrap());
    assert_eq!([&deposit, &deposit].map(|path| post_form(&van, path, &[]).status()), [Some(200), Some(404)]);
    assert_eq!(payment(&van, result)["status"], "paid");
    let hooks: Vec<String> = van.webhooks().into_iter().map(|hook| hook.status).collect();
    assert_eq!(hooks, ["ready", "paid"]);
    let mut refund = cancel(&result["imp_uid"], 47_000, 47_000);
    assert_eq!(said(&post_json(&van, CANCEL, &refund)), (1, 200), "where to?");
    for (name, value) in [("refund_holder", "홍길동"), ("refund_bank", "088"), ("refund_account", "110123")]
    {
        refund[name] = value.into();
    }
    assert_eq!(said(&post_json(&van, CANCEL, &refund)), (0, 200));
    assert_correct(&van);
}

/// Spec §9.2 to §9.5, one violation each.
#[test]
fn what_kicc_does_not_take_opens_no_window() {
    let van = start();
    let wrong = [
        (json!({ "pg": "kakaopay" }), "pg is not kicc, nor kicc. with the merchant's MID"),
        (json!({ "pg": "kicc.T0000000" }), "pg is not kicc, nor kicc. with the merchant's MID"),
        (json!({ "pay_method": "samsung" }), "pay_method is none of card, trans, vbank, phone"),
        (json!({ "merchant_uid": 1 }), "merchant_uid is no text of 1 to 40 characters"),
        (json!({ "amount": "47000" }), "amount is no number above zero"),
        (json!({ "buyer_tel": " " }), "buyer_tel is blank"),
        (json!({ "pay_method": "phone" }), "phone without digital"),
        (json!({ "pay_method": "trans", "customer_uid": "CU" }), "customer_uid without pay_method card"),
        (json!({ "escrow": true }), "escrow with neither trans nor vbank"),
        (json!({ "vbank_due": "tomorrow" }), "vbank_due is no date"),
        (json!({ "card": { "direct": { "code": 367, "quota": 0 } } }), "card.direct is no code with a quota"),
        (
            json!({ "card": { "detail": [{ "card_code": "*" }] } }),
            "card.detail is no list of codes that are enabled or not",
        ),
        (json!({ "tax_free": 47_001 }), "tax_free is no part of amount"),
        (json!({ "biz_num": "1" }), "biz_num is no parameter for KICC"),
    ];
    for (change, what) in wrong {
        let mut param = param("ORD_1");
        param.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(told(&open(&van, &param, ""))["result"]["error_code"], "F0001", "{change}");
        let violations = van.ledger().violations;
        assert!(violations.contains(&format!("/iamport/window: {what}")), "{change}: {violations:?}");
    }
    for good in [
        json!({ "pg": "kicc.T5102001" }),
        json!({ "pg": null, "channelKey": "channel-key-1" }),
        json!({ "pay_method": "phone", "digital": false }),
        json!({ "card": { "direct": { "code": "367", "quota": 3 } }, "company": "상점" }),
        json!({ "card": { "detail": [{ "card_code": "*", "enabled": false }, { "card_code": "366", "enabled": true }] } }),
        json!({ "display": { "card_quota": [2, 3] }, "notice_url": ["https://shop.example/1"] }),
    ] {
        let mut param = param("ORD_1");
        param.as_object_mut().unwrap().extend(good.as_object().unwrap().clone());
        assert_eq!(open(&van, &param, "").status(), Some(303), "{good}");
    }
    assert_eq!(van.ledger().entries, []);
    let other = IamportSettings { store_id: "imp00000000".into(), ..IamportSettings::default() };
    let other = Van::start(VanConfig { iamport: other, ..quick() }).unwrap();
    assert_eq!(told(&open(&other, &param("ORD_1"), ""))["result"]["error_code"], "F0001");
    assert_eq!(other.ledger().violations, ["/iamport/window: IMP.init with another store"]);
}

/// What a test of a client needs: a payment made, without a browser.
#[test]
fn a_payment_may_be_made_without_a_browser() {
    let van = start();
    let found = |imp_uid: String| {
        let payment = payment(&van, &json!({ "imp_uid": imp_uid }));
        (payment["status"].as_str().unwrap().to_owned(), payment["amount"].as_u64().unwrap())
    };
    assert_eq!(found(van.pay_in_window("ORD_1", 1000)), ("paid".into(), 1000));
    assert_eq!(found(van.pay_in_window("Xdec-1", 1000)), ("failed".into(), 1000));
    assert_eq!(found(van.pay_in_window("Xamt-1", 1000)), ("paid".into(), 1010));
    let path = format!("/payments/{}?include_sandbox=true", van.pay_in_window("Xok_hang-1", 1000));
    let seen = [(); 3].map(|()| get(&van, &path).json()["response"]["status"].clone());
    assert_eq!(seen, [Value::Null, Value::Null, "paid".into()], "rescue faults befall its look-ups");
}
