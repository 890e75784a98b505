//! A shop: a simulated VAN, a configuration, a journal, the merchant's books, and runs of the `kicc` command over them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kicc_proto::{flow::table::Stage, journal::record::Record};
use kicc_testkit::van::{Counts, Ledger, Van, VanConfig, faults::Product};
use tempfile::TempDir;

use crate::{
    clock,
    process::{Process, Run},
};

/// As [`VanConfig`] has them.
pub const SECRET_KEY: &str = "sandbox-secret-key";
pub const IMP_KEY: &str = "sandbox-imp-key";
pub const IMP_SECRET: &str = "sandbox-imp-secret";

/// Times in milliseconds, scaled down from the defaults.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub send_by: u64,
    pub answer_timeout: u64,
    pub quiet_period: u64,
    pub horizon: u64,
    pub rescue_attempts: u32,
}

/// Long enough that a busy machine turns no good sale into an unknown one.
pub const CALM: Times = Times {
    send_by: 10_000,
    answer_timeout: 1_500,
    quiet_period: 1_500,
    horizon: 120_000,
    rescue_attempts: 12,
};
/// So short that some do: right where every outcome is allowed that agrees with the books.
pub const HASTY: Times =
    Times { send_by: 2_000, answer_timeout: 300, quiet_period: 900, horizon: 60_000, rescue_attempts: 20 };

/// All that there are.
pub const PRODUCTS: [Product; 3] = [Product::Simple, Product::EasyTalk, Product::Iamport];

impl Times {
    /// Covers an exchange (R20).
    pub fn lease(self) -> u64 {
        self.send_by + self.answer_timeout + self.answer_timeout / 6 + 1
    }

    /// A VAN that books late, but inside the quiet period even where it notices a give-up late.
    pub fn van(self) -> VanConfig {
        VanConfig { late: Duration::from_millis(self.quiet_period / 6), ..VanConfig::default() }
    }
}

/// What the products are called, in configurations, journals and names of trials.
pub fn name(product: Product) -> &'static str {
    match product {
        Product::Simple => "simple",
        Product::EasyTalk => "easytalk",
        Product::Iamport => "iamport",
    }
}

/// A shop with one of its products, all of which it is configured for. A clone is the same shop.
#[derive(Clone)]
pub struct Shop {
    pub van: Arc<Van>,
    pub product: Product,
    folder: Arc<TempDir>,
    /// The journal's, where it is no file of the folder.
    database: Option<String>,
    /// How far the command's clock is ahead.
    ahead: Duration,
}

/// A row of the journal, read by SQL.
#[derive(Debug)]
pub struct JournalRow {
    pub number: String,
    /// Of a refund: the approval's number.
    pub original: Option<String>,
    pub stage: Stage,
    pub told: bool,
    pub lease_until: u64,
}

impl JournalRow {
    pub fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Closed | Stage::Parked)
    }

    /// In lower case; `closed untold` if it is closed and was not told.
    pub fn stage_name(&self) -> String {
        let untold = if self.told || self.is_open() { "" } else { " untold" };
        format!("{:?}{untold}", self.stage).to_lowercase()
    }
}

impl Shop {
    pub fn open(product: Product, times: Times, van: VanConfig) -> Self {
        let van = Van::start(van).unwrap();
        let base_url = van.base_url();
        Self::at(product, van, &base_url, times)
    }

    /// With another base URL than the VAN's.
    pub fn at(product: Product, van: Van, base_url: &str, times: Times) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let shop = Shop { van: Arc::new(van), product, folder, database: None, ahead: Duration::ZERO };
        for product in PRODUCTS {
            fs::create_dir_all(shop.path("books").join(name(product))).unwrap();
        }
        fs::write(shop.path("kicc.toml"), config(base_url, times)).unwrap();
        fs::write(shop.path("accept.sh"), accept_step(&shop.path("books"))).unwrap();
        shop.imp_key(IMP_KEY);
        shop
    }

    /// The same shop with another product.
    pub fn with(&self, product: Product) -> Self {
        Shop { product, ..self.clone() }
    }

    /// The same shop with its journal in the database at an address.
    pub fn in_database(&self, address: String) -> Self {
        Shop { database: Some(address), ..self.clone() }
    }

    /// The same shop so much later by all clocks but the machine's own.
    pub fn later(&self, by: Duration) -> Self {
        self.van.advance_clock(by);
        Shop { ahead: self.ahead + by, ..self.clone() }
    }

    /// Waits until the VAN has counted so much.
    #[track_caller]
    pub fn wait_for(&self, enough: impl Fn(&Counts) -> bool) {
        let until = Instant::now() + Duration::from_secs(30);
        while !enough(&self.van.counts()) {
            assert!(Instant::now() < until, "it does not come: {:?}", self.van.counts());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Has i'mport's tokens asked for with this key.
    pub fn imp_key(&self, key: &str) {
        fs::write(self.path("imp.key"), key).unwrap();
    }

    pub fn change_config(&self, change: impl FnOnce(String) -> String) {
        let path = self.path("kicc.toml");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn journal(&self) -> PathBuf {
        self.database.as_ref().map_or_else(|| self.path("journal.db"), PathBuf::from)
    }

    /// Writes an orders file, each of 1,000 won.
    pub fn orders(&self, numbers: &[String]) -> PathBuf {
        let line = |number: &String| {
            let order = match self.product {
                Product::Simple => {
                    serde_json::json!({ "number": number, "amount": 1000, "vat": 90, "token_key": format!("TK{number}") })
                }
                Product::EasyTalk => {
                    serde_json::json!({ "number": number, "amount": 1000, "cert_control_no": format!("W1000-{number}") })
                }
                Product::Iamport => {
                    serde_json::json!({ "number": number, "amount": 1000, "customer_uid": "customer-1", "name": "goods" })
                }
            };
            format!("{order}\n")
        };
        self.write_orders(numbers.iter().map(line).collect())
    }

    pub fn write_orders(&self, lines: String) -> PathBuf {
        let path = self.path(&format!("{}.jsonl", name(self.product)));
        fs::write(&path, lines).unwrap();
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
            "--product",
            name(self.product),
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
        let orders = self.orders(numbers);
        self.start_pay(&orders, numbers.len().clamp(1, 64)).wait()
    }

    pub fn refund_command(&self, number: &str) -> Command {
        self.command(&["refund", "--product", name(self.product), "--number", number, "--output", "json"])
    }

    /// Starts `kicc recover`, which is for all products.
    pub fn start_recover(&self, more: &[&str]) -> Process {
        let accept = self.accept_command();
        let arguments = [&["recover", "--output", "json", "--on-approved", &accept], more].concat();
        Process::start(&mut self.command(&arguments))
    }

    pub fn recover(&self, more: &[&str]) -> Run {
        self.start_recover(more).wait()
    }

    /// `kicc` with this shop's configuration, journal and clock.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kicc"));
        clock::set_ahead(&mut command, self.ahead);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("kicc.toml"))
            .arg("--journal")
            .arg(self.journal());
        command.env("KICC_SECRET_KEY", SECRET_KEY).env("KICC_IMP_SECRET", IMP_SECRET);
        command
    }

    fn accept_command(&self) -> String {
        format!(". '{}'", self.path("accept.sh").display())
    }

    /// Whether the merchant's own books hold a number.
    pub fn holds(&self, number: &str) -> bool {
        self.path("books").join(name(self.product)).join(number).exists()
    }

    /// What the VAN has of the product.
    pub fn ledger(&self) -> Ledger {
        self.van.ledger().of_terminal(terminal(self.product))
    }

    /// What the journal has of the product.
    pub fn rows(&self) -> Vec<JournalRow> {
        if !self.journal().exists() {
            return Vec::new();
        }
        let database = rusqlite::Connection::open(self.journal()).unwrap();
        database.busy_timeout(Duration::from_secs(10)).unwrap();
        let has_table = "SELECT 1 FROM sqlite_master WHERE name = 'kicc_attempts'";
        if !database.prepare(has_table).unwrap().exists([]).unwrap() {
            return Vec::new();
        }
        let columns = "number, original, record, told, lease_until";
        let query =
            format!("SELECT {columns} FROM kicc_attempts WHERE product = ? AND terminal = ? ORDER BY number");
        let mut query = database.prepare(&query).unwrap();
        let rows = query.query_map([name(self.product), terminal(self.product)], |row| {
            let record = Record::decode(&row.get::<_, String>(2)?).expect("a readable record");
            let (told, lease_until) = (row.get::<_, i64>(3)? != 0, row.get::<_, i64>(4)?);
            Ok(JournalRow {
                number: row.get(0)?,
                original: row.get(1)?,
                stage: record.stage,
                told,
                lease_until: u64::try_from(lease_until).unwrap(),
            })
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// How many records are in which stage.
    pub fn stages(&self) -> BTreeMap<String, usize> {
        let mut stages = BTreeMap::new();
        for row in self.rows() {
            *stages.entry(row.stage_name()).or_default() += 1;
        }
        stages
    }
}

fn terminal(product: Product) -> &'static str {
    match product {
        Product::Simple => "T123456789",
        Product::EasyTalk => "T5102001",
        Product::Iamport => "imp12345678",
    }
}

/// All products side by side.
fn config(base_url: &str, times: Times) -> String {
    let Times { send_by, answer_timeout, quiet_period, horizon, rescue_attempts } = times;
    let [simple, easytalk, iamport] = PRODUCTS.map(terminal);
    format!(
        r#"
environment = "test"
base_url = "{base_url}"
[merchant]
terminal_id = "{simple}"
service_id = "SVC_SIMPLE"
business_number = "1234567890"
channel_id = "CH_A1B2C3D4"
van_terminal_id = "{easytalk}"
[secrets]
secret_key = {{ env = "KICC_SECRET_KEY" }}
imp_key = {{ file = "imp.key" }}
imp_secret = {{ env = "KICC_IMP_SECRET" }}
[easytalk]
status_path = "/appcardpay/v1/tradeStatus.do"
status_date_field = "transactionDate"
not_found_codes = ["7010"]
duplicate_codes = ["7011"]
[iamport]
store = "{iamport}"
channel = "test"
sees_sandbox = true
answer_timeout = "{answer_timeout}ms"
quiet_period = "{quiet_period}ms"
[policy]
answer_timeout = "{answer_timeout}ms"
send_by = "{send_by}ms"
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

/// The merchant's books are a folder for each product with a file for each number that they hold. What follows the
/// dash of a number says how the step goes about it: `N` does not hold it, `C` cannot tell, `S` is slow.
fn accept_step(books: &Path) -> String {
    format!(
        "case $KICC_NUMBER in *-N*) exit 10;; *-C*) exit 1;; *-S*) sleep 0.7;; esac
: > '{}'/\"$KICC_PRODUCT/$KICC_NUMBER\"
",
        books.display()
    )
}
