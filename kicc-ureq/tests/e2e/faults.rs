//! The fault table through `kicc pay`: one row at a time, one process each.

use kicc_testkit::van::{
    Van,
    faults::{self, End, Fault, Plan, Rescue, Row, Stage},
};
use libtest_mimic::Trial;

use crate::{
    books, cut,
    shop::{CALM, Line, Shop, Times},
    trials::trial,
};

pub fn trials() -> Vec<Trial> {
    let rows = faults::table().map(|row| trial(format!("faults::{}", row.name), move || table_row(row)));
    let rescues = Rescue::all().filter(|rescue| !of_cancels_only(*rescue)).map(|rescue| {
        trial(format!("faults::every_reversal_with_{}", rescue.row().name), move || every_reversal(rescue))
    });
    let accept = [
        trial("faults::accept_step_not_held", not_held),
        trial("faults::accept_step_cannot_tell_until_the_horizon", cannot_tell),
        trial("faults::cut_at_every_byte", cut::every_byte),
    ];
    rows.chain(rescues).chain(accept).collect()
}

fn of_cancels_only(rescue: Rescue) -> bool {
    matches!(rescue, Rescue::CancelHangDone | Rescue::CancelRefused)
}

fn table_row(row: &'static Row) {
    match row.stage {
        Stage::Door => door(row),
        Stage::Approval => {
            let plan: Plan = row.name.parse::<Plan>().unwrap();
            one(patient(row.end), &plan.number(1), row.end, charged(row.end));
        }
        // The approval is good, and the merchant does not hold it: a cancel is due.
        Stage::Rescue if row.name.starts_with("cancel_") => {
            one(CALM, &format!("Xok_{}-N001", row.code), row.end, charged(row.end));
        }
        Stage::Rescue => {
            let line = one(CALM, &format!("{}0001", row.marker().unwrap()), row.end, charged(row.end));
            assert!(
                row.end != End::NeedsOperator || line.why().contains("7777"),
                "the code is not named: {line:?}"
            );
        }
    }
}

/// Where an answer comes, it may take its time on a busy machine.
fn patient(end: End) -> Times {
    match end {
        End::Approved | End::Declined => Times { answer_timeout: 20_000, ..CALM },
        _ => CALM,
    }
}

/// As long as the outcome itself says it.
fn charged(end: End) -> &'static str {
    match end {
        End::Approved => "yes",
        End::Declined | End::NeverSent | End::Reversed => "no",
        End::NeedsOperator => "unknown",
    }
}

fn exit_code(end: End) -> i32 {
    match end {
        End::Approved => 0,
        End::Declined => 10,
        End::NeverSent => 11,
        End::Reversed => 12,
        End::NeedsOperator => 13,
    }
}

/// One order to this end, with exactly one approval.
fn one(times: Times, number: &str, end: End, charged: &str) -> Line {
    let shop = Shop::open(times, times.van());
    let line = pay_one(&shop, number, end, charged);
    let counts = shop.van.counts();
    assert_eq!(
        (counts.approvals, counts.redirects_followed, counts.unauthorized, counts.malformed),
        (1, 0, 0, 0)
    );
    let entry = shop.van.ledger().entry(number).unwrap().clone();
    match end {
        End::Approved => assert_eq!((entry.net_cancels, entry.cancels), (0, 0), "{entry:?}"),
        End::Declined if number.starts_with("Xunl-") => {
            assert_eq!((line.code.as_deref(), entry.net_cancels, entry.cancels), (Some("9999"), 1, 0));
        }
        End::Declined => {
            assert_eq!((line.code.as_deref(), entry.net_cancels, entry.cancels), (Some("8521"), 0, 0));
        }
        _ => {}
    }
    line
}

fn pay_one(shop: &Shop, number: &str, end: End, charged: &str) -> Line {
    let numbers = [number.to_owned()];
    let run = shop.pay(&numbers).ended_with(&[exit_code(end)]);
    let [line] = &run.lines[..] else { panic!("not one line: {run:#?}") };
    let told =
        (line.number.as_str(), line.outcome(), line.charged.as_deref(), line.safe_to_retry, line.repeat);
    assert_eq!(told, (number, end.as_str(), Some(charged), Some(charged == "no"), false), "{line:?}");
    assert_eq!(books::agree(shop, &numbers, &run.lines), usize::from(end == End::NeedsOperator));
    line.clone()
}

fn door(row: &Row) {
    let van = Van::start(CALM.van()).unwrap();
    let base_url = match row.name {
        "refuse" => format!("http://{}", van.refusing_addr()),
        "tls" => format!("https://{}", van.addr()),
        other => panic!("no such door: {other}"),
    };
    let shop = Shop::at(van, &base_url, CALM);
    pay_one(&shop, "N0001", row.end, "no");
    let counts = shop.van.counts();
    let of_the_product =
        counts.approvals + counts.net_cancels + counts.cancels + counts.unauthorized + counts.malformed;
    assert_eq!((of_the_product, counts.partial), (0, 0), "something was sent");
    assert_eq!(counts.tls_hellos, u64::from(row.name == "tls"));
}

fn not_held() {
    let number = "Xok-N0001";
    let shop = Shop::open(CALM, CALM.van());
    pay_one(&shop, number, End::Reversed, "no");
    let entry = shop.van.ledger().entry(number).unwrap().clone();
    assert_eq!((entry.approvals, entry.cancels, entry.net_cancels), (1, 1, 0), "not by a cancel: {entry:?}");
}

fn cannot_tell() {
    let times = Times { horizon: 3_000, ..CALM };
    one(times, "Xok-C0001", End::NeedsOperator, "yes");
}

/// Every fault that must be reversed, with the same fault of its rescue, all in one process.
fn every_reversal(rescue: Rescue) {
    let reversed = Fault::all().filter(|fault| fault.row().end == End::Reversed);
    let plans: Vec<Plan> = reversed.map(|fault| Plan { fault, rescue: Some(rescue) }).collect();
    let numbers: Vec<String> = plans.iter().zip(1..).map(|(plan, serial)| plan.number(serial)).collect();
    let shop = Shop::open(CALM, CALM.van());
    let end = rescue.row().end;
    let run = shop.pay(&numbers).ended_with(&[exit_code(end)]);
    let wrong: Vec<&Line> = run.lines.iter().filter(|line| line.outcome() != end.as_str()).collect();
    assert!(run.lines.len() == numbers.len() && wrong.is_empty(), "{wrong:#?} {run:#?}");
    assert_eq!(shop.van.counts().approvals, numbers.len() as u64);
    let persons = if end == End::NeedsOperator { numbers.len() } else { 0 };
    assert_eq!(books::agree(&shop, &numbers, &run.lines), persons);
}
