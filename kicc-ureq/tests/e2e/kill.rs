//! `kicc pay` and `kicc recover` killed at random instants (R17), then recovered to the end.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use kicc_testkit::van::faults::{Plan, Product};
use libtest_mimic::Trial;

use crate::{
    books,
    process::{Line, PAGE, Process},
    random::Random,
    shop::{HASTY, Shop, name},
    trials::{each_product, long},
};

pub fn trials() -> Vec<Trial> {
    each_product("kill", "r17_killed_at_any_instant_and_recovered_the_books_agree", many).collect()
}

/// How often which stage was met.
pub type Stages = BTreeMap<String, usize>;

/// The stages in which an approval can be met by a kill.
const STAGES: [&str; 6] = ["intent", "settling", "reversing", "undecided", "voiding", "closed untold"];

fn many(product: Product) {
    let kills = if long() { 200 } else { 16 };
    until_met(&format!("kills of {} pay", name(product)), kills, &STAGES, |which, random| {
        loop {
            if let Some(stages) = killed_and_recovered(product, which, random) {
                eprintln!("{}: kill {which}: {stages:?}", name(product));
                return each_once(stages);
            }
        }
    });
}

/// However many records a kill met in a stage.
pub fn each_once(stages: Stages) -> Stages {
    stages.into_keys().map(|stage| (stage, 1)).collect()
}

/// Does it so many times, four at a time, and three times as many at most if chance will have it that one of the
/// stages was not met (five times in the long form). Fails unless all were.
pub fn until_met(what: &str, times: u64, stages: &[&str], once: impl Fn(u64, &mut Random) -> Stages + Sync) {
    let least = if long() { 5 } else { 1 };
    let missing = |met: &Stages| {
        stages.iter().find(|stage| met.get(**stage).is_none_or(|times| *times < least)).copied()
    };
    let (next, met) = (AtomicU64::new(0), Mutex::new(Stages::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let which = next.fetch_add(1, Ordering::SeqCst);
                    if which >= times && (which >= 3 * times || missing(&met.lock().unwrap()).is_none()) {
                        return;
                    }
                    let stages = once(which, &mut Random::new(which));
                    let mut met = met.lock().unwrap();
                    for (stage, times) in stages {
                        *met.entry(stage).or_default() += times;
                    }
                }
            });
        }
    });
    let met = met.into_inner().unwrap();
    eprintln!("{what} met, in {times} rounds or more: {met:#?}");
    assert_eq!(missing(&met), None, "{what}: hardly met");
}

/// Returns the stages at the kill; `None` where it came too late.
fn killed_and_recovered(product: Product, which: u64, random: &mut Random) -> Option<Stages> {
    let shop = Shop::open(product, HASTY, HASTY.van());
    let numbers = load(product, random);
    let mut command = shop.pay_command(&shop.orders(&numbers), 10);
    // In each third run outcomes stay on their way to whoever asked, because nobody reads them.
    let unread = which % 3 == 2;
    let mut pay =
        if unread { Process::start_unread(&mut command, PAGE) } else { Process::start(&mut command) };
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
    lines.extend(recovered(&shop, random, &[0]));
    books::agree(&shop, &numbers, &lines);
    Some(stages)
}

/// Recovers to one of these exit codes, and is killed at it a few times first. Returns all that was printed.
pub fn recovered(shop: &Shop, random: &mut Random, codes: &[i32]) -> Vec<Line> {
    let mut lines = Vec::new();
    while random.below(3) == 0 {
        let recover = shop.start_recover(&[]);
        thread::sleep(random.millis(20, 1_500));
        lines.extend(recover.kill().lines);
    }
    lines.extend(shop.recover(&[]).ended_with(codes).lines);
    lines
}

/// Orders whose faults dwell in each of the stages, in random order.
fn load(product: Product, random: &mut Random) -> Vec<String> {
    const ALL: [&str; 9] = [
        "hang_before",
        "hang_after+rescue_hang",
        "late_after_give_up+rescue_5xx",
        "late_forgetful",
        "decline_unlisted+rescue_hang",
        "cut150",
        "decline",
        "drip",
        "ok",
    ];
    let own = match product {
        Product::Simple => {
            ["reset_after+rescue_hang_done", "late_after_net_cancel", "decline_unlisted+rescue_hang_done"]
        }
        Product::EasyTalk => {
            ["reset_after+cancel_duplicate_before", "duplicate+query_both", "amount_differs+cancel_hang"]
        }
        Product::Iamport => {
            ["reset_after+cancel_partly", "paid_twice+rescue_hang", "amount_differs+cancel_hang"]
        }
    };
    let plans = ALL.into_iter().chain(own).zip(1..);
    let plans = plans.map(|(plan, serial)| plan.parse::<Plan>().unwrap().number(serial));
    let accept =
        ["Xok-S0020", "Xok-S0021", "Xok_chang-N022", "Xok_cref-N0023", "Xok_hang-N0024", "Xok-N0025"];
    let good = (30..42).map(|serial| Plan::OK.number(serial));
    let mut numbers: Vec<String> = plans.chain(accept.map(str::to_owned)).chain(good).collect();
    random.shuffle(&mut numbers);
    numbers
}
