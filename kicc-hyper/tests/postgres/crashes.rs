//! The database is killed, restarted and cut off in the middle of writes: what was said to be stored is there, and what
//! is not known is settled by the same write (R1, R2).

use std::{
    collections::HashMap,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kicc_hyper::journal::PostgresJournal;
use kicc_proto::journal::{AsyncJournal, Expect, Row, WriteError, Written};
use kicc_testkit::cluster::Cluster;
use libtest_mimic::Trial;
use tokio::{
    io::{copy, split},
    net::{TcpListener, UnixStream},
    sync::watch,
};

use crate::{
    Shared,
    rows::{brisk, next, row},
    trials::long,
};

pub fn trials(shared: &Shared) -> Vec<Trial> {
    [
        shared.trial("r1_a_server_that_is_killed_in_the_middle_of_writes_loses_none_that_was_stored", server),
        shared
            .trial("r1_a_backend_that_is_killed_in_the_middle_of_writes_loses_none_that_was_stored", backend),
        shared.trial(
            "r1_a_server_that_is_restarted_in_the_middle_of_writes_loses_none_that_was_stored",
            restart,
        ),
        shared.trial("r2_connections_that_are_cut_off_leave_writes_not_known_which_are_settled", cut_off),
    ]
    .into()
}

/// Writers that write new rows, and each once more, until they are told to stop.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<(Row, u32)>>>,
    journal: Arc<PostgresJournal>,
}

impl Writers {
    async fn start(address: &str, count: usize) -> Self {
        let journal = Arc::new(PostgresJournal::open_with(address, brisk()).await.unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..count)
            .map(|writer| {
                let (journal, stop) = (Arc::clone(&journal), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut stored = Vec::new();
                    let mut number = 0;
                    while !stop.load(Ordering::SeqCst) {
                        number += 1;
                        let first = row(&format!("W{writer}-{number}"));
                        let unknown = write(&journal, &first, Expect::Absent).await;
                        let second = next(&first);
                        let unknown = unknown + write(&journal, &second, Expect::Revision(1)).await;
                        stored.push((second, unknown));
                    }
                    stored
                })
            })
            .collect();
        Writers { stop, tasks, journal }
    }

    /// Every row that was stored in the end is there, as it was written; how often it was not known.
    async fn end(self) -> (usize, u32) {
        self.stop.store(true, Ordering::SeqCst);
        let mut written = Vec::new();
        for task in self.tasks {
            written.extend(task.await.unwrap());
        }
        let mut rows = HashMap::new();
        let mut after: Option<Row> = None;
        loop {
            let cursor = after.as_ref().map(|row| (row.created_at, &row.key));
            let page = self.journal.list(kicc_proto::journal::Listing::Open, cursor, 1_000).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            rows.extend(page.into_iter().map(|row| (row.key.clone(), row)));
        }
        for (row, _) in &written {
            assert_eq!(rows.get(&row.key), Some(row));
        }
        assert_eq!(rows.len(), written.len());
        self.journal.close().await;
        (written.len(), written.iter().map(|(_, unknown)| unknown).sum())
    }
}

/// Writes until it is stored, as the core does: what is not known is written again and finds its own row, or is stored
/// now; nothing else can be there. How often it was not known.
async fn write(journal: &PostgresJournal, row: &Row, expect: Expect) -> u32 {
    let mut unknown = 0;
    loop {
        match journal.write(row, expect).await {
            Ok(Written::Stored) => return unknown,
            Ok(Written::Conflict(there)) if unknown > 0 && *there == *row => return unknown,
            Err(WriteError::NotKnown(_)) => unknown += 1,
            Err(WriteError::NotStored(_)) => {}
            other => panic!("{} after {unknown}: {other:?}", row.key.number),
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn rounds() -> u32 {
    if long() { 40 } else { 4 }
}

/// Disturbs a cluster of its own while eight write.
async fn disturbed(shared: &Shared, disturb: impl Fn(&Cluster) + Send + Sync + 'static) {
    let cluster = Arc::new(Cluster::start(shared.programs.as_ref().unwrap()));
    let writers = Writers::start(&cluster.address(&cluster.database()), 8).await;
    let disturb = Arc::new(disturb);
    for round in 0..rounds() {
        tokio::time::sleep(Duration::from_millis(150 + u64::from(round * 37 % 90))).await;
        let (cluster, disturb) = (Arc::clone(&cluster), Arc::clone(&disturb));
        tokio::task::spawn_blocking(move || disturb(&cluster)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (rows, unknown) = writers.end().await;
    println!("{rows} rows, {unknown} times not known");
    assert!(rows > 50);
}

async fn server(shared: &Shared) {
    let kill = |cluster: &Cluster| {
        cluster.kill();
        cluster.run();
    };
    disturbed(shared, kill).await;
}

async fn restart(shared: &Shared) {
    let restart = |cluster: &Cluster| {
        cluster.stop();
        cluster.run();
    };
    disturbed(shared, restart).await;
}

async fn backend(shared: &Shared) {
    // Of the writer, in a transaction if there is one. The server then ends all others and replays its log.
    let kill = |cluster: &Cluster| {
        let writer = "SELECT pid FROM pg_stat_activity WHERE application_name = 'kicc' \
            ORDER BY state = 'active' DESC, query LIKE 'COMMIT%' DESC LIMIT 1";
        let pid = cluster.sql("postgres", writer);
        if !pid.is_empty() {
            assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
            // The others are ended with it.
            std::thread::sleep(Duration::from_millis(100));
        }
        cluster.wait();
    };
    disturbed(shared, kill).await;
}

/// A way to the database over which nothing comes back while it is cut; what goes there still arrives.
async fn lossy(cluster: &Cluster) -> (u16, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = cluster.folder().join(".s.PGSQL.5432");
    let (cut, is_cut) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = UnixStream::connect(&socket).await else { continue };
            let mut is_cut = is_cut.clone();
            tokio::spawn(async move {
                let ((mut from, mut to), (mut answers, mut asks)) = (client.into_split(), split(server));
                let there = tokio::spawn(async move { copy(&mut from, &mut asks).await });
                let back = copy(&mut answers, &mut to);
                let silence = async {
                    let _ = is_cut.wait_for(|cut| *cut).await.map(drop);
                };
                tokio::select! {
                    _ = back => {}
                    () = silence => {}
                }
                // Silence, then the end.
                let _ = is_cut.wait_for(|cut| !*cut).await.map(drop);
                there.abort();
            });
        }
    });
    (port, cut)
}

async fn cut_off(shared: &Shared) {
    let cluster = shared.cluster();
    // Whether a cut meets a commit under way is chance.
    for _ in 0..10 {
        let database = cluster.database();
        let (port, cut) = lossy(cluster).await;
        let writers = Writers::start(&format!("postgres://kicc@127.0.0.1:{port}/{database}"), 8).await;
        for round in 0..rounds() {
            tokio::time::sleep(Duration::from_millis(300 + 7 * round as u64)).await;
            cut.send_replace(true);
            tokio::time::sleep(Duration::from_millis(500)).await;
            cut.send_replace(false);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (rows, unknown) = writers.end().await;
        println!("{rows} rows, {unknown} times not known");
        assert!(rows > 20, "{rows} rows");
        if unknown > 0 {
            return;
        }
    }
    panic!("no cut met a commit");
}
