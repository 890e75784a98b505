//! The journal as SQL: schema, statements and the mapping of rows, written once for SQLite and PostgreSQL.
//!
//! Both take this text as it is, because it keeps to what they share: `TEXT` and `BIGINT` columns, partial indexes,
//! `ON CONFLICT DO NOTHING`, `RETURNING`. Placeholders are `$1`, `$2`, ...: PostgreSQL's by number, SQLite's by order
//! of first appearance, so every statement brings them in ascending order.
//!
//! What a store does around a statement: every write begins with [`NEXT_SEQUENCE`], in a transaction of its own or in a
//! savepoint of one that several share (SQLite: `BEGIN IMMEDIATE`); a write that changed no row is rolled back.
//! PostgreSQL's columns of text are made with the collation `C` ([`POSTGRES_TEXT`]), so that both order keys by bytes.
//!
//! **Slots.** A live row keeps others from taking the same thing: an approval the authorisation that it spends (R3),
//! a refund the approval that it refunds (R16). Both are one column, [`slot`], and one unique index. A closed row that
//! must be opened again (R9) while another has taken its slot since is *contested* (`live` = 2): it is written in any
//! case, since money moved, and also keeps new rows out.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{Key, Kind, Listing, Product, RecordText, Row, Standing, Unreadable, short_hash};
use crate::{
    time::UnixMillis,
    values::{Environment, Mark, TerminalId, TransactionNumber},
};

/// The version of the tables that this text makes and understands; a journal of another one is refused (R21).
pub const SCHEMA_VERSION: i64 = 1;

/// Makes the tables, in this order; each does nothing where it was done before. An index changes no meaning, so one that
/// is added here needs no new version: a store runs all of it at opening, and an older program goes on beside it (R21).
pub const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS kicc_meta (name TEXT PRIMARY KEY NOT NULL, number BIGINT NOT NULL, text TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS kicc_attempts (\
        environment TEXT NOT NULL, product TEXT NOT NULL, terminal TEXT NOT NULL, number TEXT NOT NULL, \
        kind TEXT NOT NULL, original TEXT, authorisation_mark TEXT, slot TEXT, live BIGINT NOT NULL, \
        standing TEXT NOT NULL, told BIGINT NOT NULL, revision BIGINT NOT NULL, token BIGINT NOT NULL, \
        holder TEXT NOT NULL, lease_until BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, \
        sequence BIGINT NOT NULL, record TEXT NOT NULL, \
        PRIMARY KEY (environment, product, terminal, number))",
    "CREATE TABLE IF NOT EXISTS kicc_used (short_hash TEXT PRIMARY KEY NOT NULL, what TEXT NOT NULL, number TEXT)",
    "CREATE UNIQUE INDEX IF NOT EXISTS kicc_slot \
        ON kicc_attempts (environment, product, terminal, slot) WHERE live = 1",
    "CREATE INDEX IF NOT EXISTS kicc_contested \
        ON kicc_attempts (environment, product, terminal, slot) WHERE live = 2",
    "CREATE INDEX IF NOT EXISTS kicc_refunds \
        ON kicc_attempts (environment, product, terminal, original, created_at, number) WHERE original IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS kicc_made \
        ON kicc_attempts (created_at, environment, product, terminal, number)",
    "CREATE INDEX IF NOT EXISTS kicc_open \
        ON kicc_attempts (created_at, environment, product, terminal, number) WHERE standing = 'open'",
    "CREATE INDEX IF NOT EXISTS kicc_parked \
        ON kicc_attempts (created_at, environment, product, terminal, number) WHERE standing = 'parked'",
    "CREATE INDEX IF NOT EXISTS kicc_untold \
        ON kicc_attempts (created_at, environment, product, terminal, number) WHERE told = 0 AND standing <> 'open'",
    // Rows of which this version cannot tell whether they need somebody: none, usually.
    "CREATE INDEX IF NOT EXISTS kicc_unknown \
        ON kicc_attempts (created_at, environment, product, terminal, number) \
        WHERE standing NOT IN ('open', 'parked', 'closed') OR told NOT IN (0, 1)",
    "INSERT INTO kicc_meta (name, number, text) VALUES ('schema', 1, '') ON CONFLICT DO NOTHING",
    // Grows with every write (R24).
    "INSERT INTO kicc_meta (name, number, text) VALUES ('sequence', 0, '') ON CONFLICT DO NOTHING",
    // Rows last written at or before this sequence are suspect (R24).
    "INSERT INTO kicc_meta (name, number, text) VALUES ('restored', 0, '') ON CONFLICT DO NOTHING",
    // See `Admission::from_meta` (R24).
    "INSERT INTO kicc_meta (name, number, text) VALUES ('admission', 0, '') ON CONFLICT DO NOTHING",
];

/// What `TEXT` in [`SCHEMA`] is in PostgreSQL: ordered by bytes, whatever the database's collation, and whatever becomes
/// of that with the next system library.
pub const POSTGRES_TEXT: &str = "TEXT COLLATE \"C\"";

/// The columns that [`row`] reads, in its order.
macro_rules! columns {
    ($record:literal) => {
        concat!(
            "environment, product, terminal, number, kind, original, authorisation_mark, live, standing, told, ",
            "revision, token, holder, lease_until, created_at, updated_at, CASE WHEN sequence <= ",
            "(SELECT m.number FROM kicc_meta AS m WHERE m.name = 'restored') THEN 1 ELSE 0 END AS suspect, ",
            $record
        )
    };
    () => {
        columns!("record")
    };
}

/// A page of rows behind a cursor, by time made and key.
macro_rules! page {
    ($where:literal, $after:literal, $limit:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM kicc_attempts WHERE ",
            $where,
            " AND (created_at, environment, product, terminal, number) > ",
            $after,
            " ORDER BY created_at, environment, product, terminal, number LIMIT ",
            $limit
        )
    };
}

/// `$1` name → number, text.
pub const META: &str = "SELECT number, text FROM kicc_meta WHERE name = $1";

/// Sets one: `$1` number, `$2` text, `$3` name.
pub const SET_META: &str = "UPDATE kicc_meta SET number = $1, text = $2 WHERE name = $3";

/// The number of this write → sequence. No row: the tables are not (or no longer) of this version (R21).
pub const NEXT_SEQUENCE: &str = "UPDATE kicc_meta SET number = number + 1 WHERE name = 'sequence' \
    AND EXISTS (SELECT 1 FROM kicc_meta AS m WHERE m.name = 'schema' AND m.number = 1) RETURNING number";

/// The row of a key ([`key_values`]) → [`row`].
pub const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM kicc_attempts WHERE environment = $1 AND product = $2 AND terminal = $3 AND number = $4"
);

/// The same, and locks the row; nothing where somebody else's transaction has it. PostgreSQL alone: SQLite has one
/// writer at a time.
pub const FIND_UNLOCKED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM kicc_attempts WHERE environment = $1 AND product = $2 AND terminal = $3 AND number = $4 ",
    "FOR UPDATE OF kicc_attempts SKIP LOCKED"
);

/// Inserts a row if it is first under its number and its slot ([`insert_values`]): this statement alone decides R3.
pub const INSERT: &str = "INSERT INTO kicc_attempts (environment, product, terminal, number, kind, original, \
    authorisation_mark, slot, live, standing, told, revision, token, holder, lease_until, created_at, updated_at, \
    sequence, record) \
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, CAST($9 AS BIGINT), $10, CAST($11 AS BIGINT), CAST($12 AS BIGINT), \
    CAST($13 AS BIGINT), $14, CAST($15 AS BIGINT), CAST($16 AS BIGINT), CAST($17 AS BIGINT), CAST($18 AS BIGINT), $19 \
    WHERE NOT EXISTS (SELECT 1 FROM kicc_used AS u WHERE u.short_hash IN ($20, $21)) \
    AND NOT EXISTS (SELECT 1 FROM kicc_attempts AS o WHERE o.environment = $1 AND o.product = $2 \
    AND o.terminal = $3 AND o.slot = $8 AND o.live = 2) \
    ON CONFLICT DO NOTHING";

/// Who has the slot that [`INSERT`] wanted: key columns without the number, then the slot → [`row`].
pub const BY_SLOT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM kicc_attempts WHERE environment = $1 AND product = $2 AND terminal = $3 AND slot = $4 AND live = 1 ",
    "UNION ALL SELECT ",
    columns!(),
    " FROM kicc_attempts WHERE environment = $1 AND product = $2 AND terminal = $3 AND slot = $4 AND live = 2 LIMIT 1"
);

/// What was pruned under a hash (`$1`) → number: of the row that had the slot, or null where it was a key.
pub const USED: &str = "SELECT number FROM kicc_used WHERE short_hash = $1";

/// Compare-and-set of a row ([`update_values`]). A lease that was renewed meanwhile is not shortened.
pub const UPDATE: &str = "UPDATE kicc_attempts SET authorisation_mark = $1, slot = $2, \
    live = CASE WHEN CAST($3 AS BIGINT) = 0 THEN 0 WHEN EXISTS (SELECT 1 FROM kicc_attempts AS o \
    WHERE o.environment = kicc_attempts.environment AND o.product = kicc_attempts.product \
    AND o.terminal = kicc_attempts.terminal AND o.slot = $2 AND o.live = 1 AND o.number <> kicc_attempts.number) \
    THEN 2 ELSE 1 END, \
    standing = $4, told = $5, revision = $6, holder = $7, \
    lease_until = CASE WHEN $7 <> '' AND lease_until > $8 THEN lease_until ELSE $8 END, \
    updated_at = $9, sequence = $10, record = $11 \
    WHERE environment = $12 AND product = $13 AND terminal = $14 AND number = $15 AND revision = $16 AND token = $17";

/// Takes the lease: `$1` holder, `$2` until, key, `$7` revision and `$8` token as they were seen.
pub const CLAIM: &str = "UPDATE kicc_attempts SET token = token + 1, holder = $1, lease_until = $2 \
    WHERE environment = $3 AND product = $4 AND terminal = $5 AND number = $6 AND revision = $7 AND token = $8";

/// Lengthens the lease: `$1` until, key, `$6` token. It never shortens one.
pub const RENEW: &str = "UPDATE kicc_attempts SET lease_until = CASE WHEN lease_until < $1 THEN $1 ELSE lease_until END \
    WHERE environment = $2 AND product = $3 AND terminal = $4 AND number = $5 AND token = $6";

/// Gives the lease back: key, `$5` token. The token is void from then on.
pub const RELEASE: &str = "UPDATE kicc_attempts SET token = token + 1, holder = '', lease_until = 0 \
    WHERE environment = $1 AND product = $2 AND terminal = $3 AND number = $4 AND token = $5";

/// Whether the row stands under a token: key, `$5` token → one row or none.
pub const HOLDS: &str = "SELECT 1 FROM kicc_attempts \
    WHERE environment = $1 AND product = $2 AND terminal = $3 AND number = $4 AND token = $5";

/// Notes that the end was told: key, `$5` revision.
pub const TOLD: &str = "UPDATE kicc_attempts SET told = 1 \
    WHERE environment = $1 AND product = $2 AND terminal = $3 AND number = $4 AND revision = $5";

/// The refunds of an approval's key ([`key_values`]) → [`row`]s.
pub const REFUNDS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM kicc_attempts WHERE environment = $1 AND product = $2 AND terminal = $3 AND original = $4 ",
    "ORDER BY created_at, number"
);

/// See [`list`].
pub const LIST_OPEN: &str = page!("standing = 'open'", "($1, $2, $3, $4, $5)", "$6");
/// See [`list`].
pub const LIST_PARKED: &str = page!("standing = 'parked'", "($1, $2, $3, $4, $5)", "$6");
/// See [`list`].
pub const LIST_UNTOLD: &str = page!("told = 0 AND standing <> 'open'", "($1, $2, $3, $4, $5)", "$6");
/// See [`list`].
pub const LIST_MADE: &str = page!("created_at >= $1 AND created_at < $2", "($3, $4, $5, $6, $7)", "$8");

/// Rows without their records.
macro_rules! check {
    ($where:literal) => {
        concat!("SELECT ", columns!("'' AS record"), " FROM kicc_attempts WHERE ", $where)
    };
}

/// Every row that needs somebody, or of which that cannot be told, without its record → [`row`]; for those that are
/// unreadable. Each part has an index of its own, so that closed rows cost nothing, and no row is in two.
pub const CHECK: &str = concat!(
    check!("standing = 'open'"),
    " UNION ALL ",
    check!("standing = 'parked'"),
    " UNION ALL ",
    check!("told = 0 AND standing <> 'open' AND standing <> 'parked'"),
    " UNION ALL ",
    check!(
        "(standing NOT IN ('open', 'parked', 'closed') OR told NOT IN (0, 1)) \
         AND told <> 0 AND standing <> 'open' AND standing <> 'parked'"
    )
);

/// Every row that was made at `$1` or later, and before `$2`, without its record → [`row`]; as [`CHECK`].
pub const CHECK_MADE: &str = check!("created_at >= $1 AND created_at < $2");

/// Rows that pruning may remove: `$1` made before, `$2` at most how many → [`row`].
///
/// An approval stays while a refund of it is open, parked or untold; a refund stays as long as its approval, so that
/// it goes on refusing a second one (R16, R22).
pub const PRUNABLE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM kicc_attempts WHERE standing = 'closed' AND told = 1 AND created_at < $1 ",
    "AND NOT EXISTS (SELECT 1 FROM kicc_attempts AS r WHERE r.environment = kicc_attempts.environment ",
    "AND r.product = kicc_attempts.product AND r.terminal = kicc_attempts.terminal ",
    "AND r.original = kicc_attempts.number AND (r.standing <> 'closed' OR r.told = 0)) ",
    "AND NOT EXISTS (SELECT 1 FROM kicc_attempts AS a WHERE a.environment = kicc_attempts.environment ",
    "AND a.product = kicc_attempts.product AND a.terminal = kicc_attempts.terminal ",
    "AND a.number = kicc_attempts.original) ",
    "ORDER BY created_at, environment, product, terminal, number LIMIT $2"
);

/// Keeps a pruned key or slot: `$1` hash, `$2` `key` or `slot`, `$3` number (of a slot) or null.
pub const KEEP: &str =
    "INSERT INTO kicc_used (short_hash, what, number) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

/// Removes a row by its key.
pub const DELETE: &str = "DELETE FROM kicc_attempts \
    WHERE environment = $1 AND product = $2 AND terminal = $3 AND number = $4";

/// A number that begins with the prefix `$1` (R24) → number.
pub const WITH_PREFIX: &str =
    "SELECT number FROM kicc_attempts WHERE substr(number, 1, length($1)) = $1 LIMIT 1";

/// Every statement of both engines but [`SCHEMA`], for a store's own checks at its start or in its tests.
pub const STATEMENTS: &[&str] = &[
    META,
    SET_META,
    NEXT_SEQUENCE,
    FIND,
    INSERT,
    BY_SLOT,
    USED,
    UPDATE,
    CLAIM,
    RENEW,
    RELEASE,
    HOLDS,
    TOLD,
    REFUNDS,
    LIST_OPEN,
    LIST_PARKED,
    LIST_UNTOLD,
    LIST_MADE,
    CHECK,
    CHECK_MADE,
    PRUNABLE,
    KEEP,
    DELETE,
    WITH_PREFIX,
];

/// A value for a placeholder. Not `Debug`: one of them is a record (R23).
#[derive(Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A `TEXT`.
    Text(Cow<'a, str>),
    /// A `BIGINT`.
    Number(i64),
    /// Null, of a `TEXT` column.
    Null,
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl From<Mark> for Value<'_> {
    fn from(mark: Mark) -> Self {
        String::from(mark.as_str()).into()
    }
}

impl From<u64> for Value<'_> {
    /// A `BIGINT` ends at 2^63 - 1; what is above it (a lease for ever) becomes that.
    fn from(number: u64) -> Self {
        Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// What a live row keeps others from taking: `a:` and the authorisation's mark, or `r:` and the refunded approval.
#[must_use]
pub fn slot(row: &Row) -> Option<String> {
    match row.kind {
        Kind::Approval => row.authorisation_mark.map(|mark| format!("a:{mark}")),
        Kind::Refund => row.original.as_ref().map(|number| format!("r:{}", number.as_str())),
    }
}

/// What stands for a slot once its row was pruned (R22).
#[must_use]
pub fn slot_hash(row: &Row) -> Option<Mark> {
    let key = &row.key;
    slot(row).map(|slot| {
        short_hash(&["slot", key.environment.as_str(), key.product.as_str(), key.terminal.as_str(), &slot])
    })
}

/// The four columns of a key, for `$n` to `$n+3`.
#[must_use]
pub fn key_values(key: &Key) -> [Value<'_>; 4] {
    [
        key.environment.as_str().into(),
        key.product.as_str().into(),
        key.terminal.as_str().into(),
        key.number.as_str().into(),
    ]
}

/// For [`INSERT`], stamped with the sequence of this write.
#[must_use]
pub fn insert_values(row: &Row, sequence: u64) -> Vec<Value<'_>> {
    let live_slot_hash = if row.live { slot_hash(row) } else { None };
    let mut values = Vec::from(key_values(&row.key));
    values.extend([
        row.kind.as_str().into(),
        row.original.as_ref().map(TransactionNumber::as_str).into(),
        row.authorisation_mark.as_ref().map(Mark::as_str).into(),
        slot(row).into(),
        u64::from(row.live).into(),
        row.standing.as_str().into(),
        u64::from(row.told).into(),
        row.revision.into(),
        row.token.into(),
        (&*row.holder).into(),
        row.lease_until.0.into(),
        row.created_at.0.into(),
        row.updated_at.0.into(),
        sequence.into(),
        row.record.0.as_str().into(),
        row.key.short_hash().into(),
        live_slot_hash.into(),
    ]);
    values
}

/// For [`UPDATE`], from the revision that is expected to the row's own.
#[must_use]
pub fn update_values(row: &Row, expected: u64, sequence: u64) -> Vec<Value<'_>> {
    let mut values = Vec::from([
        row.authorisation_mark.as_ref().map(Mark::as_str).into(),
        slot(row).into(),
        u64::from(row.live).into(),
        row.standing.as_str().into(),
        u64::from(row.told).into(),
        row.revision.into(),
        (&*row.holder).into(),
        row.lease_until.0.into(),
        row.updated_at.0.into(),
        sequence.into(),
        row.record.0.as_str().into(),
    ]);
    values.extend(key_values(&row.key));
    values.extend([expected.into(), row.token.into()]);
    values
}

/// The statement and values of a page of rows behind `after`.
///
/// A store that leaves out unreadable rows asks for more than a page, or the reader takes a short one for the last.
#[must_use]
pub fn list<'a>(
    which: Listing,
    after: Option<(UnixMillis, &'a Key)>,
    limit: u64,
) -> (&'static str, Vec<Value<'a>>) {
    let mut values = Vec::new();
    let statement = match which {
        Listing::Open => LIST_OPEN,
        Listing::Parked => LIST_PARKED,
        Listing::Untold => LIST_UNTOLD,
        Listing::Made { from, until } => {
            values.extend([from.0.into(), until.0.into()]);
            LIST_MADE
        }
    };
    match after {
        Some((made, key)) => {
            values.push(made.0.into());
            values.extend(key_values(key));
        }
        None => values.extend([Value::Number(-1), "".into(), "".into(), "".into(), "".into()]),
    }
    values.push(limit.into());
    (statement, values)
}

/// One result row of a driver, by column index.
pub trait Columns {
    /// The text at `column`; `None` when it is null or no readable text.
    fn text(&self, column: usize) -> Option<String>;
    /// The number at `column`; `None` when it is null or no integer.
    fn number(&self, column: usize) -> Option<i64>;
}

/// Reads a row.
///
/// # Errors
/// When a column holds what this version does not know; such a row is reported and left alone (R21).
pub fn row(columns: &impl Columns) -> Result<Row, Unreadable> {
    let raw = |column| columns.text(column).unwrap_or_else(|| "?".to_string());
    read_row(columns).map_err(|column| Unreadable {
        key: format!("{}/{}/{}/{}", raw(0), raw(1), raw(2), raw(3)),
        why: format!("column {column} holds what this version does not know"),
    })
}

/// The error names the column; its content may be a secret (R23).
fn read_row(columns: &impl Columns) -> Result<Row, &'static str> {
    let text = |column, name| columns.text(column).ok_or(name);
    let count = |column, name| columns.number(column).and_then(|n| u64::try_from(n).ok()).ok_or(name);
    let flag = |column, name| count(column, name).map(|n| n != 0);
    let key = Key {
        environment: Environment::new(&text(0, "environment")?).map_err(|_| "environment")?,
        product: Product::from_name(&text(1, "product")?).ok_or("product")?,
        terminal: TerminalId::recorded(&text(2, "terminal")?).map_err(|_| "terminal")?,
        number: TransactionNumber::new_long(&text(3, "number")?).map_err(|_| "number")?,
    };
    let kind = text(4, "kind")?;
    let standing = text(8, "standing")?;
    let mark = columns.text(6).map(|mark| Mark::new(&mark)).transpose();
    let original = columns.text(5).map(|number| TransactionNumber::new_long(&number)).transpose();
    Ok(Row {
        key,
        kind: [Kind::Approval, Kind::Refund].into_iter().find(|k| k.as_str() == kind).ok_or("kind")?,
        original: original.map_err(|_| "original")?,
        authorisation_mark: mark.map_err(|_| "authorisation_mark")?,
        live: flag(7, "live")?,
        standing: [Standing::Open, Standing::Parked, Standing::Closed]
            .into_iter()
            .find(|s| s.as_str() == standing)
            .ok_or("standing")?,
        told: flag(9, "told")?,
        revision: count(10, "revision")?,
        token: count(11, "token")?,
        holder: text(12, "holder")?.into(),
        lease_until: UnixMillis(count(13, "lease_until")?),
        created_at: UnixMillis(count(14, "created_at")?),
        updated_at: UnixMillis(count(15, "updated_at")?),
        suspect: flag(16, "suspect")?,
        record: RecordText(text(17, "record")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of a statement's placeholders, in the order of their appearance.
    fn placeholders(statement: &str) -> Vec<usize> {
        let numbers = statement.split('$').skip(1);
        numbers
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap())
            .collect()
    }

    #[test]
    fn placeholders_first_appear_in_ascending_order() {
        for statement in STATEMENTS {
            let mut highest = 0;
            for number in placeholders(statement) {
                assert!(number <= highest + 1, "${number} comes too early in {statement}");
                highest = highest.max(number);
            }
        }
    }

    fn example() -> Row {
        Row {
            key: Key {
                environment: Environment::new("test").unwrap(),
                product: Product::Simple,
                terminal: TerminalId::new("T1").unwrap(),
                number: TransactionNumber::new("N1").unwrap(),
            },
            kind: Kind::Approval,
            original: None,
            authorisation_mark: Mark::new("m").ok(),
            live: true,
            standing: Standing::Open,
            told: false,
            revision: 1,
            token: 1,
            holder: "h".into(),
            lease_until: UnixMillis(u64::MAX),
            created_at: UnixMillis(1),
            updated_at: UnixMillis(1),
            suspect: false,
            record: RecordText("{}".to_string()),
        }
    }

    #[test]
    fn values_match_the_placeholders_in_number() {
        let highest = |statement| placeholders(statement).into_iter().max().unwrap_or(0);
        let row = example();
        assert_eq!(insert_values(&row, 1).len(), highest(INSERT));
        assert_eq!(update_values(&row, 1, 1).len(), highest(UPDATE));
        let made = Listing::Made { from: UnixMillis(0), until: UnixMillis(9) };
        for which in [Listing::Open, Listing::Parked, Listing::Untold, made] {
            for after in [None, Some((UnixMillis(1), &row.key))] {
                let (statement, values) = list(which, after, 1);
                assert_eq!(values.len(), highest(statement));
            }
        }
    }

    #[test]
    fn a_number_beyond_bigint_is_cut_to_the_highest() {
        assert!(Value::from(u64::MAX) == Value::Number(i64::MAX));
    }

    fn texts(values: &[Value<'_>]) -> Vec<String> {
        let text = |value: &Value<'_>| match value {
            Value::Text(text) => text.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Null => "null".to_string(),
        };
        values.iter().map(text).collect()
    }

    /// R3, R16: what a live row keeps others from taking; R22: what stands for it once the row was pruned.
    #[test]
    fn r16_a_slot_is_an_authorisation_or_a_refunded_approval() {
        let approval = example();
        assert_eq!(slot(&approval).as_deref(), Some("a:m"));
        let original = TransactionNumber::new("N0").ok();
        let refund = Row { kind: Kind::Refund, original, authorisation_mark: None, ..example() };
        assert_eq!(slot(&refund).as_deref(), Some("r:N0"));
        assert_eq!(slot(&Row { authorisation_mark: None, ..example() }), None);
        assert_eq!(slot_hash(&approval).as_ref().map(Mark::as_str), Some("063812c7148b48c0aa4a2d778ac14c2b"));
        assert_eq!(slot_hash(&Row { authorisation_mark: None, ..example() }), None);
    }

    /// A row that is dead when it is first written refuses nobody its slot, and is refused none.
    #[test]
    fn values_stand_in_the_order_of_the_columns() {
        let row = Row { told: true, revision: 3, token: 4, lease_until: UnixMillis(5), ..example() };
        let key = ["test", "simple", "T1", "N1"];
        let live = ["m", "a:m", "1", "open", "1", "3"];
        let insert = texts(&insert_values(&row, 9));
        let rest = [
            "4",
            "h",
            "5",
            "1",
            "1",
            "9",
            "{}",
            "f5ba9c3caac0c1fe18bf948b0a750dbe",
            "063812c7148b48c0aa4a2d778ac14c2b",
        ];
        assert_eq!(insert, [&key[..], &["approval", "null"], &live, &rest].concat());
        let dead = texts(&insert_values(&Row { live: false, ..row.clone() }, 9));
        assert_eq!((&*dead[8], &*dead[20]), ("0", "null"));
        let update = texts(&update_values(&row, 2, 9));
        assert_eq!(update, [&live[..], &["h", "5", "1", "9", "{}"], &key, &["2", "4"]].concat());
        let (_, page) = list(Listing::Open, Some((UnixMillis(7), &row.key)), 8);
        assert_eq!(texts(&page), [&["7"], &key[..], &["8"]].concat());
        let made = Listing::Made { from: UnixMillis(1), until: UnixMillis(2) };
        let (statement, page) = list(made, None, 8);
        assert!(statement == LIST_MADE && texts(&page) == ["1", "2", "-1", "", "", "", "", "8"]);
        let statements =
            [Listing::Open, Listing::Parked, Listing::Untold].map(|which| list(which, None, 1).0);
        assert!(statements == [LIST_OPEN, LIST_PARKED, LIST_UNTOLD]);
    }

    /// A result row by texts; a column without one is a small number.
    struct Fake([Option<&'static str>; 18]);

    impl Columns for Fake {
        fn text(&self, column: usize) -> Option<String> {
            self.0[column].map(String::from)
        }
        fn number(&self, column: usize) -> Option<i64> {
            self.0[column].is_none().then_some(1)
        }
    }

    fn fake(changes: &[(usize, &'static str)]) -> Fake {
        let (t, n) = (Some, None);
        let mut columns = [
            t("test"),
            t("simple"),
            t("T1"),
            t("N1"),
            t("approval"),
            n,
            n,
            n,
            t("open"),
            n,
            n,
            n,
            t("h"),
            n,
            n,
            n,
            n,
            t("{}"),
        ];
        for (column, text) in changes {
            columns[*column] = Some(*text);
        }
        Fake(columns)
    }

    /// The same with zeros for its numbers.
    struct Zeros(Fake);

    impl Columns for Zeros {
        fn text(&self, column: usize) -> Option<String> {
            self.0.text(column)
        }
        fn number(&self, column: usize) -> Option<i64> {
            self.0.number(column).map(|_| 0)
        }
    }

    #[test]
    fn r21_an_unknown_value_makes_the_row_unreadable_and_names_the_column() {
        let read = row(&fake(&[])).unwrap();
        let expected = Row {
            authorisation_mark: None,
            told: true,
            suspect: true,
            lease_until: UnixMillis(1),
            ..example()
        };
        assert_eq!(read, expected);
        for (name, kind) in [("approval", Kind::Approval), ("refund", Kind::Refund)] {
            assert_eq!(row(&fake(&[(4, name)])).unwrap().kind, kind);
        }
        for (name, standing) in
            [("open", Standing::Open), ("parked", Standing::Parked), ("closed", Standing::Closed)]
        {
            assert_eq!(row(&fake(&[(8, name)])).unwrap().standing, standing);
        }
        let none = row(&Zeros(fake(&[]))).unwrap();
        assert_eq!((none.live, none.told, none.suspect, none.revision), (false, false, false, 0));
        let cases = [
            (1, "telepay", "product"),
            (3, "a b", "number"),
            (4, "top_up", "kind"),
            (5, "", "original"),
            (8, "lost", "standing"),
            (10, "x", "revision"),
        ];
        for (column, text, name) in cases {
            let unreadable = row(&fake(&[(column, text)])).unwrap_err();
            assert!(unreadable.why.contains(name), "{unreadable:?}");
            assert!(unreadable.key.starts_with("test/"), "{unreadable:?}");
        }
    }
}
