//! Bodies are made up: none is published for KICC.

use alloc::{format, string::String};

use super::*;

/// The least that is always there (spec §3).
const LEAST: &str = r#""imp_uid":"imp_448280090638","merchant_uid":"ORDER-1","status":"paid","amount":1004,
    "cancel_amount":0,"currency":"KRW","sandbox":false"#;

/// Everything that is documented.
const WHOLE: &str = r#"{"imp_uid":"imp_1","merchant_uid":"ORDER-1","pay_method":"card","channel":"api",
    "pg_provider":"kicc","emb_pg_provider":"payco","pg_tid":"20260101000001","pg_id":"T0001","sandbox":false,
    "escrow":false,"apply_num":"00123456","bank_code":"004","bank_name":"KB국민은행","card_code":"041",
    "card_name":"우리카드","card_issuer_code":null,"card_quota":3,"card_number":"9410-61**-****-7890","card_type":0,
    "vbank_code":"088","vbank_name":"신한은행","vbank_num":"110-12-345","vbank_holder":"홍길동",
    "vbank_date":1700003600,"vbank_issued_at":1700000001,"name":"의자","amount":50000,"cancel_amount":1000,
    "currency":"KRW","buyer_name":"김영희","buyer_email":"y@shop.example","buyer_tel":"010-1234-5678",
    "buyer_addr":"서울","buyer_postcode":"04524","custom_data":"{\"a\":1}","user_agent":"Mozilla","status":"cancelled",
    "started_at":1700000000,"paid_at":1700000002,"failed_at":0,"cancelled_at":1700000009,"fail_reason":null,
    "cancel_reason":"변심","receipt_url":"https://receipt.example/1","cancel_history":[{"pg_tid":"20260101000002",
    "amount":1000,"cancelled_at":1700000009,"reason":"변심","cancellation_id":"c1","receipt_url":null}],
    "cancel_receipt_urls":[],"cash_receipt_issued":false,"customer_uid":"card-1","customer_uid_usage":"payment",
    "deposit_history":[],"promotion":null,"new_field":{"amount":"x"}}"#;

fn read(text: &str) -> Result<Payment, Unclear> {
    Payment::from_json(text)
}

fn least_and(more: &str) -> Result<Payment, Unclear> {
    read(&format!("{{{LEAST},{more}}}"))
}

/// The least, with one field in place of its own.
fn with(name: &str, value: &str) -> Result<Payment, Unclear> {
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&format!("{{{LEAST}}}")).unwrap();
    fields.remove(name);
    let rest = serde_json::to_string(&fields).unwrap();
    let rest = rest.strip_suffix('}').unwrap();
    read(&match value {
        "" => format!("{rest}}}"),
        value => format!(r#"{rest},"{name}":{value}}}"#),
    })
}

#[test]
fn everything_documented_is_read() {
    let payment = read(WHOLE).unwrap();
    let at = |seconds: u64| Some(UnixMillis(seconds * 1_000));
    let text = |text: &str| Some(Box::from(text));
    assert_eq!(payment.imp_uid.as_str(), "imp_1");
    assert_eq!(&*payment.merchant_uid, "ORDER-1");
    assert_eq!(payment.status, Status::Cancelled);
    assert_eq!((payment.amount, payment.cancel_amount), (Won(50_000), Won(1_000)));
    assert_eq!((&*payment.currency, payment.sandbox), ("KRW", Some(false)));
    assert_eq!((payment.pay_method, payment.channel), (Some(PayMethod::Card), Some(Channel::Api)));
    assert_eq!((payment.pg_provider, payment.wallet), (text("kicc"), text("payco")));
    assert_eq!((payment.pg_tid, payment.pg_id), (text("20260101000001"), text("T0001")));
    assert_eq!((payment.escrow, payment.cash_receipt_issued), (Some(false), Some(false)));
    let Card { approval_number, code, name, months, number, kind } = payment.card;
    assert_eq!((approval_number, code, name), (text("00123456"), text("041"), text("우리카드")));
    assert_eq!((months, kind), (Some(3), Some(CardType::Credit)));
    assert_eq!(number, text("9410-61**-****-7890"));
    assert_eq!(payment.bank, Bank { code: text("004"), name: text("KB국민은행") });
    let VirtualAccount { bank, number, holder, due, issued_at } = payment.virtual_account;
    assert_eq!(bank, Bank { code: text("088"), name: text("신한은행") });
    assert_eq!((number, holder), (text("110-12-345"), text("홍길동")));
    assert_eq!((due, issued_at), (at(1_700_003_600), at(1_700_000_001)));
    assert_eq!((payment.name, payment.buyer.name), (text("의자"), text("김영희")));
    assert_eq!((payment.buyer.email, payment.buyer.tel), (text("y@shop.example"), text("010-1234-5678")));
    assert_eq!((payment.buyer.address, payment.buyer.postcode), (text("서울"), text("04524")));
    assert_eq!((payment.custom_data, payment.user_agent), (text(r#"{"a":1}"#), text("Mozilla")));
    assert_eq!((payment.started_at, payment.paid_at), (at(1_700_000_000), at(1_700_000_002)));
    assert_eq!((payment.failed_at, payment.cancelled_at), (None, at(1_700_000_009)));
    assert_eq!((payment.fail_reason, payment.cancel_reason), (None, text("변심")));
    assert_eq!(payment.receipt_url, text("https://receipt.example/1"));
    assert_eq!(payment.customer_uid.unwrap().expose(), "card-1");
    assert_eq!(payment.customer_uid_usage, Some(CustomerUidUsage::Payment));
    let refund = &payment.cancel_history[0];
    assert_eq!((refund.amount, refund.cancelled_at), (Won(1_000), at(1_700_000_009)));
    assert_eq!(
        (refund.cancellation_id.as_deref(), refund.pg_tid.as_deref()),
        (Some("c1"), Some("20260101000002"))
    );
    assert_eq!((refund.reason.as_deref(), refund.receipt_url.as_deref()), (Some("변심"), None));
}

#[test]
fn almost_everything_may_be_absent_or_null() {
    let payment = read(&format!("{{{LEAST}}}")).unwrap();
    assert_eq!(payment.card, Card::default());
    assert_eq!(payment.cancel_history, []);
    let nulls: Vec<String> =
        ["pay_method", "card_quota", "paid_at", "cancel_history", "customer_uid_usage", "escrow"]
            .map(|name| format!(r#""{name}":null"#))
            .into();
    assert_eq!(least_and(&nulls.join(",")).unwrap(), payment);
    assert_eq!(with("currency", "").unwrap().currency, "KRW".into(), "the documented default");
    assert_eq!(with("sandbox", "").unwrap().sandbox, None, "answers of before 2026");
}

/// R7: what decides is there and whole, or nothing is known.
#[test]
fn r7_what_decides_is_strict() {
    for name in ["imp_uid", "merchant_uid", "status", "amount", "cancel_amount"] {
        for absent in ["", "null"] {
            assert_eq!(with(name, absent), Err(Unclear::MissingEcho(name.into())), "{name} {absent}");
        }
    }
    for (name, bad) in [
        ("imp_uid", r#""a/b""#),
        ("imp_uid", "1"),
        ("merchant_uid", r#""\ud800""#),
        ("status", "[]"),
        ("currency", "1"),
        ("sandbox", r#""maybe""#),
        ("sandbox", "1"),
        ("customer_uid_usage", "{}"),
    ] {
        assert_eq!(with(name, bad), Err(Unclear::Damaged(name.into())), "{name} {bad}");
    }
    for bad in ["1004.5", "-1", "1e3", r#""1,004""#, "true"] {
        assert_eq!(with("amount", bad), Err(Unclear::Amount), "{bad}");
        assert_eq!(with("cancel_amount", bad), Err(Unclear::Amount), "{bad}");
    }
    assert_eq!(with("cancel_amount", "1005"), Err(Unclear::Amount), "more went back than came");
    assert_eq!(least_and(r#""amount":1004"#), Err(Unclear::DuplicateKey));
    assert_eq!(read(&format!("{{{LEAST}")), Err(Unclear::NotJson));
    assert_eq!(least_and(r#""cancel_history":[{"amount":1.5}]"#), Err(Unclear::Amount));
    assert_eq!(least_and(r#""cancel_history":[{"amount":1,"amount":1}]"#), Err(Unclear::DuplicateKey));
    assert_eq!(least_and(r#""cancel_history":[{}]"#), Err(Unclear::MissingEcho("cancel_history".into())));
    assert_eq!(least_and(r#""cancel_history":{}"#), Err(Unclear::Damaged("cancel_history".into())));
}

/// R7: damage anywhere else leaves the payment as it is.
#[test]
fn r7_damage_elsewhere_undoes_nothing() {
    let payment = least_and(
        r#""name":"의\ud800자","paid_at":"yesterday","card_quota":"three","card_type":{},"escrow":"no",
           "customer_uid":"a b","vbank_date":-1,"pay_method":"bitcoin","channel":"tv""#,
    )
    .unwrap();
    assert!(payment.name.unwrap().contains('\u{fffd}'));
    assert_eq!((payment.paid_at, payment.card.months, payment.card.kind), (None, None, None));
    assert_eq!((payment.escrow, payment.customer_uid), (None, None));
    assert_eq!(payment.virtual_account.due, None);
    assert_eq!(payment.pay_method, Some(PayMethod::Other("bitcoin".into())));
    assert_eq!(payment.channel.unwrap().as_str(), "tv");
}

/// R6: how an amount may be written.
#[test]
fn r6_whole_amounts_however_written() {
    for good in ["1004", "1004.0", "1004.00", r#""1004""#] {
        assert_eq!(with("amount", good).unwrap().amount, Won(1_004), "{good}");
    }
}

/// Spec §13.12, §13.13: numbers and texts alike.
#[test]
fn times_and_card_types_are_numbers_or_texts() {
    for (written, read) in [
        ("1700000000", Some(1_700_000_000_000)),
        (r#""1700000000""#, Some(1_700_000_000_000)),
        ("0", None),
        (r#""0""#, None),
        ("1700000000.5", None),
    ] {
        let payment = least_and(&format!(r#""paid_at":{written}"#)).unwrap();
        assert_eq!(payment.paid_at, read.map(UnixMillis), "{written}");
    }
    for (written, read) in [
        ("0", Some(CardType::Credit)),
        (r#""1""#, Some(CardType::Debit)),
        ("null", None),
        ("2", Some(CardType::Other("2".into()))),
    ] {
        assert_eq!(least_and(&format!(r#""card_type":{written}"#)).unwrap().card.kind, read, "{written}");
    }
}

#[test]
fn words_are_read_as_they_are_written() {
    for word in ["ready", "paid", "failed", "cancelled", "held"] {
        let status = with("status", &format!("{word:?}")).unwrap().status;
        assert_eq!((status.as_str(), &*format!("{status}")), (word, word));
        assert_eq!(matches!(status, Status::Other(_)), word == "held");
    }
    let usage =
        |word: &str| least_and(&format!(r#""customer_uid_usage":"{word}""#)).unwrap().customer_uid_usage;
    assert_eq!(usage("issue"), Some(CustomerUidUsage::Issue));
    assert_eq!(usage("payment.scheduled"), Some(CustomerUidUsage::Scheduled));
    for word in ["card", "trans", "vbank", "phone"] {
        assert!(!matches!(PayMethod::from_word(word), PayMethod::Other(_)), "{word}");
    }
}

/// Spec §3.1: the balance is counted, never taken from the status.
#[test]
fn the_balance_is_what_did_not_go_back() {
    let payment = with("cancel_amount", "4").unwrap();
    assert_eq!((payment.status.clone(), payment.balance()), (Status::Paid, Won(1_000)));
    assert_eq!(with("cancel_amount", "1004").unwrap().balance(), Won(0));
}

#[test]
fn whether_money_moved_is_said_only_where_it_is_known() {
    for (otherwise, moved) in [
        (r#""status":"paid""#, Some(true)),
        (r#""status":"failed""#, Some(false)),
        (r#""status":"ready""#, None),
        (r#""status":"held""#, None),
        (r#""status":"cancelled""#, None),
        (r#""status":"cancelled","paid_at":1"#, Some(true)),
        (r#""status":"cancelled","cancel_amount":1"#, Some(true)),
        (r#""status":"paid","customer_uid_usage":"issue""#, Some(false)),
    ] {
        let mut fields: serde_json::Value = serde_json::from_str(&format!("{{{LEAST}}}")).unwrap();
        let otherwise: serde_json::Value = serde_json::from_str(&format!("{{{otherwise}}}")).unwrap();
        for (name, value) in otherwise.as_object().unwrap() {
            fields[name] = value.clone();
        }
        assert_eq!(read(&format!("{fields}")).unwrap().money_moved(), moved, "{otherwise}");
    }
}

/// R23: nobody's name, account, card or data is printed, and a card number that came unmasked is masked.
#[test]
fn r23_debug_shows_nobody() {
    let shown = format!("{:?}", read(WHOLE).unwrap());
    for secret in [
        "김영희",
        "y@shop",
        "010-1234",
        "서울",
        "04524",
        "110-12-345",
        "홍길동",
        "7890",
        "Mozilla",
        "card-1",
        r#"\"a"#,
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let payment = read(WHOLE).unwrap();
    let parts = format!("{:?} {:?} {:?}", payment.buyer, payment.virtual_account, payment.customer_uid);
    assert!(!parts.contains("김영희") && !parts.contains("110-12") && !parts.contains("card-1"), "{parts}");
    assert!(shown.starts_with("Payment {") && parts.contains("VirtualAccount {"), "{shown} {parts}");
    assert!(parts.contains("Buyer(..)"), "{parts}");
    let unmasked = least_and(r#""card_number":"9410611234567890""#).unwrap();
    assert_eq!(unmasked.card.number.as_deref(), Some("941061******7890"));
}

#[test]
fn fields_and_lists_of_an_answer_are_read() {
    let text = format!(r#"{{"response":{{{LEAST}}},"list":[{{{LEAST}}},{WHOLE}],"none":null}}"#);
    let [response, list, none, absent] =
        json::object(&text, &["response", "list", "none", "absent"]).unwrap();
    assert_eq!(super::read(response, "response").unwrap().amount, Won(1_004));
    assert_eq!(read_all(list, "list").unwrap().len(), 2);
    for missing in [none, absent] {
        assert_eq!(super::read(missing, "response"), Err(Unclear::MissingEcho("response".into())));
    }
    assert_eq!(read_all(none, "list"), Err(Unclear::Damaged("list".into())));
    assert_eq!(read_all(response, "list"), Err(Unclear::Damaged("list".into())));
}
