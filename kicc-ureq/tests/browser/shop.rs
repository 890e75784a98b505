//! A shop that sells both products over one client, the VAN it sells through, and its `returnUrl`.

use std::sync::Arc;

use kicc_proto::{
    easytalk,
    flow::{Outcome, Policy},
    product::{Merchant, Order},
    values::*,
    wire::sign::HmacSha256,
};
use kicc_testkit::{
    memory::MemoryJournal,
    van::{Charset, TokenCipher, Van, VanConfig},
};
use kicc_ureq::{
    Client, Progress,
    client::{Keys, Signing, Terminal},
    http::{Http, HttpSettings},
};

use crate::{
    return_url::{self, Arrived},
    sale,
};

pub struct Shop {
    pub van: Van,
    pub http: Http,
    client: Client,
    return_url: return_url::ReturnUrl,
}

impl Shop {
    /// The VAN believes what its windows gave, and nothing else.
    pub fn new(window_charset: Charset) -> Self {
        let token_key = Some(TokenCipher::new(sale::TOKEN_KEY, sale::TOKEN_IV));
        let config = VanConfig { window_charset, token_key, magic: false, ..VanConfig::default() };
        let van = Van::start(config).unwrap();
        let http = Http::new(HttpSettings::new(van.base_url())).unwrap();
        let mut policy = Policy::default();
        policy.products.easytalk = Some(easytalk::Settings::without_status_query());
        let client = Client::builder(http.clone(), Arc::new(MemoryJournal::new()))
            .policy(policy)
            .terminal(Terminal { merchant: Merchant::EasyTalk(sale::easytalk()), keys: Keys::None })
            .terminal(Terminal { merchant: Merchant::Simple(sale::simple()), keys: Keys::Signing(signing()) })
            .build()
            .unwrap();
        Shop { van, http, client, return_url: return_url::ReturnUrl::listen() }
    }

    pub fn return_url(&self) -> ReturnUrl {
        ReturnUrl::for_tests(&self.return_url.address).unwrap()
    }

    /// The next post at `returnUrl`.
    pub fn arrived(&self) -> Arrived {
        self.return_url.next()
    }

    pub fn approve(&self, order: &impl Order) -> Outcome {
        match self.client.approve(order).unwrap() {
            Progress::Settled(settled) => settled.outcome().unwrap().clone(),
            Progress::Open(open) => panic!("still open: {open:?}"),
        }
    }

    pub fn assert_nothing_approved(&self) {
        let ledger = self.van.ledger();
        assert_eq!((ledger.entries.len(), ledger.violations), (0, Vec::new()));
        assert_eq!(self.van.counts().approvals, 0);
    }
}

pub fn signer() -> HmacSha256 {
    HmacSha256::new(&Secret::from_utf8("sandbox-secret-key"))
}

fn signing() -> Signing {
    Signing { channel_id: ChannelId::new("CH_A1B2C3D4").unwrap(), signer: Arc::new(signer()) }
}
