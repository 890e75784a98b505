use std::sync::Arc;

use kicc_proto::{
    product::Order as _,
    values::{Secret, Won},
    wire::{
        sign::HmacSha256,
        token_key::{Aes256Cbc, Output},
    },
};

use super::*;
use crate::lines::LINE_MAX;

fn read(text: &str) -> Result<Vec<Numbered>, Vec<BadLine>> {
    let key = Secret::from_utf8("01234567890123456789012345678901");
    let iv = Secret::from_utf8("0123456789012345");
    let maker = simple::Maker {
        signer: Arc::new(HmacSha256::new(&Secret::from_utf8("secret"))),
        cipher: Some(Aes256Cbc::new(&key, &iv, Output::Hex).unwrap()),
    };
    read_of(Of::Simple(maker), text)
}

fn read_of(product: Of, text: &str) -> Result<Vec<Numbered>, Vec<BadLine>> {
    Reader { product, long_numbers: false }.all(text.as_bytes()).unwrap()
}

fn bad(line: &str) -> String {
    read(line).err().unwrap().remove(0).why
}

#[test]
fn all_fields_are_read() {
    let line = r#"{"number":"A1","amount":52000,"vat":4727,"service_charge":0,"tax_free":0,"instalment":"03",
        "token_key":"TOKEN","user_data":"일번"}"#;
    let orders = read(&format!(
        "{}\n\n{}",
        line.replace('\n', " "),
        r#"{"number":"A2","amount":1,"authorization_id":"AUTH"}"#
    ));
    let orders = orders.ok().unwrap();
    assert_eq!(orders.iter().map(|order| order.line).collect::<Vec<_>>(), [1, 3]);
    let Order::Simple(order) = &orders[0].order else { panic!("another product's") };
    assert_eq!(order.amount().vat(), Won(4_727));
}

#[test]
fn an_order_of_easytalkpay_is_read() {
    let line = r#"{"number":"A1","amount":51004,"cert_control_no":"SECRET"}"#;
    let orders = read_of(Of::EasyTalk, line).ok().unwrap();
    assert_eq!((orders[0].order.product(), orders[0].order.number().as_str()), (Product::EasyTalk, "A1"));
    let with = line.replace("\"amount\"", "\"order_number\":\"GDS-1\",\"amount\"");
    assert_eq!(read_of(Of::EasyTalk, &with).ok().unwrap().len(), 1);
    for (from, to, why) in [
        ("51004", "0", "amount: must be from 1"),
        ("51004", "1,\"vat\":1", "unknown field `vat`"),
        ("cert_control_no", "order_number", "cert_control_no: is missing"),
        ("\"SECRET\"", "[\"SECRET\"]", "cert_control_no: must be a text"),
        ("SECRET", "SECRET ", "certification control number: "),
        ("\"amount\"", "\"order_number\":\"SECRET!\",\"amount\"", "order number: "),
    ] {
        let bad = read_of(Of::EasyTalk, &line.replace(from, to)).err().unwrap().remove(0).why;
        assert!(bad.contains(why) && !bad.contains("SECRET"), "{bad}");
    }
}

#[test]
fn an_order_of_import_is_a_charge_or_a_payment_in_the_window() {
    let charge = r#"{"number":"A1","amount":51004,"customer_uid":"SECRET","name":"의자"}"#;
    let paid = r#"{"number":"A2","amount":51004,"tax_free":4,"imp_uid":"imp_000000000001"}"#;
    let orders = read_of(Of::Iamport, &format!("{charge}\n{paid}")).ok().unwrap();
    assert!(orders.iter().all(|order| order.order.product() == Product::Iamport));
    assert!(matches!(orders[0].order, Order::Charge(_)) && matches!(orders[1].order, Order::Window(_)));
    let more = r#""name":"의자","card_quota":3,"buyer_name":"n","buyer_email":"e","buyer_tel":"t",
        "buyer_addr":"a","buyer_postcode":"p","tax_free":4"#;
    let whole = charge.replace(r#""name":"의자""#, &more.replace('\n', ""));
    assert_eq!(read_of(Of::Iamport, &whole).ok().unwrap().len(), 1);
    for (from, to, why) in [
        (r#","name":"의자""#, "", "name: is missing"),
        ("51004", "51004,\"vat\":1", "unknown field `vat`"),
        ("51004", "49999,\"card_quota\":3", "card quota: is for amounts of 50000 won and more"),
        ("51004", "51004,\"card_quota\":\"3\"", "card_quota: must be a whole number of months"),
        ("SECRET", "SECRET/", "customer_uid: "),
        ("customer_uid", "imp_uid", "name: is for a charge"),
        ("\"name\"", "\"imp_uid\":\"imp_1\",\"name\"", "exactly one of them"),
        (r#""customer_uid":"SECRET","#, "", "exactly one of them"),
    ] {
        let bad = read_of(Of::Iamport, &charge.replace(from, to)).err().unwrap().remove(0).why;
        assert!(bad.contains(why) && !bad.contains("SECRET"), "{bad}");
    }
}

/// R5: every field is checked, and the error names it. R23: no value is shown.
#[test]
fn r5_r23_bad_lines_name_field_and_limit_and_no_value() {
    let with = |rest: &str| bad(&format!(r#"{{"number":"A1","amount":1000,"token_key":"SECRET"{rest}}}"#));
    assert!(with(r#","vatt":1"#).contains("unknown field `vatt`"));
    assert!(with(r#","amount":1"#).contains("duplicate field `amount`"));
    assert!(with(r#","vat":1001"#).starts_with("vat: is above"));
    assert!(with(r#","vat":"1""#).starts_with("vat: must be a whole number"));
    assert!(with(r#","vat":null"#).starts_with("vat: must be a whole number"));
    assert!(with(r#","instalment":"01""#).starts_with("instalment: "));
    assert!(with(r#","authorization_id":"SECRET""#).starts_with("token_key or authorization_id"));
    assert!(bad(r#"{"amount":1}"#).starts_with("number: is missing"));
    assert!(bad(r#"{"number":"A1","amount":0,"token_key":"T"}"#).starts_with("amount: must be from 1"));
    assert!(bad(r#"{"number":"A1","amount":-1,"token_key":"T"}"#).starts_with("amount: "));
    assert!(bad(r#"{"number":"123456789012345678901","amount":1,"token_key":"T"}"#).contains("at most 20"));
    for secret in [
        r#""SECRET""#,
        r#"{"number":"A","amount":1,"token_key":["SECRET"]}"#,
        r#"{"number":"A","amount":"SECRET","token_key":"SECRET"}"#,
        r#"{"number":"A","amount":1,"token_key":"SECRET "}"#,
        r#"{"number":"A","amount":1,"token_key":"SECRET""#,
        r#"{"number":"A","amount":1,"token_key":"T","user_data":"SECRET|"}"#,
    ] {
        assert!(!bad(secret).contains("SECRET"), "{secret}");
    }
}

#[test]
fn every_bad_line_is_named() {
    let bad = read("{}\n{\"number\":\"A1\"}\nx\n").err().unwrap();
    assert_eq!(bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(bad[1].number.as_deref(), Some("A1"));
}

/// R3: the same data under one number is a repeat, other data an error.
#[test]
fn r3_a_number_may_come_twice_with_the_same_data_only() {
    let line = |amount: u64| format!("{{\"number\":\"A1\",\"amount\":{amount},\"token_key\":\"T\"}}\n");
    assert_eq!(read(&(line(5) + &line(5))).ok().unwrap().len(), 2);
    let bad = read(&(line(5) + &line(6))).err().unwrap();
    assert_eq!((bad[0].line, &*bad[0].why), (2, "line 1 has the same number with other data"));
}

#[test]
fn a_line_without_end_is_refused_and_the_next_one_read() {
    let long = format!("{{\"number\":\"{}\"}}\n{{}}\n", "x".repeat(LINE_MAX as usize));
    let bad = read(&long).err().unwrap();
    assert!(bad[0].why.contains("longer than"), "{}", bad[0].why);
    assert_eq!(bad[1].line, 2);
}
