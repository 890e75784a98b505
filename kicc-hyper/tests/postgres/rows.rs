//! Rows to write, and journals to write them to.

use std::time::Duration;

use kicc_hyper::journal::{PostgresJournal, PostgresSettings};
use kicc_proto::{
    journal::{AsyncJournal, Claim, Claimed, Force, Key, Product, Row},
    time::UnixMillis,
    values::{Environment, TerminalId, TransactionNumber},
};
use kicc_testkit::cluster::Cluster;
pub use kicc_testkit::journal_kit::row;

pub fn key(number: &str) -> Key {
    Key {
        environment: Environment::new("test").unwrap(),
        product: Product::Simple,
        terminal: TerminalId::new("T1").unwrap(),
        number: TransactionNumber::new(number).unwrap(),
    }
}

/// The row's next revision.
pub fn next(row: &Row) -> Row {
    Row { revision: row.revision + 1, ..row.clone() }
}

/// A row that a holder has for so long.
pub fn held(number: &str, holder: &str, lease: Duration) -> Row {
    let lease_until = UnixMillis(1 + lease.as_millis() as u64);
    Row { holder: holder.into(), lease_until, ..row(number) }
}

/// Short leases and time limits, so that nobody waits for them.
pub fn brisk() -> PostgresSettings {
    let mut settings = PostgresSettings::default();
    settings.lease = Duration::from_millis(1_500);
    settings.idle_timeout = Duration::from_secs(1);
    settings.statement_timeout = Duration::from_secs(4);
    settings.commit_timeout = Duration::from_secs(4);
    settings
}

pub async fn open(cluster: &Cluster, database: &str) -> PostgresJournal {
    PostgresJournal::open_with(&cluster.address(database), brisk()).await.unwrap()
}

/// Claims a row by what its clock says.
pub async fn claim(journal: &PostgresJournal, row: &Row, now: u64) -> Claimed {
    let claim = Claim {
        key: &row.key,
        revision: row.revision,
        holder: journal.holder(),
        now: UnixMillis(now),
        lease_until: UnixMillis(now + 1_000),
        force: Force::DeadOrLapsed,
    };
    journal.claim(&claim).await.unwrap()
}
