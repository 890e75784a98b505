//! Replicas of the example server on one PostgreSQL (R20): killed, stopped and woken, cut off from the database, the
//! database restarted under them.

mod cap;
mod customers;
mod link;
mod live;
mod paused;
mod shares;
mod storm;
mod throughput;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use kicc_proto::{journal::record::Record, time::Millis};
use kicc_testkit::{
    cluster::{Cluster, Programs},
    van::{Van, VanConfig},
};
use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::link::Link;
use crate::{
    books, checkout,
    process::Process,
    shop::{HURRY, JournalRow, Server},
    trials::{long, trial_if},
};

pub fn trials() -> Vec<Trial> {
    let programs = Programs::find();
    let trial = |name, run: fn(Programs)| {
        let found = programs.clone();
        trial_if(programs.clone().map(drop), name, move || run(found.unwrap()))
    };
    let mut trials = vec![
        trial(
            "fleet::r20_killed_stopped_cut_off_and_its_database_restarted_under_load_the_books_agree",
            storm::run,
        ),
        trial("fleet::r20_a_replica_that_was_taken_over_sends_nothing_once_woken", paused::run),
        trial(
            "fleet::r14_what_a_dead_replica_left_is_shared_within_the_lease_and_under_the_cap",
            shares::run,
        ),
        trial("fleet::r14_replicas_have_a_cap_on_rescues_together", cap::run),
        trial("fleet::one_that_does_not_reach_its_database_says_so_to_the_balancer", live::run),
    ];
    if long() {
        trials.push(trial("fleet::throughput_of_one_two_and_four_replicas", throughput::run));
    }
    trials
}

/// A gateway, a database, and the replicas between them.
struct Fleet {
    van: Van,
    cluster: Arc<Cluster>,
    database: String,
    folder: TempDir,
    replicas: Vec<Replica>,
    /// More of the server's options.
    options: Vec<String>,
    /// What the database's address says beside where it is.
    settings: String,
}

struct Replica {
    link: Link,
    /// `None` while it is dead.
    server: Mutex<Option<Server>>,
}

impl Fleet {
    fn open(cluster: &Arc<Cluster>, van: VanConfig, replicas: usize, options: &[&str]) -> Self {
        Self::open_at(cluster, van, replicas, options, "")
    }

    fn open_at(
        cluster: &Arc<Cluster>,
        van: VanConfig,
        replicas: usize,
        options: &[&str],
        settings: &str,
    ) -> Self {
        let mut fleet = Fleet {
            van: Van::start(van).unwrap(),
            database: cluster.database(),
            folder: tempfile::tempdir().unwrap(),
            replicas: Vec::new(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            settings: settings.to_owned(),
            cluster: Arc::clone(cluster),
        };
        for _ in 0..replicas {
            fleet.replicas.push(Replica { link: Link::new(cluster), server: Mutex::new(None) });
        }
        (0..replicas).for_each(|which| fleet.start(which));
        fleet
    }

    fn start(&self, which: usize) {
        let replica = &self.replicas[which];
        let database = replica.link.address(&self.database) + &self.settings;
        let (gateway, hurry) = (self.van.base_url(), HURRY.to_string());
        let mut arguments = vec![
            "--listen",
            "127.0.0.1:0",
            "--gateway",
            &gateway,
            "--database",
            &database,
            "--hurry",
            &hurry,
        ];
        arguments.extend(["--patience", "0.5"]);
        arguments.extend(self.options.iter().map(String::as_str));
        let log = self.folder.path().join(format!("{which}.log"));
        // One that does not find the database is started once more, as whoever runs replicas does.
        let open = || Server::opened(Process::start("checkout", &arguments, &log));
        let opened = (0..5).find_map(|_| {
            open().or_else(|| {
                thread::sleep(Duration::from_secs(1));
                None
            })
        });
        *replica.server() = Some(opened.unwrap_or_else(|| panic!("{}", self.log())));
    }

    /// SIGKILL.
    fn kill(&self, which: usize) {
        self.replicas[which].server().take().expect("it runs").process.kill();
    }

    /// Where a replica is reached, if it runs.
    fn url(&self, which: usize) -> Option<String> {
        let replica = &self.replicas[which % self.replicas.len()];
        replica.server().as_ref().map(|server| server.url.clone())
    }

    /// What the replicas logged last.
    fn log(&self) -> String {
        let log = |which| {
            let text = std::fs::read_to_string(self.folder.path().join(format!("{which}.log")));
            let text = text.unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(25).collect();
            format!("replica {which}, the last line first:\n{}\n", lines.join("\n"))
        };
        (0..self.replicas.len()).map(log).collect()
    }

    fn rows(&self) -> BTreeMap<String, JournalRow> {
        let rows = self.select("SELECT number, record, told, holder, lease_until FROM kicc_attempts");
        let read = |row: tokio_postgres::Row| {
            let (told, holder): (i64, String) = (row.get(2), row.get(3));
            let record = Record::decode(row.get(1)).expect("a readable record");
            let lease_until = row.get::<_, i64>(4) as u64;
            let (told, is_held) = (told != 0, !holder.is_empty());
            (row.get(0), JournalRow { record, told, is_held, lease_until })
        };
        rows.into_iter().map(read).collect()
    }

    /// The shop's own books: the state of each number.
    fn books(&self) -> BTreeMap<String, String> {
        let rows = self.select("SELECT number, state FROM orders");
        rows.into_iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    fn select(&self, sql: &str) -> Vec<tokio_postgres::Row> {
        Runtime::new().unwrap().block_on(async {
            let address = self.cluster.address(&self.database);
            let (client, connection) =
                tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.query(sql, &[]).await.unwrap()
        })
    }

    /// Of these stages, how many records there are.
    fn count(&self, condition: &str) -> u64 {
        let sql = format!("SELECT count(*) FROM kicc_attempts WHERE {condition}");
        self.cluster.sql(&self.database, &sql).parse().unwrap()
    }

    /// Waits until every record has ended and was told.
    #[track_caller]
    fn wait_until_settled(&self, limit: Duration) {
        let until = Instant::now() + limit;
        while self.count("standing = 'open' OR told = 0") > 0 {
            if Instant::now() >= until {
                let rows = self.rows();
                let left = rows.iter().find(|(_, row)| row.is_open() || !row.told);
                panic!("{left:?} does not end\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends the replicas, and fails unless all books [say the same](books::say_the_same). How many are for a person.
    #[track_caller]
    fn agree(&self, numbers: &[String], answers: &[Value]) -> usize {
        for replica in &self.replicas {
            if let Some(server) = replica.server().take() {
                assert_eq!(server.terminate(), 0);
            }
        }
        let ledger = books::settled_ledger(&self.van);
        books::say_the_same(&ledger, &self.rows(), &self.books(), numbers, answers)
    }
}

impl Replica {
    fn server(&self) -> std::sync::MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long after its last word a replica is taken for dead.
fn lease() -> Duration {
    let Millis(lease) = checkout::policy(HURRY).lease;
    Duration::from_millis(lease)
}

/// By when another one has looked for what it left.
fn looked() -> Duration {
    let every = Duration::from_millis(checkout::policy(HURRY).answer_timeout.0);
    every + every / 3
}
