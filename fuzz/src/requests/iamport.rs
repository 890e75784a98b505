//! The same of i'mport: charges, the window's parameters, and what moves no money.

use encoding_rs::UTF_8;
use kicc_proto::{
    flow::table::Verb,
    iamport::{
        AccessToken, ApiKeys, Charge, CustomerUid, GetToken, Settings, Tier,
        calls::{self, Rest},
        payment::PayMethod,
        window::{CardCode, Cards, ChannelKey, Direct, EscrowProduct, Gateway, RequestPay},
    },
    product::Product,
    values::{Amount, Instalment, KstDateTime, OrderNumber, Parts, ReturnUrl, TransactionNumber, Won},
    wire::{Method, RequestBuffer, call::Call},
};
use serde_json::{Value, json};

use super::{super::shop::TOKEN, Next, same, sent, won};

/// How many kinds of messages there are.
pub const KINDS: usize = 4;

pub fn round_trip(which: usize, next: Next<'_, '_>) -> Option<()> {
    match which {
        0 => charge(next),
        1 => card_window(next),
        2 => escrow_window(next),
        _ => plain_calls(next),
    }
}

fn charge(next: Next<'_, '_>) -> Option<()> {
    let (number, customer, total, free, name) = (next(), next(), won(next()), won(next()), next());
    let fields = ["buyer_name", "buyer_email", "buyer_tel", "buyer_addr", "buyer_postcode", "custom_data"];
    let texts = fields.map(|_| next());
    let (months, notice) = (next(), next());
    let amount = Amount::new(total, Parts { tax_free: free, ..Parts::default() }).ok()?;
    let customer_uid = CustomerUid::new(customer).ok()?;
    let mut charge =
        Charge::new(TransactionNumber::new_long(number).ok()?, customer_uid, amount, name).ok()?;
    let mut expected = json!({
        "customer_uid": customer, "merchant_uid": number, "amount": total.0, "name": name,
    });
    if free > Won::ZERO {
        expected["tax_free"] = free.0.into();
    }
    let setters = [
        Charge::buyer_name,
        Charge::buyer_email,
        Charge::buyer_tel,
        Charge::buyer_address,
        Charge::buyer_postcode,
        Charge::custom_data,
    ];
    for ((field, text), set) in fields.into_iter().zip(texts).zip(setters) {
        if !text.is_empty() {
            charge = set(charge, text).ok()?;
            expected[field] = text.into();
        }
    }
    if !months.is_empty() {
        let months = months.parse().ok()?;
        charge = charge.months(months).ok()?;
        expected["card_quota"] = months.into();
    }
    if !notice.is_empty() {
        charge = charge.notice_url(ReturnUrl::new(notice).ok()?);
        expected["notice_url"] = notice.into();
    }
    let [again, look_up] = sent(Product::Iamport, &charge, Verb::Query);
    same(again.body.as_bytes(), UTF_8, &expected);
    assert_eq!(look_up.path, format!("/payments/findAll/{number}"), "R12");
    assert_eq!(look_up.body, "");
    Some(())
}

fn card_window(next: Next<'_, '_>) -> Option<()> {
    let (number, pg, name, total, redirect) = (next(), next(), next(), won(next()), next());
    let (customer, tel, code, months) = (next(), next(), next(), next());
    let (scheme, data) = (next(), next());
    let number = TransactionNumber::new_long(number).ok()?;
    let (gateway, redirect_url) = (Gateway::from_pg(pg).ok()?, ReturnUrl::new(redirect).ok()?);
    let mut request = RequestPay::new(&gateway, PayMethod::Card, &number, name, total, &redirect_url);
    let mut expected = json!({
        "pg": pg, "pay_method": "card", "merchant_uid": number.as_str(), "name": name, "amount": total.0,
        "m_redirect_url": redirect,
    });
    let customer_uid = optional(customer, CustomerUid::new)?;
    if customer_uid.is_some() {
        request.customer_uid = customer_uid.as_ref();
        expected["customer_uid"] = customer.into();
    }
    for (given, text, field) in [
        (&mut request.buyer.tel, tel, "buyer_tel"),
        (&mut request.app_scheme, scheme, "app_scheme"),
        (&mut request.custom_data, data, "custom_data"),
    ] {
        if !text.is_empty() {
            *given = Some(text);
            expected[field] = text.into();
        }
    }
    let codes = optional(code, CardCode::new)?.map(|code| [code]);
    let quota = optional(months, Instalment::new)?;
    if let Some(codes) = &codes {
        request.card.cards = Cards::Only(codes);
        expected["card"] = json!({ "detail": [{ "card_code": "*", "enabled": false }, { "card_code": code, "enabled": true }] });
        if let Some(quota) = quota {
            request.card.direct = Some(Direct { code: &codes[0], quota, company: None });
            expected["card"]["direct"] = json!({ "code": code, "quota": quota.months() });
        }
    }
    let parameters = request.parameters().ok()?;
    if !data.is_empty() {
        expected["custom_data"] = serde_json::from_str(data).ok()?;
    }
    stays_in_its_place(parameters.json(), &expected);
    Some(())
}

fn escrow_window(next: Next<'_, '_>) -> Option<()> {
    let (number, channel, name, total, redirect) = (next(), next(), next(), won(next()), next());
    let (buyer, email, tel, due) = (next(), next(), next(), next());
    let (order_number, product, quantity) = (next(), next(), next());
    let number = TransactionNumber::new_long(number).ok()?;
    let gateway = Gateway::Channel(ChannelKey::new(channel).ok()?);
    let (redirect_url, order) = (ReturnUrl::new(redirect).ok()?, OrderNumber::new(order_number).ok()?);
    let quantity = quantity.parse().ok()?;
    let products = [EscrowProduct { order_number: &order, name: product, quantity, amount: total }];
    let method = PayMethod::VirtualAccount;
    let mut request = RequestPay::new(&gateway, method, &number, name, total, &redirect_url);
    request.escrow = Some(&products);
    (request.buyer.name, request.buyer.email, request.buyer.tel) = (Some(buyer), Some(email), Some(tel));
    request.deposit_until = optional(due, KstDateTime::new)?;
    let parameters = request.parameters().ok()?;
    let mut expected = json!({
        "channelKey": channel, "pay_method": "vbank", "merchant_uid": number.as_str(), "name": name,
        "amount": total.0, "m_redirect_url": redirect, "escrow": true,
        "buyer_name": buyer, "buyer_email": email, "buyer_tel": tel,
        "kiccProducts": [{
            "orderNumber": order_number, "name": product, "quantity": quantity, "amount": total.0,
        }],
    });
    if !due.is_empty() {
        expected["vbank_due"] = due.into();
    }
    stays_in_its_place(parameters.json(), &expected);
    Some(())
}

/// Another parser reads the same, and nothing in it can end a script or an attribute in single quotes.
fn stays_in_its_place(parameters: &str, expected: &Value) {
    let ends = ['<', '>', '&', '\'', '\u{2028}', '\u{2029}'];
    assert!(!parameters.contains(ends), "it breaks out of the page: {parameters}");
    same(parameters.as_bytes(), UTF_8, expected);
}

fn plain_calls(next: Next<'_, '_>) -> Option<()> {
    let (number, customer, total, reason) = (next(), next(), won(next()), next());
    let (key, secret, tier) = (next(), next(), next());
    let uid = CustomerUid::new(customer).ok()?;
    let amount = Amount::new(total, Parts::default()).ok()?;
    let tid = TransactionNumber::new_long(number).ok()?;
    let tier = optional(tier, Tier::new)?;
    let keys = ApiKeys::new(key, secret).ok()?;
    let deletion = calls::delete_billing_key(&uid, (!reason.is_empty()).then_some(reason)).ok()?;

    let mut buffer = RequestBuffer::new();
    let asked = GetToken(&keys);
    let request = asked.request(&mut buffer);
    same(request.body(), UTF_8, &json!({ "imp_key": key, "imp_secret": secret }));
    assert_eq!(request.path(), "/users/getToken");

    let (_, body) = message(&calls::prepare(&tid, &amount), Method::Post, tier.as_ref());
    same(&body, UTF_8, &json!({ "merchant_uid": number, "amount": total.0 }));
    let (path, body) = message(&calls::payments(&tid, 2, &Settings::test()), Method::Get, tier.as_ref());
    assert_eq!(path, format!("/payments/findAll/{number}?include_sandbox=true&page=2"));
    assert!(body.is_empty());
    let (path, _) = message(&calls::billing_key(&uid), Method::Get, tier.as_ref());
    assert_eq!(decoded(path.strip_prefix("/subscribe/customers/")?), customer);
    let (path, body) = message(&deletion, Method::Delete, tier.as_ref());
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    assert_eq!(decoded(path.strip_prefix("/subscribe/customers/")?), customer);
    assert_eq!(decoded(query.strip_prefix("reason=").unwrap_or_default()), reason);
    assert!(body.is_empty());
    Some(())
}

/// Path and body of a call that carries a token.
fn message<A>(rest: &Rest<A>, method: Method, tier: Option<&Tier>) -> (String, Vec<u8>) {
    let mut buffer = RequestBuffer::new();
    let token = AccessToken::new(TOKEN).unwrap();
    let authorised = rest.with(&token, tier);
    let request = authorised.request(&mut buffer);
    assert_eq!(request.method(), method);
    (request.path().to_owned(), request.body().to_vec())
}

/// A part of a path or query, of which nothing but visible ASCII is sent.
fn decoded(escaped: &str) -> String {
    assert!(
        escaped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)),
        "{escaped}"
    );
    let mut bytes = Vec::new();
    let mut rest = escaped;
    while let Some(first) = rest.bytes().next() {
        let taken = if first == b'%' { 3 } else { 1 };
        let (one, after) = rest.split_at(taken);
        bytes.push(if taken == 3 { u8::from_str_radix(&one[1..], 16).expect("hexadecimal") } else { first });
        rest = after;
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// `Some(None)` where nothing was given, `None` where it was refused.
fn optional<'t, T, E>(text: &'t str, read: impl FnOnce(&'t str) -> Result<T, E>) -> Option<Option<T>> {
    match text {
        "" => Some(None),
        text => read(text).ok().map(Some),
    }
}
