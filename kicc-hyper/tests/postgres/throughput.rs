//! How many writes the journals of one, two and four replicas do on one database, with neither customers nor a gateway
//! beside them; with `KICC_LONG=1`.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use kicc_hyper::journal::PostgresJournal;
use kicc_proto::journal::{AsyncJournal, Expect, Row, Standing, Written};
use libtest_mimic::Trial;
use tokio::task::JoinSet;

use crate::{
    Shared,
    rows::{next, row},
    trials::long,
};

/// Payments.
const PAYMENTS: u32 = 10_000;

pub fn trials(shared: &Shared) -> Vec<Trial> {
    let trials =
        long().then(|| shared.trial("throughput_of_the_journals_of_one_two_and_four_replicas", throughput));
    trials.into_iter().collect()
}

async fn throughput(shared: &Shared) {
    let cluster = shared.cluster();
    for (replicas, at_once) in [(1, 64), (2, 64), (4, 64), (1, 256), (2, 256), (4, 256)] {
        let database = cluster.database();
        let mut journals = Vec::new();
        for _ in 0..replicas {
            journals.push(Arc::new(PostgresJournal::open(&cluster.address(&database)).await.unwrap()));
        }
        let (paid, began) = (Arc::new(AtomicU32::new(0)), Instant::now());
        let mut customers = JoinSet::new();
        for which in 0..at_once {
            let (journal, paid) = (Arc::clone(&journals[which % replicas]), Arc::clone(&paid));
            customers.spawn(async move {
                loop {
                    let serial = paid.fetch_add(1, Ordering::SeqCst);
                    if serial >= PAYMENTS {
                        break;
                    }
                    pay(&journal, &format!("N{serial}")).await;
                }
            });
        }
        customers.join_all().await;
        let seconds = began.elapsed().as_secs_f64();
        let (mut writes, mut commits) = (0, 0);
        for journal in journals {
            let counts = journal.counts();
            (writes, commits) = (writes + counts.writes, commits + counts.commits);
            journal.close().await;
        }
        println!(
            "{replicas} replicas, {at_once} payments at once: {:.0} payments per second, {:.0} groups of {:.1} writes; {:.2} \
             groups per payment; load {}",
            f64::from(PAYMENTS) / seconds,
            commits as f64 / seconds,
            writes as f64 / commits as f64,
            commits as f64 / f64::from(PAYMENTS),
            fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default(),
        );
    }
}

/// What a journal has of a good payment: written down, undecided, accepted, told.
async fn pay(journal: &PostgresJournal, number: &str) {
    let intent = row(number);
    assert_eq!(journal.write(&intent, Expect::Absent).await, Ok(Written::Stored));
    let undecided = next(&intent);
    assert_eq!(journal.write(&undecided, Expect::Revision(1)).await, Ok(Written::Stored));
    let closed = Row { standing: Standing::Closed, ..next(&undecided) };
    assert_eq!(journal.write(&closed, Expect::Revision(2)).await, Ok(Written::Stored));
    assert_eq!(journal.told(&closed.key, 3).await, Ok(true));
}
