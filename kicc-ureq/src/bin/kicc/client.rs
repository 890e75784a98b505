//! From the configuration and the journal's file to a client.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use kicc_proto::{
    iamport::{ApiKeys, Settings},
    product::Product,
    wire::sign::{Sign, SignError},
};
use kicc_ureq::{
    Client,
    client::{Keys, Signing, Terminal},
    http::Http,
    journal::Opened,
};

use crate::{
    accept::AcceptCommands,
    config::{Config, ConfigError},
    exit::Fail,
    store::{Place, Store},
};

/// The files that most commands work with.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The configuration, a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The journal: a file, or a database (postgres://user@host/name)
    #[arg(long, value_name = "FILE")]
    pub journal: PathBuf,
    /// The product, instead of the configuration's own; where a command is about both, this one alone
    #[arg(long, value_name = "NAME")]
    pub product: Option<String>,
}

impl Files {
    /// Reads the configuration.
    pub fn config(&self) -> Result<Config, Fail> {
        Ok(Config::load(&self.config, self.product.as_deref())?)
    }

    /// The product that was asked for, or all that are configured.
    pub fn products(&self, config: &Config) -> Vec<Product> {
        match self.product {
            Some(_) => vec![config.product],
            None => config.products().collect(),
        }
    }
}

/// A client that can sign and ask the accept step: at the terminals of these products.
pub fn client(
    config: &Config,
    products: &[Product],
    journal: Arc<dyn Store>,
    accept: AcceptCommands,
) -> Result<Client, Fail> {
    let asks = config.policy.products.easytalk.as_ref().is_none_or(|settings| settings.status().is_some());
    if products.contains(&Product::EasyTalk) && !asks {
        eprintln!(
            "kicc: warning: EasyTalkPay without status query ([easytalk] status_path is not set): an approval whose answer is \
             lost ends with a person (R11)."
        );
    }
    let proves_absence = config.policy.products.iamport.as_ref().is_none_or(Settings::absence_counts);
    if products.contains(&Product::Iamport) && !proves_absence {
        eprintln!(
            "kicc: warning: i'mport's test channel without [iamport] sees_sandbox = true: a charge that was never made, and \
             whose answer is lost, ends with a person (R13)."
        );
    }
    build(config, products, journal, |product| config.keys(product), accept)
}

/// A client that only looks, or takes a person's word: it needs no secret.
pub fn onlooker(config: &Config, products: &[Product], journal: Arc<dyn Store>) -> Result<Client, Fail> {
    build(config, products, journal, |product| no_keys(config, product), config.accept.clone())
}

fn build(
    config: &Config,
    products: &[Product],
    journal: Arc<dyn Store>,
    keys: impl Fn(Product) -> Result<Keys, ConfigError>,
    commands: AcceptCommands,
) -> Result<Client, Fail> {
    let http = Http::new(config.http.clone()).map_err(Fail::input)?;
    let mut builder = Client::builder(http, journal).policy(config.policy.clone());
    for product in products {
        if let Some(merchant) = config.merchant(*product) {
            builder = builder.terminal(Terminal { merchant, keys: keys(*product)? });
        }
    }
    if let Some(accept) = commands.accept {
        builder = builder.accept_step(accept);
    }
    if let Some(holds) = commands.holds {
        builder = builder.holds_step(holds);
    }
    builder.build().map_err(Fail::input)
}

/// Keys with which nothing could be sent.
fn no_keys(config: &Config, product: Product) -> Result<Keys, ConfigError> {
    Ok(match (product, &config.simple) {
        (Product::Simple, Some(simple)) => {
            Keys::Signing(Signing { channel_id: simple.channel_id.clone(), signer: Arc::new(NoKey) })
        }
        (Product::Iamport, _) => {
            Keys::Api(ApiKeys::new("none", "none").map_err(|invalid| ConfigError(invalid.to_string()))?)
        }
        _ => Keys::None,
    })
}

struct NoKey;

impl Sign for NoKey {
    fn sign(&self, _parts: &[&[u8]]) -> Result<[u8; 32], SignError> {
        Err(SignError("this command has no key".into()))
    }
}

/// Opens the journal, makes it if there is none, and says on standard error what was found.
pub fn open_journal(path: &Path) -> Result<Arc<dyn Store>, Fail> {
    opened(Place::of(path), Place::open)
}

/// The same of a journal that must be there already: makes nothing.
pub fn existing_journal(path: &Path) -> Result<Arc<dyn Store>, Fail> {
    opened(Place::of(path), Place::open_existing)
}

fn opened<'p>(
    place: Place<'p>,
    open: impl FnOnce(Place<'p>) -> Result<Arc<dyn Store>, Fail>,
) -> Result<Arc<dyn Store>, Fail> {
    let journal = open(place)?;
    warn_of_restore(place, journal.opened());
    Ok(journal)
}

/// Says on standard error what was found at opening (R24).
pub fn warn_of_restore(place: Place<'_>, opened: Opened) {
    if opened.restored {
        eprintln!(
            "kicc: warning: {place} is behind its mark: it was restored from a backup. The accept step is asked before anything \
             is sent, and new numbers are refused until `kicc journal restored --prefix P` (R24)."
        );
    }
    if opened.mark_missing {
        eprintln!(
            "kicc: warning: {place} had no mark beside it, so nobody can know whether it was restored from a backup. If it was, \
             say `kicc journal restored --prefix P` now (R24)."
        );
    }
}

/// Says on standard error if the journal's mark could not follow (R24).
pub fn warn_of_mark(journal: &dyn Store) {
    if let Some(trouble) = journal.mark_trouble() {
        eprintln!(
            "kicc: warning: the journal's mark is behind: {trouble}; a restore of its last writes would go unseen"
        );
    }
}
