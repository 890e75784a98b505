//! The real engine against everything that can go wrong around it, exhaustively; and machines that break a rule each,
//! to see that the search would find them. What it has come to is told in `docs/exploration.md`.
//!
//! Explored are all orders of what can happen to one sale, or to one refund of it, with so many *departures* from the
//! good: a write that fails or is not known, a request or an answer that is lost, late, cut, somebody else's or another
//! than expected, a crash, a stop with or without another taking over, a merchant that does not hold it or cannot tell,
//! a night overslept, a clock that jumps, a backup restored, a person. In which order two workers move costs nothing,
//! and neither does when a late commit lands.
//!
//! The bound is on departures alone: any two, and one crash beside them, at any place and in any order. Two meet
//! everywhere, and each pair of them in a process that dies before, between or after. From the last one on, a measure of
//! messages that may still be sent and of steps to them falls with every act, so that every run ends by itself.
//!
//! A state is what decides the future: the records without history and moments, the gateway's books, what is on its
//! way, and what each worker has in hand; counted where something can go on in more than one way. Two that count as one
//! must at least offer equally many acts.
//!
//! `cargo test -p kicc-testkit --test explore` explores that and prints its counts, with `-- --nocapture` also what it met.
//! Deeper, any three:
//! `KICC_EXPLORE=3 cargo test --release -p kicc-testkit --test explore keeps -- --nocapture`.
//! `KICC_EXPLORE_DIAGRAMS=1` prints the known-bad machines' counterexamples as sequence diagrams.
//!
//! It is a search of our own, since a model checker such as stateright copies its states; the engine's values cannot be
//! copied, on purpose, and are replayed. (stateright also brings `rand`, which `deny.toml` bars.)
//!
//! What is assumed of the gateway, beside the assumption behind the quiet period: it does not do what it is asked and
//! refuse it where nothing but its word is to be had ([`acts`]). A clock that jumps near midnight is left out: its dates
//! are wrong, and every message has them.

mod acts;
mod coverage;
mod driver;
mod easytalk;
mod glance;
mod iamport;
mod judge;
mod machines;
mod place;
mod search;
mod simple;
mod state;
mod van;
mod world;

use std::{io::Write as _, time::Instant};

use kicc_proto::{flow::table::Row, product::Product};

use acts::Budget;
use coverage::Coverage;
use machines::Machine;
use search::{Counterexample, Order, search, shortest};

/// What may go wrong, where nothing else is said: any two things, and a crash beside them.
const BUDGET: Budget = Budget { departures: 2, crashes: 1 };

/// `KICC_EXPLORE=3`: any three things; `KICC_EXPLORE=2+1`: any two, and a crash beside them.
fn budget() -> Budget {
    let Ok(text) = std::env::var("KICC_EXPLORE") else { return BUDGET };
    let (departures, crashes) = text.split_once('+').unwrap_or((&text, "0"));
    let count =
        |text: &str| text.parse().expect("KICC_EXPLORE is a number of departures, or departures+crashes");
    Budget { departures: count(departures), crashes: count(crashes) }
}

fn explore(product: Product) {
    let (began, budget) = (Instant::now(), budget());
    let found = search(&place::places(product), Machine::Real, budget, Order::Onward);
    if let Some(Counterexample { broken, diagram, .. }) = &found.counterexample {
        panic!("{}: {broken}\n{}", product.as_str(), diagram.join("\n"));
    }
    tell(&format!(
        "{}: {} states, {} transitions, {} ends, {} choices deep, at most {} departures and {} crashes, 0 violations, \
         {:.1} s",
        product.as_str(),
        found.states,
        found.transitions,
        found.ends,
        found.deepest,
        budget.departures,
        budget.crashes,
        began.elapsed().as_secs_f32(),
    ));
    let Coverage { rows, outcomes, .. } = &found.coverage;
    println!("{}: {} of {} rows: {rows:?}", product.as_str(), rows.len(), Row::ALL.len());
    println!("{}: {} ends: {outcomes:?}", product.as_str(), outcomes.len());
    if budget >= BUDGET {
        let surprises = found.coverage.surprises(place::sample(product));
        assert!(surprises.is_empty(), "missed, or met though it should never be: {surprises:?}");
    }
}

/// Says it past the test harness, which keeps what is printed of a test that passes.
fn tell(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("somebody who listens");
}

#[test]
fn simple_payment_keeps_every_rule() {
    explore(Product::Simple);
}

#[test]
fn easytalk_pay_keeps_every_rule() {
    explore(Product::EasyTalk);
}

#[test]
fn iamport_keeps_every_rule() {
    explore(Product::Iamport);
}

/// The proof can fail. No deeper than the real machine is explored anyway, so that nothing is found which is no fault
/// of the machine.
#[test]
fn every_known_bad_machine_is_found() {
    let mut missed = Vec::new();
    for machine in Machine::BAD {
        for product in machine.products() {
            let result = shortest(&machine.places(*product), *machine, Budget { crashes: 0, ..BUDGET });
            if let Some(Counterexample { broken, length, departures, diagram }) = result {
                let (product, lines) = (product.as_str(), diagram.len() - 1);
                println!(
                    "{machine:?} {} | {product} | {length} choices, {departures} departures, {lines} lines | {broken}",
                    machine.what()
                );
                if std::env::var_os("KICC_EXPLORE_DIAGRAMS").is_some() {
                    println!("{}", diagram.join("\n"));
                }
            } else {
                missed.push((machine, product));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
