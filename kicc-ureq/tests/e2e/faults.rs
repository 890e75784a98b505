//! The fault table through `kicc pay`: one row at a time, one process each.

use std::ops::RangeInclusive;

use kicc_testkit::van::{
    Entry, Van,
    faults::{self, End, Fault, Plan, Product, Rescue, Row, Stage},
};
use libtest_mimic::Trial;

use crate::{
    books, cut,
    process::Line,
    shop::{CALM, PRODUCTS, Shop, Times, name},
    trials::{each_product, trial},
};

pub fn trials() -> Vec<Trial> {
    let rows = PRODUCTS.into_iter().flat_map(|product| {
        let title = move |row: &Row| format!("faults::{}::{}", name(product), row.name);
        faults::table_of(product).map(move |row| trial(title(row), move || table_row(product, row)))
    });
    let rescues = PRODUCTS.into_iter().flat_map(|product| {
        let title = move |rescue: Rescue| {
            format!("faults::{}::every_reversal_with_{}", name(product), rescue.row().name)
        };
        let meant =
            Rescue::of(product).filter(move |rescue| product != Product::Simple || !of_cancels(rescue.row()));
        meant.map(move |rescue| trial(title(rescue), move || every_reversal(product, rescue)))
    });
    rows.chain(rescues)
        .chain(each_product("faults", "accept_step_not_held", not_held))
        .chain(each_product("faults", "accept_step_cannot_tell_until_the_horizon", cannot_tell))
        .chain(each_product("faults", "cut_at_every_byte", cut::every_byte))
        .collect()
}

/// Does it need a cancel? What Simple Payment reverses, it reverses without one.
fn of_cancels(row: &Row) -> bool {
    row.name.starts_with("cancel_")
}

fn table_row(product: Product, row: &'static Row) {
    let number = match row.stage {
        Stage::Door => return door(product, row),
        Stage::Approval => row.name.parse::<Plan>().unwrap().number(1),
        // The approval is good, and the merchant does not hold it: a cancel is due.
        Stage::Rescue if of_cancels(row) => format!("Xok_{}-N001", row.code),
        // It lags for so short a time that the approval must be given up at once.
        Stage::Rescue if row.name == "query_lags" => format!("Xrsta_{}-0001", row.code),
        Stage::Rescue => format!("{}0001", row.marker().unwrap()),
    };
    let (line, entry) = one(product, patient(row.end), &number, row.end, charged(row.end));
    let sent = [entry.net_cancels, entry.status_queries, entry.cancels];
    let implied = implied(product, row);
    let as_implied = implied.iter().zip(sent).all(|(implied, sent)| implied.contains(&sent));
    assert!(as_implied, "net-cancels, status queries, cancels: {sent:?}, not {implied:?}: {entry:#?}");
    let code = match (row.name, product) {
        ("decline", Product::Iamport) => "failed",
        ("decline_unlisted" | "rescue_proves_nothing", Product::Iamport) => "1",
        ("decline" | "decline_bare", _) => "8521",
        ("decline_unlisted", _) => "9999",
        ("rescue_proves_nothing", _) => "7777",
        _ => return,
    };
    assert!(
        line.code.as_deref() == Some(code) || line.why().contains(code),
        "the code is not named: {line:?}"
    );
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

/// How many net-cancels, status queries and cancels a row asks for.
fn implied(product: Product, row: &Row) -> [RangeInclusive<u32>; 3] {
    let (net_cancels, status_queries, cancels) = match product {
        Product::Simple => by_net_cancel(row),
        Product::EasyTalk => by_query(row),
        Product::Iamport => by_look_up(row),
    };
    [net_cancels, status_queries, cancels]
}

type Sent = (RangeInclusive<u32>, RangeInclusive<u32>, RangeInclusive<u32>);

/// R10: a net-cancel, and one more that confirms it unless the first success came after the quiet period (R13c).
fn by_net_cancel(row: &Row) -> Sent {
    let net_cancels = match (row.name, row.end) {
        ("decline_unlisted", _) => 1..=1,
        // The two that are spoiled may take as long as the quiet period.
        ("rescue_hang" | "rescue_hang_done" | "rescue_reset" | "rescue_5xx", _) => 3..=4,
        ("rescue_proves_nothing", _) => CALM.rescue_attempts..=CALM.rescue_attempts,
        // What becomes of a cancel without an answer, and instead of one that was refused (R15).
        ("cancel_hang_done" | "cancel_refused", _) => 1..=1,
        (_, End::Reversed) => 2..=2,
        _ => 0..=0,
    };
    (net_cancels, 0..=0, if of_cancels(row) { 1..=1 } else { 0..=0 })
}

/// R11: a query; a cancel where it shows an approval; another query after the quiet period where it shows none.
fn by_query(row: &Row) -> Sent {
    let (status_queries, cancels) = match (row.name, row.end) {
        ("decline_unlisted", _) => (1..=1, 0..=0),
        // The answer itself proves it (R8).
        ("amount_missing" | "amount_differs", _) => (0..=0, 1..=1),
        ("hang_before" | "reset_before" | "duplicate_before", _) => (2..=2, 0..=0),
        // The first query finds it on a busy machine.
        ("late_forgetful", _) => (1..=2, 1..=1),
        ("rescue_proves_nothing" | "query_forgets", _) => {
            (CALM.rescue_attempts..=CALM.rescue_attempts, 0..=0)
        }
        ("query_cancelled", _) => (1..=1, 0..=0),
        ("cancel_hang_done" | "cancel_duplicate", _) => (1..=1, 1..=1),
        // After each of the two that were not done: what stands counts only after the quiet period (R16).
        ("cancel_hang" | "cancel_refused" | "cancel_duplicate_before", _) => (4..=4, 3..=3),
        _ if row.stage == Stage::Rescue => (3..=3, 1..=1),
        (_, End::Reversed) => (1..=1, 1..=1),
        _ => (0..=0, 0..=0),
    };
    (0..=0, status_queries, cancels)
}

/// R12: all payments of the number are looked up; what stands is cancelled by its id, and looked up by it where that
/// was not answered; what does not, once more after the quiet period.
fn by_look_up(row: &Row) -> Sent {
    let (status_queries, cancels) = match row.name {
        // The answer itself proves it (R8), but for an amount that cannot be read.
        "amount_missing" => (1..=1, 1..=1),
        "unauthorized" | "cancelled_at_once" | "query_cancelled" | "decline_unlisted" => (2..=2, 0..=0),
        // Asked again until it is settled.
        "ready" => (2..=CALM.rescue_attempts, 1..=1),
        "ready_fails" => (2..=CALM.rescue_attempts, 0..=0),
        // What still stands after a cancel counts only after the quiet period (R16).
        "paid_twice" => (3..=3, 2..=2),
        "query_lags" => (2..=2, 1..=1),
        "query_partly" => (1..=1, 1..=1),
        // The token of the first one is spent, and the same with another is no other message.
        "rescue_unauthorized" => (2..=2, 1..=1),
        "cancel_partly" => (2..=2, 2..=2),
        _ => {
            let (_, status_queries, cancels) = by_query(row);
            (status_queries, cancels)
        }
    };
    (0..=0, status_queries, cancels)
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
fn one(product: Product, times: Times, number: &str, end: End, charged: &str) -> (Line, Entry) {
    let shop = Shop::open(product, times, times.van());
    let line = pay_one(&shop, number, end, charged);
    let counts = shop.van.counts();
    assert_eq!(
        (counts.approvals, counts.redirects_followed, counts.unauthorized, counts.malformed),
        (1, 0, 0, 0)
    );
    (line, shop.ledger().entry(number).unwrap().clone())
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

fn door(product: Product, row: &Row) {
    let van = Van::start(CALM.van()).unwrap();
    let key_without_token = row.name.strip_prefix("token_");
    let base_url = match row.name {
        "refuse" => format!("http://{}", van.refusing_addr()),
        "tls" => format!("https://{}", van.addr()),
        _ if key_without_token.is_some() => van.base_url(),
        other => panic!("no such door: {other}"),
    };
    // As long as it may try again.
    let shop = Shop::at(product, van, &base_url, Times { send_by: 1_000, ..CALM });
    if let Some(key) = key_without_token {
        shop.imp_key(key);
    }
    pay_one(&shop, "N0001", row.end, "no");
    let counts = shop.van.counts();
    let whole = counts.approvals + counts.net_cancels + counts.status_queries + counts.cancels;
    let other = counts.partial + counts.unauthorized + counts.malformed;
    assert_eq!((whole, other), (0, 0), "something was sent: {counts:?}");
    assert_eq!(counts.tls_hellos, u64::from(row.name == "tls"));
    assert_eq!(counts.tokens > 0, key_without_token.is_some());
}

fn not_held(product: Product) {
    let (_, entry) = one(product, CALM, "Xok-N0001", End::Reversed, "no");
    let sent = (entry.approvals, entry.cancels, entry.net_cancels, entry.status_queries);
    assert_eq!(sent, (1, 1, 0, 0), "not by a cancel: {entry:?}");
}

fn cannot_tell(product: Product) {
    let times = Times { horizon: 3_000, ..CALM };
    let (_, entry) = one(product, times, "Xok-C0001", End::NeedsOperator, "yes");
    assert_eq!((entry.cancels, entry.net_cancels, entry.status_queries), (0, 0, 0), "{entry:?}");
}

/// Every fault that must be reversed, with the same fault of its rescue, all in one process.
fn every_reversal(product: Product, rescue: Rescue) {
    let reversed = Fault::of(product).filter(|fault| fault.row().end == End::Reversed);
    let plans = reversed.map(|fault| Plan { fault, rescue: Some(rescue) });
    let plans: Vec<Plan> = plans.filter(|plan| !is_beyond_a_client(*plan)).collect();
    let numbers: Vec<String> = plans.iter().zip(1..).map(|(plan, serial)| plan.number(serial)).collect();
    let shop = Shop::open(product, CALM, CALM.van());
    let run = shop.pay(&numbers).ended_with(&[exit_code(rescue.row().end)]);
    assert_eq!(run.lines.len(), numbers.len(), "{run:#?}");
    for (plan, number) in plans.iter().zip(&numbers) {
        let line = run.lines.iter().find(|line| line.number == *number);
        assert_eq!(line.map(Line::outcome), Some(end(product, *plan).as_str()), "{plan}: {line:#?}");
    }
    assert_eq!(shop.van.counts().approvals, numbers.len() as u64);
    let persons = plans.iter().filter(|plan| plan.end() == End::NeedsOperator).count();
    assert_eq!(books::agree(&shop, &numbers, &run.lines), persons);
}

/// What nobody could do better: a gateway that charges twice and gives nothing back.
fn is_beyond_a_client(plan: Plan) -> bool {
    matches!((plan.fault, plan.rescue), (Fault::PaidTwice, Some(Rescue::ProvesNothing)))
}

/// i'mport says of a repeated number in plain words that it was refused: where the look-up then shows that nothing
/// stands, that is believed (R6).
fn end(product: Product, plan: Plan) -> End {
    match (product, plan.fault, plan.rescue) {
        (Product::Iamport, Fault::Duplicate, Some(Rescue::QueryCancelled)) => End::Declined,
        _ => plan.end(),
    }
}
