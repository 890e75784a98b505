//! A caller that is gone at a certain moment (R4, R17): nothing is sent for it any more but the rescue.

use std::time::Duration;

use kicc_hyper::{Client, client::OnDrop};
use kicc_proto::journal::{Claim, Claimed, Force, Journal as _, Listing};
use tokio::{runtime::Runtime, task::JoinHandle, time::sleep};

use crate::{
    shop::{Shop, often, order, outcome, recover, within},
    watched::{CONNECT, FIRST_WRITE, Gate, LATER_WRITE},
};

/// An approval on a task of its own, which has come to the gate.
async fn approving(client: &Client, number: &'static str, gate: &Gate) -> JoinHandle<()> {
    let client = client.clone();
    let task = tokio::spawn(async move {
        let ended = client.approve(&order(number)).await;
        panic!("it was to be dropped: {ended:?}");
    });
    within(10, "it comes to the gate", async || gate.came() > 0).await;
    task
}

async fn abort(task: JoinHandle<()>) {
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

async fn is_idle(client: &Client) {
    within(10, "nothing is in hand", async || client.counts().in_hand == 0).await;
}

/// R4: what had not gone when its caller left is never sent, and there is nothing to reverse.
#[tokio::test]
async fn r4_dropped_while_connecting_is_never_sent() {
    for on_drop in [OnDrop::Finish, OnDrop::Leave] {
        let shop = Shop::new();
        let client = shop.client(|builder| builder.on_drop(on_drop)).await;
        shop.connections.gate.shut(CONNECT);
        abort(approving(&client, "ORD-1", &shop.connections.gate).await).await;
        shop.connections.gate.open();
        is_idle(&client).await;
        assert_eq!(client.counts().dropped, 1);
        let told = recover(&client).await.1;
        assert_eq!(told, [("ORD-1".to_owned(), "never_sent")], "{on_drop:?}");
        assert_eq!(shop.van.counts().requests, 0, "{on_drop:?}");
    }
}

/// R1, R4: an approval is not sent for a caller who left before its record was durable, though the record is written.
#[tokio::test]
async fn r4_dropped_before_the_record_is_answered_is_never_sent() {
    for (on_drop, done) in
        [OnDrop::Finish, OnDrop::Leave].map(|on_drop| [(on_drop, true), (on_drop, false)]).concat()
    {
        let shop = Shop::new();
        let (client, journal) = shop.watched_client(|builder| builder.on_drop(on_drop)).await;
        let gate = if done { &journal.behind } else { &journal.before };
        gate.shut(FIRST_WRITE);
        abort(approving(&client, "ORD-1", gate).await).await;
        gate.open();
        is_idle(&client).await;
        let told = recover(&client).await.1;
        assert_eq!(told, [("ORD-1".to_owned(), "never_sent")], "{on_drop:?}, written: {done}");
        assert_eq!(shop.van.counts().requests, 0, "{on_drop:?}, written: {done}");
    }
}

/// R17: the client itself goes on at once with what was dropped while its answer was awaited; no recovery is needed.
#[tokio::test]
async fn r17_dropped_while_its_answer_is_awaited_is_reversed_at_once() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder).await;
    let task = tokio::spawn({
        let client = client.clone();
        async move { client.approve(&order("Xhanga-1")).await }
    });
    within(10, "it is booked", async || shop.standing("Xhanga-1")).await;
    task.abort();
    within(10, "it is voided", async || !shop.standing("Xhanga-1")).await;
    is_idle(&client).await;
    let (report, told) = recover(&client).await;
    assert_eq!((report.settled, report.told_again), (0, 1));
    assert_eq!(told, [("Xhanga-1".to_owned(), "reversed")]);
    assert_eq!(shop.approvals("Xhanga-1"), 1);
}

/// R17: with [`OnDrop::Leave`] nothing is sent by this client, and its lease is given back although it lives on.
#[tokio::test]
async fn r17_left_to_recovery_it_is_taken_by_another_process_at_once() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder.on_drop(OnDrop::Leave)).await;
    let task = tokio::spawn({
        let client = client.clone();
        async move { client.approve(&order("Xhanga-1")).await }
    });
    within(10, "it is booked", async || shop.standing("Xhanga-1")).await;
    task.abort();
    is_idle(&client).await;
    assert_eq!(shop.van.counts().net_cancels, 0);
    let (report, told) = recover(&shop.client(|builder| builder).await).await;
    assert_eq!(report.settled, 1, "{report:?}");
    assert_eq!(told, [("Xhanga-1".to_owned(), "reversed")]);
}

/// R17: a future that is dropped outside a runtime, and a runtime that ends with payments in flight, leave records from
/// which another process goes on.
#[test]
fn r17_a_runtime_that_ends_leaves_its_payments_to_recovery() {
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let shop = Shop::new();
    let client = first.block_on(shop.client(|builder| builder));
    let handle = first.handle().clone();
    let mut outside = Box::pin({
        let client = client.clone();
        async move { client.approve(&order("Xhanga-1")).await }
    });
    handle.block_on(async {
        let _ = tokio::time::timeout(Duration::from_millis(200), outside.as_mut()).await;
    });
    drop(outside);
    first.spawn(async move { client.approve(&order("Xhanga-2")).await });
    second.block_on(within(10, "both are booked", async || {
        shop.standing("Xhanga-1") && shop.standing("Xhanga-2")
    }));
    first.shutdown_timeout(Duration::from_secs(5));
    second.block_on(async {
        let (_, mut told) = recover(&shop.client(|builder| builder).await).await;
        told.sort();
        assert_eq!(told.iter().map(|(_, end)| *end).collect::<Vec<_>>(), ["reversed", "reversed"]);
    });
}

/// R17: a journal whose code panics is not called again and again by tasks that take over from one another.
#[tokio::test]
async fn r17_a_panic_is_not_met_without_end() {
    let shop = Shop::new();
    let (client, journal) = shop.watched_client(|builder| builder).await;
    journal.before.panic(LATER_WRITE);
    let task = tokio::spawn({
        let client = client.clone();
        async move { client.approve(&order("ORD-1")).await }
    });
    assert!(task.await.unwrap_err().is_panic());
    is_idle(&client).await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(journal.before.came(), 2);
    drop(client);
    drop(journal);
    let next = shop.client(|builder| builder).await;
    within(10, "the holder is dead", async || recover(&next).await.0.held.is_empty()).await;
    assert!(!shop.standing("ORD-1"));
}

/// R20: a client whose row was taken over while it connected does not send it.
#[tokio::test]
async fn r20_robbed_while_connecting_it_sends_nothing() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder).await;
    shop.connections.gate.shut(CONNECT);
    let task = tokio::spawn({
        let client = client.clone();
        async move { client.approve(&order("ORD-1")).await }
    });
    within(10, "it connects", async || shop.connections.gate.came() > 0).await;
    let robber = shop.memory().another();
    let row = robber.list(Listing::Open, None, 1).unwrap().remove(0);
    // Its clock is ahead.
    let claim = Claim {
        key: &row.key,
        revision: row.revision,
        holder: robber.holder(),
        now: row.lease_until,
        lease_until: row.lease_until,
        force: Force::LapsedEvenIfAlive,
    };
    assert!(matches!(robber.claim(&claim), Ok(Claimed::Yes(_))));
    shop.connections.gate.open();
    within(10, "it is given up", async || client.counts().in_hand == 0 || task.is_finished()).await;
    assert_eq!(shop.approvals("ORD-1"), 0);
    drop(robber);
    // Its holder is gone: the caller lends a hand itself.
    assert_eq!(outcome(task.await.unwrap().unwrap()).await.name(), "reversed");
    assert_eq!(shop.approvals("ORD-1"), 0);
}

/// R3, R20: two processes on one file: each number is sent once, and a process that lives keeps its own.
#[tokio::test(flavor = "multi_thread")]
async fn r3_r20_two_processes_on_one_file_send_each_number_once() {
    let shop = Shop::in_a_file();
    let clients = [shop.client(|builder| builder).await, shop.client(|builder| builder).await];
    let mut calls = tokio::task::JoinSet::new();
    for serial in 0..20 {
        for client in &clients {
            let client = client.clone();
            calls.spawn(async move {
                let code = ["ok", "dec", "hanga", "rsta"][serial % 4];
                let number = format!("X{code}-{serial:04}");
                let ended = outcome(client.approve(&order(&number)).await.unwrap()).await;
                (number, ended)
            });
        }
    }
    let mut ends = std::collections::BTreeMap::new();
    for (number, ended) in calls.join_all().await {
        assert_eq!(shop.approvals(&number), 1);
        let first = ends.entry(number.clone()).or_insert_with(|| ended.clone());
        assert_eq!(*first, ended, "{number}");
    }
    // A worker beside a process that lives takes nothing of its.
    let Ok(kicc_hyper::client::Begun::Undecided(undecided)) = clients[0].begin(&order("ORD-1")).await else {
        panic!("not approved")
    };
    let worker = clients[1].start_worker(often(), shop.books.tell());
    sleep(Duration::from_millis(300)).await;
    let (report, _) = recover(&clients[1]).await;
    assert_eq!(report.held.len(), 1);
    assert_eq!(outcome(undecided.accept().await.unwrap()).await.name(), "approved");
    worker.stop().await;
}
