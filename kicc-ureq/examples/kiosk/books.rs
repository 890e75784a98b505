//! The shop's own books: a table of its sales.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kicc_proto::{time::UnixMillis, values::TransactionNumber};
use kicc_ureq::client::{Answer, Question};
use rusqlite::{Connection, OptionalExtension as _, Result};

/// The books. A write is in them whole or not at all, also where the power goes out in it.
pub struct Books(Mutex<Connection>);

impl Books {
    /// Opens them, and makes them if there are none.
    pub fn open(path: &Path) -> Result<Books> {
        let books = Connection::open(path)?;
        books.execute_batch(
            "PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS sale (
                 number TEXT PRIMARY KEY, won INTEGER NOT NULL, made_at INTEGER NOT NULL,
                 given_back INTEGER NOT NULL DEFAULT 0)",
        )?;
        Ok(Books(Mutex::new(books)))
    }

    /// The accept step: it may be asked twice about one sale, and books it once (R19).
    pub fn accept(&self, question: &Question<'_>) -> Answer {
        let written = self.lock().execute(
            "INSERT INTO sale (number, won, made_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            (
                question.key.number.as_str(),
                column(question.amount.total().0),
                column(question.record.made_at.0),
            ),
        );
        // A write that failed may be there or not: asked again, it finds out.
        written.map_or(Answer::CannotTell, |_| Answer::Held)
    }

    /// What they say after a backup was restored: only whether they hold it (R24). One given back since was held too.
    pub fn holds(&self, question: &Question<'_>) -> Answer {
        let sql = "SELECT EXISTS (SELECT 1 FROM sale WHERE number = ?1)";
        match self.lock().query_row(sql, [question.key.number.as_str()], |row| row.get(0)) {
            Ok(true) => Answer::Held,
            Ok(false) => Answer::NotHeld,
            Err(_) => Answer::CannotTell,
        }
    }

    /// The sale was given back.
    pub fn give_back(&self, number: &TransactionNumber) -> Result<()> {
        let sql = "UPDATE sale SET given_back = 1 WHERE number = ?1";
        self.lock().execute(sql, [number.as_str()]).map(|_| ())
    }

    /// The sales of a time that were not given back: number and won.
    pub fn standing(&self, from: UnixMillis, until: UnixMillis) -> Result<BTreeMap<String, u64>> {
        let books = self.lock();
        let sql = "SELECT number, won FROM sale WHERE NOT given_back AND made_at >= ?1 AND made_at < ?2";
        let mut sales = books.prepare(sql)?;
        let sale = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()));
        sales.query_map((column(from.0), column(until.0)), sale)?.collect()
    }

    /// The latest sale that was not given back.
    pub fn last(&self) -> Result<Option<String>> {
        let sql = "SELECT number FROM sale WHERE NOT given_back ORDER BY rowid DESC LIMIT 1";
        self.lock().query_row(sql, [], |row| row.get(0)).optional()
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SQLite's integers have a sign.
fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
