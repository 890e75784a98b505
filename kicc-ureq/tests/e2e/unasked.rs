//! EasyTalkPay without a status query: what is unknown is for a person at once, and never guessed (R11).

use kicc_testkit::van::faults::{End, Fault, Plan, Product};
use libtest_mimic::Trial;

use crate::{
    books,
    process::Run,
    shop::{CALM, HASTY, Shop, Times},
    trials::trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("unasked::r11_without_a_status_query_unknown_is_for_a_person", every_fault),
        trial("unasked::r11_also_after_a_kill", killed),
    ]
}

fn shop(times: Times) -> Shop {
    let shop = Shop::open(Product::EasyTalk, times, times.van());
    shop.change_config(|text| {
        let is_of_it = |line: &&str| !["status_", "not_found_"].iter().any(|begin| line.starts_with(begin));
        text.lines().filter(is_of_it).map(|line| format!("{line}\n")).collect()
    });
    shop
}

/// Says once on standard error that there is none.
#[track_caller]
fn warned(run: &Run) {
    let warnings = run.errors.lines().filter(|line| line.contains("without status query")).count();
    assert_eq!(warnings, 1, "{}", run.errors);
}

fn every_fault() {
    let shop = shop(CALM);
    let plans: Vec<Plan> = Fault::of(Product::EasyTalk).map(Plan::from).collect();
    let mut expected: Vec<(String, End)> =
        plans.iter().zip(1..).map(|(plan, serial)| (plan.number(serial), end(*plan))).collect();
    // A cancel needs no query as long as it is answered.
    expected.push(("Xok-N0001".into(), End::Reversed));
    expected.push(("Xok_chang-N002".into(), End::NeedsOperator));
    expected.push(("Xok_cref-N0003".into(), End::NeedsOperator));
    let numbers: Vec<String> = expected.iter().map(|(number, _)| number.clone()).collect();
    let run = shop.pay(&numbers).ended_with(&[13]);
    warned(&run);
    for (number, end) in &expected {
        let line = run.lines.iter().find(|line| line.number == *number).unwrap();
        assert_eq!(line.outcome(), end.as_str(), "{line:#?}");
        assert_eq!(line.safe_to_retry, Some(!matches!(end, End::Approved | End::NeedsOperator)), "{line:#?}");
    }
    let counts = shop.van.counts();
    assert_eq!((counts.approvals, counts.status_queries), (numbers.len() as u64, 0));
    let persons = expected.iter().filter(|(_, end)| *end == End::NeedsOperator).count();
    assert_eq!(books::agree(&shop, &numbers, &run.lines), persons);
}

/// What is proven by the answer alone ends as it does with a query.
fn end(plan: Plan) -> End {
    match plan.fault {
        Fault::AmountMissing | Fault::AmountDiffers => End::Reversed,
        Fault::DeclineUnlisted => End::NeedsOperator,
        _ if plan.end() == End::Reversed => End::NeedsOperator,
        _ => plan.end(),
    }
}

fn killed() {
    let shop = shop(HASTY);
    let numbers = ["Xhanga-0001", "Xhangb-0002", "Xok-S0003"].map(str::to_owned);
    let pay = shop.start_pay(&shop.orders(&numbers), numbers.len());
    shop.wait_for(|counts| counts.approvals == 3);
    let mut lines = pay.kill().lines;
    let recovered = shop.recover(&[]).ended_with(&[13]);
    warned(&recovered);
    lines.extend(recovered.lines);
    assert_eq!(shop.van.counts().status_queries, 0);
    assert!(books::agree(&shop, &numbers, &lines) >= 2, "{lines:#?}");
}
