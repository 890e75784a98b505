//! What a run of recovery, the backlog and the counters say.

use std::time::Duration;

use kicc_hyper::{
    Progress,
    client::{Recovery, Told},
};

use crate::shop::{Shop, order, outcome, recover, within};

/// R22: an end counts as told when `tell` says so, and not when it panics.
#[tokio::test]
async fn r22_an_end_that_could_not_be_told_is_told_again() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder).await;
    drop(client.approve(&order("ORD-1")).await.unwrap());
    let not_yet = client.recover(Recovery::default(), async |_| Told::NotYet).await.unwrap();
    assert_eq!((not_yet.told_again, not_yet.untold), (0, 1));
    let panics =
        client.recover(Recovery::default(), async |_| panic!("the mail server is down")).await.unwrap();
    assert_eq!((panics.told_again, panics.untold), (0, 1));
    assert_eq!(recover(&client).await.1, [("ORD-1".to_owned(), "approved")]);
    assert_eq!(recover(&client).await.1, []);
}

/// The backlog is what may have moved money and has no end: not what is being sent, but what nobody has in hand.
#[tokio::test]
async fn the_backlog_counts_what_is_unknown() {
    let shop = Shop::with(|config| config.latency = Duration::from_millis(300));
    let client = shop.client(|builder| builder.patience(Duration::ZERO)).await;
    let selling = tokio::spawn({
        let client = client.clone();
        async move { outcome(client.approve(&order("ORD-1")).await.unwrap()).await }
    });
    within(10, "it is booked", async || shop.standing("ORD-1")).await;
    assert_eq!(client.backlog().await.unwrap().open, 0);
    assert_eq!(selling.await.unwrap().name(), "approved");
    let Progress::Open(open) = client.approve(&order("Xhangb-1")).await.unwrap() else { panic!("not open") };
    let backlog = client.backlog().await.unwrap();
    assert_eq!((backlog.open, backlog.oldest, backlog.parked), (1, Some(open.record.made_at), 0));
    let _ = recover(&client).await;
    assert_eq!(client.backlog().await.unwrap(), kicc_hyper::client::Backlog::default());
    let counts = client.counts();
    assert_eq!((counts.approved, counts.reversed, counts.in_hand, counts.dropped), (1, 1, 0, 0));
    assert!(counts.rescues_answered >= 1, "{counts:?}");
}

/// R20, R25: `wait` on what another task of this client drives leaves it its pauses, however long they are.
#[tokio::test]
async fn r25_waiting_for_it_does_not_begin_its_pauses_anew() {
    let shop = Shop::new();
    let slow = |policy: &mut kicc_proto::flow::Policy| policy.quiet_period.0 = 3_500;
    let client = shop.client_with(slow, |builder| builder).await;
    let approving = tokio::spawn({
        let client = client.clone();
        async move { outcome(client.approve(&order("Xhangb-1")).await.unwrap()).await }
    });
    within(10, "it is recorded", async || !shop.records().await.is_empty()).await;
    let number = kicc_testkit::client_kit::number("Xhangb-1");
    let waited = tokio::time::timeout(Duration::from_secs(20), client.wait(&number, None)).await;
    let waited = waited.expect("it ends").unwrap();
    assert_eq!(outcome(waited).await, approving.await.unwrap());
    let record = &shop.records().await["Xhangb-1"].1;
    let resumed = |what: &_| matches!(what, kicc_proto::journal::record::Happening::Resumed(_));
    assert!(!record.history.iter().any(|entry| resumed(&entry.what)));
}
