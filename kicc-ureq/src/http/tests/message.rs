//! Messages that move no money: against the simulated VAN, and against servers that do not answer them.

use kicc_proto::easytalk::{self, register::Purchase};
use kicc_proto::flow::said::{Said, Unclear};
use kicc_proto::simple::auth::{
    self, Authentication, Certification, Customer, PaymentMethods, UserRegistration,
};
use kicc_proto::values::*;
use kicc_proto::wire::call::Registration;
use kicc_testkit::transport_kit::server::Server;
use kicc_testkit::van::{EasyTalkSettings, Van, VanConfig};

use super::*;
use crate::client::Clock;
use crate::http::{CallError, CallLimits};

const QUICK: CallLimits =
    CallLimits { send_within: Duration::from_secs(2), answer_within: Duration::from_secs(2) };

fn return_url() -> ReturnUrl {
    ReturnUrl::for_tests("http://127.0.0.1:3000/return").unwrap()
}

fn number(text: &str) -> TransactionNumber {
    TransactionNumber::new(text).unwrap()
}

fn order(number: &TransactionNumber) -> Registration {
    let merchant = easytalk::Merchant {
        environment: Environment::new("test").unwrap(),
        van_terminal_id: VanTerminalId::new("T5102001").unwrap(),
    };
    let purchase = Purchase {
        number,
        order_number: &OrderNumber::new("GDS30004").unwrap(),
        total: Won(47_000),
        tax: Won(4_700),
        product_name: "5월 수강료",
        merchant_name: "엘리트 수학",
        business_number: &BusinessNumber::new("1178119949").unwrap(),
        return_url: &return_url(),
        complete_url: None,
        notice: None,
    };
    let settings = easytalk::Settings::without_status_query();
    easytalk::register::registration(&merchant, &settings, &purchase, Clock::new().now()).unwrap()
}

fn settings() -> auth::Settings {
    auth::Settings::new(ServiceId::new("SVC_SIMPLE").unwrap())
}

fn customer_key() -> auth::CustomerKey {
    auth::CustomerKey::new("CK-1").unwrap()
}

fn to(server: &Server) -> Http {
    Http::new(HttpSettings::new(server.url())).unwrap()
}

fn http(van: &Van) -> Http {
    Http::new(HttpSettings::new(van.base_url())).unwrap()
}

#[test]
fn an_easytalk_order_is_registered() {
    let van = Van::start(VanConfig::default()).unwrap();
    let order = order(&number("REG-1"));
    let page = http(&van).call(&order, CallLimits::default()).unwrap();
    assert!(page.as_str().starts_with(&format!("{}/window/", van.base_url())), "{page:?}");
    // A number that was used today is refused (spec C.1).
    let refused = http(&van).call(&order, CallLimits::default()).unwrap_err();
    assert_eq!(refused, CallError::Refused(Said { code: "7011".into(), message: "중복 요청".into() }));
    assert_eq!(refused.to_string(), "refused: 7011 중복 요청; this call moved no money");
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

#[test]
fn an_authentication_is_registered_for_a_method_that_was_listed() {
    let van = Van::start(VanConfig::default()).unwrap();
    let http = http(&van);
    let list = PaymentMethods::new(&settings(), &customer_key(), Some("11")).unwrap();
    let methods = http.call(&list, CallLimits::default()).unwrap();
    let [card] = methods.as_slice() else { panic!("{methods:?}") };
    let registration = auth::registration(
        &settings(),
        &Authentication {
            number: &number("REG-1"),
            order_number: &OrderNumber::new("GDS30004").unwrap(),
            customer_key: &customer_key(),
            virtual_number: &card.virtual_number,
            type_code: card.type_code.as_deref().unwrap(),
            detail_code: card.detail_code.as_deref().unwrap(),
            return_url: &return_url(),
            parameter: Some("매장 2"),
        },
    );
    let page = http.call(&registration.unwrap(), CallLimits::default()).unwrap();
    assert!(page.as_str().starts_with(&format!("{}/window/", van.base_url())), "{page:?}");
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

#[test]
fn a_customer_is_registered() {
    let van = Van::start(VanConfig::default()).unwrap();
    let customer = Customer {
        number: &number("REQ-1"),
        user_id: "user-1",
        mail: "user@shop.example",
        certification: &Certification::None,
        return_url: &return_url(),
        parameter: None,
    };
    let registration = UserRegistration::new(&settings(), &customer).unwrap();
    let window = http(&van).call(&registration, CallLimits::default()).unwrap();
    assert_eq!(window.signed_up, Some(false));
    assert!(!window.register_id.is_empty() && window.page.as_str().starts_with(&van.base_url()));
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

#[test]
fn a_refused_authorisation_is_unclear() {
    let easytalk = EasyTalkSettings { basic_authorization: true, ..EasyTalkSettings::default() };
    let van = Van::start(VanConfig { easytalk, ..VanConfig::default() }).unwrap();
    let error = http(&van).call(&order(&number("REG-1")), CallLimits::default()).unwrap_err();
    assert_eq!(error, CallError::Unclear(Unclear::Status(401)));
}

#[test]
fn what_was_not_sent_says_so() {
    let van = Van::start(VanConfig::default()).unwrap();
    let refusing = Http::new(HttpSettings::new(format!("http://{}", van.refusing_addr()))).unwrap();
    let order = order(&number("REG-1"));
    let error = refusing.call(&order, CallLimits::default()).unwrap_err();
    assert_eq!(error, CallError::NotSent(NotSent::Connect));
    let too_late = CallLimits { send_within: Duration::ZERO, ..QUICK };
    let error = http(&van).call(&order, too_late).unwrap_err();
    assert!(matches!(error, CallError::NotSent(_)), "{error:?}");
    assert!(error.to_string().starts_with("not sent, because "), "{error}");
    assert_eq!(van.counts().registrations, 0);
}

#[test]
fn an_answer_that_does_not_come_is_waited_for_once() {
    let server = Server::start(|mut peer| {
        peer.request();
        std::thread::sleep(Duration::from_secs(3));
    });
    let began = Instant::now();
    let limits = CallLimits { answer_within: Duration::from_millis(300), ..QUICK };
    let error = to(&server).call(&order(&number("REG-1")), limits).unwrap_err();
    took(began, 300, 1500);
    assert_eq!(error, CallError::NoAnswer(MaybeSent::Timeout));
    assert_eq!(error.to_string(), "no answer in time; this call moved no money");
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_broken_answer_brings_no_window() {
    let http = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let foreign = r#"{"resCd":"0000","shopTransactionId":"REG-2","authPageUrl":"https://kicc.example/w"}"#;
    let elsewhere = r#"{"resCd":"0000","shopTransactionId":"REG-1","authPageUrl":"http://kicc.example/w"}"#;
    for (answer, error) in [
        (String::new(), CallError::NoAnswer(MaybeSent::Reset)),
        (http(foreign).trim_end_matches('}').to_owned(), CallError::NoAnswer(MaybeSent::Truncated)),
        ("garbage\r\n\r\n".to_owned(), CallError::NoAnswer(MaybeSent::Protocol)),
        (http("<html>"), CallError::Unclear(Unclear::NotJson)),
        (
            "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned(),
            CallError::Unclear(Unclear::Status(503)),
        ),
        (http("{}"), CallError::Unclear(Unclear::NoCode)),
        (http(foreign), CallError::Unclear(Unclear::ForeignEcho("shopTransactionId".into()))),
        (http(elsewhere), CallError::Unclear(Unclear::Damaged("authPageUrl".into()))),
    ] {
        let server = Server::answering(answer.clone());
        assert_eq!(to(&server).call(&order(&number("REG-1")), QUICK), Err(error.clone()), "{answer}");
        assert!(error.to_string().ends_with("; this call moved no money"), "{error}");
    }
}
