//! `kicc refund`: gives the whole money of one approval back.

use std::{io, io::Write as _, sync::Arc};

use kicc_proto::values::TransactionNumber;
use kicc_ureq::Progress;

use crate::{
    client::{self, Files},
    exit::{Exit, Fail},
    printer,
    result::{self, Format, Told},
    signals,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// The approval's number
    #[arg(long, value_name = "N", value_parser = TransactionNumber::new_long)]
    number: TransactionNumber,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let config = args.files.config()?;
    let journal = client::existing_journal(&args.files.journal)?;
    let client = client::client(&config, &args.files.products(&config), Arc::clone(&journal), None)?;
    let stopped = client.clone();
    signals::on_stop(move || stopped.stop())?;
    let progress = client.refund(&args.number)?;
    let mut out = io::stdout();
    Told::progress(&progress, args.number.as_str(), &config.policy.codes).write(args.output, &mut out)?;
    out.flush()?;
    match &progress {
        Progress::Settled(settled) => printer::told(settled),
        Progress::Open(_) => eprintln!("kicc: left open; `kicc recover` goes on with it"),
    }
    client::warn_of_mark(&*journal);
    Ok(result::exit(&progress))
}
