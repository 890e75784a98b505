//! What closed records cost the open ones: next to nothing, however many there are. Prints its times; that no statement of
//! an open payment looks through all records is seen in the database's plans.
//!
//! With `KICC_LONG=1` there are ten million closed records, in some 8 GB.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use kicc_hyper::journal::PostgresJournal;
use kicc_proto::{
    journal::{AsyncJournal, Expect, Listing, RecordText, Row, Standing, Written, sql},
    time::UnixMillis,
    values::Mark,
};
use kicc_testkit::cluster::Cluster;
use libtest_mimic::Trial;

use crate::{
    Shared,
    rows::{claim, row},
    trials::long,
};

/// The closed ones are older than the open ones.
const NOW: UnixMillis = UnixMillis(1_000_000_000_000);

pub fn trials(shared: &Shared) -> Vec<Trial> {
    [shared.trial("r22_closed_records_cost_the_open_ones_nothing", cost)].into()
}

/// How many are open, how many closed, and how many of these are pruned.
fn counts() -> (usize, u32, u32) {
    if long() { (1_000, 10_000_000, 10_000) } else { (20, 20_000, 500) }
}

fn open(number: &str) -> Row {
    Row {
        authorisation_mark: Mark::new(number).ok(),
        created_at: NOW,
        updated_at: NOW,
        // Shorter than a real one, of one to two kilobytes: no statement but pruning reads a closed one.
        record: RecordText("r".repeat(200)),
        ..row(number)
    }
}

/// Approved, told sales that spent an authorisation each; in one transaction that writes no log, and the indexes after it.
fn fill(cluster: &Cluster, database: &str, count: u32) {
    let indexes: String = sql::INDEXES.iter().map(|(_, statement)| format!("{statement};")).collect();
    let dropped: String = sql::INDEXES.iter().map(|(name, _)| format!("DROP INDEX {name};")).collect();
    let filled = format!(
        "BEGIN; TRUNCATE kicc_attempts; {} INSERT INTO kicc_attempts SELECT 'test', 'simple', 'T1', \
         'C' || lpad(n::TEXT, 10, '0'), 'approval', NULL, lpad(n::TEXT, 32, '0'), 'a:' || lpad(n::TEXT, 32, '0'), 1, \
         'closed', 1, 5, 1, '', 0, {now} - {count} + n, {now}, n, repeat('r', 200) \
         FROM generate_series(1, {count}) AS n; {} COMMIT",
        dropped,
        indexes,
        now = NOW.0,
    );
    cluster.sql(database, &filled);
    cluster.sql(database, "VACUUM ANALYZE kicc_attempts");
    cluster.sql(database, "CHECKPOINT");
}

/// In the one journal and in the other, by turns, so that whatever else the machine does slows both.
type Times = [Duration; 2];

async fn each(
    journals: &[PostgresJournal; 2],
    rows: &[Row],
    done: impl AsyncFn(&PostgresJournal, &Row),
) -> Times {
    let mut times = Times::default();
    for row in rows {
        for (journal, time) in journals.iter().zip(&mut times) {
            let began = Instant::now();
            done(journal, row).await;
            *time += began.elapsed();
        }
    }
    times
}

/// So many at once, as recovery claims what it has slots for.
async fn at_once(
    slots: usize,
    journals: &[PostgresJournal; 2],
    rows: &[Row],
    done: impl AsyncFn(&PostgresJournal, &Row),
) -> Times {
    let mut times = Times::default();
    for (journal, time) in journals.iter().zip(&mut times) {
        let began = Instant::now();
        stream::iter(rows).for_each_concurrent(slots, |row| done(journal, row)).await;
        *time = began.elapsed();
    }
    times
}

async fn listed(journals: &[PostgresJournal; 2], which: Listing, count: usize) -> Times {
    let mut times = Times::default();
    for (journal, time) in journals.iter().zip(&mut times) {
        let began = Instant::now();
        assert_eq!(journal.list(which, None, u32::MAX >> 1).await.unwrap().len(), count);
        *time = began.elapsed();
    }
    times
}

async fn cost(shared: &Shared) {
    let (count, closed, pruned) = counts();
    // One of its own: it is stopped, and its files are many.
    let cluster = Cluster::start(shared.programs.as_ref().unwrap());
    cluster.stop();
    cluster.configure(
        "wal_level = minimal\nmax_wal_senders = 0\nmax_wal_size = 8GB\nmaintenance_work_mem = 512MB",
    );
    cluster.run();
    let databases = [cluster.database(), cluster.database()];
    let made = async |database: &String| PostgresJournal::open(&cluster.address(database)).await.unwrap();
    let journals = [made(&databases[0]).await, made(&databases[1]).await];
    let began = Instant::now();
    fill(&cluster, &databases[1], closed);
    println!("{closed} closed records made in {:.0?}", began.elapsed());
    for statement in sql::STATEMENTS.iter().filter(|statement| **statement != sql::WITH_PREFIX) {
        let plan = plan(&cluster, &databases[1], statement);
        assert!(!plan.contains("Seq Scan on kicc_attempts"), "{statement}\n{plan}");
    }

    let rows: Vec<Row> = (0..count).map(|number| open(&format!("N{number}"))).collect();
    println!(
        "{:<34} {:>10}   {:>10}",
        format!("{count} open records beside"),
        "none",
        format!("{closed} closed")
    );
    let show = |what: &str, [alone, beside]: Times| println!("  {what:<32} {alone:>10.1?}   {beside:>10.1?}");
    let write = async |journal: &PostgresJournal, row: &Row| {
        assert_eq!(journal.write(row, Expect::Absent).await, Ok(Written::Stored));
    };
    let take = async |journal: &PostgresJournal, row: &Row| {
        let claimed = claim(journal, row, NOW.0).await;
        assert!(matches!(claimed, kicc_proto::journal::Claimed::Yes(_)), "{claimed:?}");
    };
    let finish = async |journal: &PostgresJournal, row: &Row| {
        let token = journal.find(&row.key).await.unwrap().unwrap().token;
        assert_eq!(journal.holds(&row.key, token).await, Ok(true));
        let closed = Row { standing: Standing::Closed, revision: 2, token, ..row.clone() };
        assert_eq!(journal.write(&closed, Expect::Revision(1)).await, Ok(Written::Stored));
    };
    let tell = async |journal: &PostgresJournal, row: &Row| {
        assert_eq!(journal.told(&row.key, 2).await, Ok(true));
    };
    show("written down", each(&journals, &rows, write).await);
    show("all listed", listed(&journals, Listing::Open, count).await);
    show("claimed one by one", each(&journals, &rows, take).await);
    for journal in &journals {
        stream::iter(&rows)
            .for_each_concurrent(16, |row| async { journal.release(&row.key, 2).await.unwrap() })
            .await;
    }
    show("claimed, 16 at once", at_once(16, &journals, &rows, take).await);
    let began = Instant::now();
    assert_eq!(journals[0].unreadable().await, Ok(Vec::new()));
    let alone = began.elapsed();
    let began = Instant::now();
    assert_eq!(journals[1].unreadable().await, Ok(Vec::new()));
    show("looked over for unreadable ones", [alone, began.elapsed()]);
    show("finished, 16 at once", at_once(16, &journals, &rows, finish).await);
    show("all listed as untold", listed(&journals, Listing::Untold, count).await);
    show("told, 16 at once", at_once(16, &journals, &rows, tell).await);

    let [_, full] = &journals;
    let began = Instant::now();
    let (mut removed, mut longest) = (0, Duration::ZERO);
    while removed < pruned {
        let batch = Instant::now();
        removed += full.prune(NOW, 500).await.unwrap();
        longest = longest.max(batch.elapsed());
    }
    println!("{removed} pruned in batches of 500: {:.1?}, the longest {longest:.1?}", began.elapsed());
    let began = Instant::now();
    full.restored("Z").await.unwrap();
    println!("declared restored in {:.1?}", began.elapsed());
    for journal in journals {
        journal.close().await;
    }
}

/// How the database does a statement, whatever its values.
fn plan(cluster: &Cluster, database: &str, statement: &str) -> String {
    let values = (1..).take_while(|number| statement.contains(&format!("${number}"))).count();
    let values = vec!["NULL"; values].join(", ");
    let execute = if values.is_empty() { String::new() } else { format!("({values})") };
    let explain = format!(
        "SET plan_cache_mode = force_generic_plan; PREPARE p AS {statement}; EXPLAIN (COSTS OFF) EXECUTE p{execute}"
    );
    cluster.sql(database, &explain)
}
