//! A sale, from the registration of its order to its place in the books.

use std::{path::Path, sync::Arc, time::Duration};

use kicc_hyper::{
    Client, Error, Progress,
    client::{AcceptedIn, Begun, Clock, Keys, Schedule, Settled, Terminal, Told, Worker},
    http::{CallLimits, Http, HttpSettings},
    journal::{self, PostgresJournal, PostgresSettings, SqliteJournal},
};
use kicc_proto::{
    easytalk::{self, register::Purchase, window},
    flow::{Policy, table::Stage},
    journal::AsyncJournal,
    product::Merchant,
    time::Millis,
    values::{
        Amount, BusinessNumber, CertControlNumber, Environment, OrderNumber, PageUrl, Parts, ReturnUrl,
        TransactionNumber, VanTerminalId, Won,
    },
    wire::post::{Post, PostError, Posted},
};

use super::books::{self, Books, Order, State};

/// What the shop sells.
pub const PRODUCT: [&str; 2] = ["5월 수강료", "Course fee, May"];

/// The shop.
pub struct Shop {
    /// Its payments.
    pub client: Client,
    /// Its orders.
    pub books: Books,
    /// The client's journal.
    pub journal: Journal,
    http: Http,
    merchant: easytalk::Merchant,
    business_number: BusinessNumber,
    settings: easytalk::Settings,
    clock: Clock,
    public_url: String,
    price: Won,
}

/// What the shop is made of.
pub struct Plan<'a> {
    /// The gateway's address.
    pub gateway: &'a str,
    /// Where journal and books are.
    pub kept: Kept<'a>,
    /// Under which browsers reach the shop.
    pub public_url: String,
    /// What the product costs.
    pub price: Won,
    /// Times and choices of the payments.
    pub policy: Policy,
    /// How long a customer is kept waiting while a payment is being reversed.
    pub patience: Duration,
}

/// Where journal and books are.
#[derive(Clone, Copy)]
pub enum Kept<'a> {
    /// In two files of a folder, of this process alone.
    Folder(&'a Path),
    /// In a PostgreSQL database, which replicas of the shop may share.
    Database(&'a str),
}

/// The journal as what it is: the client has it as a mere `AsyncJournal`, and not all that is to be watched is one's.
#[derive(Clone)]
pub enum Journal {
    /// A file.
    File(Arc<SqliteJournal>),
    /// A database.
    Database(Arc<PostgresJournal>),
}

impl Journal {
    /// The same one, for the client.
    fn shared(&self) -> Arc<dyn AsyncJournal> {
        match self {
            Journal::File(journal) => journal.clone(),
            Journal::Database(journal) => journal.clone(),
        }
    }

    /// What it counts.
    pub fn counts(&self) -> journal::Counts {
        match self {
            Journal::File(journal) => journal.counts(),
            Journal::Database(journal) => journal.counts(),
        }
    }

    /// Whether it was found to be older than what was written (R24): at opening, and of a database also since.
    pub fn is_restored(&self) -> bool {
        match self {
            Journal::File(journal) => journal.opened().restored,
            Journal::Database(journal) => journal.found_restored(),
        }
    }

    /// Why its mark does not follow, if so: the next restore may go unnoticed (R24).
    pub fn mark_trouble(&self) -> Option<String> {
        match self {
            Journal::File(journal) => journal.mark_trouble(),
            Journal::Database(journal) => journal.mark_trouble(),
        }
    }
}

/// Where a sale stands, for the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As the books have it.
    Is(State),
    /// Under way: the gateway or the books have not answered yet.
    UnderWay,
    /// It may have been charged, and is being reversed.
    BeingReversed,
}

impl Shop {
    /// Opens it.
    pub async fn open(plan: Plan<'_>) -> Result<Arc<Self>, books::Error> {
        let Plan { gateway, kept, public_url, price, mut policy, patience } = plan;
        // From KICC, as all that follows. These are the simulated VAN's.
        let status = easytalk::StatusQuery::new(
            "/appcardpay/v1/tradeStatus.do",
            "transactionDate",
            &["7010".parse()?],
        )?;
        let settings = easytalk::Settings::with_status_query(status).duplicate_codes(&["7011".parse()?])?;
        policy.products.easytalk = Some(settings.clone());
        let merchant = easytalk::Merchant {
            environment: Environment::new("test")?,
            van_terminal_id: VanTerminalId::new("T5102001")?,
        };
        let http = Http::new(HttpSettings::new(gateway))?;
        let (books, journal) = match kept {
            Kept::Folder(folder) => (
                Books::file(&folder.join("books.db"))?,
                Journal::File(Arc::new(SqliteJournal::open(folder.join("journal.db")).await?)),
            ),
            Kept::Database(address) => {
                let settings = PostgresSettings::for_policy(&policy);
                let journal = PostgresJournal::open_with(address, settings).await?;
                (Books::database(address).await?, Journal::Database(Arc::new(journal)))
            }
        };
        let (accepting, holding) = (books.clone(), books.clone());
        let client = Client::builder(http.clone(), journal.shared())
            .policy(policy)
            .terminal(Terminal { merchant: Merchant::EasyTalk(merchant.clone()), keys: Keys::None })
            .accept_step(move |question| {
                let books = accepting.clone();
                async move { books.accept(question).await }
            })
            .holds_step(move |question| {
                let books = holding.clone();
                async move { books.holds(question).await }
            })
            .patience(patience)
            .build()?;
        Ok(Arc::new(Shop {
            client,
            books,
            journal,
            http,
            merchant,
            business_number: BusinessNumber::new("1178119949")?,
            settings,
            clock: Clock::new(),
            public_url,
            price,
        }))
    }

    /// Takes over what an earlier process left behind, now and from now on, and writes every end into the books.
    pub fn start_worker(&self, schedule: Schedule) -> Worker {
        let books = self.books.clone();
        self.client.start_worker(schedule, move |end| {
            let books = books.clone();
            async move { tell(&books, &end).await }
        })
    }

    /// Orders whose process died after the customer's return and before the payment was recorded: nothing was sent for
    /// them, and nothing will be. They count as such after so long: at once where no other process is, and before the
    /// first customer comes. One that is recorded later all the same is reversed, since the books refuse it.
    pub async fn close_what_never_began(&self, after: Millis) -> Result<(), books::Error> {
        for order in self.books.paying(after).await? {
            self.close_if_never_began(&order).await?;
        }
        Ok(())
    }

    async fn close_if_never_began(&self, order: &Order) -> Result<(), books::Error> {
        if self.client.outcome(&order.number).await?.is_none() {
            self.books.never_began(order).await?;
        }
        Ok(())
    }

    /// Writes an order down, registers it, and gives the window in which the customer pays.
    pub async fn register(&self, is_english: bool) -> Result<PageUrl, books::Error> {
        // Nobody guesses another customer's. Each message needs a number of its own (spec C.1).
        let mut id = [0; 8];
        getrandom::fill(&mut id)?;
        let id = format!("{:016x}", u64::from_be_bytes(id));
        let order = Order {
            order_number: OrderNumber::new(&id)?,
            number: TransactionNumber::new(&format!("P{id}"))?,
            amount: self.price,
            state: State::Unpaid,
            note: None,
        };
        self.books.add(&order).await?;
        let language = if is_english { "en" } else { "ko" };
        let return_url = format!("{}/return?order={id}&lang={language}", self.public_url);
        let purchase = Purchase {
            number: &TransactionNumber::new(&format!("R{id}"))?,
            order_number: &order.order_number,
            total: order.amount,
            tax: Won(0),
            product_name: PRODUCT[usize::from(is_english)],
            merchant_name: "엘리트 수학",
            business_number: &self.business_number,
            return_url: &match self.http.is_loopback() {
                true => ReturnUrl::for_tests(&return_url)?,
                false => ReturnUrl::new(&return_url)?,
            },
            complete_url: None,
            notice: None,
        };
        let now = self.clock.now();
        let registration = easytalk::register::registration(&self.merchant, &self.settings, &purchase, now)?;
        Ok(self.http.call(&registration, CallLimits::default()).await?)
    }

    /// Reads what the customer's browser posts when the window is done, and takes the payment. It came through the
    /// customer's hands: of all that it says, only the authorisation is used, once the order is known to be ours.
    pub async fn returned(self: &Arc<Self>, order: &Order, post: Post<'_>) -> Result<(), PostError> {
        match window::read(post, &order.order_number)? {
            Posted::Authenticated(authorisation) => {
                if let Err(error) = self.pay(order.clone(), authorisation).await {
                    // The page that follows says what the books and the journal know.
                    tracing::error!(%error, number = %order.number, "a payment was not taken");
                }
            }
            Posted::Failed(said) => tracing::info!(%said, number = %order.number, "the customer did not pay"),
        }
        Ok(())
    }

    /// Takes the payment of an order that is in the books. A number that was paid before is not charged again.
    pub async fn pay(
        self: &Arc<Self>,
        order: Order,
        authorisation: CertControlNumber,
    ) -> Result<Progress, books::Error> {
        let shop = Arc::clone(self);
        // A task of its own: a customer who closes the browser now has bought all the same. Dropped with the request,
        // the payment would be reversed.
        let paying = tokio::spawn(async move {
            shop.books.begin(&order).await?;
            let amount = Amount::new(order.amount, Parts::default())?;
            let (number, order_number) = (order.number.clone(), order.order_number.clone());
            let payment = easytalk::Order::new(number, order_number, amount, authorisation);
            let progress = match shop.approve(&order, &payment).await {
                Ok(progress) => progress,
                Err(error) => {
                    shop.close_if_never_began(&order).await?;
                    return Err(error);
                }
            };
            if let Progress::Settled(settled) = &progress
                && tell(&shop.books, settled).await == Told::Yes
            {
                // Where the journal did not take that, the books are told once more.
                settled.told().await.unwrap_or_else(|error| tracing::warn!(%error, "told, and not noted"));
            }
            Ok(progress)
        });
        paying.await?
    }

    /// Approves it. In a database, the order is booked and the approval accepted in one transaction, or neither; where it
    /// is not known whether that was committed, and on every other error, recovery finds out.
    async fn approve(&self, order: &Order, payment: &easytalk::Order) -> Result<Progress, books::Error> {
        let Some(pool) = self.books.pool() else { return Ok(self.client.approve(payment).await?) };
        let undecided = match self.client.begin(payment).await? {
            Begun::Undecided(undecided) => undecided,
            Begun::Progress(progress) => return Ok(progress),
        };
        books::within(pool, async |database| {
            let transaction = database.transaction().await?;
            if !Books::accept_in(&transaction, order, undecided.approval()).await? {
                transaction.rollback().await?;
                return Ok(undecided.refuse().await?);
            }
            match undecided.accept_in(&transaction).await? {
                AcceptedIn::Joined(joined) => {
                    transaction.commit().await?;
                    Ok(joined.committed().await?)
                }
                AcceptedIn::TooLate(progress) => {
                    transaction.rollback().await?;
                    Ok(progress)
                }
            }
        })
        .await
    }

    /// What the product costs.
    pub fn price(&self) -> Won {
        self.price
    }

    /// Where an order stands.
    pub async fn standing(&self, order: &Order) -> Result<Standing, Error> {
        if order.state != State::Paying {
            return Ok(Standing::Is(order.state));
        }
        Ok(match self.client.outcome(&order.number).await? {
            Some(Progress::Open(open)) if !matches!(open.record.stage, Stage::Intent | Stage::Undecided) => {
                Standing::BeingReversed
            }
            _ => Standing::UnderWay,
        })
    }
}

/// The end of a payment has reached the shop once its books hold it (R22).
pub async fn tell(books: &Books, end: &Settled) -> Told {
    match books.ended(end).await {
        Ok(()) => Told::Yes,
        Err(error) => {
            tracing::error!(%error, "the books did not take the end of a payment");
            Told::NotYet
        }
    }
}
