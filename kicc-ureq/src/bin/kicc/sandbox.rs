//! `kicc sandbox`: the simulated VAN in the foreground.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::mpsc,
    time::Duration,
};

use kicc_proto::{
    codes::ResultCode,
    iamport::{ChannelKind, Merchant, Settings},
    wire::call::RequestAuthorization,
};
use kicc_testkit::van::{
    FaultRule, IamportSettings, SeededFaults, Van, VanConfig,
    faults::{self, Product, Stage},
};

use crate::{
    config::{Config, Simple},
    exit::{Exit, Fail},
    signals,
};

/// How many orders in a storm meet no fault, for each that meets a certain one (our choice).
const OK_WEIGHT: u32 = 40;

#[derive(Debug, clap::Args)]
#[command(after_long_help = help())]
pub struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The merchant's configuration: then only its ids and its key are served, with its codes
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Decides the faults of `--faults storm`
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// Rules, each in quotes: "number=ORD_* fault=hang_after"; or the word storm: faults by seed. The first rule wins
    #[arg(long, value_name = "RULES|storm", num_args = 1..)]
    faults: Vec<String>,
}

/// Runs until a signal.
pub fn run(args: &Args) -> Result<Exit, Fail> {
    let mut van = VanConfig { listen: args.listen, seed: args.seed, ..VanConfig::default() };
    for rule in &args.faults {
        if rule == "storm" {
            van.seeded = Some(SeededFaults::storm(OK_WEIGHT));
        } else {
            van.faults.push(rule.parse::<FaultRule>().map_err(Fail::input)?);
        }
    }
    if let Some(path) = &args.config {
        let config = Config::load(path, None)?;
        merchant(&mut van, &config)?;
    }
    let mut van = Van::start(van).map_err(|error| Fail::io(format!("{}: {error}", args.listen)))?;
    let (stop, stopped) = mpsc::channel();
    let _on_stop = signals::OnStop::call(move || {
        let _ = stop.send(());
    })?;
    let mut out = io::stdout();
    writeln!(out, "listening on {}", van.base_url())?;
    out.flush()?;
    // It ends with the signal, or never.
    let _ = stopped.recv();
    let counts = van.counts();
    van.stop();
    eprintln!(
        "kicc: approvals: {}, net-cancels: {}, cancels: {}; violations of the protocol: {}",
        counts.approvals,
        counts.net_cancels,
        counts.cancels,
        van.ledger().violations.len()
    );
    Ok(Exit::DONE)
}

/// Only this merchant's ids, its key and its codes. Token keys are taken as they come, also made-up ones.
fn merchant(van: &mut VanConfig, config: &Config) -> Result<(), Fail> {
    if let Some(Simple { merchant, channel_id, .. }) = &config.simple {
        let key = config.secret_key()?;
        van.secret_key = std::str::from_utf8(key.expose()).map_err(Fail::input)?.into();
        van.channel_id = channel_id.to_string();
        van.terminal_id = Some(merchant.terminal_id.to_string());
        van.service_id = Some(merchant.service_id.to_string());
        van.business_number = Some(merchant.business_number.to_string());
    }
    if let Some(merchant) = &config.easytalk {
        van.easytalk.terminal_id = Some(merchant.van_terminal_id.to_string());
    }
    if let Some(settings) = &config.policy.products.easytalk {
        van.easytalk.basic_authorization = settings.request_authorization() == RequestAuthorization::Basic;
        if let Some(status) = settings.status() {
            van.easytalk.status_path = status.path().into();
            van.easytalk.status_date_field = status.date_field().into();
            set(&mut van.easytalk.not_found_code, status.not_found_codes());
        }
    }
    if let (Some(iamport), Some(settings)) = (&config.iamport, &config.policy.products.iamport) {
        self::iamport(&mut van.iamport, config, &iamport.merchant, settings)?;
        van.late = van.late.min(Duration::from_millis(settings.quiet_period.0 / 3));
    }
    set(&mut van.duplicate_code, &config.codes.duplicate);
    set(&mut van.duplicate_code, &config.duplicate_codes);
    van.nothing_to_void_code = config.codes.nothing_to_void.first().map(ToString::to_string);
    van.already_voided_code = config.codes.already_voided.first().map(ToString::to_string);
    // Inside the client's quiet period, which may have been shortened for a test.
    van.late = van.late.min(Duration::from_millis(config.policy.quiet_period.0 / 3));
    Ok(())
}

/// Its billing keys are taken as they come, also made-up ones.
fn iamport(
    van: &mut IamportSettings,
    config: &Config,
    merchant: &Merchant,
    settings: &Settings,
) -> Result<(), Fail> {
    let keys = config.imp_keys()?;
    for (own, secret) in [&mut van.imp_key, &mut van.imp_secret].into_iter().zip(&keys) {
        *own = std::str::from_utf8(secret.expose()).map_err(Fail::input)?.into();
    }
    van.store_id = merchant.store.to_string();
    van.tier = merchant.tier.as_ref().map(ToString::to_string);
    van.sandbox = settings.channel == ChannelKind::Test;
    van.lists_show_sandbox = settings.sees_sandbox;
    Ok(())
}

/// The first of several codes is the one that the VAN says.
fn set(code: &mut String, configured: &[ResultCode]) {
    if let Some(first) = configured.first() {
        *code = first.to_string();
    }
}

/// The sandbox's defaults and the table of its faults.
fn help() -> String {
    let defaults = VanConfig::default();
    let mut text = format!(
        "Without --config it takes every terminal, service and business number; Simple Payment's requests are signed by \
         channel {} with the key `sandbox-secret-key`, EasyTalkPay's `cert_control_no` may be made up as `W<won>-<order \
         number>`, its status query is {} with the date in `{}`, {} says that there is no such transaction, and {} that a \
         number was used before; i'mport's store is {} with the key `sandbox-imp-key` and the secret `sandbox-imp-secret`, \
         through a test channel, any customer_uid is a billing key, and /v1/iamport.js is its script.\n\nGET /ledger shows its books, GET /counts what it counted; POST /disagreements \
         compares its books with yours, a JSON array of {{\"number\": \"ORD_1\", \"amount\": 10000, \"charged\": \"yes\"}} (or \
         \"no\", \"unknown\"), and answers what differs.\n\nFaults, by name (in a rule: fault=NAME or fault=NAME+RESCUE), by the beginning of \
         an order's number, or by the last four digits of its amount:\n",
        defaults.channel_id,
        defaults.easytalk.status_path,
        defaults.easytalk.status_date_field,
        defaults.easytalk.not_found_code,
        defaults.duplicate_code,
        defaults.iamport.store_id
    );
    let titles = [
        (Product::Simple, "Simple Payment"),
        (Product::EasyTalk, "EasyTalkPay"),
        (Product::Iamport, "i'mport"),
    ];
    for (product, title) in titles {
        text += &format!("\n{title}\n");
        for row in faults::table_of(product).filter(|row| row.stage != Stage::Door) {
            let marker = row.marker().unwrap_or_default();
            let magic = row.magic().map(|magic| magic.to_string()).unwrap_or_default();
            let end = row.end.as_str();
            text += &format!("  {:<22} {marker:<14} {magic:<5} {end:<15} {}\n", row.name, row.what);
        }
    }
    text
}
