//! `kicc report`: a Korean day's totals and what is open, for the settlement check.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    path::PathBuf,
};

use kicc_proto::{
    flow::Verdict,
    journal::{Kind, Listing, Row, record::Record},
    values::{KstDate, Won},
};
use serde::Serialize;

use crate::{
    client,
    exit::{Exit, Fail},
    journal,
    result::{self, Format},
    times, words,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The journal: a file, or a database (postgres://user@host/name)
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// The day in Korea on which orders and refunds were made
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = times::day)]
    date: KstDate,
    /// How the report is written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
}

/// A day.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Report {
    date: String,
    /// By outcome; `open` for what has none yet.
    approvals: BTreeMap<&'static str, Sum>,
    /// The same of refunds.
    refunds: BTreeMap<&'static str, Sum>,
    /// Approved less refunded, in won; below zero where more of earlier days was refunded than sold.
    net: i128,
    /// Open records of any day.
    still_open: Vec<Left>,
    /// Parked records of any day.
    parked: Vec<Left>,
    /// Records of that day, or that need somebody, that this version cannot read; they are in no total.
    unreadable: usize,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Sum {
    count: u64,
    won: u128,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Left {
    number: String,
    product: &'static str,
    kind: &'static str,
    made_at: String,
    amount: Option<u64>,
    charged: &'static str,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let journal = client::existing_journal(&args.journal)?;
    let from = args.date.starts_at();
    let until = args.date.next_day().map_or(journal::NEVER, |day| day.starts_at());
    let made = Listing::Made { from, until };
    let mut report = Report { date: times::date(args.date), ..Report::default() };
    let each = |which, look: &mut dyn FnMut(&Row)| {
        journal::each(&*journal, which, |row| {
            look(&row);
            Ok(())
        })
    };
    each(made, &mut |row| report.count(row))?;
    each(Listing::Open, &mut |row| report.still_open.push(Left::new(row)))?;
    each(Listing::Parked, &mut |row| report.parked.push(Left::new(row)))?;
    let mut unreadable = journal.unreadable_made(from, until)?;
    unreadable.extend(journal.unreadable()?);
    report.unreadable += unreadable.into_iter().map(|row| row.key).collect::<BTreeSet<_>>().len();
    report.settle();
    let mut out = io::stdout();
    match args.output {
        Format::Json => result::json(&report, &mut out)?,
        Format::Text => report.text(&mut out)?,
    }
    Ok(Exit::DONE)
}

impl Report {
    fn count(&mut self, row: &Row) {
        let Ok(record) = Record::of_row(row) else {
            self.unreadable += 1;
            return;
        };
        let verdict = record.verdict();
        let name = match &verdict {
            Some(Verdict::Approval(outcome)) => outcome.name(),
            Some(Verdict::Refund(outcome)) => outcome.name(),
            None => "open",
        };
        let table = match row.kind {
            Kind::Approval => &mut self.approvals,
            Kind::Refund => &mut self.refunds,
        };
        let sum = table.entry(name).or_default();
        sum.count += 1;
        sum.won += u128::from(record.amount.total().0);
    }

    fn settle(&mut self) {
        let won = |table: &BTreeMap<_, Sum>, name| table.get(name).map_or(0, |sum: &Sum| sum.won as i128);
        self.net = won(&self.approvals, "approved") - won(&self.refunds, "refunded");
    }

    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} (KST), by the day on which it was made", self.date)?;
        for (title, table) in [("approvals", &self.approvals), ("refunds", &self.refunds)] {
            writeln!(out, "\n{title}")?;
            for (name, Sum { count, won }) in table {
                let won = words::sum(i128::try_from(*won).unwrap_or(i128::MAX));
                writeln!(out, "  {name:<14}  {count:>8}  {won:>20}")?;
            }
            if table.is_empty() {
                writeln!(out, "  none")?;
            }
        }
        writeln!(out, "\napproved less refunded: {}", words::sum(self.net))?;
        for (title, list) in
            [("still open, of any day", &self.still_open), ("waiting for a person, of any day", &self.parked)]
        {
            writeln!(out, "\n{title}: {}", list.len())?;
            for Left { number, product, kind, made_at, amount, charged } in list {
                let amount = amount.map(|won| words::won(Won(won))).unwrap_or_default();
                writeln!(
                    out,
                    "  {number:<20}  {product:<8}  {kind:<8}  {made_at}  {amount:>15}  charged: {charged}"
                )?;
            }
        }
        if self.unreadable > 0 {
            writeln!(out, "\nnot readable by this version, in no total: {}", self.unreadable)?;
        }
        Ok(())
    }
}

impl Left {
    fn new(row: &Row) -> Left {
        let record = Record::of_row(row).ok();
        let charged = match record.as_ref().and_then(Record::verdict) {
            Some(Verdict::Approval(outcome)) => outcome.charged().as_str(),
            Some(Verdict::Refund(outcome)) => outcome.charged().as_str(),
            None => "unknown",
        };
        Left {
            number: row.key.number.to_string(),
            product: row.key.product.as_str(),
            kind: row.kind.as_str(),
            made_at: times::machine(row.created_at),
            amount: record.map(|record| record.amount.total().0),
            charged,
        }
    }
}
