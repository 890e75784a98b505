//! `kicc storm`: orders through every fault of the simulated VAN, and both books compared after it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use kicc_proto::{
    flow::{Charged, Outcome, Policy},
    product::Merchant,
    simple,
    time::Millis,
    values::{
        Amount, BusinessNumber, ChannelId, Environment, Invalid, Parts, Secret, ServiceId, TerminalId,
        TokenKey, TransactionNumber, Won,
    },
    wire::sign::HmacSha256,
};
use kicc_testkit::van::{
    self, BookEntry, Disagreement, Ledger, Van, VanConfig,
    faults::{End, Fault, Plan, Rescue},
};
use kicc_ureq::{
    Client, Progress,
    client::{Answer, Question, Signing, Terminal},
    http::{Http, HttpSettings},
    journal::SqliteJournal,
};

use crate::{
    exit::{Exit, Fail},
    printer,
    result::operator,
    words,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many orders; they go round all cases, of which there are about fifty
    #[arg(long, value_name = "N", default_value = "600", value_parser = clap::value_parser!(u32).range(1..=9999))]
    orders: u32,
    /// Decides the order of arrival, and which faults meet which rescues
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// How many times faster than in life waits go by
    #[arg(long, value_name = "N", default_value = "33", value_parser = clap::value_parser!(u64).range(1..=100))]
    scale: u64,
    /// How many orders are under way at once
    #[arg(long, value_name = "N", default_value = "48", value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
}

/// What an order meets.
struct Case {
    name: String,
    van: Meets,
    door: Door,
    books: Books,
    expected: End,
}

/// What the VAN does with it.
#[derive(Clone, Copy)]
enum Meets {
    Plan(Plan),
    /// Any fault that needs a rescue, and this.
    Any(Rescue),
}

/// Where its client connects to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Van,
    Refuse,
    NoTls,
}

/// What the merchant's accept step says.
#[derive(Clone, Copy)]
enum Books {
    Held,
    NotHeld,
    /// Twice, and then held.
    CannotTellYet,
    CannotTell,
}

struct Job {
    case: usize,
    number: TransactionNumber,
    amount: u64,
}

/// What became of an order.
struct Ended {
    job: Job,
    result: Result<Progress, kicc_ureq::Error>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let folder = tempfile::tempdir()?;
    let journal = Arc::new(SqliteJournal::open(folder.path().join("journal")).map_err(Fail::io)?);
    let policy = policy(args);
    let van = Van::start(VanConfig {
        late: Duration::from_millis(policy.quiet_period.0 / 3),
        drip: Duration::from_micros(100),
        ..VanConfig::default()
    })?;
    let cases = cases();
    let jobs = jobs(args, &cases)?;
    let mut out = io::stdout();
    introduce(args, &policy, &jobs, &cases, &mut out)?;
    let shop = Arc::new(Shop {
        says: jobs.iter().map(|job| (job.number.clone(), cases[job.case].books)).collect(),
        held: Mutex::default(),
    });
    let clients = Clients::new(&van, &policy, &journal, &shop)?;
    let bar = if io::stderr().is_terminal() { printer::bar(jobs.len()) } else { ProgressBar::hidden() };
    let began = Instant::now();
    let ended = pay(jobs, &cases, &clients, args.concurrency, &bar)?;
    bar.finish_and_clear();
    let took = began.elapsed().as_secs_f64();
    let unexpected = table(&cases, &ended, &mut out)?;
    let agree = reconcile(&van.ledger(), &ended, &cases, &shop, &mut out)?;
    let count = van.counts();
    writeln!(
        out,
        "{} orders in {took:.1} s: {} approvals, {} net-cancels and {} cancels reached the VAN",
        ended.len(),
        count.approvals,
        count.net_cancels,
        count.cancels
    )?;
    Ok(if unexpected == 0 && agree { Exit::DONE } else { Exit::UNEXPECTED })
}

/// The default policy with shorter waits. Permissions (`send_by`, `lease`) are upper bounds and cost no time.
fn policy(args: &Args) -> Policy {
    let mut policy = Policy::default();
    for span in [
        &mut policy.answer_timeout,
        &mut policy.quiet_period,
        &mut policy.backoff_first,
        &mut policy.backoff_cap,
    ] {
        span.0 /= args.scale;
    }
    policy.rescue_attempts = 8;
    policy.rescues_in_flight = u32::from(args.concurrency);
    // Every rescue on a slow machine is over by then; an accept step that cannot tell is asked until then.
    policy.horizon = Millis(400_000 / args.scale).max(Millis::from_secs(12));
    policy
}

fn cases() -> Vec<Case> {
    let case = |name: &str, van: Meets, expected: End| Case {
        name: name.to_owned(),
        van,
        door: Door::Van,
        books: Books::Held,
        expected,
    };
    let plan = |fault: Fault, rescue: Option<Rescue>| Meets::Plan(Plan { fault, rescue });
    let ok = |rescue: Option<Rescue>| plan(Fault::Ok, rescue);
    let faults = Fault::all().map(|fault| case(fault.row().name, plan(fault, None), fault.row().end));
    let rescues = [Rescue::Hang, Rescue::HangDone, Rescue::Reset, Rescue::ServerError, Rescue::ProvesNothing];
    let rescues = rescues.map(|rescue| {
        let row = rescue.row();
        case(&format!("any of these, {}", row.name), Meets::Any(rescue), row.end)
    });
    let unproven = plan(Fault::DeclineUnlisted, Some(Rescue::ProvesNothing));
    let (refused, hangs) = (Some(Rescue::CancelRefused), Some(Rescue::CancelHangDone));
    let not_held =
        |name: &str, rescue| Case { books: Books::NotHeld, ..case(name, ok(rescue), End::Reversed) };
    let door = |name: &str, door| Case { door, ..case(name, ok(None), End::NeverSent) };
    faults
        .chain(rescues)
        .chain([
            case("decline_unlisted, rescue_proves_nothing", unproven, End::NeedsOperator),
            not_held("ok, accept step: not held", None),
            not_held("ok, not held, cancel_hang_done", hangs),
            not_held("ok, not held, cancel_refused", refused),
            Case {
                books: Books::CannotTellYet,
                ..case("ok, accept step: cannot tell twice", ok(None), End::Approved)
            },
            Case {
                books: Books::CannotTell,
                ..case("ok, accept step: never can tell", ok(None), End::NeedsOperator)
            },
            door("refuse: no connection", Door::Refuse),
            door("tls: no handshake", Door::NoTls),
        ])
        .collect()
}

/// Orders round all cases, in an order that the seed decides.
fn jobs(args: &Args, cases: &[Case]) -> Result<VecDeque<Job>, Fail> {
    let unknown: Vec<Fault> = Fault::all().filter(|fault| fault.row().end == End::Reversed).collect();
    let mut jobs = Vec::new();
    for (serial, case) in (1..=args.orders).zip((0..cases.len()).cycle()) {
        let dice = dice(args.seed, serial);
        let mut plan = match cases[case].van {
            Meets::Plan(plan) => plan,
            Meets::Any(rescue) => {
                Plan { fault: unknown[dice as usize % unknown.len()], rescue: Some(rescue) }
            }
        };
        if let Fault::Cut(byte) = &mut plan.fault {
            *byte = (dice >> 32) as u32 % 1_000;
        }
        let number = TransactionNumber::new(&plan.number(serial)).map_err(Fail::input)?;
        // Ends in a zero: no magic amount.
        jobs.push((dice, Job { case, number, amount: 1_000 + 10 * u64::from(serial) }));
    }
    // Those that only the horizon ends come first, or they alone would be waited for at the end.
    let slow = |job: &Job| matches!(cases[job.case].books, Books::CannotTell);
    jobs.sort_by_key(|(dice, job)| (!slow(job), *dice));
    Ok(jobs.into_iter().map(|(_, job)| job).collect())
}

fn dice(seed: u64, serial: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, serial).hash(&mut hasher);
    hasher.finish()
}

/// The merchant: what the accept step says of each number, and what the shop's own book holds.
struct Shop {
    says: HashMap<TransactionNumber, Books>,
    held: Mutex<BTreeSet<TransactionNumber>>,
}

impl Shop {
    fn accept(&self, question: &Question<'_>) -> Answer {
        let number = &question.key.number;
        match self.says.get(number) {
            Some(Books::NotHeld) | None => Answer::NotHeld,
            Some(Books::CannotTell) => Answer::CannotTell,
            Some(Books::CannotTellYet) if question.record.rescue.asked < 2 => Answer::CannotTell,
            Some(Books::CannotTellYet | Books::Held) => {
                self.held().insert(number.clone());
                Answer::Held
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<TransactionNumber>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client for each door; they share the journal.
struct Clients {
    van: Client,
    refuse: Client,
    no_tls: Client,
}

impl Clients {
    fn new(
        van: &Van,
        policy: &Policy,
        journal: &Arc<SqliteJournal>,
        shop: &Arc<Shop>,
    ) -> Result<Clients, Fail> {
        let client = |url: String| {
            let shop = Arc::clone(shop);
            Client::builder(Http::new(HttpSettings::new(url)).map_err(Fail::input)?, journal.clone())
                .policy(policy.clone())
                .terminal(terminal().map_err(Fail::input)?)
                .accept_step(move |question: &Question<'_>| shop.accept(question))
                .build()
                .map_err(Fail::input)
        };
        Ok(Clients {
            van: client(van.base_url())?,
            refuse: client(format!("http://{}", van.refusing_addr()))?,
            no_tls: client(format!("https://{}", van.addr()))?,
        })
    }

    fn of(&self, door: Door) -> &Client {
        match door {
            Door::Van => &self.van,
            Door::Refuse => &self.refuse,
            Door::NoTls => &self.no_tls,
        }
    }
}

/// As the VAN knows it by default.
fn terminal() -> Result<Terminal, Invalid> {
    let defaults = VanConfig::default();
    Ok(Terminal {
        merchant: Merchant::Simple(simple::Merchant {
            environment: Environment::new("storm")?,
            terminal_id: TerminalId::new("T123456789")?,
            service_id: ServiceId::new("SVC_SIMPLE")?,
            business_number: BusinessNumber::new("1234567890")?,
        }),
        signing: Some(Signing {
            channel_id: ChannelId::new(&defaults.channel_id)?,
            signer: Arc::new(HmacSha256::new(&Secret::from_utf8("sandbox-secret-key"))),
        }),
    })
}

fn pay(
    jobs: VecDeque<Job>,
    cases: &[Case],
    clients: &Clients,
    concurrency: u16,
    bar: &ProgressBar,
) -> Result<Vec<Ended>, Fail> {
    let token = TokenKey::new("TOKEN_OF_A_STORM").map_err(Fail::input)?;
    let (jobs, ended) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        for _ in 0..concurrency {
            scope.spawn(|| {
                while let Some(job) = next() {
                    let result = Amount::new(Won(job.amount), Parts::default())
                        .map_err(kicc_ureq::Error::from)
                        .map(|amount| simple::Order::new(job.number.clone(), amount, token.clone()))
                        .and_then(|order| clients.of(cases[job.case].door).approve(&order));
                    if let Ok(Progress::Settled(settled)) = &result {
                        printer::told(settled);
                    }
                    bar.inc(1);
                    ended.lock().unwrap_or_else(PoisonError::into_inner).push(Ended { job, result });
                }
            });
        }
    });
    Ok(ended.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Ended {
    fn outcome(&self) -> Option<&Outcome> {
        match &self.result {
            Ok(Progress::Settled(settled)) => settled.outcome(),
            _ => None,
        }
    }

    /// What was reported, also where it is no outcome.
    fn seen(&self) -> &'static str {
        match &self.result {
            Ok(Progress::Open(_)) => "open",
            Err(_) => "error",
            Ok(Progress::Settled(_)) => self.outcome().map_or("refund", Outcome::name),
        }
    }

    fn charged(&self) -> Charged {
        self.outcome().map_or(Charged::Unknown, Outcome::charged)
    }
}

fn introduce(
    args: &Args,
    policy: &Policy,
    jobs: &VecDeque<Job>,
    cases: &[Case],
    out: &mut impl Write,
) -> io::Result<()> {
    let fewest = jobs.len() / cases.len();
    let seconds = |span: Millis| span.0 as f64 / 1_000.0;
    let life = Policy::default();
    writeln!(
        out,
        "{} orders, each of {} cases at least {fewest} times, {} at once, seed {}",
        jobs.len(),
        cases.len(),
        args.concurrency,
        args.seed
    )?;
    writeln!(
        out,
        "time scale 1:{}: an answer is awaited {:.2} s instead of {} s, the quiet period is {:.2} s instead of {} s; the \
         horizon is {:.1} s instead of {} h",
        args.scale,
        seconds(policy.answer_timeout),
        seconds(life.answer_timeout),
        seconds(policy.quiet_period),
        seconds(life.quiet_period),
        seconds(policy.horizon),
        seconds(life.horizon) / 3_600.0
    )
}

/// The outcomes of each case; how many are not the only acceptable one.
fn table(cases: &[Case], ended: &[Ended], out: &mut impl Write) -> io::Result<usize> {
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or_default();
    writeln!(out, "\n{:<width$}  orders  {:<14}  outcomes", "the VAN, the shop", "acceptable")?;
    let mut unexpected = 0;
    for (at, case) in cases.iter().enumerate() {
        let mut seen = BTreeMap::<&str, usize>::new();
        for one in ended.iter().filter(|one| one.job.case == at) {
            *seen.entry(one.seen()).or_default() += 1;
        }
        let (orders, expected) = (seen.values().sum::<usize>(), case.expected.as_str());
        let wrong = orders - seen.get(expected).copied().unwrap_or_default();
        unexpected += wrong;
        let outcomes: Vec<String> = seen.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let verdict = if wrong == 0 { "ok" } else { "WRONG" };
        writeln!(
            out,
            "{:<width$}  {orders:>6}  {expected:<14}  {}  {verdict}",
            case.name,
            outcomes.join(", ")
        )?;
    }
    for one in ended.iter().filter(|one| one.seen() != cases[one.job.case].expected.as_str()) {
        writeln!(out, "WRONG: {} ({}): {}", one.job.number, cases[one.job.case].name, story(one))?;
    }
    Ok(unexpected)
}

fn story(one: &Ended) -> String {
    match (&one.result, one.outcome()) {
        (Err(error), _) => format!("error: {error}"),
        (_, Some(Outcome::Reversed(why))) => format!("reversed: {}", words::reversed(why)),
        (_, Some(Outcome::NeverSent(why))) => format!("never sent: {}", words::not_sent(*why)),
        (_, Some(Outcome::Declined(said))) => format!("declined: {said}"),
        (_, Some(Outcome::NeedsOperator { why, resolution, .. })) => operator(why, resolution.as_ref()),
        _ => one.seen().to_owned(),
    }
}

/// Compares the VAN's books with what was reported, and with what the shop holds. Whether all agree.
fn reconcile(
    ledger: &Ledger,
    ended: &[Ended],
    cases: &[Case],
    shop: &Shop,
    out: &mut impl Write,
) -> io::Result<bool> {
    let book = ended.iter().map(|one| BookEntry {
        number: one.job.number.to_string(),
        amount: one.job.amount,
        charged: match one.charged() {
            Charged::Yes => van::Charged::Yes,
            Charged::No => van::Charged::No,
            Charged::Unknown => van::Charged::Unknown,
        },
    });
    let disagreements = ledger.disagreements(book);
    let mut wrong: Vec<String> = ledger.violations.clone();
    let (mut lost, mut doubled) = (0, 0);
    for disagreement in &disagreements {
        match disagreement {
            Disagreement::ForAPerson { .. } => continue,
            Disagreement::Doubled { .. } => doubled += 1,
            Disagreement::Lost { .. }
            | Disagreement::NotStanding { .. }
            | Disagreement::AmountDiffers { .. } => {
                lost += 1;
            }
        }
        wrong.push(disagreement.to_string());
    }
    let held = shop.held();
    for one in ended {
        let number = &one.job.number;
        if held.contains(number) != matches!(one.outcome(), Some(Outcome::Approved(_))) {
            wrong.push(format!("{number}: reported as {}, but the shop's book says otherwise", one.seen()));
        }
        let approvals = ledger.approvals(number.as_str());
        let sent = u32::from(cases[one.job.case].expected != End::NeverSent);
        if approvals != sent {
            wrong.push(format!("{number}: {approvals} approval requests instead of {sent}"));
        }
    }
    let mut persons: Vec<&Ended> = ended
        .iter()
        .filter(|one| !matches!(one.outcome(), Some(outcome) if outcome.name() != "needs_operator"))
        .collect();
    persons.sort_by_key(|one| (one.job.case, &one.job.number));
    writeln!(out, "\nfor a person:")?;
    for one in &persons {
        let number = one.job.number.as_str();
        let stands = if ledger.standing(number) { "stands" } else { "nothing stands" };
        writeln!(
            out,
            "  {number:<20}  charged: {:<7}  at the VAN: {stands:<14}  {}",
            one.charged().as_str(),
            story(one)
        )?;
    }
    for wrong in &wrong {
        writeln!(out, "WRONG: {wrong}")?;
    }
    writeln!(out, "\n{lost} lost, {doubled} doubled, {} for a person", persons.len())?;
    Ok(wrong.is_empty())
}

#[cfg(test)]
mod tests {
    use kicc_testkit::van::faults::{self, Stage};

    use super::*;

    #[test]
    fn every_line_of_the_fault_table_has_a_case() {
        let cases = cases();
        for row in faults::table() {
            let has = |case: &Case| case.name.split([' ', ',', ':']).any(|word| word == row.name);
            assert!(cases.iter().any(has), "{} ({:?})", row.name, row.stage == Stage::Door);
        }
    }

    #[test]
    fn by_default_every_case_comes_at_least_ten_times() {
        let args = <crate::Cli as clap::Parser>::try_parse_from(["kicc", "storm"]).unwrap();
        let crate::Cli::Storm(args) = args else { panic!("another command") };
        let cases = cases();
        let jobs = jobs(&args, &cases).unwrap();
        for (at, case) in cases.iter().enumerate() {
            assert!(jobs.iter().filter(|job| job.case == at).count() >= 10, "{}", case.name);
        }
        assert_eq!(policy(&args).check(true), Ok(()));
    }
}
