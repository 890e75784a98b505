//! A merchant of both products, as the simulated VAN knows it.

use std::sync::Arc;

use kicc_hyper::Client;
use kicc_hyper::client::{Error, Keys, Progress, Signing, Terminal};
use kicc_proto::{
    easytalk,
    flow::Policy,
    product::Merchant,
    simple,
    values::{
        Amount, BusinessNumber, CertControlNumber, ChannelId, Environment, OrderNumber, Parts, Secret,
        ServiceId, TerminalId, TokenKey, TransactionNumber, VanTerminalId, Won,
    },
    wire::sign::HmacSha256,
};

/// Its two terminals.
pub fn terminals() -> [Terminal; 2] {
    let environment = Environment::new("test").unwrap();
    let signer = HmacSha256::new(&Secret::from_utf8("sandbox-secret-key"));
    let easytalk = easytalk::Merchant {
        environment: environment.clone(),
        van_terminal_id: VanTerminalId::new("T5102001").unwrap(),
    };
    let simple = simple::Merchant {
        environment,
        terminal_id: TerminalId::new("T123456789").unwrap(),
        service_id: ServiceId::new("SVC_SIMPLE").unwrap(),
        business_number: BusinessNumber::new("1234567890").unwrap(),
    };
    let signing = Signing { channel_id: ChannelId::new("CH_A1B2C3D4").unwrap(), signer: Arc::new(signer) };
    [
        Terminal { merchant: Merchant::EasyTalk(easytalk), keys: Keys::None },
        Terminal { merchant: Merchant::Simple(simple), keys: Keys::Signing(signing) },
    ]
}

/// With the simulated VAN's status query.
pub fn policy() -> Policy {
    let codes = ["7010", "7011"].map(|code| code.parse().unwrap());
    let status =
        easytalk::StatusQuery::new("/appcardpay/v1/tradeStatus.do", "transactionDate", &codes[..1]).unwrap();
    let settings = easytalk::Settings::with_status_query(status).duplicate_codes(&codes[1..]).unwrap();
    let mut policy = Policy::default();
    policy.products.easytalk = Some(settings);
    policy
}

/// An order of 1,000 won; every other one is of Simple Payment.
pub async fn approve(client: &Client, serial: usize) -> Result<Progress, Error> {
    let number = TransactionNumber::new(&number(serial)).unwrap();
    let amount = Amount::new(Won(1000), Parts::default()).unwrap();
    if serial.is_multiple_of(2) {
        let order_number = OrderNumber::new(number.as_str()).unwrap();
        let authorisation = CertControlNumber::new(&format!("W1000-{number}")).unwrap();
        client.approve(&easytalk::Order::new(number, order_number, amount, authorisation)).await
    } else {
        let token_key = TokenKey::new(&format!("TK{number}")).unwrap();
        client.approve(&simple::Order::new(number, amount, token_key)).await
    }
}

/// Its number.
pub fn number(serial: usize) -> String {
    format!("N{serial:06}")
}
