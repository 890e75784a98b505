//! What the gateway answers to a message that may have moved money. The first byte says which message, the second
//! how the answer is labelled (or, past these, that a good answer's text is damaged), the rest is the body.

use encoding_rs::{EUC_KR, UTF_8};
use kicc_proto::{
    codes::{Class, ResultCode},
    flow::{
        Step,
        approval::AmountStated,
        table::{Stage, Verb},
    },
    journal::record::{Happening, Record},
    product::Product,
    wire::Reply,
};
use serde::{
    Deserializer as _,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use super::shop::{HEADS, IMP_UIDS, NUMBER, Shop, TOTAL, approved, listed, nth, payment, voided};

const MESSAGES: [(Product, Verb); 9] = [
    (Product::Simple, Verb::Approve),
    (Product::Simple, Verb::Cancel),
    (Product::Simple, Verb::NetCancel),
    (Product::EasyTalk, Verb::Approve),
    (Product::EasyTalk, Verb::Cancel),
    (Product::EasyTalk, Verb::Query),
    (Product::Iamport, Verb::Approve),
    (Product::Iamport, Verb::Cancel),
    (Product::Iamport, Verb::Query),
];

/// What an input's first byte says: which message is answered.
pub fn about(data: &[u8]) -> Option<(Product, Verb)> {
    data.first().map(|message| MESSAGES[nth(*message, MESSAGES.len())])
}

/// R6, R7, R8: only an answer that proves it is a success, a refusal or a void, and damage to a text undoes none.
///
/// # Panics
/// Where that does not hold.
pub fn check(data: &[u8]) {
    let ([_, label, body @ ..], Some((product, verb))) = (data, about(data)) else { return };
    match nth(*label, HEADS.len() + 3) {
        head if head < HEADS.len() => judge(product, verb, head, body),
        more => damage_a_text(product, verb, more - HEADS.len(), body),
    }
}

fn judge(product: Product, verb: Verb, head: usize, body: &[u8]) {
    let (status, content_type, charset) = HEADS[head];
    let record = answered(product, verb, Reply { status, content_type, body });
    let text = match product {
        Product::Simple => UTF_8.decode_without_bom_handling(body).0,
        Product::EasyTalk => charset.unwrap_or(EUC_KR).decode_without_bom_handling(body).0,
        Product::Iamport => charset.unwrap_or(UTF_8).decode_without_bom_handling(body).0,
    };
    let said = serde_json::from_str::<Value>(&text);
    let reading = reading(&record, verb);
    if let Happening::Unclear(..) = reading {
        assert_eq!(record.ending, None, "R7: an unknown answer ended it");
        assert_ne!(record.stage, Stage::Undecided, "R7: an unknown answer approved it");
        return;
    }
    // i'mport says so that there is no such payment.
    let absent = product == Product::Iamport && verb == Verb::Query && status == 404;
    assert!(status == 200 || absent && matches!(reading, Happening::Answered(..)), "R6: {status}");
    let said = match said {
        Ok(said) => said,
        // The core reads only the fields that it knows, and replaces what cannot be read in a text.
        Err(error) => {
            let why = error.to_string();
            let excused = ["surrogate", "hex escape", "recursion", "out of range"];
            assert!(excused.iter().any(|word| why.contains(word)), "R7: {why} was believed");
            return;
        }
    };
    assert!(!key_twice(&text), "R7: a key stands twice, and it was believed");
    let names = match product {
        Product::Simple => ["respCd", "tid", "mercTrxNo", "trxAmt"],
        Product::EasyTalk => ["resCd", "vanTid", "shopTransactionId", "amount"],
        Product::Iamport => return judge_of_iamport(verb, &said, &record),
    };
    let [code, terminal, number, amount] = names.map(|name| &said[name]);
    let code = code.as_str().expect("R6: a code is a string");
    let ours = |field: &Value, own: &str| field.as_str() == Some(own);
    let absent = |field: &Value| field.is_null() || ours(field, "");
    if let Happening::Succeeded(_) = reading {
        assert_eq!(code, "0000", "R6");
        if verb != Verb::Cancel {
            assert!(ours(number, NUMBER), "R6: {number} is not ours");
        }
        if verb == Verb::Query {
            assert!(said["controlNo"].as_str().is_some_and(|number| !number.is_empty()), "R11");
            let fields = said.as_object().expect("an object");
            let shapes = fields.iter().filter(|(name, value)| name.starts_with("cancel") && !absent(value));
            assert_eq!(shapes.count(), 0, "R11: both shapes at once");
            let date = said["transactionDate"].as_str().unwrap_or_default();
            let days = ["20261120", "20261121", "20261122"];
            assert!(days.iter().any(|day| date.starts_with(day)), "R11: {date} is another transaction's");
        }
        if verb == Verb::Approve {
            assert!(terminal.as_str().is_some_and(|own| own.starts_with('T')), "R6: {terminal} is not ours");
            let stated = record.approval.as_ref().expect("an approval").amount;
            let same = ours(amount, &TOTAL.to_string()) || amount.as_f64() == Some(TOTAL as f64);
            assert_eq!(stated == AmountStated::Matched, same, "R8: {amount} {stated:?}");
            if record.stage == Stage::Undecided {
                assert!(same || product == Product::Simple && amount.is_null(), "R8: {amount}");
            }
        }
    }
    if let Happening::Answered(_, answer) = reading {
        assert_eq!(code, &*answer.code);
        if verb == Verb::Approve {
            assert_ne!(code, "0000", "R6: a success is no refusal");
            let shown = match product {
                Product::Simple => &said["aprvNo"],
                Product::EasyTalk | Product::Iamport => &said["cancelControlNo"],
            };
            assert!(absent(shown) || !shown.is_string() && !shown.is_number(), "R6: {shown}");
        }
    }
}

/// The same of i'mport, whose code is an integer and whose fields are those of a payment (R6, R8, R12).
fn judge_of_iamport(verb: Verb, said: &Value, record: &Record) {
    let code = said["code"].as_i64().expect("R6: a code is an integer");
    let payments = match &said["response"]["list"] {
        Value::Array(list) => list.iter().collect(),
        _ => vec![&said["response"]],
    };
    let ours = |payment: &Value| payment["merchant_uid"].as_str() == Some(NUMBER);
    let won = |amount: &Value| amount.as_f64().or_else(|| amount.as_str()?.parse().ok());
    let stands = |payment: &&Value| {
        matches!(payment["status"].as_str(), Some("paid" | "cancelled"))
            && won(&payment["amount"]) > won(&payment["cancel_amount"])
    };
    match (reading(record, verb), verb) {
        (Happening::Succeeded(_), _) => {
            assert_eq!(code, 0, "R6");
            assert!(payments.iter().all(|payment| ours(payment)), "R6: another number's");
            let stated = record.approval.as_ref().and_then(|approval| approval.van_number());
            let found = payments.iter().find(|payment| payment["imp_uid"].as_str() == stated);
            let found = found.expect("R6: one of those that are stated");
            assert_eq!(stands(found), verb != Verb::Cancel, "R12: by the amounts");
        }
        (Happening::Answered(..), Verb::Query) if code == 0 => {
            let plain = |payment: &&&Value| {
                ["customer_uid", "customer_uid_usage", "channel"].iter().all(|name| payment[name].is_null())
            };
            assert_eq!(payments.iter().filter(|one| stands(one)).find(plain), None, "R12: one stands");
        }
        _ => {}
    }
    if record.stage == Stage::Undecided {
        let payment = payments.first().expect("a payment");
        assert_eq!(payment["status"].as_str(), Some("paid"), "only that is an approval");
        assert_eq!(won(&payment["amount"]), Some(TOTAL as f64), "R8");
        assert_eq!(won(&payment["cancel_amount"]), Some(0.0), "R8");
    }
    if record.ending.is_some() && verb == Verb::Approve {
        assert_eq!((code, payments[0]["status"].as_str()), (0, Some("failed")), "R6: a decline");
    }
}

/// Whether a key stands twice in an object, found apart from the core.
fn key_twice(text: &str) -> bool {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = bool;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                keys.push(key);
            }
            keys.sort();
            Ok(keys.windows(2).any(|pair| pair[0] == pair[1]))
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Keys).unwrap_or(false)
}

/// R7: whatever stands in the message text of a good answer, it is a good answer.
fn damage_a_text(product: Product, verb: Verb, charset: usize, damage: &[u8]) {
    let content_type = HEADS[charset].1;
    let good = match verb {
        // A look-up of i'mport's, of all payments of the number.
        Verb::Query if product == Product::Iamport => listed(&[payment(IMP_UIDS[0], "paid", TOTAL, 0)]),
        Verb::Approve | Verb::Query => approved(product),
        Verb::Cancel | Verb::NetCancel => voided(product),
    };
    let mut text = Vec::new();
    for byte in damage {
        match byte {
            0 => text.extend_from_slice(br"\ud800"),
            1 => text.extend_from_slice(br"\udfff\n\\"),
            b'"' | b'\\' | ..b' ' => {}
            _ => text.push(*byte),
        }
    }
    let (head, tail) = good.split_once("\"text\"").expect("a message");
    let body = [head.as_bytes(), b"\"", &text, b"\"", tail.as_bytes()].concat();
    let record = answered(product, verb, Reply { status: 200, content_type, body: &body });
    assert_eq!(reading(&record, verb), &Happening::Succeeded(verb), "R7: damage to a text undid an answer");
    if verb == Verb::Approve {
        assert_eq!(record.stage, Stage::Undecided, "R7: damage to a text undid an approval");
    }
}

/// The record after that answer to the first message of that kind.
fn answered(product: Product, verb: Verb, reply: Reply<'_>) -> Record {
    let mut shop = Shop::new(product);
    let in_flight = shop.under_way(verb);
    let before = Record::of_row(&shop.rows[&shop.key()]).unwrap();
    let step = match in_flight.reply(reply, shop.now) {
        // A token was refused: the look-up is sent once more.
        Step::Transmit(transmit) => {
            assert_eq!((product, verb, reply.status), (Product::Iamport, Verb::Query, 401), "R4: sent again");
            let (_, in_flight) = shop.encode(transmit).expect("in time");
            in_flight.reply(reply, shop.now)
        }
        step => step,
    };
    let Step::Persist(persist) = step else { panic!("R18: nothing to write down") };
    let row = persist.row();
    let record = Record::of_row(&row).expect("a record that is written can be read");
    assert_eq!(record.encode(), row.record);
    assert!(record.history.len() > before.history.len());
    if record.ending.is_some() && verb == Verb::Approve && product != Product::Iamport {
        let code = ResultCode::new(&record.said.as_ref().expect("a refusal").code).unwrap();
        let class = shop.driver.policy.codes.class(code);
        assert!(matches!(class, Class::IssuerRefusal(_)), "R6: {class:?} ended it");
    }
    record
}

/// What the answer was taken for.
fn reading(record: &Record, verb: Verb) -> &Happening {
    let about = |entry: &&Happening| matches!(entry, Happening::Succeeded(of) | Happening::Answered(of, _) | Happening::Unclear(of, _) if *of == verb);
    record.history.iter().map(|entry| &entry.what).rev().find(about).expect("an answer is in the history")
}
