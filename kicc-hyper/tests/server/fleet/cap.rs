//! A cap on rescues in flight that all replicas have together (R14).

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kicc_testkit::{
    cluster::{Cluster, Programs},
    van::{Kind, VanConfig, faults::Plan},
};

use super::{
    Fleet,
    shares::{LATENCY, in_flight},
};
use crate::load::{self, Load};

const CAP: usize = 6;
/// At each replica.
const PAYMENTS: u32 = 30;

pub fn run(programs: Programs) {
    let cluster = Arc::new(Cluster::start(&programs));
    let van = VanConfig { latency: LATENCY, ..load::van() };
    let fleet = Fleet::open_at(&cluster, van, 3, &[], &format!("?kicc_rescues_in_flight={CAP}"));
    // By then each of them knows of the others.
    thread::sleep(super::lease() / 2);
    let plan: Plan = "reset_after".parse().unwrap();
    let numbers: Vec<String> = (1..=3 * PAYMENTS).map(|serial| plan.number(serial)).collect();
    let began = Instant::now();
    let loads: Vec<Load> = numbers
        .chunks(PAYMENTS as usize)
        .zip(&fleet.replicas)
        .map(|(numbers, replica)| Load::start(replica.server().as_ref().expect("it runs"), numbers))
        .collect();
    let answers: Vec<_> = loads.into_iter().flat_map(Load::answers).collect();
    fleet.wait_until_settled(Duration::from_secs(90));
    let ledger = fleet.van.ledger();
    let seen = ledger.entries.iter().flat_map(|entry| &entry.requests);
    let sent = seen.filter(|seen| seen.kind != Kind::Approval && seen.body.is_some());
    let mut rescues: Vec<u64> = sent.map(|seen| seen.at).collect();
    rescues.sort_unstable();
    let most = in_flight(&rescues);
    println!(
        "{} rescues of three replicas in {:.1?}: at most {most} in flight at once, of {CAP} allowed together",
        rescues.len(),
        began.elapsed(),
    );
    assert!((2..=CAP).contains(&most), "{most} rescues in flight");
    fleet.agree(&numbers, &answers);
}
