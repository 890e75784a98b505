//! Reads what is needed of a record's text where it stands: to decode all of it at every step would take most of the
//! time.

use kicc_proto::journal::{Row, record::Record};

/// A record's text up to its history, which comes last.
fn head(text: &str) -> &str {
    let head = text.find(r#","history":["#).map_or(text, |end| &text[..end]);
    // The version and the check sum come first.
    head.find('{').map_or(head, |start| &head[start..])
}

/// Whether a message may be under way by it.
pub fn is_sending(row: &Row) -> bool {
    head(&row.record.0).contains(r#""pending":{"message""#)
}

/// How many rescue messages may have been sent by it.
pub fn sent(row: &Row) -> u64 {
    let rescue = head(&row.record.0).split(r#""rescue":{"#).nth(1).unwrap_or_default();
    let count = rescue.split(r#""sent":"#).nth(1).unwrap_or_default();
    let digits = count.find(|c: char| !c.is_ascii_digit()).unwrap_or(count.len());
    count[..digits].parse().expect("a count in every record")
}

/// The text without history and without moments: Unix milliseconds are the only numbers of 13 digits.
pub fn essence(row: &Row) -> String {
    without_moments(head(&row.record.0))
}

fn without_moments(mut rest: &str) -> String {
    let mut essence = String::with_capacity(rest.len());
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - start);
        essence.push_str(&rest[..start]);
        if digits != 13 {
            essence.push_str(&rest[start..start + digits]);
        }
        rest = &rest[start + digits..];
    }
    essence.push_str(rest);
    essence
}

/// The same of a record that is in no row.
pub fn essence_of(record: &Record) -> String {
    let mut record = record.clone();
    record.history = Vec::new();
    without_moments(head(&record.encode().0))
}
