//! Every short script of faults, crashes and a second worker against a small gateway with a ledger of its own:
//! in the end the gateway's ledger and the merchant's books agree, and the approval was sent at most once.
//!
//! A script is a list of choices; beyond its end everything goes well. All scripts that depart from the good in
//! at most two or three places are run, wherever in the run these places are.

extern crate std;

use alloc::{string::String, vec, vec::Vec};
use std::panic;

use super::scenario::*;
use crate::{
    flow::{Charged, Ended, InFlight, OperatorReason, Outcome, Settle, Step, Verdict, table::Verb},
    journal::Standing,
    time::Mono,
};

/// What the gateway makes of a void for which it has nothing, or nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Habits {
    /// It refuses an approval that comes after its net-cancel.
    remembers: bool,
    /// Nothing to void: `0000` without a card, or a code.
    nothing: &'static str,
    /// Voided before: `0000` without a card, a listed code, or one that proves nothing.
    already: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ledger {
    Nothing,
    Standing,
    Voided,
}

struct Gateway {
    habits: Habits,
    ledger: Ledger,
    /// An approval that is booked later.
    due: Option<Mono>,
    refuses: bool,
}

impl Gateway {
    fn book_what_is_due(&mut self, now: Mono) {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            if !self.refuses {
                self.ledger = Ledger::Standing;
            }
        }
    }

    fn void(&mut self, verb: Verb) -> String {
        match self.ledger {
            Ledger::Standing => {
                self.ledger = Ledger::Voided;
                voided_body()
            }
            Ledger::Voided => code_body(self.habits.already),
            Ledger::Nothing => {
                self.refuses |= self.habits.remembers && verb == Verb::NetCancel;
                code_body(self.habits.nothing)
            }
        }
    }
}

/// The choices of one run, and how many there were at each point.
struct Script<'a> {
    choices: &'a [u8],
    widths: Vec<u8>,
}

impl Script<'_> {
    /// 0 is the good choice.
    fn choose(&mut self, width: u8) -> u8 {
        let choice = self.choices.get(self.widths.len()).copied().unwrap_or(0);
        self.widths.push(width);
        choice
    }
}

struct Run<'a> {
    scene: Scene,
    gateway: Gateway,
    script: Script<'a>,
    /// What the merchant's books hold, once asked.
    books: Option<bool>,
    told_of: Option<Verdict>,
}

impl Run<'_> {
    fn drive(&mut self) {
        let mut step = Some(self.scene.begin());
        for _ in 0..500 {
            step = match step {
                Some(Step::Done(done)) => {
                    if let Ended::Verdict(verdict) = done.into_ended() {
                        self.told_of = Some(verdict);
                    }
                    None
                }
                Some(step) => self.go(step),
                // The worker is gone: another goes on, if there is something to go on with.
                None => match self.scene.rows.get(&key_of(NUMBER)).map(|row| row.standing) {
                    Some(Standing::Open) => Some(self.scene.resume()),
                    _ => return,
                },
            }
        }
        panic!("no end");
    }

    fn go(&mut self, step: Step) -> Option<Step> {
        match step {
            Step::Persist(persist) => {
                let fault = match self.script.choose(6) {
                    0 => None,
                    1 => return None,
                    2 => {
                        drop(self.scene.write(persist));
                        return None;
                    }
                    3 => Some(Fault::Full),
                    4 => Some(Fault::AnswerLost),
                    _ => Some(Fault::WriteLost),
                };
                self.scene.faults.push_back(fault);
                Some(self.scene.write(persist))
            }
            Step::Transmit(transmit) => {
                Some(self.scene.encode(transmit).map_or_else(|step| step, Step::InFlight))
            }
            Step::InFlight(in_flight) if in_flight.verb() == Verb::Approve => self.approve(in_flight),
            Step::InFlight(in_flight) => self.void(in_flight),
            Step::Wait(wait) => match self.script.choose(2) {
                0 => Some(self.scene.wake(wait)),
                _ => None,
            },
            Step::Settle(settle) => self.settle(settle),
            Step::AskBooks(_) | Step::Done(_) => panic!("{step:?}"),
        }
    }

    fn approve(&mut self, in_flight: InFlight) -> Option<Step> {
        let sent = self.scene.now.mono.0;
        let choice = self.script.choose(17);
        if !matches!(choice, 1..=3 | 7..=11 | 16) {
            self.gateway.ledger = Ledger::Standing;
        }
        let input = match choice {
            0 => approved(),
            1 => In::Refused,
            2 => code(DECLINED),
            3 => code(UNLISTED),
            4 => In::Timeout,
            5 => In::Status(502),
            6 => In::Body(approval_body(r#","trxAmt":1"#)),
            7 => In::Timeout,
            // Booked after give-up, before or after what comes first, always inside the quiet period.
            8..=11 => {
                let (after, input) = [(34, In::Timeout), (60, In::Timeout), (3, In::Reset), (34, In::Reset)]
                    [usize::from(choice - 8)]
                .clone();
                self.gateway.due = Some(Mono(sent + after * 1_000));
                input
            }
            12 => In::Late(approval_body("")),
            13 => return None,
            // Another worker has it before the answer is read: it has only claimed it, or has come to an end.
            14 => {
                let other = self.scene.resume();
                let step = self.scene.answer(in_flight, &approved());
                drop(self.scene.play(step, &[]));
                return Some(other);
            }
            15 => {
                self.another_to_its_end();
                return Some(self.scene.answer(in_flight, &approved()));
            }
            // It is booked only then, later than ever assumed: R9 holds as far as the answer is read and written down.
            _ => {
                self.another_to_its_end();
                let input = if self.gateway.refuses { code(DECLINED) } else { approved() };
                if !self.gateway.refuses {
                    self.gateway.ledger = Ledger::Standing;
                }
                let step = self.scene.answer(in_flight, &input);
                drop(self.scene.play(step, &[]));
                return None;
            }
        };
        Some(self.scene.answer(in_flight, &input))
    }

    fn another_to_its_end(&mut self) {
        let mut other = Some(self.scene.resume());
        while !matches!(other, None | Some(Step::Done(_))) {
            other = other.and_then(|step| self.go(step));
        }
    }

    fn void(&mut self, in_flight: InFlight) -> Option<Step> {
        self.gateway.book_what_is_due(self.scene.now.mono);
        let choice = self.script.choose(7);
        let body = if choice < 3 { self.gateway.void(in_flight.verb()) } else { String::new() };
        let input = match choice {
            0 => In::Body(body),
            1 => In::Timeout,
            2 => return None,
            3 => In::Reset,
            4 => code("8888"),
            5 => In::Refused,
            _ => return None,
        };
        Some(self.scene.answer(in_flight, &input))
    }

    /// The accept step is idempotent: once it has said something, it says the same.
    fn settle(&mut self, settle: Settle) -> Option<Step> {
        assert_eq!(self.scene.record().stage, crate::flow::table::Stage::Undecided, "R18");
        let choice = match self.books {
            Some(true) => 0,
            Some(false) => 1,
            None => self.script.choose(5),
        };
        let input = match choice {
            0 | 3 => In::Held,
            1 | 4 => In::NotHeld,
            _ => In::CannotTell,
        };
        if choice != 2 {
            self.books = Some(matches!(input, In::Held));
        }
        (choice < 3).then(|| self.scene.settle(settle, &input))
    }

    fn check(mut self) -> Vec<u8> {
        self.gateway.book_what_is_due(Mono(u64::MAX));
        let Run { scene, gateway, script, books, told_of } = self;
        let verbs = scene.verbs();
        assert!(verbs.iter().filter(|verb| **verb == Verb::Approve).count() <= 1, "R4: {verbs:?}");
        let mut rescues = scene.sent.iter().filter(|sent| sent.verb == Verb::NetCancel);
        if let Some(first) = rescues.next() {
            assert!(rescues.all(|sent| sent.body == first.body), "R10");
        }
        let charged = gateway.ledger == Ledger::Standing;
        let verdict = match scene.rows.get(&key_of(NUMBER)) {
            None => told_of,
            Some(row) => crate::journal::record::Record::of_row(row).unwrap().verdict(),
        };
        match verdict {
            // A crash before the first write: nobody was told anything.
            None => assert!(!charged && verbs.is_empty()),
            Some(Verdict::Approval(outcome)) => match &outcome {
                Outcome::NeedsOperator { why, charged, .. } => {
                    // Only a gateway whose codes prove nothing, and that has voided it, needs a person.
                    assert_eq!(gateway.habits.already, "8888", "{outcome:?}");
                    assert!(matches!(why, OperatorReason::ProvesNothing(_) | OperatorReason::Unconfirmed));
                    assert_ne!(*charged, Charged::No);
                }
                Outcome::Approved(_) => assert!(charged && books == Some(true), "{outcome:?} {books:?}"),
                _ => {
                    assert!(!charged, "{outcome:?}, and charged");
                    assert_ne!(books, Some(true), "{outcome:?}, and the books hold it");
                }
            },
            Some(other) => panic!("{other:?}"),
        }
        script.widths
    }
}

fn run(habits: Habits, choices: &[u8]) -> Vec<u8> {
    let mut run = Run {
        scene: Scene::with(|policy| policy.rescue_attempts = 7),
        gateway: Gateway { habits, ledger: Ledger::Nothing, due: None, refuses: false },
        script: Script { choices, widths: Vec::new() },
        books: None,
        told_of: None,
    };
    run.drive();
    run.check()
}

/// Runs `choices` and everything that departs from it in up to `departures` later places.
fn explore(habits: Habits, choices: &mut Vec<u8>, departures: usize, runs: &mut u64) {
    let widths = panic::catch_unwind(|| run(habits, choices))
        .unwrap_or_else(|_| panic!("the script {choices:?} fails under {habits:?}"));
    *runs += 1;
    if departures == 0 {
        return;
    }
    let given = choices.len();
    for (at, width) in widths.into_iter().enumerate().skip(given) {
        choices.resize(at, 0);
        for choice in 1..width {
            choices.push(choice);
            explore(habits, choices, departures - 1, runs);
            choices.truncate(at);
        }
    }
    choices.truncate(given);
}

fn all(remembers: bool, nothing: &[&'static str], already: &[&'static str], departures: usize) {
    let mut runs = 0;
    for (nothing, already) in
        nothing.iter().flat_map(|nothing| already.iter().map(move |code| (*nothing, *code)))
    {
        explore(Habits { remembers, nothing, already }, &mut vec![], departures, &mut runs);
    }
    assert!(runs > 4_000, "{runs}");
}

#[test]
fn both_books_agree_after_two_departures() {
    for remembers in [true, false] {
        all(remembers, &["0000", NOTHING], &["0000", ALREADY, "8888"], 2);
    }
}

/// The gateway that forgets is the one against which the quiet period is needed (R13).
#[test]
fn both_books_agree_after_three_departures_with_a_code_for_nothing() {
    all(false, &[NOTHING], &[ALREADY, "0000"], 3);
}

#[test]
fn both_books_agree_after_three_departures_without_codes() {
    all(false, &["0000"], &[ALREADY, "0000"], 3);
}
