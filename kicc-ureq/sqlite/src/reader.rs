//! The read end of a journal file.

use std::path::Path;

use kicc_proto::{
    journal::{
        Admission, Key, Listing, ReadError, Row, Unreadable,
        sql::{self, Value},
    },
    time::UnixMillis,
    values::TransactionNumber,
};
use rusqlite::Connection;

use crate::{
    file::{OpenError, connect, sqlite_error},
    statement::{admission, exists, next_terminal, page, run, select, unreadable, unreadable_text},
};

/// A connection that only reads: it sees what was committed, waits for no writer and keeps none waiting.
///
/// Each method is the one of the same name of [`Journal`](kicc_proto::journal::Journal).
#[derive(Debug)]
pub struct Reader {
    pub(crate) connection: Connection,
}

impl Reader {
    /// One more connection to a journal that [`open`](crate::open) has opened.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let open = || {
            let connection = connect(path)?;
            connection.pragma_update(None, "query_only", true)?;
            Ok(Reader { connection })
        };
        open().map_err(|error| sqlite_error(path, &error))
    }

    /// Several reads of one state of the file, that of now, with one look for it.
    pub fn at_once(&self, reads: impl FnOnce()) {
        // Each read that finds no transaction looks for itself.
        let begun = run(&self.connection, "BEGIN").is_ok();
        reads();
        if begun {
            // It wrote nothing; what fails here fails the next read as well.
            let _ = run(&self.connection, "COMMIT");
        }
    }

    /// The row of a key.
    ///
    /// # Errors
    /// When the file or the row cannot be read.
    pub fn find(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        Ok(self.rows(sql::FIND, sql::key_values(key).into())?.into_iter().next())
    }

    /// The rows under a number, of whatever environment, product and terminal.
    ///
    /// # Errors
    /// When the file or one of the rows cannot be read.
    pub fn numbered(&self, number: &TransactionNumber) -> Result<Vec<Row>, ReadError> {
        let mut found = Vec::new();
        let mut terminal = [String::new(), String::new(), String::new()];
        while let Some(next) = next_terminal(&self.connection, &terminal).map_err(read_error)? {
            terminal = next;
            let key = terminal.iter().map(String::as_str).chain([number.as_str()]).map(Value::from);
            found.extend(self.rows(sql::FIND, key.collect())?);
        }
        Ok(found)
    }

    /// The refunds of an approval, in the order in which they were made.
    ///
    /// # Errors
    /// When the file or one of the rows cannot be read.
    pub fn refunds(&self, original: &Key) -> Result<Vec<Row>, ReadError> {
        self.rows(sql::REFUNDS, sql::key_values(original).into())
    }

    /// Whether the row stands under that token (R20).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn holds(&self, key: &Key, token: u64) -> Result<bool, ReadError> {
        let mut values = Vec::from(sql::key_values(key));
        values.push(token.into());
        exists(&self.connection, sql::HOLDS, values).map_err(read_error)
    }

    /// A page of readable rows behind `after`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn list(
        &self,
        which: Listing,
        after: Option<(UnixMillis, &Key)>,
        limit: u32,
    ) -> Result<Vec<Row>, ReadError> {
        // The statement itself is not limited: rows are fetched one by one, and unreadable ones must not shorten a page.
        let (statement, values) = sql::list(which, after, u64::MAX);
        page(&self.connection, statement, values, limit).map_err(read_error)
    }

    /// Every row that [`Reader::list`] leaves out and that needs somebody, or of which that cannot be told (R21).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unreadable(&self) -> Result<Vec<Unreadable>, ReadError> {
        unreadable(&self.connection, sql::CHECK, Vec::new()).map_err(read_error)
    }

    /// Every row made in `from..until` that [`Reader::list`] leaves out, closed ones too (R21). Reads all of those rows.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unreadable_made(&self, from: UnixMillis, until: UnixMillis) -> Result<Vec<Unreadable>, ReadError> {
        unreadable(&self.connection, sql::CHECK_MADE, vec![from.0.into(), until.0.into()]).map_err(read_error)
    }

    /// Which new numbers are taken (R24).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn admission(&self) -> Result<Admission, ReadError> {
        admission(&self.connection).map_err(read_error)
    }

    fn rows(&self, statement: &str, values: Vec<Value<'_>>) -> Result<Vec<Row>, ReadError> {
        let rows = select(&self.connection, statement, values).map_err(read_error)?;
        rows.into_iter().map(|row| row.map_err(|bad| ReadError(unreadable_text(&bad)))).collect()
    }
}

fn read_error(error: rusqlite::Error) -> ReadError {
    ReadError(error.to_string().into())
}
