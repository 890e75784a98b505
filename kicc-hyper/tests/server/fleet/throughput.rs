//! How many payments per second replicas take on one database.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32},
    },
    time::{Duration, Instant},
};

use kicc_testkit::cluster::{Cluster, Programs};

use super::{Fleet, customers::Customers};
use crate::load;

pub fn run(programs: Programs) {
    let cluster = Arc::new(Cluster::start(&programs));
    for replicas in [1, 2, 4] {
        let fleet = Fleet::open(&cluster, load::van(), replicas, &[]);
        let customers = Customers {
            count: 48,
            orders: 2_000,
            enough: AtomicBool::new(true),
            one_fault_in: 0,
            rest: Duration::ZERO,
            ordered: AtomicU32::new(0),
        };
        let flushes = || cluster.sql("postgres", "SELECT wal_sync FROM pg_stat_wal").parse::<f64>().unwrap();
        let (began, before) = (Instant::now(), flushes());
        let (numbers, answers) = customers.buy(&fleet);
        let (seconds, paid) = (began.elapsed().as_secs_f64(), numbers.len() as f64);
        let flushed = flushes() - before;
        let groups = "SELECT number FROM kicc_meta WHERE name = 'sequence'";
        let groups: f64 = cluster.sql(&fleet.database, groups).parse().unwrap();
        fleet.wait_until_settled(Duration::from_secs(60));
        let approved = answers.iter().filter(|answer| answer["outcome"] == "approved").count();
        assert_eq!(fleet.agree(&numbers, &answers), 0);
        println!(
            "{replicas} replicas: {approved} of {paid} payments approved, {:.0} per second; {:.2} groups \
             and {:.2} flushes per payment; load {}",
            paid / seconds,
            groups / paid,
            flushed / paid,
            fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default(),
        );
    }
}
