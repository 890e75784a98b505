//! What a dead replica has left, and who finishes it: within its lease, none by two at once, under the cap (R14, R20).

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kicc_testkit::{
    cluster::{Cluster, Programs},
    van::{Kind, VanConfig, faults::Plan},
};
use serde_json::Value;

use super::{Fleet, lease, looked};
use crate::{
    http,
    load::{self, Load},
};

/// How long the gateway takes for each message.
pub const LATENCY: Duration = Duration::from_millis(200);
/// Of each replica.
const CAP: usize = 4;

pub fn run(programs: Programs) {
    let cluster = Arc::new(Cluster::start(&programs));
    let van = VanConfig { latency: LATENCY, ..load::van() };
    let cap = CAP.to_string();
    let fleet = Fleet::open(&cluster, van, 3, &["--rescues-in-flight", &cap]);
    let plan: Plan = "hang_after".parse().unwrap();
    let numbers: Vec<String> = (1..=120).map(|serial| plan.number(serial)).collect();
    let load = Load::start(fleet.replicas[0].server().as_ref().expect("it runs"), &numbers);
    let until = Instant::now() + Duration::from_secs(30);
    while fleet.van.counts().approvals < numbers.len() as u64 {
        assert!(Instant::now() < until, "they do not arrive: {:?}", fleet.van.counts());
        thread::sleep(Duration::from_millis(5));
    }
    fleet.kill(0);
    let killed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let (answers, left) = (load.answers(), fleet.count("standing = 'open'"));
    fleet.wait_until_settled(Duration::from_secs(90));

    let ledger = fleet.van.ledger();
    let mut rescues: Vec<u64> = Vec::new();
    for entry in &ledger.entries {
        let sent = entry.requests.iter().filter(|seen| seen.kind != Kind::Approval && seen.body.is_some());
        let sent: Vec<u64> = sent.map(|seen| seen.at).filter(|at| *at > killed).collect();
        // The answer to the one before had not come yet.
        assert!(in_flight(&sent) <= 1, "{}: worked on by two at once: {sent:?}", entry.number);
        rescues.extend(sent);
    }
    rescues.sort_unstable();
    let (first, last) = (rescues[0] - killed, rescues[rescues.len() - 1] - killed);
    let shares = [1, 2].map(|which| {
        let health = http::get(&format!("{}/health/payments", fleet.url(which).unwrap())).unwrap().body;
        serde_json::from_str::<Value>(&health).unwrap()["reversed"].as_u64().unwrap()
    });
    let most = in_flight(&rescues);
    println!(
        "{left} payments left by a dead replica (lease {} ms): the first message after {first} ms, the last after {last} \
         ms; the others finished {shares:?}; at most {most} rescues in flight at once, of {} allowed",
        lease().as_millis(),
        2 * CAP,
    );
    let millis = |span: Duration| span.as_millis() as u64;
    // Its last word is a fifth of the lease old at most.
    assert!(first >= millis(lease() * 4 / 5) - 100, "robbed after {first} ms");
    assert!(first <= millis(lease() + looked()) + 2_000, "waited for {first} ms");
    assert!(most <= 2 * CAP, "{most} rescues in flight");
    assert!(shares.iter().all(|share| *share > 0), "one did nothing: {shares:?}");
    assert_eq!(shares.iter().sum::<u64>(), left);
    fleet.agree(&numbers, &answers);
}

/// How many of these were in flight at once: those that arrived before the first of them could be answered.
pub fn in_flight(at: &[u64]) -> usize {
    let latency = LATENCY.as_millis() as u64;
    let from = |first: &u64| at.iter().filter(|at| (*first..*first + latency).contains(at)).count();
    at.iter().map(from).max().unwrap_or(0)
}
