//! The authentication stages (spec A.3): what is sent, read, and believed.

use alloc::{format, string::String, vec::Vec};

use super::*;
use crate::{
    flow::said::{Said, Unclear},
    simple::Order,
    values::{
        Amount, AuthorizationId, Charset, OrderNumber, Parts, Secret, TokenKey, TransactionNumber, Won,
    },
    wire::{
        Reply, RequestBuffer,
        call::{Call, CallError, Registration},
        post::{Post, PostError, Posted},
        sign::HmacSha256,
        token_key::{Aes256Cbc, Output},
    },
};

fn settings() -> Settings {
    Settings::new(ServiceId::new("SVC_SIMPLE").unwrap())
}

fn number() -> TransactionNumber {
    TransactionNumber::new("AUTH-1").unwrap()
}

fn order_number() -> OrderNumber {
    OrderNumber::new("GDS30004").unwrap()
}

fn return_url() -> ReturnUrl {
    ReturnUrl::new("https://shop.example/return").unwrap()
}

/// Path, headers and body as text.
fn request(call: &impl Call) -> (String, Vec<(&'static str, String)>, String) {
    let mut buffer = RequestBuffer::new();
    let request = call.request(&mut buffer);
    let headers = request.headers().map(|(name, value)| (name, value.into())).collect();
    (request.path().into(), headers, Charset::EucKr.decode(request.body()).unwrap())
}

fn read<C: Call>(call: &C, body: &str) -> Result<C::Answer, CallError> {
    let bytes = Charset::EucKr.encode(body).unwrap();
    call.read(Reply { status: 200, content_type: None, body: &bytes })
}

fn register(settings: &Settings, parameter: Option<&str>) -> Result<Registration, Invalid> {
    registration(
        settings,
        &Authentication {
            number: &number(),
            order_number: &order_number(),
            customer_key: &CustomerKey::new("CUSTOMER-1").unwrap(),
            virtual_number: &VirtualNumber::new("VIRTUAL-1").unwrap(),
            type_code: "11",
            detail_code: "026",
            return_url: &return_url(),
            parameter,
        },
    )
}

/// Spec A.3.1.
#[test]
fn an_authentication_is_registered() {
    let (path, headers, body) = request(&register(&settings(), Some("포장")).unwrap());
    assert_eq!(path, "/easycheck/auth/paymentAuthReg.do");
    assert_eq!(headers, [("content-type", "application/json; charset=euc-kr".into())]);
    let expected = r#"{"customerKey":"CUSTOMER-1","easypayVirtualNo":"VIRTUAL-1","payMethodTypeCode":"11","payMethodDetailCode":"026","shopTransactionId":"AUTH-1","shopOrderNo":"GDS30004","returnUrl":"https://shop.example/return","shopParameter":"포장"}"#;
    assert_eq!(body, expected);
    let basic = Settings { authorization: RequestAuthorization::Basic, ..settings() };
    let (_, headers, body) = request(&register(&basic, None).unwrap());
    // Worked out apart with Python's base64.
    assert_eq!(headers[1], ("authorization", "Basic U1ZDX1NJTVBMRQ==".into()));
    assert!(!body.contains("shopParameter"));
    for (parameter, field) in [("똠", "shop parameter"), ("a&b", "shop parameter"), ("", "shop parameter")] {
        assert_eq!(register(&settings(), Some(parameter)).unwrap_err().field, field);
    }
    let wider = Settings { ks_x_1001_only: false, ..settings() };
    assert!(register(&wider, Some("똠")).is_ok());
}

/// R5: Simple Payment's addresses have room for 256 bytes.
#[test]
fn r5_what_is_too_long_or_no_code_is_refused() {
    let long = ReturnUrl::new(&format!("https://x/{}", "a".repeat(247))).unwrap();
    assert_eq!(short(&long).unwrap_err(), Problem::TooLong { limit: 256, got: 257 }.of("return url"));
    for (type_code, detail_code) in [("111", "026"), ("", "026"), ("11", "0261"), ("11", "0-6")] {
        let what = Authentication {
            number: &number(),
            order_number: &order_number(),
            customer_key: &CustomerKey::new("C").unwrap(),
            virtual_number: &VirtualNumber::new("V").unwrap(),
            type_code,
            detail_code,
            return_url: &return_url(),
            parameter: None,
        };
        assert!(registration(&settings(), &what).is_err(), "{type_code} {detail_code}");
    }
}

/// Spec A.3.1: the address comes URL-encoded.
#[test]
fn the_windows_address_is_decoded() {
    let call = register(&settings(), None).unwrap();
    let body = |url: &str| {
        format!(r#"{{"resCd":"0000","resMsg":"Success","shopTransactionId":"AUTH-1","authPageUrl":"{url}"}}"#)
    };
    let plain = "https://pay.example/w?a=1&b=%ED%95%9C";
    let encoded = "https%3A%2F%2Fpay.example%2Fw%3Fa%3D1%26b%3D%25ED%2595%259C";
    for url in [plain, encoded] {
        assert_eq!(read(&call, &body(url)).unwrap().as_str(), plain, "{url}");
    }
    for bad in ["ftp%3A%2F%2Fx", "x", "http%3A%2F%2Fpay.example%2F", "https%3A%2F%2Fpay.example%2F%ED"] {
        let damaged = Unclear::Damaged("authPageUrl".into());
        assert_eq!(read(&call, &body(bad)), Err(CallError::Unclear(damaged)), "{bad}");
    }
    let foreign = Unclear::ForeignEcho("shopTransactionId".into());
    assert_eq!(read(&call, &body(plain).replace("AUTH-1", "AUTH-2")), Err(CallError::Unclear(foreign)));
    let refused = CallError::Refused(Said { code: "8888".into(), message: "중복".into() });
    assert_eq!(read(&call, r#"{"resCd":"8888","resMsg":"중복"}"#), Err(refused));
}

fn posted(body: &str) -> Result<Posted<AuthorizationId>, PostError> {
    read_window(Post { content_type: None, body: body.as_bytes() }, &number(), &order_number())
}

/// Spec A.3.2: the authorisation goes into the order as it is.
#[test]
fn the_authorisation_flows_into_the_order() {
    let body = "resCd=0000&resMsg=ok&shopTransactionId=AUTH-1&shopOrderNo=GDS30004&authorizationId=A%2Fb%3D1";
    let Posted::Authenticated(authorization) = posted(body).unwrap() else { panic!() };
    assert_eq!(authorization.expose(), "A/b=1");
    let cipher = Aes256Cbc::new(&Secret::new(&[1; 32]), &Secret::new(&[2; 16]), Output::Hex).unwrap();
    let amount = Amount::new(Won(10_000), Parts::default()).unwrap();
    let signer = HmacSha256::new(&Secret::from_utf8("secret"));
    let order_number = TransactionNumber::new("ORD-1").unwrap();
    let order = Order::authorised(order_number, amount, &authorization, &cipher, &signer).unwrap();
    assert!(order.mark.is_some() && order.token_key != TokenKey::new("x").unwrap());
    assert!(!format!("{authorization:?} {order:?}").contains("A/b=1"), "R23");
}

#[test]
fn a_forged_post_is_not_believed() {
    let good = "resCd=0000&shopTransactionId=AUTH-1&shopOrderNo=GDS30004&authorizationId=A1";
    for (body, error) in [
        (good.replace("AUTH-1", "AUTH-2"), PostError::Foreign("shopTransactionId")),
        (good.replace("GDS30004", "GDS3"), PostError::Foreign("shopOrderNo")),
        (good.replace("&shopTransactionId=AUTH-1", ""), PostError::Missing("shopTransactionId")),
        (good.replace("A1", ""), PostError::Missing("authorizationId")),
        (format!("{good}&authorizationId=A2"), PostError::Twice("authorizationId")),
        (good.replace("AUTH-1", "AUTH-2").replace("0000", "9001"), PostError::Foreign("shopTransactionId")),
    ] {
        assert_eq!(posted(&body).unwrap_err(), error);
    }
    assert!(posted(&good.replace("&shopOrderNo=GDS30004", "")).is_ok());
    let Posted::Failed(said) = posted("resCd=9001&resMsg=closed%1b[2J%0aORD-2").unwrap() else { panic!() };
    assert_eq!((&*said.code, &*said.message), ("9001", "closed\u{fffd}[2J ORD-2"));
}

/// Spec A.3.3.
#[test]
fn payment_methods_are_listed() {
    let customer = CustomerKey::new("CUSTOMER-1").unwrap();
    let call = PaymentMethods::new(&settings(), &customer, Some("11")).unwrap();
    let (path, _, body) = request(&call);
    assert_eq!(path, "/easycheck/user/paymentMethodInfo.do");
    assert_eq!(body, r#"{"customerKey":"CUSTOMER-1","payMethodTypeCodeList":"11"}"#);
    assert!(PaymentMethods::new(&settings(), &customer, Some("11,21")).is_err());
    let one = r#"{"payMethodTypeCode":"11","payMethodDetailCode":"026","displayName":"비씨카드","nickName":"","easypayVirtualNo":"VIRTUAL-1","maskingNo":"1234-****","imageUrl":"https://x/1.png","sortOrder":2,"checkCardFlag":"Y","more":1}"#;
    let list = |elements: &str| format!(r#"{{"resCd":"0000","resMsg":"","payMethodInfoList":{elements}}}"#);
    let methods = read(&call, &list(&format!("[{one},{one}]"))).unwrap();
    assert_eq!(methods.len(), 2);
    let method = &methods[0];
    assert_eq!(method.virtual_number.expose(), "VIRTUAL-1");
    assert_eq!(method.display_name.as_deref(), Some("비씨카드"));
    assert_eq!(
        (method.nickname.as_deref(), method.sort_order, method.check_card),
        (None, Some(2), Some(true))
    );
    assert!(!format!("{methods:?}").contains("VIRTUAL-1"), "R23");
    assert_eq!(read(&call, &list("[]")), Ok(Vec::new()));
    assert_eq!(read(&call, r#"{"resCd":"0000","resMsg":""}"#), Ok(Vec::new()));
    for broken in ["{}", "5", r#"["x"]"#, r#"[{"payMethodTypeCode":"11"}]"#, &list(&format!("[{one}"))] {
        assert!(matches!(read(&call, &list(broken)), Err(CallError::Unclear(_))), "{broken}");
    }
}

struct Seed;

impl EncryptCertValue for Seed {
    fn encrypt(&self, ci: &Secret) -> Result<CertValue, CertValueError> {
        let text: String = ci.expose().iter().map(|byte| format!("{byte:02X}")).collect();
        CertValue::new(&text).map_err(|invalid| CertValueError(format!("{invalid}").into()))
    }
}

fn user(certification: &Certification) -> UserRegistration {
    let customer = Customer {
        number: &number(),
        user_id: "홍길동1",
        mail: "a@shop.example",
        certification,
        return_url: &return_url(),
        parameter: None,
    };
    UserRegistration::new(&settings(), &customer).unwrap()
}

/// Spec A.3.4.
#[test]
fn a_customer_is_registered() {
    let (path, _, body) = request(&user(&Certification::None));
    assert_eq!(path, "/easypay/cert/userCertReg.do");
    let expected = r#"{"requestTid":"AUTH-1","shopUserId":"홍길동1","shopUserMail":"a@shop.example","certType":"NONE","returnUrl":"https://shop.example/return"}"#;
    assert_eq!(body, expected);
    let value = Seed.encrypt(&Secret::from_utf8("ci")).unwrap();
    assert!(Seed.encrypt(&Secret::new(&[0; 101])).is_err());
    let certified = Certification::Ci(value);
    let (_, _, body) = request(&user(&certified));
    assert!(body.contains(r#""certType":"CI","certValue":"6369""#), "{body}");
    assert!(!format!("{certified:?}").contains("6369"), "R23");
    let body = r#"{"resCd":"0000","resMsg":"","registerTid":"REG-9","requestTid":"AUTH-1","isSignUpUser":false,"easyPayCertPageUrl":"https://pay.example/u"}"#;
    let window = read(&user(&Certification::None), body).unwrap();
    assert_eq!((&*window.register_id, window.signed_up), ("REG-9", Some(false)));
    assert_eq!(window.page.as_str(), "https://pay.example/u");
    for (stated, expected) in [
        ("true", Some(true)),
        (r#""true""#, Some(true)),
        (r#""Y""#, Some(true)),
        (r#""false""#, Some(false)),
        (r#""N""#, Some(false)),
        (r#""?""#, None),
        ("null", None),
    ] {
        let body = body.replace(r#""isSignUpUser":false"#, &format!(r#""isSignUpUser":{stated}"#));
        assert_eq!(read(&user(&Certification::None), &body).unwrap().signed_up, expected, "{stated}");
    }
    for (from, to) in [("REG-9", ""), ("AUTH-1", "AUTH-2"), ("REG-9", "a b"), ("https", "http")] {
        assert!(
            matches!(read(&user(&Certification::None), &body.replace(from, to)), Err(CallError::Unclear(_))),
            "{to}"
        );
    }
}

/// Spec A.3.4: its message is URL-encoded once more.
#[test]
fn a_registration_windows_post_is_matched_by_both_ids() {
    let read =
        |body: &str| read_user_window(Post { content_type: None, body: body.as_bytes() }, &number(), "REG-9");
    let good = "resCd=0000&resMsg=%25BC%25BA%25B0%25F8&certSeqNo=S1&requestTid=AUTH-1&registerTid=REG-9";
    let Posted::Authenticated(certified) = read(good).unwrap() else { panic!() };
    assert_eq!((&*certified.sequence_number, &*certified.register_id), ("S1", "REG-9"));
    let Posted::Failed(said) = read(&good.replace("0000", "9001")).unwrap() else { panic!() };
    assert_eq!(&*said.message, "성공");
    for (from, to) in [("AUTH-1", "X"), ("REG-9", "X"), ("S1", ""), ("&requestTid=AUTH-1", ""), ("REG-9", "")]
    {
        assert!(read(&good.replace(from, to)).is_err(), "{from} {to}");
    }
}
