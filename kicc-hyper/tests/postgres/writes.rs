//! Groups, and what is known of a write when something goes wrong (R1, R2, R23).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kicc_hyper::journal::PostgresJournal;
use kicc_proto::journal::{AsyncJournal, Expect, Listing, RecordText, Row, WriteError, Written};
use libtest_mimic::Trial;
use tokio::task::JoinHandle;

use crate::{
    Shared,
    rows::{brisk, held, key, next, open, row},
};

pub fn trials(shared: &Shared) -> Vec<Trial> {
    [
        shared.trial("r1_writers_share_commits", writers_share_commits),
        shared.trial("r1_a_commit_waits_for_the_disk_whatever_the_database_says", commits_are_durable),
        shared.trial("r2_a_commit_without_an_answer_is_not_known_and_the_same_write_settles_it", unanswered),
        shared.trial("r2_a_commit_whose_process_is_ended_is_not_known_and_the_same_write_is_done", ended),
        shared.trial("r2_a_connection_that_is_lost_before_the_commit_is_known_not_stored", lost_before),
        shared.trial("r2_a_commit_that_is_refused_is_one_writers_alone", refused_at_commit),
        shared.trial("r23_a_statement_that_fails_is_one_writers_alone_and_shows_no_record", failed_statement),
        shared.trial("r2_a_writer_that_stops_in_its_transaction_keeps_nobody_waiting_for_long", stopped),
        shared.trial("r2_a_full_queue_turns_new_attempts_away", full_queue),
        shared.trial("r17_a_queued_write_whose_future_was_dropped_is_written_all_the_same", dropped),
        shared.trial("r21_an_unreadable_row_shortens_no_page_and_is_reported", unreadable),
    ]
    .into()
}

type Writing = JoinHandle<Result<Written, WriteError>>;

/// Writes a row in a task of its own.
fn writing(journal: &Arc<PostgresJournal>, row: Row, expect: Expect) -> Writing {
    let journal = Arc::clone(journal);
    tokio::spawn(async move { journal.write(&row, expect).await })
}

/// Several writers of one group, and what became of each.
async fn together(journal: &Arc<PostgresJournal>, numbers: &[&str]) -> Vec<Result<Written, WriteError>> {
    let mut ends = Vec::new();
    for writer in
        numbers.iter().map(|number| writing(journal, row(number), Expect::Absent)).collect::<Vec<_>>()
    {
        ends.push(writer.await.unwrap());
    }
    ends
}

async fn writers_share_commits(shared: &Shared) {
    let cluster = shared.cluster();
    let journal = Arc::new(open(cluster, &cluster.database()).await);
    let writers: Vec<Writing> =
        (0..1_000).map(|n| writing(&journal, row(&format!("N{n}")), Expect::Absent)).collect();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), Ok(Written::Stored));
    }
    let counts = journal.counts();
    assert_eq!((counts.writes, counts.queued), (1_000, 0));
    assert!(counts.commits <= 10, "{counts:?}");
    assert_eq!(journal.list(Listing::Open, None, 2_000).await.unwrap().len(), 1_000);
    // What changes nothing is not committed.
    assert!(matches!(journal.write(&row("N1"), Expect::Absent).await, Ok(Written::Conflict(_))));
    assert_eq!(journal.counts().commits, counts.commits);
}

async fn commits_are_durable(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    cluster.sql(
        &database,
        &format!(
            "ALTER DATABASE {database} SET synchronous_commit = off; \
             CREATE TABLE seen (setting TEXT); \
             CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN INSERT INTO seen SELECT current_setting(''synchronous_commit''); RETURN NEW; END'"
        ),
    );
    let journal = open(cluster, &database).await;
    cluster.sql(
        &database,
        "CREATE TRIGGER look BEFORE INSERT ON kicc_attempts FOR EACH ROW EXECUTE FUNCTION look()",
    );
    journal.write(&row("N1"), Expect::Absent).await.unwrap();
    assert_eq!(cluster.sql(&database, "SELECT * FROM seen"), "on");
}

/// What a deferred trigger does is done by `COMMIT` itself.
const AT_COMMIT: &str = "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON kicc_attempts \
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.number = 'N2') EXECUTE FUNCTION act()";

const AT_INSERT: &str = "CREATE TRIGGER at_insert BEFORE INSERT ON kicc_attempts FOR EACH ROW \
    WHEN (NEW.number = 'N2') EXECUTE FUNCTION act()";

fn function(body: &str) -> String {
    format!("CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body}; RETURN NEW; END$$;")
}

async fn unanswered(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let mut settings = brisk();
    settings.commit_timeout = Duration::from_millis(300);
    let journal = PostgresJournal::open_with(&cluster.address(&database), settings).await.unwrap();
    cluster.sql(&database, &(function("PERFORM pg_sleep(2)") + AT_COMMIT));
    let not_known = journal.write(&row("N2"), Expect::Absent).await;
    assert!(matches!(not_known, Err(WriteError::NotKnown(_))), "{not_known:?}");
    assert_eq!(journal.find(&key("N2")).await, Ok(None), "a read alone would have said: never stored");
    // The same write waits for the one before, which is stored.
    assert_eq!(journal.write(&row("N2"), Expect::Absent).await, Ok(Written::Conflict(Box::new(row("N2")))));
}

/// Ends whoever has been at work in a trigger of `database` for a while.
fn end_sleeper(shared: &Shared, database: &str) -> std::thread::JoinHandle<()> {
    let (shared, database) = (shared.clone(), database.to_owned());
    std::thread::spawn(move || {
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = '{database}' AND wait_event = 'PgSleep'"
        );
        let until = Instant::now() + Duration::from_secs(20);
        while shared.cluster().sql("postgres", &end) != "t" {
            assert!(Instant::now() < until, "nobody sleeps");
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

async fn ended(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let journal = open(cluster, &database).await;
    cluster.sql(&database, &(function("PERFORM pg_sleep(3)") + AT_COMMIT));
    let ending = end_sleeper(shared, &database);
    let not_known = journal.write(&row("N2"), Expect::Absent).await;
    assert!(matches!(not_known, Err(WriteError::NotKnown(_))), "{not_known:?}");
    ending.join().unwrap();
    cluster.sql(&database, "DROP TRIGGER at_commit ON kicc_attempts");
    assert_eq!(journal.write(&row("N2"), Expect::Absent).await, Ok(Written::Stored));
}

async fn lost_before(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let journal = Arc::new(open(cluster, &database).await);
    cluster.sql(&database, &(function("PERFORM pg_sleep(3)") + AT_INSERT));
    let ending = end_sleeper(shared, &database);
    for end in together(&journal, &["N1", "N2", "N3"]).await {
        // The first may have gone before, in a group of its own.
        assert!(matches!(end, Err(WriteError::NotStored(_)) | Ok(Written::Stored)), "{end:?}");
    }
    ending.join().unwrap();
    assert_eq!(journal.find(&key("N2")).await, Ok(None));
    cluster.sql(&database, "DROP TRIGGER at_insert ON kicc_attempts");
    assert_eq!(journal.write(&row("N2"), Expect::Absent).await, Ok(Written::Stored));
}

async fn refused_at_commit(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let journal = Arc::new(open(cluster, &database).await);
    cluster.sql(&database, &(function("RAISE EXCEPTION 'no' USING ERRCODE = '23514'") + AT_COMMIT));
    for (number, end) in ["N1", "N2", "N3"].iter().zip(together(&journal, &["N1", "N2", "N3"]).await) {
        match *number {
            "N2" => assert!(matches!(end, Err(WriteError::NotStored(_))), "{end:?}"),
            _ => assert_eq!(end, Ok(Written::Stored), "{number}"),
        }
    }
    assert_eq!(journal.list(Listing::Open, None, 9).await.unwrap().len(), 2);
}

async fn failed_statement(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let journal = Arc::new(open(cluster, &database).await);
    // A column that is not filled: the database shows the whole row beside its message.
    cluster.sql(&database, &(function("NEW.told := NULL") + AT_INSERT));
    let secret = Row { record: RecordText("kicc/1 t0kenKey".into()), ..row("N2") };
    let others: Vec<Writing> =
        ["N1", "N3"].iter().map(|number| writing(&journal, row(number), Expect::Absent)).collect();
    let Err(WriteError::NotStored(why)) = journal.write(&secret, Expect::Absent).await else {
        panic!("it was stored")
    };
    assert!(why.contains("23502") && !why.contains("t0ken"), "{why}");
    for other in others {
        assert_eq!(other.await.unwrap(), Ok(Written::Stored));
    }
    let bad = Row { record: RecordText("\0".into()), ..row("N4") };
    assert!(matches!(journal.write(&bad, Expect::Absent).await, Err(WriteError::NotStored(_))));
}

async fn stopped(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let journal = open(cluster, &database).await;
    // A replica that is stopped in the middle of a group: its transaction has the sequence, and it says nothing more.
    let address = cluster.address(&database);
    let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(
            "SET idle_in_transaction_session_timeout = 1000; BEGIN; \
             UPDATE kicc_meta SET number = number + 1 WHERE name = 'sequence'",
        )
        .await
        .unwrap();
    let began = Instant::now();
    assert_eq!(journal.write(&row("N1"), Expect::Absent).await, Ok(Written::Stored));
    assert!(began.elapsed() > Duration::from_millis(700) && began.elapsed() < Duration::from_secs(4));
    // Ours would be ended as well.
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name = 'kicc' AND state LIKE 'idle in transaction%'";
    assert_eq!(cluster.sql(&database, idle), "0");
}

async fn full_queue(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let mut settings = brisk();
    (settings.queue, settings.new_attempts_wait) = (2, Duration::ZERO);
    let journal = Arc::new(PostgresJournal::open_with(&cluster.address(&database), settings).await.unwrap());
    journal.write(&row("N0"), Expect::Absent).await.unwrap();
    cluster.sql(&database, &(function("PERFORM pg_sleep(1)") + AT_INSERT));
    let slow = writing(&journal, row("N2"), Expect::Absent);
    let sleeps = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event = 'PgSleep'";
    while cluster.sql(&database, sleeps) != "1" {}
    let queued: Vec<Writing> =
        ["N3", "N4"].iter().map(|number| writing(&journal, row(number), Expect::Absent)).collect();
    while journal.counts().queued < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let Err(WriteError::NotStored(why)) = journal.write(&row("N5"), Expect::Absent).await else {
        panic!("there was room")
    };
    assert!(why.contains("full (2 writes)"), "{why}");
    assert_eq!(journal.write(&next(&row("N0")), Expect::Revision(1)).await, Ok(Written::Stored));
    for writer in queued.into_iter().chain([slow]) {
        assert_eq!(writer.await.unwrap(), Ok(Written::Stored));
    }
    assert_eq!(journal.counts().turned_away, 1);
}

async fn dropped(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let journal = open(cluster, &database).await;
    let row = held("N1", journal.holder(), Duration::from_secs(1));
    assert!(tokio::time::timeout(Duration::ZERO, journal.write(&row, Expect::Absent)).await.is_err());
    journal.close().await;
    let next = open(cluster, &database).await;
    assert_eq!(next.find(&row.key).await, Ok(Some(row)));
    let late = journal.write(&self::row("N2"), Expect::Absent).await;
    assert!(matches!(late, Err(WriteError::NotStored(_))), "{late:?}");
}

async fn unreadable(shared: &Shared) {
    let cluster = shared.cluster();
    let database = cluster.database();
    let journal = open(cluster, &database).await;
    for number in ["N1", "N2", "N3", "N4"] {
        journal.write(&row(number), Expect::Absent).await.unwrap();
    }
    cluster.sql(&database, "UPDATE kicc_attempts SET kind = 'top_up' WHERE number IN ('N1', 'N2')");
    let page = journal.list(Listing::Open, None, 2).await.unwrap();
    assert_eq!(page.iter().map(|row| row.key.number.as_str()).collect::<Vec<_>>(), ["N3", "N4"]);
    let reported = journal.unreadable().await.unwrap();
    assert_eq!(
        reported.iter().map(|bad| &*bad.key).collect::<Vec<_>>(),
        ["test/simple/T1/N1", "test/simple/T1/N2"]
    );
    let blocked = journal.write(&row("N1"), Expect::Absent).await;
    assert!(matches!(blocked, Err(WriteError::NotStored(_))), "{blocked:?}");
}
