//! A journal as a file: to move it to another store, or to keep a copy.
//!
//! JSON Lines in UTF-8: a head (what follows, and how many rows of each table), the rows of each of [`TABLES`] in the
//! order of its primary key, and an end with a SHA-256 over all lines before it. A row is an array of its columns as they
//! stand, texts, integers and nulls; nothing is interpreted, so rows that this version cannot read pass through (R21).
//! The same journal always gives the same bytes. A file that was cut, or of which a byte is another, is refused.
//!
//! Such a file holds what the journal holds: it is the one exception to R23. Whoever writes one keeps other users out.
//!
//! **Two journals must not sell from one stock of numbers (R3).** So a file is either a *move* or a *copy*
//! ([`Purpose`]). A move closes its source: in one transaction all rows are read and [`CLOSE`] is run, and the end of the
//! file is written only after that transaction is durable. From then on [`NEXT_SEQUENCE`](super::sql::NEXT_SEQUENCE) and
//! [`HOLDS`](super::sql::HOLDS) have no row there, so that no process, also of an older version, writes it any more, or
//! sends for what is in it. The store must know that nobody lives who holds a row, and keep all writers out until the
//! commit. A copy leaves its source as it is, and what is made of it counts as restored from a backup (R24).
//!
//! What a store does for both is to run the statements of [`TABLES`] and to hand the cells on.

use alloc::{
    borrow::{Cow, ToOwned as _},
    boxed::Box,
    format,
    string::String,
    vec::Vec,
};
use core::fmt::Write as _;

use serde::{Deserialize, Serialize, ser::SerializeSeq as _};
use sha2::{Digest as _, Sha256};

use super::sql::{SCHEMA_VERSION, Value};

/// The longest line, in bytes: some ten times the longest record that hostile answers can make (our choice).
pub const LINE_MAX: usize = 16 * 1024 * 1024;

/// The `schema` of a journal that was moved: no version, so that every version leaves it alone.
pub const MOVED: i64 = -1;

/// Closes a journal that is being moved: `$1` where to, in words.
pub const CLOSE: &str = concat!(
    "UPDATE kicc_meta SET number = -1, text = $1 WHERE name = 'schema' AND number = ",
    super::sql::version!()
);

const FORMAT: &str = "kicc-journal";
const VERSION: u64 = 1;

/// A table of the journal, as far as a file has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, in the order of a row's cells.
    pub columns: &'static [&'static str],
    /// How many of the columns are its primary key; they come first.
    key: usize,
    /// Which rows a file has, and what an import does with one that is there.
    only: &'static str,
    known: &'static str,
}

/// The tables, in the order of a file. Of `kicc_meta` what every store has, but the schema's version, which is in the head:
/// the rest is a store's own, and means nothing elsewhere.
pub static TABLES: [Table; 3] = [
    Table {
        name: "kicc_meta",
        columns: &["name", "number", "text"],
        key: 1,
        only: " WHERE name IN ('admission', 'restored', 'sequence')",
        known: " ON CONFLICT (name) DO UPDATE SET number = excluded.number, text = excluded.text",
    },
    Table {
        name: "kicc_attempts",
        columns: &[
            "environment",
            "product",
            "terminal",
            "number",
            "kind",
            "original",
            "authorisation_mark",
            "slot",
            "live",
            "standing",
            "told",
            "revision",
            "token",
            "holder",
            "lease_until",
            "created_at",
            "updated_at",
            "sequence",
            "record",
        ],
        key: 4,
        only: "",
        known: "",
    },
    Table { name: "kicc_used", columns: &["short_hash", "what", "number"], key: 1, only: "", known: "" },
];

impl Table {
    /// The statement that counts its rows.
    #[must_use]
    pub fn count(&self) -> String {
        format!("SELECT COUNT(*) FROM {}{}", self.name, self.only)
    }

    /// The statement that reads its rows.
    #[must_use]
    pub fn select(&self) -> String {
        let (columns, key) = (self.columns.join(", "), self.columns.iter().take(self.key));
        let key = key.copied().collect::<Vec<_>>().join(", ");
        format!("SELECT {columns} FROM {}{} ORDER BY {key}", self.name, self.only)
    }

    /// The statement that inserts a row, one placeholder for each column.
    #[must_use]
    pub fn insert(&self) -> String {
        let places = (1..=self.columns.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {} ({}) VALUES ({places}){}", self.name, self.columns.join(", "), self.known)
    }

    /// What to call a row in an error: the cells of its primary key, which hold no secret (R23).
    #[must_use]
    pub fn key_text(&self, cells: &[Value<'_>]) -> String {
        let text = |cell: &Value<'_>| match cell {
            Value::Text(text) => text.clone().into_owned(),
            Value::Number(number) => format!("{number}"),
            Value::Null => "null".to_owned(),
        };
        format!("{} {}", self.name, cells.iter().take(self.key).map(text).collect::<Vec<_>>().join("/"))
    }
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To go on elsewhere: the source is closed.
    Move,
    /// To keep beside the source, which goes on; imported, it counts as restored (R24).
    Copy,
}

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Its first line is no head.
    #[error("it is no journal that was exported")]
    NotAJournal,
    /// Another version wrote it.
    #[error("its format has version {0}, this program knows version {VERSION} only")]
    Version(u64),
    /// The journal was of another version, or its tables have other columns than the version's.
    #[error("its tables are of version {0} and not as this program has them (version {SCHEMA_VERSION})")]
    Schema(i64),
    /// A line is not what must stand there.
    #[error("line {0} is damaged")]
    Line(u64),
    /// It has no end: what wrote it was stopped, or the file was cut.
    #[error("it is cut: its end is missing")]
    Cut,
    /// The check sum is another one.
    #[error("it is damaged: its check sum does not fit")]
    CheckSum,
    /// Something stands behind the end.
    #[error("something stands behind its end")]
    Trailing,
}

#[derive(Serialize, Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    version: u64,
    schema: i64,
    purpose: Purpose,
    #[serde(borrow)]
    tables: Vec<TableHead<'a>>,
}

#[derive(Serialize, Deserialize)]
struct TableHead<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    columns: Vec<Cow<'a, str>>,
    rows: u64,
}

/// What every version's head has.
#[derive(Deserialize)]
struct AnyHead<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct End<'a> {
    #[serde(borrow)]
    end: Cow<'a, str>,
    rows: u64,
    #[serde(borrow)]
    sha256: Cow<'a, str>,
}

/// Makes the lines of a file.
#[derive(Debug)]
pub struct Encoder {
    hash: Sha256,
    expected: u64,
    rows: u64,
}

impl Encoder {
    /// With the first line; `counts` are the rows of each of [`TABLES`], in the same snapshot as the rows themselves.
    #[must_use]
    pub fn begin(purpose: Purpose, counts: [u64; TABLES.len()]) -> (Self, String) {
        let table = |(table, rows): (&'static Table, u64)| TableHead {
            name: table.name.into(),
            columns: table.columns.iter().map(|column| Cow::Borrowed(*column)).collect(),
            rows,
        };
        let head = Head {
            format: FORMAT.into(),
            version: VERSION,
            schema: SCHEMA_VERSION,
            purpose,
            tables: TABLES.iter().zip(counts).map(table).collect(),
        };
        let mut encoder = Encoder { hash: Sha256::new(), expected: counts.iter().sum(), rows: 0 };
        let line = encoder.line(&head);
        (encoder, line)
    }

    /// The line of a row.
    pub fn row(&mut self, cells: &[Value<'_>]) -> String {
        self.rows += 1;
        self.line(&Cells(cells))
    }

    /// Whether there were as many rows as the head says. Without that the end must not be written.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rows == self.expected
    }

    /// The last line.
    #[must_use]
    pub fn end(self) -> String {
        let sha256 = hexadecimal(&self.hash.finalize());
        text_line(&End { end: FORMAT.into(), rows: self.rows, sha256: sha256.into() })
    }

    fn line(&mut self, what: &impl Serialize) -> String {
        let line = text_line(what);
        self.hash.update(line.as_bytes());
        line
    }
}

fn text_line(what: &impl Serialize) -> String {
    // Texts, integers and their names: nothing that JSON cannot hold.
    let mut line = serde_json::to_string(what).unwrap_or_default();
    line.push('\n');
    line
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

struct Cells<'a>(&'a [Value<'a>]);

impl Serialize for Cells<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut cells = serializer.serialize_seq(Some(self.0.len()))?;
        for cell in self.0 {
            match cell {
                Value::Text(text) => cells.serialize_element(text)?,
                Value::Number(number) => cells.serialize_element(number)?,
                Value::Null => cells.serialize_element(&())?,
            }
        }
        cells.end()
    }
}

/// Reads the lines of a file, in their order.
#[derive(Debug)]
pub struct Decoder {
    hash: Sha256,
    purpose: Purpose,
    counts: [u64; TABLES.len()],
    rows: u64,
    ended: bool,
}

/// What a line is.
pub enum Line {
    /// A row of a table: which of [`TABLES`], and the cells.
    Row(usize, Vec<Value<'static>>),
    /// The end: the file is whole.
    End,
}

impl Decoder {
    /// From the first line, with its line feed.
    ///
    /// # Errors
    /// When it is no head of this version.
    pub fn begin(line: &[u8]) -> Result<Self, FormatError> {
        let any: AnyHead<'_> = serde_json::from_slice(line).map_err(|_| FormatError::NotAJournal)?;
        if any.format != FORMAT {
            return Err(FormatError::NotAJournal);
        }
        if any.version != VERSION {
            return Err(FormatError::Version(any.version));
        }
        let head: Head<'_> = serde_json::from_slice(line).map_err(|_| FormatError::Line(1))?;
        // So that sums of them cannot overflow; no store holds as many.
        if head.tables.iter().any(|table| table.rows > u64::from(u32::MAX) << 16) {
            return Err(FormatError::Line(1));
        }
        let known = |(known, found): (&Table, &TableHead<'_>)| {
            found.name == known.name && found.columns.iter().eq(known.columns)
        };
        if head.schema != SCHEMA_VERSION
            || head.tables.len() != TABLES.len()
            || !TABLES.iter().zip(&head.tables).all(known)
        {
            return Err(FormatError::Schema(head.schema));
        }
        let mut counts = [0; TABLES.len()];
        for (count, table) in counts.iter_mut().zip(&head.tables) {
            *count = table.rows;
        }
        let mut decoder =
            Decoder { hash: Sha256::new(), purpose: head.purpose, counts, rows: 0, ended: false };
        decoder.hash.update(line);
        Ok(decoder)
    }

    /// What the file is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// How many rows of each of [`TABLES`] the file has.
    #[must_use]
    pub fn counts(&self) -> [u64; TABLES.len()] {
        self.counts
    }

    /// Reads the next line, with its line feed; of an empty one, that the file is at its end.
    ///
    /// # Errors
    /// When the line is not what must stand there. Of a file with an error nothing may be kept.
    pub fn line(&mut self, line: &[u8]) -> Result<Line, FormatError> {
        if self.ended {
            return Err(FormatError::Trailing);
        }
        if !line.ends_with(b"\n") {
            return Err(FormatError::Cut);
        }
        let mut before = 0;
        let table = TABLES.iter().zip(self.counts).enumerate().find_map(|(at, (table, rows))| {
            before += rows;
            (self.rows < before).then_some((at, table))
        });
        let damaged = FormatError::Line(self.rows + 2);
        let Some((at, table)) = table else { return self.end(line).ok_or(damaged)? };
        let cells = read_cells(line).filter(|cells| cells.len() == table.columns.len()).ok_or(damaged)?;
        self.hash.update(line);
        self.rows += 1;
        Ok(Line::Row(at, cells))
    }

    /// Nothing, if it is no end.
    fn end(&mut self, line: &[u8]) -> Option<Result<Line, FormatError>> {
        let end: End<'_> = serde_json::from_slice(line).ok()?;
        if end.end != FORMAT || end.rows != self.rows {
            return None;
        }
        if end.sha256 != hexadecimal(&self.hash.clone().finalize()) {
            return Some(Err(FormatError::CheckSum));
        }
        self.ended = true;
        Some(Ok(Line::End))
    }
}

fn read_cells(line: &[u8]) -> Option<Vec<Value<'static>>> {
    let cells: Vec<serde_json::Value> = serde_json::from_slice(line).ok()?;
    let cell = |cell| match cell {
        serde_json::Value::String(text) => Some(Value::from(text)),
        serde_json::Value::Number(number) => number.as_i64().map(Value::Number),
        serde_json::Value::Null => Some(Value::Null),
        _ => None,
    };
    cells.into_iter().map(cell).collect()
}

/// Why a cell that a store read cannot be in a file: the column, never its content (R23).
#[must_use]
pub fn not_a_cell(table: &Table, cells: &[Value<'_>], column: usize) -> Box<str> {
    let column = table.columns.get(column).copied().unwrap_or("?");
    format!("{}: {column} is neither text nor an integer, which no version writes", table.key_text(cells))
        .into()
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
