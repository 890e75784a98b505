//! The async client: one engine from `kicc-proto`, driven over [`Http`] and an [`AsyncJournal`].
//!
//! # Dropping
//!
//! Any of its futures may be dropped at any await, and nothing is lost: what had not gone is never sent, what had gone
//! is reversed, by whom is a setting ([`OnDrop`]). A socket that was written to is reset (R13a).
//!
//! # Ending
//!
//! [`Client::shutdown`] takes nothing new, lets what is under way end within a time, and says what it left open.

mod accept;
mod background;
mod claim;
mod clock;
mod counters;
mod drive;
mod hand;
mod iamport;
#[cfg(feature = "postgres")]
mod joined;
mod keeper;
mod limit;
mod progress;
mod recover;
mod refund;
mod shutdown;
mod tokens;
mod undecided;
mod worker;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use kicc_proto::{
    client::{Found, Terminals},
    flow::{Driver, Opening, Persist, Policy, Step},
    journal::{AsyncJournal, BoxFuture, Force, Key, Row},
    product::Order,
    values::TransactionNumber,
    wire::{Failure, MaybeSent, NotSent, Request},
};
use tokio::{
    sync::{Semaphore, watch},
    time::{Duration, Instant},
};
use tracing::{Instrument as _, debug_span};

pub use kicc_proto::client::{
    Answer, BuildError, End, Error, Keys, Open, OpenReason, Signing, Terminal, Told,
};

#[cfg(feature = "postgres")]
pub use self::joined::{AcceptedIn, Joined};
pub use self::{
    accept::{AcceptStep, HoldsStep, Question},
    background::OnDrop,
    clock::Clock,
    counters::Counts,
    iamport::Verified,
    progress::{Progress, Settled},
    recover::{Backlog, Recovery, Report},
    shutdown::Left,
    undecided::{Begun, Undecided},
    worker::{Schedule, Worker},
};
use self::{
    counters::Counters,
    drive::{StandBy, Stop, Stopped},
    hand::{Hand, Hands},
    keeper::Keeper,
    limit::Slots,
    shutdown::State,
    tokens::Purses,
};
use crate::http::{Connect, Exchange, Http, Limits, MaySend};

/// A client: cheap to clone, shared by tasks. It needs a tokio runtime with its timer.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    transport: Box<dyn Transport>,
    journal: Arc<dyn AsyncJournal>,
    driver: Driver,
    terminals: Terminals,
    accept: Option<Arc<dyn AcceptStep>>,
    holds: Option<Arc<dyn HoldsStep>>,
    patience: Option<Duration>,
    on_drop: OnDrop,
    clock: Clock,
    /// Slots for rescues in flight (R14): a gateway that comes back must not be met by a storm.
    rescues: Slots,
    /// The same for records that recovery works on: those that wait hold none.
    recoveries: Semaphore,
    purses: Purses,
    keeper: Keeper,
    counters: Counters,
    state: watch::Sender<State>,
    hands: Hands,
    /// Keys that were left open since the client began to stop.
    left_open: Mutex<Vec<Key>>,
}

/// Any transport, whatever its connections are.
trait Transport: Send + Sync {
    /// The request is copied before this returns.
    fn exchange(&self, request: &Request<'_>, limits: Limits, may_send: MaySend) -> BoxFuture<'_, Exchange>;
    fn is_loopback(&self) -> bool;
}

impl<C: Connect> Transport for Http<C> {
    fn exchange(&self, request: &Request<'_>, limits: Limits, may_send: MaySend) -> BoxFuture<'_, Exchange> {
        Box::pin(Http::exchange(self, request, limits, may_send))
    }

    fn is_loopback(&self) -> bool {
        Http::is_loopback(self)
    }
}

/// What a client is made of.
pub struct Builder {
    transport: Box<dyn Transport>,
    journal: Arc<dyn AsyncJournal>,
    policy: Policy,
    terminals: Vec<Terminal>,
    accept: Option<Arc<dyn AcceptStep>>,
    holds: Option<Arc<dyn HoldsStep>>,
    patience: Option<Duration>,
    on_drop: OnDrop,
}

impl Builder {
    /// The flow's times and choices; the defaults are safe.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// One more terminal; the first one of a product is the default.
    #[must_use]
    pub fn terminal(mut self, terminal: Terminal) -> Self {
        self.terminals.push(terminal);
        self
    }

    /// The function that writes an approval into the merchant's books (R19). It is called at least once for an
    /// approval, must be idempotent, and must be configured again in the process that recovers.
    #[must_use]
    pub fn accept_step(mut self, step: impl AcceptStep + 'static) -> Self {
        self.accept = Some(Arc::new(step));
        self
    }

    /// The function that looks whether the merchant's books hold a sale under a number, and writes nothing. It is asked
    /// once a journal was restored from a backup; without it each payment that is then in doubt goes to a person (R24).
    #[must_use]
    pub fn holds_step(mut self, step: impl HoldsStep + 'static) -> Self {
        self.holds = Some(Arc::new(step));
        self
    }

    /// How long after its beginning a call still pauses for an attempt that is being reversed; then it returns
    /// [`Progress::Open`]. Without it a call waits to the end. It cuts no exchange short: an answer that is lost keeps
    /// its caller for [`Policy::answer_timeout`] (33 s) and the rescue up to its first pause, which is as long again where
    /// it is not answered either (each up to [`Policy::send_by`] more, 10 s), however short the patience.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Who goes on with an attempt whose future was dropped; by default the client itself.
    #[must_use]
    pub fn on_drop(mut self, on_drop: OnDrop) -> Self {
        self.on_drop = on_drop;
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`BuildError`]; times that are unsafe against a real gateway are refused unless the base URL is loopback.
    pub fn build(self) -> Result<Client, BuildError> {
        let terminals = Terminals::new(self.terminals, &self.policy, self.transport.is_loopback())?;
        let purses = Purses::new(&terminals);
        let slots = self.policy.rescues_in_flight;
        let clock = Clock::new();
        let keeper = Keeper::new(Arc::clone(&self.journal), clock, self.policy.lease);
        Ok(Client {
            inner: Arc::new(Inner {
                driver: Driver {
                    holder: self.journal.holder().into(),
                    accept_step: self.accept.is_some(),
                    policy: Arc::new(self.policy),
                },
                transport: self.transport,
                journal: self.journal,
                terminals,
                accept: self.accept,
                holds: self.holds,
                patience: self.patience,
                on_drop: self.on_drop,
                clock,
                rescues: Slots::new(slots),
                recoveries: Semaphore::new(slots as usize),
                purses,
                keeper,
                counters: Counters::default(),
                state: watch::Sender::new(State::Running),
                hands: Hands::default(),
                left_open: Mutex::default(),
            }),
        })
    }
}

impl Client {
    /// Begins a client over a transport and a journal.
    pub fn builder<C: Connect>(http: Http<C>, journal: Arc<dyn AsyncJournal>) -> Builder {
        Builder {
            transport: Box::new(http),
            journal,
            policy: Policy::default(),
            terminals: Vec::new(),
            accept: None,
            holds: None,
            patience: None,
            on_drop: OnDrop::default(),
        }
    }

    /// Takes an order to its outcome at the first terminal of its product. A known number sends nothing and
    /// gives what is known of it (R3), with [`End::repeat`] set.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub async fn approve(&self, order: &(impl Order + Sync)) -> Result<Progress, Error> {
        let terminal = self.inner.terminals.of_product(order.product()).ok_or(Error::NoTerminal)?;
        self.approve_at(terminal.merchant.terminal().as_str(), order).await
    }

    /// The same at a terminal of one's choice.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub async fn approve_at(&self, terminal: &str, order: &(impl Order + Sync)) -> Result<Progress, Error> {
        let inner = &self.inner;
        let terminal = inner.terminals.named(order.product(), terminal).ok_or(Error::NoTerminal)?;
        let attempt = async {
            let hand = Hand::new(inner, terminal, &terminal.merchant.key(order.number().clone()));
            let persist = inner.open(terminal, order, inner.driver.accept_step).await?;
            inner.progress(hand, persist, inner.patience_end()).await
        };
        attempt.instrument(debug_span!("attempt", number = %order.number())).await
    }

    /// As [`Client::approve`], but hands the undecided approval back instead of asking the accept step: the
    /// caller decides, and the lease is kept meanwhile. If the process dies first, recovery asks the accept
    /// step, so one must be configured there.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub async fn begin(&self, order: &(impl Order + Sync)) -> Result<Begun, Error> {
        let inner = &self.inner;
        let terminal = inner.terminals.of_product(order.product()).ok_or(Error::NoTerminal)?;
        let hand = Hand::new(inner, terminal, &terminal.merchant.key(order.number().clone()));
        let persist = inner.open(terminal, order, true).await?;
        let end = inner.patience_end();
        match hand.drive(Step::Persist(persist), end, StandBy::Decision).await {
            Stop::Settle(settle) => Ok(Begun::Undecided(Box::new(Undecided::new(hand, settle)))),
            stop => inner.stopped(hand, stop, end).await.map(Begun::Progress),
        }
    }

    /// What is known of a number, without doing anything about it.
    ///
    /// # Errors
    /// When the journal cannot be read, or the record is not this client's.
    pub async fn outcome(&self, number: &TransactionNumber) -> Result<Option<Progress>, Error> {
        match self.inner.find(number).await? {
            None => Ok(None),
            Some(row) => Ok(Some(self.inner.standing(&row, true)?)),
        }
    }

    /// Waits for the end of a number, at most so long, and lends a hand where its worker is dead.
    ///
    /// # Errors
    /// When the number is not known, or the journal cannot be read.
    pub async fn wait(&self, number: &TransactionNumber, limit: Option<Duration>) -> Result<Progress, Error> {
        let row = self.inner.find(number).await?.ok_or_else(|| Error::unknown(number))?;
        let end = limit.map(|limit| Instant::now() + limit);
        self.inner.follow(&row.key, end, false).await
    }

    /// The journal that it writes.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn AsyncJournal> {
        &self.inner.journal
    }

    /// What it was made with.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.driver.policy
    }

    /// What it counted until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.counters.snapshot(self.inner.hands.count())
    }
}

impl Inner {
    fn patience_end(&self) -> Option<Instant> {
        self.patience.map(|patience| Instant::now() + patience)
    }

    /// One exchange; the client may give it up when it shuts down.
    async fn exchange(&self, exchange: BoxFuture<'_, Exchange>, let_go: &AtomicBool) -> Exchange {
        tokio::select! {
            biased;
            exchange = exchange => exchange,
            () = self.reaches(State::GivingUp) => Exchange {
                written_at: None,
                result: Err(match let_go.load(Ordering::SeqCst) {
                    true => Failure::MaybeSent(MaybeSent::Lost),
                    false => Failure::NotSent(NotSent::PermitLapsed),
                }),
            },
        }
    }

    async fn open(
        &self,
        terminal: &Terminal,
        order: &(impl Order + Sync),
        accept_step: bool,
    ) -> Result<Persist, Error> {
        if self.is_closing() {
            return Err(Error::Stopping);
        }
        let admission = self.journal.admission().await?;
        if !admission.takes(order.number()) && self.known(terminal, order.number()).await?.is_none() {
            return Err(Error::not_admitted(admission));
        }
        let driver = Driver { accept_step, ..self.driver.clone() };
        let opening = Opening { merchant: &terminal.merchant, driver: &driver, attempt: clock::random() };
        Ok(order.open(&opening, self.clock.now())?)
    }

    async fn known(&self, terminal: &Terminal, number: &TransactionNumber) -> Result<Option<Row>, Error> {
        Ok(self.journal.find(&terminal.merchant.key(number.clone())).await?)
    }

    /// The row of a number at whichever terminal.
    async fn find(&self, number: &TransactionNumber) -> Result<Option<Row>, Error> {
        let mut found = None;
        for terminal in self.terminals.iter() {
            if let Some(row) = self.known(terminal, number).await?
                && found.replace(row).is_some()
            {
                return Err(Error::Ambiguous { number: number.as_str().into() });
            }
        }
        Ok(found)
    }

    fn terminal_of(&self, key: &Key) -> Result<&Terminal, Error> {
        self.terminals.of_key(key).ok_or(Error::NoTerminal)
    }

    /// Drives to the end, or to the end of patience.
    async fn progress(
        self: &Arc<Self>,
        hand: Hand,
        persist: Persist,
        end: Option<Instant>,
    ) -> Result<Progress, Error> {
        let stop = hand.drive(Step::Persist(persist), end, StandBy::News).await;
        self.stopped(hand, stop, end).await
    }

    async fn stopped(
        self: &Arc<Self>,
        hand: Hand,
        stop: Stop,
        end: Option<Instant>,
    ) -> Result<Progress, Error> {
        match hand.put_down(stop).await {
            Stopped::Progress(progress) => Ok(progress),
            Stopped::Refused(error) => Err(error),
            Stopped::Elsewhere { key, repeat } => {
                let followed = Box::pin(self.follow(&key, end, repeat)).await;
                followed.map_err(|error| if repeat { error } else { Error::out_of_sight(&key, &error) })
            }
        }
    }

    /// Waits for the end of a row that somebody has; goes on with it where nobody lives who could.
    async fn follow(
        self: &Arc<Self>,
        key: &Key,
        end: Option<Instant>,
        repeat: bool,
    ) -> Result<Progress, Error> {
        let mut pause = Duration::from_millis(20);
        loop {
            let row = self.journal.find(key).await?.ok_or_else(|| Error::unknown(&key.number))?;
            let standing = self.standing(&row, repeat)?;
            if matches!(standing, Progress::Settled(_)) {
                return Ok(standing);
            }
            let out_of_time = end.is_some_and(|end| Instant::now() >= end);
            if out_of_time || self.stopping() {
                return Ok(standing);
            }
            let terminal = self.terminal_of(key)?;
            if let Some(hand) = Hand::of_free(self, terminal, key)
                && let Some(ours) = self.claim(&row, Force::DeadOrLapsed).await?
            {
                let step = ours.resume(terminal)?;
                let stand_by = if repeat { StandBy::News } else { StandBy::End };
                let stop = hand.drive(step, end, stand_by).await;
                return Ok(match self.stopped(hand, stop, end).await? {
                    Progress::Settled(settled) => {
                        let Settled { end, journal } = *settled;
                        Progress::Settled(Box::new(Settled { end: end.repeated(repeat), journal }))
                    }
                    open => open,
                });
            }
            let wake = Instant::now() + pause;
            self.sleep_until(end.map_or(wake, |end| wake.min(end))).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    fn standing(&self, row: &Row, repeat: bool) -> Result<Progress, Error> {
        Ok(match Found::of_row(row, repeat, self.clock.now().wall)? {
            Found::Ended(end) => self.settled(end),
            Found::Open(open) => Progress::Open(Box::new(open)),
        })
    }

    /// An end that this client brought about.
    fn ended(&self, end: End) -> Progress {
        if let Some(outcome) = end.outcome() {
            self.counters.ended(outcome.name());
        }
        self.settled(end)
    }

    fn settled(&self, end: End) -> Progress {
        Progress::Settled(Box::new(Settled { end, journal: Arc::clone(&self.journal) }))
    }
}
