//! The accept step (R19), and what a call gives back before the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kicc_hyper::client::{Answer, Question, Recovery};
use kicc_proto::journal::{Force, record::Happening};
use tokio::time::sleep;

use crate::shop::{Shop, order, outcome, recover, within};

/// R19: an async closure is an accept step; its panic is *cannot tell*, before its first await or after.
#[tokio::test]
async fn r19_a_panic_anywhere_in_the_accept_step_is_cannot_tell() {
    let shop = Shop::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let step = move |question: Question| {
        let times = count.fetch_add(1, Ordering::SeqCst);
        assert!(times > 0, "before the first await");
        async move {
            sleep(Duration::from_millis(1)).await;
            assert!(times > 1, "after it");
            assert!(question.approval.is_some());
            Answer::Held
        }
    };
    let client = shop.client(|builder| builder.accept_step(step)).await;
    assert_eq!(outcome(client.approve(&order("ORD-1")).await.unwrap()).await.name(), "approved");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

/// R20: while the merchant thinks, the lease is kept, for longer than one lasts: nobody goes on with it, even where a
/// person says that its holder hangs.
#[tokio::test]
async fn r20_a_slow_accept_step_keeps_its_lease() {
    let shop = Shop::new();
    let step = async |_: Question| {
        sleep(Duration::from_millis(3_500)).await;
        Answer::Held
    };
    let client = shop.client(|builder| builder.accept_step(step)).await;
    let approving = tokio::spawn({
        let client = client.clone();
        async move { outcome(client.approve(&order("ORD-1")).await.unwrap()).await }
    });
    within(10, "it is approved", async || shop.standing("ORD-1")).await;
    let other = shop.client(|builder| builder).await;
    while !approving.is_finished() {
        let force = Recovery { force: Force::LapsedEvenIfAlive };
        let report = other.recover(force, shop.books.tell()).await.unwrap();
        assert_eq!((report.settled, report.still_open.len()), (0, 0));
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(approving.await.unwrap().name(), "approved");
    let record = &shop.records().await["ORD-1"].1;
    assert!(!record.history.iter().any(|entry| matches!(entry.what, Happening::Resumed(_))), "it was robbed");
}

/// R19: an accept step that was dropped midway is asked again, by the client itself or by recovery.
#[tokio::test]
async fn r19_an_accept_step_that_is_dropped_is_asked_again() {
    for on_drop in [kicc_hyper::client::OnDrop::Finish, kicc_hyper::client::OnDrop::Leave] {
        let shop = Shop::new();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let step = move |_: Question| {
            let times = count.fetch_add(1, Ordering::SeqCst);
            async move {
                if times == 0 {
                    std::future::pending::<()>().await;
                }
                Answer::Held
            }
        };
        let client = shop.client(|builder| builder.on_drop(on_drop).accept_step(step)).await;
        let approving = tokio::spawn({
            let client = client.clone();
            async move { client.approve(&order("ORD-1")).await }
        });
        within(10, "it is asked", async || asked.load(Ordering::SeqCst) == 1).await;
        approving.abort();
        within(10, "it is put down", async || approving.is_finished() && client.counts().in_hand == 0).await;
        let told = recover(&client).await.1;
        assert_eq!(told, [("ORD-1".to_owned(), "approved")], "{on_drop:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "{on_drop:?}");
        assert!(shop.standing("ORD-1"));
    }
}
