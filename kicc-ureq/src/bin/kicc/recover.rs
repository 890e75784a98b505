//! `kicc recover`: every open record to its end, every end told, and what waits for a person.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use kicc_proto::{
    codes::Codes,
    journal::{Force, Key},
    values::TransactionNumber,
};
use kicc_ureq::{
    Client, Progress,
    client::{Recovery, Report, Told},
};
use serde::Serialize;

use crate::{
    accept::AcceptArgs,
    client::{self, Files},
    exit::{Exit, Fail},
    printer,
    result::{self, Format, Told as Line},
    signals,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// How results are written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
    /// Instead: try this parked number again, with a new budget
    #[arg(long, value_name = "N", value_parser = TransactionNumber::new_long)]
    retry: Option<TransactionNumber>,
    /// Take over also what a living worker holds, once its lease is over: you say that it hangs
    #[arg(long)]
    even_if_held: bool,
    #[command(flatten)]
    accept: AcceptArgs,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let config = args.files.config()?;
    let journal = client::open_journal(&args.files.journal)?;
    let client = client::client(
        &config,
        &args.files.products(&config),
        Arc::clone(&journal),
        config.accept.clone().with(&args.accept),
    )?;
    let stopped = client.clone();
    let _on_stop = signals::OnStop::call(move || {
        eprintln!("kicc: stopping: what is under way finishes its exchange; a second signal ends at once");
        stopped.stop();
    })?;
    let codes = &config.policy.codes;
    let exit = match &args.retry {
        Some(number) => retry(&client, number, args.output, codes)?,
        None => all(&client, args, codes)?,
    };
    client::warn_of_mark(&*journal);
    Ok(exit)
}

fn retry(client: &Client, number: &TransactionNumber, format: Format, codes: &Codes) -> Result<Exit, Fail> {
    let progress = client.retry(number)?.map_err(Fail::input)?;
    let mut out = io::stdout();
    Line::progress(&progress, number.as_str(), codes).write(format, &mut out)?;
    out.flush()?;
    if let Progress::Settled(settled) = &progress {
        printer::told(settled);
    }
    Ok(result::exit(&progress))
}

fn all(client: &Client, args: &Args, codes: &Codes) -> Result<Exit, Fail> {
    let force = if args.even_if_held { Force::LapsedEvenIfAlive } else { Force::DeadOrLapsed };
    let mut out = io::stdout();
    let mut broken = None;
    let report = client.recover(Recovery { force }, |settled| {
        // What is not out does not count as told (R22); what is open is rescued all the same.
        if broken.is_none() {
            let line = Line::settled(settled, "", codes).write(args.output, &mut out);
            broken = line.and_then(|()| out.flush()).err();
        }
        if broken.is_none() { Told::Yes } else { Told::NotYet }
    })?;
    if let Some(error) = broken {
        eprintln!("kicc: the output cannot be written: {error}: {} ends are still to be told", report.untold);
        return Ok(Exit::INPUT_OUTPUT);
    }
    match args.output {
        Format::Json => result::json(&Summary::new(&report), &mut out)?,
        Format::Text => text(&report, codes, &mut out)?,
    }
    out.flush()?;
    let open = !(report.held.is_empty() && report.left_alone.is_empty() && report.still_open.is_empty());
    Ok(match (open, report.parked.is_empty()) {
        (true, _) => Exit::LEFT_OPEN,
        (false, false) => Exit::NEEDS_OPERATOR,
        (false, true) => Exit::DONE,
    })
}

/// The last line of a run.
#[derive(Serialize)]
struct Summary<'a> {
    settled: usize,
    told_again: usize,
    parked: Vec<Named<'a>>,
    held: Vec<Named<'a>>,
    left_alone: Vec<LeftAlone<'a>>,
    still_open: Vec<Named<'a>>,
}

/// A number is one of its product.
#[derive(Serialize)]
struct Named<'a> {
    number: &'a str,
    product: &'static str,
}

#[derive(Serialize)]
struct LeftAlone<'a> {
    number: &'a str,
    why: &'a str,
}

impl<'a> Summary<'a> {
    fn new(report: &'a Report) -> Self {
        let parked = report.parked.iter().filter_map(|settled| settled.record());
        Summary {
            settled: report.settled,
            told_again: report.told_again,
            parked: parked.map(|record| Named::new(&record.key)).collect(),
            held: report.held.iter().map(Named::new).collect(),
            left_alone: report.left_alone.iter().map(|(number, why)| LeftAlone { number, why }).collect(),
            still_open: report.still_open.iter().map(|open| Named::new(&open.key)).collect(),
        }
    }
}

impl<'a> Named<'a> {
    fn new(key: &'a Key) -> Self {
        Named { number: key.number.as_str(), product: key.product.as_str() }
    }
}

fn text(report: &Report, codes: &Codes, out: &mut impl io::Write) -> io::Result<()> {
    let summary = Summary::new(report);
    writeln!(out, "settled: {}, told again: {}", summary.settled, summary.told_again)?;
    if !report.parked.is_empty() {
        writeln!(out, "waiting for a person (see `kicc journal show N`):")?;
    }
    for parked in &report.parked {
        write!(out, "  ")?;
        Line::settled(parked, "", codes).write(Format::Text, out)?;
    }
    for (what, numbers) in [("held by a living worker", &summary.held), ("still open", &summary.still_open)] {
        if !numbers.is_empty() {
            let numbers: Vec<String> =
                numbers.iter().map(|Named { number, product }| format!("{number} ({product})")).collect();
            writeln!(out, "{what}: {}", numbers.join(", "))?;
        }
    }
    for LeftAlone { number, why } in &summary.left_alone {
        writeln!(out, "left alone: {number}: {why}")?;
    }
    Ok(())
}
