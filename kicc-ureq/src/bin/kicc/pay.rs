//! `kicc pay`: orders in, one result line out for each as soon as its end is known and durable.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use kicc_proto::{flow::Outcome, iamport::Verdict, product::Order as _};
use kicc_ureq::{Client, Error, Open, Progress, client::Verified};

use crate::{
    accept::AcceptArgs,
    client::{self, Files},
    exit::{Exit, Fail},
    lines::BadLine,
    orders::{Numbered, Order, Reader},
    printer::Printer,
    result::Format,
    signals,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// One order per line as JSON; `-` is standard input
    #[arg(long, value_name = "FILE|-")]
    orders: PathBuf,
    /// Answer line by line, instead of reading and checking the whole input first
    #[arg(long)]
    stream: bool,
    /// How results are written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
    #[command(flatten)]
    accept: AcceptArgs,
    /// How many orders are under way at once
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Take numbers of up to 40 bytes; a reply has room for 20, so the first 20 had better be unique
    #[arg(long)]
    long_numbers: bool,
}

/// What a worker is given.
enum Job {
    Order(Box<Numbered>),
    Bad(BadLine),
    InputFailed(io::Error),
}

/// What a worker hands to the printer.
pub enum Event {
    /// A line that is no order.
    Bad(BadLine),
    /// Reading went wrong: there may be orders that nobody saw.
    InputFailed(io::Error),
    /// A payment in the window of which nothing stands for the order: nothing was recorded.
    NotPaid {
        /// The input line, from 1.
        line: usize,
        /// The order's number.
        number: String,
        /// What it means; `None`: there is no such payment.
        verdict: Option<Verdict>,
    },
    /// What may be told of a reversal already; the end follows (R13d).
    Early(Box<Open>, Outcome),
    /// The end, or why there is none.
    Ended {
        /// The input line, from 1.
        line: usize,
        /// The order's number.
        number: String,
        /// What came of it.
        result: Result<Progress, Error>,
        /// What was told early.
        early: Option<Outcome>,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let config = args.files.config()?;
    let reader = Reader::new(&config, args.long_numbers)?;
    let input = open(&args.orders)?;
    let (jobs, total) = if args.stream {
        (stream(reader, input, args.concurrency), None)
    } else {
        let orders = whole(&reader, input)?;
        let total = orders.len();
        (queue(orders), Some(total))
    };
    let journal = client::open_journal(&args.files.journal)?;
    let client = client::client(
        &config,
        &[config.product],
        Arc::clone(&journal),
        config.accept.clone().with(&args.accept),
    )?;
    let stopping = Arc::new(AtomicBool::new(false));
    let (stopped, stopped_client) = (Arc::clone(&stopping), client.clone());
    let _on_stop = signals::OnStop::call(move || {
        eprintln!("kicc: stopping: what is under way finishes its exchange; a second signal ends at once");
        stopped.store(true, Ordering::SeqCst);
        stopped_client.stop();
    })?;
    let mut printer = Printer::new(client.policy().codes.clone(), args.output, total);
    work(&client, jobs, &stopping, args.concurrency, |event| {
        if printer.print(event).is_err() {
            stopping.store(true, Ordering::SeqCst);
            client.stop();
        }
    });
    client::warn_of_mark(&*journal);
    Ok(printer.finish())
}

/// The orders' file, or standard input.
pub fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, Fail> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(|error| Fail::input(format!("{}: {error}", path.display())))?;
    Ok(Box::new(BufReader::new(file)))
}

/// All orders, or every bad line on standard error.
fn whole(reader: &Reader, input: impl BufRead) -> Result<Vec<Numbered>, Fail> {
    reader.all(input)?.map_err(|bad| refuse(&bad))
}

/// Names every bad line on standard error.
pub fn refuse(bad: &[BadLine]) -> Fail {
    for BadLine { line, number, why } in bad {
        let number = number.as_deref().map(|number| format!("{number:?}: ")).unwrap_or_default();
        eprintln!("kicc: line {line}: {number}{why}");
    }
    Fail::input(format!("lines that cannot be used: {}; nothing was sent", bad.len()))
}

fn queue(orders: Vec<Numbered>) -> Receiver<Job> {
    let (jobs, queue) = mpsc::channel();
    for order in orders {
        // The other end is here.
        let _ = jobs.send(Job::Order(Box::new(order)));
    }
    queue
}

fn stream(reader: Reader, input: impl BufRead + Send + 'static, ahead: u16) -> Receiver<Job> {
    let (jobs, queue) = mpsc::sync_channel(usize::from(ahead));
    // Not joined: it may stand in a read for ever, and then ends with the process.
    thread::spawn(move || {
        let read = reader.each(input, |read| {
            jobs.send(read.map_or_else(Job::Bad, |order| Job::Order(Box::new(order)))).is_ok()
        });
        if let Err(error) = read {
            let _ = jobs.send(Job::InputFailed(error));
        }
    });
    queue
}

/// Works until the queue is at its end, or until the process is stopping; then what was read and not taken any more
/// is answered too.
fn work(
    client: &Client,
    jobs: Receiver<Job>,
    stopping: &AtomicBool,
    workers: u16,
    mut tell: impl FnMut(Event),
) {
    let jobs = Mutex::new(jobs);
    thread::scope(|scope| {
        let (events, told) = mpsc::channel();
        for _ in 0..workers {
            let (jobs, events) = (&jobs, events.clone());
            scope.spawn(move || {
                while let Some(job) = next(jobs, stopping) {
                    perform(client, job, &events);
                }
            });
        }
        drop(events);
        for event in told {
            tell(event);
        }
    });
    for job in jobs.into_inner().unwrap_or_else(PoisonError::into_inner).try_iter() {
        tell(match job {
            Job::Order(order) => Event::Ended {
                line: order.line,
                number: order.order.number().to_string(),
                result: Err(Error::Stopping),
                early: None,
            },
            Job::Bad(bad) => Event::Bad(bad),
            Job::InputFailed(error) => Event::InputFailed(error),
        });
    }
}

/// How soon an idle worker notices that the process is stopping.
const STOP_CHECK: Duration = Duration::from_millis(100);

fn next(jobs: &Mutex<Receiver<Job>>, stopping: &AtomicBool) -> Option<Job> {
    while !stopping.load(Ordering::SeqCst) {
        match jobs.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(STOP_CHECK) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
}

fn perform(client: &Client, job: Job, events: &Sender<Event>) {
    // The printer outlives the workers.
    let tell = |event| {
        let _ = events.send(event);
    };
    let Numbered { line, order, .. } = match job {
        Job::Order(order) => *order,
        Job::Bad(bad) => return tell(Event::Bad(bad)),
        Job::InputFailed(error) => return tell(Event::InputFailed(error)),
    };
    let number = order.number().to_string();
    let mut result = match &order {
        Order::Window(payment) => match client.verify(payment) {
            Ok(Verified::Recorded(progress)) => Ok(progress),
            Ok(Verified::Nothing(verdict)) => {
                return tell(Event::NotPaid { line, number, verdict: Some(verdict) });
            }
            Ok(Verified::NoPayment) => return tell(Event::NotPaid { line, number, verdict: None }),
            Err(error) => Err(error),
        },
        order => client.approve(order),
    };
    let mut early = None;
    if let Ok(Progress::Open(open)) = &mut result
        && let Some(outcome) = open.provisional.take()
    {
        early = Some(outcome.clone());
        let wait = client.wait(order.number(), None);
        if let Ok(Progress::Open(open)) = std::mem::replace(&mut result, wait) {
            tell(Event::Early(open, outcome));
        }
    }
    tell(Event::Ended { line, number, result, early });
}
