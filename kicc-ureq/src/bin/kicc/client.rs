//! From the configuration and the journal's file to a client.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use kicc_proto::wire::sign::{Sign, SignError};
use kicc_ureq::{
    Client,
    client::{Signing, Terminal},
    http::Http,
    journal::SqliteJournal,
};

use crate::{accept::AcceptCommand, config::Config, exit::Fail};

/// The files that most commands work with.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The configuration, a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The journal
    #[arg(long, value_name = "FILE")]
    pub journal: PathBuf,
    /// The product, instead of the configuration's own
    #[arg(long, value_name = "NAME")]
    pub product: Option<String>,
}

impl Files {
    /// Reads the configuration.
    pub fn config(&self) -> Result<Config, Fail> {
        Ok(Config::load(&self.config, self.product.as_deref())?)
    }
}

/// A client that can sign and ask the accept step.
pub fn client(
    config: &Config,
    journal: Arc<SqliteJournal>,
    on_approved: Option<String>,
) -> Result<Client, Fail> {
    let accept = match (on_approved, &config.accept) {
        (Some(command), configured) => {
            let time_limit =
                configured.as_ref().map_or(crate::accept::TIME_LIMIT, |accept| accept.time_limit);
            Some(AcceptCommand { command, time_limit })
        }
        (None, configured) => configured.clone(),
    };
    build(config, journal, config.signer()?, accept)
}

/// A client that only looks, or takes a person's word: it needs no secret.
pub fn onlooker(config: &Config, journal: Arc<SqliteJournal>) -> Result<Client, Fail> {
    build(config, journal, Arc::new(NoKey), config.accept.clone())
}

fn build(
    config: &Config,
    journal: Arc<SqliteJournal>,
    signer: Arc<dyn Sign + Send + Sync>,
    accept: Option<AcceptCommand>,
) -> Result<Client, Fail> {
    let http = Http::new(config.http.clone()).map_err(Fail::input)?;
    let signing = Signing { channel_id: config.channel_id.clone(), signer };
    let terminal = Terminal { merchant: config.product_merchant(), signing: Some(signing) };
    let mut builder = Client::builder(http, journal).policy(config.policy.clone()).terminal(terminal);
    if let Some(accept) = accept {
        builder = builder.accept_step(accept);
    }
    builder.build().map_err(Fail::input)
}

struct NoKey;

impl Sign for NoKey {
    fn sign(&self, _parts: &[&[u8]]) -> Result<[u8; 32], SignError> {
        Err(SignError("this command has no key".into()))
    }
}

/// Opens the journal, makes it if there is none, and says on standard error what was found.
pub fn open_journal(path: &Path) -> Result<Arc<SqliteJournal>, Fail> {
    let journal = SqliteJournal::open(path).map_err(Fail::io)?;
    let opened = journal.opened();
    if opened.restored {
        eprintln!(
            "kicc: warning: {} is behind its mark: it was restored from a backup. The accept step is asked before anything \
             is sent, and new numbers are refused until `kicc journal restored --prefix P` (R24).",
            path.display()
        );
    }
    if opened.mark_missing {
        eprintln!(
            "kicc: warning: {} had no mark beside it, so nobody can know whether it was restored from a backup. If it was, \
             say `kicc journal restored --prefix P` now (R24).",
            path.display()
        );
    }
    Ok(Arc::new(journal))
}

/// Opens a journal that must be there already.
pub fn existing_journal(path: &Path) -> Result<Arc<SqliteJournal>, Fail> {
    if !path.exists() {
        return Err(Fail::input(format!("there is no journal at {}", path.display())));
    }
    open_journal(path)
}

/// Says on standard error if the journal's mark could not follow (R24).
pub fn warn_of_mark(journal: &SqliteJournal) {
    if let Some(trouble) = journal.mark_trouble() {
        eprintln!(
            "kicc: warning: the journal's mark is behind: {trouble}; a restore of its last writes would go unseen"
        );
    }
}
