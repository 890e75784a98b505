//! Thousands of payments in flight at once, from one process to another.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kicc_hyper::{
    Client, Progress,
    client::Answer,
    http::{Http, HttpSettings},
    journal::SqliteJournal,
};
use kicc_proto::time::Millis;
use kicc_testkit::van::{Counts, Ledger, Van, VanConfig};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    books, http,
    merchant::{approve, policy, terminals},
    process::{Process, files_max, open_many_files},
    shop::rows,
    trials::{long, trial_if},
};

/// One of the two trials.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Flight {
    payments: usize,
    /// After how many milliseconds the gateway answers.
    latency: u64,
    answer_timeout: u64,
    rescues_in_flight: u32,
}

/// What the paying process says at its end.
#[derive(Debug, Serialize, Deserialize)]
struct Landed {
    outcomes: BTreeMap<String, usize>,
    /// The most payments that were under way at once.
    in_hand: u64,
    /// Memory in KiB: before the first payment, and at most.
    idle: u64,
    peak: u64,
    commits: u64,
}

pub fn trials() -> Vec<Trial> {
    let payments = if long() { 10_000 } else { 1_000 };
    let latency = if long() { 5_000 } else { 2_000 };
    // A file for each connection, and some for the rest.
    let possible = match files_max() {
        Some(files) if files < payments as u64 + 200 => Err(format!("no more than {files} open files")),
        _ => Ok(()),
    };
    let flight = Flight { payments, latency, answer_timeout: 33_000, rescues_in_flight: 16 };
    let silent = Flight { answer_timeout: 2 * latency, rescues_in_flight: payments as u32 / 5, ..flight };
    vec![
        trial_if(possible.clone(), "flight::thousands_are_approved_at_once", move || all_settle(flight)),
        trial_if(
            possible,
            "flight::r14_of_a_gateway_that_falls_silent_and_comes_back_all_are_settled",
            move || {
                silence(silent);
            },
        ),
    ]
}

fn all_settle(flight: Flight) {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, url) = start_gateway(flight, folder.path());
    let landed = start_payer(flight, &url, folder.path()).landed(&flight);
    assert_eq!(landed.outcomes["approved"], flight.payments, "{landed:?}");
    agree(&url, folder.path(), flight);
    gateway.kill();
}

/// All are booked, none was answered: the gateway falls silent, all are given up, the gateway comes back.
fn silence(flight: Flight) {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, url) = start_gateway(flight, folder.path());
    let payer = start_payer(flight, &url, folder.path());
    let until = Instant::now() + Duration::from_secs(120);
    while counts(&url).approvals < flight.payments as u64 {
        assert!(Instant::now() < until, "they do not arrive: {:?}", counts(&url));
        thread::sleep(Duration::from_millis(20));
    }
    gateway.signal(Signal::STOP);
    thread::sleep(Duration::from_millis(flight.answer_timeout * 3 / 2));
    gateway.signal(Signal::CONT);
    let landed = payer.landed(&flight);
    let of = |outcome: &str| landed.outcomes.get(outcome).copied().unwrap_or(0);
    assert_eq!(of("approved") + of("reversed"), flight.payments, "{landed:?}");
    assert!(of("reversed") > 0, "nobody noticed: {landed:?}");
    agree(&url, folder.path(), flight);
    gateway.kill();
}

#[track_caller]
fn agree(url: &str, folder: &Path, flight: Flight) {
    let ledger_url = format!("{url}/ledger");
    let ledger: Ledger = serde_json::from_str(&http::get(&ledger_url).unwrap().body).unwrap();
    let journal = folder.join("journal.db");
    let rows = rows(&journal);
    assert_eq!(rows.len(), flight.payments);
    assert!(rows.values().all(|row| row.told));
    books::compare(&ledger, &rows, &ledger_url, &journal);
}

fn counts(url: &str) -> Counts {
    serde_json::from_str(&http::get(&format!("{url}/counts")).unwrap().body).unwrap()
}

fn start_gateway(flight: Flight, folder: &Path) -> (Process, String) {
    let flight = serde_json::to_string(&flight).unwrap();
    let gateway = Process::start("gateway", &[&flight], &folder.join("gateway.log"));
    let url = gateway.line(Duration::from_secs(30)).expect("its address");
    (gateway, url)
}

struct Payer(Process, Instant);

fn start_payer(flight: Flight, url: &str, folder: &Path) -> Payer {
    let flight = serde_json::to_string(&flight).unwrap();
    let arguments = [&flight, url, folder.to_str().unwrap()];
    Payer(Process::start("payer", &arguments, &folder.join("payer.log")), Instant::now())
}

impl Payer {
    #[track_caller]
    fn landed(self, flight: &Flight) -> Landed {
        let Payer(process, began) = self;
        let line = process.line(Duration::from_secs(900)).expect("its last line");
        let landed: Landed = serde_json::from_str(&line).unwrap();
        let each = (landed.peak - landed.idle) as f64 / flight.payments as f64;
        eprintln!(
            "{} payments, {} in hand at once, answers after {} ms: {:?} in {:.1} s, {} commits; memory: {:.1} MiB idle, \
             {:.1} MiB at most, {each:.1} KiB for each payment",
            flight.payments,
            landed.in_hand,
            flight.latency,
            landed.outcomes,
            began.elapsed().as_secs_f64(),
            landed.commits,
            landed.idle as f64 / 1024.0,
            landed.peak as f64 / 1024.0,
        );
        assert_eq!(landed.in_hand, flight.payments as u64, "not all at once");
        landed
    }
}

/// The process that plays the gateway, until it is killed.
pub fn gateway() -> ! {
    open_many_files();
    let flight: Flight = serde_json::from_str(&std::env::args().nth(1).unwrap()).unwrap();
    let latency = Duration::from_millis(flight.latency);
    let van = Van::start(VanConfig { latency, ..VanConfig::default() }).unwrap();
    println!("{}", van.base_url());
    loop {
        thread::park();
    }
}

/// The process that pays.
pub fn payer() -> Result<(), Box<dyn Error + Send + Sync>> {
    open_many_files();
    let arguments: Vec<String> = std::env::args().collect();
    let flight: Flight = serde_json::from_str(&arguments[1])?;
    Runtime::new()?.block_on(pay(flight, &arguments[2], Path::new(&arguments[3])))
}

async fn pay(flight: Flight, url: &str, folder: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut policy = policy();
    // That nothing comes too late on a busy machine.
    policy.send_by = Millis::from_secs(60);
    policy.answer_timeout = Millis(flight.answer_timeout);
    policy.quiet_period = Millis(flight.answer_timeout);
    policy.lease = Millis::from_secs(120);
    policy.rescues_in_flight = flight.rescues_in_flight;
    let journal = Arc::new(SqliteJournal::open(folder.join("journal.db")).await?);
    let mut builder = Client::builder(Http::new(HttpSettings::new(url))?, journal.clone())
        .policy(policy)
        .accept_step(async |_| Answer::Held);
    for terminal in terminals() {
        builder = builder.terminal(terminal);
    }
    let client = builder.build()?;
    let idle = memory("VmRSS")?;
    let mut tasks = JoinSet::new();
    for serial in 0..flight.payments {
        let client = client.clone();
        tasks.spawn(async move {
            match approve(&client, serial).await? {
                Progress::Open(open) => Err(format!("still open: {open:?}").into()),
                Progress::Settled(settled) => {
                    settled.told().await?;
                    Ok::<_, Box<dyn Error + Send + Sync>>(settled.outcome().map(|outcome| outcome.name()))
                }
            }
        });
    }
    let (mut in_hand, mut outcomes) = (0, BTreeMap::new());
    let mut look = tokio::time::interval(Duration::from_millis(10));
    loop {
        tokio::select! {
            _ = look.tick() => in_hand = in_hand.max(client.counts().in_hand),
            ended = tasks.join_next() => match ended {
                Some(ended) => *outcomes.entry(ended??.ok_or("no outcome")?.to_owned()).or_default() += 1,
                None => break,
            },
        }
    }
    let landed =
        Landed { outcomes, in_hand, idle, peak: memory("VmHWM")?, commits: journal.counts().commits };
    println!("{}", serde_json::to_string(&landed)?);
    Ok(())
}

/// A line of `/proc/self/status`, in KiB.
fn memory(name: &str) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).ok_or("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
