//! The blocking client: one engine from `kicc-proto`, driven over [`Http`] and a [`Journal`].

mod accept;
mod clock;
mod drive;
mod error;
mod keeper;
mod limit;
mod progress;
mod recover;
mod refund;
mod trace;

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kicc_proto::{
    flow::{Driver, Ended, Opening, Policy, Step, Verdict, policy::PolicyError, resume},
    journal::{Admission, Claim, Claimed, Force, Journal, Key, Row, record::Record},
    product::{Credentials, Merchant, Order},
    values::{ChannelId, TransactionNumber},
    wire::sign::Sign,
};

pub use self::{
    accept::{AcceptStep, Answer, Question},
    clock::Clock,
    drive::{Begun, Undecided},
    error::Error,
    progress::{Open, OpenReason, Progress, Settled},
    recover::{Recovery, Report},
};
use self::{
    drive::{StandBy, Stop},
    keeper::Keeper,
    limit::Slots,
};
use crate::http::Http;

/// A merchant's terminal, and what makes the gateway believe its requests.
#[derive(Clone)]
pub struct Terminal {
    /// The ids in every message.
    pub merchant: Merchant,
    /// The key that signs for it, where the product wants one: Simple Payment does, EasyTalkPay does not.
    pub signing: Option<Signing>,
}

/// The channel of the signature headers (spec A.2), and who signs.
#[derive(Clone)]
pub struct Signing {
    /// `X-KICC-ChannelId`.
    pub channel_id: ChannelId,
    /// The key, wherever it lives.
    pub signer: Arc<dyn Sign + Send + Sync>,
}

impl Terminal {
    fn credentials(&self) -> Credentials<'_> {
        match &self.signing {
            Some(Signing { channel_id, signer }) => Credentials::Signature { channel_id, signer: &**signer },
            None => Credentials::None,
        }
    }
}

/// A client: cheap to clone, shared by threads.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    http: Http,
    journal: Arc<dyn Journal>,
    driver: Driver,
    terminals: Vec<Terminal>,
    accept: Option<Arc<dyn AcceptStep>>,
    patience: Option<Duration>,
    clock: Clock,
    rescues: Slots,
    keeper: Keeper,
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
    patience: Option<Duration>,
}

/// Why a client was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Without a terminal there is nothing to sell at.
    #[error("no terminal was given")]
    NoTerminal,
    /// Two terminals with the same environment, product and id.
    #[error("terminal {0} was given twice")]
    TerminalTwice(Box<str>),
    /// An EasyTalkPay terminal, and a policy that does not say whether there is a status query (R11).
    #[error("the policy says nothing of EasyTalkPay: whether there is a status query must be said")]
    NoEasyTalkSettings,
    /// A Simple Payment terminal without a key: none of its requests could be signed (spec A.2).
    #[error("terminal {0} has nothing to sign with")]
    NoSigning(Box<str>),
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

    /// How long a call stands by while an attempt is being reversed; then it returns [`Progress::Open`].
    /// Without it a call waits to the end.
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
        self.policy.check(self.http.is_loopback())?;
        if self.terminals.is_empty() {
            return Err(BuildError::NoTerminal);
        }
        for (at, one) in self.terminals.iter().enumerate() {
            match one.merchant {
                Merchant::Simple(_) if one.signing.is_none() => {
                    return Err(BuildError::NoSigning(one.merchant.terminal().as_str().into()));
                }
                Merchant::EasyTalk(_) if self.policy.products.easytalk.is_none() => {
                    return Err(BuildError::NoEasyTalkSettings);
                }
                _ => {}
            }
            let same = |other: &Terminal| {
                let (a, b) = (&one.merchant, &other.merchant);
                a.product() == b.product()
                    && a.environment() == b.environment()
                    && a.terminal() == b.terminal()
            };
            if self.terminals[..at].iter().any(same) {
                return Err(BuildError::TerminalTwice(one.merchant.terminal().as_str().into()));
            }
        }
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
                terminals: self.terminals,
                accept: self.accept,
                patience: self.patience,
                clock,
                rescues: slots,
                keeper,
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
            patience: None,
        }
    }

    /// Takes an order to its outcome at the first terminal of its product. A known number sends nothing and
    /// gives what is known of it (R3), with [`Settled::repeat`] set.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub fn approve(&self, order: &impl Order) -> Result<Progress, Error> {
        let terminal = self.inner.terminal_for(order)?;
        self.approve_at(terminal.merchant.terminal().as_str(), order)
    }

    /// The same at a terminal of one's choice.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub fn approve_at(&self, terminal: &str, order: &impl Order) -> Result<Progress, Error> {
        let terminal = self.inner.terminal_named(terminal, order)?;
        let step = self.inner.open(terminal, order, self.inner.driver.accept_step)?;
        self.inner.progress(terminal, step, self.inner.patience_end())
    }

    /// As [`Client::approve`], but hands the undecided approval back instead of asking the accept step: the
    /// caller decides, and the lease is kept meanwhile. If the process dies first, recovery asks the accept
    /// step, so one must be configured there.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub fn begin(&self, order: &impl Order) -> Result<Begun, Error> {
        let terminal = self.inner.terminal_for(order)?;
        let step = self.inner.open(terminal, order, true)?;
        let end = self.inner.patience_end();
        match self.inner.drive(terminal, step, end, StandBy::Decision) {
            Stop::Settle(settle) => {
                let undecided = Undecided::new(Arc::clone(&self.inner), terminal.clone(), settle);
                Ok(Begun::Undecided(Box::new(undecided)))
            }
            stop => self.inner.stopped(stop, end).map(Begun::Progress),
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
        let row =
            self.inner.find(number)?.ok_or_else(|| Error::Unknown { number: number.as_str().into() })?;
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

    fn terminal_for(&self, order: &impl Order) -> Result<&Terminal, Error> {
        self.terminals
            .iter()
            .find(|terminal| terminal.merchant.product() == order.product())
            .ok_or(Error::NoTerminal)
    }

    fn terminal_named(&self, id: &str, order: &impl Order) -> Result<&Terminal, Error> {
        let named = |terminal: &&Terminal| {
            terminal.merchant.product() == order.product() && terminal.merchant.terminal().as_str() == id
        };
        self.terminals.iter().find(named).ok_or(Error::NoTerminal)
    }

    fn terminal_of(&self, key: &Key) -> Option<&Terminal> {
        self.terminals.iter().find(|terminal| {
            let merchant = &terminal.merchant;
            merchant.product() == key.product
                && *merchant.environment() == key.environment
                && *merchant.terminal() == key.terminal
        })
    }

    fn open(&self, terminal: &Terminal, order: &impl Order, accept_step: bool) -> Result<Step, Error> {
        if self.stopping() {
            return Err(Error::Stopping);
        }
        match self.journal.admission()? {
            Admission::Any => {}
            Admission::Prefix(prefix) if order.number().as_str().starts_with(&*prefix) => {}
            Admission::Prefix(prefix) if self.known(terminal, order.number())?.is_none() => {
                return Err(Error::NumberNeedsPrefix { prefix });
            }
            Admission::None if self.known(terminal, order.number())?.is_none() => {
                return Err(Error::JournalRestored);
            }
            Admission::Prefix(_) | Admission::None => {}
        }
        let driver = Driver { accept_step, ..self.driver.clone() };
        let opening = Opening { merchant: &terminal.merchant, driver: &driver, attempt: clock::random() };
        Ok(Step::Persist(order.open(&opening, self.clock.now())?))
    }

    fn known(&self, terminal: &Terminal, number: &TransactionNumber) -> Result<Option<Row>, Error> {
        let merchant = &terminal.merchant;
        Ok(self.journal.find(&Key {
            environment: merchant.environment().clone(),
            product: merchant.product(),
            terminal: merchant.terminal().clone(),
            number: number.clone(),
        })?)
    }

    /// The row of a number at whichever terminal.
    fn find(&self, number: &TransactionNumber) -> Result<Option<Row>, Error> {
        let mut found = None;
        for terminal in &self.terminals {
            if let Some(row) = self.known(terminal, number)?
                && found.replace(row).is_some()
            {
                return Err(Error::Ambiguous { number: number.as_str().into() });
            }
        }
        Ok(found)
    }

    /// Drives to the end, or to the end of patience.
    fn progress(&self, terminal: &Terminal, step: Step, end: Option<Instant>) -> Result<Progress, Error> {
        let stop = self.drive(terminal, step, end, StandBy::News);
        self.stopped(stop, end)
    }

    fn stopped(&self, stop: Stop, end: Option<Instant>) -> Result<Progress, Error> {
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
            Stop::Done(done) => {
                let revision = done.revision();
                let record = done.record().cloned();
                match done.into_ended() {
                    Ended::Verdict(verdict) => {
                        Ok(Progress::Settled(Box::new(self.settled(verdict, record, revision, false))))
                    }
                    Ended::Known(row) => self.follow(&row.key, end, true),
                    Ended::TakenOver(key) => {
                        self.follow(&key, end, false).map_err(|error| Error::OutOfSight {
                            number: key.number.as_str().into(),
                            why: error.to_string().into(),
                        })
                    }
                    Ended::OtherData => Err(Error::OtherData),
                    Ended::UsedBefore => Err(Error::UsedBefore),
                    Ended::AuthorisationInUse(key) => {
                        Err(Error::AuthorisationInUse { number: key.number.as_str().into() })
                    }
                }
            }
        }
    }

    /// Waits for the end of a row that somebody has; goes on with it where nobody lives who could.
    fn follow(&self, key: &Key, end: Option<Instant>, repeat: bool) -> Result<Progress, Error> {
        let mut pause = Duration::from_millis(20);
        loop {
            let row = self
                .journal
                .find(key)?
                .ok_or_else(|| Error::Unknown { number: key.number.as_str().into() })?;
            let standing = self.standing(&row, repeat)?;
            if matches!(standing, Progress::Settled(_)) {
                return Ok(standing);
            }
            let out_of_time = end.is_some_and(|end| Instant::now() >= end);
            if out_of_time || self.stopping() {
                return Ok(standing);
            }
            let terminal = self.terminal_of(key).ok_or(Error::NoTerminal)?;
            if let Claimed::Yes(row) = self.claim(&row, Force::DeadOrLapsed)? {
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
                let stop = self.drive(terminal, step, end, stand_by);
                let mut progress = self.stopped(stop, end)?;
                if let Progress::Settled(settled) = &mut progress {
                    settled.repeat = repeat;
                }
                return Ok(progress);
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
        let record = Record::of_row(row)?;
        Ok(match record.verdict() {
            Some(verdict) => {
                Progress::Settled(Box::new(self.settled(verdict, Some(record), Some(row.revision), repeat)))
            }
            None => Progress::Open(Box::new(Open::of_row(row, record))),
        })
    }

    fn settled(
        &self,
        verdict: Verdict,
        record: Option<Record>,
        revision: Option<u64>,
        repeat: bool,
    ) -> Settled {
        Settled {
            verdict,
            record: record.map(Box::new),
            revision,
            repeat,
            journal: Arc::clone(&self.journal),
        }
    }
}
