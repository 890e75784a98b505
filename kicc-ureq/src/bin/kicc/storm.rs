//! `kicc storm`: orders through every fault of the simulated VAN, and both books compared after it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use kicc_proto::{
    flow::{Charged, Outcome, Policy},
    product::Merchant,
    simple,
    time::Millis,
    values::{
        Amount, BusinessNumber, ChannelId, Environment, Invalid, Parts, Secret, ServiceId, TerminalId, TokenKey,
        TransactionNumber, Won,
    },
    wire::sign::HmacSha256,
};
use kicc_testkit::van::{
    self, BookEntry, Disagreement, Ledger, Van, VanConfig,
    faults::{End, Fault, Plan, Rescue},
};
use kicc_ureq::{
    Client, Progress,
    client::{Answer, Question, Terminal},
    http::{Http, HttpSettings},
    journal::SqliteJournal,
};

use crate::{
    exit::{Exit, Fail},
    printer,
    result::operator,
    words,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many orders; they go round all cases, of which there are about fifty
    #[arg(long, value_name = "N", default_value = "600", value_parser = clap::value_parser!(u32).range(1..=9999))]
    orders: u32,
    /// Decides the order of arrival, and which faults meet which rescues
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// How many times faster than in life waits go by
    #[arg(long, value_name = "N", default_value = "33", value_parser = clap::value_parser!(u64).range(1..=100))]
    scale: u64,
    /// How many orders are under way at once
    #[arg(long, value_name = "N", default_value = "48", value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
}

/// Long enough that a rescue on a slow machine is over by then, short enough to wait for (our choice).
const HORIZON: Millis = Millis::from_secs(12);

/// What an order meets.
struct Case {
    name: String,
    plan: fn(dice: u64) -> Plan,
    door: Door,
    books: Books,
    expected: End,
}

/// Where the order's client connects to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Van,
    Refuse,
    NoTls,
}

/// What the merchant's accept step says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Books {
    Held,
    NotHeld,
    /// Twice, then held.
    CannotTellYet,
    CannotTell,
}

struct Job {
    case: usize,
    order: simple::Order,
    number: String,
    amount: u64,
}

/// What became of an order.
struct Ended {
    case: usize,
    number: String,
    amount: u64,
    result: Result<Progress, String>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let folder = tempfile::tempdir()?;
    let journal = Arc::new(SqliteJournal::open(folder.path().join("journal")).map_err(Fail::io)?);
    let policy = policy(args.scale, u32::from(args.concurrency));
    let config = VanConfig {
        magic: true,
        hang: Duration::from_secs(120),
        late: Duration::from_millis(policy.quiet_period.0 / 3),
        drip: Duration::from_micros(100),
        ..VanConfig::default()
    };
    let van = Van::start(config)?;
    let cases = cases();
    let jobs = jobs(args, &cases)?;
    let mut out = io::stdout();
    introduce(args, &policy, &cases, jobs.len(), &mut out)?;

    let books = Arc::new(MerchantBooks {
        says: jobs.iter().map(|job| (job.number.clone(), cases[job.case].books)).collect(),
        held: Mutex::default(),
    });
    let clients = Clients::new(&van, &policy, &journal, &books)?;
    let bar = if io::stderr().is_terminal() { printer::bar(jobs.len()) } else { ProgressBar::hidden() };
    let began = Instant::now();
    let ended = pay(jobs, &cases, &clients, args.concurrency, &bar);
    bar.finish_and_clear();
    let took = began.elapsed();

    let unexpected = table(&cases, &ended, &mut out)?;
    let agree = reconcile(&van, &ended, &books, &mut out)?;
    writeln!(out, "{} orders in {:.1} s", ended.len(), took.as_secs_f64())?;
    Ok(if unexpected == 0 && agree { Exit::DONE } else { Exit::UNEXPECTED })
}

fn policy(scale: u64, concurrency: u32) -> Policy {
    let mut policy = Policy::default();
    for span in [
        &mut policy.answer_timeout,
        &mut policy.quiet_period,
        &mut policy.backoff_first,
        &mut policy.backoff_cap,
    ] {
        span.0 /= scale;
    }
    policy.rescue_attempts = 8;
    policy.rescues_in_flight = concurrency;
    policy.horizon = HORIZON.max(policy.quiet_period);
    policy
}

fn cases() -> Vec<Case> {
    let case = |name: &str, plan: fn(u64) -> Plan, expected: End| Case {
        name: name.to_owned(),
        plan,
        door: Door::Van,
        books: Books::Held,
        expected,
    };
    let plain = Fault::all().map(|fault| Case { name: fault.row().name.to_owned(), ..case("", plain_plan(fault), fault.row().end) });
    let mut cases: Vec<Case> = plain.collect();
    cases.extend([
        case("any of these, and rescue_hang", |dice| rescued(dice, Rescue::Hang), End::Reversed),
        case("any of these, and rescue_hang_done", |dice| rescued(dice, Rescue::HangDone), End::Reversed),
        case("any of these, and rescue_reset", |dice| rescued(dice, Rescue::Reset), End::Reversed),
        case("any of these, and rescue_5xx", |dice| rescued(dice, Rescue::ServerError), End::Reversed),
    ]);
    cases
}

