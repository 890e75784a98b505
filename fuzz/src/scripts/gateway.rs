//! A gateway with a ledger, and the damage that a network does to its answers.

use kicc_proto::{
    flow::table::Verb,
    product::Product,
    time::{Now, UnixMillis},
    values::{KstDate, KstDateTime},
};

use super::super::shop::{ALREADY, DUPLICATE, NOT_FOUND, NOTHING, approved, voided, with_code};
use super::Choices;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    Nothing,
    Standing,
    Voided,
}

/// What it speaks, and what it makes of a void for which it has nothing, or nothing any more.
pub struct Gateway {
    pub product: Product,
    /// It refuses an approval that comes after its net-cancel.
    remembers: bool,
    nothing: &'static str,
    already: &'static str,
    pub ledger: Ledger,
    /// The day in Korea under which the approval is booked.
    booked_on: Option<KstDate>,
    /// An approval that is booked later, by real time, which is the wall's here.
    pub due: Option<UnixMillis>,
    pub refuses: bool,
}

impl Gateway {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        let habits = choices.choose(32);
        let product = Product::ALL[usize::from(habits & 1)];
        // EasyTalkPay's cancels say nothing of use of what does not stand: it is asked.
        let (nothing, already) = match product {
            Product::Simple => (
                ["0000", NOTHING][usize::from(habits >> 1 & 1)],
                [ALREADY, "0000", "8888", ALREADY][usize::from(habits >> 2 & 3)],
            ),
            Product::EasyTalk => ("8888", [DUPLICATE, "8888"][usize::from(habits >> 1 & 1)]),
        };
        Gateway {
            product,
            remembers: habits & 16 != 0 && product == Product::Simple,
            nothing,
            already,
            ledger: Ledger::Nothing,
            booked_on: None,
            due: None,
            refuses: false,
        }
    }

    pub fn book(&mut self, now: Now) {
        self.book_at(now.wall);
    }

    fn book_at(&mut self, wall: UnixMillis) {
        self.ledger = Ledger::Standing;
        self.booked_on = Some(day(wall));
    }

    pub fn book_what_is_due(&mut self, now: Now) {
        let Some(due) = self.due.filter(|due| *due <= now.wall) else { return };
        self.due = None;
        if !self.refuses {
            self.book_at(due);
        }
    }

    pub fn code(&self, code: &str) -> String {
        with_code(self.product, code, "")
    }

    /// A query knows a transaction under the day of its booking, yesterday's and today's; a cancel must be of today
    /// (spec B.5, B.6).
    pub fn rescue(&mut self, verb: Verb, body: &str, now: Now) -> String {
        let product = self.product;
        let today = day(now.wall);
        let known = self
            .booked_on
            .is_some_and(|booked| body.contains(booked.as_str()) && booked.days_between(&today) <= 1);
        let of_today = body.contains(&format!(r#""cancelReqDate":"{}""#, today.as_str()));
        match (self.ledger, verb) {
            (Ledger::Standing, Verb::Query) if known => approved(product),
            (Ledger::Voided, Verb::Query) if known => voided(product),
            (_, Verb::Query) => self.code(NOT_FOUND),
            (_, Verb::Cancel) if product == Product::EasyTalk && !of_today => self.code("7300"),
            (Ledger::Standing, _) => {
                self.ledger = Ledger::Voided;
                voided(product)
            }
            (Ledger::Voided, _) => self.code(self.already),
            (Ledger::Nothing, _) => {
                self.refuses |= self.remembers && verb == Verb::NetCancel;
                self.code(self.nothing)
            }
        }
    }
}

fn day(wall: UnixMillis) -> KstDate {
    KstDateTime::from_unix(wall).expect("a date in range").date()
}

/// An answer as it arrives: cut short, or with a byte broken, lost or put in.
pub fn damaged(answer: &str, choices: &mut Choices<'_>) -> Vec<u8> {
    let mut bytes = answer.as_bytes().to_vec();
    let at = (usize::from(choices.choose(255)) << 3 | usize::from(choices.choose(8))) % bytes.len();
    match choices.choose(5) {
        0 => bytes.truncate(at),
        1 => bytes[at] = 0xff,
        2 => bytes.insert(at, 0),
        3 => drop(bytes.remove(at)),
        _ => bytes.insert(at, b'{'),
    }
    bytes
}
