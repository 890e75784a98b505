//! Running the core's statements on a connection, and what the database says of one that failed.

use std::{error::Error as _, fmt};

use deadpool_postgres::ClientWrapper;
use futures_util::{StreamExt as _, pin_mut};
use kicc_proto::journal::{
    Row, Unreadable,
    sql::{self, Value},
};
use tokio_postgres::{
    Error,
    error::SqlState,
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

/// The present of the database, in Unix milliseconds.
macro_rules! present {
    () => {
        "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"
    };
}
pub(super) use present;

/// A value on its way to the database. The library writes parameters into its log by `Debug`: one of them is a record
/// (R23).
pub(super) struct Parameter<'a>(pub Value<'a>);

impl fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            Value::Text(text) => text.to_sql_checked(ty, out),
            Value::Number(number) => number.to_sql_checked(ty, out),
            Value::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

struct Columns<'a>(&'a tokio_postgres::Row);

impl sql::Columns for Columns<'_> {
    fn text(&self, column: usize) -> Option<String> {
        self.0.try_get(column).ok()
    }
    fn number(&self, column: usize) -> Option<i64> {
        match self.0.try_get(column) {
            Ok(number) => Some(number),
            // `1` and `0`, written out, are INTEGER.
            Err(_) => self.0.try_get::<_, i32>(column).ok().map(Into::into),
        }
    }
}

fn parameters(values: Vec<Value<'_>>) -> impl ExactSizeIterator<Item = Parameter<'_>> {
    values.into_iter().map(Parameter)
}

/// Reads a row of the journal's shape.
pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row, Unreadable> {
    sql::row(&Columns(row))
}

/// The place of a row in a list, readable or not: when it was made, and its key.
pub(super) fn cursor(row: &tokio_postgres::Row) -> [Value<'static>; 5] {
    let text = |column| sql::Columns::text(&Columns(row), column).unwrap_or_default().into();
    let made = sql::Columns::number(&Columns(row), 14).unwrap_or(i64::MAX);
    [Value::Number(made), text(0), text(1), text(2), text(3)]
}

/// How many rows it changed.
pub(super) async fn execute(
    client: &ClientWrapper,
    statement: &str,
    values: Vec<Value<'_>>,
) -> Result<u64, Error> {
    let statement = client.prepare_cached(statement).await?;
    client.execute_raw(&statement, parameters(values)).await
}

/// All rows of the database's own shape.
pub(super) async fn query(
    client: &ClientWrapper,
    statement: &str,
    values: Vec<Value<'_>>,
) -> Result<Vec<tokio_postgres::Row>, Error> {
    let statement = client.prepare_cached(statement).await?;
    let rows = client.query_raw(&statement, parameters(values)).await?;
    pin_mut!(rows);
    let mut found = Vec::new();
    while let Some(row) = rows.next().await {
        found.push(row?);
    }
    Ok(found)
}

/// All rows of the journal's shape.
pub(super) async fn select(
    client: &ClientWrapper,
    statement: &str,
    values: Vec<Value<'_>>,
) -> Result<Vec<Result<Row, Unreadable>>, Error> {
    Ok(query(client, statement, values).await?.iter().map(row).collect())
}

/// What an unreadable row is called in an error.
pub(super) fn unreadable_text(bad: &Unreadable) -> Box<str> {
    format!("row {} is unreadable and left alone: {}", bad.key, bad.why).into()
}

/// What went wrong, without a value of a row: the database quotes values in what it adds to its message, and in the
/// message itself where the data are at fault (R23).
pub(super) fn error_text(error: &Error) -> Box<str> {
    let Some(said) = error.as_db_error() else {
        return match error.source() {
            Some(source) => format!("{error}: {source}").into(),
            None => error.to_string().into(),
        };
    };
    let code = said.code().code();
    match &code[..2] {
        "22" | "23" => format!("the database refuses the data (SQLSTATE {code})").into(),
        _ => format!("{} (SQLSTATE {code})", said.message()).into(),
    }
}

/// Whether an answer to `COMMIT` proves that all of the transaction was undone.
pub(super) fn is_rolled_back(error: &Error) -> bool {
    use tokio_postgres::error::Severity;
    error.as_db_error().is_some_and(|said| {
        let code = said.code();
        // What ends the connection may come after the commit.
        said.parsed_severity() == Some(Severity::Error)
            && *code != SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
            && matches!(&code.code()[..2], "23" | "40")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r23_a_parameter_shows_nothing_in_a_log() {
        let parameter = Parameter(Value::from("kicc/1 tokenKey"));
        assert_eq!(format!("{parameter:?}"), "..");
    }
}
