//! Brings a machine to any state: a journal in memory, clocks that the test moves, and a list of what comes in.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec,
    vec::Vec,
};

use crate::{
    codes::{CodeSets, Codes, ResultCode},
    easytalk,
    flow::{
        Done, Driver, Ended, InFlight, Opening, Outcome, Persist, Policy, RefundOutcome, Settle, Step,
        Transmit, Verdict, Wait, resume, table::Verb,
    },
    iamport::AccessToken,
    journal::{
        Expect, Key, Kind, Row, WriteError, Written,
        record::{Pending, Record, RecordError},
    },
    product::{Credentials, Merchant, Order},
    simple,
    time::{Deadline, Millis, Mono, Now, UnixMillis},
    values::{
        Amount, BusinessNumber, CertControlNumber, ChannelId, Environment, KstDateTime, OrderNumber, Parts,
        ServiceId, TerminalId, TokenKey, TransactionNumber, UserData, VanTerminalId, Won,
    },
    wire::{
        Failure, MaybeSent, Method, NotSent, Reply, RequestBuffer,
        sign::{Nonce, Sign, SignError},
    },
};

pub(in crate::flow) const NUMBER: &str = "ORD-1";
pub(in crate::flow) const TERMINAL: &str = "T123456789";
pub(in crate::flow) const VAN_TERMINAL: &str = "T5102001";
pub(in crate::flow) const ORDER_NUMBER: &str = "GDS30004";
pub(in crate::flow) const TOKEN_KEY: &str = "TOKEN_ABC123XYZ";
pub(in crate::flow) const USER_DATA: &str = "User_001";
pub(in crate::flow) const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";
pub(in crate::flow) const NOTHING: &str = "7001";
pub(in crate::flow) const ALREADY: &str = "7002";
pub(in crate::flow) const DUPLICATE: &str = "7100";
pub(in crate::flow) const UNKNOWN: &str = "7200";
pub(in crate::flow) const DECLINED: &str = "8521";
pub(in crate::flow) const UNLISTED: &str = "9999";

/// What comes in next.
#[derive(Debug, Clone)]
pub(super) enum In {
    /// HTTP 200, at once.
    Body(String),
    /// Another status with that body, at once.
    Other(u16, String),
    /// The same, after the deadline.
    Late(String),
    /// Another status.
    Status(u16),
    /// No answer until the deadline.
    Timeout,
    /// The connection breaks at once.
    Reset,
    /// Nobody listens.
    Refused,
    Held,
    NotHeld,
    CannotTell,
}

pub(super) fn approved() -> In {
    In::Body(approval_body(""))
}

/// A success with more fields, each with a comma before it.
pub(super) fn approval_body(more: &str) -> String {
    let fields = r#""issFmNm":"KB","aprvNo":"12345678","aprvDt":"20261121","vanTrxNo":"V12345678901""#;
    format!(
        r#"{{"respCd":"0000","respMsg":"ok","tid":"{TERMINAL}","mercTrxNo":"{NUMBER}",{fields},"cardConfirmNo":"1234-56**-****-1234"{more}}}"#
    )
}

/// A readable answer with that code, and the echo.
pub(super) fn code(code: &str) -> In {
    In::Body(code_body(code))
}

pub(super) fn code_body(code: &str) -> String {
    format!(r#"{{"respCd":"{code}","respMsg":"text","tid":"{TERMINAL}","mercTrxNo":"{NUMBER}"}}"#)
}

/// A net-cancel or cancel that says what it voided.
pub(super) fn voided() -> In {
    In::Body(voided_body())
}

pub(super) fn voided_body() -> String {
    format!(
        r#"{{"respCd":"0000","respMsg":"ok","tid":"{TERMINAL}","mercTrxNo":"{NUMBER}","cardConfirmNo":"1234-56**-****-1234"}}"#
    )
}

/// A message that left.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub verb: Verb,
    pub method: Method,
    pub path: String,
    pub body: String,
    pub headers: Vec<(String, String)>,
    pub at: Mono,
}

/// How the next write ends, where not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Known not stored.
    Full,
    /// Stored, and not known.
    AnswerLost,
    /// Not stored, and not known.
    WriteLost,
}

pub(super) struct Scene {
    /// What [`Scene::begin`] opens.
    pub order: Box<dyn Order>,
    pub rows: BTreeMap<Key, Row>,
    /// How the next writes end; `None` is well.
    pub faults: VecDeque<Option<Fault>>,
    pub now: Now,
    pub driver: Driver,
    pub merchant: Merchant,
    pub sent: Vec<Sent>,
    pub signs: bool,
    buffer: RequestBuffer,
    drawn: u8,
}

struct Signer(bool);

impl Sign for Signer {
    fn sign(&self, _: &[&[u8]]) -> Result<[u8; 32], SignError> {
        if self.0 { Ok([7; 32]) } else { Err(SignError("no key".into())) }
    }
}

pub(super) fn codes() -> Codes {
    let set = |text: &str| vec![ResultCode::new(text).unwrap()];
    Codes::new(CodeSets {
        nothing_to_void: set(NOTHING),
        already_voided: set(ALREADY),
        duplicate: set(DUPLICATE),
        unknown: set(UNKNOWN),
        refusals: Vec::new(),
    })
    .unwrap()
}

pub(super) fn merchant(terminal: &str) -> Merchant {
    Merchant::Simple(simple::Merchant {
        environment: Environment::new("test").unwrap(),
        terminal_id: TerminalId::new(terminal).unwrap(),
        service_id: ServiceId::new("SVC_SIMPLE").unwrap(),
        business_number: BusinessNumber::new("1234567890").unwrap(),
    })
}

pub(super) fn order(number: &str, total: u64) -> simple::Order {
    let amount = Amount::new(Won(total), Parts { vat: Won(total / 11), ..Parts::default() }).unwrap();
    simple::Order::new(TransactionNumber::new(number).unwrap(), amount, TokenKey::new(TOKEN_KEY).unwrap())
        .user_data(UserData::new(USER_DATA).unwrap())
}

pub(super) fn easytalk_order(number: &str, cert_control_number: &str) -> easytalk::Order {
    easytalk::Order::new(
        TransactionNumber::new(number).unwrap(),
        OrderNumber::new(ORDER_NUMBER).unwrap(),
        Amount::new(Won(51_004), Parts::default()).unwrap(),
        CertControlNumber::new(cert_control_number).unwrap(),
    )
}

pub(super) fn key_of(number: &str) -> Key {
    merchant(TERMINAL).key(TransactionNumber::new(number).unwrap())
}

/// A moment in Korea, as the start of the monotonic clock.
pub(super) fn in_korea(text: &str) -> Now {
    Now { mono: Mono(1_000_000), wall: KstDateTime::new(text).unwrap().to_unix() }
}

impl Scene {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy { codes: codes(), ..Policy::default() };
        change(&mut policy);
        Self::of(merchant(TERMINAL), Box::new(order(NUMBER, 10_000)), policy)
    }

    /// Of EasyTalkPay, with those settings.
    pub fn easytalk(settings: easytalk::Settings, change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy { codes: codes(), ..Policy::default() };
        policy.products.easytalk = Some(settings);
        change(&mut policy);
        let merchant = easytalk::Merchant {
            environment: Environment::new("test").unwrap(),
            van_terminal_id: VanTerminalId::new(VAN_TERMINAL).unwrap(),
        };
        Self::of(Merchant::EasyTalk(merchant), Box::new(easytalk_order(NUMBER, "CERT_1")), policy)
    }

    pub fn of(merchant: Merchant, order: Box<dyn Order>, policy: Policy) -> Self {
        policy.check(true).unwrap();
        Scene {
            order,
            rows: BTreeMap::new(),
            faults: VecDeque::new(),
            now: in_korea("20261121120000"),
            driver: Driver { policy: Arc::new(policy), holder: "one".into(), accept_step: true },
            merchant,
            sent: Vec::new(),
            signs: true,
            buffer: RequestBuffer::new(),
            drawn: 0,
        }
    }

    pub fn policy(&self) -> &Policy {
        &self.driver.policy
    }

    pub fn later(&mut self, millis: u64) {
        self.now = Now { mono: self.now.mono + Millis(millis), wall: self.now.wall + Millis(millis) };
    }

    /// The default order, not yet written.
    pub fn begin(&mut self) -> Step {
        let attempt = self.draw();
        let opening = Opening { merchant: &self.merchant, driver: &self.driver, attempt };
        Step::Persist(self.order.open(&opening, self.now).unwrap())
    }

    pub fn open(&mut self, order: &impl Order) -> Step {
        let attempt = self.draw();
        let opening = Opening { merchant: &self.merchant, driver: &self.driver, attempt };
        Step::Persist(order.open(&opening, self.now).unwrap())
    }

    /// The default order's key.
    pub fn key(&self) -> Key {
        self.merchant.key(self.order.number().clone())
    }

    fn draw(&mut self) -> [u8; 16] {
        self.drawn = self.drawn.wrapping_add(1);
        [self.drawn; 16]
    }

    pub fn refund(&mut self, original: &Record) -> Step {
        let attempt = self.draw();
        let opening = Opening { merchant: &self.merchant, driver: &self.driver, attempt };
        Step::Persist(crate::flow::refund(original, 0, &opening, self.now).unwrap())
    }

    /// Goes on until what comes in is used up and something must come in, or the end.
    pub fn play(&mut self, mut step: Step, inputs: &[In]) -> Step {
        let mut inputs = inputs.iter();
        for _ in 0..10_000 {
            step = match step {
                Step::Persist(persist) => self.write(persist),
                Step::Transmit(transmit) => self.encode(transmit).map_or_else(|step| step, Step::InFlight),
                Step::Done(done) => {
                    assert_eq!(inputs.len(), 0, "ended before everything came in");
                    return Step::Done(done);
                }
                other if inputs.len() == 0 => return other,
                Step::Wait(wait) => self.wake(wait),
                Step::InFlight(in_flight) => self.answer(in_flight, inputs.next().unwrap()),
                Step::Settle(settle) => self.settle(settle, inputs.next().unwrap()),
                Step::AskBooks(ask) => match inputs.next().unwrap() {
                    In::Held => ask.held(self.now),
                    In::NotHeld => ask.not_held(self.now),
                    In::CannotTell => ask.cannot_tell(self.now),
                    other => panic!("{other:?} is no answer of the books"),
                },
            };
        }
        panic!("no end: {step:?}");
    }

    /// Goes on to the end with a gateway that is never asked.
    pub fn unanswered(&mut self, mut step: Step) -> Step {
        while !matches!(step, Step::Done(_)) {
            step = match self.play(step, &[]) {
                Step::Wait(wait) => self.wake(wait),
                Step::Done(done) => Step::Done(done),
                other => panic!("{other:?}"),
            };
        }
        step
    }

    pub fn write(&mut self, persist: Persist) -> Step {
        let (row, expect) = (persist.row(), persist.expect());
        let result = match self.faults.pop_front().flatten() {
            None => Ok(self.store(row, expect)),
            Some(Fault::Full) => Err(WriteError::NotStored("disk full".into())),
            Some(Fault::WriteLost) => Err(WriteError::NotKnown("no answer".into())),
            Some(Fault::AnswerLost) => {
                self.store(row, expect);
                Err(WriteError::NotKnown("no answer".into()))
            }
        };
        persist.written(result, self.now)
    }

    /// The journal's contract, in short.
    fn store(&mut self, row: Row, expect: Expect) -> Written {
        let stored = self.rows.get(&row.key);
        match (expect, stored) {
            (Expect::Absent, None) => {
                let rival = self.rows.values().find(|other| {
                    let same_mark = row.authorisation_mark.is_some()
                        && other.authorisation_mark == row.authorisation_mark;
                    let same_original = row.original.is_some() && other.original == row.original;
                    other.live && other.kind == row.kind && (same_mark || same_original)
                });
                match rival {
                    Some(rival) if row.kind == Kind::Approval => {
                        return Written::AuthorisationInUse(Box::new(rival.key.clone()));
                    }
                    Some(rival) => return Written::AlreadyRefunding(Box::new(rival.clone())),
                    None => {}
                }
            }
            (Expect::Revision(revision), Some(stored))
                if stored.revision == revision && stored.token == row.token => {}
            (_, stored) => return Written::Conflict(Box::new(stored.expect("a row is never gone").clone())),
        }
        self.rows.insert(row.key.clone(), row);
        Written::Stored
    }

    /// R1, R18, R20: checks that exactly this message is written down, under our token, in a stage that sends it.
    #[allow(clippy::result_large_err, reason = "the error is the next step, as in `Transmit::encode`")]
    pub fn encode(&mut self, transmit: Transmit) -> Result<InFlight, Step> {
        let (verb, key, token) = (transmit.verb(), transmit.key().clone(), transmit.token());
        self.drawn = self.drawn.wrapping_add(1);
        let channel = ChannelId::new("CH_A1B2C3D4").unwrap();
        let token_of_iamport = AccessToken::new(TOKEN).unwrap();
        let credentials = match self.merchant {
            Merchant::Simple(_) => {
                Credentials::Signature { channel_id: &channel, signer: &Signer(self.signs) }
            }
            Merchant::EasyTalk(_) => Credentials::None,
            Merchant::Iamport(_) => Credentials::Token(&token_of_iamport),
        };
        let (request, in_flight) =
            transmit.encode(credentials, Nonce([self.drawn; 16]), self.now, &mut self.buffer)?;
        let row = &self.rows[&key];
        let record = Record::of_row(row).unwrap();
        assert_eq!((row.token, record.pending), (token, Pending::Message(verb)), "sent without a record");
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        match verb {
            Verb::Cancel => assert_eq!(body, &*record.cancel.expect("a cancel is recorded").body),
            Verb::NetCancel => assert!(row.record.0.contains(&format!(r#""net_cancel":{body}}}"#))),
            _ => {}
        }
        let headers = request.headers().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let (method, path) = (request.method(), request.path().to_string());
        self.sent.push(Sent { verb, method, path, body, headers, at: self.now.mono });
        Ok(in_flight)
    }

    pub fn answer(&mut self, mut in_flight: InFlight, input: &In) -> Step {
        in_flight.written(self.now);
        let reply = |body| Reply { status: 200, content_type: None, body };
        match input {
            In::Body(body) => {
                self.later(200);
                in_flight.reply(reply(body.as_bytes()), self.now)
            }
            In::Other(status, body) => {
                self.later(200);
                let reply = Reply { status: *status, content_type: None, body: body.as_bytes() };
                in_flight.reply(reply, self.now)
            }
            In::Late(body) => {
                self.pass(in_flight.deadline());
                in_flight.reply(reply(body.as_bytes()), self.now)
            }
            In::Status(status) => {
                in_flight.reply(Reply { status: *status, content_type: None, body: b"<html>" }, self.now)
            }
            In::Timeout => {
                self.pass(in_flight.deadline());
                in_flight.failed(Failure::MaybeSent(MaybeSent::Timeout), self.now)
            }
            In::Reset => in_flight.failed(Failure::MaybeSent(MaybeSent::Reset), self.now),
            In::Refused => in_flight.failed(Failure::NotSent(NotSent::Connect), self.now),
            other => panic!("{other:?} is no answer of a gateway"),
        }
    }

    fn pass(&mut self, deadline: Deadline) {
        self.later(deadline.left(self.now).0);
    }

    pub fn settle(&mut self, settle: Settle, input: &In) -> Step {
        match input {
            In::Held => settle.accept(self.now),
            In::NotHeld => settle.refuse(self.now),
            In::CannotTell => settle.cannot_tell(self.now),
            other => panic!("{other:?} is no answer of a merchant"),
        }
    }

    pub fn wake(&mut self, wait: Wait) -> Step {
        self.later(wait.until(0, self.now).0.saturating_sub(self.now.mono.0));
        wait.wake(self.now)
    }

    /// Another process takes the row and goes on.
    pub fn resume(&mut self) -> Step {
        self.resume_key(&self.key()).unwrap()
    }

    pub fn resume_key(&mut self, key: &Key) -> Result<Step, RecordError> {
        let row = self.claim(key);
        resume(row, &self.merchant, &self.driver, self.now)
    }

    pub fn claim(&mut self, key: &Key) -> Row {
        let lease_until = self.now.wall + self.policy().lease;
        let row = self.rows.get_mut(key).expect("a row to claim");
        row.token += 1;
        row.holder = format!("holder-{}", row.token).into();
        row.lease_until = lease_until;
        row.clone()
    }

    pub fn record(&self) -> Record {
        Record::of_row(&self.rows[&self.key()]).unwrap()
    }

    pub fn verbs(&self) -> Vec<Verb> {
        self.sent.iter().map(|sent| sent.verb).collect()
    }

    /// The clocks of another boot, wall time as told.
    pub fn reboot(&mut self, wall: UnixMillis) {
        self.now = Now { mono: Mono(5_000), wall };
    }
}

pub(super) fn outcome(step: Step) -> Outcome {
    match ended(step) {
        Ended::Verdict(Verdict::Approval(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

pub(super) fn refund_outcome(step: Step) -> RefundOutcome {
    match ended(step) {
        Ended::Verdict(Verdict::Refund(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

pub(super) fn ended(step: Step) -> Ended {
    done(step).into_ended()
}

pub(super) fn done(step: Step) -> Done {
    match step {
        Step::Done(done) => done,
        other => panic!("not at its end: {other:?}"),
    }
}

pub(super) fn waiting(step: Step) -> Wait {
    match step {
        Step::Wait(wait) => wait,
        other => panic!("does not wait: {other:?}"),
    }
}

pub(super) fn asking(step: Step) -> Settle {
    match step {
        Step::Settle(settle) => settle,
        other => panic!("does not ask: {other:?}"),
    }
}

pub(super) fn flying(step: Step) -> InFlight {
    match step {
        Step::InFlight(in_flight) => in_flight,
        other => panic!("nothing under way: {other:?}"),
    }
}
