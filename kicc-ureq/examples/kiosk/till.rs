//! The till: its payments, its books and its day.

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kicc_proto::{
    flow::{Policy, Verdict},
    journal::{Listing, record::Record},
    simple::Order,
    time::{Millis, UnixMillis},
    values::{Amount, Invalid, KstDateTime, Parts, TokenKey, TransactionNumber, Won},
};
use kicc_testkit::client_kit::simple_terminal;
use kicc_ureq::{
    Client, Error, Progress, Settled,
    client::{Answer, Begun, Question, Recovery, Report, Told},
    http::{Http, HttpSettings},
    journal::SqliteJournal,
};

/// When the simulated gateway books what it books late: inside the quiet period.
pub const LATE: Duration = Duration::from_millis(300);

/// By outcome: how many, and how many won.
pub type Totals = BTreeMap<&'static str, (usize, u64)>;

/// A basket that is to be paid, under its number for good.
pub struct Sale {
    /// Of this attempt to pay.
    pub number: TransactionNumber,
    /// In won.
    pub won: u64,
}

/// The till.
pub struct Till {
    client: Client,
    books: Arc<Books>,
    last_number: Mutex<u64>,
}

impl Till {
    /// Opens what survived the last process, and the way to the gateway. Nothing is sold yet.
    pub fn boot(folder: &Path, gateway: &str) -> Result<Till, Box<dyn StdError>> {
        let books = Arc::new(Books { path: folder.join("books.csv"), writing: Mutex::new(()) });
        let journal = Arc::new(SqliteJournal::open(folder.join("journal.db"))?);
        let (accepting, holding) = (Arc::clone(&books), Arc::clone(&books));
        let client = Client::builder(Http::new(HttpSettings::new(gateway))?, journal)
            .policy(policy())
            .terminal(simple_terminal("T123456789"))
            // A customer is not kept standing longer than this without being told what is going on.
            .patience(Duration::from_millis(100))
            .accept_step(move |question: &Question<'_>| accepting.accept(question))
            .holds_step(move |question: &Question<'_>| holding.holds(question))
            .build()?;
        Ok(Till { client, books, last_number: Mutex::new(0) })
    }

    /// Brings everything that was left behind to its end; `show` is called for each.
    pub fn drain(&self, mut show: impl FnMut(&str, &Settled)) -> Result<Report, Error> {
        self.client.recover(Recovery::default(), |ended| {
            let number = ended.record().map_or("-", |record| record.key.number.as_str());
            show(number, ended);
            Told::Yes
        })
    }

    /// A number that this till never used: the milliseconds of its clock, and later ones where that stands still. Of
    /// several tills each has a letter of its own.
    pub fn new_number(&self) -> Result<TransactionNumber, Invalid> {
        let mut last = self.last_number.lock().unwrap_or_else(PoisonError::into_inner);
        *last = now().0.max(*last + 1);
        TransactionNumber::new(&format!("A{last}"))
    }

    /// Takes a payment. The same sale once more is the same payment.
    pub fn pay(&self, sale: &Sale) -> Result<Progress, Error> {
        self.client.approve(&order(sale)?)
    }

    /// The same, without a word to the books.
    pub fn begin(&self, sale: &Sale) -> Result<Begun, Error> {
        self.client.begin(&order(sale)?)
    }

    /// Waits for the end of a payment that was still open; `None` where it had ended, which is told now.
    pub fn end_of(&self, sale: &Sale, progress: Progress) -> Result<Option<Box<Settled>>, Box<dyn StdError>> {
        match progress {
            Progress::Settled(settled) => {
                settled.told()?;
                Ok(None)
            }
            Progress::Open(_) => match self.client.wait(&sale.number, None)? {
                Progress::Settled(settled) => Ok(Some(settled)),
                Progress::Open(open) => {
                    Err(format!("{}: nobody brings it to its end", open.key.number).into())
                }
            },
        }
    }

    /// What the journal has of today, by outcome.
    pub fn totals(&self) -> Result<Totals, Box<dyn StdError>> {
        let today = KstDateTime::from_unix(now())?.date();
        let from = today.starts_at();
        let until = today.next_day().map_or(UnixMillis(u64::MAX), |day| day.starts_at());
        let mut totals = Totals::new();
        let mut after = None;
        loop {
            let page = self.client.journal().list(
                Listing::Made { from, until },
                after.as_ref().map(|(made, key)| (*made, key)),
                100,
            )?;
            let Some(last) = page.last() else { return Ok(totals) };
            after = Some((last.created_at, last.key.clone()));
            for row in &page {
                let record = Record::of_row(row)?;
                let name = match record.verdict() {
                    Some(Verdict::Approval(outcome)) => outcome.name(),
                    Some(Verdict::Refund(_)) => continue,
                    None => "open",
                };
                let (count, sum) = totals.entry(name).or_default();
                (*count, *sum) = (*count + 1, *sum + record.amount.total().0);
            }
        }
    }

    /// The sales that the shop's own books hold: number and won.
    pub fn books(&self) -> BTreeMap<String, u64> {
        self.books.read()
    }
}

/// The shop's own books: a line for each sale.
struct Books {
    path: PathBuf,
    writing: Mutex<()>,
}

impl Books {
    /// The accept step: it may be asked twice about one sale, and writes it once (R19).
    fn accept(&self, question: &Question<'_>) -> Answer {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let number = question.key.number.as_str();
        if self.read().contains_key(number) {
            return Answer::Held;
        }
        let write = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            writeln!(file, "{number},{}", question.amount.total().0)?;
            file.sync_all()
        };
        // Whether a write that failed has left a line nobody knows: it is asked again, and looked up then.
        write().map_or(Answer::CannotTell, |()| Answer::Held)
    }

    /// What they say after a backup was restored: only whether they hold it (R24).
    fn holds(&self, question: &Question<'_>) -> Answer {
        if self.read().contains_key(question.key.number.as_str()) { Answer::Held } else { Answer::NotHeld }
    }

    fn read(&self) -> BTreeMap<String, u64> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let sale = |line: &str| {
            let (number, won) = line.split_once(',')?;
            Some((number.to_owned(), won.parse().ok()?))
        };
        text.lines().filter_map(sale).collect()
    }
}

/// The token key is what the customer's own authentication, on the phone or in a window, comes to (spec A.4).
fn order(sale: &Sale) -> Result<Order, Invalid> {
    let amount = Amount::new(Won(sale.won), Parts { vat: Won(sale.won / 11), ..Parts::default() })?;
    Ok(Order::new(sale.number.clone(), amount, TokenKey::new("TOKEN_ABC123XYZ")?))
}

/// So short as only a simulated gateway may have it; a real one has the defaults.
fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.answer_timeout = Millis(500);
    policy.quiet_period = Millis(1_000);
    (policy.backoff_first, policy.backoff_cap) = (Millis(50), Millis(200));
    policy.rescue_attempts = 5;
    policy
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
