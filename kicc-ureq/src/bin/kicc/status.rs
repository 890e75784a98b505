//! `kicc status`: what is known of one number, without doing anything about it.

use std::{io, io::Write as _, sync::Arc};

use kicc_proto::values::TransactionNumber;
use kicc_ureq::Progress;

use crate::{
    client::{self, Files},
    exit::{Exit, Fail},
    result::{self, ErrorLine, Format, Told},
    timeline,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// The number of an approval or of a refund
    #[arg(value_name = "N", value_parser = TransactionNumber::new_long)]
    number: TransactionNumber,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
}

/// Runs the command: one line for the number, and one for each refund of it. The exit code is the number's own.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let config = args.files.config()?;
    let journal = client::existing_journal(&args.files.journal)?;
    let client = client::onlooker(&config, &args.files.products(&config), Arc::clone(&journal))?;
    let codes = &config.policy.codes;
    let (mut out, number) = (io::stdout(), args.number.as_str());
    let Some(progress) = client.outcome(&args.number)? else {
        let error = "nothing is known of this number".to_owned();
        ErrorLine { line: None, number: Some(number), error }.write(args.output, &mut out)?;
        return Ok(Exit::BAD_INPUT);
    };
    let mut refunds = Vec::new();
    for merchant in args.files.products(&config).into_iter().filter_map(|product| config.merchant(product)) {
        refunds.extend(journal.refunds(&merchant.key(args.number.clone()))?);
    }
    let given_back = match &progress {
        Progress::Settled(settled) => {
            settled.record().is_some_and(|record| timeline::given_back(record, &refunds))
        }
        Progress::Open(_) => false,
    };
    Told::progress(&progress, number, codes).given_back(given_back).write(args.output, &mut out)?;
    for refund in refunds {
        if let Some(refund) = client.outcome(&refund.key.number)? {
            Told::progress(&refund, number, codes).write(args.output, &mut out)?;
        }
    }
    out.flush()?;
    Ok(result::exit(&progress))
}
