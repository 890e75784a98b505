//! Messages of any content. The first byte says which; the rest are its fields, one to a line.

use encoding_rs::{EUC_KR, Encoding, UTF_8};
use kicc_proto::{
    easytalk,
    flow::{Opening, Step, table::Verb},
    product::{Order, Product},
    simple::{self, auth},
    values::{
        Amount, BusinessNumber, CertControlNumber, Instalment, OrderNumber, Parts, ReturnUrl, ServiceId,
        TokenKey, TransactionNumber, UserData, Won,
    },
    wire::{RequestBuffer, call::Call},
};
use serde_json::{Value, json};

use super::shop::{Sent, Shop, easytalk_merchant, easytalk_settings, in_korea, nth, simple_merchant};

mod iamport;

/// R5: what a message is made of is what another parser reads in it, field by field, or it is refused.
///
/// # Panics
/// Where that does not hold.
pub fn check(data: &[u8]) {
    let _refused = round_trip(data);
}

/// The same; `None` where a value was refused, and nothing was built of it.
///
/// # Panics
/// Where that does not hold.
pub fn round_trip(data: &[u8]) -> Option<()> {
    let [which, text @ ..] = data else { return None };
    let text = String::from_utf8_lossy(text);
    let mut fields = text.split('\n');
    let mut next = || fields.next().unwrap_or_default();
    match nth(*which, 6 + iamport::KINDS) {
        0 => approval(&mut next),
        1 => easytalk_approval(&mut next),
        2 => purchase(&mut next),
        3 => authentication(&mut next),
        4 => user(&mut next),
        5 => methods(&mut next),
        which => iamport::round_trip(which - 6, &mut next),
    }
}

type Next<'n, 't> = &'n mut dyn FnMut() -> &'t str;

fn won(text: &str) -> Won {
    Won(text.parse().unwrap_or(0))
}

fn approval(next: Next<'_, '_>) -> Option<()> {
    let (number, token, total) = (next(), next(), won(next()));
    let parts = Parts { vat: won(next()), service_charge: won(next()), tax_free: won(next()) };
    let (instalment, data) = (next(), next());
    let mut order = simple::Order::new(
        TransactionNumber::new(number).ok()?,
        Amount::new(total, parts).ok()?,
        TokenKey::new(token).ok()?,
    );
    order = order.instalment(Instalment::new(instalment).ok()?);
    if !data.is_empty() {
        order = order.user_data(UserData::new(data).ok()?);
    }
    let [approval, net_cancel] = sent(Product::Simple, &order, Verb::NetCancel);
    let merchant = simple_merchant();
    let mut expected = json!({
        "tid": merchant.terminal_id, "svcId": merchant.service_id, "bizrNo": merchant.business_number,
        "mercTrxNo": number, "tokenKey": token, "alotMonth": instalment, "trxAmt": total.0,
        "vatAmt": parts.vat.0, "svcAmt": parts.service_charge.0, "tranDt": "20261121", "tranTm": "120000",
    });
    same(net_cancel.body.as_bytes(), UTF_8, &expected);
    expected["taxFreeAmt"] = parts.tax_free.0.into();
    if !data.is_empty() {
        expected["userData"] = data.into();
    }
    same(approval.body.as_bytes(), UTF_8, &expected);
    Some(())
}

fn easytalk_approval(next: Next<'_, '_>) -> Option<()> {
    let (number, order_number, control) = (next(), next(), next());
    let order = easytalk::Order::new(
        TransactionNumber::new(number).ok()?,
        OrderNumber::new(order_number).ok()?,
        Amount::new(Won(1_004), Parts::default()).ok()?,
        CertControlNumber::new(control).ok()?,
    );
    let [approval, query] = sent(Product::EasyTalk, &order, Verb::Query);
    let terminal = easytalk_merchant().van_terminal_id;
    let expected = json!({
        "vanTid": terminal, "shopTransactionId": number, "certControlNo": control,
        "approvalReqDate": "20261121",
    });
    same(approval.body.as_bytes(), EUC_KR, &expected);
    let expected = json!({ "vanTid": terminal, "shopTransactionId": number, "transactionDate": "20261121" });
    same(query.body.as_bytes(), EUC_KR, &expected);
    Some(())
}

/// The approval and the rescue message.
fn sent(product: Product, order: &dyn Order, rescue: Verb) -> [Sent; 2] {
    let mut shop = Shop::new(product);
    let opening = Opening { merchant: &shop.merchant, driver: &shop.driver, attempt: [1; 16] };
    let mut step = Step::Persist(order.open(&opening, shop.now).expect("a checked order can be opened"));
    let mut first = None;
    loop {
        step = match step {
            Step::Persist(persist) => {
                let written = shop.store(persist.row(), persist.expect());
                persist.written(Ok(written), shop.now)
            }
            Step::Transmit(transmit) => {
                let (sent, in_flight) = shop.encode(transmit).expect("in time");
                match first {
                    None => first = Some(sent),
                    Some(first) => {
                        assert_eq!([first.verb, sent.verb], [Verb::Approve, rescue]);
                        return [first, sent];
                    }
                }
                in_flight.lost(shop.now)
            }
            Step::Wait(wait) => {
                shop.later(wait.until(0, shop.now).0.saturating_sub(shop.now.mono.0));
                wait.wake(shop.now)
            }
            other => panic!("{other:?}"),
        };
    }
}

fn purchase(next: Next<'_, '_>) -> Option<()> {
    let (number, order_number, total, tax) = (next(), next(), won(next()), won(next()));
    let (product_name, merchant_name, notice, url) = (next(), next(), next(), next());
    let return_url = ReturnUrl::new(url).ok()?;
    let purchase = easytalk::register::Purchase {
        number: &TransactionNumber::new(number).ok()?,
        order_number: &OrderNumber::new(order_number).ok()?,
        total,
        tax,
        product_name,
        merchant_name,
        business_number: &BusinessNumber::new("1234567890").ok()?,
        return_url: &return_url,
        complete_url: None,
        notice: (!notice.is_empty()).then_some(notice),
    };
    let settings = easytalk_settings().ks_x_1001_only(false);
    let now = in_korea("20261121120000");
    let call = easytalk::register::registration(&easytalk_merchant(), &settings, &purchase, now).ok()?;
    let mut expected = json!({
        "vanTid": easytalk_merchant().van_terminal_id, "shopTransactionId": number,
        "shopReqDate": "20261121120000", "inflowPath": "SHP", "shopOrderNo": order_number,
        "productNm": product_name, "amount": total.0, "tax": tax.0, "returnUrl": url,
        "mallNm": merchant_name, "bussNo": "1234567890",
    });
    if !notice.is_empty() {
        expected["noticeMsg"] = notice.into();
    }
    same(&body(&call), EUC_KR, &expected);
    Some(())
}

fn auth_settings() -> auth::Settings {
    auth::Settings::new(ServiceId::new("SVC_SIMPLE").unwrap())
}

fn authentication(next: Next<'_, '_>) -> Option<()> {
    let (number, order_number, customer, virtual_number) = (next(), next(), next(), next());
    let (type_code, detail_code, url, parameter) = (next(), next(), next(), next());
    let what = auth::Authentication {
        number: &TransactionNumber::new(number).ok()?,
        order_number: &OrderNumber::new(order_number).ok()?,
        customer_key: &auth::CustomerKey::new(customer).ok()?,
        virtual_number: &auth::VirtualNumber::new(virtual_number).ok()?,
        type_code,
        detail_code,
        return_url: &ReturnUrl::new(url).ok()?,
        parameter: (!parameter.is_empty()).then_some(parameter),
    };
    let call = auth::registration(&auth_settings(), &what).ok()?;
    let mut expected = json!({
        "customerKey": customer, "easypayVirtualNo": virtual_number, "payMethodTypeCode": type_code,
        "payMethodDetailCode": detail_code, "shopTransactionId": number, "shopOrderNo": order_number,
        "returnUrl": url,
    });
    if !parameter.is_empty() {
        expected["shopParameter"] = parameter.into();
    }
    same(&body(&call), EUC_KR, &expected);
    Some(())
}

fn user(next: Next<'_, '_>) -> Option<()> {
    let (number, user_id, mail, value, url) = (next(), next(), next(), next(), next());
    let certification = match value {
        "" => auth::Certification::None,
        value => auth::Certification::Ci(auth::CertValue::new(value).ok()?),
    };
    let customer = auth::Customer {
        number: &TransactionNumber::new(number).ok()?,
        user_id,
        mail,
        certification: &certification,
        return_url: &ReturnUrl::new(url).ok()?,
        parameter: None,
    };
    let call = auth::UserRegistration::new(&auth_settings(), &customer).ok()?;
    let mut expected = json!({
        "requestTid": number, "shopUserId": user_id, "shopUserMail": mail, "returnUrl": url,
        "certType": if value.is_empty() { "NONE" } else { "CI" },
    });
    if !value.is_empty() {
        expected["certValue"] = value.into();
    }
    same(&body(&call), EUC_KR, &expected);
    Some(())
}

fn methods(next: Next<'_, '_>) -> Option<()> {
    let (customer, kind) = (next(), next());
    let key = auth::CustomerKey::new(customer).ok()?;
    let call = auth::PaymentMethods::new(&auth_settings(), &key, (!kind.is_empty()).then_some(kind)).ok()?;
    let mut expected = json!({ "customerKey": customer });
    if !kind.is_empty() {
        expected["payMethodTypeCodeList"] = kind.into();
    }
    same(&body(&call), EUC_KR, &expected);
    Some(())
}

fn body(call: &impl Call) -> Vec<u8> {
    let mut buffer = RequestBuffer::new();
    call.request(&mut buffer).body().to_vec()
}

fn same(bytes: &[u8], charset: &'static Encoding, expected: &Value) {
    let text =
        charset.decode_without_bom_handling_and_without_replacement(bytes).expect("R5: its own charset");
    let read: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(&read, expected, "R5");
}
