//! The tables: their versions, what leads from one to the next, and their indexes.

use alloc::{format, string::String, vec::Vec};

/// The version of the tables, for the statements that ask for it.
macro_rules! version {
    () => {
        1
    };
}
pub(in crate::journal) use version;

/// The version of the tables that this text makes and understands; a journal of another one is refused (R21).
pub const SCHEMA_VERSION: i64 = version!();

/// What leads to each version of the tables from the one before, the first from none. A version that was released is
/// never changed: what comes later is a further one, and every table and column that it has stays as it was, unless the
/// further one says so itself. [`upgrade`] runs them.
pub const VERSIONS: [&[&str]; SCHEMA_VERSION as usize] = [&[
    "CREATE TABLE IF NOT EXISTS kicc_meta (name TEXT PRIMARY KEY NOT NULL, number BIGINT NOT NULL, text TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS kicc_attempts (\
        environment TEXT NOT NULL, product TEXT NOT NULL, terminal TEXT NOT NULL, number TEXT NOT NULL, \
        kind TEXT NOT NULL, original TEXT, authorisation_mark TEXT, slot TEXT, live BIGINT NOT NULL, \
        standing TEXT NOT NULL, told BIGINT NOT NULL, revision BIGINT NOT NULL, token BIGINT NOT NULL, \
        holder TEXT NOT NULL, lease_until BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, \
        sequence BIGINT NOT NULL, record TEXT NOT NULL, \
        PRIMARY KEY (environment, product, terminal, number))",
    "CREATE TABLE IF NOT EXISTS kicc_used (short_hash TEXT PRIMARY KEY NOT NULL, what TEXT NOT NULL, number TEXT)",
    // Decides R3 and R16, so it is no mere index.
    "CREATE UNIQUE INDEX IF NOT EXISTS kicc_slot \
        ON kicc_attempts (environment, product, terminal, slot) WHERE live = 1",
    // Its number is set when all of a version is there.
    "INSERT INTO kicc_meta (name, number, text) VALUES ('schema', 0, '') ON CONFLICT DO NOTHING",
    // Grows with every write (R24).
    "INSERT INTO kicc_meta (name, number, text) VALUES ('sequence', 0, '') ON CONFLICT DO NOTHING",
    // Rows last written at or before this sequence are suspect (R24).
    "INSERT INTO kicc_meta (name, number, text) VALUES ('restored', 0, '') ON CONFLICT DO NOTHING",
    // See `Admission::from_meta` (R24).
    "INSERT INTO kicc_meta (name, number, text) VALUES ('admission', 0, '') ON CONFLICT DO NOTHING",
]];

/// What makes the statements fast: name, and what makes it where it is not there. An index changes no meaning, so one
/// that is added here needs no new version: a store makes at opening what is missing, and an older program goes on
/// beside it (R21).
pub const INDEXES: &[(&str, &str)] = &[
    (
        "kicc_contested",
        "CREATE INDEX IF NOT EXISTS kicc_contested \
            ON kicc_attempts (environment, product, terminal, slot) WHERE live = 2",
    ),
    (
        "kicc_refunds",
        "CREATE INDEX IF NOT EXISTS kicc_refunds \
            ON kicc_attempts (environment, product, terminal, original, created_at, number) WHERE original IS NOT NULL",
    ),
    (
        "kicc_made",
        "CREATE INDEX IF NOT EXISTS kicc_made \
            ON kicc_attempts (created_at, environment, product, terminal, number)",
    ),
    (
        "kicc_open",
        "CREATE INDEX IF NOT EXISTS kicc_open \
            ON kicc_attempts (created_at, environment, product, terminal, number) WHERE standing = 'open'",
    ),
    (
        "kicc_parked",
        "CREATE INDEX IF NOT EXISTS kicc_parked \
            ON kicc_attempts (created_at, environment, product, terminal, number) WHERE standing = 'parked'",
    ),
    (
        "kicc_untold",
        "CREATE INDEX IF NOT EXISTS kicc_untold \
            ON kicc_attempts (created_at, environment, product, terminal, number) WHERE told = 0 AND standing <> 'open'",
    ),
    // Rows of which this version cannot tell whether they need somebody: none, usually. With `NOT IN`, SQLite would build
    // a table of the values at every write.
    (
        "kicc_unknown",
        "CREATE INDEX IF NOT EXISTS kicc_unknown \
            ON kicc_attempts (created_at, environment, product, terminal, number) \
            WHERE standing <> 'open' AND standing <> 'parked' AND standing <> 'closed' OR told <> 0 AND told <> 1",
    ),
];

/// What `TEXT` in [`VERSIONS`] is in PostgreSQL: ordered by bytes, whatever the database's collation, and whatever becomes
/// of that with the next system library.
pub const POSTGRES_TEXT: &str = "TEXT COLLATE \"C\"";

/// The statements that lead from the tables that were found, or from none, to the last of `versions`: nothing to do where
/// they are of that already. `None`: they are newer, moved or of no version, and are left alone (R21).
///
/// A store runs them in one transaction that keeps every writer out until its end; so tables are of one version or of
/// the next. Programs of the version before write nothing from then on
/// ([`NEXT_SEQUENCE`](super::NEXT_SEQUENCE), [`HOLDS`](super::HOLDS)).
#[must_use]
pub fn upgrade<V: AsRef<[&'static str]>>(found: Option<i64>, versions: &[V]) -> Option<Vec<String>> {
    let made = match found {
        None => 0,
        Some(found) => usize::try_from(found).ok().filter(|found| (1..=versions.len()).contains(found))?,
    };
    let mut statements = Vec::new();
    for (number, version) in (1..).zip(versions).skip(made) {
        statements.extend(version.as_ref().iter().map(|statement| String::from(*statement)));
        statements.push(format!("UPDATE kicc_meta SET number = {number} WHERE name = 'schema'"));
    }
    Some(statements)
}
