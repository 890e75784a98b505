//! What a Korean midnight does: EasyTalkPay's keys and cancels are of a day, and its query knows two (R13b); a refund
//! whose answer was lost is settled differently on the next day (R16).
//!
//! The VAN's clock is set ahead, and the command's by libfaketime.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kicc_testkit::van::{Entry, VanConfig, faults::Product};
use libtest_mimic::Trial;

use crate::{
    books,
    clock::FAKETIME,
    process::{Line, Process},
    shop::{Shop, Times},
    trials::trial_if,
};

pub fn trials() -> Vec<Trial> {
    let trials: [(&str, fn()); 6] = [
        ("midnight::r13_an_approval_booked_after_midnight_is_found_under_the_next_day", across),
        ("midnight::r13_not_found_counts_on_the_next_day_until_ten_to_midnight", inside_the_window),
        ("midnight::r13_not_found_after_that_is_for_a_person", outside_the_window),
        ("midnight::r16_a_cancel_of_yesterday_is_followed_by_one_of_today", cancel),
        ("midnight::r16_a_refund_of_yesterday_is_asked_for_and_done_today", refund),
        ("midnight::r16_a_net_cancel_settles_no_refund_of_yesterday", refund_by_net_cancel),
    ];
    let possible = FAKETIME.as_ref().map(|_| ()).map_err(Clone::clone);
    trials.into_iter().map(|(name, run)| trial_if(possible.clone(), name, run)).collect()
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The horizon is out of the way.
const LONG: Times = Times {
    send_by: 5_000,
    answer_timeout: 1_000,
    quiet_period: 900,
    horizon: 10 * 24 * 60 * 60 * 1000,
    rescue_attempts: 20,
};

/// A shop at this time of a day in Korea.
fn shop_at(product: Product, times: Times, van: VanConfig, time: Duration) -> Shop {
    let korea = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + 9 * HOUR;
    let today = Duration::from_millis((korea.as_millis() % DAY.as_millis()) as u64);
    Shop::open(product, times, van).later(DAY - today + time)
}

fn across() {
    // The process is to send before midnight, and to give up after it.
    let times = Times { answer_timeout: 7_000, ..LONG };
    let mut van = times.van();
    van.easytalk.dated_by_booking = true;
    let shop = shop_at(Product::EasyTalk, times, van, DAY - Duration::from_secs(5));
    let ends = [
        ("Xlatef-0001", "reversed"),
        ("Xhangb-0002", "reversed"),
        ("Xhanga-0003", "reversed"),
        ("Xunl-0004", "declined"),
    ];
    let numbers = ends.map(|(number, _)| number.to_owned());
    let run = shop.pay(&numbers).ended_with(&[12]);
    for (number, end) in ends {
        assert_eq!(line(&run.lines, number).outcome(), end, "{run:#?}");
    }
    assert_eq!(books::agree(&shop, &numbers, &run.lines), 0);
    let [late, none, early, _] = numbers.each_ref().map(|number| entry(&shop, number));
    assert_ne!(late.charges[0].approval_date, early.charges[0].approval_date, "not across midnight");
    // Early, then for each of both days.
    assert_eq!((late.status_queries, none.status_queries, early.status_queries), (3, 3, 1));
}

/// An approval that nobody answers before its process is killed at noon.
fn killed_at_noon(number: &str) -> (Shop, [String; 1]) {
    let shop = shop_at(Product::EasyTalk, LONG, LONG.van(), 12 * HOUR);
    let numbers = [number.to_owned()];
    let pay = shop.start_pay(&shop.orders(&numbers), 1);
    shop.wait_for(|counts| counts.approvals == 1);
    assert_eq!(pay.kill().lines, Vec::new());
    (shop, numbers)
}

fn inside_the_window() {
    let (shop, numbers) = killed_at_noon("Xhangb-0001");
    let shop = shop.later(DAY + 11 * HOUR + HOUR / 2);
    let run = shop.recover(&[]).ended_with(&[0]);
    assert_eq!(line(&run.lines, &numbers[0]).outcome(), "reversed");
    assert_eq!(books::agree(&shop, &numbers, &run.lines), 0);
}

fn outside_the_window() {
    // Still known by the VAN, but no more for long; and not known any more, although it stands.
    for (number, after) in [("Xhangb-0001", DAY + 11 * HOUR + HOUR * 11 / 12), ("Xhanga-0001", 2 * DAY)] {
        let (shop, numbers) = killed_at_noon(number);
        let shop = shop.later(after);
        let run = shop.recover(&[]).ended_with(&[13]);
        let line = line(&run.lines, number);
        assert_eq!(
            (line.outcome(), line.charged.as_deref()),
            ("needs_operator", Some("unknown")),
            "{line:?}"
        );
        assert_eq!(books::agree(&shop, &numbers, &run.lines), 1);
        assert!(
            entry(&shop, number).requests.iter().any(|seen| seen.did == "not found"),
            "{:#?}",
            shop.ledger()
        );
    }
}

fn cancel() {
    let number = "Xok_cnone-N001";
    let shop = shop_at(Product::EasyTalk, LONG, LONG.van(), 12 * HOUR);
    let numbers = [number.to_owned()];
    let pay = shop.start_pay(&shop.orders(&numbers), 1);
    shop.wait_for(|counts| counts.cancels == 1);
    let mut lines = pay.kill().lines;
    let shop = shop.later(DAY);
    lines.extend(shop.recover(&[]).ended_with(&[0]).lines);
    assert_eq!(line(&lines, number).outcome(), "reversed");
    // The VAN takes no cancel that is not of its own day, and none with a number that it knows.
    assert_eq!(books::agree(&shop, &numbers, &lines), 0);
}

fn refund() {
    let numbers = ["Xok-0001", "Xok_cnone-0002"].map(str::to_owned);
    let today = shop_at(Product::EasyTalk, LONG, LONG.van(), 12 * HOUR);
    today.pay(&numbers).ended_with(&[0]);
    let begun = killed_refund(&today, &numbers[1]);
    let tomorrow = today.later(DAY);
    let mut lines = Process::start(&mut tomorrow.refund_command(&numbers[0])).wait().ended_with(&[0]).lines;
    lines.extend(begun);
    lines.extend(tomorrow.recover(&[]).ended_with(&[0]).lines);
    assert_eq!(books::agree_after_refunds(&tomorrow, &numbers, &lines), 0);
    assert!(numbers.iter().all(|number| !tomorrow.ledger().standing(number)), "{:#?}", tomorrow.ledger());
}

/// R16: a net-cancel settles a refund only on the approval's own day.
fn refund_by_net_cancel() {
    let numbers = ["Xok-0001", "Xok_hang-0002"].map(str::to_owned);
    let today = shop_at(Product::Simple, LONG, LONG.van(), 12 * HOUR);
    today.pay(&numbers).ended_with(&[0]);
    let tomorrow = today.later(DAY);
    let mut lines = Process::start(&mut tomorrow.refund_command(&numbers[0])).wait().ended_with(&[0]).lines;
    lines.extend(killed_refund(&tomorrow, &numbers[1]));
    lines.extend(tomorrow.recover(&[]).ended_with(&[13]).lines);
    assert_eq!(books::agree_after_refunds(&tomorrow, &numbers, &lines), 1);
    assert_eq!(tomorrow.van.counts().net_cancels, 0);
}

/// Killed as its cancel arrives.
fn killed_refund(shop: &Shop, number: &str) -> Vec<Line> {
    let before = shop.van.counts().cancels;
    let refund = Process::start(&mut shop.refund_command(number));
    shop.wait_for(|counts| counts.cancels > before);
    refund.kill().lines
}

#[track_caller]
fn line<'a>(lines: &'a [Line], number: &str) -> &'a Line {
    lines.iter().find(|line| line.number == number).unwrap_or_else(|| panic!("{number}: {lines:#?}"))
}

fn entry(shop: &Shop, number: &str) -> Entry {
    shop.ledger().entry(number).unwrap().clone()
}
