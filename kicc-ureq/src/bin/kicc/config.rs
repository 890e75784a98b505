//! The configuration: one TOML file. A wrong key is an error that names the nearest right one; secrets are named in
//! it and stand elsewhere.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kicc_proto::{
    codes::{CodeSets, Codes, ResultCode},
    flow::{
        Policy,
        policy::{ReportReversal, SettlesRefund, UnlistedCodes},
    },
    journal::Key,
    product::{self, Product},
    simple,
    values::{
        BusinessNumber, ChannelId, Environment, Invalid, Secret, ServiceId, TerminalId, TransactionNumber,
    },
    wire::{
        sign::{HmacSha256, Sign},
        token_key::{Aes256Cbc, Output},
    },
};
use kicc_ureq::http::HttpSettings;
use serde::Deserialize;
use toml::Table;

use crate::{
    accept::{self, AcceptCommand},
    keys,
    times::Span,
};

/// A configuration, checked as far as it can be without a gateway and a journal.
pub struct Config {
    /// Who sells.
    pub merchant: simple::Merchant,
    /// The channel of the signature headers.
    pub channel_id: ChannelId,
    /// How to reach the gateway.
    pub http: HttpSettings,
    /// The flow's times and choices.
    pub policy: Policy,
    /// The result codes by configuration.
    pub codes: CodeSets,
    /// The accept step (R19).
    pub accept: Option<AcceptCommand>,
    secrets: Option<Secrets>,
    /// Where the file lies; other files are named from there.
    folder: PathBuf,
}

/// What is wrong with the configuration; no secret is in it (R23).
#[derive(Debug)]
pub struct ConfigError(pub String);

impl From<ConfigError> for crate::exit::Fail {
    fn from(error: ConfigError) -> Self {
        crate::exit::Fail::input(error.0)
    }
}

#[derive(Deserialize)]
struct File {
    product: Option<String>,
    environment: String,
    base_url: String,
    allow_http: Option<bool>,
    merchant: MerchantSection,
    secrets: Option<Secrets>,
    network: Option<Network>,
    policy: Option<PolicySection>,
    accept: Option<AcceptSection>,
}

#[derive(Deserialize)]
struct MerchantSection {
    terminal_id: String,
    service_id: String,
    business_number: String,
    channel_id: String,
}

#[derive(Deserialize)]
struct Secrets {
    secret_key: SecretKey,
    token_key: Option<TokenKeySection>,
}

/// Where the key stands that signs.
#[derive(Deserialize)]
struct SecretKey {
    env: Option<String>,
    file: Option<PathBuf>,
}

/// Where key and IV of the token key's cipher stand.
#[derive(Deserialize)]
struct TokenKeySection {
    env: Option<String>,
    file: Option<PathBuf>,
    iv_env: Option<String>,
    iv_file: Option<PathBuf>,
    output: Option<OutputName>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum OutputName {
    Hex,
    Base64,
}

#[derive(Deserialize)]
struct Network {
    ca_file: Option<PathBuf>,
    proxy: Option<String>,
    proxy_from_environment: Option<bool>,
    connect_timeout: Option<Span>,
    reuse_connections: Option<bool>,
}

#[derive(Deserialize)]
struct PolicySection {
    answer_timeout: Option<Span>,
    send_by: Option<Span>,
    quiet_period: Option<Span>,
    confirm_reversal: Option<bool>,
    report_reversal: Option<ReportName>,
    unlisted_codes: Option<UnlistedName>,
    net_cancel_settles_refund: Option<SettlesName>,
    rescue_attempts: Option<u32>,
    rescues_in_flight: Option<u32>,
    backoff: Option<Backoff>,
    horizon: Option<Span>,
    lease: Option<Span>,
    unknown_codes: Option<Vec<String>>,
    duplicate_codes: Option<Vec<String>>,
    nothing_to_void_codes: Option<Vec<String>>,
    already_voided_codes: Option<Vec<String>>,
    refusal_codes: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Backoff {
    first: Option<Span>,
    cap: Option<Span>,
}

#[derive(Deserialize)]
struct AcceptSection {
    command: String,
    time_limit: Option<Span>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReportName {
    Confirmed,
    FirstSuccess,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum UnlistedName {
    Settle,
    Decline,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SettlesName {
    SameDay,
    Always,
    Never,
}

impl Config {
    /// Reads the file. `product` overrides the file's own.
    pub fn load(path: &Path, product: Option<&str>) -> Result<Config, ConfigError> {
        let named = |error: String| ConfigError(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Config::read(&text, folder, product).map_err(named)
    }

    fn read(text: &str, folder: PathBuf, product: Option<&str>) -> Result<Config, String> {
        let table: Table = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        check_keys(&table)?;
        let file: File =
            table.try_into().map_err(|error: toml::de::Error| error.to_string().trim().to_owned())?;
        let product = product.or(file.product.as_deref()).unwrap_or(Product::Simple.as_str());
        if Product::from_name(product).is_none() {
            let names: Vec<&str> = Product::ALL.iter().map(|product| product.as_str()).collect();
            return Err(format!("product {product:?} is not one of: {}", names.join(", ")));
        }
        let merchant = simple::Merchant {
            environment: Environment::new(&file.environment).map_err(plain)?,
            terminal_id: TerminalId::new(&file.merchant.terminal_id).map_err(plain)?,
            service_id: ServiceId::new(&file.merchant.service_id).map_err(plain)?,
            business_number: BusinessNumber::new(&file.merchant.business_number).map_err(plain)?,
        };
        let (policy, codes) = policy(file.policy)?;
        Ok(Config {
            merchant,
            channel_id: ChannelId::new(&file.merchant.channel_id).map_err(plain)?,
            http: http(file.base_url, file.allow_http, file.network, &folder)?,
            policy,
            codes,
            accept: file.accept.map(|accept| AcceptCommand {
                command: accept.command,
                time_limit: accept.time_limit.map_or(accept::TIME_LIMIT, Duration::from),
            }),
            secrets: file.secrets,
            folder,
        })
    }

    /// The merchant as the client takes it.
    pub fn product_merchant(&self) -> product::Merchant {
        product::Merchant::Simple(self.merchant.clone())
    }

    /// The key of a number at this merchant's terminal.
    pub fn key(&self, number: TransactionNumber) -> Key {
        Key {
            environment: self.merchant.environment.clone(),
            product: Product::Simple,
            terminal: self.merchant.terminal_id.clone(),
            number,
        }
    }

    /// The secret key as it is named in the configuration.
    pub fn secret_key(&self) -> Result<Secret, ConfigError> {
        let secrets = self.secrets()?;
        self.secret("secret_key", secrets.secret_key.env.as_deref(), secrets.secret_key.file.as_deref())
    }

    /// What signs.
    pub fn signer(&self) -> Result<Arc<dyn Sign + Send + Sync>, ConfigError> {
        Ok(Arc::new(HmacSha256::new(&self.secret_key()?)))
    }

    /// The token key's cipher, where the configuration has one.
    pub fn cipher(&self) -> Result<Option<Aes256Cbc>, ConfigError> {
        let Some(section) = self.secrets()?.token_key.as_ref() else { return Ok(None) };
        let key = self.secret("token_key", section.env.as_deref(), section.file.as_deref())?;
        let iv = self.secret("token_key's iv", section.iv_env.as_deref(), section.iv_file.as_deref())?;
        let output = match section.output.unwrap_or(OutputName::Hex) {
            OutputName::Hex => Output::Hex,
            OutputName::Base64 => Output::Base64,
        };
        let cipher = Aes256Cbc::new(&raw(key, 32), &raw(iv, 16), output);
        cipher.map(Some).map_err(|invalid| {
            ConfigError(format!("[secrets] {} (as it is, or as hexadecimal digits)", plain(invalid)))
        })
    }

    fn secrets(&self) -> Result<&Secrets, ConfigError> {
        self.secrets.as_ref().ok_or_else(|| ConfigError("[secrets] is missing in the configuration".into()))
    }

    /// Of a file, without the line end that editors put there.
    fn secret(&self, name: &str, env: Option<&str>, file: Option<&Path>) -> Result<Secret, ConfigError> {
        let failed = |why: String| ConfigError(format!("[secrets] {name}: {why}"));
        let mut text = match (env, file) {
            (Some(env), None) => std::env::var(env).map_err(|error| {
                failed(match error {
                    std::env::VarError::NotPresent => format!("the environment variable {env} is not set"),
                    std::env::VarError::NotUnicode(_) => {
                        format!("the environment variable {env} is not UTF-8")
                    }
                })
            })?,
            (None, Some(file)) => {
                let path = self.folder.join(file);
                fs::read_to_string(&path).map_err(|error| failed(format!("{}: {error}", path.display())))?
            }
            _ => return Err(failed("name exactly one of an environment variable and a file".into())),
        };
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        let secret = Secret::from(text);
        if secret.expose().is_empty() { Err(failed("is empty".into())) } else { Ok(secret) }
    }
}

/// Key or IV as hexadecimal digits, or as it is.
fn raw(secret: Secret, bytes: usize) -> Secret {
    let digits = secret.expose();
    if digits.len() != 2 * bytes || !digits.iter().all(u8::is_ascii_hexdigit) {
        return secret;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or_default() as u8;
    Secret::from(digits.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect::<Vec<u8>>())
}

fn check_keys(file: &Table) -> Result<(), String> {
    keys::check::<File>(file, "")?;
    let Some(secrets) = file.get("secrets").and_then(|secrets| secrets.as_table()) else {
        return check_sections(file);
    };
    for name in ["secret_key", "token_key"] {
        if secrets.get(name).is_some_and(|secret| !secret.is_table()) {
            // Not shown: it may be the secret itself.
            return Err(format!(
                "[secrets] {name} must be {{ env = \"...\" }} or {{ file = \"...\" }}: a secret does not stand in this file"
            ));
        }
    }
    check_sections(file)
}

fn check_sections(file: &Table) -> Result<(), String> {
    let at = |path: &[&str]| path.iter().try_fold(file, |table, name| table.get(*name)?.as_table());
    let empty = Table::new();
    let at = |path: &[&str]| at(path).unwrap_or(&empty);
    keys::check::<MerchantSection>(at(&["merchant"]), "[merchant]")?;
    keys::check::<Secrets>(at(&["secrets"]), "[secrets]")?;
    keys::check::<SecretKey>(at(&["secrets", "secret_key"]), "[secrets] secret_key")?;
    keys::check::<TokenKeySection>(at(&["secrets", "token_key"]), "[secrets] token_key")?;
    keys::check::<Network>(at(&["network"]), "[network]")?;
    keys::check::<PolicySection>(at(&["policy"]), "[policy]")?;
    keys::check::<Backoff>(at(&["policy", "backoff"]), "[policy] backoff")?;
    keys::check::<AcceptSection>(at(&["accept"]), "[accept]")
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

fn http(
    base_url: String,
    allow_http: Option<bool>,
    network: Option<Network>,
    folder: &Path,
) -> Result<HttpSettings, String> {
    let mut http = HttpSettings::new(base_url);
    http.allow_http = allow_http.unwrap_or(false);
    let Some(network) = network else { return Ok(http) };
    if let Some(file) = network.ca_file {
        let path = folder.join(file);
        let pem =
            fs::read(&path).map_err(|error| format!("[network] ca_file {}: {error}", path.display()))?;
        http.ca_pem = Some(pem);
    }
    http.proxy = network.proxy;
    http.proxy_from_environment = network.proxy_from_environment.unwrap_or(false);
    http.reuse_connections = network.reuse_connections.unwrap_or(false);
    if let Some(span) = network.connect_timeout {
        http.connect_timeout = span.into();
    }
    Ok(http)
}

fn policy(section: Option<PolicySection>) -> Result<(Policy, CodeSets), String> {
    let mut policy = Policy::default();
    let Some(section) = section else { return Ok((policy, CodeSets::default())) };
    let backoff = section.backoff.unwrap_or(Backoff { first: None, cap: None });
    for (field, span) in [
        (&mut policy.answer_timeout, section.answer_timeout),
        (&mut policy.send_by, section.send_by),
        (&mut policy.quiet_period, section.quiet_period),
        (&mut policy.backoff_first, backoff.first),
        (&mut policy.backoff_cap, backoff.cap),
        (&mut policy.horizon, section.horizon),
        (&mut policy.lease, section.lease),
    ] {
        if let Some(Span(span)) = span {
            *field = span;
        }
    }
    policy.confirm_reversal = section.confirm_reversal.unwrap_or(policy.confirm_reversal);
    policy.rescue_attempts = section.rescue_attempts.unwrap_or(policy.rescue_attempts);
    policy.rescues_in_flight = section.rescues_in_flight.unwrap_or(policy.rescues_in_flight);
    policy.report_reversal = match section.report_reversal.unwrap_or(ReportName::Confirmed) {
        ReportName::Confirmed => ReportReversal::Confirmed,
        ReportName::FirstSuccess => ReportReversal::FirstSuccess,
    };
    policy.unlisted_codes = match section.unlisted_codes.unwrap_or(UnlistedName::Settle) {
        UnlistedName::Settle => UnlistedCodes::Settle,
        UnlistedName::Decline => UnlistedCodes::Decline,
    };
    policy.net_cancel_settles_refund = match section.net_cancel_settles_refund.unwrap_or(SettlesName::SameDay)
    {
        SettlesName::SameDay => SettlesRefund::SameDay,
        SettlesName::Always => SettlesRefund::Always,
        SettlesName::Never => SettlesRefund::Never,
    };
    let sets = CodeSets {
        unknown: codes("unknown_codes", section.unknown_codes)?,
        duplicate: codes("duplicate_codes", section.duplicate_codes)?,
        nothing_to_void: codes("nothing_to_void_codes", section.nothing_to_void_codes)?,
        already_voided: codes("already_voided_codes", section.already_voided_codes)?,
        refusals: codes("refusal_codes", section.refusal_codes)?,
    };
    policy.codes = Codes::new(sets.clone()).map_err(|error| format!("[policy] {error}"))?;
    Ok((policy, sets))
}

fn codes(name: &str, texts: Option<Vec<String>>) -> Result<Vec<ResultCode>, String> {
    let code = |text: &String| {
        ResultCode::new(text).map_err(|invalid| format!("[policy] {name}: {}", plain(invalid)))
    };
    texts.iter().flatten().map(code).collect()
}

/// Nothing could have been sent while the configuration is read.
fn plain(invalid: Invalid) -> String {
    format!("{}: {}", invalid.field, invalid.problem)
}

#[cfg(test)]
mod tests {
    use kicc_proto::time::Millis;

    use super::*;

    /// Every key that there is.
    const WHOLE: &str = r#"
        product = "simple"                        # the default product of this file; --product overrides it
        environment = "test"                      # required label (R3, R20)
        base_url = "http://127.0.0.1:8080"        # plain http to loopback only, unless allow_http = true
        [merchant]
        terminal_id = "T123456789"
        service_id = "SVC_SIMPLE"
        business_number = "1234567890"
        channel_id = "CH_A1B2C3D4"
        [secrets]
        secret_key = { env = "KICC_SECRET_KEY" }   # or { file = "..." }
        token_key = { env = "KICC_TOKEN_KEY", iv_env = "KICC_TOKEN_IV", output = "hex" }   # only where orders bring an authorization_id
        [network]                                  # optional
        proxy = "..."
        connect_timeout = "5s"
        reuse_connections = false
        [policy]                                   # optional; unsafe values are refused unless base_url is loopback
        answer_timeout = "33s"
        send_by = "10s"
        quiet_period = "35s"
        confirm_reversal = true
        report_reversal = "confirmed"              # or "first_success"
        unlisted_codes = "settle"                  # or "decline"
        net_cancel_settles_refund = "same_day"     # or "always", "never"
        rescue_attempts = 20
        rescues_in_flight = 16
        backoff = { first = "1s", cap = "60s" }
        horizon = "24h"
        lease = "60s"
        unknown_codes = []
        duplicate_codes = []
        nothing_to_void_codes = []
        already_voided_codes = []
        [accept]
        command = "/opt/shop/accept"
        time_limit = "10s"
    "#;

    fn read(text: &str) -> Result<Config, String> {
        Config::read(text, PathBuf::new(), None)
    }

    fn with(key: &str, line: &str) -> String {
        let begins = |text: &str| text.trim_start().starts_with(&format!("{key} ="));
        assert!(WHOLE.lines().any(begins), "{key}");
        let lines = WHOLE.lines().map(|text| if begins(text) { line } else { text });
        read(&lines.collect::<Vec<_>>().join("\n")).err().unwrap_or_default()
    }

    #[test]
    fn the_whole_example_is_the_default_policy() {
        let config = read(WHOLE).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.policy, Policy::default());
        assert_eq!(config.http.connect_timeout, Duration::from_secs(5));
        assert_eq!(config.accept.unwrap().time_limit, Duration::from_secs(10));
    }

    #[test]
    fn optional_sections_may_be_absent() {
        let short = WHOLE.split("[network]").next().unwrap();
        assert_eq!(read(short).map(|config| config.policy).ok(), Some(Policy::default()));
    }

    #[test]
    fn a_wrong_key_names_the_nearest_right_one() {
        assert_eq!(
            with("answer_timeout", "anwser_timeout = \"33s\""),
            "unknown key `anwser_timeout` in [policy]; did you mean `answer_timeout`?"
        );
        assert_eq!(
            with("environment", "enviroment = \"test\""),
            "unknown key `enviroment`; did you mean `environment`?"
        );
        assert_eq!(
            with("backoff", "backoff = { frist = \"1s\" }"),
            "unknown key `frist` in [policy] backoff; did you mean `first`?"
        );
        assert!(with("secret_key", "secret_key = { envv = \"X\" }").contains("did you mean `env`?"));
        assert!(with("proxy", "zzzzzzzzz = 1").contains("the keys there are: ca_file, proxy"));
    }

    #[test]
    fn wrong_values_are_named_with_their_place() {
        assert!(with("answer_timeout", "answer_timeout = \"33\"").contains("no time span"));
        assert!(with("answer_timeout", "answer_timeout = 33").contains("answer_timeout"));
        assert!(with("terminal_id", "terminal_id = \"T_1\"").contains("terminal id"));
        assert!(with("report_reversal", "report_reversal = \"never\"").contains("report_reversal"));
        assert!(with("unknown_codes", "unknown_codes = [\"12345\"]").starts_with("[policy] unknown_codes"));
        assert!(with("product", "product = \"easy\"").contains("simple"));
        assert!(with("environment", "").contains("environment"));
    }

    /// R23.
    #[test]
    fn r23_a_secret_in_the_file_is_refused_and_not_shown() {
        for line in [
            "secret_key = \"HUNTER2\"",
            "secret_key = \"HUNTER2",
            "secret_key = { env = \"A\", = \"HUNTER2\" }",
        ] {
            let error = with("secret_key", line);
            assert!(!error.is_empty() && !error.contains("HUNTER2"), "{error}");
        }
    }

    #[test]
    fn a_key_may_be_written_in_hexadecimal() {
        let hex = Secret::from_utf8("000102030405060708090a0B0C0D0E0F");
        assert_eq!(raw(hex, 16).expose(), (0..16).collect::<Vec<u8>>());
        let text = Secret::from_utf8("0123456789012345");
        assert_eq!(raw(text.clone(), 16), text);
        assert_eq!(policy(None).unwrap().0.lease, Millis(60_000));
    }

    #[test]
    fn secrets_come_from_files_without_their_line_end_and_missing_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key"), "abc\r\n").unwrap();
        let from = |line: &str| {
            let text = WHOLE.replace("secret_key = { env = \"KICC_SECRET_KEY\" }", line);
            Config::read(&text, folder.path().to_owned(), None).unwrap().secret_key()
        };
        assert_eq!(from("secret_key = { file = \"key\" }").unwrap().expose(), b"abc");
        let missing = from("secret_key = { env = \"KICC_NO_SUCH_VARIABLE\" }").unwrap_err().0;
        assert_eq!(
            missing,
            "[secrets] secret_key: the environment variable KICC_NO_SUCH_VARIABLE is not set"
        );
        assert!(from("secret_key = { file = \"none\" }").unwrap_err().0.contains("none"));
        assert!(from("secret_key = {}").unwrap_err().0.contains("exactly one"));
    }
}
