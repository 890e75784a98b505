//! The file's sections and their keys.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Table;

use super::secrets::{Secrets, Source, TokenKeySection};
use crate::{keys, times::Span};

#[derive(Deserialize)]
pub(super) struct File {
    pub product: Option<String>,
    pub environment: String,
    pub base_url: String,
    pub auth_base_url: Option<String>,
    pub auth_request_authorization: Option<AuthorizationName>,
    pub allow_http: Option<bool>,
    #[serde(default)]
    pub merchant: MerchantSection,
    pub secrets: Option<Secrets>,
    pub easytalk: Option<EasyTalkSection>,
    pub iamport: Option<IamportSection>,
    pub network: Option<Network>,
    pub policy: Option<PolicySection>,
    pub accept: Option<AcceptSection>,
}

/// The first four are Simple Payment's, the last is EasyTalkPay's.
#[derive(Deserialize, Default)]
pub(super) struct MerchantSection {
    pub terminal_id: Option<String>,
    pub service_id: Option<String>,
    pub business_number: Option<String>,
    pub channel_id: Option<String>,
    pub van_terminal_id: Option<String>,
}

#[derive(Deserialize, Default)]
pub(super) struct EasyTalkSection {
    pub status_path: Option<String>,
    pub status_date_field: Option<String>,
    pub not_found_codes: Option<Vec<String>>,
    pub duplicate_codes: Option<Vec<String>>,
    pub request_authorization: Option<AuthorizationName>,
    pub ks_x_1001_only: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct IamportSection {
    pub store: String,
    pub tier: Option<String>,
    pub channel: ChannelName,
    pub sees_sandbox: Option<bool>,
    pub on_found_paid: Option<FoundPaidName>,
    pub answer_timeout: Option<Span>,
    pub quiet_period: Option<Span>,
    pub pg: Option<String>,
    pub channel_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChannelName {
    Live,
    Test,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FoundPaidName {
    Cancel,
    Adopt,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuthorizationName {
    None,
    Basic,
}

#[derive(Deserialize)]
pub(super) struct Network {
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<String>,
    pub proxy_from_environment: Option<bool>,
    pub connect_timeout: Option<Span>,
    pub reuse_connections: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct PolicySection {
    pub answer_timeout: Option<Span>,
    pub send_by: Option<Span>,
    pub quiet_period: Option<Span>,
    pub confirm_reversal: Option<bool>,
    pub report_reversal: Option<ReportName>,
    pub unlisted_codes: Option<UnlistedName>,
    pub net_cancel_settles_refund: Option<SettlesName>,
    pub rescue_attempts: Option<u32>,
    pub rescues_in_flight: Option<u32>,
    pub backoff: Option<Backoff>,
    pub horizon: Option<Span>,
    pub lease: Option<Span>,
    pub unknown_codes: Option<Vec<String>>,
    pub duplicate_codes: Option<Vec<String>>,
    pub nothing_to_void_codes: Option<Vec<String>>,
    pub already_voided_codes: Option<Vec<String>>,
    pub refusal_codes: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
pub(super) struct Backoff {
    pub first: Option<Span>,
    pub cap: Option<Span>,
}

#[derive(Deserialize)]
pub(super) struct AcceptSection {
    pub command: Option<String>,
    pub holds: Option<String>,
    pub time_limit: Option<Span>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReportName {
    Confirmed,
    FirstSuccess,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UnlistedName {
    Settle,
    Decline,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SettlesName {
    SameDay,
    Always,
    Never,
}

impl File {
    pub fn read(text: &str) -> Result<File, String> {
        let table: Table = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        check_keys(&table)?;
        table.try_into().map_err(|error: toml::de::Error| error.to_string().trim().to_owned())
    }
}

/// The reader's message without the line that it quotes, which may hold a secret (R23).
fn syntax(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| {
        text.as_bytes()[..span.start.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
    });
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

fn check_keys(file: &Table) -> Result<(), String> {
    keys::check::<File>(file, "")?;
    let secrets = file.get("secrets").and_then(|secrets| secrets.as_table());
    for name in ["secret_key", "token_key", "imp_key", "imp_secret"] {
        if secrets.and_then(|secrets| secrets.get(name)).is_some_and(|secret| !secret.is_table()) {
            // Not shown: it may be the secret itself.
            return Err(format!(
                "[secrets] {name} must be {{ env = \"...\" }} or {{ file = \"...\" }}: a secret does not stand in this file"
            ));
        }
    }
    let at = |path: &[&str]| path.iter().try_fold(file, |table, name| table.get(*name)?.as_table());
    let empty = Table::new();
    let at = |path: &[&str]| at(path).unwrap_or(&empty);
    keys::check::<MerchantSection>(at(&["merchant"]), "[merchant]")?;
    keys::check::<Secrets>(at(&["secrets"]), "[secrets]")?;
    for name in ["secret_key", "imp_key", "imp_secret"] {
        keys::check::<Source>(at(&["secrets", name]), &format!("[secrets] {name}"))?;
    }
    keys::check::<TokenKeySection>(at(&["secrets", "token_key"]), "[secrets] token_key")?;
    keys::check::<EasyTalkSection>(at(&["easytalk"]), "[easytalk]")?;
    keys::check::<IamportSection>(at(&["iamport"]), "[iamport]")?;
    keys::check::<Network>(at(&["network"]), "[network]")?;
    keys::check::<PolicySection>(at(&["policy"]), "[policy]")?;
    keys::check::<Backoff>(at(&["policy", "backoff"]), "[policy] backoff")?;
    keys::check::<AcceptSection>(at(&["accept"]), "[accept]")
}
