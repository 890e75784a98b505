//! The tables, from one version to the next. Without PostgreSQL there is nothing to see; with `KICC_NO_SKIP=1` that fails.

use kicc_proto::journal::{AsyncJournal as _, Expect, Written};
use kicc_testkit::{
    cluster::{Cluster, Programs},
    journal_kit::row,
};

use super::*;
use crate::journal::PostgresJournal;

const ADD: &str = "ALTER TABLE kicc_attempts ADD COLUMN branch TEXT";
const FILL: &str = "UPDATE kicc_attempts SET branch = number";

fn cluster() -> Option<Cluster> {
    let programs = Programs::find();
    let must = std::env::var_os("KICC_NO_SKIP").is_some_and(|value| value == "1");
    assert!(programs.is_ok() || !must, "cannot run here: {programs:?}");
    programs.ok().map(|programs| Cluster::start(&programs))
}

/// R21: a step to a version that there is not yet. All of it is done, or nothing; and the replicas of the version before
/// write and send nothing more, also where they were about to.
#[tokio::test(flavor = "multi_thread")]
async fn r21_older_tables_become_newer_ones_in_one_step_with_all_that_is_in_them() {
    let Some(cluster) = cluster() else { return };
    let database = cluster.database();
    let address = cluster.address(&database);
    let older = PostgresJournal::open(&address).await.unwrap();
    assert_eq!(older.write(&row("N1"), Expect::Absent).await, Ok(Written::Stored));
    assert_eq!(older.holds(&row("N1").key, 1).await, Ok(true));
    let pools = Pools::new(&address, &PostgresSettings::default()).unwrap();
    let client = connection(&pools.lists).await.unwrap();
    let prepare = async |step: &[&'static str]| {
        let versions = [versions(), vec![step.to_vec()]].concat();
        super::prepare(&client, Absent::Refuse, &versions).await
    };
    prepare(&[ADD, "UPDATE kicc_attempts SET nothing = 1"]).await.unwrap_err();
    let stored = older.write(&row("N2"), Expect::Absent).await;
    assert_eq!(stored, Ok(Written::Stored), "nothing of a step that failed is left");

    // A write that is waiting while the step is made.
    let slow = async { prepare(&[ADD, FILL, "SELECT pg_sleep(2.5)"]).await };
    let late = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        older.write(&row("N3"), Expect::Absent).await
    };
    let (prepared, late) = tokio::join!(slow, late);
    assert!(prepared.unwrap(), "there were tables");
    assert!(matches!(&late, Err(WriteError::NotStored(why)) if why.contains("another version")), "{late:?}");
    assert_eq!(older.holds(&row("N1").key, 1).await, Ok(false));
    assert!(prepare(&["nothing that is run twice"]).await.unwrap());
    assert_eq!(
        cluster.sql(&database, "SELECT string_agg(branch, ',' ORDER BY branch) FROM kicc_attempts"),
        "N1,N2"
    );
    let refused = PostgresJournal::open(&address).await.unwrap_err();
    assert!(matches!(refused, OpenError::Version { found: 2 }), "{refused}");
}

/// R21: tables of an older program get the indexes that they lack, and the older program goes on beside.
#[tokio::test(flavor = "multi_thread")]
async fn r21_a_missing_index_is_made_at_opening() {
    let Some(cluster) = cluster() else { return };
    let database = cluster.database();
    let address = cluster.address(&database);
    let older = PostgresJournal::open(&address).await.unwrap();
    let indexes = || cluster.sql(&database, "SELECT indexname FROM pg_indexes ORDER BY 1");
    let all = indexes();
    cluster.sql(&database, "DROP INDEX kicc_unknown");
    assert_ne!(indexes(), all);
    PostgresJournal::open(&address).await.unwrap().close().await;
    assert_eq!(indexes(), all);
    assert_eq!(older.write(&row("N1"), Expect::Absent).await, Ok(Written::Stored));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_a_journal_that_is_there_makes_none() {
    let Some(cluster) = cluster() else { return };
    let database = cluster.database();
    let address = cluster.address(&database);
    let refused = PostgresJournal::open_existing(&address, PostgresSettings::default()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Absent), "{refused}");
    assert_eq!(cluster.sql(&database, "SELECT count(*) FROM pg_class WHERE relname LIKE 'kicc%'"), "0");
    PostgresJournal::open(&address).await.unwrap().close().await;
    PostgresJournal::open_existing(&address, PostgresSettings::default()).await.unwrap().close().await;
}
