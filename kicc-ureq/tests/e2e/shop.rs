//! A shop: a simulated VAN, a configuration, a journal, the merchant's books, and runs of the `kicc` command over them.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
};

use kicc_proto::{flow::table::Stage, journal::record::Record};
use kicc_testkit::van::{Van, VanConfig};
use serde::Deserialize;
use tempfile::TempDir;

/// As [`VanConfig`] has it.
pub const SECRET_KEY: &str = "sandbox-secret-key";

/// Times in milliseconds, scaled down from the defaults.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub answer_timeout: u64,
    pub quiet_period: u64,
    pub horizon: u64,
    pub rescue_attempts: u32,
}

/// Long enough that a busy machine turns no good sale into an unknown one.
pub const CALM: Times =
    Times { answer_timeout: 1_500, quiet_period: 1_500, horizon: 120_000, rescue_attempts: 6 };
/// So short that some do: right where every outcome is allowed that agrees with the books.
pub const HASTY: Times =
    Times { answer_timeout: 300, quiet_period: 900, horizon: 60_000, rescue_attempts: 20 };

const SEND_BY: u64 = 2_000;

impl Times {
    /// Covers an exchange (R20).
    pub fn lease(self) -> u64 {
        SEND_BY + self.answer_timeout + self.answer_timeout / 6 + 1
    }

    /// A VAN that books late, but inside the quiet period even where it notices a give-up late.
    pub fn van(self) -> VanConfig {
        VanConfig { late: std::time::Duration::from_millis(self.quiet_period / 6), ..VanConfig::default() }
    }
}

pub struct Shop {
    pub van: Van,
    folder: TempDir,
}

/// One result line of `pay` or `recover`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    pub number: String,
    pub outcome: Option<String>,
    pub charged: Option<String>,
    pub safe_to_retry: Option<bool>,
    pub repeat: bool,
    pub code: Option<String>,
    pub message: Option<String>,
    pub approval: Option<serde_json::Value>,
    pub why: Option<serde_json::Value>,
}

impl Line {
    pub fn outcome(&self) -> &str {
        self.outcome.as_deref().unwrap_or("(open)")
    }

    /// `why` as text, however it is structured.
    pub fn why(&self) -> String {
        self.why.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// What a process printed, and how it ended.
#[derive(Debug)]
pub struct Run {
    pub status: ExitStatus,
    pub lines: Vec<Line>,
    /// All of standard output.
    pub output: String,
    pub errors: String,
}

impl Run {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails unless the process ended with one of these codes.
    #[track_caller]
    pub fn ended_with(self, codes: &[i32]) -> Self {
        let code = self.code();
        let expected = code.is_some_and(|code| codes.contains(&code));
        assert!(expected, "{}, not {codes:?}:\n{}{}", self.status, self.output, self.errors);
        self
    }
}

/// A row of the journal, read by SQL.
#[derive(Debug)]
pub struct JournalRow {
    pub number: String,
    pub stage: Stage,
    pub told: bool,
    pub lease_until: u64,
}

impl JournalRow {
    pub fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Closed | Stage::Parked)
    }
}

impl Shop {
    pub fn open(times: Times, van: VanConfig) -> Self {
        let van = Van::start(van).unwrap();
        let base_url = van.base_url();
        Self::at(van, &base_url, times)
    }

    /// With another base URL than the VAN's.
    pub fn at(van: Van, base_url: &str, times: Times) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop { van, folder };
        fs::create_dir(shop.path("books")).unwrap();
        fs::write(shop.path("kicc.toml"), config(base_url, times)).unwrap();
        fs::write(shop.path("accept.sh"), accept_step(&shop.path("books"))).unwrap();
        shop
    }

    pub fn change_config(&self, change: impl FnOnce(String) -> String) {
        let path = self.path("kicc.toml");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn journal(&self) -> PathBuf {
        self.path("journal.db")
    }

    /// Writes an orders file, each of 1,000 won.
    pub fn orders(&self, name: &str, numbers: &[String]) -> PathBuf {
        let line = |number: &String| {
            let order = serde_json::json!({ "number": number, "amount": 1000, "vat": 90, "token_key": format!("TK{number}") });
            format!("{order}\n")
        };
        let path = self.path(name);
        fs::write(&path, numbers.iter().map(line).collect::<String>()).unwrap();
        path
    }

    /// Starts `kicc pay`.
    pub fn start_pay(&self, orders: &Path, concurrency: usize) -> Process {
        Process::start(&mut self.pay_command(orders, concurrency))
    }

    pub fn pay_command(&self, orders: &Path, concurrency: usize) -> Command {
        let concurrency = concurrency.to_string();
        let accept = self.accept_command();
        self.command(&[
            "pay",
            "--orders",
            orders.to_str().unwrap(),
            "--output",
            "json",
            "--concurrency",
            &concurrency,
            "--on-approved",
            &accept,
        ])
    }

    /// `kicc pay` to its end.
    pub fn pay(&self, numbers: &[String]) -> Run {
        let orders = self.orders("orders.jsonl", numbers);
        self.start_pay(&orders, numbers.len().clamp(1, 64)).wait()
    }

    /// Starts `kicc recover`.
    pub fn start_recover(&self, more: &[&str]) -> Process {
        let accept = self.accept_command();
        let arguments = [&["recover", "--output", "json", "--on-approved", &accept], more].concat();
        Process::start(&mut self.command(&arguments))
    }

    pub fn recover(&self, more: &[&str]) -> Run {
        self.start_recover(more).wait()
    }

    /// `kicc` with this shop's configuration and journal.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kicc"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("kicc.toml"))
            .arg("--journal")
            .arg(self.journal());
        command.env("KICC_SECRET_KEY", SECRET_KEY);
        command
    }

    fn accept_command(&self) -> String {
        format!(". '{}'", self.path("accept.sh").display())
    }

    /// Whether the merchant's own books hold a number.
    pub fn holds(&self, number: &str) -> bool {
        self.path("books").join(number).exists()
    }

    pub fn rows(&self) -> Vec<JournalRow> {
        if !self.journal().exists() {
            return Vec::new();
        }
        let database = rusqlite::Connection::open(self.journal()).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        let has_table = "SELECT 1 FROM sqlite_master WHERE name = 'kicc_attempts'";
        if !database.prepare(has_table).unwrap().exists([]).unwrap() {
            return Vec::new();
        }
        let mut query = database
            .prepare("SELECT number, record, told, lease_until FROM kicc_attempts ORDER BY number")
            .unwrap();
        let rows = query.query_map([], |row| {
            let record = Record::decode(&row.get::<_, String>(1)?).expect("a readable record");
            let (told, lease_until) = (row.get::<_, i64>(2)? != 0, row.get::<_, i64>(3)?);
            let lease_until = u64::try_from(lease_until).unwrap();
            Ok(JournalRow { number: row.get(0)?, stage: record.stage, told, lease_until })
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// How many records are in which stage; a closed one that was not told is `closed untold`.
    pub fn stages(&self) -> BTreeMap<String, usize> {
        let mut stages = BTreeMap::new();
        for row in self.rows() {
            let untold = if row.told || row.is_open() { "" } else { " untold" };
            *stages.entry(format!("{:?}{untold}", row.stage).to_lowercase()).or_default() += 1;
        }
        stages
    }
}

/// A running `kicc`. Dropped, it is killed.
pub struct Process {
    child: Child,
    /// Read only at its end.
    unread: Option<ChildStdout>,
    /// Read all the while.
    output: Option<JoinHandle<String>>,
    errors: Option<JoinHandle<String>>,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut process = Self::start_unread(command);
        process.output = process.unread.take().map(read);
        process
    }

    /// Nobody reads its output before its end, and a page of it blocks it.
    pub fn start_unread(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (unread, errors) = (child.stdout.take().unwrap(), child.stderr.take().map(read));
        rustix::pipe::fcntl_setpipe_size(&unread, 4096).unwrap();
        Process { child, unread: Some(unread), output: None, errors }
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGKILL, and what it had printed by then.
    pub fn kill(mut self) -> Run {
        self.child.kill().unwrap();
        self.wait()
    }

    pub fn wait(mut self) -> Run {
        let status = self.child.wait().unwrap();
        let output = self.output.take().or_else(|| self.unread.take().map(read)).unwrap().join().unwrap();
        let errors = self.errors.take().unwrap().join().unwrap();
        Run { status, lines: lines(&output), output, errors }
    }
}

fn read(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).map(|_| text).unwrap()
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The result lines; a last line that a kill has cut short is none.
fn lines(output: &str) -> Vec<Line> {
    let whole = &output[..output.rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn config(base_url: &str, times: Times) -> String {
    let Times { answer_timeout, quiet_period, horizon, rescue_attempts } = times;
    format!(
        r#"
product = "simple"
environment = "test"
base_url = "{base_url}"
[merchant]
terminal_id = "T123456789"
service_id = "SVC_SIMPLE"
business_number = "1234567890"
channel_id = "CH_A1B2C3D4"
[secrets]
secret_key = {{ env = "KICC_SECRET_KEY" }}
[policy]
answer_timeout = "{answer_timeout}ms"
send_by = "{SEND_BY}ms"
quiet_period = "{quiet_period}ms"
horizon = "{horizon}ms"
rescue_attempts = {rescue_attempts}
rescues_in_flight = 64
backoff = {{ first = "20ms", cap = "200ms" }}
lease = "{}ms"
"#,
        times.lease()
    )
}

/// The merchant's books are a folder with a file for each number that they hold. What follows the dash of a number
/// says how the step goes about it: `N` does not hold it, `C` cannot tell, `S` is slow.
fn accept_step(books: &Path) -> String {
    format!(
        "case $KICC_NUMBER in *-N*) exit 10;; *-C*) exit 1;; *-S*) sleep 0.7;; esac\n: > '{}'/\"$KICC_NUMBER\"\n",
        books.display()
    )
}
