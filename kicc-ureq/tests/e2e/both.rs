//! All products side by side: one configuration, one journal, the same numbers, and one `kicc recover` for all.

use std::thread;

use kicc_testkit::van::faults::{Plan, Product};
use libtest_mimic::Trial;

use crate::{
    books, kill,
    process::Run,
    random::Random,
    shop::{CALM, HASTY, PRODUCTS, Shop, name},
    trials::{long, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("both::r3_the_same_numbers_in_all_products_are_an_order_each", the_same_numbers),
        trial("both::r20_killed_and_brought_to_their_end_by_one_recovery", killed),
    ]
}

/// Orders that are reversed, whenever a process is killed.
fn reversed() -> Vec<String> {
    let plans =
        ["hang_after", "hang_before+rescue_5xx", "late_forgetful", "cut150", "hang_after+rescue_hang"];
    let accept = ["Xok-N0021", "Xok_chang-N0022", "Xok_hang-N0023"];
    numbers(&plans, 1).into_iter().chain(accept.map(str::to_owned)).collect()
}

/// Orders with every other kind of end.
fn others(first: u32) -> Vec<String> {
    numbers(&["ok", "decline", "decline_unlisted+rescue_hang", "drip", "ok", "ok"], first)
}

fn numbers(plans: &[&str], first: u32) -> Vec<String> {
    (first..).zip(plans).map(|(serial, plan)| plan.parse::<Plan>().unwrap().number(serial)).collect()
}

fn the_same_numbers() {
    let simple = Shop::open(Product::Simple, CALM, CALM.van());
    let shops = PRODUCTS.map(|product| simple.with(product));
    let numbers = [reversed(), others(50)].concat();
    let pays = shops.each_ref().map(|shop| shop.start_pay(&shop.orders(&numbers), numbers.len()));
    let runs: [Run; PRODUCTS.len()] = pays.map(|pay| pay.wait().ended_with(&[12]));
    for (shop, run) in shops.iter().zip(&runs) {
        assert!(run.lines.iter().all(|line| !line.repeat), "known from another product: {run:#?}");
        assert_eq!(books::agree(shop, &numbers, &run.lines), 0);
    }
    assert_eq!(simple.van.counts().approvals, (PRODUCTS.len() * numbers.len()) as u64);
    let before = simple.van.counts();
    let nothing = simple.recover(&[]).ended_with(&[0]);
    assert_eq!((nothing.lines, simple.van.counts()), (Vec::new(), before), "something was left");
}

fn killed() {
    let rounds = if long() { 40 } else { 4 };
    let met = ["simple reversing", "easytalk reversing", "iamport reversing"];
    kill::until_met("kills of all products", rounds, &met, |which, random| {
        let stages = killed_and_recovered(random);
        eprintln!("all products: kill {which}: {stages:?}");
        kill::each_once(stages)
    });
}

fn killed_and_recovered(random: &mut Random) -> kill::Stages {
    let simple = Shop::open(Product::Simple, HASTY, HASTY.van());
    let shops = PRODUCTS.map(|product| simple.with(product));
    let mut numbers = [reversed(), others(50)].concat();
    random.shuffle(&mut numbers);
    let pays = shops.each_ref().map(|shop| shop.start_pay(&shop.orders(&numbers), 8));
    let mut lines = Vec::new();
    for pay in pays {
        thread::sleep(random.millis(50, 900));
        lines.extend(pay.kill().lines);
    }
    let stages = shops.iter().flat_map(|shop| {
        let of = name(shop.product);
        shop.stages().into_iter().map(move |(stage, count)| (format!("{of} {stage}"), count))
    });
    let stages = stages.collect();
    lines.extend(kill::recovered(&simple, random, &[0]));
    for shop in &shops {
        books::agree(shop, &numbers, &lines);
    }
    stages
}
