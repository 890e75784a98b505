//! Running the core's statements on a connection.

use kicc_proto::journal::{
    Admission, Row, Unreadable,
    sql::{self, Value},
};
use rusqlite::{
    Connection, OptionalExtension as _, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

/// A statement without values or rows.
pub(crate) fn run(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

pub(crate) fn execute(
    connection: &Connection,
    statement: &str,
    values: Vec<Value<'_>>,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute(bind(values))
}

pub(crate) fn select(
    connection: &Connection,
    statement: &str,
    values: Vec<Value<'_>>,
) -> rusqlite::Result<Vec<Result<Row, Unreadable>>> {
    connection
        .prepare_cached(statement)?
        .query_map(bind(values), |row| Ok(sql::row(&Columns(row))))?
        .collect()
}

/// The first `limit` readable rows.
pub(crate) fn page(
    connection: &Connection,
    statement: &str,
    values: Vec<Value<'_>>,
    limit: u32,
) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(statement)?;
    let rows = statement.query_map(bind(values), |row| Ok(sql::row(&Columns(row)).ok()))?;
    rows.filter_map(Result::transpose).take(limit as usize).collect()
}

/// Whether there is a row.
pub(crate) fn exists(
    connection: &Connection,
    statement: &str,
    values: Vec<Value<'_>>,
) -> rusqlite::Result<bool> {
    connection.prepare_cached(statement)?.exists(bind(values))
}

/// The terminal that comes after one, with its environment and product.
pub(crate) fn next_terminal(
    connection: &Connection,
    after: &[String; 3],
) -> rusqlite::Result<Option<[String; 3]>> {
    let next = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
    connection.prepare_cached(sql::NEXT_TERMINAL)?.query_row(after.each_ref(), next).optional()
}

/// Every unreadable row among those of a statement (R21).
pub(crate) fn unreadable(
    connection: &Connection,
    statement: &str,
    values: Vec<Value<'_>>,
) -> rusqlite::Result<Vec<Unreadable>> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(bind(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(sql::row(&Columns(row)).err());
    }
    Ok(found)
}

pub(crate) fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<(i64, String)>> {
    connection.prepare_cached(sql::META)?.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

pub(crate) fn set_meta(
    connection: &Connection,
    name: &str,
    number: Value<'_>,
    text: &str,
) -> rusqlite::Result<usize> {
    execute(connection, sql::SET_META, vec![number, text.into(), name.into()])
}

pub(crate) fn admission(connection: &Connection) -> rusqlite::Result<Admission> {
    let meta = meta(connection, "admission")?;
    Ok(meta.map_or(Admission::None, |(number, text)| Admission::from_meta(number, &text)))
}

/// What an unreadable row is called in an error.
pub(crate) fn unreadable_text(bad: &Unreadable) -> Box<str> {
    format!("row {} is unreadable and left alone: {}", bad.key, bad.why).into()
}

pub(crate) fn bind<'a>(values: Vec<Value<'a>>) -> impl rusqlite::Params + use<'a> {
    params_from_iter(values.into_iter().map(Bound))
}

/// A value as it stands: SQLite makes its own copy of a text.
struct Bound<'a>(Value<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match &self.0 {
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Number(number) => ValueRef::Integer(*number),
            Value::Null => ValueRef::Null,
        }))
    }
}

struct Columns<'a, 'b>(&'a rusqlite::Row<'b>);

impl sql::Columns for Columns<'_, '_> {
    fn text(&self, column: usize) -> Option<String> {
        self.0.get(column).ok()
    }
    fn number(&self, column: usize) -> Option<i64> {
        self.0.get(column).ok()
    }
}
