//! A merchant of any product, a journal in memory, clocks that stand still unless moved, and what a gateway says.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use encoding_rs::{EUC_KR, Encoding, UTF_8, UTF_16LE};
use kicc_proto::{
    codes::{CodeSets, Codes, ResultCode},
    easytalk,
    flow::{Driver, InFlight, Opening, Policy, Step, Transmit, resume, table::Verb},
    iamport,
    journal::{
        Expect, Key, Kind, Row, Written,
        record::{Pending, Record},
    },
    product::{Credentials, Merchant, Order, Product},
    simple,
    time::{Millis, Mono, Now},
    values::{
        Amount, BusinessNumber, CertControlNumber, ChannelId, Environment, KstDateTime, OrderNumber, Parts,
        ServiceId, TerminalId, TokenKey, TransactionNumber, UserData, VanTerminalId, Won,
    },
    wire::{
        Reply, RequestBuffer,
        sign::{Nonce, Sign, SignError},
    },
};

pub const NUMBER: &str = "ORD-1";
pub const ORDER_NUMBER: &str = "GDS30004";
/// In won, of every order.
pub const TOTAL: u64 = 51_004;
pub const NOTHING: &str = "7001";
pub const ALREADY: &str = "7002";
pub const DUPLICATE: &str = "7100";
pub const UNKNOWN: &str = "7200";
pub const NOT_FOUND: &str = "7404";
/// A listed refusal of an issuer (spec C.3).
pub const DECLINED: &str = "8521";
pub const UNLISTED: &str = "9999";
pub const TOKEN_KEY: &str = "TOKEN_ABC123XYZ";
/// i'mport's.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";
pub const CUSTOMER: &str = "customer-1";
/// i'mport's ids of the order's payments.
pub const IMP_UIDS: [&str; 2] = ["imp_000000000001", "imp_000000000002"];

/// How an answer may be labelled: status, content type, and the charset that this means where one is read.
pub const HEADS: [(u16, Option<&str>, Option<&Encoding>); 10] = [
    (200, None, None),
    (200, Some("application/json; charset=utf-8"), Some(UTF_8)),
    (200, Some("application/json;charset=EUC-KR"), Some(EUC_KR)),
    (200, Some("text/html; x=1; charset=\"utf-16le\""), Some(UTF_16LE)),
    (200, Some("application/json; charset=no-such"), None),
    (500, Some("application/json; charset=utf-8"), Some(UTF_8)),
    (302, None, None),
    (201, None, None),
    (404, Some("application/json; charset=utf-8"), Some(UTF_8)),
    (401, Some("application/json; charset=utf-8"), Some(UTF_8)),
];

pub struct Shop {
    pub rows: BTreeMap<Key, Row>,
    pub now: Now,
    pub driver: Driver,
    pub merchant: Merchant,
    pub order: Box<dyn Order>,
    buffer: RequestBuffer,
    drawn: u8,
}

/// A message that left.
pub struct Sent {
    pub verb: Verb,
    pub path: String,
    pub body: String,
}

struct Signer;

impl Sign for Signer {
    fn sign(&self, _: &[&[u8]]) -> Result<[u8; 32], SignError> {
        Ok([7; 32])
    }
}

pub fn number(text: &str) -> TransactionNumber {
    TransactionNumber::new(text).unwrap()
}

pub fn amount() -> Amount {
    Amount::new(Won(TOTAL), Parts { vat: Won(4_636), ..Parts::default() }).unwrap()
}

pub fn order(product: Product) -> Box<dyn Order> {
    match product {
        Product::Simple => Box::new(
            simple::Order::new(number(NUMBER), amount(), TokenKey::new(TOKEN_KEY).unwrap())
                .user_data(UserData::new("User_001").unwrap()),
        ),
        Product::EasyTalk => Box::new(easytalk::Order::new(
            number(NUMBER),
            OrderNumber::new(ORDER_NUMBER).unwrap(),
            amount(),
            CertControlNumber::new("CERT_1").unwrap(),
        )),
        Product::Iamport => {
            let customer = iamport::CustomerUid::new(CUSTOMER).unwrap();
            Box::new(iamport::Charge::new(number(NUMBER), customer, iamport_amount(), "goods").unwrap())
        }
    }
}

/// The same, paid in i'mport's window.
pub fn window_payment() -> Box<dyn Order> {
    let imp_uid = iamport::ImpUid::new(IMP_UIDS[0]).unwrap();
    Box::new(iamport::WindowPayment::new(number(NUMBER), imp_uid, iamport_amount()).unwrap())
}

fn iamport_amount() -> Amount {
    Amount::new(Won(TOTAL), Parts::default()).unwrap()
}

pub fn simple_merchant() -> simple::Merchant {
    simple::Merchant {
        environment: Environment::new("test").unwrap(),
        terminal_id: TerminalId::new("T123456789").unwrap(),
        service_id: ServiceId::new("SVC_SIMPLE").unwrap(),
        business_number: BusinessNumber::new("1234567890").unwrap(),
    }
}

pub fn easytalk_merchant() -> easytalk::Merchant {
    easytalk::Merchant {
        environment: Environment::new("test").unwrap(),
        van_terminal_id: VanTerminalId::new("T5102001").unwrap(),
    }
}

pub fn iamport_merchant() -> iamport::Merchant {
    iamport::Merchant {
        environment: Environment::new("test").unwrap(),
        store: iamport::StoreCode::new("imp12345678").unwrap(),
        tier: None,
    }
}

pub fn easytalk_settings() -> easytalk::Settings {
    let not_found = [ResultCode::new(NOT_FOUND).unwrap()];
    let query = easytalk::StatusQuery::new("/status.do", "transactionDate", &not_found).unwrap();
    easytalk::Settings::with_status_query(query)
}

/// Made once: it is the same for all, and takes longer than a message.
static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| Arc::new(policy(iamport::OnFoundPaid::Cancel)));

static ADOPTING: LazyLock<Arc<Policy>> = LazyLock::new(|| Arc::new(policy(iamport::OnFoundPaid::Adopt)));

fn policy(on_found_paid: iamport::OnFoundPaid) -> Policy {
    let set = |text: &str| vec![ResultCode::new(text).unwrap()];
    let mut policy = Policy::default();
    policy.codes = Codes::new(CodeSets {
        nothing_to_void: set(NOTHING),
        already_voided: set(ALREADY),
        duplicate: set(DUPLICATE),
        unknown: set(UNKNOWN),
        refusals: Vec::new(),
    })
    .unwrap();
    policy.rescue_attempts = 12;
    policy.products.easytalk = Some(easytalk_settings());
    let mut settings = iamport::Settings::live();
    settings.on_found_paid = on_found_paid;
    policy.with_iamport(settings)
}

/// A moment in Korea, as the start of the monotonic clock.
pub fn in_korea(text: &str) -> Now {
    Now { mono: Mono(1_000_000), wall: KstDateTime::new(text).unwrap().to_unix() }
}

impl Shop {
    pub fn new(product: Product) -> Self {
        let merchant = match product {
            Product::Simple => Merchant::Simple(simple_merchant()),
            Product::EasyTalk => Merchant::EasyTalk(easytalk_merchant()),
            Product::Iamport => Merchant::Iamport(iamport_merchant()),
        };
        Shop {
            rows: BTreeMap::new(),
            now: in_korea("20261121120000"),
            driver: Driver { policy: Arc::clone(&POLICY), holder: "one".into(), accept_step: true },
            merchant,
            order: order(product),
            buffer: RequestBuffer::new(),
            drawn: 0,
        }
    }

    /// What i'mport's look-up finds paid is put to the accept step.
    pub fn adopt(&mut self) {
        self.driver.policy = Arc::clone(&ADOPTING);
    }

    pub fn key(&self) -> Key {
        self.merchant.key(number(NUMBER))
    }

    pub fn later(&mut self, millis: u64) {
        self.now = Now { mono: self.now.mono + Millis(millis), wall: self.now.wall + Millis(millis) };
    }

    pub fn open(&mut self) -> Step {
        let attempt = self.draw();
        let opening = Opening { merchant: &self.merchant, driver: &self.driver, attempt };
        Step::Persist(self.order.open(&opening, self.now).unwrap())
    }

    /// The refund of an approval, where there is one.
    pub fn refund(&mut self, original: &Record) -> Option<Step> {
        let attempt = self.draw();
        let opening = Opening { merchant: &self.merchant, driver: &self.driver, attempt };
        kicc_proto::flow::refund(original, 0, &opening, self.now).ok().map(Step::Persist)
    }

    fn draw(&mut self) -> [u8; 16] {
        self.drawn = self.drawn.wrapping_add(1);
        [self.drawn; 16]
    }

    /// The journal's contract, in short.
    pub fn store(&mut self, row: Row, expect: Expect) -> Written {
        let stored = self.rows.get(&row.key);
        match (expect, stored) {
            (Expect::Absent, None) => {
                let rival = self.rows.values().find(|other| {
                    other.live
                        && row.kind == Kind::Refund
                        && other.kind == row.kind
                        && other.original == row.original
                });
                if let Some(rival) = rival {
                    return Written::AlreadyRefunding(Box::new(rival.clone()));
                }
            }
            (Expect::Revision(revision), Some(stored))
                if stored.revision == revision && stored.token == row.token => {}
            (_, stored) => return Written::Conflict(Box::new(stored.expect("a row is never gone").clone())),
        }
        self.rows.insert(row.key.clone(), row);
        Written::Stored
    }

    /// Whether the journal says that this worker still has the row (R20).
    pub fn holds(&self, transmit: &Transmit) -> bool {
        self.rows.get(transmit.key()).is_some_and(|row| row.token == transmit.token())
    }

    /// Encodes a message; R1: exactly this message must be written down.
    #[allow(clippy::result_large_err, reason = "the error is the next step, as in `Transmit::encode`")]
    pub fn encode(&mut self, transmit: Transmit) -> Result<(Sent, InFlight), Step> {
        let (verb, key, token) = (transmit.verb(), transmit.key().clone(), transmit.token());
        self.drawn = self.drawn.wrapping_add(1);
        let channel = ChannelId::new("CH_A1B2C3D4").unwrap();
        let access = iamport::AccessToken::new(TOKEN).unwrap();
        let credentials = match self.merchant {
            Merchant::Simple(_) => Credentials::Signature { channel_id: &channel, signer: &Signer },
            Merchant::EasyTalk(_) => Credentials::None,
            Merchant::Iamport(_) => Credentials::Token(&access),
        };
        let nonce = Nonce([self.drawn; 16]);
        let (request, in_flight) = transmit.encode(credentials, nonce, self.now, &mut self.buffer)?;
        let row = &self.rows[&key];
        if row.token == token {
            let record = Record::of_row(row).unwrap();
            assert_eq!(record.pending, Pending::Message(verb), "R1: sent without a record");
        }
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        let path = request.path().to_owned();
        Ok((Sent { verb, path, body }, in_flight))
    }

    /// Another process takes a row and goes on.
    pub fn resume(&mut self, key: &Key) -> Step {
        let row = self.claim(key);
        resume(row, &self.merchant, &self.driver, self.now).unwrap()
    }

    pub fn claim(&mut self, key: &Key) -> Row {
        let lease_until = self.now.wall + self.driver.policy.lease;
        let row = self.rows.get_mut(key).expect("a row to claim");
        row.token += 1;
        row.holder = format!("holder-{}", row.token).into();
        row.lease_until = lease_until;
        row.clone()
    }

    /// The first message of that kind under way, whatever had to come before it.
    pub fn under_way(&mut self, verb: Verb) -> InFlight {
        let mut step = self.open();
        loop {
            step = match step {
                Step::Persist(persist) => {
                    let written = self.store(persist.row(), persist.expect());
                    persist.written(Ok(written), self.now)
                }
                Step::Transmit(transmit) => {
                    let (sent, in_flight) = self.encode(transmit).expect("in time");
                    if sent.verb == verb {
                        return in_flight;
                    }
                    let good = approved(self.merchant.product());
                    match verb {
                        Verb::Cancel => {
                            let reply = Reply { status: 200, content_type: None, body: good.as_bytes() };
                            in_flight.reply(reply, self.now)
                        }
                        _ => in_flight.lost(self.now),
                    }
                }
                Step::Settle(settle) => settle.refuse(self.now),
                Step::Wait(wait) => {
                    self.later(wait.until(0, self.now).0.saturating_sub(self.now.mono.0));
                    wait.wake(self.now)
                }
                other => panic!("{other:?}"),
            };
        }
    }
}

/// A success of the approval; of EasyTalkPay, also the query's answer that shows it.
pub fn approved(product: Product) -> String {
    match product {
        Product::Simple => with_code(
            product,
            "0000",
            r#","trxAmt":51004,"issFmNm":"KB","aprvNo":"12345678","aprvDt":"20261121","vanTrxNo":"V12345678901","cardConfirmNo":"1234-56**-****-1234""#,
        ),
        Product::EasyTalk => with_code(
            product,
            "0000",
            r#","shopOrderNo":"GDS30004","controlNo":"20261121000000000001","amount":51004,"transactionDate":"20261121120001","paymentInfo":{"authNo":"00017177"}"#,
        ),
        Product::Iamport => with_code(product, "0", &payment(IMP_UIDS[0], "paid", TOTAL, 0)),
    }
}

/// A success of a net-cancel or cancel that voided something; of EasyTalkPay, also the query's answer that shows it.
pub fn voided(product: Product) -> String {
    match product {
        Product::Simple => with_code(product, "0000", r#","cardConfirmNo":"1234-56**-****-1234""#),
        Product::EasyTalk => {
            with_code(product, "0000", r#","cancelControlNo":"20261121000000000002","amount":51004"#)
        }
        Product::Iamport => with_code(product, "0", &payment(IMP_UIDS[0], "cancelled", TOTAL, TOTAL)),
    }
}

/// i'mport's payment of the order.
pub fn payment(imp_uid: &str, status: &str, amount: u64, cancelled: u64) -> String {
    format!(
        r#"{{"imp_uid":"{imp_uid}","merchant_uid":"{NUMBER}","amount":{amount},"cancel_amount":{cancelled},"currency":"KRW","status":"{status}","sandbox":false,"card_number":"1234-56**-****-1234"}}"#
    )
}

/// i'mport's answer to a look-up of the order's number.
pub fn listed(payments: &[String]) -> String {
    let (total, list) = (payments.len(), payments.join(","));
    let page = format!(r#"{{"total":{total},"previous":0,"next":0,"list":[{list}]}}"#);
    with_code(Product::Iamport, "0", &page)
}

/// An answer with that code and both echoes, and more fields with a comma before each; of i'mport, with that
/// response, or none.
pub fn with_code(product: Product, code: &str, more: &str) -> String {
    match product {
        Product::Simple => format!(
            r#"{{"respCd":"{code}","respMsg":"text","tid":"T123456789","mercTrxNo":"{NUMBER}"{more}}}"#
        ),
        Product::EasyTalk => format!(
            r#"{{"resCd":"{code}","resMsg":"text","shopTransactionId":"{NUMBER}","vanTid":"T5102001"{more}}}"#
        ),
        Product::Iamport => {
            let response = if more.is_empty() { "null" } else { more };
            format!(r#"{{"code":{code},"message":"text","response":{response}}}"#)
        }
    }
}

/// One of so many, by a byte of the input: a digit is itself.
pub fn nth(byte: u8, count: usize) -> usize {
    usize::from(byte.wrapping_sub(b'0')) % count
}
