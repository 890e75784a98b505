//! `kicc journal`: the operator's tools.

use std::{
    collections::HashSet,
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kicc_proto::{
    codes::Codes,
    flow::{Verdict, outcome::Resolution},
    journal::{
        Journal, Kind, Listing, Row, Standing,
        record::{Record, RecordError},
    },
    time::UnixMillis,
    values::{KstDate, TransactionNumber, Won},
};
use kicc_ureq::Progress;
use serde::Serialize;

use crate::{
    client::{self, Files},
    diagram,
    exit::{Exit, Fail},
    result::{self, ApprovalLine, Format, Told},
    timeline,
    times::{self, Span},
    transfer, words,
};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Lists what needs somebody: open, parked and untold records
    List(ListArgs),
    /// Tells everything that happened to one number, and what to do next
    Show(ShowArgs),
    /// Says what is so with a parked number; final
    Resolve(ResolveArgs),
    /// Removes old closed records; their numbers stay refused
    Prune(PruneArgs),
    /// Says that the journal was restored from a backup
    Restored(RestoredArgs),
    /// Moves the journal to a file, or writes a copy of it
    Export(transfer::ExportArgs),
    /// Makes a new journal of such a file
    Import(transfer::ImportArgs),
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The journal: a file, or a database (postgres://user@host/name)
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// Open records only
    #[arg(long)]
    open: bool,
    /// Parked records only: they wait for a person
    #[arg(long)]
    parked: bool,
    /// Only those whose end nobody was told
    #[arg(long)]
    untold: bool,
    /// All records, closed ones too
    #[arg(long, conflicts_with_all = ["open", "parked", "untold"])]
    all: bool,
    /// All records made on this Korean day or later, closed ones too
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = times::day, conflicts_with_all = ["open", "parked", "untold", "all"])]
    from: Option<KstDate>,
    /// All records made on this Korean day or earlier, closed ones too
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = times::day, conflicts_with_all = ["open", "parked", "untold", "all"])]
    until: Option<KstDate>,
    /// How records are written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The journal: a file, or a database (postgres://user@host/name)
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// The number of an approval or of a refund
    #[arg(value_name = "N", value_parser = TransactionNumber::new_long)]
    number: TransactionNumber,
    /// Draws the messages between shop, kicc, journal and gateway instead
    #[arg(long, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "mermaid")]
    diagram: Option<diagram::Form>,
}

#[derive(Debug, clap::Args)]
pub struct ResolveArgs {
    #[command(flatten)]
    files: Files,
    /// The number of an approval or of a refund
    #[arg(value_name = "N", value_parser = TransactionNumber::new_long)]
    number: TransactionNumber,
    /// Whether the customer is charged, as you have seen it
    #[arg(long, value_name = "yes|no")]
    charged: YesNo,
    /// Who looked, and what was seen
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    note: String,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum YesNo {
    Yes,
    No,
}

#[derive(Debug, clap::Args)]
pub struct PruneArgs {
    /// The journal: a file, or a database (postgres://user@host/name)
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// How old, such as 90d
    #[arg(long, value_name = "SPAN")]
    older_than: Span,
    /// How many records at once; after each batch the journal is left to others for as long as the batch took
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
}

#[derive(Debug, clap::Args)]
pub struct RestoredArgs {
    /// The journal: a file, or a database (postgres://user@host/name)
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// What new numbers begin with from now on; no number ever began so
    #[arg(long, value_name = "P")]
    prefix: String,
}

/// The least pause between two batches (our choice: another process looks for its turn at least so often).
const PRUNE_PAUSE: Duration = Duration::from_millis(100);

/// Runs one of the commands.
pub fn run(command: &Command) -> Result<Exit, Fail> {
    match command {
        Command::List(args) => list(args),
        Command::Show(args) => show(args),
        Command::Resolve(args) => resolve(args),
        Command::Prune(args) => prune(args),
        Command::Restored(args) => restored(args),
        Command::Export(args) => transfer::export(args),
        Command::Import(args) => transfer::import(args),
    }
}

/// Every row of a listing, one page in memory at a time.
pub fn each(
    journal: &dyn Journal,
    which: Listing,
    mut look: impl FnMut(Row) -> Result<(), Fail>,
) -> Result<(), Fail> {
    const PAGE: u32 = 500;
    let mut after = None;
    loop {
        let page = journal.list(which, after.as_ref().map(|(at, key)| (*at, key)), PAGE)?;
        let full = page.len() == PAGE as usize;
        after = page.last().map(|row| (row.created_at, row.key.clone()));
        page.into_iter().try_for_each(&mut look)?;
        if !full {
            return Ok(());
        }
    }
}

/// The end of time, as a journal's column can say it.
pub const NEVER: UnixMillis = UnixMillis(i64::MAX as u64);

/// The wall clock.
pub fn now() -> UnixMillis {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// One record in a list.
#[derive(Serialize)]
struct Item<'a> {
    number: &'a str,
    /// Of a refund: the approval's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<&'a str>,
    terminal: &'a str,
    product: &'static str,
    kind: &'static str,
    made_at: String,
    amount: Option<u64>,
    standing: &'static str,
    told: bool,
    outcome: Option<&'static str>,
    charged: &'static str,
    /// As the gateway stated it; `null` where it stated none.
    approval: Option<ApprovalLine<'a>>,
    why: Option<String>,
}

impl<'a> Item<'a> {
    fn new(row: &'a Row, record: &'a Result<Record, RecordError>) -> Self {
        let (outcome, charged) = match record.as_ref().ok().and_then(Record::verdict) {
            Some(Verdict::Approval(outcome)) => (Some(outcome.name()), outcome.charged().as_str()),
            Some(Verdict::Refund(outcome)) => (Some(outcome.name()), outcome.charged().as_str()),
            None => (None, "unknown"),
        };
        let why = match record {
            Ok(record) => {
                record.parked.as_ref().map(|parked| result::operator(&parked.why, parked.resolution.as_ref()))
            }
            Err(error) => Some(error.to_string()),
        };
        Item {
            number: row.key.number.as_str(),
            original: row.original.as_ref().map(TransactionNumber::as_str),
            terminal: row.key.terminal.as_str(),
            product: row.key.product.as_str(),
            kind: row.kind.as_str(),
            made_at: times::machine(row.created_at),
            amount: record.as_ref().ok().map(|record| record.amount.total().0),
            standing: row.standing.as_str(),
            told: row.told,
            outcome,
            charged,
            approval: record.as_ref().ok().and_then(|record| record.approval.as_ref()).map(ApprovalLine::new),
            why,
        }
    }

    fn text(&self, row: &Row) -> String {
        let amount = self.amount.map(|won| words::won(Won(won))).unwrap_or_default();
        let told = if row.standing != Standing::Open && !row.told { "untold" } else { "" };
        let why: Vec<_> =
            self.original.map(|sale| format!("of {sale}")).into_iter().chain(self.why.clone()).collect();
        let why = why.join("; ");
        let (number, made, kind) = (self.number, times::stamp(row.created_at), self.kind);
        let product = self.product;
        let what = self.outcome.unwrap_or(self.standing);
        let line = format!(
            "{number:<20}  {made}  {product:<8}  {kind:<8}  {what:<14}  {amount:>15}  {told:<6}  {why}"
        );
        line.trim_end().to_owned()
    }
}

impl ListArgs {
    /// When the records were made that are listed whatever has become of them, if it is that: from, and before.
    fn made(&self) -> Option<(UnixMillis, UnixMillis)> {
        let from = self.from.map_or(UnixMillis(0), |day| day.starts_at());
        let until = self.until.and_then(|day| day.next_day()).map_or(NEVER, |day| day.starts_at());
        (self.all || self.from.is_some() || self.until.is_some()).then_some((from, until))
    }
}

fn list(args: &ListArgs) -> Result<Exit, Fail> {
    let journal = client::existing_journal(&args.journal)?;
    let some = args.open || args.parked || args.untold;
    let made = args.made();
    let listings: Vec<Listing> = match made {
        Some((from, until)) => vec![Listing::Made { from, until }],
        None => {
            let choices =
                [(args.open, Listing::Open), (args.parked, Listing::Parked), (args.untold, Listing::Untold)];
            choices.into_iter().filter(|(chosen, _)| *chosen || !some).map(|(_, listing)| listing).collect()
        }
    };
    // A parked record may be untold too.
    let mut seen = HashSet::new();
    let mut out = io::stdout();
    for listing in listings {
        each(&*journal, listing, |row| {
            if made.is_none() && !seen.insert(row.key.clone()) {
                return Ok(());
            }
            let record = Record::of_row(&row);
            let item = Item::new(&row, &record);
            match args.output {
                Format::Json => result::json(&item, &mut out)?,
                Format::Text => writeln!(out, "{}", item.text(&row))?,
            }
            Ok(())
        })?;
    }
    let mut unreadable = journal.unreadable()?;
    if let Some((from, until)) = made {
        unreadable.extend(journal.unreadable_made(from, until)?);
    }
    let mut seen = HashSet::new();
    for unreadable in unreadable.into_iter().filter(|row| seen.insert(row.key.clone())) {
        eprintln!("kicc: warning: {} cannot be read and is left alone: {}", unreadable.key, unreadable.why);
    }
    Ok(Exit::DONE)
}

fn show(args: &ShowArgs) -> Result<Exit, Fail> {
    let journal = client::existing_journal(&args.journal)?;
    let mut out = io::stdout();
    let rows = journal.numbered(&args.number)?;
    if rows.is_empty() {
        return Err(Fail::input(format!("nothing is known of {}", args.number)));
    }
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        if let Some(form) = args.diagram {
            diagram::write(row, form, now(), &mut out)?;
            continue;
        }
        let refunds = match row.kind {
            Kind::Approval => journal.refunds(&row.key)?,
            Kind::Refund => Vec::new(),
        };
        timeline::write(row, &refunds, now(), &mut out)?;
    }
    Ok(Exit::DONE)
}

fn resolve(args: &ResolveArgs) -> Result<Exit, Fail> {
    let config = args.files.config()?;
    let journal = client::existing_journal(&args.files.journal)?;
    let client = client::onlooker(&config, &args.files.products(&config), Arc::clone(&journal))?;
    let resolution = Resolution { charged: args.charged == YesNo::Yes, note: args.note.as_str().into() };
    let progress = client.resolve(&args.number, resolution)?.map_err(Fail::input)?;
    let mut out = io::stdout();
    Told::progress(&progress, args.number.as_str(), &Codes::default()).write(args.output, &mut out)?;
    out.flush()?;
    match progress {
        Progress::Settled(settled) => crate::printer::told(&settled),
        Progress::Open(_) => return Ok(Exit::LEFT_OPEN),
    }
    Ok(Exit::DONE)
}

fn prune(args: &PruneArgs) -> Result<Exit, Fail> {
    let journal = client::existing_journal(&args.journal)?;
    let before = UnixMillis(now().0.saturating_sub(args.older_than.0.0));
    let began = Instant::now();
    let (mut removed, mut batches) = (0_u64, 0_u64);
    loop {
        let batch = Instant::now();
        let gone = |error| Fail::io(format!("{error}; {removed} records were removed before that"));
        match journal.prune(before, args.batch).map_err(gone)? {
            0 => break,
            count => removed += u64::from(count),
        }
        batches += 1;
        // SQLite lets waiting writers in only while nobody writes.
        thread::sleep(batch.elapsed().max(PRUNE_PAUSE));
    }
    println!(
        "removed {removed} records from before {} in {batches} batches, {:.1} s; their numbers stay refused",
        times::stamp(before),
        began.elapsed().as_secs_f64()
    );
    Ok(Exit::DONE)
}

fn restored(args: &RestoredArgs) -> Result<Exit, Fail> {
    let journal = client::existing_journal(&args.journal)?;
    journal.restored(&args.prefix).map_err(Fail::input)?;
    println!(
        "noted: new numbers must begin with {}, and recovery asks the accept step first for every record",
        args.prefix
    );
    Ok(Exit::DONE)
}
