//! The example server killed at random instants under load (R17), and started again.

use std::thread;

use libtest_mimic::Trial;

use crate::{
    books,
    load::{self, Load},
    random::Random,
    rounds::{Stages, instant, stages, until_met},
    shop::{HURRY, Shop},
    trials::{long, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![trial("kill::r17_killed_at_any_instant_under_load_and_started_again_the_books_agree", many)]
}

/// The stages in which an approval can be met.
const STAGES: [&str; 6] = ["intent", "settling", "reversing", "undecided", "voiding", "closed untold"];

fn many() {
    until_met("kill", if long() { 100 } else { 12 }, &STAGES, |_, random| killed_and_started_again(random));
}

/// Returns how many records were met in which stage.
fn killed_and_started_again(random: &mut Random) -> Stages {
    let shop = Shop::open(load::van(), HURRY);
    let numbers = load::numbers(40, random);
    let server = shop.serve();
    let load = Load::start(&server, &numbers);
    thread::sleep(instant(random));
    server.process.kill();
    let answers = load.answers();
    let stages = stages(&shop);
    // Now and then it is killed again while it recovers.
    while random.below(3) == 0 {
        let server = shop.serve();
        thread::sleep(random.millis(10, 1_500));
        server.process.kill();
    }
    let server = shop.serve();
    shop.wait_until_settled();
    assert_eq!(server.terminate(), 0);
    books::agree(&shop, &numbers, &answers);
    stages
}
