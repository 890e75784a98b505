//! A database that was restored, moved or has failed over (R24), and one that was made by somebody else (R21).

use std::{sync::Arc, time::Duration};

use kicc_hyper::journal::{
    PostgresJournal, PostgresSettings,
    postgres::{Failover, Mark, MarkFile, OpenError},
};
use kicc_proto::journal::{Admission, AsyncJournal, Expect, Kind, Row, WriteError, Written};
use kicc_testkit::cluster::Cluster;
use libtest_mimic::Trial;

use crate::{
    Shared,
    rows::{brisk, claim, next, open, row},
};

pub fn trials(shared: &Shared) -> Vec<Trial> {
    [
        shared.trial("r24_a_restored_database_shows_by_the_mark_outside", by_mark),
        shared.trial("r24_a_restored_database_shows_to_a_process_that_lived_through_it", by_memory),
        shared.trial("r24_a_failover_counts_as_a_restore_unless_it_keeps_commits", by_lineage),
        shared
            .trial("r24_a_replica_whose_last_write_is_gone_says_so_though_others_wrote_since", by_own_write),
        shared.trial("r24_a_mark_of_the_callers_own_follows", own_mark),
        shared.trial("r21_replicas_that_start_at_once_make_the_tables_once", at_once),
        shared.trial("r21_tables_of_a_newer_version_are_left_alone", newer),
        shared.trial("r1_a_database_that_does_not_keep_what_it_acknowledges_is_refused", unfit),
    ]
    .into()
}

fn own_cluster(shared: &Shared) -> (Cluster, String) {
    let cluster = Cluster::start(shared.programs.as_ref().unwrap());
    let database = cluster.database();
    (cluster, database)
}

fn marked(mark: Arc<dyn Mark>) -> PostgresSettings {
    let mut settings = brisk();
    settings.mark = Some(mark);
    settings
}

async fn stored(journal: &PostgresJournal, numbers: &[&str]) {
    for number in numbers {
        assert_eq!(journal.write(&row(number), Expect::Absent).await, Ok(Written::Stored), "{number}");
    }
}

/// What a journal does that knows that it was restored: no new number, and every row of before is suspect until it is
/// written.
async fn acts_restored(journal: &PostgresJournal, rows: &[&str]) {
    assert_eq!(journal.admission().await, Ok(Admission::None));
    let refused = journal.write(&row("NEW"), Expect::Absent).await;
    assert!(matches!(refused, Err(WriteError::NotStored(_))), "{refused:?}");
    // Of what was sold before, the money can be given back.
    let original = Some(row(rows[0]).key.number);
    let refund = Row { kind: Kind::Refund, original, ..row("R1") };
    assert_eq!(journal.write(&refund, Expect::Absent).await, Ok(Written::Stored));
    for number in rows {
        let found = journal.find(&row(number).key).await.unwrap().unwrap();
        assert!(found.suspect, "{number}");
    }
    let known = journal.write(&row(rows[0]), Expect::Absent).await;
    assert!(matches!(known, Ok(Written::Conflict(there)) if there.suspect));
    let first = journal.find(&row(rows[0]).key).await.unwrap().unwrap();
    let next = Row { suspect: false, ..next(&first) };
    assert_eq!(journal.write(&next, Expect::Revision(first.revision)).await, Ok(Written::Stored));
    assert!(!journal.find(&next.key).await.unwrap().unwrap().suspect);
    journal.restored("B-").await.unwrap();
    stored(journal, &["B-1"]).await;
    assert!(!journal.find(&row("B-1").key).await.unwrap().unwrap().suspect);
}

async fn by_mark(shared: &Shared) {
    let (cluster, database) = own_cluster(shared);
    let folder = tempfile::tempdir().unwrap();
    let settings = || {
        let mark = MarkFile::open(folder.path().join("mark")).unwrap();
        marked(Arc::new(mark))
    };
    let address = cluster.address(&database);
    let journal = PostgresJournal::open_with(&address, settings()).await.unwrap();
    assert!(!journal.opened().restored && !journal.opened().mark_missing);
    stored(&journal, &["N1", "N2"]).await;
    journal.close().await;
    let backup = cluster.restored(false);
    let journal = PostgresJournal::open_with(&address, settings()).await.unwrap();
    assert!(!journal.opened().restored, "nothing was lost yet");
    stored(&journal, &["N3"]).await;
    journal.close().await;
    cluster.replace_by(&backup);
    let journal = PostgresJournal::open_with(&address, settings()).await.unwrap();
    assert!(journal.opened().restored);
    assert_eq!(journal.find(&row("N3").key).await, Ok(None));
    acts_restored(&journal, &["N1", "N2"]).await;
    journal.close().await;
    let journal = PostgresJournal::open_with(&address, settings()).await.unwrap();
    assert!(!journal.opened().restored, "it is known once");
    std::fs::remove_file(folder.path().join("mark")).unwrap();
    let journal = PostgresJournal::open_with(&address, settings()).await.unwrap();
    assert!(journal.opened().mark_missing);
}

async fn by_memory(shared: &Shared) {
    let (cluster, database) = own_cluster(shared);
    let journal = open(&cluster, &database).await;
    stored(&journal, &["N1", "N2"]).await;
    let backup = cluster.restored(false);
    stored(&journal, &["N3"]).await;
    cluster.replace_by(&backup);
    // An attempt under way goes on; whether it may is asked of the books.
    let taken = claim(&journal, &row("N1"), 0).await;
    assert!(
        matches!(taken, kicc_proto::journal::Claimed::Yes(row) if row.suspect),
        "it is told with the claim"
    );
    assert!(journal.found_restored());
    acts_restored(&journal, &["N1", "N2"]).await;
}

async fn by_lineage(shared: &Shared) {
    let (cluster, database) = own_cluster(shared);
    let journal = open(&cluster, &database).await;
    stored(&journal, &["N1", "N2"]).await;
    journal.close().await;
    let standby = cluster.restored(true);
    // The same, promoted: nothing of it is missing, but who could tell?
    let address = standby.address(&database);
    let mut keeps = brisk();
    keeps.failover = Failover::KeepsCommits;
    let other = standby.restored(true);
    let journal = PostgresJournal::open_with(&other.address(&database), keeps).await.unwrap();
    assert!(!journal.opened().restored);
    assert_eq!(journal.admission().await, Ok(Admission::Any));
    stored(&journal, &["N3"]).await;
    drop(other);
    let journal = PostgresJournal::open_with(&address, brisk()).await.unwrap();
    assert!(journal.opened().restored);
    acts_restored(&journal, &["N1", "N2"]).await;
}

async fn by_own_write(shared: &Shared) {
    let (cluster, database) = own_cluster(shared);
    let (one, two) = (open(&cluster, &database).await, open(&cluster, &database).await);
    stored(&two, &["N1"]).await;
    let backup = cluster.restored(false);
    stored(&one, &["N2"]).await;
    cluster.replace_by(&backup);
    // The other replica has seen nothing of N2, and soon the sequence is beyond it.
    for number in ["N3", "N4", "N5"] {
        let _ = two.write(&row(number), Expect::Absent).await;
    }
    let until = std::time::Instant::now() + Duration::from_secs(5);
    while !one.found_restored() {
        assert!(std::time::Instant::now() < until, "it has not looked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(two.admission().await, Ok(Admission::None));
    assert!(two.find(&row("N1").key).await.unwrap().unwrap().suspect);
}

/// A mark that is kept in memory, and cannot be written at times.
#[derive(Default)]
struct Kept(std::sync::Mutex<(Option<u64>, bool)>);

impl Mark for Kept {
    fn read(&self) -> std::io::Result<Option<u64>> {
        Ok(self.0.lock().unwrap().0)
    }
    fn raise(&self, sequence: u64) -> std::io::Result<()> {
        let mut kept = self.0.lock().unwrap();
        if kept.1 {
            return Err(std::io::Error::other("no room"));
        }
        kept.0 = kept.0.max(Some(sequence));
        Ok(())
    }
}

async fn own_mark(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let mark = Arc::new(Kept::default());
    let settings = marked(mark.clone());
    let journal = PostgresJournal::open_with(&cluster.address(&database), settings).await.unwrap();
    mark.0.lock().unwrap().1 = true;
    stored(&journal, &["N1"]).await;
    while journal.mark_trouble().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    mark.0.lock().unwrap().1 = false;
    stored(&journal, &["N2"]).await;
    journal.close().await;
    assert_eq!(journal.mark_trouble(), None);
    let sequence = cluster.sql(&database, "SELECT number FROM kicc_meta WHERE name = 'sequence'");
    assert_eq!(mark.read().unwrap().map(|mark| mark.to_string()), Some(sequence));
}

async fn at_once(shared: &Shared) {
    let cluster = shared.cluster();
    let address = cluster.address(&cluster.database());
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let address = address.clone();
            tokio::spawn(async move { PostgresJournal::open_with(&address, brisk()).await })
        })
        .collect();
    for (number, journal) in opening.into_iter().enumerate() {
        let journal = journal.await.unwrap().unwrap();
        assert!(!journal.opened().restored);
        stored(&journal, &[&format!("N{number}")]).await;
        journal.close().await;
    }
}

async fn newer(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let journal = open(cluster, &database).await;
    cluster.sql(&database, "UPDATE kicc_meta SET number = 2 WHERE name = 'schema'");
    let refused = journal.write(&row("N1"), Expect::Absent).await;
    assert!(matches!(refused, Err(WriteError::NotStored(_))), "{refused:?}");
    let refused = PostgresJournal::open(&cluster.address(&database)).await.unwrap_err();
    assert!(matches!(refused, OpenError::Version { found: 2 }), "{refused}");
    assert_eq!(cluster.sql(&database, "SELECT count(*) FROM kicc_attempts"), "0");
}

async fn unfit(shared: &Shared) {
    let (cluster, database) = own_cluster(shared);
    cluster.sql("postgres", "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    let refused = PostgresJournal::open(&cluster.address("ascii")).await.unwrap_err();
    assert!(matches!(refused, OpenError::Unfit { setting: "server_encoding", .. }), "{refused}");
    cluster.configure("fsync = off");
    cluster.stop();
    cluster.run();
    let refused = PostgresJournal::open(&cluster.address(&database)).await.unwrap_err();
    assert!(matches!(refused, OpenError::Unfit { setting: "fsync", .. }), "{refused}");
    let nobody = PostgresJournal::open(&cluster.address("nowhere")).await.unwrap_err();
    assert!(nobody.to_string().contains("3D000"), "{nobody}");
}
