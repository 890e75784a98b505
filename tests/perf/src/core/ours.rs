//! The core at work: all that these figures use of it, in one place.

use std::{hint::black_box, sync::Arc};

use kicc_proto::{
    codes::ResultCode,
    easytalk,
    flow::{Driver, InFlight, Opening, Persist, Policy, RowBuffer, Step, Transmit, resume},
    iamport::{self, AccessToken},
    journal::{Row, Written, record::Record},
    product::{Credentials, Merchant, Order},
    simple,
    time::{Millis, Mono, Now, UnixMillis},
    values::{
        Amount, BusinessNumber, CertControlNumber, ChannelId, Charset, Environment, OrderNumber, Parts,
        Secret, ServiceId, TerminalId, TokenKey, TransactionNumber, VanTerminalId, Won,
    },
    wire::{
        Failure, MaybeSent, Reply, Request, RequestBuffer,
        sign::{HmacSha256, Nonce},
    },
};

/// The merchant's number of every payment here.
pub const NUMBER: &str = "ORD-20280816-000001";
/// Simple Payment's terminal.
pub const TERMINAL: &str = "T123456789";
/// EasyTalkPay's terminal.
pub const VAN_TERMINAL: &str = "T5102001";
/// The key that signs.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The channel that signs.
pub const CHANNEL: &str = "CH_A1B2C3D4";
/// A token key as the cipher gives it for 40 bytes.
pub const TOKEN_KEY: &str =
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08d8f2c5c1a4e3b7f60918273645546372";
/// 2028-08-16 08:33:20 in Korea.
pub const NOW: Now = Now { mono: Mono(1_000_000), wall: UnixMillis(1_850_000_000_000) };

/// A product's attempt under way, and what the gateway answers in it.
#[derive(Clone)]
pub struct Scene {
    order: Arc<dyn Order>,
    merchant: Merchant,
    driver: Driver,
    credentials: Arc<Keys>,
    /// To each message in turn; `None`: nothing.
    answers: Arc<[Option<Vec<u8>>]>,
    /// Whether the merchant's books hold the approval.
    held: bool,
}

struct Keys {
    channel: ChannelId,
    signer: HmacSha256,
    token: AccessToken,
}

/// What a driver keeps from one attempt to the next.
#[derive(Default)]
pub struct Buffers {
    request: RequestBuffer,
    row: RowBuffer,
    /// How many attempts there were: each has an id of its own.
    attempts: u128,
}

/// A message about to be sent, or sent.
pub enum Stop {
    /// About to be.
    Transmit(Transmit),
    /// Sent.
    InFlight(InFlight),
    /// The end; how many rows were written on the way.
    Done(usize),
}

/// Where a drive stops.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Before this message, counted from 0, is encoded.
    Encoded(usize),
    /// After that.
    Sent(usize),
    /// At the end.
    End,
}

impl Scene {
    /// Simple Payment: approved and held.
    #[must_use]
    pub fn simple(answers: &[Option<&str>], held: bool) -> Self {
        let bytes = |answer: &&str| answer.as_bytes().to_vec();
        Self::of(
            Merchant::Simple(simple_merchant()),
            Arc::new(simple_order(NUMBER)),
            Policy::default(),
            answers.iter().map(|answer| answer.as_ref().map(bytes)).collect(),
            held,
        )
    }

    /// EasyTalkPay, whose answers come in EUC-KR.
    #[must_use]
    pub fn easytalk(answers: &[Option<&str>], held: bool) -> Self {
        let order = easytalk::Order::new(
            number(NUMBER),
            OrderNumber::new("GDS30004").expect("an order number"),
            Amount::new(Won(51_004), Parts::default()).expect("an amount"),
            CertControlNumber::new("20280816083300000001").expect("a control number"),
        );
        let codes = [ResultCode::new("7404").expect("a code")];
        let query = easytalk::StatusQuery::new("/status.do", "transactionDate", &codes).expect("a query");
        let mut policy = Policy::default();
        policy.products.easytalk = Some(easytalk::Settings::with_status_query(query));
        let merchant = easytalk::Merchant {
            environment: environment(),
            van_terminal_id: VanTerminalId::new(VAN_TERMINAL).expect("a terminal"),
        };
        let bytes = |answer: &&str| Charset::EucKr.encode(answer).expect("EUC-KR");
        let answers = answers.iter().map(|answer| answer.as_ref().map(bytes)).collect();
        Self::of(Merchant::EasyTalk(merchant), Arc::new(order), policy, answers, held)
    }

    /// i'mport's charge of a billing key.
    #[must_use]
    pub fn iamport(answers: &[Option<&str>], held: bool) -> Self {
        let customer = iamport::CustomerUid::new("customer-1").expect("a customer");
        let amount = Amount::new(Won(51_004), Parts::default()).expect("an amount");
        let charge = iamport::Charge::new(number(NUMBER), customer, amount, "커피 두 잔").expect("a charge");
        let merchant = iamport::Merchant {
            environment: environment(),
            store: iamport::StoreCode::new("imp12345678").expect("a store"),
            tier: None,
        };
        let policy = Policy::default().with_iamport(iamport::Settings::live());
        let bytes = |answer: &&str| answer.as_bytes().to_vec();
        let answers = answers.iter().map(|answer| answer.as_ref().map(bytes)).collect();
        Self::of(Merchant::Iamport(merchant), Arc::new(charge), policy, answers, held)
    }

    fn of(
        merchant: Merchant,
        order: Arc<dyn Order>,
        policy: Policy,
        answers: Arc<[Option<Vec<u8>>]>,
        held: bool,
    ) -> Self {
        let credentials = Arc::new(Keys {
            channel: ChannelId::new(CHANNEL).expect("a channel"),
            signer: HmacSha256::new(&Secret::from_utf8(SECRET)),
            token: AccessToken::new("0123456789abcdef0123456789abcdef01234567").expect("a token"),
        });
        Scene { order, merchant, driver: driver(policy), credentials, answers, held }
    }

    fn credentials(&self) -> Credentials<'_> {
        let Keys { channel, signer, token } = &*self.credentials;
        match self.merchant {
            Merchant::Simple(_) => Credentials::Signature { channel_id: channel, signer },
            Merchant::EasyTalk(_) => Credentials::None,
            Merchant::Iamport(_) => Credentials::Token(token),
        }
    }

    /// The attempt, checked and made.
    pub fn open(&self) -> Persist {
        self.open_order(&*self.order, [7; 16])
    }

    fn open_order(&self, order: &dyn Order, attempt: [u8; 16]) -> Persist {
        let opening = Opening { merchant: &self.merchant, driver: &self.driver, attempt };
        order.open(&opening, NOW).expect("an order")
    }

    /// From the order to there.
    pub fn play(&self, until: Until, buffers: &mut Buffers) -> Stop {
        self.play_order(&*self.order, until, buffers)
    }

    fn play_order(&self, order: &dyn Order, until: Until, buffers: &mut Buffers) -> Stop {
        buffers.attempts += 1;
        let opened = self.open_order(order, buffers.attempts.to_be_bytes());
        let (mut messages, mut rows, mut now) = (0, 0, NOW);
        let mut step = Step::Persist(opened);
        loop {
            step = match step {
                Step::Persist(persist) => {
                    rows += 1;
                    stored(persist, &mut buffers.row, now)
                }
                Step::Transmit(transmit) if until == Until::Encoded(messages) => {
                    return Stop::Transmit(transmit);
                }
                Step::Transmit(transmit) => {
                    let (_, in_flight) = self.encode(transmit, now, &mut buffers.request);
                    Step::InFlight(in_flight)
                }
                Step::InFlight(in_flight) if until == Until::Sent(messages) => {
                    return Stop::InFlight(in_flight);
                }
                Step::InFlight(in_flight) => {
                    messages += 1;
                    match &self.answers[messages - 1] {
                        Some(_) => self.answer(in_flight, messages - 1, now),
                        None => in_flight.failed(Failure::MaybeSent(MaybeSent::Timeout), now),
                    }
                }
                Step::Wait(wait) => {
                    let until = wait.until(0, now);
                    let passed = Millis(until.0.saturating_sub(now.mono.0));
                    now = Now { mono: now.mono + passed, wall: now.wall + passed };
                    wait.wake(now)
                }
                Step::Settle(settle) if self.held => settle.accept(now),
                Step::Settle(settle) => settle.refuse(now),
                Step::AskBooks(ask) => ask.nobody_to_ask(now),
                Step::Done(done) => {
                    drop(done);
                    return Stop::Done(rows);
                }
            };
        }
    }

    /// A whole attempt of Simple Payment, from the checks of its order to its end; how many rows were written.
    pub fn life(&self, buffers: &mut Buffers) -> usize {
        match self.play_order(&simple_order(NUMBER), Until::End, buffers) {
            Stop::Done(rows) => rows,
            Stop::Transmit(_) | Stop::InFlight(_) => unreachable!("it stops at the end alone"),
        }
    }

    /// Path, headers and body, signed.
    pub fn encode<'b>(
        &self,
        transmit: Transmit,
        now: Now,
        buffer: &'b mut RequestBuffer,
    ) -> (Request<'b>, InFlight) {
        match transmit.encode(self.credentials(), Nonce([3; 16]), now, buffer) {
            Ok(encoded) => encoded,
            Err(step) => panic!("not encoded: {step:?}"),
        }
    }

    /// Checks, builds and signs an approval: all that lies between the order and its bytes, but for the row.
    pub fn first_message<'b>(&self, buffer: &'b mut RequestBuffer) -> (Request<'b>, InFlight) {
        match self.open().written(Ok(Written::Stored), NOW) {
            Step::Transmit(transmit) => self.encode(transmit, NOW, buffer),
            other => panic!("not to be sent: {other:?}"),
        }
    }

    /// The step after that message's answer.
    pub fn answer(&self, in_flight: InFlight, message: usize, now: Now) -> Step {
        let body = self.bytes(message);
        in_flight.reply(Reply { status: 200, content_type: Some("application/json"), body }, now)
    }

    /// The answer to that message.
    #[must_use]
    pub fn bytes(&self, message: usize) -> &[u8] {
        self.answers[message].as_deref().expect("an answer")
    }

    /// So many open rows, each of another number, as a process leaves them that dies while it waits for the answer.
    #[must_use]
    pub fn open_rows(&self, count: usize) -> Vec<Row> {
        let row = |serial| self.open_order(&simple_order(&format!("ORD-{serial:08}")), [7; 16]).row();
        (0..count).map(row).collect()
    }

    /// A row's next step.
    pub fn resume(&self, row: Row) -> Step {
        resume(row, &self.merchant, &self.driver, NOW).expect("a record")
    }

    /// The record at its fullest: approved and undecided.
    #[must_use]
    pub fn undecided(&self) -> Row {
        let mut buffers = Buffers::default();
        let Stop::InFlight(in_flight) = self.play(Until::Sent(0), &mut buffers) else { panic!("not sent") };
        match self.answer(in_flight, 0, NOW) {
            Step::Persist(persist) => persist.row(),
            other => panic!("not approved: {other:?}"),
        }
    }
}

/// What is read of a record's text.
#[must_use]
pub fn decode(row: &Row) -> Record {
    Record::of_row(row).expect("a record")
}

fn stored(persist: Persist, buffer: &mut RowBuffer, now: Now) -> Step {
    black_box((persist.row_in(buffer), persist.expect()));
    persist.written(Ok(Written::Stored), now)
}

fn driver(policy: Policy) -> Driver {
    Driver { policy: Arc::new(policy), holder: "till-1".into(), accept_step: true }
}

fn simple_merchant() -> simple::Merchant {
    simple::Merchant {
        environment: environment(),
        terminal_id: TerminalId::new(TERMINAL).expect("a terminal"),
        service_id: ServiceId::new("SVC_SIMPLE").expect("a service"),
        business_number: BusinessNumber::new("1234567890").expect("a business number"),
    }
}

/// Simple Payment's terminal, its channel and its signer.
#[must_use]
pub fn simple_terminal() -> (Merchant, ChannelId, Arc<HmacSha256>) {
    let signer = HmacSha256::new(&Secret::from_utf8(SECRET));
    (Merchant::Simple(simple_merchant()), ChannelId::new(CHANNEL).expect("a channel"), Arc::new(signer))
}

/// Checked as it is made (R5).
#[must_use]
pub fn simple_order(text: &str) -> simple::Order {
    let parts = Parts { vat: Won(4_637), ..Parts::default() };
    let amount = Amount::new(Won(51_004), parts).expect("an amount");
    simple::Order::new(number(text), amount, TokenKey::new(TOKEN_KEY).expect("a token key"))
}

fn environment() -> Environment {
    Environment::new("test").expect("an environment")
}

fn number(text: &str) -> TransactionNumber {
    TransactionNumber::new(text).expect("a number")
}
