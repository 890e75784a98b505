//! Properties of i'mport's browser side: of what comes from outside, and of what is made of it.

use kicc_proto::{
    iamport::{
        CustomerUid, Expected, HintError, ImpUid, StoreCode, Tier, Verdict,
        confirm::Confirm,
        payment::{PayMethod, Payment},
        result::{LookUp, WindowResult},
        verify,
        webhook::{Sources, Webhook},
        window::{CardCode, ChannelKey, Gateway, PgMerchantId, RequestPay},
    },
    values::{ReturnUrl, TransactionNumber, Won},
    wire::post::{POST_MAX, Post},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const JSON: Option<&str> = Some("application/json");
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

/// A form of these fields, every byte of a value encoded.
fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

/// Whatever JSON there is, of a few levels.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (1_003..1_006).prop_map(Value::from),
        (0.0..1e9).prop_map(Value::from),
        "\\PC{0,12}|[0-9]{1,12}|1004|paid|ready|cancelled|issue|payment|KRW|ORDER-1".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 0..3).prop_map(Value::from_iter),
        ]
    })
}

/// A payment of 1004 won that is paid.
fn paid() -> Value {
    json!({
        "imp_uid": "imp_1", "merchant_uid": "ORDER-1", "status": "paid", "amount": 1004, "cancel_amount": 0,
        "currency": "KRW", "sandbox": false, "pay_method": "card", "paid_at": 1_700_000_000,
    })
}

const FIELDS: [&str; 24] = [
    "imp_uid",
    "merchant_uid",
    "status",
    "amount",
    "cancel_amount",
    "currency",
    "sandbox",
    "pay_method",
    "paid_at",
    "customer_uid",
    "customer_uid_usage",
    "cancel_history",
    "card_number",
    "card_quota",
    "card_type",
    "vbank_num",
    "vbank_date",
    "buyer_name",
    "custom_data",
    "escrow",
    "name",
    "fail_reason",
    "channel",
    "unknown_field",
];

fn on_order(payment: &Payment) -> Verdict {
    let number = TransactionNumber::new("ORDER-1").unwrap();
    verify(&Expected { merchant_uid: &number, amount: Won(1_004), sandbox: false }, payment)
}

proptest! {
    /// R5: a value takes what it says, and keeps it.
    #[test]
    fn r5_values_take_what_they_say(
        text in "[A-Za-z0-9_-]{0,5}|[A-Za-z0-9_-]{30,34}|[A-Za-z0-9_-]{53,57}|[A-Za-z0-9_-]{78,82}|imp[a-z0-9]{0,18}|[!-~]{1,82}|\\PC{0,6}|\\.{1,3}",
    ) {
        let len = text.len();
        let name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let alphanumeric = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let kept = |taken: Option<String>, fine: bool| {
            prop_assert_eq!(taken.as_deref(), fine.then_some(&*text));
            Ok(())
        };
        kept(ImpUid::new(&text).ok().map(|value| value.as_str().into()), (1..=32).contains(&len) && name)?;
        kept(ChannelKey::new(&text).ok().map(|value| value.as_str().into()), (1..=55).contains(&len) && name)?;
        kept(PgMerchantId::new(&text).ok().map(|value| value.as_str().into()), (1..=80).contains(&len) && name)?;
        kept(CardCode::new(&text).ok().map(|value| value.as_str().into()), (1..=5).contains(&len) && alphanumeric)?;
        kept(Tier::new(&text).ok().map(|value| value.as_str().into()), len == 3 && alphanumeric)?;
        let store = (4..=20).contains(&len) && alphanumeric && text.starts_with("imp");
        kept(StoreCode::new(&text).ok().map(|value| value.as_str().into()), store)?;
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\"'\\".contains(&byte));
        let customer = CustomerUid::new(&text);
        let fine = (1..=80).contains(&len) && plain && text != "." && text != "..";
        kept(customer.as_ref().ok().map(|value| value.expose().into()), fine)?;
        if len > 14 {
            let shown = format!("{customer:?}");
            prop_assert!(!shown.contains(&text), "R23: {}", shown);
        }
        let pg = Gateway::from_pg(&format!("kicc.{text}"));
        prop_assert_eq!(pg.is_ok(), PgMerchantId::new(&text).is_ok());
        prop_assert_eq!(pg.map_or(format!("kicc.{text}"), |pg| pg.to_string()), format!("kicc.{text}"));
        prop_assert_eq!(Gateway::from_pg(&text).is_ok(), text == "kicc");
    }

    /// Whatever is written into a window's parameters comes back from them, and can end neither script nor attribute.
    #[test]
    fn parameters_say_what_was_asked_and_stay_in_their_place(
        name in "\\PC{1,40}|[<>&'\"\\\\/!a-z -]{1,40}|[가-힣 ]{1,40}",
        tel in "[0-9+-]{1,16}|\\PC{1,16}",
        data in any_json(),
        amount in 1..=999_999_999_999_u64,
        number in "[A-Za-z0-9_-]{1,40}",
    ) {
        let (gateway, number) = (Gateway::kicc(), TransactionNumber::new_long(&number).unwrap());
        let url = ReturnUrl::new("https://shop.example/paid?a=1&b=2").unwrap();
        let data = json!({ "data": data }).to_string();
        let mut request = RequestPay::new(&gateway, PayMethod::Card, &number, &name, Won(amount), &url);
        request.buyer.tel = Some(&tel);
        request.custom_data = Some(&data);
        let Ok(parameters) = request.parameters() else {
            let blank_or_broken = |text: &str| text.trim().is_empty() || text.contains(['\u{2028}', '\u{2029}']);
            prop_assert!(blank_or_broken(&name) || blank_or_broken(&tel) || data.len() > 4_000, "{:?} {:?}", name, tel);
            return Ok(());
        };
        let text = parameters.json();
        prop_assert!(!text.contains(['<', '>', '&', '\'', '\u{2028}', '\u{2029}']), "{}", text);
        let read: Value = serde_json::from_str(text).unwrap();
        prop_assert_eq!(read, json!({
            "pg": "kicc", "pay_method": "card", "merchant_uid": number.as_str(), "name": name, "amount": amount,
            "buyer_tel": tel, "m_redirect_url": url.as_str(), "custom_data": serde_json::from_str::<Value>(&data).unwrap(),
        }));
    }

    /// Control characters and line separators are refused wherever they stand.
    #[test]
    fn r5_a_text_is_one_line(before in "[가-힣]{0,5}", c in "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}\u{2029}]", after in "[a-z]{0,5}") {
        let (gateway, number) = (Gateway::kicc(), TransactionNumber::new("ORDER-1").unwrap());
        let url = ReturnUrl::new("https://shop.example/paid").unwrap();
        let name = format!("{before}{c}{after}");
        let mut request = RequestPay::new(&gateway, PayMethod::Card, &number, &name, Won(1_004), &url);
        request.buyer.tel = Some("010-1234-5678");
        prop_assert_eq!(request.parameters().unwrap_err().field, "name");
    }

    /// A result is read alike from JSON, form and query, whatever else stands beside it.
    #[test]
    fn a_result_names_what_the_page_named(
        imp_uid in proptest::option::of("[A-Za-z0-9_-]{1,32}"),
        number in "[A-Za-z0-9_-]{1,40}",
        error in proptest::option::of(("[A-Z0-9]{1,8}", "[가-힣 \\[\\]a-z]{1,30}")),
        other in any_json(),
    ) {
        let (code, message) = error.clone().unzip();
        let body = json!({
            "success": true, "imp_uid": imp_uid, "merchant_uid": number, "error_code": code, "error_msg": message,
            "status": "paid", "paid_amount": 1, "custom_data": other,
        });
        let result = WindowResult::from_callback(Post { content_type: JSON, body: body.to_string().as_bytes() }).unwrap();
        prop_assert_eq!(result.imp_uid.as_ref().map(|uid| uid.as_str()), imp_uid.as_deref());
        prop_assert_eq!(result.merchant_uid.as_ref().unwrap().as_str(), &number);
        prop_assert_eq!(matches!(result.look_up(), Some(LookUp::Payment(_))), imp_uid.is_some());
        let failure = result.failure.clone().map(|failure| (failure.code.unwrap(), failure.message.unwrap()));
        prop_assert_eq!(failure, error.map(|(code, message)| (code.into(), message.into())));
        let mut fields = vec![("merchant_uid", &*number), ("imp_success", "true")];
        fields.extend(imp_uid.as_deref().map(|uid| ("imp_uid", uid)));
        fields.extend(code.as_deref().map(|code| ("error_code", code)));
        fields.extend(message.as_deref().map(|message| ("error_msg", message)));
        prop_assert_eq!(WindowResult::from_query(&format!("?cart=1&{}", form(&fields))), Ok(result.clone()));
        prop_assert_eq!(WindowResult::from_callback(Post { content_type: None, body: form(&fields).as_bytes() }), Ok(result));
    }

    /// A webhook and a confirm post are read alike in both content types.
    #[test]
    fn a_post_says_the_same_in_both_content_types(
        imp_uid in "[A-Za-z0-9_-]{1,32}",
        number in "[A-Za-z0-9_-]{1,40}",
        foreign in "[^\\pC\\u{2028}\\u{2029}]{1,20}",
        status in "paid|ready|failed|cancelled|[a-z]{1,8}",
        amount in 0..=999_999_999_999_u64,
    ) {
        let text = amount.to_string();
        let fields = |number| [("imp_uid", &*imp_uid), ("merchant_uid", number), ("status", &status), ("amount", &text)];
        let object = |number: &str| json!({"imp_uid": imp_uid, "merchant_uid": number, "status": status, "amount": amount}).to_string();
        let read = |content_type, body: String| Webhook::read(Post { content_type, body: body.as_bytes() });
        let webhook = read(JSON, object(&foreign)).unwrap();
        prop_assert_eq!(webhook.imp_uid.as_str(), &imp_uid);
        prop_assert_eq!(webhook.merchant_uid.as_deref(), Some(&*foreign));
        prop_assert_eq!(webhook.claimed.as_ref().unwrap().as_str(), &status);
        prop_assert_eq!(read(FORM, form(&fields(&foreign))), Ok(webhook));

        let read = |content_type, body: String| Confirm::read(Post { content_type, body: body.as_bytes() });
        let confirm = read(JSON, object(&number)).unwrap();
        let ours = TransactionNumber::new_long(&number).unwrap();
        prop_assert!(confirm.matches(&ours, Won(amount)) && !confirm.matches(&ours, Won(amount + 1)));
        prop_assert_eq!(read(FORM, form(&fields(&number))), Ok(confirm));
    }

    /// Any bytes under any name are read as a hint or refused; what is taken from them can stand in a path.
    #[test]
    fn any_bytes_are_a_hint_or_none(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "(imp_uid|merchant_uid|status|amount|a)=[ -~]{0,12}(&(imp_uid|merchant_uid)=[%a-f0-9./_-]{0,12}){0,3}".prop_map(String::into_bytes),
            any_json().prop_map(|value| json!({"imp_uid": value}).to_string().into_bytes()),
        ],
        content_type in proptest::option::of("application/json|application/x-www-form-urlencoded(; charset=[a-z0-9-]{0,8})?|[a-z/]{0,12}"),
    ) {
        let post = Post { content_type: content_type.as_deref(), body: &body };
        if let Ok(webhook) = Webhook::read(post) {
            prop_assert!(ImpUid::new(webhook.imp_uid.as_str()).is_ok());
        }
        if let Ok(result) = WindowResult::from_callback(post) {
            prop_assert!(result.look_up().is_some());
        }
        let _ = Confirm::read(post);
        let _ = WindowResult::from_query(&String::from_utf8_lossy(&body));
    }

    /// R7, R8: whatever one field of a paid payment is changed to, the verdict is *paid* only where every deciding
    /// field still says so.
    #[test]
    fn r8_paid_is_proven_by_every_deciding_field(field in 0..FIELDS.len(), value in any_json()) {
        let mut object = paid();
        object[FIELDS[field]] = value.clone();
        let Ok(payment) = Payment::from_json(&object.to_string()) else { return Ok(()) };
        let won = |name: &str| match &object[name] {
            Value::String(digits) => digits.parse().ok(),
            number => number.as_f64().map(|number| number as u64),
        };
        let proven = payment.imp_uid.as_str() == object["imp_uid"].as_str().unwrap_or_default()
            && object["merchant_uid"] == "ORDER-1"
            && object["status"] == "paid"
            && won("amount") == Some(1_004)
            && won("cancel_amount") == Some(0)
            && (object["currency"].is_null() || object["currency"] == "" || object["currency"] == "KRW")
            && (object["sandbox"].is_null() || object["sandbox"] == false)
            && object["customer_uid_usage"] != "issue";
        prop_assert_eq!(on_order(&payment) == Verdict::Paid, proven, "{} {:?}", object, payment);
        prop_assert!(payment.balance() <= payment.amount);
        if let ("buyer_name" | "custom_data" | "vbank_num", Some(text)) = (FIELDS[field], value.as_str())
            && text.len() > 8
        {
            prop_assert!(!format!("{payment:?}").contains(text), "R23");
        }
    }

    /// Any text is a payment or none.
    #[test]
    fn any_text_is_a_payment_or_none(text in "\\PC{0,80}|\\{\"(imp_uid|amount|status)\":[ -~]{0,40}\\}?") {
        prop_assert!(Payment::from_json(&text).is_err());
    }

    /// An address is known in either notation.
    #[test]
    fn an_address_is_itself_in_either_notation(one: [u8; 4], other: [u8; 4]) {
        let [one, other] = [one, other].map(core::net::Ipv4Addr::from);
        let sources = Sources::new([one.into()]);
        prop_assert!(sources.contains(one.into()) && sources.contains(one.to_ipv6_mapped().into()));
        prop_assert_eq!(sources.contains(other.into()), one == other);
        prop_assert!(!sources.contains(one.to_ipv6_compatible().into()));
        prop_assert!(Sources::new([one.to_ipv6_mapped().into()]).contains(one.into()));
    }
}

#[test]
fn a_hint_that_is_too_long_is_not_read() {
    let body = vec![b'x'; POST_MAX + 1];
    let read = |body| Webhook::read(Post { content_type: None, body });
    assert_eq!(read(&body), Err(HintError::TooLong));
    assert_eq!(read(&body[1..]), Err(HintError::Missing("imp_uid")));
}
