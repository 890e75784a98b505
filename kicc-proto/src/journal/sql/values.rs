//! What goes into the placeholders of the statements.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use super::{LIST_MADE, LIST_OPEN, LIST_PARKED, LIST_UNTOLD};
use crate::{
    journal::{Key, Kind, Listing, Row, short_hash},
    time::UnixMillis,
    values::{Mark, TransactionNumber},
};

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

/// For [`INSERT`](super::INSERT), stamped with the sequence of this write.
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

/// For [`UPDATE`](super::UPDATE), from the revision that is expected to the row's own.
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
