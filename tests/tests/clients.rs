//! Both adapters are clients as the kit wants them, case by case, the async one over PostgreSQL too; and the same orders
//! with the same faults take the same steps on both, whatever the journal.
//!
//! Without PostgreSQL its trials are reported as ignored; with `KICC_NO_SKIP=1` they fail.

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, OnceLock, Weak},
    thread,
    time::Duration,
};

use kicc_hyper::{
    client as hyper,
    journal::{Blocking, PostgresJournal, SqliteJournal},
};
use kicc_proto::{
    client::{BuildError, End, Error, Question, Terminal, Told},
    flow::{PartialRefund, Policy},
    iamport::{
        CustomerUid, ImpUid, Payment, WindowPayment,
        calls::{self, BillingKey, Prepared},
    },
    journal::{AsyncJournal, WriteError},
    product::Product,
    simple::Original,
    values::{Amount, TransactionNumber, Won},
    wire::settings::HttpSettings,
};
use kicc_testkit::{
    client_kit::{
        AcceptStep, Adapter, Begun, Client, Order, Progress, Report, Settled, Setup, Undecided, Verified,
        cases, easytalk_terminal, faults, iamport_terminal, policy, simple_terminal,
    },
    cluster::{Cluster, Programs},
    memory::MemoryJournal,
    van::Van,
};
use kicc_ureq::client as ureq;
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::{Handle, Runtime};

struct Ureq;

impl Adapter for Ureq {
    fn client(&self, setup: Setup) -> Result<Box<dyn Client>, BuildError> {
        let Setup { base_url, journal, policy, terminals, accept, holds, patience } = setup;
        let http = kicc_ureq::http::Http::new(HttpSettings::new(base_url)).unwrap();
        let mut builder = ureq::Client::builder(http, Arc::new(journal)).policy(policy);
        builder = terminals.into_iter().fold(builder, ureq::Builder::terminal);
        if let Some(accept) = accept {
            builder = builder.accept_step(move |question: &Question<'_>| accept(question));
        }
        if let Some(holds) = holds {
            builder = builder.holds_step(move |question: &Question<'_>| holds(question));
        }
        if let Some(patience) = patience {
            builder = builder.patience(patience);
        }
        Ok(Box::new(Blocks(builder.build()?)))
    }
}

struct Blocks(ureq::Client);

#[derive(Debug)]
struct UreqSettled(ureq::Settled);

impl Settled for UreqSettled {
    fn end(&self) -> &End {
        &self.0
    }
    fn told(&self) -> Result<(), WriteError> {
        self.0.told()
    }
}

fn of_ureq(progress: ureq::Progress) -> Progress {
    match progress {
        ureq::Progress::Settled(settled) => Progress::Settled(Box::new(UreqSettled(*settled))),
        ureq::Progress::Open(open) => Progress::Open(open),
    }
}

struct UreqUndecided(ureq::Undecided);

impl Undecided for UreqUndecided {
    fn amount(&self) -> Won {
        self.0.record().unwrap().amount.total()
    }
    fn approval_number(&self) -> Option<Box<str>> {
        self.0.approval()?.approval_number().map(Into::into)
    }
    fn accept(self: Box<Self>) -> Result<Progress, Error> {
        self.0.accept().map(of_ureq)
    }
    fn refuse(self: Box<Self>) -> Result<Progress, Error> {
        self.0.refuse().map(of_ureq)
    }
}

impl Client for Blocks {
    fn approve(&self, order: &Order) -> Result<Progress, Error> {
        self.0.approve(order).map(of_ureq)
    }
    fn approve_at(&self, terminal: &str, order: &Order) -> Result<Progress, Error> {
        self.0.approve_at(terminal, order).map(of_ureq)
    }
    fn begin(&self, order: &Order) -> Result<Begun<'_>, Error> {
        Ok(match self.0.begin(order)? {
            ureq::Begun::Undecided(undecided) => Begun::Undecided(Box::new(UreqUndecided(*undecided))),
            ureq::Begun::Progress(progress) => Begun::Progress(of_ureq(progress)),
        })
    }
    fn outcome(&self, number: &TransactionNumber) -> Result<Option<Progress>, Error> {
        Ok(self.0.outcome(number)?.map(of_ureq))
    }
    fn wait(&self, number: &TransactionNumber, limit: Option<Duration>) -> Result<Progress, Error> {
        self.0.wait(number, limit).map(of_ureq)
    }
    fn refund(&self, number: &TransactionNumber) -> Result<Progress, Error> {
        self.0.refund(number).map(of_ureq)
    }
    fn refund_part(&self, number: &TransactionNumber, part: &PartialRefund) -> Result<Progress, Error> {
        self.0.refund_part(number, part).map(of_ureq)
    }
    fn refund_elsewhere(&self, original: &Original) -> Result<Progress, Error> {
        self.0.refund_elsewhere(original).map(of_ureq)
    }
    fn verify(&self, payment: &WindowPayment) -> Result<Verified, Error> {
        Ok(match self.0.verify(payment)? {
            ureq::Verified::Recorded(progress) => Verified::Recorded(of_ureq(progress)),
            ureq::Verified::Nothing(verdict) => Verified::Nothing(verdict),
            ureq::Verified::NoPayment => Verified::NoPayment,
        })
    }
    fn payment(&self, imp_uid: &ImpUid) -> Result<Option<Payment>, Error> {
        self.0.call(&calls::payment(imp_uid, self.0.policy().products.iamport.as_ref().unwrap()))
    }
    fn prepare(&self, number: &TransactionNumber, amount: &Amount) -> Result<Prepared, Error> {
        self.0.call(&calls::prepare(number, amount))
    }
    fn prepare_again(&self, number: &TransactionNumber, amount: &Amount) -> Result<Option<Prepared>, Error> {
        self.0.call(&calls::prepare_again(number, amount))
    }
    fn delete_billing_key(&self, customer: &CustomerUid) -> Result<Option<BillingKey>, Error> {
        self.0.call(&calls::delete_billing_key(customer, None).unwrap())
    }
    fn recover(&self, tell: &mut (dyn FnMut(&End) -> Told + Send)) -> Result<Report, Error> {
        let report = self.0.recover(ureq::Recovery::default(), |settled| tell(settled))?;
        let ureq::Report { settled, told_again, untold, still_open, .. } = report;
        Ok(Report { settled, told_again, untold, still_open })
    }
    fn stop(&self) {
        self.0.stop();
    }
}

struct Hyper(Handle);

impl Adapter for Hyper {
    fn client(&self, setup: Setup) -> Result<Box<dyn Client>, BuildError> {
        let Setup { base_url, journal, policy, terminals, accept, holds, patience } = setup;
        let journal = Arc::new(journal);
        let handle = Arc::downgrade(&journal);
        let journal = Arc::new(Blocking::new(journal));
        let builder = asking(self.builder(&base_url, journal, policy, terminals), accept, holds, patience);
        Ok(Box::new(Waits { client: Some(builder.build()?), runtime: self.0.clone(), journal: handle }))
    }
}

fn asking(
    mut builder: hyper::Builder,
    accept: Option<AcceptStep>,
    holds: Option<AcceptStep>,
    patience: Option<Duration>,
) -> hyper::Builder {
    let answering = |step: AcceptStep| {
        move |question: hyper::Question| {
            let step = Arc::clone(&step);
            async move { step(&borrowed(&question)) }
        }
    };
    if let Some(accept) = accept {
        builder = builder.accept_step(answering(accept));
    }
    if let Some(holds) = holds {
        builder = builder.holds_step(answering(holds));
    }
    match patience {
        Some(patience) => builder.patience(patience),
        None => builder,
    }
}

/// The async adapter over PostgreSQL, a database in the place of each journal in memory.
struct Postgres {
    hyper: Hyper,
    cluster: Arc<OnceLock<Cluster>>,
    programs: Programs,
    databases: Mutex<Vec<(MemoryJournal, String)>>,
}

impl Postgres {
    fn new(runtime: Handle, cluster: Arc<OnceLock<Cluster>>, programs: Programs) -> Self {
        Postgres { hyper: Hyper(runtime), cluster, programs, databases: Mutex::default() }
    }

    fn journal(&self, of: MemoryJournal) -> PostgresJournal {
        let cluster = self.cluster.get_or_init(|| Cluster::start(&self.programs));
        let mut databases = self.databases.lock().unwrap();
        let known = databases.iter().find(|(journal, _)| journal.is_same(&of)).map(|(_, name)| name.clone());
        let database = known.unwrap_or_else(|| {
            let name = cluster.database();
            databases.push((of, name.clone()));
            name
        });
        self.hyper.0.block_on(PostgresJournal::open(&cluster.address(&database))).unwrap()
    }
}

impl Adapter for Postgres {
    fn client(&self, setup: Setup) -> Result<Box<dyn Client>, BuildError> {
        let Setup { base_url, journal, policy, terminals, accept, holds, patience } = setup;
        let journal = Arc::new(self.journal(journal));
        let builder = self.hyper.builder(&base_url, journal, policy, terminals);
        let client = Some(asking(builder, accept, holds, patience).build()?);
        Ok(Box::new(Waits { client, runtime: self.hyper.0.clone(), journal: Weak::new() }))
    }
}

/// What looks into the journal in memory, or breaks it: `kicc-hyper`'s own tests do so with PostgreSQL.
const IN_MEMORY: [&str; 7] = [
    "r2_what_cannot_be_recorded_is_never_sent",
    "r2_while_the_journal_does_not_say_whether_it_was_recorded_it_is_open",
    "r3_what_this_call_could_not_record_is_never_sent_only_if_nobody_recorded_it",
    "r14_no_more_rescues_are_in_flight_than_this_process_has_a_share_of",
    "r16_what_this_call_could_not_record_is_not_attempted_only_if_nobody_else_refunded",
    "r17_a_stopping_client_leaves_its_rescues_to_recovery",
    "r24_after_a_restore_the_books_are_asked_and_not_written",
];

impl Hyper {
    fn builder(
        &self,
        base_url: &str,
        journal: Arc<dyn AsyncJournal>,
        policy: Policy,
        terminals: Vec<Terminal>,
    ) -> hyper::Builder {
        let http = kicc_hyper::http::Http::new(HttpSettings::new(base_url)).unwrap();
        let builder = hyper::Client::builder(http, journal).policy(policy);
        terminals.into_iter().fold(builder, hyper::Builder::terminal)
    }
}

fn borrowed(question: &hyper::Question) -> Question<'_> {
    let hyper::Question { key, amount, approval, record } = question;
    Question { key, amount, approval: approval.as_ref(), record }
}

struct Waits {
    /// Taken when it is dropped.
    client: Option<hyper::Client>,
    runtime: Handle,
    journal: Weak<MemoryJournal>,
}

#[derive(Debug)]
struct HyperSettled(hyper::Settled, Handle);

impl Settled for HyperSettled {
    fn end(&self) -> &End {
        &self.0
    }
    fn told(&self) -> Result<(), WriteError> {
        self.1.block_on(self.0.told())
    }
}

struct HyperUndecided<'c> {
    /// Taken by the decision, or when it is dropped.
    undecided: Option<hyper::Undecided>,
    client: &'c Waits,
}

impl Undecided for HyperUndecided<'_> {
    fn amount(&self) -> Won {
        self.undecided.as_ref().unwrap().record().unwrap().amount.total()
    }
    fn approval_number(&self) -> Option<Box<str>> {
        self.undecided.as_ref()?.approval()?.approval_number().map(Into::into)
    }
    fn accept(mut self: Box<Self>) -> Result<Progress, Error> {
        self.client.wait_for(self.undecided.take().unwrap().accept())
    }
    fn refuse(mut self: Box<Self>) -> Result<Progress, Error> {
        self.client.wait_for(self.undecided.take().unwrap().refuse())
    }
}

impl Drop for HyperUndecided<'_> {
    fn drop(&mut self) {
        let _runtime = self.client.runtime.enter();
        drop(self.undecided.take());
    }
}

impl Waits {
    fn client(&self) -> &hyper::Client {
        self.client.as_ref().unwrap()
    }

    fn wait_for(
        &self,
        call: impl Future<Output = Result<hyper::Progress, Error>>,
    ) -> Result<Progress, Error> {
        Ok(self.of_hyper(self.runtime.block_on(call)?))
    }

    fn of_hyper(&self, progress: hyper::Progress) -> Progress {
        match progress {
            hyper::Progress::Settled(settled) => {
                Progress::Settled(Box::new(HyperSettled(*settled, self.runtime.clone())))
            }
            hyper::Progress::Open(open) => Progress::Open(open),
        }
    }
}

impl Drop for Waits {
    /// Its holder is dead when the last task that has the journal is gone.
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            let (journal, _runtime) = (Arc::clone(client.journal()), self.runtime.enter());
            drop(client);
            drop(_runtime);
            if self.journal.strong_count() == 0 {
                self.runtime.block_on(journal.close());
            }
        }
        for _ in 0..5_000 {
            if self.journal.strong_count() == 0 {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Client for Waits {
    fn approve(&self, order: &Order) -> Result<Progress, Error> {
        self.wait_for(self.client().approve(order))
    }
    fn approve_at(&self, terminal: &str, order: &Order) -> Result<Progress, Error> {
        self.wait_for(self.client().approve_at(terminal, order))
    }
    fn begin(&self, order: &Order) -> Result<Begun<'_>, Error> {
        Ok(match self.runtime.block_on(self.client().begin(order))? {
            hyper::Begun::Undecided(undecided) => {
                Begun::Undecided(Box::new(HyperUndecided { undecided: Some(*undecided), client: self }))
            }
            hyper::Begun::Progress(progress) => Begun::Progress(self.of_hyper(progress)),
        })
    }
    fn outcome(&self, number: &TransactionNumber) -> Result<Option<Progress>, Error> {
        Ok(self.runtime.block_on(self.client().outcome(number))?.map(|progress| self.of_hyper(progress)))
    }
    fn wait(&self, number: &TransactionNumber, limit: Option<Duration>) -> Result<Progress, Error> {
        self.wait_for(self.client().wait(number, limit))
    }
    fn refund(&self, number: &TransactionNumber) -> Result<Progress, Error> {
        self.wait_for(self.client().refund(number))
    }
    fn refund_part(&self, number: &TransactionNumber, part: &PartialRefund) -> Result<Progress, Error> {
        self.wait_for(self.client().refund_part(number, part))
    }
    fn refund_elsewhere(&self, original: &Original) -> Result<Progress, Error> {
        self.wait_for(self.client().refund_elsewhere(original))
    }
    fn verify(&self, payment: &WindowPayment) -> Result<Verified, Error> {
        Ok(match self.runtime.block_on(self.client().verify(payment))? {
            hyper::Verified::Recorded(progress) => Verified::Recorded(self.of_hyper(progress)),
            hyper::Verified::Nothing(verdict) => Verified::Nothing(verdict),
            hyper::Verified::NoPayment => Verified::NoPayment,
        })
    }
    fn payment(&self, imp_uid: &ImpUid) -> Result<Option<Payment>, Error> {
        let settings = self.client().policy().products.iamport.as_ref().unwrap();
        self.runtime.block_on(self.client().call(&calls::payment(imp_uid, settings)))
    }
    fn prepare(&self, number: &TransactionNumber, amount: &Amount) -> Result<Prepared, Error> {
        self.runtime.block_on(self.client().call(&calls::prepare(number, amount)))
    }
    fn prepare_again(&self, number: &TransactionNumber, amount: &Amount) -> Result<Option<Prepared>, Error> {
        self.runtime.block_on(self.client().call(&calls::prepare_again(number, amount)))
    }
    fn delete_billing_key(&self, customer: &CustomerUid) -> Result<Option<BillingKey>, Error> {
        let call = calls::delete_billing_key(customer, None).unwrap();
        self.runtime.block_on(self.client().call(&call))
    }
    fn recover(&self, tell: &mut (dyn FnMut(&End) -> Told + Send)) -> Result<Report, Error> {
        let told = |settled: Arc<hyper::Settled>| std::future::ready(tell(&settled));
        let report = self.runtime.block_on(self.client().recover(hyper::Recovery::default(), told))?;
        let hyper::Report { settled, told_again, untold, still_open, .. } = report;
        Ok(Report { settled, told_again, untold, still_open })
    }
    fn stop(&self) {
        self.client().stop();
    }
}

fn main() -> ExitCode {
    let runtime = Arc::new(Runtime::new().unwrap());
    let (cluster, programs) = (Arc::new(OnceLock::new()), Programs::find());
    let mut trials = Vec::new();
    for case in cases() {
        let handle = runtime.handle().clone();
        trials.push(trial(format!("kicc-ureq::{}", case.name), move || case.run(&Ureq)));
        trials.push(trial(format!("kicc-hyper::{}", case.name), move || case.run(&Hyper(handle))));
        if !IN_MEMORY.contains(&case.name) {
            let name = format!("kicc-hyper-on-postgresql::{}", case.name);
            let (handle, cluster) = (runtime.handle().clone(), Arc::clone(&cluster));
            trials.push(with(&programs, name, move |programs| {
                case.run(&Postgres::new(handle, cluster, programs));
            }));
        }
    }
    for product in Product::ALL {
        let handle = runtime.handle().clone();
        let name = format!("r7_r17_every_fault_of_{}_takes_the_same_steps_to_its_end", product.as_str());
        trials.push(trial(name, move || every_fault(product, &handle)));
        let name = format!("r7_every_fault_of_{}_ends_as_it_should_on_postgresql", product.as_str());
        let (handle, cluster) = (runtime.handle().clone(), Arc::clone(&cluster));
        trials.push(with(&programs, name, move |programs| {
            every_fault_on(&Postgres::new(handle, cluster, programs), product);
        }));
    }
    let mut arguments = Arguments::from_args();
    // They wait for most of their time.
    arguments.test_threads.get_or_insert(6);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A trial that needs PostgreSQL.
fn with(
    programs: &Result<Programs, String>,
    name: String,
    run: impl FnOnce(Programs) + Send + 'static,
) -> Trial {
    match programs.clone() {
        Ok(programs) => trial(name, move || run(programs)),
        Err(why) if std::env::var_os("KICC_NO_SKIP").is_some_and(|value| value == "1") => {
            Trial::test(name, move || Err(format!("cannot run here: {why}").into()))
        }
        Err(why) => {
            eprintln!("{name} is skipped: {why}");
            trial(name, || {}).with_ignored_flag(true)
        }
    }
}

fn trial(name: String, run: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        run();
        Ok(())
    })
}

/// R7: every fault of a product ends as the table says.
fn every_fault_on(adapter: &dyn Adapter, product: Product) {
    let van = Van::start(faults::van()).unwrap();
    let client = adapter.client(setup(&van, product)).unwrap();
    let orders = faults::orders(product);
    let ends = faults::run(&*client, &orders);
    let ledger = van.ledger();
    for (order, ended) in orders.iter().zip(&ends) {
        order.check(&ended.outcome, &ledger);
    }
    assert_eq!(ledger.violations, Vec::<String>::new());
}

/// R7, R17: every fault of a product ends as the table says, on both adapters and on both kinds of journal, and the
/// steps that led there are the same.
fn every_fault(product: Product, runtime: &Handle) {
    let (ureq, hyper) = (Ureq, Hyper(runtime.clone()));
    let orders = faults::orders(product);
    let on = |client: &dyn Fn(&Van) -> Box<dyn Client>| {
        let van = Van::start(faults::van()).unwrap();
        let client = client(&van);
        let ends = faults::run(&*client, &orders);
        let ledger = van.ledger();
        for (order, ended) in orders.iter().zip(&ends) {
            order.check(&ended.outcome, &ledger);
        }
        assert_eq!(ledger.violations, Vec::<String>::new());
        ends
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let [blocking, memory, sqlite] = thread::scope(|scope| {
        let of_ureq = scope.spawn(|| on(&|van| ureq.client(setup(van, product)).unwrap()));
        let in_memory = scope.spawn(|| on(&|van| hyper.client(setup(van, product)).unwrap()));
        let in_a_file = scope.spawn(|| {
            on(&|van| {
                let Setup { base_url, policy, terminals, .. } = setup(van, product);
                let journal = Arc::new(runtime.block_on(SqliteJournal::open(&file)).unwrap());
                let builder = hyper
                    .builder(&base_url, journal, policy, terminals)
                    .accept_step(async |question: hyper::Question| faults::accept(&borrowed(&question)));
                let client = Some(builder.build().unwrap());
                Box::new(Waits { client, runtime: runtime.clone(), journal: Weak::new() })
            })
        });
        [of_ureq, in_memory, in_a_file].map(|thread| thread.join().unwrap())
    });
    for (((order, blocking), memory), sqlite) in orders.iter().zip(&blocking).zip(&memory).zip(&sqlite) {
        assert!(!blocking.steps.is_empty(), "{}", order.plan);
        if order.is_timed() {
            continue;
        }
        assert_eq!(blocking.steps, memory.steps, "{}: kicc-ureq and kicc-hyper", order.plan);
        assert_eq!(memory.steps, sqlite.steps, "{}: in memory and in a file", order.plan);
    }
    println!("{}: {} orders took the same steps", product.as_str(), orders.len());
}

fn setup(van: &Van, product: Product) -> Setup {
    let (answer_timeout, quiet_period) = faults::TIMES;
    Setup {
        base_url: van.base_url(),
        journal: MemoryJournal::new(),
        policy: policy(answer_timeout, quiet_period),
        terminals: vec![match product {
            Product::Simple => simple_terminal("T123456789"),
            Product::EasyTalk => easytalk_terminal(),
            Product::Iamport => iamport_terminal(),
        }],
        accept: Some(Arc::new(faults::accept)),
        holds: None,
        patience: None,
    }
}
