//! A small gateway with a ledger of its own: one order, booked or not, voided or not.

use std::hash::{Hash, Hasher};

use kicc_proto::{
    flow::table::Verb,
    product::Product,
    time::{Mono, Now, UnixMillis},
    values::{KstDate, KstDateTime},
};

use super::{
    iamport::Payments,
    place::{DECLINED, Habits, NOT_FOUND, Place, SUCCESS, Sale, Sample, VAGUE},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ledger {
    Nothing,
    Standing,
    Voided,
}

#[derive(Clone)]
pub struct Van {
    habits: Habits,
    sample: &'static dyn Sample,
    pub ledger: Ledger,
    booked: Option<Now>,
    /// What was booked is not what was asked for.
    pub other_amount: bool,
    /// Refuses the approval, whose net-cancel came first.
    refuses: bool,
    /// Requests that are still on their way: what, its body, and when it arrives.
    delayed: Vec<(Verb, Vec<u8>, Mono)>,
    /// The books of a product that keeps several payments of a number.
    payments: Option<Payments>,
}

impl Van {
    pub fn new(place: &Place) -> Self {
        Van {
            habits: place.habits,
            sample: place.sample,
            booked: None,
            other_amount: false,
            refuses: false,
            delayed: Vec::new(),
            ledger: if place.habits.sale == Sale::Window { Ledger::Standing } else { Ledger::Nothing },
            payments: (place.habits.product == Product::Iamport).then(|| Payments::new(place)),
        }
    }

    /// A request that arrives later.
    pub fn delay(&mut self, verb: Verb, body: &[u8], due: Mono) {
        self.delayed.push((verb, body.to_vec(), due));
        self.delayed.sort_by_key(|(.., due)| *due);
    }

    /// What has arrived by now is done, each at its own moment.
    pub fn catch_up(&mut self, now: Now) {
        while self.delayed.first().is_some_and(|(.., due)| *due <= now.mono) {
            let (verb, body, due) = self.delayed.remove(0);
            let ago = now.mono.0 - due.0;
            self.answer(verb, &body, Now { mono: due, wall: UnixMillis(now.wall.0 - ago) });
        }
        if let Some(payments) = &mut self.payments {
            payments.catch_up(now.mono);
            self.ledger = payments.ledger();
        }
    }

    /// Does what is asked, and says so.
    pub fn answer(&mut self, verb: Verb, body: &[u8], now: Now) -> String {
        let body = String::from_utf8_lossy(body);
        if let Some(payments) = &mut self.payments {
            let answer = payments.answer(verb, &body, now.mono);
            self.ledger = payments.ledger();
            return answer;
        }
        match verb {
            Verb::Approve if self.refuses => self.code(DECLINED),
            Verb::Approve => self.book(now, false),
            _ => self.rescue(verb, &body, now),
        }
    }

    /// Books the approval, over the amount asked for or over another.
    pub fn book(&mut self, now: Now, other_amount: bool) -> String {
        self.ledger = Ledger::Standing;
        self.other_amount = other_amount;
        if let Some(payments) = &mut self.payments {
            return payments.book(other_amount, now.mono);
        }
        self.booked = Some(now);
        self.standing()
    }

    /// Answers that it is not decided yet, and decides it later.
    pub fn pend(&mut self, paid: bool, now: Now) -> String {
        let payments = self.payments.as_mut();
        payments.map_or_else(String::new, |payments| payments.pend(paid, now.mono))
    }

    fn rescue(&mut self, verb: Verb, body: &str, now: Now) -> String {
        let known = self.booked.is_none_or(|at| self.sample.remembers(at, body, now));
        match (self.ledger, verb) {
            (Ledger::Nothing, Verb::Query) => self.code(NOT_FOUND),
            (_, Verb::Query) if !known => self.code(NOT_FOUND),
            (Ledger::Standing, Verb::Query) => self.standing(),
            (Ledger::Voided, Verb::Query) => self.voided(),
            (_, Verb::Cancel) if !self.sample.takes(body, now) => self.code(VAGUE),
            (Ledger::Standing, Verb::NetCancel) if !known => self.code(self.habits.nothing),
            (Ledger::Standing, _) => {
                self.ledger = Ledger::Voided;
                self.voided()
            }
            (Ledger::Voided, _) => self.code(self.habits.already),
            (Ledger::Nothing, _) => {
                self.refuses |= self.habits.remembers && verb == Verb::NetCancel;
                self.code(self.habits.nothing)
            }
        }
    }

    /// A readable answer with that code and the echoes.
    pub fn code(&self, code: &str) -> String {
        self.sample.answer(code, "")
    }

    fn standing(&self) -> String {
        let booked = self.booked.expect("what stands was booked");
        let booked = KstDateTime::from_unix(booked.wall).expect("a date after 1970");
        self.sample.answer(SUCCESS, &self.sample.standing(booked, self.other_amount))
    }

    fn voided(&self) -> String {
        self.sample.answer(SUCCESS, self.sample.voided())
    }

    /// What decides how it will behave, without absolute times.
    pub fn digest(&self, now: Now, state: &mut impl Hasher) {
        (self.ledger, self.refuses, self.other_amount).hash(state);
        if let Some(at) = self.booked {
            (day(at).as_str(), self.sample.remembers(at, day(at).as_str(), now)).hash(state);
        }
        if let Some(payments) = &self.payments {
            payments.digest(now.mono, state);
        }
        for (verb, body, due) in &self.delayed {
            (verb, body, due.0 - now.mono.0).hash(state);
        }
    }
}

pub fn day(now: Now) -> KstDate {
    KstDateTime::from_unix(now.wall).expect("a date after 1970").date()
}
