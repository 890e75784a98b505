//! The till: its terminal, its payments and refunds, and its day.

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kicc_proto::{
    flow::{Charged, Policy, Verdict},
    journal::{Journal as _, Listing, record::Record},
    product::Merchant,
    simple::{self, Order},
    time::{Millis, UnixMillis},
    values::*,
    wire::sign::HmacSha256,
};
use kicc_ureq::{
    Client, Error, Progress, Settled,
    client::{Begun, Keys, Question, Recovery, Report, Signing, Terminal, Told},
    http::{Http, HttpSettings},
    journal::{Opened, SqliteJournal},
};

use crate::books::Books;

/// A basket that is to be paid, under its number for good.
pub struct Sale {
    /// Of this attempt to pay.
    pub number: TransactionNumber,
    /// In won.
    pub won: u64,
}

/// A day: by outcome how many, and how many won.
#[derive(Default)]
pub struct Totals {
    /// Of payments.
    pub approvals: BTreeMap<&'static str, (usize, u64)>,
    /// Of refunds.
    pub refunds: BTreeMap<&'static str, (usize, u64)>,
    /// The sales that the shop's own books hold of it: number and won.
    pub books: BTreeMap<String, u64>,
}

/// The till.
pub struct Till {
    client: Client,
    journal: Arc<SqliteJournal>,
    books: Arc<Books>,
    last_number: Mutex<u64>,
}

impl Till {
    /// Opens what survived the last process, and the way to the gateway, which books late for at most so long after it
    /// was given up. Nothing is sold yet.
    pub fn boot(folder: &Path, gateway: &str, late: Duration) -> Result<Till, Box<dyn StdError>> {
        let books = Arc::new(Books::open(&folder.join("books.db"))?);
        let journal = Arc::new(SqliteJournal::open(folder.join("journal.db"))?);
        let (accepting, holding) = (Arc::clone(&books), Arc::clone(&books));
        let client = Client::builder(Http::new(HttpSettings::new(gateway))?, journal.clone())
            .policy(policy(late))
            .terminal(terminal()?)
            // A customer is not kept standing longer than this without being told what is going on.
            .patience(Duration::from_millis(100))
            .accept_step(move |question: &Question<'_>| accepting.accept(question))
            .holds_step(move |question: &Question<'_>| holding.holds(question))
            .build()?;
        Ok(Till { client, journal, books, last_number: Mutex::new(0) })
    }

    /// What opening the journal found, and why its mark is behind, if it is (R24).
    pub fn restore(&self) -> (Opened, Option<String>) {
        (self.journal.opened(), self.journal.mark_trouble())
    }

    /// Brings everything that was left behind to its end; `show` is called for each.
    pub fn drain(&self, mut show: impl FnMut(&Settled)) -> Result<Report, Error> {
        self.client.recover(Recovery::default(), |ended| {
            show(ended);
            // What the books did not take is told again by the next run.
            if self.book(ended).is_ok() { Told::Yes } else { Told::NotYet }
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

    /// The latest sale in the books, as long as it was not given back.
    pub fn last_sale(&self) -> Result<Option<TransactionNumber>, Box<dyn StdError>> {
        Ok(self.books.last()?.map(|number| TransactionNumber::new(&number)).transpose()?)
    }

    /// Gives the money of a sale back, of today or of days ago. However often it is called, it is given back once (R16).
    pub fn refund(&self, number: &TransactionNumber) -> Result<Progress, Error> {
        self.client.refund(number)
    }

    /// Waits for the end of a payment or refund that was still open.
    pub fn wait(&self, number: &TransactionNumber) -> Result<Progress, Error> {
        self.client.wait(number, None)
    }

    /// An end has been shown: the books take it, and recovery need not tell it again (R22).
    pub fn told(&self, ended: &Settled) -> Result<(), Box<dyn StdError>> {
        self.book(ended)?;
        Ok(ended.told()?)
    }

    /// A sale that was given back leaves the books here; it came into them by the accept step.
    fn book(&self, ended: &Settled) -> rusqlite::Result<()> {
        let given_back = ended.refund_outcome().is_some_and(|outcome| outcome.charged() == Charged::No);
        match ended.record().and_then(|record| record.original.as_ref()) {
            Some(sale) if given_back => self.books.give_back(sale),
            _ => Ok(()),
        }
    }

    /// What the journal and the books have of today.
    pub fn totals(&self) -> Result<Totals, Box<dyn StdError>> {
        let today = KstDateTime::from_unix(now())?.date();
        let from = today.starts_at();
        let until = today.next_day().map_or(UnixMillis(u64::MAX), |day| day.starts_at());
        let mut totals = Totals { books: self.books.standing(from, until)?, ..Totals::default() };
        let mut after = None;
        loop {
            let from_here = after.as_ref().map(|(made, key)| (*made, key));
            let page = self.journal.list(Listing::Made { from, until }, from_here, 100)?;
            let Some(last) = page.last() else { return Ok(totals) };
            after = Some((last.created_at, last.key.clone()));
            for row in &page {
                let record = Record::of_row(row)?;
                let name = match record.verdict() {
                    Some(Verdict::Approval(outcome)) => outcome.name(),
                    Some(Verdict::Refund(outcome)) => outcome.name(),
                    None => "open",
                };
                let table = match record.original {
                    Some(_) => &mut totals.refunds,
                    None => &mut totals.approvals,
                };
                let (count, sum) = table.entry(name).or_default();
                (*count, *sum) = (*count + 1, *sum + record.amount.total().0);
            }
        }
    }
}

/// Who sells, and the key that KICC knows it by: all of them are KICC's to give.
fn terminal() -> Result<Terminal, Invalid> {
    Ok(Terminal {
        merchant: Merchant::Simple(simple::Merchant {
            environment: Environment::new("test")?,
            terminal_id: TerminalId::new("T123456789")?,
            service_id: ServiceId::new("SVC_SIMPLE")?,
            business_number: BusinessNumber::new("1234567890")?,
        }),
        keys: Keys::Signing(Signing {
            channel_id: ChannelId::new("CH_A1B2C3D4")?,
            // Of a real till from a file that only it can read; never from the source.
            signer: Arc::new(HmacSha256::new(&Secret::from_utf8("sandbox-secret-key"))),
        }),
    })
}

/// The token key is what the customer's own authentication, on the phone or in a window, comes to (spec A.4).
fn order(sale: &Sale) -> Result<Order, Invalid> {
    let amount = Amount::new(Won(sale.won), Parts { vat: Won(sale.won / 11), ..Parts::default() })?;
    Ok(Order::new(sale.number.clone(), amount, TokenKey::new("TOKEN_ABC123XYZ")?))
}

/// So short as only a simulated gateway may have it; a real one has the defaults.
fn policy(late: Duration) -> Policy {
    let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
    let mut policy = Policy::default();
    policy.answer_timeout = Millis(500);
    policy.quiet_period = Millis(3 * late);
    (policy.backoff_first, policy.backoff_cap) = (Millis(50), Millis(200));
    policy.rescue_attempts = 5;
    policy
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
