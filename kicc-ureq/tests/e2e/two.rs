//! Two processes, one journal; and a file that is run again (R3).

use std::collections::BTreeMap;

use kicc_testkit::van::faults::{Plan, Product};
use libtest_mimic::Trial;

use crate::{
    books,
    process::Line,
    shop::{CALM, Shop},
    trials::each_product,
};

pub fn trials() -> Vec<Trial> {
    let two = each_product("two", "r3_two_processes_send_each_number_once_and_print_the_same", two_processes);
    let again = each_product("two", "r3_a_rerun_sends_nothing_and_prints_the_same_as_repeats", rerun);
    two.chain(again).collect()
}

/// Every kind of end, with and without a rescue.
fn numbers() -> Vec<String> {
    let plans = [
        "ok",
        "ok",
        "drip",
        "decline",
        "decline_unlisted",
        "hang_after",
        "reset_before",
        "cut40",
        "html_502",
        "late_after_give_up",
        "hang_before+rescue_reset",
    ];
    let mut numbers: Vec<String> =
        (1..).zip(plans).map(|(serial, plan)| plan.parse::<Plan>().unwrap().number(serial)).collect();
    numbers.extend(["Xok-N0020".into(), "Xhanga_never-0021".into(), "Xok-S0022".into(), "Xok-S0023".into()]);
    numbers
}

fn two_processes(product: Product) {
    let shop = Shop::open(product, CALM, CALM.van());
    let numbers = numbers();
    let orders = shop.orders(&numbers);
    // One in the file's order and a few at a time, the other all at once: they meet at different stages.
    let first = shop.start_pay(&orders, 3);
    let second = shop.start_pay(&orders, numbers.len());
    let (first, second) = (first.wait().ended_with(&[13]), second.wait().ended_with(&[13]));
    let (one, two) = (by_number(&first.lines), by_number(&second.lines));
    assert_eq!(one.len(), numbers.len(), "{first:#?}");
    for number in &numbers {
        same(one[number], two[number]);
        assert!(!(one[number].repeat && two[number].repeat), "{number}: known to both before");
    }
    let counts = shop.van.counts();
    assert_eq!(counts.approvals, numbers.len() as u64);
    let told = [first.lines, second.lines].concat();
    assert_eq!(books::agree(&shop, &numbers, &told), 1);
}

fn rerun(product: Product) {
    let shop = Shop::open(product, CALM, CALM.van());
    let numbers = numbers();
    let first = shop.pay(&numbers).ended_with(&[13]);
    let before = shop.van.counts();
    let again = shop.pay(&numbers).ended_with(&[13]);
    assert_eq!(shop.van.counts(), before, "a rerun sent something");
    let (one, two) = (by_number(&first.lines), by_number(&again.lines));
    for number in &numbers {
        same(one[number], two[number]);
        assert!(!one[number].repeat && two[number].repeat, "{number}");
    }
    books::agree(&shop, &numbers, &[first.lines, again.lines].concat());
}

/// Each number once.
fn by_number(lines: &[Line]) -> BTreeMap<String, &Line> {
    let map: BTreeMap<_, _> = lines.iter().map(|line| (line.number.clone(), line)).collect();
    assert_eq!(map.len(), lines.len(), "a number was answered twice");
    map
}

/// The same in all but `repeat`.
#[track_caller]
fn same(one: &Line, two: &Line) {
    assert_eq!(Line { repeat: false, ..one.clone() }, Line { repeat: false, ..two.clone() });
}
