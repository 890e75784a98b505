//! The stages before Simple Payment's approval (spec A.3): authentication, payment methods, user registration. They
//! speak EUC-KR, and bear no signature: what authenticates them is not documented.
//!
//! Codes that are our choice, beside [`VanConfig::duplicate_code`]: `7006` a `returnUrl` that no window may post to.
//!
//! [`VanConfig::duplicate_code`]: crate::van::VanConfig::duplicate_code

use serde_json::{Value, json};

use crate::van::fields::{Field, Is, Message, field, optional, read};
use crate::van::http::{Answer, Request};
use crate::van::json::{Charset, Object, object};
use crate::van::ledger::hash;
use crate::van::windows::{self, Window};
use crate::van::{Shared, gate};

/// Registers an authentication, spec A.3.1.
const REGISTER: &str = "/easycheck/auth/paymentAuthReg.do";
/// Lists the customer's payment methods, spec A.3.3.
const METHODS: &str = "/easycheck/user/paymentMethodInfo.do";
/// Registers a customer, spec A.3.4.
const USER: &str = "/easypay/cert/userCertReg.do";

pub(in crate::van) const PATHS: [&str; 3] = [REGISTER, METHODS, USER];

const REGISTER_FIELDS: &[Field<'_>] = &[
    field("customerKey", Is::Text(60)),
    field("easypayVirtualNo", Is::Text(60)),
    field("payMethodTypeCode", Is::Text(2)),
    field("payMethodDetailCode", Is::Text(3)),
    field("shopTransactionId", Is::Text(60)),
    field("shopOrderNo", Is::Text(40)),
    field("returnUrl", Is::Text(256)),
    optional("shopParameter", Is::List(4000)),
];

const METHODS_FIELDS: &[Field<'_>] = &[
    field("customerKey", Is::Text(60)),
    optional("payMethodTypeCodeList", Is::List(60)),
    optional("payMethodDetailCodeList", Is::List(100)),
];

const USER_FIELDS: &[Field<'_>] = &[
    field("requestTid", Is::Text(60)),
    field("shopUserId", Is::Text(60)),
    field("shopUserMail", Is::Text(50)),
    field("certType", Is::Word(&["CI", "NONE"])),
    optional("certValue", Is::List(200)),
    field("returnUrl", Is::Text(256)),
    optional("shopParameter", Is::List(4000)),
];

pub(in crate::van) fn answer(shared: &Shared, request: &Request) -> Answer {
    type Handle = fn(&Shared, &Request, &Message) -> Object;
    let (handle, table): (Handle, _) = match request.path.as_str() {
        REGISTER => (register, REGISTER_FIELDS),
        METHODS => (methods, METHODS_FIELDS),
        _ => (user, USER_FIELDS),
    };
    let read = |body: &[u8], now| read(table, Charset::EucKr, body, now);
    match gate::admit(shared, request, Charset::EucKr, read) {
        Ok(message) => Answer::Reply(Charset::EucKr.reply(&handle(shared, request, &message))),
        Err(answer) => answer,
    }
}

fn register(shared: &Shared, request: &Request, message: &Message) -> Object {
    let id = message.text("shopTransactionId");
    let mut body = match windows::refusal(shared, message, ("authentication", id)) {
        Some(refusal) => refusal,
        None => {
            let window = Window {
                shown: vec![message.text("shopOrderNo").to_owned()],
                ..Window::of(
                    message,
                    "authorizationId",
                    &["shopTransactionId", "shopOrderNo", "shopParameter"],
                )
            };
            let url = windows::register(shared, request, window);
            object([("resCd", "0000"), ("resMsg", "Success"), ("authPageUrl", &windows::url_encoded(&url))])
        }
    };
    body.shift_insert(2, "shopTransactionId".into(), id.into());
    body
}

/// The same two for every customer: a card and an account.
fn methods(_: &Shared, _: &Request, message: &Message) -> Object {
    let method = |kind: &str, detail: &str, name: &str, number: &str, masked: &str, order: u8| {
        json!({
            "payMethodTypeCode": kind, "payMethodDetailCode": detail, "displayName": name, "nickName": name,
            "easypayVirtualNo": number, "maskingNo": masked, "imageUrl": "https://sandbox.invalid/card.png",
            "sortOrder": order, "checkCardFlag": "N"
        })
    };
    let all = [
        method("11", "026", "비씨카드", "VN00000000000000000001", "9410-61**-****-0001", 1),
        method("21", "004", "국민은행", "VN00000000000000000002", "123-**-****01", 2),
    ];
    let wanted = |method: &Value, list: &str, field: &str| {
        let list = message.text(list);
        list.is_empty() || method[field].as_str().is_some_and(|code| list.contains(code))
    };
    let list = all.into_iter().filter(|method| {
        wanted(method, "payMethodTypeCodeList", "payMethodTypeCode")
            && wanted(method, "payMethodDetailCodeList", "payMethodDetailCode")
    });
    let mut body = object([("resCd", "0000"), ("resMsg", "정상처리")]);
    body.insert("payMethodInfoList".into(), list.collect());
    body
}

fn user(shared: &Shared, request: &Request, message: &Message) -> Object {
    let id = message.text("requestTid");
    let mut body = match windows::refusal(shared, message, ("user", id)) {
        Some(refusal) => refusal,
        None => {
            let registered = format!("R{}", &hash(id.as_bytes())[..20]);
            let mut window = Window {
                shown: vec![message.text("shopUserId").to_owned()],
                encoded_text: true,
                ..Window::of(message, "certSeqNo", &["requestTid", "shopParameter"])
            };
            window.echo.insert(1, ("registerTid", registered.clone()));
            let url = windows::register(shared, request, window);
            let mut body = object([("resCd", "0000"), ("resMsg", "Success"), ("registerTid", &registered)]);
            body.insert("isSignUpUser".into(), false.into());
            body.insert("easyPayCertPageUrl".into(), url.into());
            body
        }
    };
    body.insert("requestTid".into(), id.into());
    body
}
