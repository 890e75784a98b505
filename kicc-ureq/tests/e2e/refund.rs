//! `kicc refund`: every rescue fault under a cancel, and killed at random instants, then recovered (R16, R17).

use std::thread;

use kicc_testkit::van::{
    VanConfig,
    faults::{End, Fault, Plan, Product, Rescue},
};
use libtest_mimic::Trial;

use crate::{
    books,
    kill::{self, Stages},
    process::{Line, PAGE, Process, Run},
    random::Random,
    shop::{CALM, HASTY, JournalRow, Shop, Times, name},
    trials::{each_product, long},
};

pub fn trials() -> Vec<Trial> {
    let faults = each_product("refund", "r16_every_rescue_fault_ends_as_it_must", every_fault);
    let kills = each_product("refund", "r17_killed_at_any_instant_and_recovered_each_is_refunded_once", many);
    faults.chain(kills).collect()
}

/// Exit codes of `kicc refund`.
const REFUNDED: i32 = 0;
const REFUSED: i32 = 20;
const NEEDS_OPERATOR: i32 = 23;

/// What becomes of an approval's refund when its cancel, and what settles it, meet a rescue fault.
fn plans(product: Product) -> Vec<(Plan, i32)> {
    let rescues = [None].into_iter().chain(Rescue::of(product).map(Some));
    let end = |rescue| match (product, rescue) {
        (_, Some(Rescue::ProvesNothing)) => NEEDS_OPERATOR,
        // A refusal with a code that is in no list, and no query to settle it (R15).
        (Product::Simple, Some(Rescue::CancelRefused)) => NEEDS_OPERATOR,
        // A refusal, and a look-up that shows the very balance that it was about (R16).
        (Product::Iamport, Some(Rescue::CancelRefused | Rescue::CancelDuplicateBefore)) => REFUSED,
        _ => REFUNDED,
    };
    rescues.map(|rescue| (Plan { fault: Fault::Ok, rescue }, end(rescue))).collect()
}

/// A shop that has sold an order for each plan, and their numbers.
fn sold(
    product: Product,
    times: Times,
    van: VanConfig,
    plans: impl Iterator<Item = Plan>,
) -> (Shop, Vec<String>) {
    let shop = Shop::open(product, times, van);
    let numbers: Vec<String> = plans.zip(1..).map(|(plan, serial)| plan.number(serial)).collect();
    books::agree(&shop, &numbers, &shop.pay(&numbers).ended_with(&[0]).lines);
    (shop, numbers)
}

fn every_fault(product: Product) {
    let (shop, numbers) = sold(product, CALM, CALM.van(), plans(product).into_iter().map(|(plan, _)| plan));
    let runs = refunds(&shop, &numbers);
    for ((plan, code), run) in plans(product).iter().zip(&runs) {
        assert_eq!(run.code(), Some(*code), "{plan}: {run:#?}");
    }
    let expected = plans(product).iter().filter(|(_, code)| *code == NEEDS_OPERATOR).count();
    assert_eq!(books::agree_after_refunds(&shop, &numbers, &lines_of(runs)), expected);
}

/// Refunds them all at once, each by a process of its own.
fn refunds(shop: &Shop, numbers: &[String]) -> Vec<Run> {
    let start = |number: &String| Process::start(&mut shop.refund_command(number));
    let refunds: Vec<Process> = numbers.iter().map(start).collect();
    refunds.into_iter().map(|refund| refund.wait().ended_with(&[REFUNDED, REFUSED, NEEDS_OPERATOR])).collect()
}

fn lines_of(runs: Vec<Run>) -> Vec<Line> {
    runs.into_iter().flat_map(|run| run.lines).collect()
}

/// The stages in which a refund can be met by a kill.
const STAGES: [&str; 3] = ["refunding", "refundunknown", "closed untold"];

/// Each kill is of one process with one refund.
fn many(product: Product) {
    let kills = if long() { 200 } else { 24 };
    let rounds = kills / dwelling(product).count() as u64 + 1;
    kill::until_met(&format!("killed {} refunds", name(product)), rounds, &STAGES, |which, random| {
        let stages = killed_and_recovered(product, random);
        eprintln!("{}: refunds killed in round {which}: {stages:?}", name(product));
        stages
    });
}

/// Whatever ends by itself, does not take until the horizon, and is not refused: that may be asked for again.
fn dwelling(product: Product) -> impl Iterator<Item = Plan> {
    let ends = |plan: &Plan| plan.rescue.is_none_or(|rescue| rescue.row().end != End::NeedsOperator);
    let refunds = plans(product).into_iter().filter(|(_, code)| *code != REFUSED);
    refunds.map(|(plan, _)| plan).filter(ends)
}

/// Returns what the kills met.
fn killed_and_recovered(product: Product, random: &mut Random) -> Stages {
    // So that what was not answered stays so for a while.
    let van = VanConfig { rescue_failures: 4, ..HASTY.van() };
    let (shop, numbers) = sold(product, HASTY, van, dwelling(product));
    let killed = numbers.iter().map(|number| {
        let mut refund = shop.refund_command(number);
        // In each third what it says stays on its way.
        let (room, instant) = match random.below(3) {
            0 => (PAGE, random.millis(0, 200)),
            1 => (PAGE, random.millis(200, 1_500)),
            _ => (0, random.millis(600, 2_500)),
        };
        thread::spawn(move || {
            let refund = Process::start_unread(&mut refund, room);
            thread::sleep(instant);
            refund.kill()
        })
    });
    let killed: Vec<_> = killed.collect();
    let mut lines = lines_of(killed.into_iter().map(|killed| killed.join().unwrap()).collect());
    let rows = shop.rows();
    let mut stages = Stages::new();
    for number in &numbers {
        let refund = rows.iter().find(|row| row.original.as_ref() == Some(number));
        *stages.entry(refund.map_or("not begun".into(), JournalRow::stage_name)).or_default() += 1;
    }
    lines.extend(kill::recovered(&shop, random, &[0, 13]));
    books::agree_after_refunds(&shop, &numbers, &lines);

    // Once more for all: what has ended sends nothing, and what was not begun is done now.
    let begun: Vec<String> = shop.rows().into_iter().filter_map(|row| row.original).collect();
    let before = shop.van.counts();
    let again = lines_of(refunds(&shop, &begun));
    assert!(again.iter().all(|line| line.repeat), "refunded anew: {again:#?}");
    assert_eq!(shop.van.counts(), before, "a second refund sent something");
    let left: Vec<String> = numbers.iter().filter(|number| !begun.contains(number)).cloned().collect();
    lines.extend(again);
    lines.extend(lines_of(refunds(&shop, &left)));
    books::agree_after_refunds(&shop, &numbers, &lines);
    stages
}
