//! Every call is dropped at every poll, under every fault, and the books agree (R17).

use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::{Duration, Instant},
};

use kicc_hyper::{
    Client, Error, Progress,
    client::{Begun, OnDrop, Recovery, Verified},
};
use kicc_proto::{
    iamport::{ImpUid, WindowPayment, calls},
    product::{Order as _, Product},
    values::{Amount, Parts, TransactionNumber, Won},
};
use kicc_testkit::{
    client_kit::{Order, faults, number},
    van::faults::{End, Fault, Plan, Rescue},
};
use tokio::task::JoinSet;

use crate::{
    shop::{Books, PRICE, Shop, often, order, recover, settled},
    watched::{ACCEPT, CONNECT, EXCHANGE, FIRST_WRITE, HOLDS, Journal, LATER_WRITE, PAUSE, drop_and_look},
};

/// How many futures were dropped at which await.
type Histogram = Arc<Mutex<BTreeMap<&'static str, usize>>>;

fn long() -> bool {
    std::env::var_os("KICC_LONG").is_some_and(|value| value == "1")
}

/// What it ends with, unless it needs more polls; then it is dropped, and this is what it was at.
async fn polled<F: Future>(future: F, polls: usize) -> Result<F::Output, &'static str> {
    let mut future = Box::pin(future);
    let mut left = polls;
    let ended = poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    ended.await.ok_or_else(|| drop_and_look(future))
}

/// What is dropped.
#[derive(Debug, Clone, Copy)]
enum Call {
    /// `approve`, with an accept step.
    Approve,
    /// `begin`, and then `accept` or `refuse`.
    Begin,
}

impl Call {
    async fn call(self, client: Client, books: Books, order: Order) -> Result<Progress, Error> {
        match self {
            Call::Approve => client.approve(&order).await,
            Call::Begin => match client.begin(&order).await? {
                Begun::Progress(progress) => Ok(progress),
                Begun::Undecided(undecided) if order.number().as_str().contains("-N") => {
                    undecided.refuse().await
                }
                Begun::Undecided(undecided) => {
                    books.hold(order.number().as_str());
                    undecided.accept().await
                }
            },
        }
    }
}

/// Calls one order after the other, dropped at its first poll, its second, and so on until one comes to its end.
async fn at_every_poll(
    call: Call,
    client: Client,
    books: Books,
    (product, plan, mark): (Product, Plan, &'static str),
    serial: u32,
    histogram: Histogram,
) -> Vec<String> {
    let mut numbers = Vec::new();
    let mut first = 0;
    loop {
        let mut calls = JoinSet::new();
        // Some come a byte at a time, with a poll for each.
        let next = first + if first < 48 { 12 } else { 96 };
        for polls in first..next {
            let number = plan.number(serial + u32::try_from(polls).unwrap());
            let number = number.replace('-', &format!("-{mark}"));
            numbers.push(number.clone());
            let (client, books) = (client.clone(), books.clone());
            calls.spawn(async move {
                let called = call.call(client, books.clone(), Order::new(product, &number, PRICE));
                match polled(called, polls).await {
                    Ok(Ok(progress)) => {
                        books.note(&settled(progress).await);
                        Ok(())
                    }
                    Ok(Err(error)) => panic!("{number}: {error}"),
                    Err(at) => Err(at),
                }
            });
        }
        let ends = calls.join_all().await;
        let mut histogram = histogram.lock().unwrap();
        let mut whole = 0;
        for end in ends {
            match end {
                Ok(()) => whole += 1,
                Err(at) => *histogram.entry(at).or_default() += 1,
            }
        }
        if whole > 0 {
            return numbers;
        }
        first = next;
        assert!(first < 4_000, "{plan}: it never ends");
    }
}

/// All calls under these plans, a few plans at a time; then a worker does the rest.
async fn drop_everywhere(
    shop: &Shop,
    on_drop: OnDrop,
    call: Call,
    plans: Vec<(Product, Plan, &'static str)>,
    histogram: &Histogram,
) {
    let began = Instant::now();
    let client = shop.client_on(
        Arc::new(Journal::new(shop.journal().await)),
        |policy| {
            // So short that good sales are given up, too.
            (policy.answer_timeout.0, policy.quiet_period.0) = (400, 900);
            if let Some(iamport) = &mut policy.products.iamport {
                (iamport.answer_timeout.0, iamport.quiet_period.0) = (400, 900);
            }
            (policy.rescue_attempts, policy.rescues_in_flight) = (12, 64);
        },
        |builder| shop.books.accept_step(builder.on_drop(on_drop)),
    );
    let mut numbers = Vec::new();
    for (at, some) in plans.chunks(8).enumerate() {
        let mut all = JoinSet::new();
        for (within, plan) in some.iter().enumerate() {
            let serial = u32::try_from((at * 8 + within) * 5_000).unwrap();
            let (client, books, histogram) = (client.clone(), shop.books.clone(), Arc::clone(histogram));
            all.spawn(at_every_poll(call, client, books, *plan, serial, histogram));
        }
        numbers.extend(all.join_all().await.into_iter().flatten());
    }
    let worker = client.start_worker(often(), shop.books.tell());
    shop.all_told().await;
    worker.stop().await;
    shop.agree(&numbers).await;
    let dropped = client.counts().dropped;
    assert!(dropped > 0);
    println!(
        "{call:?}, {on_drop:?}, {} plans: {} calls, {dropped} dropped under way, {:.1} s",
        plans.len(),
        numbers.len(),
        began.elapsed().as_secs_f64()
    );
}

/// The plans of all products: a few, or all of them.
fn plans() -> Vec<(Product, Plan, &'static str)> {
    let few = [
        Fault::Ok,
        Fault::Decline,
        Fault::DeclineUnlisted,
        Fault::HangBefore,
        Fault::HangAfter,
        Fault::ResetAfter,
        Fault::LateAfterGiveUp,
    ];
    let is_chosen = |faulty: &faults::Faulty| {
        let plan = faulty.plan;
        let a_few = few.contains(&plan.fault)
            && plan.rescue.is_none_or(|rescue| matches!(rescue, Rescue::Reset | Rescue::CancelHangDone));
        // Its end is found out at the end of a budget or a horizon.
        (long() || a_few) && faulty.end != End::NeedsOperator
    };
    let of = |product| faults::orders(product).into_iter().filter(is_chosen).collect::<Vec<_>>();
    let all = Product::ALL.into_iter().flat_map(of);
    all.map(|faulty| {
        let mark = if faulty.number.contains("-N") { "N" } else { "" };
        (faulty.product, faulty.plan, mark)
    })
    .collect()
}

fn print(histogram: &Histogram) {
    let histogram = histogram.lock().unwrap();
    for at in ["admission", FIRST_WRITE, CONNECT, HOLDS, EXCHANGE, LATER_WRITE, PAUSE] {
        assert!(histogram.contains_key(at), "no drop met {at}: {histogram:?}");
    }
    println!("dropped while awaiting: {histogram:?}");
}

/// R17, R4, R9: `approve` dropped at every poll, under every fault, whoever goes on with it: no approval is sent twice,
/// none stands that was not told as approved, and every end is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r17_approve_dropped_at_every_poll_under_every_fault_loses_nothing() {
    let histogram = Histogram::default();
    let (finish, leave) = (Shop::new(), Shop::in_a_file());
    let (here, there) = tokio::join!(
        drop_everywhere(&finish, OnDrop::Finish, Call::Approve, plans(), &histogram),
        drop_everywhere(&leave, OnDrop::Leave, Call::Approve, plans(), &histogram),
    );
    let ((), ()) = (here, there);
    print(&histogram);
    assert!(histogram.lock().unwrap().contains_key(ACCEPT), "no drop met the accept step");
}

/// R17, R19: the same of `begin` and what is done with what it gives back. Whoever drops that leaves the decision to the
/// accept step.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r17_begin_and_the_decision_dropped_at_every_poll_lose_nothing() {
    let histogram = Histogram::default();
    let (finish, leave) = (Shop::in_a_file(), Shop::new());
    let few = || plans().into_iter().filter(|(_, plan, _)| long() || plan.fault == Fault::Ok).collect();
    tokio::join!(
        drop_everywhere(&finish, OnDrop::Finish, Call::Begin, few(), &histogram),
        drop_everywhere(&leave, OnDrop::Leave, Call::Begin, few(), &histogram),
    );
    println!("dropped while awaiting: {:?}", histogram.lock().unwrap());
}

/// R16, R17: `refund` dropped at every poll: the journal and the VAN's ledger say the same of each, none was cancelled
/// twice, and asked for once more each is refunded.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r16_r17_refund_dropped_at_every_poll_is_done_once_or_not() {
    for on_drop in [OnDrop::Finish, OnDrop::Leave] {
        let shop = Shop::new();
        let patient = |policy: &mut kicc_proto::flow::Policy| {
            (policy.answer_timeout.0, policy.lease.0, policy.rescues_in_flight) = (1_500, 3_000, 64);
        };
        let client = shop.client_with(patient, |builder| builder.on_drop(on_drop)).await;
        let mut refunds = JoinSet::new();
        for (polls, code) in (0..30).flat_map(|polls| [(polls, "ok"), (polls, "ok_rst"), (polls, "ok_hang")])
        {
            let text = format!("X{code}-{polls:04}");
            let client = client.clone();
            refunds.spawn(async move {
                let approved = settled(client.approve(&order(&text)).await.unwrap()).await;
                assert_eq!(approved.outcome().unwrap().name(), "approved");
                let refunded = polled(client.refund(&number(&text)), polls).await;
                (text, refunded.is_err())
            });
        }
        let refunds = refunds.join_all().await;
        assert!(refunds.iter().any(|(_, dropped)| *dropped));
        let worker = client.start_worker(often(), shop.books.tell());
        shop.all_told().await;
        worker.stop().await;
        let records = shop.records().await;
        let mut again = JoinSet::new();
        for (text, _) in refunds {
            let (standing, client) = (shop.standing(&text), client.clone());
            let key = records[&text].0.key.clone();
            again.spawn(async move {
                let rows = client.journal().refunds(&key).await.unwrap();
                let live = rows.iter().filter(|row| row.live).count();
                assert_eq!(live, usize::from(!standing), "{on_drop:?} {text}: {rows:?}");
                let again = settled(client.refund(&key.number).await.unwrap()).await;
                assert_eq!(again.refund_outcome().unwrap().name(), "refunded", "{on_drop:?} {text}");
                text
            });
        }
        for text in again.join_all().await {
            assert!(!shop.standing(&text), "{on_drop:?} {text}");
            assert_eq!(shop.van.ledger().entry(&text).unwrap().charges.len(), 1);
        }
        assert_eq!(shop.van.ledger().violations, Vec::<String>::new());
    }
}

/// R17, R8: `verify` dropped at every poll: what was paid in the window is not lost, whether it was recorded by then or
/// not, and whoever verifies it again is told the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r17_verify_dropped_at_every_poll_loses_no_payment() {
    for on_drop in [OnDrop::Finish, OnDrop::Leave] {
        let shop = Shop::new();
        let client = shop.client(|builder| shop.books.accept_step(builder.on_drop(on_drop))).await;
        let mut calls = JoinSet::new();
        for polls in 0..40 {
            let text = format!("ORD-{polls:04}");
            let payment = paid_in_window(&shop, &text);
            let (client, books) = (client.clone(), shop.books.clone());
            calls.spawn(async move {
                match polled(client.verify(&payment), polls).await {
                    Ok(Ok(Verified::Recorded(progress))) => books.note(&settled(progress).await),
                    Ok(other) => panic!("{text}: {other:?}"),
                    Err(_) => {}
                }
                (text, payment)
            });
        }
        let payments = calls.join_all().await;
        let worker = client.start_worker(often(), shop.books.tell());
        shop.all_told().await;
        worker.stop().await;
        for (text, payment) in &payments {
            let Verified::Recorded(progress) = client.verify(payment).await.unwrap() else {
                panic!("{text}")
            };
            let end = settled(progress).await;
            assert_eq!(end.outcome().unwrap().name(), "approved", "{on_drop:?} {text}");
            shop.books.note(&end);
        }
        assert!(client.counts().dropped > 0);
        shop.agree(&payments.into_iter().map(|(text, _)| text).collect::<Vec<_>>()).await;
    }
}

fn paid_in_window(shop: &Shop, text: &str) -> WindowPayment {
    window_payment(text, &shop.van.pay_in_window(text, PRICE))
}

fn window_payment(text: &str, imp_uid: &str) -> WindowPayment {
    let amount = Amount::new(Won(PRICE), Parts::default()).unwrap();
    WindowPayment::new(number(text), ImpUid::new(imp_uid).unwrap(), amount).unwrap()
}

/// R17, R20: `wait` and `recover` dropped at every poll: whatever they had taken over is theirs no longer, also for
/// another process, and all of it comes to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r17_r20_wait_and_recover_dropped_at_every_poll_keep_nothing() {
    for on_drop in [OnDrop::Finish, OnDrop::Leave] {
        let shop = Shop::in_a_file();
        let mut numbers = Vec::new();
        {
            let dying = shop.client(|builder| builder.patience(Duration::ZERO)).await;
            let mut open = JoinSet::new();
            for (plan, serial) in [Fault::HangAfter, Fault::ResetAfter].iter().zip([0, 1_000]) {
                for polls in 0..24 {
                    let text = Plan::from(*plan).number(serial + polls);
                    numbers.push(text.clone());
                    let client = dying.clone();
                    open.spawn(async move {
                        let progress = client.approve(&order(&text)).await.unwrap();
                        assert!(matches!(progress, Progress::Open(_)), "{progress:?}");
                    });
                }
            }
            open.join_all().await;
            let _ = dying.shutdown(Duration::ZERO).await;
        }
        let client = shop.client(|builder| shop.books.accept_step(builder.on_drop(on_drop))).await;
        let mut waits = JoinSet::new();
        for (polls, text) in numbers.iter().enumerate() {
            let (client, number): (Client, TransactionNumber) = (client.clone(), number(text));
            let books = shop.books.clone();
            waits.spawn(async move {
                if polls % 2 == 0 {
                    if let Ok(progress) = polled(client.wait(&number, None), polls / 2).await {
                        books.note(&settled(progress.unwrap()).await);
                    }
                } else {
                    let recover = client.recover(Recovery::default(), books.tell());
                    let _ = polled(recover, polls / 2).await;
                }
            });
        }
        waits.join_all().await;
        // The first process lives on, and keeps nothing.
        let other = shop.client(|builder| shop.books.accept_step(builder)).await;
        let worker = other.start_worker(often(), shop.books.tell());
        shop.all_told().await;
        worker.stop().await;
        shop.agree(&numbers).await;
        let (report, _) = recover(&other).await;
        assert!(report.held.is_empty() && report.still_open.is_empty(), "{report:?}");
        drop(client);
    }
}

/// A server's handler is spawned: every future of the client can be sent to another thread.
#[test]
fn the_futures_are_send() {
    fn is_send<T: Send>(_: impl FnOnce(Client) -> T) {}
    fn boxed<'a, T>(
        future: impl Future<Output = T> + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
        Box::pin(future)
    }
    is_send(|client: Client| {
        boxed(async move {
            let _ = client.approve(&order("ORD-1")).await;
            if let Ok(Begun::Undecided(undecided)) = client.begin(&order("ORD-2")).await {
                let _ = undecided.accept().await;
            }
            let _ = client.verify(&window_payment("ORD-1", "imp_1")).await;
            let _ = client.call(&calls::prepared(&number("ORD-1"))).await;
            let _ = client.refund(&number("ORD-1")).await;
            let _ = client.wait(&number("ORD-1"), None).await;
            let _ = client.recover(Recovery::default(), Books::default().tell()).await;
            let _ = client.shutdown(Duration::ZERO).await;
        })
    });
}
