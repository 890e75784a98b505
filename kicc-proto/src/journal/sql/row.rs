//! A row as a driver hands it out, back into [`Row`].

use alloc::{
    format,
    string::{String, ToString as _},
};

use crate::{
    journal::{Key, Kind, Product, RecordText, Row, Standing, Unreadable},
    time::UnixMillis,
    values::{Environment, Mark, TerminalId, TransactionNumber},
};

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
