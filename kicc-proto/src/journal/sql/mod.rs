//! The journal as SQL: schema, statements and the mapping of rows, written once for SQLite and PostgreSQL.
//!
//! Both take this text as it is, because it keeps to what they share: `TEXT` and `BIGINT` columns, partial indexes,
//! `ON CONFLICT DO NOTHING`, `RETURNING`. Placeholders are `$1`, `$2`, ...: PostgreSQL's by number, SQLite's by order
//! of first appearance, so every statement brings them in ascending order.
//!
//! What a store does around a statement: every write begins with [`NEXT_SEQUENCE`], in a transaction of its own or in a
//! savepoint of one that several share; a write that changed no row is rolled back. (SQLite: `BEGIN IMMEDIATE`; writes
//! that share a transaction ask once and count on, and only those of several changes have a savepoint.)
//! PostgreSQL's columns of text are made with the collation `C` ([`POSTGRES_TEXT`]), so that both order keys by bytes.
//!
//! **Other tables.** Every write begins with [`NEXT_SEQUENCE`] and every message with [`HOLDS`], which find nothing where
//! the tables were moved ([`transfer`](super::transfer)) or are of another version. What moves or upgrades them keeps all
//! writers out until its commit. PostgreSQL needs `LOCK TABLE` for that: a writer that merely waits for a row goes on with
//! what it read before.
//!
//! **Slots.** A live row keeps others from taking the same thing: an approval the authorisation that it spends (R3),
//! a refund the approval that it refunds (R16). Both are one column, [`slot`], and one unique index. A closed row that
//! must be opened again (R9) while another has taken its slot since is *contested* (`live` = 2): it is written in any
//! case, since money moved, and also keeps new rows out.

mod row;
mod schema;
mod values;

pub(in crate::journal) use self::schema::version;
pub use self::{
    row::{Columns, row},
    schema::{INDEXES, POSTGRES_TEXT, SCHEMA_VERSION, VERSIONS, upgrade},
    values::{Value, insert_values, key_values, list, slot, slot_hash, update_values},
};

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

/// Whether the tables are of this version, and here. No `EXISTS`: for that SQLite would prepare the statement anew each time.
macro_rules! of_this_version {
    () => {
        concat!("(SELECT m.number FROM kicc_meta AS m WHERE m.name = 'schema') = ", version!())
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
pub const NEXT_SEQUENCE: &str = concat!(
    "UPDATE kicc_meta SET number = number + 1 WHERE name = 'sequence' AND ",
    of_this_version!(),
    " RETURNING number"
);

/// The number of the last write, without a new one. No row: as [`NEXT_SEQUENCE`].
pub const SEQUENCE: &str =
    concat!("SELECT number FROM kicc_meta WHERE name = 'sequence' AND ", of_this_version!());

/// The row of a key ([`key_values`]) → [`row`].
pub const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM kicc_attempts WHERE environment = $1 AND product = $2 AND terminal = $3 AND number = $4"
);

/// The next terminal that has rows: `$1` environment, `$2` product, `$3` terminal, behind which → the same three. With
/// [`FIND`] at each this finds a number without an index of its own: a journal has few terminals and many rows.
pub const NEXT_TERMINAL: &str = "SELECT environment, product, terminal FROM kicc_attempts \
    WHERE (environment, product, terminal) > ($1, $2, $3) ORDER BY environment, product, terminal LIMIT 1";

/// The row of a key, and locks it; nothing where somebody else's transaction has it. PostgreSQL alone: SQLite has one
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
    WHERE NOT EXISTS (SELECT 1 FROM kicc_used AS u WHERE u.short_hash = $20) \
    AND NOT EXISTS (SELECT 1 FROM kicc_used AS u WHERE u.short_hash = $21) \
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

/// Whether the row stands under a token: key, `$5` token → one row or none. None in tables that are not (or no longer) of
/// this version: who could not write what comes of a message does not send it, and rows that were moved are held where
/// they are now.
pub const HOLDS: &str = concat!(
    "SELECT 1 FROM kicc_attempts WHERE environment = $1 AND product = $2 AND terminal = $3 AND number = $4 \
     AND token = $5 AND ",
    of_this_version!()
);

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
        "(standing <> 'open' AND standing <> 'parked' AND standing <> 'closed' OR told <> 0 AND told <> 1) \
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

/// Every statement of both engines but those of the tables, for a store's own checks at its start or in its tests.
pub const STATEMENTS: &[&str] = &[
    META,
    SET_META,
    NEXT_SEQUENCE,
    SEQUENCE,
    FIND,
    NEXT_TERMINAL,
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

#[cfg(test)]
mod tests;
