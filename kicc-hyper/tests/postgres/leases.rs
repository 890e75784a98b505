//! Who lives, by the database's clock (R20), and who has a row in a transaction of their own.

use std::time::{Duration, Instant};

use kicc_hyper::journal::PostgresJournal;
use kicc_proto::{
    journal::{AsyncJournal, Claimed, Expect, Written},
    time::UnixMillis,
};
use kicc_testkit::cluster::Cluster;
use libtest_mimic::Trial;
use tokio::runtime::Runtime;

use crate::{
    Shared,
    rows::{claim, held, key, next, open},
};

pub fn trials(shared: &Shared) -> Vec<Trial> {
    [
        shared.trial("r20_a_crashed_holder_is_followed_within_its_lease_and_not_before", crashed),
        shared.trial("r20_a_holder_lives_as_long_as_each_lease_that_it_wrote", long_lease),
        shared.trial("r20_a_live_holder_is_not_robbed_however_long_it_waits", alive),
        shared.trial("r20_a_local_clock_that_is_wrong_takes_nothing_and_keeps_nothing", wrong_clock),
        shared.trial("r20_a_replica_that_was_cut_off_finds_out_by_its_token", cut_off),
        shared.trial("r20_a_row_in_somebodys_transaction_is_not_waited_for", locked),
        shared.trial("r14_those_who_live_share_a_cap_on_rescues", shared_cap),
    ]
    .into()
}

/// A journal whose process ends without a word, when its runtime does.
async fn on_its_own(cluster: &Cluster, database: &str) -> (PostgresJournal, Runtime) {
    let runtime = Runtime::new().unwrap();
    let address = cluster.address(database);
    let opened = runtime
        .spawn(async move { PostgresJournal::open_with(&address, crate::rows::brisk()).await.unwrap() });
    (opened.await.unwrap(), runtime)
}

async fn crashed(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let (one, runtime) = on_its_own(cluster, &database).await;
    let two = open(cluster, &database).await;
    let row = held("N1", one.holder(), Duration::from_millis(100));
    assert_eq!(two.write(&row, Expect::Absent).await, Ok(Written::Stored));
    runtime.shutdown_background();
    let ended = Instant::now();
    loop {
        match claim(&two, &row, 0).await {
            Claimed::Yes(taken) => {
                assert_eq!((taken.token, &*taken.holder), (2, two.holder()));
                break;
            }
            Claimed::Held { holder, .. } => assert_eq!(&*holder, one.holder()),
            Claimed::Moved => panic!("it did not move"),
        }
        assert!(ended.elapsed() < Duration::from_secs(3), "it is not taken for dead");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Its last word is a fifth of the lease old at most.
    assert!(ended.elapsed() > Duration::from_millis(900), "{:?}", ended.elapsed());
}

async fn long_lease(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let (one, runtime) = on_its_own(cluster, &database).await;
    let two = open(cluster, &database).await;
    let row = held("N1", one.holder(), Duration::from_secs(4));
    let written = runtime.spawn({
        let row = row.clone();
        async move {
            assert_eq!(one.write(&row, Expect::Absent).await, Ok(Written::Stored));
            one
        }
    });
    let _one = written.await.unwrap();
    let wrote = Instant::now();
    runtime.shutdown_background();
    while !matches!(claim(&two, &row, u64::MAX >> 2).await, Claimed::Yes(_)) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(wrote.elapsed() > Duration::from_millis(3_800), "robbed after {:?}", wrote.elapsed());
    assert!(wrote.elapsed() < Duration::from_secs(6), "{:?}", wrote.elapsed());
}

async fn alive(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let (one, two) = (open(cluster, &database).await, open(cluster, &database).await);
    let row = held("N1", one.holder(), Duration::from_millis(10));
    one.write(&row, Expect::Absent).await.unwrap();
    // Three times the lease, and only its beat renews it.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(4_500) {
        assert!(matches!(claim(&two, &row, u64::MAX >> 2).await, Claimed::Held { .. }));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(one.holds(&row.key, 1).await, Ok(true));
    one.close().await;
    assert!(
        matches!(claim(&two, &row, 0).await, Claimed::Yes(_)),
        "a closed journal's holder is dead at once"
    );
}

async fn wrong_clock(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let (one, two) = (open(cluster, &database).await, open(cluster, &database).await);
    let row = held("N1", one.holder(), Duration::from_secs(1));
    one.write(&row, Expect::Absent).await.unwrap();
    // A clock that is years ahead, or stands at the epoch.
    for now in [0, u64::MAX >> 2] {
        assert!(matches!(claim(&two, &row, now).await, Claimed::Held { .. }), "{now}");
    }
    one.close().await;
    assert!(matches!(claim(&two, &row, 0).await, Claimed::Yes(_)));
}

async fn cut_off(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let (one, two) = (open(cluster, &database).await, open(cluster, &database).await);
    let row = held("N1", one.holder(), Duration::from_millis(10));
    one.write(&row, Expect::Absent).await.unwrap();
    // As if it had not been heard of for the time of its lease; the table holds the database's word on that.
    let lapse = format!("UPDATE kicc_holders SET alive_until = 1 WHERE holder = '{}'", one.holder());
    let taken = loop {
        cluster.sql(&database, &lapse);
        if let Claimed::Yes(taken) = claim(&two, &row, 0).await {
            break taken;
        }
    };
    assert_eq!(one.holds(&row.key, 1).await, Ok(false), "its next message is not sent");
    assert_eq!(one.renew(&row.key, 1, UnixMillis(9)).await, Ok(false));
    assert_eq!(
        one.write(&next(&row), Expect::Revision(1)).await,
        Ok(Written::Conflict(taken)),
        "and its next write is not done"
    );
}

async fn locked(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let journal = open(cluster, &database).await;
    let row = held("N1", "", Duration::ZERO);
    journal.write(&row, Expect::Absent).await.unwrap();
    let address = cluster.address(&database);
    let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("BEGIN; SELECT 1 FROM kicc_attempts WHERE number = 'N1' FOR UPDATE").await.unwrap();
    let began = Instant::now();
    assert!(matches!(claim(&journal, &row, 0).await, Claimed::Held { .. }));
    assert_eq!(journal.renew(&row.key, 1, UnixMillis(9)).await, Ok(true));
    assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
    // A write of that very row waits for half a second and is then known not stored; others wait with it, no more.
    let blocked = next(&row);
    let (blocked, other) =
        tokio::join!(journal.write(&blocked, Expect::Revision(1)), journal.told(&row.key, 9));
    assert!(blocked.is_err(), "{blocked:?}");
    assert_eq!(other, Ok(false));
    client.batch_execute("ROLLBACK").await.unwrap();
    assert!(matches!(claim(&journal, &row, 0).await, Claimed::Yes(_)));
    assert_eq!(journal.find(&key("N1")).await.unwrap().unwrap().token, 2);
}

/// Each has an even part of it, one at least; none at first, so that the others hear of it before it begins; and the part
/// of one that ended or died is the others'.
async fn shared_cap(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let address = format!("{}?kicc_rescues_in_flight=7", cluster.address(&database));
    // A beat takes longer than to open.
    let mut settings = crate::rows::brisk();
    settings.lease = Duration::from_secs(4);
    let opened = async || PostgresJournal::open_with(&address, settings.clone()).await.unwrap();
    let come_to = async |journals: &[&PostgresJournal], shares: &[u32]| {
        let began = Instant::now();
        loop {
            let now: Vec<u32> = journals.iter().map(|journal| journal.rescues_share().unwrap()).collect();
            assert!(now.iter().sum::<u32>() <= 7, "{now:?}");
            if now == shares {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(9), "{now:?} do not become {shares:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let one = opened().await;
    come_to(&[&one], &[7]).await;
    let lives = || cluster.sql(&database, "SELECT alive_until FROM kicc_holders");
    let said = lives();
    while lives() == said {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The other one has just had its beat, and does not hear of it for a while.
    let two = opened().await;
    come_to(&[&one, &two], &[3, 3]).await;
    let (three, runtime) = on_its_own(cluster, &database).await;
    assert_eq!(three.rescues_share(), None, "it knows of no cap, and counts all the same");
    come_to(&[&one, &two], &[2, 2]).await;
    runtime.shutdown_background();
    come_to(&[&one, &two], &[3, 3]).await;
    one.close().await;
    come_to(&[&two], &[7]).await;
    cluster.sql(&database, "ALTER TABLE kicc_holders RENAME TO gone");
    come_to(&[&two], &[0]).await;
}
