//! The example server stopped (SIGSTOP) under load for longer than its leases, another process takes over, and it is
//! woken (R17, R20).

use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kicc_hyper::client::{Recovery, Report};
use kicc_proto::{journal::Force, values::Won};
use kicc_testkit::van::{Entry, Ledger};
use libtest_mimic::Trial;
use rustix::process::Signal;

use crate::{
    books,
    checkout::{
        self,
        shop::{Kept, Plan, tell},
    },
    load::{self, Load},
    process::Process,
    random::Random,
    rounds::{Stages, instant, stages, until_met},
    shop::{HURRY, Shop},
    trials::{long, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![trial(
        "stop::r20_stopped_under_load_it_is_not_robbed_while_alive_and_sends_nothing_once_taken_over",
        many,
    )]
}

fn many() {
    let taken_over = AtomicUsize::new(0);
    until_met("stop", if long() { 100 } else { 12 }, &[], |which, _| {
        let (stages, taken) = stopped_and_woken(&mut Random::new(1000 + which));
        taken_over.fetch_add(taken, Ordering::SeqCst);
        stages
    });
    let taken_over = taken_over.into_inner();
    eprintln!("{taken_over} payments were taken over from stopped processes");
    assert!(taken_over > 0, "no stop met an open payment");
}

/// Returns the stages at the stop, and how many payments were taken over.
fn stopped_and_woken(random: &mut Random) -> (Stages, usize) {
    let shop = Shop::open(load::van(), HURRY);
    // Few good ones, so that a stop between the last look at the lease and the first byte stays improbable (the stated
    // limit of R17).
    let numbers = load::numbers(4, random);
    let mut server = shop.serve();
    let load = Load::start(&server, &numbers);
    thread::sleep(instant(random));
    stop(&shop, &mut server.process);

    let stages = stages(&shop);

    // Now only the lock tells that it lives.
    wait_for_leases(&shop);
    let before = shop.van.ledger();
    let rows = shop.rows();
    let open = rows.iter().filter(|(_, row)| row.is_open());
    // Some of the open ones nobody stands by for: their leases were given back, and anybody may go on with them.
    let (held, free): (Vec<_>, Vec<_>) = open.partition(|(_, row)| row.is_held);
    let shy = recover(&shop, Force::DeadOrLapsed);
    assert_eq!((shy.held.len(), shy.settled, shy.untold), (held.len(), free.len(), 0), "{shy:?}");
    for (number, _) in &held {
        assert_eq!(requests(&shop.van.ledger(), number), requests(&before, number), "{number}: robbed");
    }

    let bold = recover(&shop, Force::LapsedEvenIfAlive);
    assert_eq!((bold.settled, bold.held.len(), bold.untold), (held.len(), 0, 0), "{bold:?}");

    let at_waking = shop.van.ledger();
    server.process.signal(Signal::CONT);
    let answers = load.answers();
    shop.wait_until_settled();
    server.terminate();
    for (number, _) in held.iter().chain(&free) {
        let (then, now) = (requests(&at_waking, number), requests(&shop.van.ledger(), number));
        assert_eq!(now, then, "{number}: sent after it was taken over");
    }
    books::agree(&shop, &numbers, &answers);
    (stages, held.len())
}

/// This process is the one that takes over, with the shop's journal, books and accept step.
fn recover(shop: &Shop, force: Force) -> Report {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let gateway = shop.van.base_url();
        let other = checkout::shop::Shop::open(Plan {
            gateway: &gateway,
            kept: Kept::Folder(shop.folder()),
            public_url: String::new(),
            price: Won(1),
            policy: checkout::policy(HURRY),
            patience: Duration::ZERO,
        });
        let other = other.await.unwrap();
        let books = other.books.clone();
        let report = other.client.recover(Recovery { force }, move |end| {
            let books = books.clone();
            async move { tell(&books, &end).await }
        });
        let report = report.await.unwrap();
        let left = other.client.shutdown(Duration::from_secs(5)).await;
        assert!(left.in_hand.is_empty() && left.released.is_empty(), "{left:?}");
        assert_eq!(Arc::strong_count(&other), 1);
        report
    })
}

/// Stops the process while it holds no lock of the journal, the journal's mark or the books: nobody could go on
/// otherwise. A thread that is in the kernel stops when it leaves it, perhaps with a lock.
fn stop(shop: &Shop, process: &mut Process) {
    loop {
        process.signal(Signal::STOP);
        while !process.is_stopped() {
            assert!(!process.is_over(), "it ended before it could be stopped: {}", shop.log());
            thread::sleep(Duration::from_millis(1));
        }
        if is_free(shop) {
            return;
        }
        process.signal(Signal::CONT);
        thread::sleep(Duration::from_millis(7));
    }
}

fn is_free(shop: &Shop) -> bool {
    let is_free = |file: &str| {
        rusqlite::Connection::open(shop.path(file)).is_ok_and(|database| {
            database.busy_timeout(Duration::ZERO).is_ok()
                && database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
        })
    };
    let mark = File::open(shop.path("journal.db.mark"));
    mark.is_ok_and(|mark| mark.try_lock().is_ok()) && is_free("journal.db") && is_free("books.db")
}

fn wait_for_leases(shop: &Shop) {
    let open = shop.rows().into_values().filter(|row| row.is_open());
    let last = open.map(|row| row.lease_until).max().unwrap_or(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    thread::sleep(Duration::from_millis(last.saturating_sub(now) + 20));
}

/// How many messages arrived about a number.
fn requests(ledger: &Ledger, number: &str) -> u32 {
    ledger.entry(number).map_or(0, |Entry { approvals, net_cancels, status_queries, cancels, .. }| {
        approvals + net_cancels + status_queries + cancels
    })
}
