//! `kicc pay` and `kicc recover` killed at random instants (R17), then recovered to the end.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use kicc_testkit::van::faults::Plan;
use libtest_mimic::Trial;

use crate::{
    books,
    random::Random,
    shop::{HASTY, Process, Shop},
    trials::{long, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![trial("kill::r17_killed_at_any_instant_and_recovered_the_books_agree", many)]
}

/// The stages in which an approval can be met by a kill.
const STAGES: [&str; 6] = ["intent", "settling", "reversing", "undecided", "voiding", "closed untold"];

fn many() {
    let kills = if long() { 200 } else { 24 };
    let next = AtomicU64::new(0);
    let histogram = Mutex::new(BTreeMap::<String, usize>::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let which = next.fetch_add(1, Ordering::SeqCst);
                    if which >= kills {
                        return;
                    }
                    let mut random = Random::new(which);
                    let stages = loop {
                        if let Some(stages) = killed_and_recovered(which, &mut random) {
                            break stages;
                        }
                    };
                    eprintln!("kill {which}: {stages:?}");
                    let mut histogram = histogram.lock().unwrap();
                    for stage in stages.into_keys() {
                        *histogram.entry(stage).or_default() += 1;
                    }
                }
            });
        }
    });
    let histogram = histogram.into_inner().unwrap();
    eprintln!("kills that met a stage: {histogram:#?}");
    let least = if long() { 5 } else { 1 };
    for stage in STAGES {
        let met = histogram.get(stage).copied().unwrap_or(0);
        assert!(met >= least, "only {met} of {kills} kills met the stage {stage:?}");
    }
}

/// Returns the stages at the kill; `None` where it came too late.
fn killed_and_recovered(which: u64, random: &mut Random) -> Option<BTreeMap<String, usize>> {
    let shop = Shop::open(HASTY, HASTY.van());
    let numbers = load(random);
    let orders = shop.orders("orders.jsonl", &numbers);
    let mut command = shop.pay_command(&orders, 10);
    // In each third run outcomes stay on their way to whoever asked, because nobody reads them.
    let unread = which % 3 == 2;
    let mut pay = if unread { Process::start_unread(&mut command) } else { Process::start(&mut command) };
    thread::sleep(match which % 3 {
        // Anywhere, also before the journal is there.
        0 => random.millis(0, 2_000),
        // While the first ones are in the thick of it.
        1 => random.millis(100, 700),
        _ => random.millis(400, 2_000),
    });
    if pay.is_over() {
        return None;
    }
    let mut lines = pay.kill().lines;
    let stages = shop.stages();
    // Recovery may be killed, too.
    while random.below(3) == 0 {
        let recover = shop.start_recover(&[]);
        thread::sleep(random.millis(20, 1_500));
        lines.extend(recover.kill().lines);
    }
    lines.extend(shop.recover(&[]).ended_with(&[0]).lines);
    books::agree(&shop, &numbers, &lines);
    Some(stages)
}

/// Orders whose faults dwell in each of the stages, in random order.
fn load(random: &mut Random) -> Vec<String> {
    const DWELLING: [&str; 12] = [
        "hang_before",
        "hang_after+rescue_hang",
        "reset_after+rescue_hang_done",
        "late_after_give_up+rescue_5xx",
        "late_after_net_cancel",
        "late_forgetful",
        "decline_unlisted+rescue_hang",
        "decline_unlisted+rescue_hang_done",
        "cut150",
        "decline",
        "drip",
        "ok",
    ];
    let plans = DWELLING.iter().zip(1..).map(|(plan, serial)| plan.parse::<Plan>().unwrap().number(serial));
    let accept =
        ["Xok-S0020", "Xok-S0021", "Xok_chang-N022", "Xok_cref-N0023", "Xok_hang-N0024", "Xok-N0025"];
    let good = (30..42).map(|serial| Plan::OK.number(serial));
    let mut numbers: Vec<String> = plans.chain(accept.map(str::to_owned)).chain(good).collect();
    for last in (1..numbers.len()).rev() {
        numbers.swap(last, random.below(last as u64 + 1) as usize);
    }
    numbers
}
