//! Everything that can happen to replicas and their database, while customers buy under the gateway's faults.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kicc_testkit::cluster::{Cluster, Programs};
use rustix::process::Signal;

use super::{
    Fleet,
    customers::{Customers, UntilDropped},
    lease,
    link::Way,
};
use crate::{load, random::Random, trials::long};

/// What happens.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// A replica is killed, and started again.
    Kill,
    /// A replica is stopped for longer than its lease.
    Stop,
    /// Nothing gets through between a replica and the database, for longer than its lease.
    Silence,
    /// The same, and its connections are reset.
    Reset,
    /// The database is killed, and started again.
    KillDatabase,
    /// The database is stopped by its administrator, and started again.
    StopDatabase,
}

const BLOWS: [Blow; 6] =
    [Blow::Kill, Blow::Stop, Blow::Silence, Blow::Reset, Blow::KillDatabase, Blow::StopDatabase];

pub fn run(programs: Programs) {
    let cluster = Arc::new(Cluster::start(&programs));
    let fleet = Fleet::open(&cluster, load::van(), 3, &[]);
    let customers = Customers {
        count: if long() { 48 } else { 16 },
        orders: if long() { 20_000 } else { 300 },
        enough: AtomicBool::new(false),
        one_fault_in: 8,
        rest: Duration::from_millis(if long() { 0 } else { 150 }),
        ordered: AtomicU32::new(0),
    };
    let began = Instant::now();
    let ((numbers, answers), blows) = thread::scope(|scope| {
        let (fleet, customers) = (&fleet, &customers);
        let buying = scope.spawn(|| customers.buy(fleet));
        let shop_is_open = UntilDropped(customers);
        let mut random = Random::new(20);
        let mut blows = 0;
        // Each of them at least once, and until enough was bought.
        while blows == 0 || customers.ordered.load(Ordering::SeqCst) < customers.orders {
            let mut round = BLOWS;
            random.shuffle(&mut round);
            for blow in round {
                thread::sleep(random.millis(100, 1_000));
                strike(fleet, blow, &mut random);
                blows += 1;
            }
        }
        drop(shop_is_open);
        (buying.join().unwrap(), blows)
    });
    let bought = began.elapsed();
    fleet.wait_until_settled(Duration::from_secs(if long() { 600 } else { 90 }));
    let settled = began.elapsed() - bought;
    let for_a_person = fleet.agree(&numbers, &answers);
    let (mut said, mut errors) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    for answer in &answers {
        match answer["error"].as_str() {
            Some(error) => *errors.entry(error).or_default() += 1,
            None => {
                let what = answer["outcome"].as_str().or(answer["open"].as_str()).unwrap_or_default();
                *said.entry(what).or_default() += 1;
            }
        }
    }
    eprintln!("not answered, since: {errors:#?}");
    println!(
        "three replicas: {} orders in {:.0} s under {blows} blows, all ended {:.1} s later: 0 lost, 0 doubled, \
         {for_a_person} for a person; answered: {said:?}",
        numbers.len(),
        bought.as_secs_f64(),
        settled.as_secs_f64(),
    );
}

fn strike(fleet: &Fleet, blow: Blow, random: &mut Random) {
    let which = random.below(3) as usize;
    let longer = lease() + random.millis(500, 2_000);
    let link = &fleet.replicas[which].link;
    let signal = |signal| fleet.replicas[which].server().as_ref().expect("it runs").process.signal(signal);
    match blow {
        Blow::Kill => {
            fleet.kill(which);
            thread::sleep(random.millis(0, 2_000));
            fleet.start(which);
        }
        Blow::Stop => {
            signal(Signal::STOP);
            thread::sleep(longer);
            signal(Signal::CONT);
        }
        Blow::Silence | Blow::Reset => {
            link.set(if matches!(blow, Blow::Silence) { Way::Silent } else { Way::Reset });
            thread::sleep(longer);
            link.set(Way::Open);
        }
        Blow::KillDatabase => {
            fleet.cluster.kill();
            fleet.cluster.run();
        }
        Blow::StopDatabase => {
            fleet.cluster.stop();
            fleet.cluster.run();
        }
    }
}
