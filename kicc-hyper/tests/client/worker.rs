//! The recovery worker.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use kicc_hyper::{
    Settled,
    client::{OnDrop, Schedule, Told},
};
use kicc_proto::{flow::Policy, journal::record::Happening};
use tokio::{task::JoinSet, time::sleep};

use crate::shop::{Shop, often, order, outcome, within};

/// R20: what was left behind is taken over when the worker begins, and what is left behind later, later.
#[tokio::test]
async fn r20_it_takes_over_at_its_start_and_on_schedule() {
    let shop = Shop::new();
    drop(shop.client(|builder| builder).await.begin(&order("ORD-1")).await.unwrap());
    let client = shop.client(|builder| shop.books.accept_step(builder)).await;
    let worker = client.start_worker(often(), shop.books.tell());
    within(5, "the first is told", async || shop.books.told_of("ORD-1") == ["approved"]).await;
    drop(shop.client(|builder| builder).await.begin(&order("ORD-2")).await.unwrap());
    within(5, "the second is told", async || shop.books.told_of("ORD-2") == ["approved"]).await;
    worker.stop().await;
    drop(shop.client(|builder| builder).await.begin(&order("ORD-3")).await.unwrap());
    sleep(Duration::from_millis(300)).await;
    assert_eq!(shop.books.told_of("ORD-3"), [""; 0], "it goes on after it was stopped");
}

/// A worker whose handle was dropped goes on until its client stops.
#[tokio::test]
async fn a_worker_nobody_holds_goes_on() {
    let shop = Shop::new();
    let client = shop.client(|builder| shop.books.accept_step(builder)).await;
    drop(client.start_worker(often(), shop.books.tell()));
    sleep(Duration::from_millis(200)).await;
    drop(shop.client(|builder| builder).await.begin(&order("ORD-1")).await.unwrap());
    within(5, "it is told", async || shop.books.told_of("ORD-1") == ["approved"]).await;
}

/// R20: it does not take what this client has in hand, however long that pauses, nor what another process that lives has.
#[tokio::test]
async fn r20_it_robs_nobody_who_lives() {
    let shop = Shop::new();
    let slow = |policy: &mut Policy| policy.quiet_period.0 = 3_500;
    let [here, there] =
        [shop.client_with(slow, |builder| builder).await, shop.client(|builder| builder).await];
    let workers = [&here, &there].map(|client| client.start_worker(often(), shop.books.tell()));
    let ended = outcome(here.approve(&order("Xhangb-1")).await.unwrap()).await;
    assert_eq!(ended.name(), "reversed");
    for worker in workers {
        worker.stop().await;
    }
    let record = &shop.records().await["Xhangb-1"].1;
    assert!(!record.history.iter().any(|entry| matches!(entry.what, Happening::Resumed(_))), "it was robbed");
}

/// R14: when a gateway comes back after an outage, so many rescues reach it at once and no more.
#[tokio::test(flavor = "multi_thread")]
async fn r14_a_gateway_that_comes_back_is_not_met_by_a_storm() {
    const AT_ONCE: usize = 3;
    let shop = Shop::with(|config| config.latency = Duration::from_millis(30));
    let few = |policy: &mut Policy| {
        (policy.rescues_in_flight, policy.rescue_attempts) = (AT_ONCE as u32, 20);
    };
    let [client, other] = [OnDrop::Leave, OnDrop::Finish]
        .map(|on_drop| shop.client_with(few, move |builder| builder.on_drop(on_drop)));
    let (client, other) = (client.await, other.await);
    let mut open = JoinSet::new();
    for serial in 0..60 {
        let client = client.clone();
        open.spawn(async move { client.approve(&order(&format!("Xhanga-{serial:04}"))).await });
    }
    within(10, "all are booked", async || shop.van.counts().approvals == 60).await;
    open.shutdown().await;
    shop.connections.down.store(true, Ordering::SeqCst);
    let workers = [&client, &other].map(|client| client.start_worker(often(), shop.books.tell()));
    sleep(Duration::from_millis(400)).await;
    assert!(client.counts().rescues_failed + other.counts().rescues_failed > 0);
    shop.connections.live.most.store(0, Ordering::SeqCst);
    shop.connections.down.store(false, Ordering::SeqCst);
    shop.all_told().await;
    for worker in workers {
        worker.stop().await;
    }
    let most = shop.connections.live.most.load(Ordering::SeqCst);
    println!("at most {most} rescues at once, of two clients that may have {AT_ONCE} each");
    assert!((2..=2 * AT_ONCE).contains(&most), "{most} at once");
    let (told, numbers) = (shop.books.told.lock().unwrap(), (0..60).map(|n| format!("Xhanga-{n:04}")));
    let wrong: Vec<_> =
        numbers.filter(|number| told[number].iter().any(|end| end.name() != "reversed")).collect();
    assert!(wrong.is_empty(), "{wrong:?} of {told:?}");
}

/// R22: an end whose caller may be about to tell it is told by the worker only after a while; one that could not be told
/// is told again; one whose telling panics too.
#[tokio::test]
async fn r22_a_forgotten_end_is_told_after_a_while_until_it_is() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder).await;
    let ended = client.approve(&order("ORD-1")).await.unwrap();
    let since = Instant::now();
    let told: Arc<Mutex<BTreeMap<usize, Duration>>> = Arc::default();
    let noted = Arc::clone(&told);
    let tell = move |settled: Arc<Settled>| {
        assert_eq!(settled.outcome().unwrap().name(), "approved");
        let times = {
            let mut noted = noted.lock().unwrap();
            let times = noted.len();
            noted.insert(times, since.elapsed());
            times
        };
        async move {
            assert!(times != 1, "the mail server is down");
            if times == 0 { Told::NotYet } else { Told::Yes }
        }
    };
    let tell_after = Duration::from_millis(700);
    let mut schedule = Schedule::default();
    (schedule.every, schedule.jitter, schedule.tell_after) =
        (Duration::from_millis(50), Duration::ZERO, tell_after);
    let worker = client.start_worker(schedule, tell);
    within(10, "it is told three times", async || told.lock().unwrap().len() == 3).await;
    sleep(Duration::from_millis(200)).await;
    worker.stop().await;
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3, "it was told, and told again");
    // The journal's clock counts from the end, a moment before this test's.
    assert!(told[&0] + Duration::from_millis(100) >= tell_after, "{told:?}");
    drop(ended);
}

/// A worker ends with its client.
#[tokio::test]
async fn a_worker_ends_with_its_client() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder).await;
    let worker = client.start_worker(often(), shop.books.tell());
    sleep(Duration::from_millis(100)).await;
    let left = client.shutdown(Duration::from_secs(1)).await;
    assert_eq!(left, kicc_hyper::client::Left::default());
    tokio::time::timeout(Duration::from_secs(5), worker.stop()).await.expect("it has ended");
}
