//! What a replica tells the balancer while it cannot reach the database.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kicc_testkit::cluster::{Cluster, Programs};

use super::{Fleet, link::Way};
use crate::{http, load};

pub fn run(programs: Programs) {
    let cluster = Arc::new(Cluster::start(&programs));
    let fleet = Fleet::open(&cluster, load::van(), 2, &[]);
    let live = |which| http::get(&format!("{}/health/live", fleet.url(which).unwrap())).unwrap().status;
    for way in [Way::Reset, Way::Silent] {
        fleet.replicas[0].link.set(way);
        let asked = Instant::now();
        assert_eq!([live(0), live(1)], [503, 200], "{way:?}");
        assert!(asked.elapsed() < Duration::from_secs(6), "a balancer does not wait so long");
        fleet.replicas[0].link.set(Way::Open);
        let until = Instant::now() + Duration::from_secs(30);
        while live(0) != 200 {
            assert!(Instant::now() < until, "it does not come back: {}", fleet.log());
            thread::sleep(Duration::from_millis(200));
        }
    }
}
