//! A gateway with a ledger, and the damage that a network does to its answers.

mod iamport;

use kicc_proto::{
    flow::table::Verb,
    product::Product,
    time::{Now, UnixMillis},
    values::{KstDate, KstDateTime},
};

use self::iamport::Habits;
use super::super::shop::{ALREADY, DUPLICATE, NOT_FOUND, NOTHING, Sent, TOTAL, approved, voided, with_code};
use super::Choices;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    Nothing,
    /// It is not decided yet (i'mport's `ready`).
    Ready,
    Standing,
    Voided,
    /// It was refused, and the gateway remembers that.
    Failed,
}

/// What it speaks, and what it makes of a void for which it has nothing, or nothing any more.
pub struct Gateway {
    pub product: Product,
    /// It refuses an approval that comes after its net-cancel.
    remembers: bool,
    nothing: &'static str,
    already: &'static str,
    /// i'mport's; of the other products none of them.
    pub habits: Habits,
    pub ledger: Ledger,
    /// i'mport's second payment of the number.
    second: Ledger,
    /// What was paid, in won.
    paid: u64,
    /// The day in Korea under which the approval is booked.
    booked_on: Option<KstDate>,
    /// An approval that is booked later, by real time, which is the wall's here.
    pub due: Option<UnixMillis>,
    pub refuses: bool,
}

impl Gateway {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        let habits = choices.choose(64);
        let product = match habits {
            32.. => Product::Iamport,
            _ => [Product::Simple, Product::EasyTalk][usize::from(habits & 1)],
        };
        // EasyTalkPay's cancels say nothing of use of what does not stand: it is asked.
        let (nothing, already) = match product {
            Product::Simple => (
                ["0000", NOTHING][usize::from(habits >> 1 & 1)],
                [ALREADY, "0000", "8888", ALREADY][usize::from(habits >> 2 & 3)],
            ),
            Product::EasyTalk | Product::Iamport => {
                ("8888", [DUPLICATE, "8888"][usize::from(habits >> 1 & 1)])
            }
        };
        let of_iamport = Habits::of(habits.saturating_sub(32));
        Gateway {
            product,
            remembers: habits & 16 != 0 && product == Product::Simple,
            nothing,
            already,
            ledger: if of_iamport.window { Ledger::Standing } else { Ledger::Nothing },
            second: Ledger::Nothing,
            paid: if of_iamport.window && of_iamport.twice { TOTAL - 4 } else { TOTAL },
            habits: of_iamport,
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
        match self.refuses {
            false => self.book_at(due),
            true if self.ledger == Ledger::Ready => self.ledger = Ledger::Failed,
            true => {}
        }
    }

    /// Whether anything of the customer's money is there.
    pub fn charged(&self) -> bool {
        [self.ledger, self.second].contains(&Ledger::Standing)
    }

    /// Whether what stands, if anything does, is what was asked for, once.
    pub fn is_the_sale(&self) -> bool {
        [self.ledger, self.second] != [Ledger::Standing; 2] && self.paid == TOTAL
    }

    pub fn code(&self, code: &str) -> String {
        with_code(self.product, code, "")
    }

    /// The answer to a message that was not the charge: HTTP status and body.
    pub fn rescue(&mut self, sent: &Sent, now: Now) -> (u16, String) {
        match self.product {
            Product::Iamport => self.of_iamport(sent),
            Product::Simple | Product::EasyTalk => (200, self.of_the_van(sent.verb, &sent.body, now)),
        }
    }

    /// A query knows a transaction under the day of its booking, yesterday's and today's; a cancel must be of today
    /// (spec B.5, B.6).
    fn of_the_van(&mut self, verb: Verb, body: &str, now: Now) -> String {
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
            (Ledger::Nothing | Ledger::Ready | Ledger::Failed, _) => {
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
