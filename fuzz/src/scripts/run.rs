//! One sale from its order to its end, and perhaps its refund.

use std::collections::BTreeMap;

use kicc_proto::{
    flow::{
        self, Charged, Done, Ended, InFlight, Outcome, Persist, RefundOutcome, Settle, Step, Transmit,
        Verdict, Wait,
        outcome::Resolution,
        table::{Stage, Verb},
    },
    journal::{Key, Kind, Row, Standing, WriteError, record::Record},
    product::Product,
    time::{Millis, Mono, Now},
    wire::{Failure, MaybeSent, NotSent, Reply},
};

use super::super::shop::{DECLINED, Sent, Shop, UNLISTED, approved, in_korea, window_payment};
use super::{
    Choices,
    gateway::{Gateway, Ledger, damaged},
};

/// Beside what the script asks for: a merchant who cannot tell is asked until the horizon.
const STEPS_MAX: usize = 4_000;

pub struct Run<'a> {
    shop: Shop,
    gateway: Gateway,
    choices: Choices<'a>,
    /// Whose row is driven.
    key: Key,
    /// What the merchant's books hold, once asked.
    books: Option<bool>,
    /// What was told of the sale and of its refund, each time.
    told: Vec<Verdict>,
    sent: Vec<Sent>,
    /// A second worker is at work.
    nested: bool,
    /// The gateway booked later than anybody assumes (R13b): what was told by then could not know.
    beyond: bool,
    /// The journal as it once was.
    backup: Option<BTreeMap<Key, Row>>,
    steps: usize,
}

impl<'a> Run<'a> {
    pub fn new(mut choices: Choices<'a>) -> Self {
        let gateway = Gateway::new(&mut choices);
        let mut shop = Shop::new(gateway.product);
        if gateway.habits.window {
            shop.order = window_payment();
        }
        if gateway.habits.adopts {
            shop.adopt();
        }
        let begins = ["20261121120000", "20261121235958", "20261121235935", "20261121235900"];
        shop.now = in_korea(begins[usize::from(choices.choose(4))]);
        let key = shop.key();
        let told = Vec::new();
        let sent = Vec::new();
        let (nested, beyond, steps) = (false, false, 0);
        Run { shop, gateway, choices, key, books: None, told, sent, nested, beyond, backup: None, steps }
    }

    pub fn sell(&mut self) {
        let step = self.shop.open();
        self.drive(Some(step));
    }

    /// Where the sale stands and the script goes on, its money is given back.
    pub fn refund(&mut self) {
        if self.choices.is_empty() || self.choices.choose(2) == 0 {
            return;
        }
        let Some(row) = self.shop.rows.get(&self.key) else { return };
        let original = Record::of_row(row).unwrap();
        self.later_by_choice();
        let Some(step) = self.shop.refund(&original) else { return };
        let Step::Persist(persist) = &step else { unreachable!("a refund is written first") };
        self.key = persist.row().key;
        self.drive(Some(step));
    }

    fn drive(&mut self, mut step: Option<Step>) {
        loop {
            self.steps += 1;
            assert!(self.steps < STEPS_MAX, "R14: no end");
            step = match step {
                Some(Step::Done(done)) => {
                    self.tell(done);
                    None
                }
                Some(step) => self.go(step),
                None => match self.shop.rows.get(&self.key).map(|row| row.standing) {
                    Some(Standing::Open) => Some(self.another()),
                    Some(Standing::Parked) if !self.choices.is_empty() => self.person(),
                    _ => return,
                },
            };
        }
    }

    /// The worker is gone: another goes on, after a while, perhaps after a boot or from a backup.
    fn another(&mut self) -> Step {
        match self.choices.choose(6) {
            1 => self.later_by_choice(),
            2 => self.shop.now = Now { mono: Mono(5_000), ..self.shop.now },
            3 if !self.nested => {
                if let Some(backup) = self.backup.take().filter(|rows| rows.contains_key(&self.key)) {
                    self.shop.rows = backup;
                    self.shop.rows.values_mut().for_each(|row| row.suspect = true);
                }
            }
            4 => self.backup = Some(self.shop.rows.clone()),
            _ => {}
        }
        self.shop.resume(&self.key.clone())
    }

    /// R20: a person looks at what is parked, and knows the ledger.
    fn person(&mut self) -> Option<Step> {
        let choice = self.choices.choose(3);
        if choice == 0 {
            return None;
        }
        let row = self.shop.claim(&self.key.clone());
        self.shop.later(60_000);
        self.gateway.book_what_is_due(self.shop.now);
        let Shop { merchant, driver, now, .. } = &self.shop;
        let charged = self.gateway.charged();
        let resolution = Resolution { charged, note: "looked".into() };
        let persist = match choice {
            1 => flow::retry(row, merchant, driver, *now).ok()?,
            _ => flow::resolve(row, resolution, merchant, driver, *now).ok()?,
        };
        Some(Step::Persist(persist))
    }

    fn tell(&mut self, done: Done) {
        if let Ended::Verdict(verdict) = done.into_ended() {
            self.told.push(verdict);
        }
    }

    fn go(&mut self, step: Step) -> Option<Step> {
        match step {
            Step::Persist(persist) => self.write(persist),
            Step::Transmit(transmit) => self.transmit(transmit),
            Step::InFlight(in_flight) => match in_flight.verb() {
                // A payment in the window is there, and only looked up.
                Verb::Approve if !self.gateway.habits.window => self.approve(in_flight),
                _ => self.rescue(in_flight),
            },
            Step::Wait(wait) => self.wait(wait),
            Step::Settle(settle) => self.settle(settle),
            Step::AskBooks(ask) => Some(match self.books {
                Some(true) => ask.held(self.shop.now),
                _ if self.choices.choose(4) == 1 => ask.cannot_tell(self.shop.now),
                _ => ask.not_held(self.shop.now),
            }),
            Step::Done(done) => {
                self.tell(done);
                None
            }
        }
    }

    fn write(&mut self, persist: Persist) -> Option<Step> {
        let (row, expect) = (persist.row(), persist.expect());
        let result = match self.choices.choose(6) {
            1 => return None,
            2 => {
                self.shop.store(row, expect);
                return None;
            }
            3 => Err(WriteError::NotStored("disk full".into())),
            4 => {
                self.shop.store(row, expect);
                Err(WriteError::NotKnown("no answer".into()))
            }
            5 => Err(WriteError::NotKnown("no answer".into())),
            _ => Ok(self.shop.store(row, expect)),
        };
        Some(persist.written(result, self.shop.now))
    }

    /// R20: lease and token are looked at immediately before the first byte.
    fn transmit(&mut self, transmit: Transmit) -> Option<Step> {
        match self.choices.choose(6) {
            1 => return None,
            2 => self.another_to_its_end(),
            3 => self.shop.later(11_000),
            _ => {}
        }
        let holds = self.shop.holds(&transmit);
        match self.shop.encode(transmit) {
            Err(step) => Some(step),
            Ok((_, in_flight)) if !holds => {
                Some(in_flight.failed(Failure::NotSent(NotSent::PermitLapsed), self.shop.now))
            }
            Ok((sent, in_flight)) => {
                self.sent.push(sent);
                Some(Step::InFlight(in_flight))
            }
        }
    }

    fn approve(&mut self, mut in_flight: InFlight) -> Option<Step> {
        in_flight.written(self.shop.now);
        let began = self.shop.now;
        let product = self.gateway.product;
        let iamport = product == Product::Iamport;
        let choice = self.choices.choose(if iamport { 22 } else { 19 });
        match choice {
            // Never sent after all, or refused: there is nothing to book.
            1 => {
                self.sent.pop();
                return Some(in_flight.failed(Failure::NotSent(NotSent::Connect), self.shop.now));
            }
            2 if iamport => {
                let failed = self.gateway.declined();
                return Some(self.answer(in_flight, failed.as_bytes()));
            }
            2 | 3 => {
                let code = self.gateway.code([DECLINED, UNLISTED][usize::from(choice - 2)]);
                return Some(self.answer(in_flight, code.as_bytes()));
            }
            // Lost on the way there.
            7 => return Some(self.timeout(in_flight)),
            // Booked after give-up, before or after what comes first, always inside the quiet period.
            8..=11 => {
                let (after, reset) = match iamport {
                    false => [(34, false), (60, false), (3, true), (34, true)],
                    true => [(61, false), (140, false), (3, true), (80, true)],
                }[usize::from(choice - 8)];
                self.gateway.due = Some(began.wall + Millis::from_secs(after));
                return Some(match reset {
                    true => in_flight.failed(Failure::MaybeSent(MaybeSent::Reset), self.shop.now),
                    false => self.timeout(in_flight),
                });
            }
            // Booked only when another has come to an end, later than ever assumed (R9).
            16 => {
                self.another_to_its_end();
                self.gateway.book_what_is_due(self.shop.now);
                if self.gateway.refuses {
                    let code = self.gateway.code(DECLINED);
                    return Some(self.answer(in_flight, code.as_bytes()));
                }
                self.beyond = true;
                self.gateway.book(self.shop.now);
                let step = self.answer(in_flight, approved(product).as_bytes());
                return self.record_and_die(step);
            }
            // i'mport's: a token that is refused, and a payment that is decided only long after all waiting.
            19 => {
                let body = self.gateway.code("-1");
                return Some(self.status(in_flight, 401, body.as_bytes()));
            }
            20 | 21 => {
                self.gateway.ledger = Ledger::Ready;
                self.gateway.refuses = choice == 21;
                self.gateway.due = Some(began.wall + Millis::from_secs(600));
                return Some(self.timeout(in_flight));
            }
            _ => self.gateway.book(self.shop.now),
        }
        if matches!(choice, 4 | 5) {
            self.gateway.book_again();
        }
        let good = approved(product);
        match choice {
            4 => Some(self.timeout(in_flight)),
            5 => {
                let reply = Reply { status: 502, content_type: None, body: b"<html>" };
                Some(in_flight.reply(reply, self.shop.now))
            }
            6 => Some(self.answer(in_flight, good.replace("51004", "1").as_bytes())),
            12 => {
                self.pass(&in_flight);
                let reply = Reply { status: 200, content_type: None, body: good.as_bytes() };
                let step = in_flight.reply(reply, self.shop.now);
                let Step::Persist(persist) = &step else { panic!("R9: {step:?}") };
                let record = Record::of_row(&persist.row()).unwrap();
                assert_ne!(record.stage, Stage::Undecided, "R9: approved after give-up");
                Some(step)
            }
            13 => None,
            // Another worker has it before the answer is read: it has only claimed it, or has come to an end.
            14 => {
                let key = self.key.clone();
                let other = self.shop.resume(&key);
                let step = self.answer(in_flight, good.as_bytes());
                self.record_and_die(step);
                Some(other)
            }
            15 => {
                self.another_to_its_end();
                Some(self.answer(in_flight, good.as_bytes()))
            }
            17 | 18 => {
                let bytes = damaged(&good, &mut self.choices);
                Some(self.answer(in_flight, &bytes))
            }
            _ => Some(self.answer(in_flight, good.as_bytes())),
        }
    }

    fn rescue(&mut self, mut in_flight: InFlight) -> Option<Step> {
        in_flight.written(self.shop.now);
        self.gateway.book_what_is_due(self.shop.now);
        // i'mport's last one: the token is refused, and nothing done.
        let choice = self.choices.choose(if self.gateway.product == Product::Iamport { 10 } else { 9 });
        let sent = self.sent.last().expect("it was sent");
        let (status, body) = match choice {
            0 | 1 | 2 | 7 | 8 => self.gateway.rescue(sent, self.shop.now),
            4 => (200, self.gateway.code("8888")),
            9 => (401, self.gateway.code("-1")),
            _ => (0, String::new()),
        };
        match choice {
            0 | 4 | 9 => Some(self.status(in_flight, status, body.as_bytes())),
            1 => Some(self.timeout(in_flight)),
            3 => Some(in_flight.failed(Failure::MaybeSent(MaybeSent::Reset), self.shop.now)),
            5 => Some(in_flight.failed(Failure::NotSent(NotSent::Connect), self.shop.now)),
            7 => {
                let bytes = damaged(&body, &mut self.choices);
                Some(self.status(in_flight, status, &bytes))
            }
            8 => {
                self.another_to_its_end();
                Some(self.status(in_flight, status, body.as_bytes()))
            }
            _ => None,
        }
    }

    fn wait(&mut self, wait: Wait) -> Option<Step> {
        match self.choices.choose(4) {
            1 => return None,
            // The machine sleeps: only the wall's clock goes on (R25).
            2 => self.shop.now.wall = self.shop.now.wall + Millis::from_secs(self.span()),
            3 => self.later_by_choice(),
            _ => {}
        }
        self.shop.later(wait.until(0, self.shop.now).0.saturating_sub(self.shop.now.mono.0));
        Some(wait.wake(self.shop.now))
    }

    /// The accept step is idempotent: once it has said something, it says the same.
    fn settle(&mut self, settle: Settle) -> Option<Step> {
        let row = &self.shop.rows[settle.key()];
        assert!(row.token != settle.token() || Record::of_row(row).unwrap().stage == Stage::Undecided, "R18");
        let choice = match self.books {
            Some(true) => 0,
            Some(false) => 1,
            None => self.choices.choose(6),
        };
        if choice != 2 {
            self.books = Some(choice % 2 == 0);
        }
        let now = self.shop.now;
        match choice {
            0 => Some(settle.accept(now)),
            1 => Some(settle.refuse(now)),
            2 => Some(settle.cannot_tell(now)),
            // It has said so, and the worker died before that was written.
            _ => None,
        }
    }

    fn answer(&mut self, in_flight: InFlight, body: &[u8]) -> Step {
        self.status(in_flight, 200, body)
    }

    fn status(&mut self, in_flight: InFlight, status: u16, body: &[u8]) -> Step {
        self.shop.later(200);
        in_flight.reply(Reply { status, content_type: None, body }, self.shop.now)
    }

    fn timeout(&mut self, in_flight: InFlight) -> Step {
        self.pass(&in_flight);
        in_flight.failed(Failure::MaybeSent(MaybeSent::Timeout), self.shop.now)
    }

    fn pass(&mut self, in_flight: &InFlight) {
        self.shop.later(in_flight.deadline().left(self.shop.now).0);
    }

    fn span(&mut self) -> u64 {
        [1, 30, 600, 3_600, 6 * 3_600, 13 * 3_600, 30 * 3_600][usize::from(self.choices.choose(7))]
    }

    fn later_by_choice(&mut self) {
        let span = self.span();
        self.shop.later(span * 1_000);
    }

    /// Another worker takes the row to its end, while this one stands still.
    fn another_to_its_end(&mut self) {
        if self.nested || !self.shop.rows.get(&self.key).is_some_and(|row| row.standing == Standing::Open) {
            return;
        }
        self.nested = true;
        let step = self.another();
        self.drive(Some(step));
        self.nested = false;
    }

    /// What was seen is written down without fail, and then the worker is gone.
    fn record_and_die(&mut self, mut step: Step) -> Option<Step> {
        for _ in 0..20 {
            step = match step {
                Step::Persist(persist) => {
                    let written = self.shop.store(persist.row(), persist.expect());
                    persist.written(Ok(written), self.shop.now)
                }
                Step::Done(done) => {
                    self.tell(done);
                    return None;
                }
                _ => return None,
            };
        }
        panic!("R9: the journal is written without end")
    }

    pub fn check(mut self) {
        self.shop.later(3_600_000);
        self.gateway.book_what_is_due(self.shop.now);
        let Run { shop, gateway, books, told, sent, beyond, .. } = self;
        assert!(sent.iter().filter(|sent| sent.verb == Verb::Approve).count() <= 1, "R4: sent twice");
        let mut net_cancels = sent.iter().filter(|sent| sent.verb == Verb::NetCancel);
        if let Some(first) = net_cancels.next() {
            assert!(net_cancels.all(|sent| sent.body == first.body), "R10: another net-cancel");
        }
        let charged = gateway.charged();
        assert!(!charged || gateway.habits.window || sent.iter().any(|sent| sent.verb == Verb::Approve));
        let records: Vec<Record> = shop.rows.values().map(|row| Record::of_row(row).unwrap()).collect();
        assert!(records.iter().all(|record| record.verdict().is_some()), "R20: left open");
        let sale = records.iter().find(|record| record.kind == Kind::Approval);
        assert!(sale.is_some() || sent.is_empty(), "R1: sent, and not in the journal");
        if let Some(Verdict::Approval(Outcome::Approved(_))) = sale.and_then(Record::verdict) {
            assert!(gateway.is_the_sale(), "R8, R12: approved, and something else is booked");
        }
        let refund = records.iter().find(|record| record.kind == Kind::Refund);
        let ends = sale.and_then(Record::verdict).into_iter().chain(refund.and_then(Record::verdict));
        let refunded = refund.is_some();
        for verdict in ends.chain(told.into_iter().filter(|_| !beyond)) {
            truthful(&verdict, charged, books, refunded);
        }
    }
}

fn truthful(verdict: &Verdict, charged: bool, books: Option<bool>, refunded: bool) {
    match verdict {
        // Its refund says the rest.
        Verdict::Approval(_) if refunded => {}
        Verdict::Approval(Outcome::Approved(_)) => {
            assert!(charged && books == Some(true), "{verdict:?}: {charged} {books:?}");
        }
        Verdict::Approval(outcome) => match outcome.charged() {
            Charged::No => assert!(!charged && books != Some(true), "{outcome:?}: {charged} {books:?}"),
            Charged::Yes | Charged::Unknown => {}
        },
        Verdict::Refund(RefundOutcome::Refused(_) | RefundOutcome::NotAttempted(_)) => {
            assert!(charged, "{verdict:?}, and given back");
        }
        Verdict::Refund(outcome) if outcome.charged() == Charged::No => {
            assert!(!charged, "{outcome:?}, and charged");
        }
        Verdict::Refund(_) => {}
    }
}
