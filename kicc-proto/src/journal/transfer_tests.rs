use alloc::{string::ToString as _, vec};

use proptest::prelude::*;

use super::*;
use crate::journal::sql::VERSIONS;

type Rows = [Vec<Vec<Value<'static>>>; TABLES.len()];

fn write(purpose: Purpose, rows: &Rows) -> String {
    let (mut encoder, mut text) =
        Encoder::begin(purpose, [0, 1, 2].map(|table: usize| rows[table].len() as u64));
    for row in rows.iter().flatten() {
        text += &encoder.row(row);
    }
    assert!(encoder.is_complete());
    text + &encoder.end()
}

fn read(text: &[u8]) -> Result<(Purpose, Rows), FormatError> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let mut decoder = Decoder::begin(lines.next().unwrap_or_default())?;
    let mut rows = Rows::default();
    loop {
        match decoder.line(lines.next().unwrap_or_default())? {
            Line::Row(table, cells) => rows[table].push(cells),
            Line::End if lines.next().is_some_and(|line| decoder.line(line).is_err()) => {
                return Err(FormatError::Trailing);
            }
            Line::End => return Ok((decoder.purpose(), rows)),
        }
    }
}

/// A cell that proptest can show.
type Plain = Option<Result<i64, String>>;

fn plain() -> impl Strategy<Value = [Vec<Vec<Plain>>; TABLES.len()]> {
    let cell = || prop::option::of(prop::result::maybe_ok(any::<i64>(), any::<String>()));
    [0, 1, 2].map(|table: usize| {
        prop::collection::vec(prop::collection::vec(cell(), TABLES[table].columns.len()), 0..4)
    })
}

fn cells(plain: &[Vec<Vec<Plain>>; TABLES.len()]) -> Rows {
    let cell = |cell: &Plain| match cell.clone() {
        Some(Ok(number)) => Value::Number(number),
        Some(Err(text)) => text.into(),
        None => Value::Null,
    };
    plain.each_ref().map(|rows| rows.iter().map(|row| row.iter().map(cell).collect()).collect())
}

proptest! {
    #[test]
    fn what_is_written_is_read(plain in plain(), copy: bool) {
        let (rows, purpose) = (cells(&plain), if copy { Purpose::Copy } else { Purpose::Move });
        let (found, read) = read(write(purpose, &rows).as_bytes()).unwrap();
        prop_assert!(found == purpose && read == rows);
    }

    #[test]
    fn a_cut_file_is_refused(plain in plain(), at: prop::sample::Index) {
        let text = write(Purpose::Move, &cells(&plain));
        prop_assert!(read(&text.as_bytes()[..at.index(text.len())]).is_err());
    }

    #[test]
    fn another_byte_is_noticed(plain in plain(), at: prop::sample::Index, by in 1..=255_u8) {
        let mut text = write(Purpose::Move, &cells(&plain)).into_bytes();
        let at = at.index(text.len());
        text[at] ^= by;
        prop_assert!(read(&text).is_err());
    }
}

#[test]
fn the_same_rows_are_the_same_bytes() {
    let cells = vec!["a\n\u{0}한".into(), Value::Number(-1), Value::Null];
    let text = write(Purpose::Copy, &[vec![], vec![], vec![cells]]);
    let head =
        r#"{"format":"kicc-journal","version":1,"schema":1,"purpose":"copy","tables":[{"name":"kicc_meta","#;
    assert!(text.starts_with(head), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], r#"["a\n\u0000한",-1,null]"#);
    assert!(lines[2].starts_with(r#"{"end":"kicc-journal","rows":1,"sha256":""#), "{text}");
    assert_eq!(lines.len(), 3);
}

#[test]
fn what_another_version_wrote_is_refused() {
    let text = write(Purpose::Move, &Rows::default());
    let with = |from: &str, to: &str| read(text.replacen(from, to, 1).as_bytes()).err();
    assert_eq!(with("\"version\":1", "\"version\":2"), Some(FormatError::Version(2)));
    assert_eq!(with("\"version\":1", "\"version\":2,\"later\":1"), Some(FormatError::Version(2)));
    assert_eq!(with("\"schema\":1", "\"schema\":2"), Some(FormatError::Schema(2)));
    assert_eq!(with("short_hash", "long_hash"), Some(FormatError::Schema(1)));
    assert_eq!(with("kicc-journal", "journal"), Some(FormatError::NotAJournal));
    assert_eq!(read(b"").err(), Some(FormatError::NotAJournal));
    assert_eq!(read((text.clone() + "x\n").as_bytes()).err(), Some(FormatError::Trailing));
    assert_eq!(read(text.trim_end().as_bytes()).err(), Some(FormatError::Cut));
}

#[test]
fn a_changed_cell_or_count_is_noticed() {
    let text =
        write(Purpose::Copy, &[vec![], vec![], vec![vec!["h".into(), "key".into(), Value::Number(7)]]]);
    let with = |from: &str, to: &str| read(text.replacen(from, to, 1).as_bytes()).err();
    assert_eq!(with("\"key\",7]", "\"key\",8]"), Some(FormatError::CheckSum));
    assert_eq!(with("\"rows\":1,\"sha256\"", "\"rows\":2,\"sha256\""), Some(FormatError::Line(3)));
    assert_eq!(with("{\"end\":\"kicc-journal\"", "{\"end\":\"journal\""), Some(FormatError::Line(3)));
    let counted = |rows: u64| text.replace("\"rows\":1}", &format!("\"rows\":{rows}}}"));
    let most = u64::from(u32::MAX) << 16;
    let begin = |rows| Decoder::begin(counted(rows).split_inclusive('\n').next().unwrap().as_bytes());
    assert_eq!(begin(most).unwrap().counts(), [0, 0, most]);
    assert_eq!(begin(most + 1).err(), Some(FormatError::Line(1)));
}

#[test]
fn the_statements_name_every_column() {
    let [_, _, used] = &TABLES;
    assert_eq!(used.count(), "SELECT COUNT(*) FROM kicc_used");
    assert_eq!(used.insert(), "INSERT INTO kicc_used (short_hash, what, number) VALUES ($1, $2, $3)");
}

/// A row too few or too many: the head's counts are held to, before an end is written and when it is read.
#[test]
fn counts_must_fit() {
    let (mut encoder, head) = Encoder::begin(Purpose::Move, [0, 0, 1]);
    assert!(!encoder.is_complete());
    let row = encoder.row(&["h".into(), "key".into(), Value::Null]);
    assert!(encoder.is_complete());
    let end = encoder.end();
    let read = |text: &str| read(text.as_bytes()).err();
    assert_eq!(read(&(head.clone() + &row + &end)), None);
    assert_eq!(read(&(head.clone() + &end)), Some(FormatError::Line(2)));
    assert_eq!(read(&(head.clone() + &row + &row + &end)), Some(FormatError::Line(3)));
    assert_eq!(read(&(head.clone() + "[1]\n" + &end)), Some(FormatError::Line(2)));
    assert_eq!(read(&(head + "[1,2,true]\n" + &end)), Some(FormatError::Line(2)));
}

/// A column that is in the schema and not in a file would be lost.
#[test]
fn every_column_of_the_schema_is_in_a_file() {
    for table in &TABLES {
        let made = VERSIONS
            .iter()
            .copied()
            .flatten()
            .find(|text| text.contains(&format!("EXISTS {} (", table.name)))
            .unwrap();
        let columns = made.split_once(" (").unwrap().1;
        let columns = columns.split(", ").map(|column| column.split(' ').next().unwrap());
        let columns: Vec<&str> = columns
            .take_while(|word| *word != "PRIMARY")
            .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            .collect();
        assert_eq!(columns, table.columns, "{made}");
    }
    for made in
        VERSIONS.iter().copied().flatten().filter_map(|text| text.strip_prefix("INSERT INTO kicc_meta"))
    {
        let name = made.split('\'').nth(1).unwrap();
        assert!(name == "schema" || TABLES[0].select().contains(&format!("'{name}'")), "{name}");
    }
    assert_eq!(
        TABLES.len(),
        VERSIONS.iter().copied().flatten().filter(|text| text.starts_with("CREATE TABLE")).count()
    );
}

#[test]
fn an_error_names_the_key_and_the_column_and_no_content() {
    let secret: Value<'_> = "TOKEN".into();
    let row = ["test".into(), "simple".into(), "T1".into(), "N1".into(), secret];
    assert_eq!(
        &*not_a_cell(&TABLES[1], &row, 18),
        "kicc_attempts test/simple/T1/N1: record is neither text nor an integer, which no version writes"
    );
    assert_eq!(TABLES[2].key_text(&[Value::Null]), "kicc_used null".to_string());
}
