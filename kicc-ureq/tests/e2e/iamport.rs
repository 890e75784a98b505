//! What only i'mport has: payments that were made in the window, tokens that end or are not to be had, charges that are
//! adopted, and a test channel whose lists show nothing.

use std::{collections::BTreeSet, path::PathBuf, thread, time::Duration};

use kicc_testkit::van::{
    IamportSettings, VanConfig,
    faults::{Plan, Product},
};
use libtest_mimic::Trial;

use crate::{
    books, kill,
    process::{Line, Process},
    random::Random,
    shop::{CALM, HASTY, Shop},
    trials::{long, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("iamport::r8_what_was_paid_in_the_window_is_accepted_or_cancelled", window),
        trial("iamport::r17_killed_while_it_verifies_and_recovered_the_books_agree", killed_window),
        trial("iamport::r12_a_charge_is_not_sent_again_when_its_token_has_ended", ended_tokens),
        trial("iamport::r14_without_a_token_a_rescue_waits_and_uses_up_no_try", no_tokens),
        trial("iamport::r12_a_charge_without_answer_is_adopted_by_policy", adopted),
        trial("iamport::r12_killed_and_recovered_a_charge_is_adopted", killed_and_adopted),
        trial("iamport::r16_killed_while_parts_are_given_back_and_recovered_each_is_done_once", killed_parts),
        trial("iamport::r13_lists_that_show_nothing_prove_nothing", unseen),
    ]
}

/// Exit code of `kicc pay` where a payment in the window is not paid.
const NOT_PAID: i32 = 32;
/// The same where it could not be looked up.
const NOT_LOOKED_UP: i32 = 33;

fn shop() -> Shop {
    Shop::open(Product::Iamport, CALM, CALM.van())
}

fn adopting(shop: Shop) -> Shop {
    shop.change_config(|text| text.replace("channel = ", "on_found_paid = \"adopt\"\nchannel = "));
    shop
}

/// The customers pay in their windows, each 1,000 won; the orders, as the page's word brings them.
fn paid_in_windows(shop: &Shop, numbers: &[String]) -> PathBuf {
    let line = |number: &String| {
        let imp_uid = shop.van.pay_in_window(number, 1000);
        format!("{}\n", serde_json::json!({ "number": number, "amount": 1000, "imp_uid": imp_uid }))
    };
    shop.write_orders(numbers.iter().map(line).collect())
}

fn numbers(numbers: &[&str]) -> Vec<String> {
    numbers.iter().map(|number| (*number).to_owned()).collect()
}

fn outcome<'a>(lines: &'a [Line], number: &str) -> &'a str {
    lines.iter().find(|line| line.number == number).map_or("none", Line::outcome)
}

fn window() {
    let shop = shop();
    let all =
        numbers(&["GOOD-1", "GOOD-2", "Xamt-0003", "Xok-N0004", "Xok_chang-N005", "Xok-C0006", "Xdec-0007"]);
    let orders = paid_in_windows(&shop, &all);
    let run = shop.start_pay(&orders, all.len());
    // Whoever cannot tell is asked again, and then can.
    shop.wait_for(|_| shop.rows().len() == all.len() - 1);
    thread::sleep(Duration::from_millis(300));
    let script = std::fs::read_to_string(shop.path("accept.sh")).unwrap();
    std::fs::write(shop.path("accept.sh"), script.replace("*-C*) exit 1;;", "")).unwrap();
    let run = run.wait().ended_with(&[NOT_PAID]);
    let expected =
        ["approved", "approved", "reversed", "reversed", "reversed", "approved", "none"].into_iter();
    for (number, expected) in all.iter().zip(expected) {
        assert_eq!(outcome(&run.lines, number), expected, "{number}: {run:#?}");
    }
    // Not one won of it moved, so that nothing was recorded: it may yet be paid.
    assert!(run.output.contains("it is not paid"), "{}", run.output);
    assert!(shop.rows().iter().all(|row| row.number != "Xdec-0007"));
    assert_eq!(shop.van.counts().approvals, 0, "a charge was made");

    let before = shop.ledger();
    let again = shop.start_pay(&orders, 3).wait().ended_with(&[NOT_PAID]);
    assert!(again.lines.iter().all(|line| line.repeat), "{again:#?}");
    for entry in &before.entries {
        let cancels = shop.ledger().entry(&entry.number).unwrap().cancels;
        assert_eq!(cancels, entry.cancels, "{}: cancelled again", entry.number);
    }
    assert_eq!(books::agree(&shop, &all, &[run.lines, again.lines].concat()), 0);
}

/// What the process had not come to is brought again, as the webhook and the customer's reload bring it.
fn killed_window() {
    for round in 0..if long() { 60 } else { 6 } {
        let mut random = Random::new(7000 + round);
        let shop = Shop::open(Product::Iamport, HASTY, HASTY.van());
        let mut all = numbers(&[
            "Xok-S0001",
            "Xok-N0002",
            "Xok_chang-N003",
            "Xok_hang-N0004",
            "Xamt_5xx-0005",
            "Xamt_cpart-0006",
            "Xok-S0007",
        ]);
        all.extend((10..20).map(|serial| Plan::OK.number(serial)));
        random.shuffle(&mut all);
        let orders = paid_in_windows(&shop, &all);
        let pay = shop.start_pay(&orders, 4);
        thread::sleep(random.millis(0, 1_500));
        let mut lines = pay.kill().lines;
        lines.extend(kill::recovered(&shop, &mut random, &[0]));
        // A look-up that brought nothing is made again with the next message about the payment.
        let again = (0..8).find_map(|_| {
            let run = shop.start_pay(&orders, 8).wait().ended_with(&[12, NOT_LOOKED_UP]);
            let ended = run.code() == Some(12);
            lines.extend(run.lines);
            ended.then_some(())
        });
        assert!(again.is_some(), "looked up in vain");
        assert_eq!(books::agree(&shop, &all, &lines), 0);
        let held: BTreeSet<_> = all.iter().filter(|number| shop.holds(number)).collect();
        let good: BTreeSet<_> =
            all.iter().filter(|number| !number.contains("-N") && !number.starts_with("Xamt")).collect();
        assert_eq!(held, good, "the customer has paid");
    }
}

/// Tokens end all the time: 401 to a charge is no answer, and only its look-up is sent again.
fn ended_tokens() {
    let shop = shop();
    let all: Vec<String> = (1..=60).map(|serial| Plan::OK.number(serial)).collect();
    let pay = shop.start_pay(&shop.orders(&all), 6);
    let run = thread::scope(|scope| {
        let run = scope.spawn(move || pay.wait().ended_with(&[0, 12]));
        while !run.is_finished() {
            shop.van.end_token();
            thread::sleep(Duration::from_millis(15));
        }
        run.join().unwrap()
    });
    let counts = shop.van.counts();
    assert!(counts.unauthorized > 0 && counts.tokens > 2, "no token ended under way: {counts:?}");
    for number in &all {
        assert!(["approved", "reversed"].contains(&outcome(&run.lines, number)), "{number}: {run:#?}");
    }
    assert_eq!(books::agree(&shop, &all, &run.lines), 0);
}

fn no_tokens() {
    let shop = shop();
    let all = numbers(&["Xhanga-0001", "Xhangb-0002", "Xok_chang-N003", "Xrsta-0004"]);
    let pay = shop.start_pay(&shop.orders(&all), all.len());
    shop.wait_for(|counts| counts.approvals == all.len() as u64);
    shop.van.serve_tokens(false);
    shop.van.end_token();
    // Far more tries than the budget has, had they been counted.
    let asked = shop.van.counts().tokens;
    shop.wait_for(|counts| counts.tokens > asked + u64::from(CALM.rescue_attempts) * 4);
    shop.van.serve_tokens(true);
    let run = pay.wait().ended_with(&[12]);
    for number in &all {
        assert_eq!(outcome(&run.lines, number), "reversed", "{run:#?}");
    }
    assert_eq!(books::agree(&shop, &all, &run.lines), 0);
}

fn adopted() {
    let shop = adopting(shop());
    let expected = [
        ("Xhanga-0001", "approved"),
        ("Xrsta_5xx-0002", "approved"),
        ("Xcut300-0003", "approved"),
        ("Xready-0004", "approved"),
        ("Xu401a-0005", "approved"),
        // Nothing, another amount, or more than one: never adopted.
        ("Xhangb-0006", "reversed"),
        ("Xamt-0007", "reversed"),
        ("Xtwop-0008", "reversed"),
        ("Xcancd-0009", "reversed"),
        // The books have the last word.
        ("Xhanga-N0010", "reversed"),
        ("Xdec-0011", "declined"),
    ];
    let all = expected.map(|(number, _)| number.to_owned());
    let run = shop.pay(&all).ended_with(&[12]);
    for (number, expected) in expected {
        assert_eq!(outcome(&run.lines, number), expected, "{number}: {run:#?}");
    }
    assert_eq!(books::agree(&shop, &all, &run.lines), 0);
}

fn killed_and_adopted() {
    for round in 0..if long() { 40 } else { 4 } {
        let mut random = Random::new(8000 + round);
        let shop = adopting(Shop::open(Product::Iamport, HASTY, HASTY.van()));
        let mut all = numbers(&[
            "Xhanga-0001",
            "Xhanga_hang-0002",
            "Xrsta-0003",
            "Xhangb-0004",
            "Xlateg-0005",
            "Xready-0006",
            "Xtwop-0007",
            "Xhanga-N0008",
            "Xok-S0009",
        ]);
        random.shuffle(&mut all);
        let pay = shop.start_pay(&shop.orders(&all), all.len());
        thread::sleep(random.millis(30, 1_500));
        let mut lines = pay.kill().lines;
        lines.extend(kill::recovered(&shop, &mut random, &[0]));
        assert_eq!(books::agree(&shop, &all, &lines), 0);
    }
}

/// Under the same id whatever was not answered, or not begun, is done once.
fn killed_parts() {
    for round in 0..if long() { 40 } else { 4 } {
        let mut random = Random::new(9000 + round);
        // So that what was not answered stays so for a while.
        let shop = Shop::open(Product::Iamport, HASTY, VanConfig { rescue_failures: 3, ..HASTY.van() });
        let all = numbers(&[
            "Xok_chang-0001",
            "Xok_cnone-0002",
            "Xok_cdup-0003",
            "Xok_reset-0004",
            "Xok_5xx-0005",
            "Xok_u401-0006",
            "Xok-0007",
            "Xok-0008",
        ]);
        shop.pay(&all).ended_with(&[0]);
        let part = |number: &String, won: &str, id: &str| {
            let mut command = shop.refund_command(number);
            command.args(["--amount", won, "--id", id]);
            Process::start(&mut command)
        };
        let killed: Vec<_> = all.iter().map(|number| part(number, "300", "A")).collect();
        thread::sleep(random.millis(0, 1_500));
        killed.into_iter().for_each(|process| drop(process.kill()));
        kill::recovered(&shop, &mut random, &[0]);
        for (won, id) in [("300", "A"), ("200", "B"), ("300", "A")] {
            let runs: Vec<_> = all.iter().map(|number| part(number, won, id)).collect();
            for run in runs {
                let run = run.wait().ended_with(&[0]);
                assert_eq!(run.lines[0].outcome(), "refunded", "{run:#?}");
            }
        }
        books::agree_after_parts(&shop, &all, 500);
        for number in &all {
            shop.refund_command(number).output().unwrap();
            assert!(!shop.ledger().standing(number), "{number}: the rest");
        }
        assert_eq!(shop.ledger().violations, Vec::<String>::new());
    }
}

/// A list that leaves test payments out says *none* of a charge that was made, too.
fn unseen() {
    let iamport = IamportSettings { lists_show_sandbox: false, ..IamportSettings::default() };
    let shop = Shop::open(Product::Iamport, CALM, VanConfig { iamport, ..CALM.van() });
    shop.change_config(|text| text.replace("sees_sandbox = true\n", ""));
    let expected = [
        ("Xok-0001", "approved"),
        ("Xdec-0002", "declined"),
        // Known by its id, which the lists do not keep from anybody.
        ("Xok_chang-N003", "reversed"),
        ("Xamt-0004", "reversed"),
        ("Xhanga-0005", "needs_operator"),
        ("Xhangb-0006", "needs_operator"),
        ("Xunl-0007", "needs_operator"),
    ];
    let all = expected.map(|(number, _)| number.to_owned());
    let run = shop.pay(&all).ended_with(&[13]);
    assert_eq!(run.errors.matches("without [iamport] sees_sandbox").count(), 1, "{}", run.errors);
    for (number, expected) in expected {
        assert_eq!(outcome(&run.lines, number), expected, "{number}: {run:#?}");
    }
    assert_eq!(books::agree(&shop, &all, &run.lines), 3);
}
