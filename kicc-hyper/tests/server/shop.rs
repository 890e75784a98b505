//! A shop: a simulated VAN, a folder with journal and books, and runs of the example server over them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use kicc_proto::{flow::table::Stage, journal::record::Record};
use kicc_testkit::van::{Van, VanConfig};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    http::{self, Answer},
    process::Process,
};

/// By how much all waiting is shorter than with a real gateway: an answer may take a second.
pub const HURRY: u64 = 33;
/// What becomes of the answer timeout and the quiet period.
pub const TIMES: [Duration; 2] =
    [Duration::from_millis(33_000 / HURRY), Duration::from_millis(35_000 / HURRY)];

pub struct Shop {
    pub van: Van,
    folder: TempDir,
    hurry: u64,
}

/// The example server while it runs.
pub struct Server {
    pub process: Process,
    /// Without a path.
    pub url: String,
}

/// A row of the journal, read by SQL.
#[derive(Debug)]
pub struct JournalRow {
    pub record: Record,
    pub told: bool,
    /// Somebody has its lease, lapsed or not.
    pub is_held: bool,
    pub lease_until: u64,
}

impl JournalRow {
    pub fn is_open(&self) -> bool {
        !matches!(self.record.stage, Stage::Closed | Stage::Parked)
    }

    /// In lower case; `closed untold` if it is closed and was not told.
    pub fn stage_name(&self) -> String {
        let untold = if self.told || self.is_open() { "" } else { " untold" };
        format!("{:?}{untold}", self.record.stage).to_lowercase()
    }
}

impl Shop {
    pub fn open(van: VanConfig, hurry: u64) -> Self {
        Shop { van: Van::start(van).unwrap(), folder: tempfile::tempdir().unwrap(), hurry }
    }

    /// Of journal, books and log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Starts the example server. A customer waits half a second at most.
    pub fn serve(&self) -> Server {
        self.serve_with(&["--patience", "0.5"])
    }

    pub fn serve_with(&self, more: &[&str]) -> Server {
        let (gateway, hurry) = (self.van.base_url(), self.hurry.to_string());
        let data = self.folder().to_str().unwrap();
        let arguments = ["--listen", "127.0.0.1:0", "--gateway", &gateway, "--data", data, "--hurry", &hurry];
        let process = Process::start("checkout", &[&arguments, more].concat(), &self.path("server.log"));
        Server::opened(process).unwrap_or_else(|| panic!("the server does not open:\n{}", self.log()))
    }

    /// What the servers logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    /// The journal.
    pub fn rows(&self) -> BTreeMap<String, JournalRow> {
        rows(&self.path("journal.db"))
    }

    /// The shop's own books: the state of each number.
    pub fn books(&self) -> BTreeMap<String, String> {
        let query = "SELECT number, state FROM orders";
        read(&self.path("books.db"), query, |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Waits until every record has ended and was told.
    #[track_caller]
    pub fn wait_until_settled(&self) {
        let until = Instant::now() + Duration::from_secs(90);
        loop {
            let rows = self.rows();
            let Some((number, row)) = rows.iter().find(|(_, row)| row.is_open() || !row.told) else { return };
            assert!(Instant::now() < until, "{number} does not end: {row:?}\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Server {
    /// Waits until it says where it is reached; `None` if it does not.
    pub fn opened(process: Process) -> Option<Self> {
        let line = process.line(Duration::from_secs(60))?;
        let url = line.split([' ', ',']).find(|word| word.starts_with("http://"))?.to_owned();
        Some(Server { process, url })
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        http::get(&format!("{}{path}", self.url)).unwrap()
    }

    /// SIGTERM, and how many payments it says that it left to recovery.
    #[track_caller]
    pub fn terminate(self) -> usize {
        self.process.signal(Signal::TERM);
        let line = self.process.line(Duration::from_secs(60)).expect("its last line");
        assert!(self.process.wait().success());
        line.strip_prefix("closed; left to recovery: ").unwrap().parse().unwrap()
    }
}

/// The rows of a journal.
pub fn rows(journal: &Path) -> BTreeMap<String, JournalRow> {
    let query = "SELECT number, record, told, holder, lease_until FROM kicc_attempts";
    read(journal, query, |row| {
        let record = Record::decode(&row.get::<_, String>(1)?).expect("a readable record");
        let (told, is_held) = (row.get::<_, i64>(2)? != 0, !row.get::<_, String>(3)?.is_empty());
        Ok((row.get(0)?, JournalRow { record, told, is_held, lease_until: row.get::<_, i64>(4)? as u64 }))
    })
}

fn read<T>(
    file: &Path,
    query: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<(String, T)>,
) -> BTreeMap<String, T> {
    let database = rusqlite::Connection::open(file).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    database.prepare(query).unwrap().query_map([], read).unwrap().collect::<Result<_, _>>().unwrap()
}
