//! An approval as the core writes and signs it, for sockets of our own.

use std::sync::Arc;

use kicc_proto::{
    easytalk,
    flow::{Driver, Opening, Policy, Step},
    iamport::{self, AccessToken, ApiKeys, GetToken},
    journal::Written,
    product::{Credentials, Merchant, Order as _},
    simple,
    time::{Mono, Now, UnixMillis},
    values::{
        Amount, BusinessNumber, CertControlNumber, ChannelId, Environment, OrderNumber, Parts, Secret,
        ServiceId, TerminalId, TokenKey, TransactionNumber, VanTerminalId, Won,
    },
    wire::{
        Request, RequestBuffer,
        sign::{HmacSha256, Nonce},
    },
};

use kicc_testkit::van::{Van, faults::Product};
use kicc_ureq::http::{CallLimits, Http, HttpSettings};

use crate::shop::{IMP_KEY, IMP_SECRET, SECRET_KEY};

/// Hands the request of a new approval to `send`. `token` is i'mport's.
pub fn with_approval<T>(
    product: Product,
    number: &str,
    token: &AccessToken,
    send: impl FnOnce(Request<'_>) -> T,
) -> T {
    let environment = Environment::new("test").unwrap();
    let merchant = match product {
        Product::Simple => Merchant::Simple(simple::Merchant {
            environment,
            terminal_id: TerminalId::new("T123456789").unwrap(),
            service_id: ServiceId::new("SVC_SIMPLE").unwrap(),
            business_number: BusinessNumber::new("1234567890").unwrap(),
        }),
        Product::EasyTalk => Merchant::EasyTalk(easytalk::Merchant {
            environment,
            van_terminal_id: VanTerminalId::new("T5102001").unwrap(),
        }),
        Product::Iamport => Merchant::Iamport(iamport::Merchant {
            environment,
            store: iamport::StoreCode::new("imp12345678").unwrap(),
            tier: None,
        }),
    };
    let mut policy = Policy::default();
    policy.products.easytalk = Some(easytalk::Settings::without_status_query());
    let policy = policy.with_iamport(iamport::Settings::test());
    let driver = Driver { policy: Arc::new(policy), holder: "h".into(), accept_step: false };
    let opening = Opening { merchant: &merchant, driver: &driver, attempt: [7; 16] };
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = Now { mono: Mono(0), wall: UnixMillis(u64::try_from(wall.as_millis()).unwrap()) };
    let amount = Amount::new(Won(1000), Parts { vat: Won(90), ..Parts::default() }).unwrap();
    let own = TransactionNumber::new(number).unwrap();
    let persist = match product {
        Product::Simple => simple::Order::new(own, amount, TokenKey::new("TK1").unwrap()).open(&opening, now),
        Product::EasyTalk => {
            let certificate = CertControlNumber::new(&format!("W1000-{number}")).unwrap();
            easytalk::Order::new(own, OrderNumber::new(number).unwrap(), amount, certificate)
                .open(&opening, now)
        }
        Product::Iamport => {
            let amount = Amount::new(Won(1000), Parts::default()).unwrap();
            let customer = iamport::CustomerUid::new("customer-1").unwrap();
            iamport::Charge::new(own, customer, amount, "goods").unwrap().open(&opening, now)
        }
    };
    let Step::Transmit(transmit) = persist.unwrap().written(Ok(Written::Stored), now) else {
        panic!("what is stored may be sent");
    };
    let signer = HmacSha256::new(&Secret::from_utf8(SECRET_KEY));
    let channel_id = ChannelId::new("CH_A1B2C3D4").unwrap();
    let credentials = match product {
        Product::Simple => Credentials::Signature { channel_id: &channel_id, signer: &signer },
        Product::EasyTalk => Credentials::None,
        Product::Iamport => Credentials::Token(token),
    };
    let mut buffer = RequestBuffer::new();
    let (request, _in_flight) = transmit
        .encode(credentials, Nonce([7; 16]), now, &mut buffer)
        .unwrap_or_else(|_| panic!("it is in time"));
    send(request)
}

/// A token of the simulated i'mport's.
pub fn token(van: &Van) -> AccessToken {
    let keys = ApiKeys::new(IMP_KEY, IMP_SECRET).unwrap();
    let http = Http::new(HttpSettings::new(van.base_url())).unwrap();
    http.call(&GetToken(&keys), CallLimits::default()).unwrap().token
}

/// The same as HTTP/1.1 that closes after the answer.
pub fn approval_bytes(product: Product, number: &str, host: &str, token: &AccessToken) -> Vec<u8> {
    with_approval(product, number, token, |request| {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", request.path());
        for (name, value) in request.headers() {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", request.body().len());
        [head.as_bytes(), request.body()].concat()
    })
}
