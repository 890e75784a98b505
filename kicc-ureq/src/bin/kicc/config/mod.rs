//! The configuration: one TOML file. A wrong key is an error that names the nearest right one; secrets are named in
//! it and stand elsewhere.

mod file;
mod iamport;
mod policy;
mod secrets;

#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kicc_proto::{
    codes::{CodeSets, ResultCode},
    easytalk,
    flow::Policy,
    iamport::ApiKeys,
    product::{Merchant, Product},
    simple,
    values::{BusinessNumber, ChannelId, Environment, Invalid, Secret, ServiceId, TerminalId, VanTerminalId},
    wire::{
        call::RequestAuthorization,
        sign::{HmacSha256, Sign},
        token_key::Aes256Cbc,
    },
};
use kicc_ureq::{
    client::{Keys, Signing},
    http::HttpSettings,
};

pub use self::iamport::Iamport;
use self::{
    file::{AcceptSection, File, MerchantSection, Network},
    secrets::Secrets,
};
use crate::accept::{self, AcceptCommand, AcceptCommands};

/// A configuration, checked as far as it can be without a gateway and a journal.
pub struct Config {
    /// The product that a command is about, where it is about one.
    pub product: Product,
    /// Who sells by Simple Payment, if anybody does.
    pub simple: Option<Simple>,
    /// Who sells by EasyTalkPay, if anybody does; its settings stand in the policy.
    pub easytalk: Option<easytalk::Merchant>,
    /// Who sells by i'mport, if anybody does; its settings stand in the policy.
    pub iamport: Option<Iamport>,
    /// The merchant's registration number, which EasyTalkPay's registrations name (spec B.2).
    pub business_number: Option<BusinessNumber>,
    /// How to reach the gateway.
    pub http: HttpSettings,
    /// How to reach the host of Simple Payment's authentication stage (spec A.3).
    pub auth_http: HttpSettings,
    /// The flow's times and choices.
    pub policy: Policy,
    /// The result codes by configuration.
    pub codes: CodeSets,
    /// EasyTalkPay's own codes for a repeated number.
    pub duplicate_codes: Vec<ResultCode>,
    /// The accept step, and what says what the books hold (R19, R24).
    pub accept: AcceptCommands,
    secrets: Option<Secrets>,
    /// Where the file lies; other files are named from there.
    folder: PathBuf,
}

/// Simple Payment's part.
pub struct Simple {
    /// Who sells.
    pub merchant: simple::Merchant,
    /// The channel of the signature headers.
    pub channel_id: ChannelId,
    /// How requests of the authentication stage are authorised (spec A.3).
    pub authorization: RequestAuthorization,
}

/// What is wrong with the configuration; no secret is in it (R23).
#[derive(Debug)]
pub struct ConfigError(pub String);

impl From<ConfigError> for crate::exit::Fail {
    fn from(error: ConfigError) -> Self {
        crate::exit::Fail::input(error.0)
    }
}

impl Config {
    /// Reads the file. `product` overrides the file's own.
    pub fn load(path: &Path, product: Option<&str>) -> Result<Config, ConfigError> {
        let named = |error: String| ConfigError(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Config::read(&text, folder, product).map_err(named)
    }

    /// Takes the text of a file; paths in it are those of its folder.
    pub fn read(text: &str, folder: PathBuf, product: Option<&str>) -> Result<Config, String> {
        let file = File::read(text)?;
        let environment = Environment::new(&file.environment).map_err(plain)?;
        let authorization = policy::authorization(file.auth_request_authorization);
        let simple = simple(&file.merchant, &environment, authorization)?;
        let easytalk = easytalk(&file.merchant, &environment)?;
        if easytalk.is_none() && file.easytalk.is_some() {
            return Err("[easytalk] needs van_terminal_id in [merchant]".into());
        }
        let product = product.or(file.product.as_deref());
        let product = chosen(product, simple.is_some(), easytalk.is_some(), file.iamport.is_some())?;
        let names_a_lease = file.policy.as_ref().is_some_and(|policy| policy.lease.is_some());
        let (mut policy, codes) = policy::policy(file.policy)?;
        let mut duplicate_codes = Vec::new();
        if easytalk.is_some() {
            let (settings, duplicates) = policy::easytalk(file.easytalk.unwrap_or_default())?;
            policy.products.easytalk = Some(settings);
            duplicate_codes = duplicates;
        }
        let iamport =
            file.iamport.map(|section| iamport::iamport(section, &environment, &mut policy, names_a_lease));
        let iamport = iamport.transpose()?;
        let http = http(file.base_url, file.allow_http, file.network, &folder)?;
        let mut auth_http = http.clone();
        auth_http.base_url = file.auth_base_url.unwrap_or(auth_http.base_url);
        Ok(Config {
            product,
            simple,
            easytalk,
            iamport,
            business_number: file
                .merchant
                .business_number
                .as_deref()
                .map(BusinessNumber::new)
                .transpose()
                .map_err(plain)?,
            http,
            auth_http,
            policy,
            codes,
            duplicate_codes,
            accept: file.accept.map(commands).unwrap_or_default(),
            secrets: file.secrets,
            folder,
        })
    }

    /// The merchant of a product, if it is configured.
    pub fn merchant(&self, product: Product) -> Option<Merchant> {
        match product {
            Product::Simple => self.simple.as_ref().map(|simple| Merchant::Simple(simple.merchant.clone())),
            Product::EasyTalk => self.easytalk.clone().map(Merchant::EasyTalk),
            Product::Iamport => {
                self.iamport.as_ref().map(|iamport| Merchant::Iamport(iamport.merchant.clone()))
            }
        }
    }

    /// The products that are configured, the chosen one first.
    pub fn products(&self) -> impl Iterator<Item = Product> {
        let others = Product::ALL.into_iter().filter(|product| *product != self.product);
        [self.product].into_iter().chain(others).filter(|product| self.merchant(*product).is_some())
    }

    /// The secret key as it is named in the configuration.
    pub fn secret_key(&self) -> Result<Secret, ConfigError> {
        self.secrets()?.secret_key(&self.folder)
    }

    /// What makes the gateway believe a product's messages.
    pub fn keys(&self, product: Product) -> Result<Keys, ConfigError> {
        Ok(match (product, &self.simple) {
            (Product::Simple, Some(simple)) => {
                Keys::Signing(Signing { channel_id: simple.channel_id.clone(), signer: self.signer()? })
            }
            (Product::Iamport, _) => Keys::Api(self.api_keys()?),
            (Product::Simple | Product::EasyTalk, _) => Keys::None,
        })
    }

    /// What signs.
    pub fn signer(&self) -> Result<Arc<dyn Sign + Send + Sync>, ConfigError> {
        Ok(Arc::new(HmacSha256::new(&self.secret_key()?)))
    }

    /// i'mport's key and secret as they are named in the configuration.
    pub fn imp_keys(&self) -> Result<[Secret; 2], ConfigError> {
        self.secrets()?.imp_keys(&self.folder)
    }

    /// The same, as a client takes them.
    pub fn api_keys(&self) -> Result<ApiKeys, ConfigError> {
        let keys = self.imp_keys()?;
        let [key, secret] = keys.each_ref().map(|secret| std::str::from_utf8(secret.expose()));
        let (Ok(key), Ok(secret)) = (key, secret) else {
            return Err(ConfigError("[secrets] imp_key, imp_secret: must be UTF-8".into()));
        };
        ApiKeys::new(key, secret).map_err(|invalid| ConfigError(format!("[secrets] {}", plain(invalid))))
    }

    /// The token key's cipher, where the configuration has one.
    pub fn cipher(&self) -> Result<Option<Aes256Cbc>, ConfigError> {
        self.secrets()?.cipher(&self.folder)
    }

    fn secrets(&self) -> Result<&Secrets, ConfigError> {
        self.secrets.as_ref().ok_or_else(|| ConfigError("[secrets] is missing in the configuration".into()))
    }
}

/// The product by its name; else the first one that is configured.
fn chosen(name: Option<&str>, simple: bool, easytalk: bool, iamport: bool) -> Result<Product, String> {
    let product = match name {
        Some(name) => Product::from_name(name).ok_or_else(|| {
            let names: Vec<&str> = Product::ALL.iter().map(|product| product.as_str()).collect();
            format!("product {name:?} is not one of: {}", names.join(", "))
        })?,
        None if simple => Product::Simple,
        None if easytalk => Product::EasyTalk,
        None if iamport => Product::Iamport,
        None => Product::Simple,
    };
    let (is_there, keys) = match product {
        Product::Simple => (simple, "terminal_id, service_id, business_number and channel_id in [merchant]"),
        Product::EasyTalk => (easytalk, "van_terminal_id in [merchant]"),
        Product::Iamport => (iamport, "the section [iamport]"),
    };
    match is_there {
        true => Ok(product),
        false => Err(format!("product {:?} needs {keys}", product.as_str())),
    }
}

/// All of its four keys, or none. The business number alone is EasyTalkPay's too.
fn simple(
    section: &MerchantSection,
    environment: &Environment,
    authorization: RequestAuthorization,
) -> Result<Option<Simple>, String> {
    if section.terminal_id.is_none() && section.service_id.is_none() && section.channel_id.is_none() {
        return Ok(None);
    }
    fn required<'a>(name: &str, value: &'a Option<String>) -> Result<&'a str, String> {
        value.as_deref().ok_or_else(|| format!("[merchant] {name} is missing"))
    }
    let terminal_id = required("terminal_id", &section.terminal_id)?;
    let service_id = required("service_id", &section.service_id)?;
    let business_number = required("business_number", &section.business_number)?;
    let channel_id = required("channel_id", &section.channel_id)?;
    Ok(Some(Simple {
        merchant: simple::Merchant {
            environment: environment.clone(),
            terminal_id: TerminalId::new(terminal_id).map_err(plain)?,
            service_id: ServiceId::new(service_id).map_err(plain)?,
            business_number: BusinessNumber::new(business_number).map_err(plain)?,
        },
        channel_id: ChannelId::new(channel_id).map_err(plain)?,
        authorization,
    }))
}

fn easytalk(
    section: &MerchantSection,
    environment: &Environment,
) -> Result<Option<easytalk::Merchant>, String> {
    let Some(id) = &section.van_terminal_id else { return Ok(None) };
    let van_terminal_id = VanTerminalId::new(id).map_err(plain)?;
    Ok(Some(easytalk::Merchant { environment: environment.clone(), van_terminal_id }))
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

fn commands(section: AcceptSection) -> AcceptCommands {
    let time_limit = section.time_limit.map(Duration::from);
    let named = |command: Option<String>| {
        command.map(|command| AcceptCommand { command, time_limit: time_limit.unwrap_or(accept::TIME_LIMIT) })
    };
    AcceptCommands { accept: named(section.command), holds: named(section.holds), time_limit }
}

/// Nothing could have been sent while the configuration is read.
fn plain(invalid: Invalid) -> String {
    format!("{}: {}", invalid.field, invalid.problem)
}
