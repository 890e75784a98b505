//! The client over the journal in PostgreSQL: acceptance in the merchant's own transaction (R18), and what one replica
//! leaves to another (R20).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kicc_hyper::{
    Client, Progress,
    client::{AcceptedIn, Answer, Begun, Joined, Question, Undecided},
    journal::PostgresJournal,
};
use kicc_proto::flow::Outcome;
use kicc_testkit::cluster::Cluster;
use libtest_mimic::Trial;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

use crate::{
    Shared,
    rows::{brisk, open},
    shop::{Shop, order, outcome, recover, within},
};

pub fn trials(shared: &Shared) -> Vec<Trial> {
    [
        shared.trial("r18_an_acceptance_is_committed_with_the_merchants_own_row", committed),
        shared.trial("r18_an_acceptance_is_rolled_back_with_the_merchants_own_row", rolled_back),
        shared.trial("r18_a_commit_that_was_not_answered_is_told_by_recovery", not_answered),
        shared.trial("r18_an_acceptance_that_comes_too_late_writes_nothing", too_late),
        shared.trial("r18_who_says_committed_and_was_rolled_back_is_asked", lied),
        shared.trial("r20_what_a_replica_that_crashed_has_left_another_one_ends_within_the_lease", crashed),
        shared.trial("r20_a_replica_that_was_taken_over_sends_nothing_more", taken_over),
    ]
    .into()
}

/// A shop whose journal is in a database, beside its orders.
struct Store<'c> {
    shop: Shop,
    cluster: &'c Cluster,
    database: String,
    /// How often the accept step was asked.
    asked: Arc<AtomicUsize>,
}

impl<'c> Store<'c> {
    fn new(shared: &'c Shared) -> Self {
        let cluster = shared.cluster();
        let database = cluster.database();
        cluster.sql(&database, "CREATE TABLE orders (number TEXT PRIMARY KEY)");
        Store { shop: Shop::new(), cluster, database, asked: Arc::default() }
    }

    /// A client in a process of its own, as far as the journal can tell, whose accept step looks at the orders.
    fn client(&self, journal: PostgresJournal) -> Client {
        let (asked, held) = (Arc::clone(&self.asked), self.shop.books.held.clone());
        let step = move |question: Question| {
            asked.fetch_add(1, Ordering::SeqCst);
            let held = held.lock().unwrap().contains(question.key.number.as_str());
            async move { if held { Answer::Held } else { Answer::NotHeld } }
        };
        self.shop.client_on(Arc::new(journal), |_| {}, |builder| builder.accept_step(step))
    }

    async fn replica(&self) -> Client {
        self.client(open(self.cluster, &self.database).await)
    }

    async fn merchant(&self) -> tokio_postgres::Client {
        let address = self.cluster.address(&self.database);
        let (client, connection) = tokio_postgres::connect(&address, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    fn orders(&self) -> String {
        self.cluster.sql(&self.database, "SELECT number FROM orders")
    }

    fn stage(&self, number: &str) -> String {
        self.cluster
            .sql(&self.database, &format!("SELECT standing FROM kicc_attempts WHERE number = '{number}'"))
    }
}

async fn undecided(client: &Client, number: &str) -> Box<Undecided> {
    match client.begin(&order(number)).await.unwrap() {
        Begun::Undecided(undecided) => undecided,
        Begun::Progress(progress) => panic!("{progress:?}"),
    }
}

async fn joined(undecided: Box<Undecided>, transaction: &tokio_postgres::Transaction<'_>) -> Box<Joined> {
    match undecided.accept_in(transaction).await.unwrap() {
        AcceptedIn::Joined(joined) => joined,
        AcceptedIn::TooLate(progress) => panic!("too late: {progress:?}"),
    }
}

const SOLD: &str = "INSERT INTO orders VALUES ('ORD-1')";

async fn committed(shared: &Shared) {
    let store = Store::new(shared);
    let (client, mut merchant) = (store.replica().await, store.merchant().await);
    merchant.batch_execute("SET synchronous_commit = off").await.unwrap();
    let undecided = undecided(&client, "ORD-1").await;
    let transaction = merchant.transaction().await.unwrap();
    transaction.batch_execute(SOLD).await.unwrap();
    let joined = joined(undecided, &transaction).await;
    let durable = transaction.query_one("SHOW synchronous_commit", &[]).await.unwrap();
    assert_eq!(durable.get::<_, &str>(0), "on", "the acceptance is on the disk with the order");
    assert_eq!(
        (store.stage("ORD-1").as_str(), store.orders().as_str()),
        ("open", ""),
        "nothing is decided yet"
    );
    // Meanwhile the lease is kept, and other payments go on.
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert!(matches!(client.approve(&order("ORD-2")).await.unwrap(), Progress::Settled(_)));
    transaction.commit().await.unwrap();
    assert_eq!((store.stage("ORD-1").as_str(), store.orders().as_str()), ("closed", "ORD-1"));
    let ended = outcome(joined.committed().await.unwrap()).await;
    assert!(matches!(ended, Outcome::Approved { .. }), "{ended:?}");
    assert!(store.shop.standing("ORD-1"));
    assert_eq!(store.asked.load(Ordering::SeqCst), 1, "of the other order alone");
}

async fn rolled_back(shared: &Shared) {
    let store = Store::new(shared);
    let (client, mut merchant) = (store.replica().await, store.merchant().await);
    let undecided = undecided(&client, "ORD-1").await;
    let transaction = merchant.transaction().await.unwrap();
    transaction.batch_execute(SOLD).await.unwrap();
    let joined = joined(undecided, &transaction).await;
    transaction.rollback().await.unwrap();
    assert_eq!((store.stage("ORD-1").as_str(), store.orders().as_str()), ("open", ""));
    let Begun::Undecided(undecided) = joined.rolled_back().await.unwrap() else { panic!("it was decided") };
    let ended = outcome(undecided.refuse().await.unwrap()).await;
    assert_eq!((ended.name(), store.shop.standing("ORD-1")), ("reversed", false));
    assert_eq!(store.asked.load(Ordering::SeqCst), 0);
}

async fn not_answered(shared: &Shared) {
    for commits in [true, false] {
        let store = Store::new(shared);
        let (client, mut merchant) = (store.replica().await, store.merchant().await);
        let undecided = undecided(&client, "ORD-1").await;
        let transaction = merchant.transaction().await.unwrap();
        transaction.batch_execute(SOLD).await.unwrap();
        let joined = joined(undecided, &transaction).await;
        match commits {
            true => transaction.commit().await.unwrap(),
            false => transaction.rollback().await.unwrap(),
        }
        drop(joined);
        let mut told = Vec::new();
        within(10, "recovery tells it", async || {
            told = recover(&client).await.1;
            !told.is_empty()
        })
        .await;
        let wanted = if commits { "approved" } else { "reversed" };
        assert_eq!(told, [("ORD-1".to_owned(), wanted)]);
        assert_eq!(store.shop.standing("ORD-1"), commits);
        assert_eq!(
            store.asked.load(Ordering::SeqCst),
            usize::from(!commits),
            "the journal knows what was committed"
        );
    }
}

/// Makes the database forget that a holder lives.
fn lapse(store: &Store<'_>, holder: &str) {
    let lapse = format!("UPDATE kicc_holders SET alive_until = 1 WHERE holder = '{holder}'");
    store.cluster.sql(&store.database, &lapse);
}

async fn too_late(shared: &Shared) {
    let store = Store::new(shared);
    let (one, two, mut merchant) = (store.replica().await, store.replica().await, store.merchant().await);
    let undecided = undecided(&one, "ORD-1").await;
    // The other replica takes the first for dead; the books do not hold it, so it is reversed.
    within(10, "it is taken over", async || {
        lapse(&store, one.journal().holder());
        !recover(&two).await.1.is_empty()
    })
    .await;
    let transaction = merchant.transaction().await.unwrap();
    transaction.batch_execute(SOLD).await.unwrap();
    let AcceptedIn::TooLate(progress) = undecided.accept_in(&transaction).await.unwrap() else {
        panic!("it was accepted")
    };
    transaction.rollback().await.unwrap();
    assert_eq!(outcome(progress).await.name(), "reversed");
    assert!(!store.shop.standing("ORD-1"));
}

async fn lied(shared: &Shared) {
    let store = Store::new(shared);
    let (client, mut merchant) = (store.replica().await, store.merchant().await);
    let undecided = undecided(&client, "ORD-1").await;
    let transaction = merchant.transaction().await.unwrap();
    let joined = joined(undecided, &transaction).await;
    transaction.rollback().await.unwrap();
    let ended = outcome(joined.committed().await.unwrap()).await;
    assert_eq!((ended.name(), store.asked.load(Ordering::SeqCst)), ("reversed", 1));
}

async fn crashed(shared: &Shared) {
    let store = Store::new(shared);
    store.shop.books.hold("ORD-1");
    let other = store.replica().await;
    let runtime = Runtime::new().unwrap();
    let address = store.cluster.address(&store.database);
    let journal = runtime.spawn(async move { PostgresJournal::open_with(&address, brisk()).await.unwrap() });
    let client = store.client(journal.await.unwrap());
    let held = runtime.spawn(async move {
        let undecided = undecided(&client, "ORD-1").await;
        (client, undecided)
    });
    let held = held.await.unwrap();
    runtime.shutdown_background();
    let began = std::time::Instant::now();
    let mut told = Vec::new();
    within(10, "the other replica takes it over", async || {
        told = recover(&other).await.1;
        !told.is_empty()
    })
    .await;
    assert_eq!(told, [("ORD-1".to_owned(), "approved")]);
    // The lease of the attempt is 2.2 s here.
    assert!(began.elapsed() < Duration::from_millis(3_500), "{:?}", began.elapsed());
    assert_eq!(store.shop.approvals("ORD-1"), 1);
    drop(held);
}

async fn taken_over(shared: &Shared) {
    let store = Store::new(shared);
    let (one, two) = (store.replica().await, store.replica().await);
    let undecided = undecided(&one, "ORD-1").await;
    within(10, "it is taken over", async || {
        lapse(&store, one.journal().holder());
        !recover(&two).await.1.is_empty()
    })
    .await;
    let messages = store.shop.van.ledger().approvals("ORD-1");
    let late = undecided.refuse().await.unwrap();
    assert_eq!(outcome(late).await.name(), "reversed");
    assert_eq!(store.shop.van.ledger().approvals("ORD-1"), messages);
    assert_eq!(store.shop.van.ledger().violations, Vec::<String>::new());
}
