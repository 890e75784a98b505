//! The end of a client: within its time, with a list of what is left, and nothing sent after it.

use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant},
};

use kicc_hyper::{
    Error, Progress,
    client::{Begun, Left, OpenReason},
};
use kicc_proto::journal::Key;
use tokio::time::sleep;

use crate::{
    shop::{Shop, order, outcome, recover, within},
    watched::CONNECT,
};

fn numbers(keys: &[Key]) -> Vec<&str> {
    let mut numbers: Vec<&str> = keys.iter().map(|key| key.number.as_str()).collect();
    numbers.sort_unstable();
    numbers
}

/// R17: what is under way has its time; what could not end in it is named, left open and recovered by another process.
#[tokio::test(flavor = "multi_thread")]
async fn r17_what_cannot_end_in_time_is_left_to_recovery() {
    let shop = Shop::in_a_file();
    let slow = |policy: &mut kicc_proto::flow::Policy| {
        (policy.answer_timeout.0, policy.lease.0) = (10_000, 20_000);
    };
    let client = shop.client_with(slow, |builder| builder).await;
    let calls: Vec<_> = ["ORD-1", "Xhanga-1", "Xhanga-2", "Xhangb-3"]
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.approve(&order(number)).await })
        })
        .into();
    within(10, "all are with the gateway", async || shop.van.counts().approvals == 4).await;
    let began = Instant::now();
    let left = client.shutdown(Duration::from_millis(500)).await;
    let took = began.elapsed();
    assert!((Duration::from_millis(500)..Duration::from_secs(3)).contains(&took), "{took:?}");
    assert_eq!(numbers(&left.released), ["Xhanga-1", "Xhanga-2", "Xhangb-3"]);
    assert_eq!(left.in_hand, []);
    for (at, call) in calls.into_iter().enumerate() {
        match call.await.unwrap().unwrap() {
            Progress::Settled(settled) => {
                assert_eq!((at, settled.outcome().unwrap().name()), (0, "approved"))
            }
            Progress::Open(open) => assert_eq!((at > 0, open.reason), (true, OpenReason::Backoff)),
        }
    }
    assert_eq!(client.approve(&order("ORD-2")).await.unwrap_err(), Error::Stopping);
    assert!(client.outcome(&kicc_testkit::client_kit::number("ORD-1")).await.is_err(), "the journal is open");
    let sent = shop.van.counts();
    assert_eq!((sent.approvals, sent.net_cancels), (4, 0));
    // The client itself lives on, and keeps nothing.
    let (report, mut told) = recover(&shop.client(|builder| builder).await).await;
    told.sort();
    assert_eq!((report.settled, report.held.len()), (3, 0));
    let ends: Vec<_> = told.iter().map(|(number, end)| (number.as_str(), *end)).collect();
    let reversed = ["Xhanga-1", "Xhanga-2", "Xhangb-3"].map(|number| (number, "reversed"));
    assert_eq!(ends, [&[("ORD-1", "approved")], &reversed[..]].concat());
    assert_eq!(shop.van.ledger().violations, Vec::<String>::new());
}

/// What can end within its time does, rescues among it.
#[tokio::test]
async fn what_can_end_in_time_does() {
    let shop = Shop::with(|config| config.latency = Duration::from_millis(100));
    let client = shop.client(|builder| builder).await;
    let calls = ["ORD-1", "Xrsta-1"].map(|number| {
        let client = client.clone();
        tokio::spawn(async move { outcome(client.approve(&order(number)).await.unwrap()).await.name() })
    });
    within(10, "both are with the gateway", async || shop.van.counts().approvals == 2).await;
    let began = Instant::now();
    assert_eq!(client.shutdown(Duration::from_secs(20)).await, Left::default());
    assert!(began.elapsed() < Duration::from_secs(10));
    let [first, second] = calls;
    assert_eq!((first.await.unwrap(), second.await.unwrap()), ("approved", "reversed"));
}

/// R4: nothing is sent after the end of a client, not even by a future that nobody polled meanwhile.
#[tokio::test]
async fn r4_after_the_end_nothing_is_sent() {
    let shop = Shop::new();
    // Its own permission would last longer.
    let long = |policy: &mut kicc_proto::flow::Policy| {
        (policy.send_by.0, policy.lease.0) = (20_000, 30_000);
    };
    let client = shop.client_with(long, |builder| builder).await;
    shop.connections.gate.shut(CONNECT);
    let order = order("ORD-1");
    let mut approving = Box::pin(client.approve(&order));
    while shop.connections.gate.came() == 0 {
        poll_fn(|cx| {
            assert!(approving.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        sleep(Duration::from_millis(1)).await;
    }
    let left = client.shutdown(Duration::ZERO).await;
    assert_eq!(numbers(&left.in_hand), ["ORD-1"]);
    shop.connections.gate.open();
    assert_eq!(outcome(approving.await.unwrap()).await.name(), "never_sent");
    assert_eq!(shop.van.counts().requests, 0);
}

/// R19: a decision that nobody makes is named, and recovered by another process once this one is gone.
#[tokio::test]
async fn r19_what_is_undecided_at_the_end_waits_for_recovery() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder).await;
    let Begun::Undecided(undecided) = client.begin(&order("ORD-1")).await.unwrap() else {
        panic!("declined")
    };
    let left = client.shutdown(Duration::from_millis(50)).await;
    assert_eq!((left.released.len(), numbers(&left.in_hand)), (0, vec!["ORD-1"]));
    drop(undecided);
    let next = shop.client(|builder| shop.books.accept_step(builder)).await;
    let (report, told) = recover(&next).await;
    assert_eq!(report.settled, 1, "{report:?}");
    assert_eq!(told, [("ORD-1".to_owned(), "approved")]);
}
