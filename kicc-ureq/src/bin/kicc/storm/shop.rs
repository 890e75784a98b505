//! The merchant of a storm: its accept step, its book, and its clients.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kicc_proto::{
    easytalk,
    flow::Policy,
    iamport::{self, ApiKeys, StoreCode},
    product::Merchant,
    simple,
    time::Millis,
    values::{
        BusinessNumber, ChannelId, Environment, Invalid, Secret, ServiceId, TerminalId, TransactionNumber,
        VanTerminalId,
    },
    wire::sign::HmacSha256,
};
use kicc_testkit::van::{Van, VanConfig};
use kicc_ureq::{
    Client,
    client::{Answer, Keys, Question, Signing, Terminal},
    http::{Http, HttpSettings},
    journal::SqliteJournal,
};

use super::{
    cases::{Books, Case, Door, NO_TOKEN},
    orders::Order,
};
use crate::exit::Fail;

/// What the accept step says of each number, and what the shop's own book holds.
pub struct Shop {
    says: HashMap<TransactionNumber, Books>,
    held: Mutex<BTreeSet<TransactionNumber>>,
}

impl Shop {
    /// With an empty book.
    pub fn new<'a>(orders: impl IntoIterator<Item = &'a Order>, cases: &[Case]) -> Shop {
        let says = orders.into_iter().map(|order| (order.number.clone(), cases[order.case].books)).collect();
        Shop { says, held: Mutex::default() }
    }

    fn accept(&self, question: &Question<'_>) -> Answer {
        let number = &question.key.number;
        match self.says.get(number) {
            Some(Books::NotHeld) | None => Answer::NotHeld,
            Some(Books::CannotTell) => Answer::CannotTell,
            Some(Books::CannotTellYet) if question.record.rescue.asked < 2 => Answer::CannotTell,
            Some(Books::CannotTellYet | Books::Held) => {
                self.held().insert(number.clone());
                Answer::Held
            }
        }
    }

    /// The numbers in its book.
    pub fn held(&self) -> MutexGuard<'_, BTreeSet<TransactionNumber>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client for each door, with a terminal of each product; they share the journal.
pub struct Clients {
    van: Client,
    /// For what only the horizon ends: it comes sooner.
    hasty: Client,
    refuse: Client,
    no_tls: Client,
    /// By their keys.
    no_token: HashMap<&'static str, Client>,
}

impl Clients {
    /// Of a merchant as the VAN knows it.
    pub fn new(
        van: &Van,
        config: &VanConfig,
        policy: &Policy,
        journal: &Arc<SqliteJournal>,
        shop: &Arc<Shop>,
    ) -> Result<Clients, Fail> {
        let (own_key, secret) = ("sandbox-imp-key", "sandbox-imp-secret");
        let client_of = |imp_key: &str, url: String, policy: &Policy| {
            let shop = Arc::clone(shop);
            Client::builder(Http::new(HttpSettings::new(url)).map_err(Fail::input)?, journal.clone())
                .policy(policy.clone())
                .terminal(simple(config).map_err(Fail::input)?)
                .terminal(easytalk().map_err(Fail::input)?)
                .terminal(iamport(config, imp_key, secret).map_err(Fail::input)?)
                .accept_step(move |question: &Question<'_>| shop.accept(question))
                .build()
                .map_err(Fail::input)
        };
        let client = |url: String, policy: &Policy| client_of(own_key, url, policy);
        let no_token =
            NO_TOKEN.into_iter().map(|(key, _)| Ok((key, client_of(key, van.base_url(), policy)?)));
        let mut hasty = policy.clone();
        hasty.horizon = Millis(6 * policy.quiet_period.0);
        Ok(Clients {
            van: client(van.base_url(), policy)?,
            hasty: client(van.base_url(), &hasty)?,
            refuse: client(format!("http://{}", van.refusing_addr()), policy)?,
            no_tls: client(format!("https://{}", van.addr()), policy)?,
            no_token: no_token.collect::<Result<_, Fail>>()?,
        })
    }

    /// The one for an order that meets this.
    pub fn of(&self, case: &Case) -> &Client {
        match (case.door, case.books) {
            (Door::Van, Books::CannotTell) => &self.hasty,
            (Door::Van, _) => &self.van,
            (Door::Refuse, _) => &self.refuse,
            (Door::NoTls, _) => &self.no_tls,
            (Door::NoToken(key), _) => &self.no_token[key],
        }
    }
}

fn environment() -> Result<Environment, Invalid> {
    Environment::new("storm")
}

fn simple(config: &VanConfig) -> Result<Terminal, Invalid> {
    Ok(Terminal {
        merchant: Merchant::Simple(simple::Merchant {
            environment: environment()?,
            terminal_id: TerminalId::new("T123456789")?,
            service_id: ServiceId::new("SVC_SIMPLE")?,
            business_number: BusinessNumber::new("1234567890")?,
        }),
        keys: Keys::Signing(Signing {
            channel_id: ChannelId::new(&config.channel_id)?,
            signer: Arc::new(HmacSha256::new(&Secret::from_utf8("sandbox-secret-key"))),
        }),
    })
}

fn easytalk() -> Result<Terminal, Invalid> {
    Ok(Terminal {
        merchant: Merchant::EasyTalk(easytalk::Merchant {
            environment: environment()?,
            van_terminal_id: VanTerminalId::new("T5102001")?,
        }),
        keys: Keys::None,
    })
}

fn iamport(config: &VanConfig, imp_key: &str, imp_secret: &str) -> Result<Terminal, Invalid> {
    Ok(Terminal {
        merchant: Merchant::Iamport(iamport::Merchant {
            environment: environment()?,
            store: StoreCode::new(&config.iamport.store_id)?,
            tier: None,
        }),
        keys: Keys::Api(ApiKeys::new(imp_key, imp_secret)?),
    })
}
