//! How many payments per second replicas take on one database.

use std::{
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
            orders: 4_000,
            enough: AtomicBool::new(true),
            one_fault_in: 0,
            rest: Duration::ZERO,
            ordered: AtomicU32::new(0),
        };
        let began = Instant::now();
        let (numbers, answers) = customers.buy(&fleet);
        let seconds = began.elapsed().as_secs_f64();
        fleet.wait_until_settled(Duration::from_secs(60));
        let approved = answers.iter().filter(|answer| answer["outcome"] == "approved").count();
        assert_eq!(fleet.agree(&numbers, &answers), 0);
        println!(
            "{replicas} replicas: {approved} of {} payments approved, {:.0} per second",
            numbers.len(),
            numbers.len() as f64 / seconds
        );
    }
}
