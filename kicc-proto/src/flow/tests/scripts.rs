//! Every short script of faults, crashes and a second worker against a small gateway with a ledger of its own:
//! in the end the gateway's ledger and the merchant's books agree, and the approval was sent at most once.
//!
//! A script is a list of choices; beyond its end everything goes well. All scripts that depart from the good in
//! at most two or three places are run, wherever in the run these places are.

extern crate std;

use alloc::{format, string::String, vec, vec::Vec};
use std::panic;

use super::{easytalk, iamport, scenario::*};
use crate::{
    flow::{Charged, Ended, InFlight, OperatorReason, Outcome, Settle, Step, Verdict, table::Verb},
    journal::Standing,
    product::Product,
    time::{Mono, Now, UnixMillis},
    values::{KstDate, KstDateTime},
};

const NOON: &str = "20261121120000";

/// What the gateway speaks, and what it makes of a void for which it has nothing, or nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Habits {
    product: Product,
    /// When the run begins, in Korea.
    begins: &'static str,
    /// It refuses an approval that comes after its net-cancel.
    remembers: bool,
    /// Nothing to void: `0000` without a card, or a code.
    nothing: &'static str,
    /// Voided before: `0000` without a card, a listed code, or one that proves nothing.
    already: &'static str,
    /// How i'mport is used.
    use_of: Use,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// A charge; what a look-up finds is cancelled.
    Cancel,
    /// A charge; what a look-up finds is adopted.
    Adopt,
    /// A payment that was made in the window, before the run begins.
    Window,
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
    /// The day in Korea under which the approval is booked.
    booked_on: Option<KstDate>,
    /// An approval that is booked later.
    due: Option<Mono>,
    refuses: bool,
}

impl Habits {
    fn scene(self) -> Scene {
        let mut scene = match self.product {
            Product::Simple => Scene::with(|policy| policy.rescue_attempts = 7),
            Product::EasyTalk => Scene::easytalk(easytalk::settings(), |policy| policy.rescue_attempts = 14),
            Product::Iamport => match self.use_of {
                Use::Cancel => iamport::charging(),
                Use::Adopt => iamport::adopting(),
                Use::Window => iamport::in_window(),
            },
        };
        scene.now = in_korea(self.begins);
        scene
    }

    fn approved(self) -> String {
        match self.product {
            Product::Simple => approval_body(""),
            Product::EasyTalk => easytalk::standing(),
            Product::Iamport => iamport::success(&iamport::paid(iamport::ONE)),
        }
    }

    fn approved_over_another_amount(self) -> String {
        match self.product {
            Product::Simple => approval_body(r#","trxAmt":1"#),
            Product::EasyTalk => easytalk::standing().replace("51004", "1"),
            Product::Iamport => self.approved().replace("10000", "10010"),
        }
    }

    fn voided(self) -> String {
        match self.product {
            Product::Simple => voided_body(),
            Product::EasyTalk => easytalk::cancelled(),
            Product::Iamport => iamport::success(&iamport::cancelled(iamport::ONE)),
        }
    }

    fn code(self, code: &str) -> String {
        match self.product {
            Product::Simple => code_body(code),
            Product::EasyTalk => easytalk::body(code, ""),
            Product::Iamport if code == DECLINED => iamport::success(&iamport::failed(iamport::ONE)),
            Product::Iamport => iamport::refused(),
        }
    }

    /// When a late approval is booked, in seconds from when it was sent: two after an answer that did not come in time,
    /// two after a connection that broke. After give-up, and always inside the quiet period.
    fn late(self) -> [u64; 4] {
        match self.product {
            Product::Iamport => [61, 149, 3, 89],
            _ => [34, 60, 3, 34],
        }
    }
}

impl Gateway {
    fn book(&mut self, now: Now) {
        self.ledger = Ledger::Standing;
        self.booked_on = Some(today(now));
    }

    fn book_what_is_due(&mut self, now: Now) {
        let Some(due) = self.due.filter(|due| *due <= now.mono) else { return };
        self.due = None;
        if !self.refuses {
            let ago = now.mono.0 - due.0;
            self.book(Now { mono: due, wall: UnixMillis(now.wall.0 - ago) });
        }
    }

    /// A query knows a transaction under the day of its booking; a cancel must be of today (spec B.5, B.6).
    fn rescue(&mut self, verb: Verb, (path, body): (&str, &str), now: Now) -> String {
        if self.habits.product == Product::Iamport {
            return self.rescue_of_iamport(verb, path);
        }
        let today = format!(r#""cancelReqDate":"{}""#, today(now).as_str());
        let of_another_day = self.booked_on.is_some_and(|day| !body.contains(day.as_str()));
        match (self.ledger, verb) {
            (_, Verb::Query) if of_another_day => self.habits.code(easytalk::NOT_FOUND),
            (_, Verb::Cancel) if self.habits.product == Product::EasyTalk && !body.contains(&today) => {
                self.habits.code("7300")
            }
            (Ledger::Standing, Verb::Query) => self.habits.approved(),
            (Ledger::Voided, Verb::Query) => self.habits.voided(),
            (Ledger::Nothing, Verb::Query) => self.habits.code(easytalk::NOT_FOUND),
            (Ledger::Standing, _) => {
                self.ledger = Ledger::Voided;
                self.habits.voided()
            }
            (Ledger::Voided, _) => self.habits.code(self.habits.already),
            (Ledger::Nothing, _) => {
                self.refuses |= self.habits.remembers && verb == Verb::NetCancel;
                self.habits.code(self.habits.nothing)
            }
        }
    }

    fn rescue_of_iamport(&mut self, verb: Verb, path: &str) -> String {
        let (paid, cancelled) = (iamport::paid(iamport::ONE), iamport::cancelled(iamport::ONE));
        let found = |payment: String| match path.contains("/findAll/") {
            true => iamport::page(&[payment]),
            false => iamport::success(&payment),
        };
        match (self.ledger, verb) {
            (Ledger::Standing, Verb::Query) => found(paid),
            (Ledger::Voided, Verb::Query) => found(cancelled),
            (Ledger::Nothing, Verb::Query) => iamport::page(&[]),
            (Ledger::Standing, _) => {
                self.ledger = Ledger::Voided;
                iamport::success(&cancelled)
            }
            (Ledger::Voided | Ledger::Nothing, _) => iamport::refused(),
        }
    }
}

fn today(now: Now) -> KstDate {
    KstDateTime::from_unix(now.wall).unwrap().date()
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
                None => match self.scene.rows.get(&self.scene.key()).map(|row| row.standing) {
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
            Step::InFlight(in_flight) => self.rescue(in_flight),
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
        let choice = match self.script.choose(17) {
            // It was paid before: nothing of this can be, or is another's.
            2 | 6..=11 | 16 if self.gateway.habits.use_of == Use::Window => 0,
            choice => choice,
        };
        if !matches!(choice, 1..=3 | 7..=11 | 16) {
            self.gateway.book(self.scene.now);
        }
        let habits = self.gateway.habits;
        let approved = || In::Body(habits.approved());
        let code = |code: &str| In::Body(habits.code(code));
        let input = match choice {
            0 => approved(),
            1 => In::Refused,
            2 => code(DECLINED),
            3 => code(UNLISTED),
            4 => In::Timeout,
            5 => In::Status(502),
            6 => In::Body(habits.approved_over_another_amount()),
            7 => In::Timeout,
            // Booked after give-up, before or after what comes first, always inside the quiet period.
            8..=11 => {
                let after = habits.late()[usize::from(choice - 8)];
                self.gateway.due = Some(Mono(sent + after * 1_000));
                if choice < 10 { In::Timeout } else { In::Reset }
            }
            12 => In::Late(habits.approved()),
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
                    self.gateway.book(self.scene.now);
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

    fn rescue(&mut self, in_flight: InFlight) -> Option<Step> {
        self.gateway.book_what_is_due(self.scene.now);
        let choice = self.script.choose(7);
        let sent = self.scene.sent.last().expect("it was sent");
        let asked = (sent.path.as_str(), sent.body.as_str());
        let body = match choice {
            0..3 => self.gateway.rescue(in_flight.verb(), asked, self.scene.now),
            _ => String::new(),
        };
        let input = match choice {
            0 => In::Body(body),
            1 => In::Timeout,
            2 => return None,
            3 => In::Reset,
            4 => In::Body(self.gateway.habits.code("8888")),
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
        self.scene.later(3_600_000);
        self.gateway.book_what_is_due(self.scene.now);
        let Run { scene, gateway, script, books, told_of } = self;
        let verbs = scene.verbs();
        assert!(verbs.iter().filter(|verb| **verb == Verb::Approve).count() <= 1, "R4: {verbs:?}");
        let mut rescues = scene.sent.iter().filter(|sent| sent.verb == Verb::NetCancel);
        if let Some(first) = rescues.next() {
            assert!(rescues.all(|sent| sent.body == first.body), "R10");
        }
        let charged = gateway.ledger == Ledger::Standing;
        let verdict = match scene.rows.get(&scene.key()) {
            None => told_of,
            Some(row) => crate::journal::record::Record::of_row(row).unwrap().verdict(),
        };
        match verdict {
            // A crash before the first write: nobody was told anything.
            None => assert!((!charged || gateway.habits.use_of == Use::Window) && verbs.is_empty()),
            Some(Verdict::Approval(Outcome::NeedsOperator {
                why: OperatorReason::PaidNotRecorded, ..
            })) => {
                let nothing_done = scene.rows.is_empty() && verbs.is_empty() && books.is_none();
                assert!(nothing_done && charged && gateway.habits.use_of == Use::Window);
            }
            Some(Verdict::Approval(outcome)) => match &outcome {
                Outcome::NeedsOperator { why, charged, .. } => {
                    // Only a gateway whose codes prove nothing, that has voided it, and that cannot be asked, needs a
                    // person.
                    assert_eq!(gateway.habits.product, Product::Simple, "{outcome:?}");
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
    let ledger = if habits.use_of == Use::Window { Ledger::Standing } else { Ledger::Nothing };
    let mut run = Run {
        scene: habits.scene(),
        gateway: Gateway { habits, ledger, booked_on: None, due: None, refuses: false },
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
        let product = Product::Simple;
        let habits = Habits { product, begins: NOON, remembers, nothing, already, use_of: Use::Cancel };
        explore(habits, &mut vec![], departures, &mut runs);
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

/// R11, R16: the same with a gateway that can be asked, and whose cancels say *duplicate* or nothing of use; R13, R16:
/// also over a Korean midnight, wherever it falls.
#[test]
fn both_books_agree_after_three_departures_with_a_query() {
    let midnights = ["20261121235958", "20261121235935", "20261121235900"];
    for (begins, departures) in [(NOON, 3)].into_iter().chain(midnights.map(|begins| (begins, 2))) {
        for already in [DUPLICATE, "8888"] {
            let mut runs = 0;
            let product = Product::EasyTalk;
            let use_of = Use::Cancel;
            let habits = Habits { product, begins, remembers: false, nothing: "8888", already, use_of };
            explore(habits, &mut vec![], departures, &mut runs);
            assert!(runs > 400, "{runs}");
        }
    }
}

/// R12: i'mport, with each of its uses. What the customer paid in the window is never lost, whatever is not sent.
#[test]
fn both_books_agree_after_three_departures_at_iamport() {
    for use_of in [Use::Cancel, Use::Adopt, Use::Window] {
        let mut runs = 0;
        let product = Product::Iamport;
        let habits = Habits { product, begins: NOON, remembers: false, nothing: "", already: "", use_of };
        explore(habits, &mut vec![], 3, &mut runs);
        assert!(runs > 4_000, "{runs}");
    }
}
