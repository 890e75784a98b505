//! What every client must do, as cases that an author runs against an own one: real HTTP against a simulated VAN, and a
//! journal in memory.
//!
//! A client is whatever drives the core. [`cases`] are the calls that a shop embeds, one by one; [`faults`] is every
//! fault of every product to its end, with the trace of steps that led there. Whoever sells only some products runs
//! [`cases_of`] them.

/// Cases of a client that sells these products, under the names of the functions that show them.
macro_rules! cases {
    ($products:expr; $($name:ident),+ $(,)?) => {
        vec![$($crate::client_kit::Case { name: stringify!($name), products: $products, run: $name }),+]
    };
}

mod calls;
pub mod faults;
mod iamport;
mod iamport_part;

use std::{sync::Arc, time::Duration};

use kicc_proto::{
    client::{Answer, BuildError, End, Error, Keys, Open, Question, Signing, Terminal, Told},
    codes::{CodeSets, Codes, ResultCode},
    easytalk,
    flow::{Opening, Outcome, PartialRefund, Persist, Policy, RefundOutcome},
    iamport::{
        ApiKeys, Charge, CustomerUid, ImpUid, Merchant as IamportMerchant, Payment, Settings, StoreCode,
        Verdict, WindowPayment,
        calls::{BillingKey, Prepared},
    },
    journal::WriteError,
    product::{self, Merchant, Product},
    simple::{self, Original},
    time::{Millis, Now},
    values::*,
    wire::sign::HmacSha256,
};

use crate::{
    memory::MemoryJournal,
    van::{Van, VanConfig},
};

/// What makes clients of the kind under test.
pub trait Adapter: Sync {
    /// Makes one, as a process of its own would have it, as far as the journal can tell.
    ///
    /// # Errors
    /// As the client's own builder.
    fn client(&self, setup: Setup) -> Result<Box<dyn Client>, BuildError>;
}

/// What a client is made of.
pub struct Setup {
    /// The gateway.
    pub base_url: String,
    /// The journal that it writes.
    pub journal: MemoryJournal,
    /// Times and choices.
    pub policy: Policy,
    /// Its terminals.
    pub terminals: Vec<Terminal>,
    /// Its accept step, if it has one.
    pub accept: Option<AcceptStep>,
    /// What its books say after a restore, if they are asked.
    pub holds: Option<AcceptStep>,
    /// How long a call stands by.
    pub patience: Option<Duration>,
}

/// A merchant's accept step, or what its books hold; it may panic.
pub type AcceptStep = Arc<dyn Fn(&Question<'_>) -> Answer + Send + Sync>;

/// A client under test, called from many threads at once; an async client blocks on its runtime. Its calls are those of
/// the client itself, under the same names. Dropping it is the end of its process. What one product alone has need not be
/// there where that is not sold.
#[allow(missing_docs, clippy::missing_errors_doc, reason = "they are the client's own")]
#[allow(unused_variables, reason = "the names are for whoever implements it")]
pub trait Client: Send + Sync {
    fn approve(&self, order: &Order) -> Result<Progress, Error>;
    fn approve_at(&self, terminal: &str, order: &Order) -> Result<Progress, Error>;
    fn begin(&self, order: &Order) -> Result<Begun<'_>, Error>;
    fn outcome(&self, number: &TransactionNumber) -> Result<Option<Progress>, Error>;
    fn wait(&self, number: &TransactionNumber, limit: Option<Duration>) -> Result<Progress, Error>;
    fn refund(&self, number: &TransactionNumber) -> Result<Progress, Error>;
    fn recover(&self, tell: &mut (dyn FnMut(&End) -> Told + Send)) -> Result<Report, Error>;
    fn stop(&self);

    /// Simple Payment's.
    fn refund_elsewhere(&self, original: &Original) -> Result<Progress, Error> {
        Err(Error::NoTerminal)
    }
    /// i'mport's; so are those that follow.
    fn refund_part(&self, number: &TransactionNumber, part: &PartialRefund) -> Result<Progress, Error> {
        Err(Error::NoTerminal)
    }
    fn verify(&self, payment: &WindowPayment) -> Result<Verified, Error> {
        Err(Error::NoTerminal)
    }
    /// By `call`; so are those that follow.
    fn payment(&self, imp_uid: &ImpUid) -> Result<Option<Payment>, Error> {
        Err(Error::NoTerminal)
    }
    fn prepare(&self, number: &TransactionNumber, amount: &Amount) -> Result<Prepared, Error> {
        Err(Error::NoTerminal)
    }
    fn prepare_again(&self, number: &TransactionNumber, amount: &Amount) -> Result<Option<Prepared>, Error> {
        Err(Error::NoTerminal)
    }
    fn delete_billing_key(&self, customer: &CustomerUid) -> Result<Option<BillingKey>, Error> {
        Err(Error::NoTerminal)
    }
}

/// Where an attempt or a refund stands.
#[derive(Debug)]
pub enum Progress {
    /// It has ended.
    Settled(Box<dyn Settled>),
    /// It is still open.
    Open(Box<Open>),
}

/// An end, and how to say that it was told.
pub trait Settled: std::fmt::Debug + Send {
    /// The end.
    fn end(&self) -> &End;
    /// It was told (R22).
    ///
    /// # Errors
    /// When the journal did not take it.
    fn told(&self) -> Result<(), WriteError>;
}

/// What `begin` gives back.
pub enum Begun<'c> {
    /// Approved: the caller decides.
    Undecided(Box<dyn Undecided + 'c>),
    /// It did not come to that.
    Progress(Progress),
}

/// What `verify` gives back.
#[derive(Debug)]
pub enum Verified {
    /// Money moved: it was put to the flow.
    Recorded(Progress),
    /// None of the order's stands; nothing was recorded.
    Nothing(Verdict),
    /// There is no such payment.
    NoPayment,
}

/// An approval that waits for the caller's word. Dropped, it waits for recovery.
#[allow(missing_docs, clippy::missing_errors_doc, reason = "they are the client's own")]
pub trait Undecided {
    fn amount(&self) -> Won;
    fn approval_number(&self) -> Option<Box<str>>;
    fn accept(self: Box<Self>) -> Result<Progress, Error>;
    fn refuse(self: Box<Self>) -> Result<Progress, Error>;
}

/// What a run of recovery found.
#[derive(Debug, Default)]
pub struct Report {
    /// Records that were driven to an end.
    pub settled: usize,
    /// Ends of earlier runs that had not been told.
    pub told_again: usize,
    /// Ends that could not be told.
    pub untold: usize,
    /// Records that are still open.
    pub still_open: Vec<Open>,
}

/// One thing that every client must do.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it shows, as a test's name.
    pub name: &'static str,
    /// What a client must sell for that.
    pub products: &'static [Product],
    run: fn(&dyn Adapter),
}

impl Case {
    /// Shows it.
    ///
    /// # Panics
    /// When the client breaks the rule.
    pub fn run(&self, adapter: &dyn Adapter) {
        (self.run)(adapter);
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    [calls::cases(), iamport::cases(), iamport_part::cases()].concat()
}

/// The cases of a client that sells these products alone, and the names of those that it is left out of.
#[must_use]
pub fn cases_of(products: &[Product]) -> (Vec<Case>, Vec<&'static str>) {
    let sells = |case: &Case| case.products.iter().all(|product| products.contains(product));
    let (its, others): (Vec<Case>, Vec<Case>) = cases().into_iter().partition(sells);
    (its, others.iter().map(|case| case.name).collect())
}

/// An order of any product.
#[derive(Debug, Clone)]
pub enum Order {
    /// Simple Payment's.
    Simple(simple::Order),
    /// EasyTalkPay's.
    EasyTalk(easytalk::Order),
    /// i'mport's: a charge of a billing key.
    Iamport(Charge),
}

impl Order {
    /// Of a product, for this sum in won; the number may ask the VAN for a fault.
    ///
    /// # Panics
    /// When the number is none.
    #[must_use]
    pub fn new(product: Product, text: &str, won: u64) -> Self {
        let amount = Amount::new(Won(won), Parts::default()).expect("a sum");
        let goods = format!("GDS-{text}");
        match product {
            Product::Simple => {
                let token_key = TokenKey::new("TOKEN").expect("a token key");
                Order::Simple(simple::Order::new(number(text), amount, token_key))
            }
            Product::EasyTalk => {
                let cert = CertControlNumber::new(&format!("W{won}-{goods}")).expect("a control number");
                let goods = OrderNumber::new(&goods).expect("an order number");
                Order::EasyTalk(easytalk::Order::new(number(text), goods, amount, cert))
            }
            Product::Iamport => {
                let customer = CustomerUid::new("customer-1").expect("a customer's name");
                let charge = Charge::new(number(text), customer, amount, "goods");
                Order::Iamport(charge.expect("a charge"))
            }
        }
    }
}

impl product::Order for Order {
    fn product(&self) -> Product {
        match self {
            Order::Simple(order) => order.product(),
            Order::EasyTalk(order) => order.product(),
            Order::Iamport(order) => order.product(),
        }
    }

    fn number(&self) -> &TransactionNumber {
        match self {
            Order::Simple(order) => order.number(),
            Order::EasyTalk(order) => order.number(),
            Order::Iamport(order) => order.number(),
        }
    }

    fn open(&self, opening: &Opening<'_>, now: Now) -> Result<Persist, Invalid> {
        match self {
            Order::Simple(order) => order.open(opening, now),
            Order::EasyTalk(order) => order.open(opening, now),
            Order::Iamport(order) => order.open(opening, now),
        }
    }
}

/// A transaction number.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn number(text: &str) -> TransactionNumber {
    TransactionNumber::new(text).expect("a transaction number")
}

/// A terminal of Simple Payment, known to every VAN with the default settings.
///
/// # Panics
/// When the id is none.
#[must_use]
pub fn simple_terminal(id: &str) -> Terminal {
    Terminal {
        merchant: Merchant::Simple(simple::Merchant {
            environment: Environment::new("test").expect("an environment"),
            terminal_id: TerminalId::new(id).expect("a terminal id"),
            service_id: ServiceId::new("SVC_SIMPLE").expect("a service id"),
            business_number: BusinessNumber::new("1234567890").expect("a business number"),
        }),
        keys: Keys::Signing(Signing {
            channel_id: ChannelId::new("CH_A1B2C3D4").expect("a channel id"),
            signer: Arc::new(HmacSha256::new(&Secret::from_utf8("sandbox-secret-key"))),
        }),
    }
}

/// A terminal of EasyTalkPay.
///
/// # Panics
/// Never.
#[must_use]
pub fn easytalk_terminal() -> Terminal {
    let merchant = Merchant::EasyTalk(easytalk::Merchant {
        environment: Environment::new("test").expect("an environment"),
        van_terminal_id: VanTerminalId::new("T5102001").expect("a terminal id"),
    });
    Terminal { merchant, keys: Keys::None }
}

/// A terminal of i'mport, known to every VAN with the default settings.
///
/// # Panics
/// Never.
#[must_use]
pub fn iamport_terminal() -> Terminal {
    iamport_terminal_with("sandbox-imp-key")
}

/// The same with another API key, which may ask the VAN for a fault.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn iamport_terminal_with(imp_key: &str) -> Terminal {
    let merchant = Merchant::Iamport(IamportMerchant {
        environment: Environment::new("test").expect("an environment"),
        store: StoreCode::new(&VanConfig::default().iamport.store_id).expect("a store"),
        tier: None,
    });
    let keys = Keys::Api(ApiKeys::new(imp_key, "sandbox-imp-secret").expect("API keys"));
    Terminal { merchant, keys }
}

/// A policy for all products and a VAN with the default codes: an answer may take `answer_timeout` milliseconds, and a
/// late one is booked within `quiet_period`.
///
/// # Panics
/// Never.
#[must_use]
pub fn policy(answer_timeout: u64, quiet_period: u64) -> Policy {
    let code = |text: &str| ResultCode::new(text).expect("a code");
    let mut policy = Policy::default();
    policy.answer_timeout = Millis(answer_timeout);
    policy.quiet_period = Millis(quiet_period);
    policy.backoff_first = Millis(20);
    policy.backoff_cap = Millis(100);
    policy.rescue_attempts = 8;
    let duplicate = vec![code(&VanConfig::default().duplicate_code)];
    policy.codes = Codes::new(CodeSets { duplicate, ..CodeSets::default() }).expect("codes");
    let status = VanConfig::default().easytalk;
    let not_found = [code(&status.not_found_code)];
    let query = easytalk::StatusQuery::new(&status.status_path, &status.status_date_field, &not_found);
    policy.products.easytalk = Some(easytalk::Settings::with_status_query(query.expect("a status query")));
    let mut iamport = Settings::test();
    iamport.sees_sandbox = true;
    iamport.answer_timeout = policy.answer_timeout;
    iamport.quiet_period = policy.quiet_period;
    policy.products.iamport = Some(iamport);
    policy
}

/// A VAN, and a journal that all its clients share.
struct Shop<'a> {
    adapter: &'a dyn Adapter,
    van: Van,
    journal: MemoryJournal,
}

impl<'a> Shop<'a> {
    fn new(adapter: &'a dyn Adapter) -> Self {
        let (hang, late) = (Duration::from_secs(2), Duration::from_millis(50));
        let van = Van::start(VanConfig { hang, late, ..VanConfig::default() }).expect("loopback");
        Shop { adapter, van, journal: MemoryJournal::new() }
    }

    fn client(&self) -> Box<dyn Client> {
        self.client_with(|_| {})
    }

    fn client_with(&self, change: impl FnOnce(&mut Setup)) -> Box<dyn Client> {
        let mut setup = self.setup();
        change(&mut setup);
        self.adapter.client(setup).expect("a sound setup")
    }

    fn setup(&self) -> Setup {
        let mut policy = policy(400, 300);
        policy.rescue_attempts = 4;
        Setup {
            base_url: self.van.base_url(),
            journal: self.journal.another(),
            policy,
            terminals: vec![simple_terminal("T123456789")],
            accept: None,
            holds: None,
            patience: None,
        }
    }

    fn approvals(&self, number: &str) -> u32 {
        self.van.ledger().approvals(number)
    }

    fn standing(&self, number: &str) -> bool {
        self.van.ledger().standing(number)
    }
}

/// The end, which counts as told from here on.
#[track_caller]
fn settled(progress: Result<Progress, Error>) -> Box<dyn Settled> {
    match progress.expect("it was taken") {
        Progress::Settled(settled) => {
            settled.told().expect("the journal takes it");
            settled
        }
        Progress::Open(open) => panic!("still open: {open:?}"),
    }
}

#[track_caller]
fn outcome(progress: Result<Progress, Error>) -> Outcome {
    settled(progress).end().outcome().expect("an approval's end").clone()
}

#[track_caller]
fn refunded(progress: Result<Progress, Error>) -> RefundOutcome {
    settled(progress).end().refund_outcome().expect("a refund's end").clone()
}

#[track_caller]
fn still_open(progress: Result<Progress, Error>) -> Open {
    match progress.expect("it was taken") {
        Progress::Open(open) => *open,
        Progress::Settled(settled) => panic!("not open: {settled:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sells_one_product_is_told_what_it_is_left_out_of() {
        let (its, left_out) = cases_of(&[Product::Simple]);
        assert!(its.iter().any(|case| case.name == "r3_a_known_number_gives_what_is_known"));
        assert!(its.iter().all(|case| case.products == [Product::Simple]));
        assert!(left_out.contains(&"r11_without_a_status_query_unknown_is_for_a_person"));
        assert_eq!(its.len() + left_out.len(), cases().len());
        assert_eq!(cases_of(&Product::ALL).1, [""; 0]);
    }
}
