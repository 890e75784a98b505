//! `kicc storm`: orders of all products through every fault of the simulated VAN, and both books compared after it.

mod books;
mod cases;
mod ended;
mod orders;
mod shop;
mod table;

use std::{
    collections::VecDeque,
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use indicatif::ProgressBar;
use kicc_proto::{
    codes::{CodeSets, Codes, ResultCode},
    easytalk::{Settings, StatusQuery},
    flow::Policy,
    iamport,
    product::Product,
    time::Millis,
    values::Invalid,
};
use kicc_testkit::van::{EasyTalkSettings, Van, VanConfig};
use kicc_ureq::{Progress, journal::SqliteJournal};

use self::{
    cases::Case,
    ended::Ended,
    orders::Order,
    shop::{Clients, Shop},
};
use crate::{
    exit::{Exit, Fail},
    printer,
};

/// How often each case comes, where the number of orders is not given.
const OF_EACH: u32 = 12;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One product only, instead of all
    #[arg(long, value_name = "NAME",
        value_parser = PossibleValuesParser::new(Product::ALL.map(Product::as_str))
            .try_map(|name| Product::from_name(&name).ok_or("no such product")))]
    product: Option<Product>,
    /// How many orders; they go round all cases [default: twelve of each case]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=9999))]
    orders: Option<u32>,
    /// Decides the order of arrival, and which faults meet which rescues
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// How many times faster than in life waits go by
    #[arg(long, value_name = "N", default_value = "33", value_parser = clap::value_parser!(u64).range(1..=100))]
    scale: u64,
    /// How many orders are under way at once
    #[arg(long, value_name = "N", default_value = "128", value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let folder = tempfile::tempdir()?;
    let journal = Arc::new(SqliteJournal::open(folder.path().join("journal")).map_err(Fail::io)?);
    let mut config = VanConfig {
        // Byte by byte, and no slower: a sleep of its own per byte outlasts the short times on a busy machine.
        drip: Duration::ZERO,
        easytalk: EasyTalkSettings { forgets_after: REMEMBERS, ..EasyTalkSettings::default() },
        ..VanConfig::default()
    };
    let policy = policy(args, &config)?;
    config.late = Duration::from_millis(policy.quiet_period.0 / 3);
    let cases = cases::of(args.product);
    let orders = orders::round(args, &cases)?;
    let shop = Arc::new(Shop::new(&orders, &cases));
    let van = Van::start(config.clone())?;
    let clients = Clients::new(&van, &config, &policy, &journal, &shop)?;
    let mut out = io::stdout();
    table::introduce(args, &policy, orders.len(), &cases, &mut out)?;
    let bar = if io::stderr().is_terminal() { printer::bar(orders.len()) } else { ProgressBar::hidden() };
    let began = Instant::now();
    let ended = pay(orders, &cases, &clients, args.concurrency, &bar);
    bar.finish_and_clear();
    let took = began.elapsed().as_secs_f64();
    let unexpected = table::outcomes(&cases, &ended, &mut out)?;
    let agree = books::reconcile(&van.ledger(), &ended, &cases, &shop, &mut out)?;
    let count = van.counts();
    writeln!(
        out,
        "{} orders in {took:.1} s: {} approvals, {} net-cancels, {} status queries and {} cancels reached the VAN",
        ended.len(),
        count.approvals,
        count.net_cancels,
        count.status_queries,
        count.cancels
    )?;
    Ok(if unexpected == 0 && agree { Exit::DONE } else { Exit::UNEXPECTED })
}

/// For how long the VAN remembers an order, also one that it does not tell of: longer than any storm, as a gateway must
/// inside the proof window, which ends a day later at the earliest (R13b).
const REMEMBERS: Duration = Duration::from_secs(24 * 60 * 60);

/// The default policy with shorter waits. Permissions (`send_by`, `lease`) are upper bounds and cost no time.
fn policy(args: &Args, van: &VanConfig) -> Result<Policy, Fail> {
    let mut policy = Policy::default();
    for span in [
        &mut policy.answer_timeout,
        &mut policy.quiet_period,
        &mut policy.backoff_first,
        &mut policy.backoff_cap,
    ] {
        span.0 /= args.scale;
    }
    // Two spoiled cancels cost three messages each, and a late approval is found by the second query: the ninth is the
    // cancel that works. i'mport's `ready` is asked about four times more. Two to spare, for a machine too slow to
    // answer in time.
    policy.rescue_attempts = 15;
    policy.rescues_in_flight = u32::from(args.concurrency);
    // Every rescue is over by then, also on a slow machine: on a swift one nothing waits for it.
    policy.horizon = Millis(2_000_000 / args.scale).max(Millis::from_secs(60));
    let duplicate = vec![ResultCode::new(&van.duplicate_code).map_err(Fail::input)?];
    policy.codes = Codes::new(CodeSets { duplicate, ..CodeSets::default() }).map_err(Fail::input)?;
    policy.products.easytalk = Some(easytalk(&van.easytalk).map_err(Fail::input)?);
    Ok(policy.with_iamport(iamport(args)))
}

/// The simulated i'mport sells through a test channel, and its lists show that.
fn iamport(args: &Args) -> iamport::Settings {
    let mut settings = iamport::Settings::test();
    settings.sees_sandbox = true;
    settings.answer_timeout.0 /= args.scale;
    settings.quiet_period.0 /= args.scale;
    settings
}

fn easytalk(van: &EasyTalkSettings) -> Result<Settings, Invalid> {
    let not_found = [ResultCode::new(&van.not_found_code)?];
    StatusQuery::new(&van.status_path, &van.status_date_field, &not_found).map(Settings::with_status_query)
}

fn pay(
    orders: VecDeque<Order>,
    cases: &[Case],
    clients: &Clients,
    concurrency: u16,
    bar: &ProgressBar,
) -> Vec<Ended> {
    let (orders, ended) = (Mutex::new(orders), Mutex::new(Vec::new()));
    let next = || orders.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        for _ in 0..concurrency {
            scope.spawn(|| {
                while let Some(order) = next() {
                    let case = &cases[order.case];
                    let result = order.approve(case.product, clients.of(case));
                    if let Ok(Progress::Settled(settled)) = &result {
                        printer::told(settled);
                    }
                    bar.inc(1);
                    ended.lock().unwrap_or_else(PoisonError::into_inner).push(Ended { order, result });
                }
            });
        }
    });
    ended.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_every_case_comes_at_least_ten_times() {
        let one = |product| vec!["kicc", "storm", "--product", product];
        for words in [vec!["kicc", "storm"], one("easytalk"), one("iamport")] {
            let args = <crate::Cli as clap::Parser>::try_parse_from(words).unwrap();
            let crate::Cli::Storm(args) = args else { panic!("another command") };
            let cases = cases::of(args.product);
            let orders = orders::round(&args, &cases).unwrap();
            for (at, case) in cases.iter().enumerate() {
                assert!(args.product.is_none_or(|product| product == case.product), "{}", case.name);
                let times = orders.iter().filter(|order| order.case == at).count();
                assert!(times >= 10, "{:?}: {}", case.product, case.name);
            }
            let policy = policy(&args, &VanConfig::default()).unwrap();
            assert_eq!(policy.check(true), Ok(()));
            assert!(u128::from(policy.horizon.0) < REMEMBERS.as_millis());
        }
    }
}
