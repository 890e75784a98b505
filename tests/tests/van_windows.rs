//! The stages before an approval: registration, and windows whose buttons post what KICC's would.

#[allow(dead_code, reason = "each test file uses its part")]
mod raw;

use std::collections::BTreeMap;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use kicc_testkit::van::{Charset, TokenCipher, Van, VanConfig};
use raw::{Got, post_euc_kr, quick};
use serde_json::{Value, json};

const ORDERS: &str = "/easytalkpay/v1/orders.do";
const EASYTALK_APPROVE: &str = "/appcardpay/v1/approval.do";
const AUTHENTICATE: &str = "/easycheck/auth/paymentAuthReg.do";
const METHODS: &str = "/easycheck/user/paymentMethodInfo.do";
const USER: &str = "/easypay/cert/userCertReg.do";
const RETURN: &str = "http://127.0.0.1:3000/return?shop=1&\"<b>";

/// The documentation's order (spec B.2).
fn order(id: &str, number: &str) -> Value {
    json!({
        "vanTid": "T5102001", "shopTransactionId": id, "shopReqDate": "20230915121212", "inflowPath": "SHP",
        "shopOrderNo": number, "productNm": "5월 수강료 <script>", "amount": 47_000, "tax": 4700,
        "returnUrl": "http://127.0.0.1:3000/return?a=1&b=2", "mallNm": "엘리트 수학", "bussNo": "1178119949"
    })
}

fn authentication(id: &str) -> Value {
    json!({
        "customerKey": "CK-1", "easypayVirtualNo": "VN-1", "payMethodTypeCode": "11",
        "payMethodDetailCode": "026", "shopTransactionId": id, "shopOrderNo": "GDS30004",
        "returnUrl": "https://shop.example/return", "shopParameter": "'매장' \"2\" <3> & 4"
    })
}

/// The window as a browser shows it.
fn open(van: &Van, url: &str) -> String {
    let path = url.strip_prefix(&van.base_url()).unwrap_or_else(|| panic!("{url} is not the VAN's"));
    let got = raw::get(van, path);
    assert_eq!((got.status(), got.header("Content-Type")), (Some(200), "text/html; charset=utf-8".into()));
    got.text()
}

/// The form of a button: where it posts to, in which charset, and what.
fn form(html: &str, button: &str) -> (String, String, BTreeMap<String, String>) {
    let with_button = |form: &&str| form.contains(&format!("id=\"{button}\""));
    let form =
        html.split("<form ").skip(1).find(with_button).unwrap_or_else(|| panic!("no {button}: {html}"));
    let attribute = |text: &str, name: &str| {
        let value = text.split_once(&format!("{name}=\"")).unwrap().1.split_once('"').unwrap().0;
        ["&lt;<", "&gt;>", "&quot;\"", "&#39;'", "&amp;&"].iter().fold(value.to_owned(), |text, pair| {
            text.replace(&pair[..pair.len() - 1], &pair[pair.len() - 1..])
        })
    };
    let inputs = form.split("<input ").skip(1);
    let fields = inputs.map(|input| (attribute(input, "name"), attribute(input, "value")));
    assert!(form.starts_with("method=\"post\""));
    (attribute(form, "action"), attribute(form, "accept-charset"), fields.collect())
}

fn fields(html: &str, button: &str) -> Value {
    json!(form(html, button).2)
}

fn start() -> Van {
    Van::start(quick()).unwrap()
}

fn text(got: &Got, name: &str) -> String {
    got.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", got.text())).to_owned()
}

#[test]
fn an_easytalk_order_from_its_registration_to_its_approval() {
    let van = start();
    let got = post_euc_kr(&van, ORDERS, &order("REG_1", "GDS30004"));
    assert_eq!((got.code().as_str(), text(&got, "shopTransactionId").as_str()), ("0000", "REG_1"));
    let url = text(&got, "authPageUrl");
    assert!(url.len() <= 256 && url.starts_with("http://127.0.0.1:"), "{url}");
    let html = open(&van, &url);
    let (action, charset, pay) = form(&html, "pay");
    assert_eq!((action.as_str(), charset.as_str()), ("http://127.0.0.1:3000/return?a=1&b=2", "euc-kr"));
    let cert = pay["certControlNo"].clone();
    assert!(cert.len() <= 40);
    assert_eq!(
        json!(pay),
        json!({"resCd": "0000", "resMsg": "인증 성공", "shopOrderNo": "GDS30004", "certControlNo": cert})
    );
    for (button, code) in [("cancel", "W001"), ("fail", "8311"), ("close", "W002")] {
        let fields = fields(&html, button);
        assert_eq!((&fields["resCd"], &fields["shopOrderNo"]), (&json!(code), &json!("GDS30004")));
        assert!(fields.get("certControlNo").is_none(), "{button}");
    }
    let approval = json!({
        "vanTid": "T5102001", "shopTransactionId": "ORD_1", "certControlNo": cert, "approvalReqDate": "20230915"
    });
    let got = post_euc_kr(&van, EASYTALK_APPROVE, &approval);
    assert_eq!((text(&got, "shopOrderNo").as_str(), &got.json()["amount"]), ("GDS30004", &json!(47_000)));
    assert_eq!(van.ledger().violations, Vec::<String>::new());
    assert_eq!(van.counts().registrations, 1);
    let mut foreign = approval.clone();
    (foreign["vanTid"], foreign["shopTransactionId"]) = ("T0000000".into(), "ORD_2".into());
    assert_eq!(post_euc_kr(&van, EASYTALK_APPROVE, &foreign).code(), "7005", "another terminal's order");
}

#[test]
fn an_authorisation_is_good_once_its_window_was_opened() {
    let (first, second) = (start(), start());
    let cert = |van: &Van| {
        let url = text(&post_euc_kr(van, ORDERS, &order("REG_1", "GDS30004")), "authPageUrl");
        move |van: &Van| fields(&open(van, &url), "pay")["certControlNo"].clone()
    };
    let (opens_first, opens_second) = (cert(&first), cert(&second));
    let known = opens_first(&first);
    let approval = json!({
        "vanTid": "T5102001", "shopTransactionId": "ORD_1", "certControlNo": known, "approvalReqDate": "20230915"
    });
    assert_eq!(post_euc_kr(&second, EASYTALK_APPROVE, &approval).code(), "7005");
    assert_eq!(opens_second(&second), known, "the same seed gives the same ids");
    let mut again = approval.clone();
    again["shopTransactionId"] = "ORD_2".into();
    assert_eq!(post_euc_kr(&second, EASYTALK_APPROVE, &again).code(), "0000");
    assert_eq!(opens_first(&first), known, "a window may be opened again");
}

#[test]
fn windows_are_plain_pages_in_two_languages_with_everything_escaped() {
    let van = start();
    let mut order = order("REG_1", "GDS30004");
    order["noticeMsg"] = "\"A\" & 'B' </p><img src=x>".into();
    order["returnUrl"] = RETURN.replace(['"', '<', '>'], "").into();
    let url = text(&post_euc_kr(&van, ORDERS, &order), "authPageUrl");
    let korean = open(&van, &url);
    let english = open(&van, &format!("{url}?lang=en"));
    assert!(
        korean.contains("<html lang=\"ko\">") && korean.contains(">결제하기<") && korean.contains("47,000원")
    );
    assert!(
        english.contains("<html lang=\"en\">") && english.contains(">Pay<") && english.contains("47,000 won")
    );
    for html in [&korean, &english] {
        assert!(html.contains("5월 수강료 &lt;script&gt;") && html.contains("엘리트 수학"));
        assert!(html.contains("&quot;A&quot; &amp; &#39;B&#39; &lt;/p&gt;&lt;img src=x&gt;"));
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("src=\""));
        assert!(html.contains("width=device-width"));
        assert_eq!(html.matches("<button").count(), 4);
    }
    let path = url.strip_prefix(&van.base_url()).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nAccept-Language: en-GB,ko\r\nConnection: close\r\n\r\n");
    let got = raw::send(van.addr(), request.as_bytes(), std::time::Duration::from_secs(1));
    assert_eq!(got.text(), english, "the browser's wish");
    assert_eq!(raw::get(&van, "/window/0123").status(), Some(404));
}

#[test]
fn a_return_url_is_https_or_of_this_machine() {
    let van = start();
    for (serial, url) in (0..).zip(["http://shop.example/return", "javascript:alert(1)", "/return"]) {
        let mut order = order(&format!("REG_{serial}"), &format!("GDS_{serial}"));
        order["returnUrl"] = url.into();
        assert_eq!(post_euc_kr(&van, ORDERS, &order).code(), "7006", "{url}");
        let mut authentication = authentication(&format!("REG_{serial}"));
        authentication["returnUrl"] = url.into();
        assert_eq!(post_euc_kr(&van, AUTHENTICATE, &authentication).code(), "7006", "{url}");
    }
    assert_eq!((van.ledger().violations.len(), van.counts().registrations), (6, 0));
}

#[test]
fn ids_and_order_numbers_are_registered_once() {
    let van = start();
    let codes = [("REG_1", "A"), ("REG_1", "B"), ("REG_2", "A"), ("REG_3", "B")]
        .map(|(id, number)| post_euc_kr(&van, ORDERS, &order(id, number)).code());
    assert_eq!(codes, ["0000", "7011", "7008", "0000"]);
    let approval = json!({
        "vanTid": "T5102001", "shopTransactionId": "REG_1", "certControlNo": "W47000-A",
        "approvalReqDate": "20230915"
    });
    assert_eq!(post_euc_kr(&van, EASYTALK_APPROVE, &approval).code(), "7011", "an approval needs its own id");
    let codes = ["REG_1", "REG_1"].map(|id| post_euc_kr(&van, AUTHENTICATE, &authentication(id)).code());
    assert_eq!(codes, ["0000", "7011"]);
    let mut body = order("REG_9", "C");
    (body["amount"], body["inflowPath"], body["bussNo"]) = (json!(0), json!("WEB"), json!("117-81-19949"));
    assert_eq!(post_euc_kr(&van, ORDERS, &body).status(), Some(400));
    let violations = van.ledger().violations.join("; ");
    assert!(
        violations.contains("inflowPath is none of SHP") && violations.contains("bussNo"),
        "{violations}"
    );
}

/// Spec A.3 to A.5 in one go: register, open, press, encrypt, approve.
#[test]
fn a_simple_payment_from_its_authentication_to_its_approval() {
    let (key, iv) = ([7; 32], [9; 16]);
    let van = Van::start(VanConfig { token_key: Some(TokenCipher::new(key, iv)), ..quick() }).unwrap();
    let got = post_euc_kr(&van, AUTHENTICATE, &authentication("REG_1"));
    let encoded = text(&got, "authPageUrl");
    assert!(encoded.starts_with("http%3A%2F%2F127"), "{encoded}");
    let url = percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap().into_owned();
    let html = open(&van, &url);
    let (action, _, pay) = form(&html, "pay");
    let authorization = pay["authorizationId"].clone();
    assert_eq!(action, "https://shop.example/return");
    assert_eq!(
        json!(pay),
        json!({
            "resCd": "0000", "resMsg": "인증 성공", "shopTransactionId": "REG_1", "shopOrderNo": "GDS30004",
            "shopParameter": "'매장' \"2\" <3> & 4", "authorizationId": authorization
        })
    );
    assert_eq!(fields(&html, "close")["resCd"], "W002");

    let approve = |number: &str, id: &str| {
        let sealed = cbc::Encryptor::<aes::Aes256>::new(&key.into(), &iv.into())
            .encrypt_padded_vec::<Pkcs7>(id.as_bytes());
        let mut body = raw::approval(number, 10_000);
        body["tokenKey"] = sealed.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        raw::post(&van, raw::APPROVE, &body).code()
    };
    assert_eq!(approve("ORD_1", &authorization), "0000");
    assert_eq!(van.ledger().violations, Vec::<String>::new());
    assert_eq!(approve("ORD_2", "FORGED-0001"), "7005");
    assert_eq!(raw::post(&van, raw::APPROVE, &raw::approval("ORD_3", 10_000)).code(), "7005");
    assert_eq!(
        van.ledger().violations,
        ["ORD_2: ", "ORD_3: "]
            .map(|number| format!("{number}the token key holds no authorisation of a window"))
    );
    assert!(!format!("{van:?}").contains(&authorization), "r23");
}

#[test]
fn payment_methods_are_listed_and_filtered() {
    let van = start();
    let list = |filter: Value| {
        let mut body = filter;
        body["customerKey"] = "CK-1".into();
        let got = post_euc_kr(&van, METHODS, &body);
        assert_eq!((got.code().as_str(), text(&got, "resMsg").as_str()), ("0000", "정상처리"));
        got.json()["payMethodInfoList"].clone()
    };
    assert_eq!(list(json!({})).as_array().unwrap().len(), 2);
    assert_eq!(list(json!({"payMethodTypeCodeList": ""})).as_array().unwrap().len(), 2);
    let cards = list(json!({"payMethodTypeCodeList": "11"}));
    assert_eq!((cards.as_array().unwrap().len(), &cards[0]["displayName"]), (1, &json!("비씨카드")));
    assert_eq!(list(json!({"payMethodDetailCodeList": "016"})), json!([]));
}

#[test]
fn a_customer_is_registered_and_the_result_text_is_url_encoded() {
    for (charset, encoded) in [(Charset::EucKr, "%C0%CE%C1%F5%20%BC%BA%B0%F8"), (Charset::Utf8, UTF8)] {
        let van = Van::start(VanConfig { window_charset: charset, ..quick() }).unwrap();
        let body = json!({
            "requestTid": "REQ_1", "shopUserId": "user-1", "shopUserMail": "user@shop.example", "certType": "NONE",
            "returnUrl": "https://shop.example/return", "shopParameter": "p"
        });
        let got = post_euc_kr(&van, USER, &body);
        assert_eq!((got.code().as_str(), &got.json()["isSignUpUser"]), ("0000", &json!(false)));
        let registered = text(&got, "registerTid");
        let html = open(&van, &text(&got, "easyPayCertPageUrl"));
        let (_, stated, pay) = form(&html, "pay");
        assert_eq!(stated, charset.name());
        assert_eq!(
            json!(pay),
            json!({
                "resCd": "0000", "resMsg": encoded, "requestTid": "REQ_1", "registerTid": registered,
                "shopParameter": "p", "certSeqNo": pay["certSeqNo"]
            })
        );
        assert_eq!(post_euc_kr(&van, USER, &body).code(), "7011");
    }
}

/// Python: `urllib.parse.quote("인증 성공")`.
const UTF8: &str = "%EC%9D%B8%EC%A6%9D%20%EC%84%B1%EA%B3%B5";
