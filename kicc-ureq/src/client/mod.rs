//! The blocking client: one engine from `kicc-proto`, driven over [`Http`] and a [`Journal`].

mod accept;
mod clock;
mod drive;
mod hands;
mod iamport;
mod keeper;
mod limit;
mod progress;
mod recover;
mod refund;
mod tokens;
mod trace;

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kicc_proto::{
    client::{Concluded, Found, Terminals},
    flow::{Driver, Opening, Policy, Step, resume},
    journal::{Claim, Claimed, Force, Journal, Key, Row},
    product::Order,
    values::TransactionNumber,
};

pub use kicc_proto::client::{
    Answer, BuildError, End, Error, Keys, Open, OpenReason, Question, Signing, Terminal, Told,
};

pub use self::{
    accept::{AcceptStep, HoldsStep},
    clock::Clock,
    drive::{Begun, Undecided},
    iamport::Verified,
    progress::{Progress, Settled},
    recover::{Recovery, Report},
};
use self::{
    drive::{StandBy, Stop},
    hands::Hands,
    keeper::Keeper,
    limit::Slots,
    tokens::Purses,
};
use crate::http::Http;

/// A client: cheap to clone, shared by threads.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    http: Http,
    journal: Arc<dyn Journal>,
    driver: Driver,
    terminals: Terminals,
    accept: Option<Arc<dyn AcceptStep>>,
    holds: Option<Arc<dyn HoldsStep>>,
    patience: Option<Duration>,
    clock: Clock,
    rescues: Slots,
    purses: Purses,
    keeper: Keeper,
    hands: Hands,
    stopping: AtomicBool,
    stop: (Mutex<()>, Condvar),
}

/// What a client is made of.
pub struct Builder {
    http: Http,
    journal: Arc<dyn Journal>,
    policy: Policy,
    terminals: Vec<Terminal>,
    accept: Option<Arc<dyn AcceptStep>>,
    holds: Option<Arc<dyn HoldsStep>>,
    patience: Option<Duration>,
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

    /// Makes the client.
    ///
    /// # Errors
    /// [`BuildError`]; times that are unsafe against a real gateway are refused unless the base URL is loopback.
    pub fn build(self) -> Result<Client, BuildError> {
        let terminals = Terminals::new(self.terminals, &self.policy, self.http.is_loopback())?;
        let purses = Purses::new(&terminals);
        let slots = Slots::new(self.policy.rescues_in_flight);
        let clock = Clock::new();
        let keeper = Keeper::new(Arc::clone(&self.journal), clock, self.policy.lease);
        Ok(Client {
            inner: Arc::new(Inner {
                driver: Driver {
                    holder: self.journal.holder().into(),
                    accept_step: self.accept.is_some(),
                    policy: Arc::new(self.policy),
                },
                http: self.http,
                journal: self.journal,
                terminals,
                accept: self.accept,
                holds: self.holds,
                patience: self.patience,
                clock,
                rescues: slots,
                purses,
                keeper,
                hands: Hands::default(),
                stopping: AtomicBool::new(false),
                stop: (Mutex::new(()), Condvar::new()),
            }),
        })
    }
}

impl Client {
    /// Begins a client over a transport and a journal.
    pub fn builder(http: Http, journal: Arc<dyn Journal>) -> Builder {
        Builder {
            http,
            journal,
            policy: Policy::default(),
            terminals: Vec::new(),
            accept: None,
            holds: None,
            patience: None,
        }
    }

    /// Takes an order to its outcome at the first terminal of its product. A known number sends nothing and
    /// gives what is known of it (R3), with [`End::repeat`] set.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub fn approve(&self, order: &impl Order) -> Result<Progress, Error> {
        let terminal = self.inner.terminals.of_product(order.product()).ok_or(Error::NoTerminal)?;
        self.approve_at(terminal.merchant.terminal().as_str(), order)
    }

    /// The same at a terminal of one's choice.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub fn approve_at(&self, terminal: &str, order: &impl Order) -> Result<Progress, Error> {
        let terminal = self.inner.terminals.named(order.product(), terminal).ok_or(Error::NoTerminal)?;
        let key = terminal.merchant.key(order.number().clone());
        let step = self.inner.open(terminal, order, self.inner.driver.accept_step)?;
        self.inner.progress(terminal, &key, step, self.inner.patience_end())
    }

    /// As [`Client::approve`], but hands the undecided approval back instead of asking the accept step: the
    /// caller decides, and the lease is kept meanwhile. If the process dies first, recovery asks the accept
    /// step, so one must be configured there.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub fn begin(&self, order: &impl Order) -> Result<Begun, Error> {
        let terminal = self.inner.terminals.of_product(order.product()).ok_or(Error::NoTerminal)?;
        let key = terminal.merchant.key(order.number().clone());
        let step = self.inner.open(terminal, order, true)?;
        let end = self.inner.patience_end();
        match self.inner.drive(terminal, &key, step, end, StandBy::Decision) {
            Stop::Settle(settle) => {
                let undecided = Undecided::new(Arc::clone(&self.inner), terminal.clone(), settle);
                Ok(Begun::Undecided(Box::new(undecided)))
            }
            stop => self.inner.stopped(&key, stop, end).map(Begun::Progress),
        }
    }

    /// What is known of a number, without doing anything about it.
    ///
    /// # Errors
    /// When the journal cannot be read, or the record is not this client's.
    pub fn outcome(&self, number: &TransactionNumber) -> Result<Option<Progress>, Error> {
        match self.inner.find(number)? {
            None => Ok(None),
            Some(row) => Ok(Some(self.inner.standing(&row, true)?)),
        }
    }

    /// Waits for the end of a number, at most so long, and lends a hand where its worker is dead.
    ///
    /// # Errors
    /// When the number is not known, or the journal cannot be read.
    pub fn wait(&self, number: &TransactionNumber, limit: Option<Duration>) -> Result<Progress, Error> {
        let row = self.inner.find(number)?.ok_or_else(|| Error::unknown(number))?;
        let end = limit.map(|limit| Instant::now() + limit);
        self.inner.follow(&row.key, end, false)
    }

    /// Takes no new orders from now on; calls under way finish their exchange and then leave what is still
    /// open to recovery.
    pub fn stop(&self) {
        self.inner.stopping.store(true, Ordering::SeqCst);
        let _guard = self.inner.stop.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.stop.1.notify_all();
    }

    /// The journal that it writes.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.inner.journal
    }

    /// What it was made with.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.driver.policy
    }
}

impl Inner {
    fn patience_end(&self) -> Option<Instant> {
        self.patience.map(|patience| Instant::now() + patience)
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Sleeps until then, or until the client stops.
    fn sleep_until(&self, then: Instant) {
        let mut guard = self.stop.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.stopping() {
            let Some(left) = then.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                return;
            };
            guard = self.stop.1.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn terminal_of(&self, key: &Key) -> Result<&Terminal, Error> {
        self.terminals.of_key(key).ok_or(Error::NoTerminal)
    }

    fn open(&self, terminal: &Terminal, order: &impl Order, accept_step: bool) -> Result<Step, Error> {
        if self.stopping() {
            return Err(Error::Stopping);
        }
        let admission = self.journal.admission()?;
        if !admission.takes(order.number()) && self.known(terminal, order.number())?.is_none() {
            return Err(Error::not_admitted(admission));
        }
        let driver = Driver { accept_step, ..self.driver.clone() };
        let opening = Opening { merchant: &terminal.merchant, driver: &driver, attempt: clock::random() };
        Ok(Step::Persist(order.open(&opening, self.clock.now())?))
    }

    fn known(&self, terminal: &Terminal, number: &TransactionNumber) -> Result<Option<Row>, Error> {
        Ok(self.journal.find(&terminal.merchant.key(number.clone()))?)
    }

    /// The row of a number at whichever terminal.
    fn find(&self, number: &TransactionNumber) -> Result<Option<Row>, Error> {
        let mut found = None;
        for terminal in self.terminals.iter() {
            if let Some(row) = self.known(terminal, number)?
                && found.replace(row).is_some()
            {
                return Err(Error::Ambiguous { number: number.as_str().into() });
            }
        }
        Ok(found)
    }

    /// Drives to the end, or to the end of patience.
    fn progress(
        &self,
        terminal: &Terminal,
        key: &Key,
        step: Step,
        end: Option<Instant>,
    ) -> Result<Progress, Error> {
        let stop = self.drive(terminal, key, step, end, StandBy::News);
        self.stopped(key, stop, end)
    }

    fn stopped(&self, key: &Key, stop: Stop, end: Option<Instant>) -> Result<Progress, Error> {
        match stop {
            Stop::Settle(settle) => {
                let open = Open::of_settle(&settle, self.clock.now());
                let _ = self.journal.release(settle.key(), settle.token());
                Ok(Progress::Open(Box::new(open)))
            }
            Stop::Wait(wait) => {
                let open = Open::of_wait(&wait, self.clock.now());
                // A lease that is not given back only makes recovery wait for it.
                let _ = self.journal.release(wait.key(), wait.token());
                Ok(Progress::Open(Box::new(open)))
            }
            Stop::Done(done) => match Concluded::of(done) {
                Concluded::Ended(end) => Ok(Progress::Settled(Box::new(self.settled(end)))),
                Concluded::NotRecorded(end_unless_known) => match self.journal.find(key)? {
                    None => Ok(Progress::Settled(Box::new(self.settled(end_unless_known)))),
                    Some(row) => self.follow(&row.key, end, true),
                },
                Concluded::Refused(error) => Err(error),
                Concluded::NotKnown { open, token } => {
                    let _ = self.journal.release(&open.key, token);
                    Ok(Progress::Open(open))
                }
                Concluded::Elsewhere { key, repeat: true } => self.follow(&key, end, true),
                Concluded::Elsewhere { key, repeat: false } => {
                    self.follow(&key, end, false).map_err(|error| Error::out_of_sight(&key, &error))
                }
            },
        }
    }

    /// Waits for the end of a row that somebody has; goes on with it where nobody lives who could.
    fn follow(&self, key: &Key, end: Option<Instant>, repeat: bool) -> Result<Progress, Error> {
        let mut pause = Duration::from_millis(20);
        loop {
            let row = self.journal.find(key)?.ok_or_else(|| Error::unknown(&key.number))?;
            let standing = self.standing(&row, repeat)?;
            if matches!(standing, Progress::Settled(_)) {
                return Ok(standing);
            }
            let out_of_time = end.is_some_and(|end| Instant::now() >= end);
            if out_of_time || self.stopping() {
                return Ok(standing);
            }
            let terminal = self.terminal_of(key)?;
            if let Some(_hand) = self.hands.take_up_free(key)
                && let Claimed::Yes(row) = self.claim(&row, Force::DeadOrLapsed)?
            {
                let token = row.token;
                let resumed = resume(*row, &terminal.merchant, &self.driver, self.clock.now());
                let step = match resumed {
                    Ok(step) => step,
                    Err(error) => {
                        self.journal.release(key, token)?;
                        return Err(error.into());
                    }
                };
                let stand_by = if repeat { StandBy::News } else { StandBy::End };
                let stop = self.drive(terminal, key, step, end, stand_by);
                return Ok(match self.stopped(key, stop, end)? {
                    Progress::Settled(settled) => {
                        Progress::Settled(Box::new(self.settled(settled.end.repeated(repeat))))
                    }
                    open => open,
                });
            }
            let wake = Instant::now() + pause;
            self.sleep_until(end.map_or(wake, |end| wake.min(end)));
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    fn claim(&self, row: &Row, force: Force) -> Result<Claimed, Error> {
        let now = self.clock.now().wall;
        Ok(self.journal.claim(&Claim {
            key: &row.key,
            revision: row.revision,
            holder: &self.driver.holder,
            now,
            lease_until: now + self.driver.policy.lease,
            force,
        })?)
    }

    fn standing(&self, row: &Row, repeat: bool) -> Result<Progress, Error> {
        Ok(match Found::of_row(row, repeat, self.clock.now().wall)? {
            Found::Ended(end) => Progress::Settled(Box::new(self.settled(end))),
            Found::Open(open) => Progress::Open(Box::new(open)),
        })
    }

    fn settled(&self, end: End) -> Settled {
        Settled { end, journal: Arc::clone(&self.journal) }
    }
}
