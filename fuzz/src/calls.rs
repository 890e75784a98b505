//! What the gateway answers to a registration or a look-up, and i'mport to whatever moves no money. The first byte says
//! to which, the second how the answer is labelled, the rest is the body.

use encoding_rs::{EUC_KR, UTF_8};
use kicc_proto::{
    easytalk,
    simple::auth,
    values::{BusinessNumber, OrderNumber, PageUrl, ReturnUrl, ServiceId, Won},
    wire::{
        Reply,
        call::{Call, CallError},
    },
};
use serde_json::Value;

use super::shop::{HEADS, NUMBER, ORDER_NUMBER, easytalk_merchant, easytalk_settings, in_korea, nth, number};

mod iamport;

/// R7: only a whole, readable success about our own request opens a window, or says anything of a payment, a token or a
/// billing key.
///
/// # Panics
/// Where that does not hold.
pub fn check(data: &[u8]) {
    let [which, label, body @ ..] = data else { return };
    let (status, content_type, charset) = HEADS[nth(*label, HEADS.len())];
    let reply = Reply { status, content_type, body };
    let text = charset.unwrap_or(EUC_KR).decode_without_bom_handling(body).0;
    let said = serde_json::from_str(&text);
    let which = nth(*which, 4 + iamport::CALLS);
    if which >= 4 {
        let text = charset.unwrap_or(UTF_8).decode_without_bom_handling(body).0;
        return iamport::check(which - 4, reply, &text);
    }
    let auth_settings = auth::Settings::new(ServiceId::new("SVC_SIMPLE").unwrap());
    let customer_key = auth::CustomerKey::new("CUSTOMER-1").unwrap();
    let virtual_number = auth::VirtualNumber::new("VIRTUAL-1").unwrap();
    let (number, order_number) = (number(NUMBER), OrderNumber::new(ORDER_NUMBER).unwrap());
    let return_url = &ReturnUrl::new("https://shop.example/return").unwrap();
    match which {
        0 => {
            let purchase = easytalk::register::Purchase {
                number: &number,
                order_number: &order_number,
                total: Won(1_004),
                tax: Won(91),
                product_name: "볼펜",
                merchant_name: "상점",
                business_number: &BusinessNumber::new("1234567890").unwrap(),
                return_url,
                complete_url: None,
                notice: None,
            };
            let now = in_korea("20261121120000");
            let call =
                easytalk::register::registration(&easytalk_merchant(), &easytalk_settings(), &purchase, now)
                    .unwrap();
            judge(&call.read(reply), reply, &said, window);
        }
        1 => {
            let what = auth::Authentication {
                number: &number,
                order_number: &order_number,
                customer_key: &customer_key,
                virtual_number: &virtual_number,
                type_code: "11",
                detail_code: "026",
                return_url,
                parameter: None,
            };
            let call = auth::registration(&auth_settings, &what).unwrap();
            judge(&call.read(reply), reply, &said, window);
        }
        2 => {
            let call = auth::PaymentMethods::new(&auth_settings, &customer_key, None).unwrap();
            judge(&call.read(reply), reply, &said, |methods, said| {
                let listed = said["payMethodInfoList"].as_array().map_or(0, Vec::len);
                assert_eq!(methods.len(), listed, "a method was lost or made up");
            });
        }
        _ => {
            let customer = auth::Customer {
                number: &number,
                user_id: "user",
                mail: "a@shop.example",
                certification: &auth::Certification::None,
                return_url,
                parameter: None,
            };
            let call = auth::UserRegistration::new(&auth_settings, &customer).unwrap();
            judge(&call.read(reply), reply, &said, |window, said| {
                is_a_page(&window.page);
                assert_eq!(said["registerTid"].as_str(), Some(&*window.register_id));
                assert!(is_ours(&said["requestTid"]));
            });
        }
    }
}

fn judge<T>(
    read: &Result<T, CallError>,
    reply: Reply<'_>,
    said: &serde_json::Result<Value>,
    success: impl FnOnce(&T, &Value),
) {
    match (read, said) {
        (Err(CallError::Unclear(_)), _) => {}
        (_, _) if reply.status != 200 => panic!("R6: {} was believed", reply.status),
        (Ok(answer), Ok(said)) => {
            assert_eq!(said["resCd"], "0000", "R6");
            success(answer, said);
        }
        (Err(CallError::Refused(answer)), Ok(said)) => {
            assert_eq!(said["resCd"].as_str(), Some(&*answer.code));
            assert_ne!(&*answer.code, "0000", "R6");
        }
        (_, Err(error)) => excused(error),
    }
}

/// A lone surrogate or a number beyond all bounds, in a field that is only shown or passed over.
fn excused(error: &serde_json::Error) {
    let why = error.to_string();
    let excused = ["surrogate", "hex escape", "recursion", "out of range"];
    assert!(excused.iter().any(|word| why.contains(word)), "R7: {why} was believed");
}

fn window(page: &PageUrl, said: &Value) {
    is_a_page(page);
    assert!(is_ours(&said["shopTransactionId"]), "R6");
}

fn is_a_page(page: &PageUrl) {
    let text = page.as_str();
    assert!(text.starts_with("https://") || text.starts_with("http://"));
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'<'), "{text}");
}

/// An absent echo is allowed where nothing moved money.
fn is_ours(echo: &Value) -> bool {
    echo.is_null() || echo == "" || echo == NUMBER
}
