//! One sale of each product, from its registration to the order that is approved.

use kicc_proto::{
    easytalk::{self, register::Purchase},
    product::Order,
    simple::{
        self,
        auth::{self, Authentication, Certification, Customer, PaymentMethods, UserRegistration, UserWindow},
    },
    values::*,
    wire::{
        post::{Post, PostError, Posted},
        token_key::{Aes256Cbc, Output},
    },
};
use kicc_ureq::{client::Clock, http::CallLimits};

use crate::shop::{Shop, signer};

/// Of the token key's cipher (spec A.4).
pub const TOKEN_KEY: [u8; 32] = [7; 32];
pub const TOKEN_IV: [u8; 16] = [9; 16];

/// A registered order whose window is open.
pub trait Sale: Sized {
    /// What the window gives to a shop whose customer has authenticated.
    type Authorisation;
    /// What is paid.
    const WON: Won;
    /// The field by which the window's post is known as ours.
    const ID: &'static str;
    /// The field that bears the authorisation.
    const AUTHORISATION: &'static str;
    /// The `pay` button in Korean and English.
    const PAY: [&'static str; 2];

    fn register(shop: &Shop) -> (Self, PageUrl);
    fn read(&self, post: Post<'_>) -> Result<Posted<Self::Authorisation>, PostError>;
    fn order(&self, number: &str, authorisation: Self::Authorisation) -> impl Order;
}

pub struct EasyTalk {
    order_number: OrderNumber,
}

impl Sale for EasyTalk {
    type Authorisation = CertControlNumber;
    const WON: Won = Won(47_000);
    const ID: &'static str = "shopOrderNo";
    const AUTHORISATION: &'static str = "certControlNo";
    const PAY: [&'static str; 2] = ["결제하기", "Pay"];

    fn register(shop: &Shop) -> (Self, PageUrl) {
        let order_number = order_number();
        let purchase = Purchase {
            number: &number("REG-1"),
            order_number: &order_number,
            total: Self::WON,
            tax: Won(4_700),
            product_name: "5월 수강료 ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            merchant_name: "엘리트 수학",
            business_number: &business_number(),
            return_url: &shop.return_url(),
            complete_url: None,
            notice: Some("수강 시작 후에는 환불 규정에 따라 일부만 환불됩니다."),
        };
        let settings = easytalk::Settings::without_status_query();
        let now = Clock::new().now();
        let registration = easytalk::register::registration(&easytalk(), &settings, &purchase, now).unwrap();
        let page = shop.http.call(&registration, CallLimits::default()).unwrap();
        (EasyTalk { order_number }, page)
    }

    fn read(&self, post: Post<'_>) -> Result<Posted<CertControlNumber>, PostError> {
        easytalk::window::read(post, &self.order_number)
    }

    fn order(&self, number: &str, authorisation: CertControlNumber) -> impl Order {
        let amount = Amount::new(Self::WON, Parts::default()).unwrap();
        easytalk::Order::new(self::number(number), self.order_number.clone(), amount, authorisation)
    }
}

pub struct Simple {
    number: TransactionNumber,
    order_number: OrderNumber,
}

impl Sale for Simple {
    type Authorisation = AuthorizationId;
    const WON: Won = Won(10_000);
    const ID: &'static str = "shopTransactionId";
    const AUTHORISATION: &'static str = "authorizationId";
    const PAY: [&'static str; 2] = ["인증하기", "Authenticate"];

    fn register(shop: &Shop) -> (Self, PageUrl) {
        let customer_key = auth::CustomerKey::new("CK-1").unwrap();
        let methods = PaymentMethods::new(&settings(), &customer_key, None).unwrap();
        let methods = shop.http.call(&methods, CallLimits::default()).unwrap();
        let card = methods.iter().find(|method| method.type_code.as_deref() == Some("11")).unwrap();
        let sale = Simple { number: number("REG-1"), order_number: order_number() };
        let authentication = Authentication {
            number: &sale.number,
            order_number: &sale.order_number,
            customer_key: &customer_key,
            virtual_number: &card.virtual_number,
            type_code: card.type_code.as_deref().unwrap(),
            detail_code: card.detail_code.as_deref().unwrap(),
            return_url: &shop.return_url(),
            parameter: Some("매장 2"),
        };
        let registration = auth::registration(&settings(), &authentication).unwrap();
        let page = shop.http.call(&registration, CallLimits::default()).unwrap();
        (sale, page)
    }

    fn read(&self, post: Post<'_>) -> Result<Posted<AuthorizationId>, PostError> {
        auth::read_window(post, &self.number, &self.order_number)
    }

    fn order(&self, number: &str, authorisation: AuthorizationId) -> impl Order {
        let amount = Amount::new(Self::WON, Parts::default()).unwrap();
        let [key, iv] = [&TOKEN_KEY[..], &TOKEN_IV].map(Secret::new);
        let cipher = Aes256Cbc::new(&key, &iv, Output::Hex).unwrap();
        simple::Order::authorised(self::number(number), amount, &authorisation, &cipher, &signer()).unwrap()
    }
}

/// The registration of a customer, and its number.
pub fn register_user(shop: &Shop) -> (TransactionNumber, UserWindow) {
    let number = number("REQ-1");
    let customer = Customer {
        number: &number,
        user_id: "user-1",
        mail: "user@shop.example",
        certification: &Certification::None,
        return_url: &shop.return_url(),
        parameter: None,
    };
    let registration = UserRegistration::new(&settings(), &customer).unwrap();
    let window = shop.http.call(&registration, CallLimits::default()).unwrap();
    (number, window)
}

pub fn easytalk() -> easytalk::Merchant {
    easytalk::Merchant {
        environment: Environment::new("test").unwrap(),
        van_terminal_id: VanTerminalId::new("T5102001").unwrap(),
    }
}

pub fn simple() -> simple::Merchant {
    simple::Merchant {
        environment: Environment::new("test").unwrap(),
        terminal_id: TerminalId::new("T123456789").unwrap(),
        service_id: service_id(),
        business_number: business_number(),
    }
}

fn settings() -> auth::Settings {
    auth::Settings::new(service_id())
}

fn service_id() -> ServiceId {
    ServiceId::new("SVC_SIMPLE").unwrap()
}

fn business_number() -> BusinessNumber {
    BusinessNumber::new("1178119949").unwrap()
}

fn number(text: &str) -> TransactionNumber {
    TransactionNumber::new(text).unwrap()
}

fn order_number() -> OrderNumber {
    OrderNumber::new("GDS30004").unwrap()
}
