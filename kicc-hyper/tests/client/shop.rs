//! A shop: a simulated VAN, a journal, the merchant's books, and clients over them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use kicc_hyper::{
    Client, Progress, Settled,
    client::{Answer, Builder, Question, Recovery, Report, Schedule, Told},
    http::{Http, HttpSettings},
    journal::{Blocking, SqliteJournal},
};
use kicc_proto::{
    flow::{Outcome, Policy, table::Stage},
    journal::{AsyncJournal, Key, Listing, Row, record::Record},
    product::Product,
    time::{Millis, UnixMillis},
};
use kicc_testkit::{
    client_kit::{self, Order, easytalk_terminal, iamport_terminal, simple_terminal},
    memory::MemoryJournal,
    van::{BookEntry, Charged, Disagreement, Van, VanConfig},
};
use tempfile::TempDir;

use crate::watched::{ACCEPT, Awaited, Connections, Journal};

pub const PRICE: u64 = 51_004;

/// Where the attempts are kept.
pub enum Kept {
    InMemory(MemoryJournal),
    InAFile(TempDir),
}

pub struct Shop {
    pub van: Van,
    pub kept: Kept,
    pub connections: Connections,
    pub books: Books,
}

/// What the merchant holds, and what it was told.
#[derive(Clone, Default)]
pub struct Books {
    pub held: Arc<Mutex<BTreeSet<String>>>,
    pub told: Arc<Mutex<BTreeMap<String, Vec<Outcome>>>>,
}

impl Shop {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn in_a_file() -> Self {
        Shop { kept: Kept::InAFile(tempfile::tempdir().unwrap()), ..Self::new() }
    }

    pub fn with(change: impl FnOnce(&mut VanConfig)) -> Self {
        let (hang, late) = (Duration::from_secs(20), Duration::from_millis(50));
        let mut config = VanConfig { hang, late, ..VanConfig::default() };
        change(&mut config);
        Shop {
            van: Van::start(config).unwrap(),
            kept: Kept::InMemory(MemoryJournal::new()),
            connections: Connections::new(),
            books: Books::default(),
        }
    }

    /// A handle on the journal, as a process of its own has it.
    pub async fn journal(&self) -> Arc<dyn AsyncJournal> {
        match &self.kept {
            Kept::InMemory(journal) => Arc::new(Blocking::new(Arc::new(journal.another()))),
            Kept::InAFile(folder) => {
                Arc::new(SqliteJournal::open(folder.path().join("journal.db")).await.unwrap())
            }
        }
    }

    pub fn memory(&self) -> &MemoryJournal {
        let Kept::InMemory(journal) = &self.kept else { panic!("it is in a file") };
        journal
    }

    /// A client in a process of its own, as far as the journal can tell.
    pub async fn client(&self, with: impl FnOnce(Builder) -> Builder) -> Client {
        self.client_on(self.journal().await, |_| {}, with)
    }

    pub async fn client_with(
        &self,
        change: impl FnOnce(&mut Policy),
        with: impl FnOnce(Builder) -> Builder,
    ) -> Client {
        self.client_on(self.journal().await, change, with)
    }

    /// A client whose journal can be stopped.
    pub async fn watched_client(&self, with: impl FnOnce(Builder) -> Builder) -> (Client, Arc<Journal>) {
        let journal = Arc::new(Journal::new(self.journal().await));
        (self.client_on(journal.clone(), |_| {}, with), journal)
    }

    pub fn client_on(
        &self,
        journal: Arc<dyn AsyncJournal>,
        change: impl FnOnce(&mut Policy),
        with: impl FnOnce(Builder) -> Builder,
    ) -> Client {
        let mut policy = client_kit::policy(1_000, 300);
        policy.send_by = Millis(1_000);
        policy.lease = Millis(2_200);
        change(&mut policy);
        let http =
            Http::with_connector(HttpSettings::new(self.van.base_url()), self.connections.clone()).unwrap();
        let builder = Client::builder(http, journal).policy(policy);
        let terminals = [simple_terminal("T123456789"), easytalk_terminal(), iamport_terminal()];
        with(terminals.into_iter().fold(builder, Builder::terminal)).build().unwrap()
    }

    pub fn approvals(&self, number: &str) -> u32 {
        self.van.ledger().approvals(number)
    }

    pub fn standing(&self, number: &str) -> bool {
        self.van.ledger().standing(number)
    }

    /// Every record.
    pub async fn records(&self) -> BTreeMap<String, (Row, Record)> {
        let which = Listing::Made { from: UnixMillis(0), until: UnixMillis(u64::MAX >> 1) };
        let journal = self.journal().await;
        let rows = journal.list(which, None, 100_000).await.unwrap();
        journal.close().await;
        let named = |row: Row| {
            let record = Record::of_row(&row).unwrap();
            (row.key.number.as_str().to_owned(), (row, record))
        };
        rows.into_iter().map(named).collect()
    }

    /// Waits until every record has ended and was told.
    pub async fn all_told(&self) {
        let journal = self.journal().await;
        within(60, "every record has ended and was told", async || {
            let mut rows = journal.list(Listing::Open, None, 1).await.unwrap();
            rows.extend(journal.list(Listing::Untold, None, 1).await.unwrap());
            rows.is_empty()
        })
        .await;
        journal.close().await;
    }

    /// Fails unless the VAN's ledger, the journal, what was told and the merchant's books say the same of these numbers:
    /// none was sent twice, none without a record (R1), none stands that was not told as approved.
    pub async fn agree(&self, numbers: &[String]) {
        let (ledger, records) = (self.van.ledger(), self.records().await);
        let told = self.books.told.lock().unwrap().clone();
        let mut book = Vec::new();
        for number in numbers {
            let approvals = ledger.approvals(number);
            let Some((row, record)) = records.get(number) else {
                assert_eq!(approvals, 0, "{number}: sent without a record");
                continue;
            };
            assert!(
                matches!(record.stage, Stage::Closed | Stage::Parked) && row.told,
                "{number}: {record:?}"
            );
            let told = told.get(number).unwrap_or_else(|| panic!("{number}: its end was never told"));
            let last = told.last().unwrap();
            assert!(told.iter().all(|outcome| outcome == last), "{number}: told otherwise before: {told:?}");
            let sent = u32::from(last.name() != "never_sent");
            assert!(approvals <= sent, "{number}: {approvals} approvals, and {last:?}");
            let held = self.books.held.lock().unwrap().contains(number);
            assert_eq!(held, last.name() == "approved", "{number}: the merchant's books, and {last:?}");
            let charged = match last.charged() {
                kicc_proto::flow::Charged::Yes => Charged::Yes,
                kicc_proto::flow::Charged::No => Charged::No,
                kicc_proto::flow::Charged::Unknown => Charged::Unknown,
            };
            book.push(BookEntry { number: number.clone(), amount: PRICE, charged });
        }
        let differ = |what: &Disagreement| !matches!(what, Disagreement::ForAPerson { .. });
        let disagreements = ledger.disagreements(book);
        assert!(!disagreements.iter().any(differ), "{disagreements:#?}");
        // The VAN reads what was given up at once and its rescue in any order.
        let in_time = |violation: &&String| !violation.contains(": the approval came after ");
        assert_eq!(ledger.violations.iter().find(in_time), None);
    }
}

impl Books {
    /// The accept step: it does not hold what has `-N` in its number.
    pub async fn accept(&self, question: Question) -> Answer {
        let awaited = Awaited::at(ACCEPT);
        tokio::time::sleep(Duration::from_millis(2)).await;
        awaited.over();
        let number = question.key.number.as_str();
        if number.contains("-N") {
            return Answer::NotHeld;
        }
        self.hold(number);
        Answer::Held
    }

    pub fn hold(&self, number: &str) {
        self.held.lock().unwrap().insert(number.to_owned());
    }

    pub fn accept_step(&self, builder: Builder) -> Builder {
        let books = self.clone();
        builder.accept_step(move |question| {
            let books = books.clone();
            async move { books.accept(question).await }
        })
    }

    pub fn note(&self, settled: &Settled) {
        if let Some(outcome) = settled.outcome() {
            let number = settled.record().map(|record| record.key.number.as_str().to_owned());
            let mut told = self.told.lock().unwrap();
            told.entry(number.unwrap_or_default()).or_default().push(outcome.clone());
        }
    }

    /// For a worker or a run of recovery.
    pub fn tell(&self) -> impl FnMut(Arc<Settled>) -> std::future::Ready<Told> + Send + use<> {
        let books = self.clone();
        move |settled| {
            books.note(&settled);
            std::future::ready(Told::Yes)
        }
    }

    /// The names of what was told of a number.
    pub fn told_of(&self, number: &str) -> Vec<&'static str> {
        self.told.lock().unwrap().get(number).into_iter().flatten().map(Outcome::name).collect()
    }
}

/// A look at short intervals.
pub fn often() -> Schedule {
    let mut schedule = Schedule::default();
    (schedule.every, schedule.jitter) = (Duration::from_millis(50), Duration::from_millis(10));
    schedule.tell_after = Duration::ZERO;
    schedule
}

pub fn order(number: &str) -> Order {
    Order::new(Product::Simple, number, PRICE)
}

/// The end, which counts as told from here on.
pub async fn settled(progress: Progress) -> Settled {
    match progress {
        Progress::Settled(settled) => {
            settled.told().await.unwrap();
            *settled
        }
        Progress::Open(open) => panic!("still open: {open:?}"),
    }
}

pub async fn outcome(progress: Progress) -> Outcome {
    settled(progress).await.outcome().expect("an approval's end").clone()
}

/// One run of recovery, and the names of the ends that it told.
pub async fn recover(client: &Client) -> (Report, Vec<(String, &'static str)>) {
    let mut told = Vec::new();
    let tell = |settled: Arc<Settled>| {
        let key: &Key = settled.to_tell().unwrap().0;
        told.push((key.number.as_str().to_owned(), settled.outcome().map_or("a refund", Outcome::name)));
        std::future::ready(Told::Yes)
    };
    let report = client.recover(Recovery::default(), tell).await.unwrap();
    (report, told)
}

/// Waits until something is so.
#[track_caller]
pub fn within(seconds: u64, what: &str, mut is_so: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..seconds * 100 {
            if is_so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{caller}: not within {seconds} s: {what}");
    }
}
