//! The `kicc` command.
#![forbid(unsafe_code)]

mod accept;
mod client;
mod config;
mod diagram;
#[cfg(test)]
mod documented;
mod exit;
mod journal;
mod keys;
mod lines;
mod orders;
mod pay;
mod printer;
mod recover;
mod refund;
mod register;
mod report;
mod result;
mod sandbox;
mod signals;
mod status;
mod store;
mod storm;
mod timeline;
mod times;
mod transfer;
mod words;

use std::process::ExitCode;

use clap::Parser;

use crate::exit::Fail;

/// Card payments over KICC's VAN
///
/// Every order ends in one of: approved, declined, never_sent, reversed, needs_operator. Whatever happens on the way,
/// it is in the journal before its first byte leaves, and is sent at most once.
#[derive(Debug, Parser)]
#[command(name = "kicc", version, after_long_help = EXIT_CODES)]
enum Cli {
    /// Open the windows in which customers pay or authenticate
    Register(register::Args),
    /// Pay orders
    Pay(pay::Args),
    /// Give the money of an approval back
    Refund(refund::Args),
    /// Bring everything that is open to its end, and tell what was not told
    Recover(recover::Args),
    /// Tell what is known of a number
    Status(status::Args),
    /// Look into the journal and look after it
    #[command(subcommand)]
    Journal(journal::Command),
    /// Tell a day's totals and what is open
    Report(report::Args),
    /// Run a simulated VAN
    Sandbox(sandbox::Args),
    /// Show that nothing is lost and nothing doubled: a storm of orders through every fault, on an embedded VAN
    Storm(storm::Args),
}

const EXIT_CODES: &str = "\
Exit codes; the highest counts:
   0  all approved; refunded; nothing left to do
   1  storm: something was lost, doubled or unexpected
   2  bad input, arguments or configuration: nothing was sent for it
  10  some declined
  11  some never sent
  12  some reversed
  13  some need an operator
  20  the refund was refused: still charged
  21  the refund was not attempted: still charged
  23  the refund needs an operator
  30  a registration was refused; no money moved
  31  a registration was not sent or not answered; no money moved: register again under a new number
  32  a payment in i'mport's window is not paid, or not yet; nothing was recorded
  33  a payment in i'mport's window could not be looked up; nothing was recorded: verify it again
  74  the journal or the output cannot be read or written
  75  something is still open: `kicc recover` goes on with it";

fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli::Register(args) => register::run(&args),
        Cli::Pay(args) => pay::run(&args),
        Cli::Refund(args) => refund::run(&args),
        Cli::Recover(args) => recover::run(&args),
        Cli::Status(args) => status::run(&args),
        Cli::Journal(command) => journal::run(&command),
        Cli::Report(args) => report::run(&args),
        Cli::Sandbox(args) => sandbox::run(&args),
        Cli::Storm(args) => storm::run(&args),
    };
    done.unwrap_or_else(|Fail { exit, message }: Fail| {
        eprintln!("kicc: {message}");
        exit
    })
    .into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        super::Cli::command().debug_assert();
    }
}
