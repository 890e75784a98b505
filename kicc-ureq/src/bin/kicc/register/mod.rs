//! `kicc register`: opens the windows in which customers pay or authenticate.

mod easytalk;
mod iamport;
mod prepare;
mod simple;

use std::{
    io::{self, BufRead, Write as _},
    path::PathBuf,
    time::Duration,
};

use kicc_proto::{
    iamport::Tokens,
    product::Product,
    values::{Invalid, ReturnUrl, TransactionNumber},
    wire::call::Registration,
};
use kicc_ureq::{
    client::Clock,
    http::{CallError, CallLimits, Http},
};
use serde::Serialize;

use self::prepare::Preparing;
use crate::{
    config::Config,
    exit::{Exit, Fail},
    lines::{self, BadLine, Fields, plain},
    pay,
    result::{self, ErrorLine, Format},
};

#[derive(Debug, clap::Args)]
#[command(after_long_help = LINES)]
pub struct Args {
    /// The configuration, a TOML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The product, instead of the configuration's own
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// One order per line as JSON; `-` is standard input
    #[arg(long, value_name = "FILE|-")]
    orders: PathBuf,
    /// Of i'mport: registers each amount as well, so that its window opens for no other
    #[arg(long)]
    prepare: bool,
    /// How results are written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
}

const LINES: &str = "\
The fields of a line, all texts but `amount` and `tax`, which are won; [..] may be left out:
  easytalk  number, order_number, amount, tax, product_name, merchant_name, return_url, [business_number],
            [complete_url], [notice]
  simple    number, order_number, customer_key, virtual_number, payment_method, card_code, return_url, [parameter]
  iamport   number, amount, name, pay_method (card, trans, vbank or phone), return_url, [tax_free], [buyer_name],
            [buyer_email], [buyer_tel], [buyer_addr], [buyer_postcode], [customer_uid], [digital] (true or false)

`number` is this registration's own (shopTransactionId), not the one under which `kicc pay` will approve. To a gateway on
this machine, `return_url` may be plain http to this machine.

With i'mport nothing is sent, but with --prepare: what is printed is the argument of `IMP.request_pay`, safe inside a script
element. `number` is the order's own (merchant_uid), under which `kicc pay` then verifies the payment by the imp_uid
that the page got. With a customer_uid the window issues a billing key and charges nothing.";

/// What stays the same for all lines.
struct Desk<'a> {
    config: &'a Config,
    clock: Clock,
    /// Whether the gateway is on this machine: then a window may return there by plain http.
    is_loopback: bool,
}

/// A registration that was checked.
struct Ready {
    number: TransactionNumber,
    order_number: String,
    registration: Registration,
}

/// A window at an address, to be opened in the customer's browser.
#[derive(Serialize)]
struct Window<'a> {
    number: &'a str,
    order_number: &'a str,
    window: &'a str,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let config = Config::load(&args.config, args.product.as_deref())?;
    let host = if config.product == Product::Simple { &config.auth_http } else { &config.http };
    let http = Http::new(host.clone()).map_err(Fail::input)?;
    let desk = Desk { config: &config, clock: Clock::new(), is_loopback: http.is_loopback() };
    if args.prepare && config.product != Product::Iamport {
        return Err(Fail::input("--prepare is for i'mport"));
    }
    let limits = CallLimits {
        send_within: Duration::from_millis(config.policy.send_by.0),
        answer_within: Duration::from_millis(config.policy.answer_timeout.0),
    };
    let input = pay::open(&args.orders)?;
    let ready = match config.product {
        Product::Simple => whole(input, |line| simple::ready(line, &desk), Ready::number)?,
        Product::EasyTalk => whole(input, |line| easytalk::ready(line, &desk), Ready::number)?,
        Product::Iamport => {
            let pages = whole(input, |line| iamport::page(line, &desk), iamport::Page::number)?;
            let preparing = match args.prepare {
                true => Some(Preparing {
                    http: &http,
                    limits,
                    keys: config.api_keys()?,
                    tier: config.iamport.as_ref().and_then(|iamport| iamport.merchant.tier.as_ref()),
                    clock: desk.clock,
                    tokens: Tokens::new(),
                }),
                false => None,
            };
            return print(&pages, preparing, args.output);
        }
    };
    let (mut out, mut worst) = (io::stdout(), Exit::DONE);
    for Ready { number, order_number, registration } in ready {
        let number = number.as_str();
        match http.call(&registration, limits) {
            Ok(page) => {
                let window = Window { number, order_number: &order_number, window: page.as_str() };
                match args.output {
                    Format::Json => result::json(&window, &mut out)?,
                    Format::Text => writeln!(out, "{order_number:<20}  {}", window.window)?,
                }
            }
            Err(error) => {
                worst = worst.max(exit(&error));
                let line = ErrorLine { line: None, number: Some(number), error: error.to_string() };
                line.write(args.output, &mut out)?;
            }
        }
        out.flush()?;
    }
    Ok(worst)
}

/// A page whose amount was to be registered and was not is not printed.
fn print(
    pages: &[iamport::Page],
    mut preparing: Option<Preparing<'_>>,
    format: Format,
) -> Result<Exit, Fail> {
    let (mut out, mut worst) = (io::stdout(), Exit::DONE);
    for page in pages {
        let prepared = match (&mut preparing, page.charged()) {
            (Some(preparing), Some(amount)) => preparing.prepare(page.number(), amount),
            _ => Ok(()),
        };
        match (prepared, format) {
            (Err(error), _) => {
                worst = worst.max(exit(&error));
                let number = Some(page.number().as_str());
                ErrorLine { line: None, number, error: error.to_string() }.write(format, &mut out)?;
            }
            (Ok(()), Format::Json) => result::json(page, &mut out)?,
            (Ok(()), Format::Text) => writeln!(out, "{:<20}  {}", page.number(), page.parameters())?,
        }
        out.flush()?;
    }
    Ok(worst)
}

/// All lines, or every bad one on standard error.
fn whole<L: Fields, T>(
    input: impl BufRead,
    ready: impl Fn(&L) -> Result<T, String>,
    number: impl Fn(&T) -> &TransactionNumber,
) -> Result<Vec<T>, Fail> {
    let (mut all, mut bad) = (Vec::<T>::new(), Vec::new());
    lines::each(input, ready, |read| {
        match read {
            Ok((line, _, ready)) if all.iter().any(|earlier| number(earlier) == number(&ready)) => {
                let number = Some(number(&ready).to_string());
                bad.push(BadLine { line, number, why: "number: stands in an earlier line".into() });
            }
            Ok((_, _, ready)) => all.push(ready),
            Err(line) => bad.push(line),
        }
        true
    })?;
    if bad.is_empty() { Ok(all) } else { Err(pay::refuse(&bad)) }
}

impl Ready {
    fn number(&self) -> &TransactionNumber {
        &self.number
    }
}

impl Desk<'_> {
    fn return_url(&self, text: &str) -> Result<ReturnUrl, Invalid> {
        if self.is_loopback { ReturnUrl::for_tests(text) } else { ReturnUrl::new(text) }
    }
}

fn number(text: &str) -> Result<TransactionNumber, String> {
    TransactionNumber::new_long(text).map_err(plain)
}

fn exit(error: &CallError) -> Exit {
    match error {
        CallError::Refused(_) => Exit::REGISTRATION_REFUSED,
        CallError::NotSent(_) | CallError::NoAnswer(_) | CallError::Unclear(_) => {
            Exit::REGISTRATION_UNANSWERED
        }
    }
}
