//! A small gateway with a ledger of its own: one order, booked or not, voided or not.

use std::hash::Hash;

use kicc_proto::{
    flow::table::Verb,
    product::Product,
    time::{Mono, Now, UnixMillis},
    values::{KstDate, KstDateTime},
};

use super::place::{DECLINED, Habits, NOT_FOUND, NUMBER, TERMINAL, VAGUE, VAN_TERMINAL};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ledger {
    Nothing,
    Standing,
    Voided,
}

pub struct Van {
    habits: Habits,
    pub ledger: Ledger,
    booked: Option<Now>,
    /// What was booked is not what was asked for.
    pub other_amount: bool,
    /// Refuses the approval, whose net-cancel came first.
    refuses: bool,
    /// Requests that are still on their way: what, its body, and when it arrives.
    delayed: Vec<(Verb, Vec<u8>, Mono)>,
}

/// How long a gateway of Simple Payment remembers an approval for a net-cancel.
const REMEMBERED: u64 = 24 * 3_600_000;

impl Van {
    pub fn new(habits: Habits) -> Self {
        Van {
            habits,
            ledger: Ledger::Nothing,
            booked: None,
            other_amount: false,
            refuses: false,
            delayed: Vec::new(),
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
    }

    /// Does what is asked, and says so.
    pub fn answer(&mut self, verb: Verb, body: &[u8], now: Now) -> String {
        let body = String::from_utf8_lossy(body);
        match verb {
            Verb::Approve if self.refuses => self.code(DECLINED),
            Verb::Approve => self.book(now, false),
            _ => self.rescue(verb, &body, now),
        }
    }

    /// Books the approval, over the amount asked for or over another.
    pub fn book(&mut self, now: Now, other_amount: bool) -> String {
        self.ledger = Ledger::Standing;
        self.booked = Some(now);
        self.other_amount = other_amount;
        let standing = self.standing();
        match (other_amount, self.habits.product) {
            (false, _) => standing,
            (true, Product::Simple) => standing.replace(r#","aprvNo""#, r#","trxAmt":1,"aprvNo""#),
            (true, Product::EasyTalk) => standing.replace("51004", "1"),
        }
    }

    fn rescue(&mut self, verb: Verb, body: &str, now: Now) -> String {
        let easytalk = self.habits.product == Product::EasyTalk;
        let today = day(now);
        // A query knows yesterday and today, each under its own date; a cancel must be of today (spec B.5, B.6).
        let known = self.booked.is_none_or(|at| match easytalk {
            true => body.contains(day(at).as_str()) && day(at).days_between(&today) <= 1,
            // One that says 0000 for nothing could not be told from one that has voided (R13c): it forgets nothing.
            false => self.habits.nothing == "0000" || now.mono.0.saturating_sub(at.mono.0) <= REMEMBERED,
        });
        match (self.ledger, verb) {
            (Ledger::Nothing, Verb::Query) => self.code(NOT_FOUND),
            (_, Verb::Query) if !known => self.code(NOT_FOUND),
            (Ledger::Standing, Verb::Query) => self.standing(),
            (Ledger::Voided, Verb::Query) => self.voided(),
            (_, Verb::Cancel)
                if easytalk && !body.contains(&format!(r#""cancelReqDate":"{}""#, today.as_str())) =>
            {
                self.code(VAGUE)
            }
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
        self.body(code, "")
    }

    fn standing(&self) -> String {
        let booked = self.booked.and_then(|at| KstDateTime::from_unix(at.wall).ok());
        let (date, time) = booked.map_or((String::new(), String::new()), |at| {
            (at.date().as_str().to_owned(), at.time().as_str().to_owned())
        });
        let more = match self.habits.product {
            Product::Simple => format!(
                r#","aprvNo":"12345678","aprvDt":"{date}","vanTrxNo":"V12345678901","cardConfirmNo":"1234-56**-****-1234""#
            ),
            Product::EasyTalk => format!(
                r#","shopOrderNo":"GDS30004","controlNo":"20261121000000000001","amount":51004,"transactionDate":"{date}{time}""#
            ),
        };
        self.body("0000", &more)
    }

    fn voided(&self) -> String {
        match self.habits.product {
            Product::Simple => self.body("0000", r#","cardConfirmNo":"1234-56**-****-1234""#),
            Product::EasyTalk => {
                self.body("0000", r#","cancelControlNo":"20261121000000000002","amount":51004"#)
            }
        }
    }

    fn body(&self, code: &str, more: &str) -> String {
        match self.habits.product {
            Product::Simple => {
                format!(
                    r#"{{"respCd":"{code}","respMsg":"text","tid":"{TERMINAL}","mercTrxNo":"{NUMBER}"{more}}}"#
                )
            }
            Product::EasyTalk => format!(
                r#"{{"resCd":"{code}","resMsg":"text","shopTransactionId":"{NUMBER}","vanTid":"{VAN_TERMINAL}"{more}}}"#
            ),
        }
    }

    /// What decides how it will behave, without absolute times.
    pub fn digest(&self, now: Now, state: &mut impl std::hash::Hasher) {
        (self.ledger, self.refuses, self.other_amount, self.booked.map(|at| day(at).as_str().to_owned()))
            .hash(state);
        self.booked.is_some_and(|at| now.mono.0 - at.mono.0 > REMEMBERED).hash(state);
        for (verb, body, due) in &self.delayed {
            (verb, body, due.0 - now.mono.0).hash(state);
        }
    }
}

pub fn day(now: Now) -> KstDate {
    KstDateTime::from_unix(now.wall).expect("a date after 1970").date()
}
