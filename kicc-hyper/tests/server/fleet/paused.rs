//! A replica stopped (SIGSTOP) under load for longer than its lease, the others take over, and it is woken (R17, R20).

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kicc_testkit::{
    cluster::{Cluster, Programs},
    van::{Entry, Ledger},
};
use rustix::process::Signal;

use super::{Fleet, lease};
use crate::{
    load::{self, Load},
    random::Random,
    rounds::{Stages, instant, until_met},
    trials::long,
};

pub fn run(programs: Programs) {
    let cluster = Arc::new(Cluster::start(&programs));
    let (taken_over, sent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    until_met("a replica's stop", if long() { 40 } else { 4 }, &[], |which, _| {
        let (stages, [taken, late]) = stopped_and_woken(&cluster, &mut Random::new(3000 + which));
        taken_over.fetch_add(taken, Ordering::SeqCst);
        sent.fetch_add(late, Ordering::SeqCst);
        stages
    });
    let (taken_over, sent) = (taken_over.into_inner(), sent.into_inner());
    println!(
        "{taken_over} payments were taken over from stopped replicas, {sent} messages sent for them later"
    );
    assert!(taken_over > 0, "no stop met an open payment");
    // Between the last look at the lease and the first byte lies the stated limit of R17.
    assert!(sent <= 1, "{sent} messages were sent for payments that had been taken over");
}

/// Returns the stages at the stop; how many payments were taken over, and how many messages were sent for those later.
fn stopped_and_woken(cluster: &Arc<Cluster>, random: &mut Random) -> (Stages, [usize; 2]) {
    let fleet = Fleet::open(cluster, load::van(), 3, &[]);
    let numbers = load::numbers(4, random);
    let load = Load::start(fleet.replicas[0].server().as_ref().expect("it runs"), &numbers);
    thread::sleep(instant(random));
    let stop = |signal| fleet.replicas[0].server().as_ref().expect("it runs").process.signal(signal);
    stop(Signal::STOP);
    let stopped = Instant::now();
    // What it has under way in the database is undone by then, or done.
    thread::sleep(lease() / 2);
    let rows = fleet.rows();
    let mut stages = Stages::new();
    rows.values().for_each(|row| *stages.entry(row.stage_name()).or_default() += 1);
    let open = rows.values().filter(|row| row.is_open()).count();

    fleet.wait_until_settled(Duration::from_secs(60));
    assert!(open == 0 || stopped.elapsed() + lease() / 5 > lease(), "robbed after {:?}", stopped.elapsed());
    let at_waking = requests(&fleet.van.ledger());
    stop(Signal::CONT);
    let answers = load.answers();
    fleet.wait_until_settled(Duration::from_secs(60));
    let later = requests(&fleet.van.ledger());
    let taken = rows.keys();
    let late = taken.map(|number| later.get(number).unwrap_or(&0) - at_waking.get(number).unwrap_or(&0));
    let late = late.sum::<u32>() as usize;
    fleet.agree(&numbers, &answers);
    (stages, [open, late])
}

/// How many messages arrived about each number.
fn requests(ledger: &Ledger) -> BTreeMap<String, u32> {
    let all = |entry: &Entry| {
        let Entry { approvals, net_cancels, status_queries, cancels, .. } = entry;
        (entry.number.clone(), approvals + net_cancels + status_queries + cancels)
    };
    ledger.entries.iter().map(all).collect()
}
