//! Connections: the database's address, TLS, and how many there are.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Failover, OpenError, PostgresSettings, statement::error_text};
use crate::http::rustls::client_config;

/// The connections of one journal, by what they are for: none keeps another waiting.
pub(super) struct Pools {
    /// One, for the groups of writes.
    pub writer: Pool,
    /// For single rows; [`AsyncJournal::holds`](kicc_proto::journal::AsyncJournal::holds) among them.
    pub rows: Pool,
    /// One, for what may take long.
    pub lists: Pool,
}

impl Pools {
    pub fn new(address: &str, settings: &PostgresSettings) -> Result<Self, OpenError> {
        let Address { mut config, ca, .. } = Address::parse(address)?;
        if let Some(password) = &settings.password {
            config.password(password);
        }
        let ca = match (&settings.ca_pem, ca) {
            (Some(pem), _) => Some(pem.clone()),
            (None, Some(path)) => Some(std::fs::read(&path).map_err(|error| {
                OpenError::Address(format!("the file of `sslrootcert` was not read: {error}").into())
            })?),
            (None, None) => None,
        };
        let tls =
            client_config(ca.as_deref()).map_err(|error| OpenError::Address(error.to_string().into()))?;
        config
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(settings.connect_timeout)
            .keepalives_idle(Duration::from_secs(10))
            .tcp_user_timeout(settings.statement_timeout * 2);
        if config.get_application_name().is_none() {
            config.application_name("kicc");
        }
        let pool = |size| {
            let tls = MakeRustlsConnect::new((*tls).clone());
            let recycling_method = RecyclingMethod::Fast;
            let manager = Manager::from_config(config.clone(), tls, ManagerConfig { recycling_method });
            let prepare = session(settings);
            Pool::builder(manager)
                .max_size(size)
                .runtime(Runtime::Tokio1)
                .timeouts(Timeouts {
                    wait: Some(settings.connection_wait),
                    create: Some(settings.connect_timeout),
                    recycle: Some(settings.connect_timeout),
                })
                .post_create(Hook::async_fn(move |client, _| {
                    let prepare = prepare.clone();
                    Box::pin(async move {
                        client.batch_execute(&prepare).await.map_err(HookError::Backend)?;
                        Ok(())
                    })
                }))
                .build()
                .map_err(|error| OpenError::Address(error.to_string().into()))
        };
        Ok(Pools {
            writer: pool(1)?,
            rows: pool(settings.connections.saturating_sub(2).max(1))?,
            lists: pool(1)?,
        })
    }

    /// Ends them; one that is in use ends when it is given back.
    pub fn close(&self) {
        [&self.writer, &self.rows, &self.lists].into_iter().for_each(Pool::close);
    }
}

/// What each connection is told first. A commit that is acknowledged is on the disk (R1), and on the standbys where the
/// database waits for those; a transaction whose process is stopped ends, so that it keeps nobody waiting.
fn session(settings: &PostgresSettings) -> String {
    let statement = settings.statement_timeout.as_millis();
    let idle = settings.idle_timeout.as_millis();
    format!(
        "SELECT set_config('synchronous_commit', 'on', false) \
            WHERE current_setting('synchronous_commit') <> 'remote_apply'; \
         SET statement_timeout = {statement}; SET idle_in_transaction_session_timeout = {idle}; \
         SET lock_timeout = 0; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
         SET tcp_keepalives_count = 3; SET client_min_messages = warning; SET client_encoding = 'UTF8'"
    )
}

/// A connection, or why there is none.
pub(super) async fn connection(pool: &Pool) -> Result<Object, Box<str>> {
    pool.get().await.map_err(|error| match &error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error_text(error),
        PoolError::Timeout(_) => "no connection to the database came free, or was made, in time".into(),
        PoolError::Closed => "the journal is closed".into(),
        _ => error.to_string().into(),
    })
}

/// A database's address, `postgres://user@host/database?sslmode=…&sslrootcert=…`, and what of the settings it may say too.
pub(super) struct Address {
    config: Config,
    /// `sslrootcert`.
    ca: Option<String>,
    /// `kicc_failover`.
    pub failover: Option<Failover>,
    /// `kicc_mark`.
    pub mark: Option<String>,
    /// `kicc_lease`.
    pub lease: Option<Duration>,
    /// `kicc_rescues_in_flight`.
    pub rescues_in_flight: Option<NonZeroU32>,
}

impl Address {
    /// TLS is required, and the server's name and authority verified, unless `sslmode=disable` says otherwise or the
    /// address does not leave the machine; `prefer` and `allow`, which fall back to plain text, are refused.
    pub fn parse(address: &str) -> Result<Self, OpenError> {
        let bad = |why: &str| OpenError::Address(why.into());
        if !["postgres://", "postgresql://"].iter().any(|scheme| address.starts_with(scheme)) {
            return Err(bad("it must begin with postgres://"));
        }
        let (base, query) = address.split_once('?').unwrap_or((address, ""));
        let (mut mode, mut ca) = (None, None);
        let (mut failover, mut mark, mut lease, mut rescues_in_flight) = (None, None, None, None);
        let decoded = |path: &str| percent_decode_str(path).decode_utf8_lossy().into_owned();
        let mut rest = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("sslmode", word)) => mode = Some(word),
                Some(("sslrootcert", path)) => ca = Some(decoded(path)),
                Some(("kicc_mark", path)) => mark = Some(decoded(path)),
                Some(("kicc_failover", "keeps_commits")) => failover = Some(Failover::KeepsCommits),
                Some(("kicc_failover", "may_lose_commits")) => failover = Some(Failover::MayLoseCommits),
                Some(("kicc_lease", seconds)) => {
                    let seconds = seconds.parse().ok().filter(|seconds| (1..=3_600).contains(seconds));
                    let seconds = seconds.ok_or_else(|| bad("`kicc_lease` must be 1 to 3600 seconds"))?;
                    lease = Some(Duration::from_secs(seconds));
                }
                Some(("kicc_rescues_in_flight", count)) => {
                    let count = count.parse();
                    let why = "`kicc_rescues_in_flight` must be a number from 1";
                    rescues_in_flight = Some(count.map_err(|_| bad(why))?);
                }
                _ => rest.push(part),
            }
        }
        let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        // The library's own message quotes what it did not understand, which may be a password (R23).
        let mut config: Config = plain.parse().map_err(|_| bad("it is no address that is understood"))?;
        let mode = match mode {
            Some("disable") => SslMode::Disable,
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            Some(_) => {
                return Err(bad("`sslmode` must be disable, require, verify-ca or verify-full"));
            }
            None if config.get_hosts().iter().all(is_local) => SslMode::Disable,
            None => SslMode::Require,
        };
        config.ssl_mode(mode);
        Ok(Address { config, ca, failover, mark, lease, rescues_in_flight })
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        #[cfg(unix)]
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(address: &str) -> Result<SslMode, String> {
        Address::parse(address).map(|parsed| parsed.config.get_ssl_mode()).map_err(|error| error.to_string())
    }

    #[test]
    fn tls_is_required_unless_it_is_declined_or_the_address_is_local() {
        for (address, wanted) in [
            ("postgres://app@db.example/shop", SslMode::Require),
            ("postgres://app@127.0.0.1,db.example/shop", SslMode::Require),
            ("postgres://app@db.example/shop?sslmode=verify-full&application_name=x", SslMode::Require),
            ("postgres://app@127.0.0.1/shop?sslmode=verify-ca", SslMode::Require),
            ("postgres://app@db.example/shop?sslmode=disable", SslMode::Disable),
            ("postgres://app@localhost:5433/shop", SslMode::Disable),
            ("postgresql://app@%2Frun%2Fpostgresql/shop", SslMode::Disable),
        ] {
            assert_eq!(mode(address), Ok(wanted), "{address}");
        }
        for word in ["prefer", "allow", "", "Require"] {
            assert!(mode(&format!("postgres://app@db.example/shop?sslmode={word}")).is_err(), "{word}");
        }
        assert!(mode("host=db.example user=app").is_err());
    }

    #[test]
    fn r23_an_address_that_is_not_understood_is_not_shown() {
        let error = mode("postgres://app:s3cr3t@db.example/shop?s3cr3t=1").unwrap_err();
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn what_all_who_share_a_database_must_agree_on_may_stand_in_its_address() {
        let address = "postgres://app@db/shop?kicc_failover=keeps_commits&kicc_mark=/var/a%20mark&kicc_lease=9&\
             kicc_rescues_in_flight=32";
        let Address { failover, mark, lease, rescues_in_flight, .. } = Address::parse(address).unwrap();
        assert_eq!((failover, mark.as_deref()), (Some(Failover::KeepsCommits), Some("/var/a mark")));
        assert_eq!((lease, rescues_in_flight), (Some(Duration::from_secs(9)), NonZeroU32::new(32)));
        let wrong = ["kicc_failover=maybe", "kicc_lease=0", "kicc_lease=1m", "kicc_rescues_in_flight=0"];
        for wrong in wrong {
            assert!(Address::parse(&format!("postgres://app@db/shop?{wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_file_of_an_authority_is_named_in_the_address() {
        let address =
            Address::parse("postgres://app@db/shop?sslrootcert=/etc/my%20ca.pem&sslmode=require").unwrap();
        assert_eq!(address.ca.as_deref(), Some("/etc/my ca.pem"));
    }
}
