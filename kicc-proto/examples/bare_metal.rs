//! A vending machine without an operating system: one loop, fixed buffers, a few pages of flash, and a modem that speaks
//! HTTP and TLS by itself. It sells twice, the second time into silence, and loses its power in the third sale.
//!
//! ```text
//! cargo run -p kicc-proto --example bare_metal
//! ```
//!
//! runs it with a modem and a clock that are played here. All but `main` needs `core` and `alloc` alone.
#![allow(clippy::disallowed_macros, reason = "the terminal is the machine's screen")]

use std::sync::Arc;

use kicc_proto::{
    flow::{Done, Driver, Ended, Opening, Policy, RowBuffer, Step, Transmit, Verdict, resume},
    journal::{Expect, RecordText, Row, WriteError, Written, record::Record},
    product::{Credentials, Merchant, Order as _},
    simple,
    time::{Mono, Now, UnixMillis},
    values::*,
    wire::{
        Failure, MaybeSent, NotSent, Reply, Request, RequestBuffer,
        sign::{HmacSha256, Nonce},
    },
};

/// What the modem's answer may be long.
const ANSWER_MAX: usize = 2048;
/// What a record may be long; a sale that is rescued for a day takes some 3 KiB.
const PAGE: usize = 8192;
/// As many sales as the flash has pages; told ones are erased.
const PAGES: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut flash = Flash::default();
    let mut modem = Modem::default();
    let mut machine = Machine::power_on(&mut flash, &mut modem)?;

    println!("cola:  {}", machine.sell("COLA-1", 1_500)?);
    machine.modem.is_silent = true;
    println!("water: {}", machine.sell("WATER-2", 1_000)?);
    machine.modem.is_silent = false;

    // The third sale gets as far as its approval request, and no further.
    let step = machine.begin("JUICE-3", 2_000)?;
    let step = machine.advance(step);
    assert!(matches!(step, Step::Transmit(_)), "it is in the flash, and may have been sent");
    drop(step);
    drop(machine);

    let mut machine = Machine::power_on(&mut flash, &mut modem)?;
    for (number, end) in machine.recover()? {
        println!("after the power cut, {number}: {end}");
        assert_eq!((&*number, end), ("JUICE-3", "reversed"));
    }
    assert_eq!(modem.books, ["COLA-1"], "of three sales the gateway holds the one that was told as approved");
    Ok(())
}

/// The machine between two losses of power.
struct Machine<'m> {
    flash: &'m mut Flash,
    modem: &'m mut Modem,
    merchant: Merchant,
    driver: Driver,
    channel_id: ChannelId,
    signer: HmacSha256,
    /// One row and one request at a time, in the same memory.
    row: RowBuffer,
    buffer: RequestBuffer,
    answer: [u8; ANSWER_MAX],
}

/// An order's number, and how it ended.
type End = (Box<str>, &'static str);

impl<'m> Machine<'m> {
    fn power_on(flash: &'m mut Flash, modem: &'m mut Modem) -> Result<Self, Box<dyn std::error::Error>> {
        let merchant = Merchant::Simple(simple::Merchant {
            environment: Environment::new("test")?,
            terminal_id: TerminalId::new("T123456789")?,
            service_id: ServiceId::new("SVC_SIMPLE")?,
            business_number: BusinessNumber::new("1234567890")?,
        });
        // No accept step: the machine gives out what is approved, and the flash is its book (R19).
        let policy = Policy::default();
        policy.check(false)?;
        let driver = Driver { policy: Arc::new(policy), holder: "machine".into(), accept_step: false };
        Ok(Machine {
            flash,
            modem,
            merchant,
            driver,
            channel_id: ChannelId::new("CH_A1B2C3D4")?,
            signer: HmacSha256::new(&Secret::from_utf8("sandbox-secret-key")),
            row: RowBuffer::new(),
            buffer: RequestBuffer::new(),
            answer: [0; ANSWER_MAX],
        })
    }

    fn sell(&mut self, number: &str, won: u64) -> Result<&'static str, Invalid> {
        let step = self.begin(number, won)?;
        Ok(self.drive(step))
    }

    /// The flash is never restored from a backup, so every number may be new (R24): else the machine asks
    /// `Journal::admission` here.
    fn begin(&mut self, number: &str, won: u64) -> Result<Step, Invalid> {
        let amount = Amount::new(Won(won), Parts::default())?;
        // What the customer's phone brought.
        let order = simple::Order::new(TransactionNumber::new(number)?, amount, TokenKey::new("TOKEN")?);
        let attempt = self.modem.random();
        let opening = Opening { merchant: &self.merchant, driver: &self.driver, attempt };
        Ok(Step::Persist(order.open(&opening, self.modem.now())?))
    }

    /// What the flash holds open is brought to its end: the first thing after power is back (R17). Nobody claims the rows:
    /// there is no other worker, and never will be, who could have one in hand (R20).
    fn recover(&mut self) -> Result<Vec<End>, Box<dyn std::error::Error>> {
        let mut ends = Vec::new();
        while let Some(row) = self.flash.first_open()? {
            let number = row.key.number.as_str().into();
            let step = resume(row, &self.merchant, &self.driver, self.modem.now())?;
            ends.push((number, self.drive(step)));
        }
        Ok(ends)
    }

    fn drive(&mut self, mut step: Step) -> &'static str {
        loop {
            step = match step {
                Step::Done(done) => return self.told(&done),
                step => self.advance(step),
            };
        }
    }

    fn advance(&mut self, step: Step) -> Step {
        let now = self.modem.now();
        match step {
            Step::Persist(persist) => {
                let written = self.flash.write(persist.row_in(&mut self.row), persist.expect());
                persist.written(written, self.modem.now())
            }
            Step::Transmit(transmit) => self.transmit(transmit),
            Step::InFlight(in_flight) => in_flight.lost(now),
            Step::Wait(wait) => {
                self.modem.sleep_until(wait.until(0, now));
                wait.wake(self.modem.now())
            }
            Step::Settle(settle) => settle.accept(now),
            Step::AskBooks(ask) => ask.nobody_to_ask(now),
            Step::Done(done) => Step::Done(done),
        }
    }

    fn transmit(&mut self, transmit: Transmit) -> Step {
        let keys = Credentials::Signature { channel_id: &self.channel_id, signer: &self.signer };
        let nonce = Nonce(self.modem.random());
        let permit = transmit.permit().mono;
        let (request, mut in_flight) = match transmit.encode(keys, nonce, self.modem.now(), &mut self.buffer)
        {
            Ok(encoded) => encoded,
            Err(step) => return step,
        };
        let sent = self.modem.send(&request, permit);
        if sent.is_ok() {
            in_flight.written(self.modem.now());
        }
        let answered = sent.and_then(|()| self.modem.receive(in_flight.deadline().mono, &mut self.answer));
        let now = self.modem.now();
        match answered {
            Ok((status, length)) => {
                let body = &self.answer[..length];
                in_flight.reply(Reply { status, content_type: None, body }, now)
            }
            Err(failure) => in_flight.failed(failure, now),
        }
    }

    /// The end is shown to the customer; after that its page may be erased (R22).
    fn told(&mut self, done: &Done) -> &'static str {
        if let Some(record) = done.record() {
            self.flash.told(record.key.number.as_str());
        }
        match done.ended() {
            Ended::Verdict(Verdict::Approval(outcome)) => outcome.name(),
            _ => "ask the staff",
        }
    }
}

/// Some pages of flash, one for each sale. There is one worker, so a token and a lease are kept for the core alone.
#[derive(Default)]
struct Flash([Option<Page>; PAGES]);

struct Page {
    number: TransactionNumber,
    revision: u64,
    token: u64,
    told: bool,
    length: usize,
    record: [u8; PAGE],
}

impl Flash {
    /// One page write, which either is whole or is not there: real flash has a check sum and a second page for that.
    fn write(&mut self, row: &Row, expect: Expect) -> Result<Written, WriteError> {
        let text = row.record.0.as_bytes();
        let known =
            self.0.iter().position(|page| page.as_ref().is_some_and(|page| page.number == row.key.number));
        let at = match (expect, known) {
            (Expect::Absent, None) => self.0.iter().position(Option::is_none),
            (Expect::Revision(revision), Some(at)) if self.revision(at) == Some(revision) => Some(at),
            (_, Some(at)) => {
                let there = self.0[at].as_ref().and_then(|page| page.row().ok());
                return there
                    .map(|row| Written::Conflict(Box::new(row)))
                    .ok_or(WriteError::NotStored("unreadable".into()));
            }
            (Expect::Revision(_), None) => None,
        };
        let Some(at) = at.filter(|_| text.len() <= PAGE) else {
            return Err(WriteError::NotStored("no room".into()));
        };
        let mut record = [0; PAGE];
        record[..text.len()].copy_from_slice(text);
        self.0[at] = Some(Page {
            number: row.key.number.clone(),
            revision: row.revision,
            token: row.token,
            told: false,
            length: text.len(),
            record,
        });
        Ok(Written::Stored)
    }

    fn revision(&self, at: usize) -> Option<u64> {
        self.0[at].as_ref().map(|page| page.revision)
    }

    fn first_open(&self) -> Result<Option<Row>, Box<dyn std::error::Error>> {
        let untold = self.0.iter().flatten().find(|page| !page.told);
        untold.map(Page::row).transpose()
    }

    fn told(&mut self, number: &str) {
        for page in self.0.iter_mut().flatten().filter(|page| page.number.as_str() == number) {
            page.told = true;
        }
    }
}

impl Page {
    /// The row as the core wants it back; all but the page's own words is in the record.
    fn row(&self) -> Result<Row, Box<dyn std::error::Error>> {
        let text = core::str::from_utf8(&self.record[..self.length])?;
        let record = Record::decode(text)?;
        Ok(Row {
            key: record.key.clone(),
            kind: record.kind,
            original: None,
            authorisation_mark: record.authorisation_mark,
            live: true,
            standing: record.standing(),
            told: self.told,
            revision: self.revision,
            token: self.token,
            holder: "machine".into(),
            lease_until: record.made_at,
            created_at: record.made_at,
            updated_at: record.made_at,
            suspect: false,
            record: RecordText(text.into()),
        })
    }
}

/// The modem, its clock and its generator of random numbers, as they are played here; with the gateway at its far end.
#[derive(Default)]
struct Modem {
    ticks: u64,
    noise: u8,
    /// The answer to an approval is lost.
    is_silent: bool,
    on_its_way: Option<String>,
    books: Vec<String>,
}

impl Modem {
    fn now(&self) -> Now {
        Now { mono: Mono(self.ticks), wall: UnixMillis(1_800_000_000_000 + self.ticks) }
    }

    fn sleep_until(&mut self, mono: Mono) {
        self.ticks = self.ticks.max(mono.0);
    }

    fn random(&mut self) -> [u8; 16] {
        self.noise += 1;
        [self.noise; 16]
    }

    /// Connects and, unless it is past `permit` by then, posts the whole request.
    fn send(&mut self, request: &Request<'_>, permit: Mono) -> Result<(), Failure> {
        self.ticks += 100;
        if self.ticks > permit.0 {
            return Err(Failure::NotSent(NotSent::PermitLapsed));
        }
        let body = core::str::from_utf8(request.body()).unwrap_or_default();
        let number =
            body.split("\"mercTrxNo\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let is_approval = request.path().ends_with("reqAprv");
        match is_approval {
            true => self.books.push(number.to_owned()),
            false => self.books.retain(|booked| booked != number),
        }
        self.on_its_way = (!is_approval || !self.is_silent).then(|| {
            format!(
                r#"{{"respCd":"0000","tid":"T123456789","mercTrxNo":"{number}","aprvNo":"12345678","cardConfirmNo":"9410-61**-****-0001"}}"#
            )
        });
        Ok(())
    }

    /// Waits for the whole answer, until `deadline`: its status and length.
    fn receive(&mut self, deadline: Mono, answer: &mut [u8]) -> Result<(u16, usize), Failure> {
        let Some(text) = self.on_its_way.take() else {
            self.sleep_until(deadline);
            return Err(Failure::MaybeSent(MaybeSent::Timeout));
        };
        self.ticks += 100;
        answer
            .get_mut(..text.len())
            .ok_or(Failure::MaybeSent(MaybeSent::BodyTooLarge))?
            .copy_from_slice(text.as_bytes());
        Ok((200, text.len()))
    }
}

/// It runs.
#[test]
fn three_sales_and_a_power_cut() {
    main().unwrap();
}
