//! i'mport: every payment of the number is looked up, and what is paid is cancelled by its id and checksum, or put to the
//! merchant. Its books hold several payments of a number, and its look-ups may show late what was done.

use std::{
    error::Error,
    hash::{Hash, Hasher},
    mem,
    sync::LazyLock,
};

use kicc_proto::{
    flow::{
        Policy,
        policy::SettlesRefund,
        said::Said,
        table::{Event, Row, Verb},
    },
    iamport::{
        self, AccessToken, Charge, CustomerUid, ImpUid, OnFoundPaid, Settings, StoreCode, WindowPayment,
    },
    product::{Credentials, Merchant, Order, Product},
    time::{Mono, Now},
    values::{Environment, KstDateTime},
};

use super::{
    acts::Fate,
    coverage::Never,
    place::{
        AT_ONCE, DECLINED, Habits, NEXT_DAY, NOON, NUMBER, Place, Sale, Sample, UNLISTED, VAGUE, WON,
        number_and_amount,
    },
    van::Ledger,
};

pub struct Iamport;

const BASE: Habits = Habits {
    product: Product::Iamport,
    begins: NOON,
    remembers: false,
    nothing: VAGUE,
    already: VAGUE,
    tries: 12,
    settles: true,
    query: true,
    refund_settled: SettlesRefund::SameDay,
    refund_after: None,
    sale: Sale::Order,
    lags: false,
};
/// How late a look-up may be, in milliseconds: what can be done latest is shown inside the quiet period.
const LAG: u64 = 25_000;
/// What is not decided at once is decided after the quiet period.
const DECIDED: u64 = 100_000;

impl Sample for Iamport {
    fn habits(&self) -> Vec<Habits> {
        vec![
            Habits { lags: true, ..BASE },
            Habits { tries: 3, settles: false, ..BASE },
            Habits { tries: 2, ..BASE },
            Habits { sale: Sale::Adopted, tries: 6, ..BASE },
            Habits { sale: Sale::Window, tries: 4, ..BASE },
            Habits { refund_after: AT_ONCE, lags: true, tries: 6, ..BASE },
            Habits { refund_after: NEXT_DAY, settles: false, tries: 2, ..BASE },
        ]
    }

    fn configure(&self, habits: &Habits, policy: &mut Policy) {
        let mut settings = Settings::live();
        if habits.sale == Sale::Adopted {
            settings.on_found_paid = OnFoundPaid::Adopt;
        }
        *policy = mem::take(policy).with_iamport(settings);
    }

    fn has_rescue(&self, _: &Habits) -> bool {
        true
    }

    fn sale(
        &self,
        habits: &Habits,
        environment: Environment,
    ) -> Result<(Merchant, Box<dyn Order>), Box<dyn Error>> {
        let (number, amount) = number_and_amount()?;
        let merchant = iamport::Merchant { environment, store: StoreCode::new("imp12345678")?, tier: None };
        let order: Box<dyn Order> = match habits.sale {
            Sale::Window => Box::new(WindowPayment::new(number, ImpUid::new(&imp_uid(0))?, amount)?),
            _ => Box::new(Charge::new(number, CustomerUid::new("customer-1")?, amount, "coffee")?),
        };
        Ok((Merchant::Iamport(merchant), order))
    }

    fn credentials(&self) -> Credentials<'_> {
        static TOKEN: LazyLock<AccessToken> =
            LazyLock::new(|| AccessToken::new("0123456789abcdef").expect("a valid token"));
        Credentials::Token(&TOKEN)
    }

    /// The card company's refusal is a payment that failed; every other is a code that is not 0.
    fn answer(&self, code: &str, _: &str) -> String {
        match code {
            DECLINED => success(&FAILED.shown(0)),
            code => format!(r#"{{"code":1,"message":"text {code}","response":null}}"#),
        }
    }

    fn standing(&self, _: KstDateTime, other: bool) -> String {
        success(&Payment { amount: if other { 1 } else { WON.0 }, ..PAID }.shown(0))
    }

    fn shows_standing(&self, answer: &str) -> bool {
        answer.contains(r#""status":"paid""#)
    }

    fn voided(&self) -> &'static str {
        r#""status":"cancelled""#
    }

    fn remembers(&self, _: Now, _: &str, _: Now) -> bool {
        true
    }

    /// Without what should be left it would take back whatever is.
    fn takes(&self, cancel: &str, _: Now) -> bool {
        cancel.contains(r#""checksum":"#)
    }

    fn never(&self) -> (&[Never<Row>], &[Never<&'static str>]) {
        (NEVER, NEVER_TOLD)
    }

    fn reads_texts_of(&self, verb: Verb) -> bool {
        verb == Verb::Query
    }

    fn fates(&self, habits: &Habits, verb: Verb) -> Option<&'static [Fate]> {
        Some(match verb {
            Verb::Approve if habits.sale == Sale::Window => &FIRST_LOOK_UPS,
            Verb::Approve => &CHARGES,
            Verb::Cancel => &CANCELS,
            Verb::Query | Verb::NetCancel => &LOOK_UPS,
        })
    }

    fn heard(&self, verb: Verb, said: &Said, waits: bool) -> Option<Vec<Event>> {
        Some(match (verb, &*said.code) {
            (Verb::Approve, "failed") => vec![Event::Declined],
            (Verb::Approve, _) => vec![Event::Unlisted],
            (Verb::Cancel, _) => vec![Event::ProvesNothing],
            // The refusal of a cancel is said again once a look-up has borne it out.
            (_, "1") => vec![Event::ProvesNothing, Event::Declined],
            (_, "-1") => vec![Event::ProvesNothing],
            (_, "0") => vec![Event::NothingStands],
            // A payment that is dead; of one that is not known to be the charge's it is believed after the quiet period.
            (_, _) if waits => vec![Event::NothingStands],
            (_, _) => vec![Event::AlreadyVoided],
        })
    }
}

/// Charges arrive before and after the first look-up, always inside the quiet period of 90 s.
const CHARGES: [Fate; 24] = [
    Fate::Refused,
    Fate::Lost,
    Fate::LostReset,
    Fate::AnswerLost,
    Fate::AnswerReset,
    Fate::Delayed(34_000),
    Fate::Delayed(90_000),
    Fate::DelayedReset(4_000),
    Fate::DelayedReset(60_000),
    Fate::AnswerLate,
    Fate::BadGateway,
    Fate::Cut,
    Fate::Foreign,
    Fate::Blemished,
    Fate::Code(DECLINED),
    Fate::Code(UNLISTED),
    Fate::DoneBut(UNLISTED),
    Fate::OtherAmount,
    Fate::Twice,
    Fate::Pending { paid: true },
    Fate::Pending { paid: false },
    Fate::DoneThenCrash,
    Fate::DoneThenRobbed,
    Fate::DoneThenStopped,
];

/// Of a payment that was made in the window.
const FIRST_LOOK_UPS: [Fate; 13] = [
    Fate::Refused,
    Fate::Lost,
    Fate::LostReset,
    Fate::AnswerLate,
    Fate::BadGateway,
    Fate::Cut,
    Fate::Foreign,
    Fate::Blemished,
    Fate::Code(UNLISTED),
    Fate::OtherAmount,
    Fate::DoneThenCrash,
    Fate::DoneThenRobbed,
    Fate::DoneThenStopped,
];

const LOOK_UPS: [Fate; 8] = [
    Fate::Refused,
    Fate::Lost,
    Fate::BadGateway,
    Fate::Foreign,
    Fate::Code(VAGUE),
    Fate::Unauthorized,
    Fate::DoneThenCrash,
    Fate::DoneThenRobbed,
];

const CANCELS: [Fate; 11] = [
    Fate::Refused,
    Fate::Lost,
    Fate::AnswerLost,
    Fate::Delayed(34_000),
    Fate::DelayedReset(4_000),
    Fate::BadGateway,
    Fate::Code(UNLISTED),
    Fate::DoneBut(VAGUE),
    Fate::Partly,
    Fate::DoneThenCrash,
    Fate::DoneThenRobbed,
];

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Status {
    Ready,
    Paid,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Payment {
    status: Status,
    amount: u64,
    given_back: u64,
}

const PAID: Payment = Payment { status: Status::Paid, amount: WON.0, given_back: 0 };
const FAILED: Payment = Payment { status: Status::Failed, ..PAID };

impl Payment {
    fn left(self) -> u64 {
        if self.status == Status::Paid { self.amount - self.given_back } else { 0 }
    }

    fn shown(self, at: usize) -> String {
        let (status, more) = match self.status {
            Status::Ready => ("ready", ""),
            Status::Failed => ("failed", r#","fail_reason":"text""#),
            Status::Paid if self.left() > 0 => ("paid", r#","apply_num":"12345678","paid_at":1795230001"#),
            Status::Paid => ("cancelled", ""),
        };
        let (imp_uid, Payment { amount, given_back, .. }) = (imp_uid(at), self);
        format!(
            r#"{{"imp_uid":"{imp_uid}","merchant_uid":"{NUMBER}","name":"text","amount":{amount},"cancel_amount":{given_back},"currency":"KRW","status":"{status}","sandbox":false{more}}}"#
        )
    }
}

/// All payments of the number, and what look-ups show of them.
#[derive(Clone)]
pub struct Payments {
    sample: &'static dyn Sample,
    sale: Sale,
    lags: bool,
    all: Vec<Payment>,
    /// How they stood from when on; the latest is how they stand.
    stood: Vec<(Mono, Vec<Payment>)>,
    /// The payment that is not decided yet: when it is, and how.
    due: Option<(Mono, Status)>,
}

impl Payments {
    pub fn new(place: &Place) -> Self {
        let Habits { sale, lags, .. } = place.habits;
        let all = if sale == Sale::Window { vec![PAID] } else { Vec::new() };
        let stood = vec![(Mono(0), all.clone())];
        Payments { sample: place.sample, sale, lags, all, stood, due: None }
    }

    pub fn ledger(&self) -> Ledger {
        if self.all.iter().any(|payment| payment.left() > 0) {
            Ledger::Standing
        } else if self.all.iter().any(|payment| payment.given_back > 0) {
            Ledger::Voided
        } else {
            Ledger::Nothing
        }
    }

    /// What was to be decided by now is.
    pub fn catch_up(&mut self, now: Mono) {
        if let Some((at, status)) = self.due.take_if(|(at, _)| *at <= now) {
            self.all.iter_mut().filter(|payment| payment.status == Status::Ready).for_each(|payment| {
                payment.status = status;
            });
            self.changed(at);
        }
    }

    /// Does what is asked, by a body or a path, and says so.
    pub fn answer(&mut self, verb: Verb, asked: &str, now: Mono) -> String {
        match verb {
            Verb::Approve if self.sale == Sale::Window => success(&self.all[0].shown(0)),
            Verb::Approve => self.book(false, now),
            Verb::Cancel => self.cancel(asked, now),
            Verb::Query | Verb::NetCancel => self.look_up(asked, now),
        }
    }

    pub fn book(&mut self, other_amount: bool, now: Mono) -> String {
        let paid = Payment { amount: if other_amount { 1 } else { WON.0 }, ..PAID };
        if self.sale == Sale::Window {
            self.all.clear();
        }
        self.add(paid, now)
    }

    /// Not decided yet.
    pub fn pend(&mut self, paid: bool, now: Mono) -> String {
        self.due = Some((Mono(now.0 + DECIDED), if paid { Status::Paid } else { Status::Failed }));
        self.add(Payment { status: Status::Ready, ..PAID }, now)
    }

    fn add(&mut self, payment: Payment, now: Mono) -> String {
        self.all.push(payment);
        self.changed(now);
        success(&payment.shown(self.all.len() - 1))
    }

    fn changed(&mut self, at: Mono) {
        self.stood.push((at, self.all.clone()));
    }

    fn cancel(&mut self, body: &str, now: Mono) -> String {
        let number = |name: &str| {
            let digits = body.split(name).nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u64>().ok()
        };
        let refused = self.sample.answer(VAGUE, "");
        let Some(at) = (0..self.all.len()).find(|at| body.contains(&imp_uid(*at))) else { return refused };
        let left = self.all[at].left();
        let amount = number(r#""amount":"#).unwrap_or(left);
        if left == 0 || amount > left || number(r#""checksum":"#).is_some_and(|checksum| checksum != left) {
            return refused;
        }
        self.all[at].given_back += amount;
        self.changed(now);
        success(&self.all[at].shown(at))
    }

    fn look_up(&self, path: &str, now: Mono) -> String {
        let shown = self.stood.iter().rev().find(|(at, _)| !self.lags || at.0 + LAG <= now.0 || at.0 == 0);
        let shown = shown.map_or(&[][..], |(_, payments)| payments);
        if path.contains("/findAll/") {
            let list: Vec<_> = shown.iter().enumerate().map(|(at, payment)| payment.shown(at)).collect();
            let (total, list) = (list.len(), list.join(","));
            return success(&format!(r#"{{"total":{total},"previous":0,"next":0,"list":[{list}]}}"#));
        }
        match shown.iter().enumerate().find(|(at, _)| path.contains(&imp_uid(*at))) {
            Some((at, payment)) => success(&payment.shown(at)),
            None => r#"{"code":-1,"message":"text","response":null}"#.into(),
        }
    }

    /// What decides how it will answer.
    pub fn digest(&self, now: Mono, state: &mut impl Hasher) {
        self.all.hash(state);
        if self.lags {
            for (at, payments) in &self.stood {
                let age = (now.0 - at.0).min(LAG);
                if age < LAG {
                    (age, payments).hash(state);
                }
            }
            self.look_up("/findAll/", now).hash(state);
        }
        self.due.map(|(at, status)| (at.0 - now.0, status)).hash(state);
    }
}

/// The same cancel of a little less.
pub fn less(cancel: &[u8]) -> Vec<u8> {
    let whole = |name: &str, won: u64| format!(r#""{name}":{won}"#);
    let body = String::from_utf8_lossy(cancel);
    body.replace(&whole("amount", WON.0), &whole("amount", WON.0 - 10)).into_bytes()
}

fn imp_uid(at: usize) -> String {
    format!("imp_00000000000{at}")
}

fn success(response: &str) -> String {
    format!(r#"{{"code":0,"message":null,"response":{response}}}"#)
}

/// Rows that it does not take, and why.
const NEVER: &[Never<Row>] = &[
    (
        "there always is a look-up",
        &[
            Row::IntentNoRescue,
            Row::IntentLateCancelled,
            Row::ReversingLateCancelled,
            Row::UndecidedNotRecordedCancelled,
            Row::RefundUnproven,
        ],
    ),
    (
        "a look-up voids nothing",
        &[
            Row::ReversingVoided,
            Row::ReversingVoidedEarly,
            Row::ReversingVoidedUnconfirmed,
            Row::ReversingConfirmedByAny,
            Row::VoidingRefusedAgain,
        ],
    ),
    (
        "of what was approved, absent proves nothing (R13b)",
        &[
            Row::VoidingNothing,
            Row::VoidingNothingEarly,
            Row::VoidingNothingOutside,
            Row::RefundNothing,
            Row::RefundNothingEarly,
            Row::RefundNothingOutside,
        ],
    ),
    (
        "a refused cancel is looked up, whatever its code (R15)",
        &[Row::RefundDeclined, Row::RefundUnlistedTaken],
    ),
    ("a look-up finds the charge before the record is closed", &[Row::ClosedLate]),
];

/// Ends that are not told of it, and why.
const NEVER_TOLD: &[Never<&str>] = &[
    (
        "there is a look-up, which voids nothing",
        &["needs_operator Unconfirmed", "needs_operator NoStatusQuery"],
    ),
    (
        "a refused cancel is looked up, and what that says is the reason",
        &["needs_operator CancelRefused", "refund: needs_operator CancelRefused"],
    ),
    (
        "what is parked was looked up in vain: too much for an answer that is held back and a person beside it",
        &["needs_operator LateSuccessAfterResolution"],
    ),
    ("absent proves nothing of a refund", &["refund: needs_operator OutsideProofWindow"]),
];
