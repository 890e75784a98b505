//! `kicc refund`: gives the money of one approval back, the whole or a part.

use std::{io, io::Write as _, sync::Arc};

use kicc_proto::{
    flow::PartialRefund,
    values::{Amount, Parts, RefundId, TransactionNumber, Won},
};
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
    /// Of i'mport: gives back only so many won; the rest can be given back later
    #[arg(long, value_name = "WON", requires = "id")]
    amount: Option<u64>,
    /// Your own id of the refund of a part: the same once more is the same refund
    #[arg(long, value_name = "ID", value_parser = RefundId::new, requires = "amount")]
    id: Option<RefundId>,
    /// How many won of it are free of tax
    #[arg(long, value_name = "WON", default_value_t = 0, requires = "amount")]
    tax_free: u64,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let part = args.part()?;
    let config = args.files.config()?;
    let journal = client::existing_journal(&args.files.journal)?;
    let client =
        client::client(&config, &args.files.products(&config), Arc::clone(&journal), config.accept.clone())?;
    let stopped = client.clone();
    let _on_stop = signals::OnStop::call(move || stopped.stop())?;
    let progress = match &part {
        Some(part) => client.refund_part(&args.number, part)?,
        None => client.refund(&args.number)?,
    };
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

impl Args {
    /// `None`: the whole.
    fn part(&self) -> Result<Option<PartialRefund>, Fail> {
        let (Some(won), Some(id)) = (self.amount, &self.id) else { return Ok(None) };
        let parts = Parts { tax_free: Won(self.tax_free), ..Parts::default() };
        let amount = Amount::new(Won(won), parts).map_err(Fail::input)?;
        Ok(Some(PartialRefund { id: id.clone(), amount }))
    }
}
