//! Reads what is needed of a record's text where it stands, and once: to decode all of it at every step would take most
//! of the time.

use std::{
    cell::OnceCell,
    hash::{DefaultHasher, Hasher},
    ops::Deref,
    rc::Rc,
};

use kicc_proto::journal::{Row, Standing, record::Record};

/// A row that is not changed any more, with what was read of its text.
#[derive(Clone)]
pub struct Noted {
    row: Row,
    glance: OnceCell<Glance>,
}

#[derive(Clone, Copy)]
struct Glance {
    is_sending: bool,
    asks_books: bool,
    sent: u64,
    since: u64,
    essence: u64,
}

impl Noted {
    pub fn new(row: Row) -> Rc<Self> {
        Rc::new(Noted { row, glance: OnceCell::new() })
    }

    /// The same row with other columns.
    pub fn with(&self, change: impl FnOnce(&mut Row)) -> Rc<Self> {
        let mut noted = self.clone();
        change(&mut noted.row);
        Rc::new(noted)
    }

    pub fn record(&self) -> Record {
        Record::of_row(&self.row).expect("a record that was just written")
    }

    /// Whether a message may be under way by it.
    pub fn is_sending(&self) -> bool {
        self.glance().is_sending
    }

    /// Whether the merchant's books are to be asked after a restore (R24).
    pub fn asks_books(&self) -> bool {
        self.glance().asks_books
    }

    /// How many rescue messages may have been sent by it.
    pub fn sent(&self) -> u64 {
        self.glance().sent
    }

    /// Where its horizon is counted from, in Unix milliseconds.
    pub fn since(&self) -> u64 {
        self.glance().since
    }

    /// Stands for its text without history and without moments.
    pub fn essence(&self) -> u64 {
        self.glance().essence
    }

    /// Stands for what was written into its history after `before` was written, without moments.
    pub fn news(&self, before: &Noted) -> u64 {
        let (old, new) = (history(&before.row.record.0), history(&self.row.record.0));
        let same = old.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
        let mut state = DefaultHasher::new();
        without_moments(&new.as_bytes()[same..], &mut state);
        state.finish()
    }

    fn glance(&self) -> Glance {
        *self.glance.get_or_init(|| {
            let head = head(&self.row.record.0);
            let rescue = head.split(r#""rescue":{"#).nth(1).unwrap_or_default();
            let rescue = rescue.split('}').next().unwrap_or_default();
            // What is zero is left out.
            let number = |name| {
                let text: &str = rescue.split(name).nth(1).unwrap_or("0");
                let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
                text[..digits].parse().expect("a number")
            };
            let mut state = DefaultHasher::new();
            without_moments(head.as_bytes(), &mut state);
            Glance {
                is_sending: head.contains(r#""pending":{"message""#),
                asks_books: self.row.standing == Standing::Open
                    && !head.contains(r#""pending":"#)
                    && !head.contains(r#""stage":"undecided""#),
                sent: number(r#""sent":"#),
                since: number(r#""since":"#),
                essence: state.finish(),
            }
        })
    }
}

impl Deref for Noted {
    type Target = Row;
    fn deref(&self) -> &Row {
        &self.row
    }
}

const HISTORY: &str = r#","history":["#;

/// A record's text between its check sum and its history, behind which stands only what never changes.
fn head(text: &str) -> &str {
    let head = text.find(HISTORY).map_or(text, |end| &text[..end]);
    head.find('{').map_or(head, |start| &head[start..])
}

fn history(text: &str) -> &str {
    text.find(HISTORY).map_or("", |start| &text[start..])
}

/// Unix milliseconds are the only numbers of 13 digits.
fn without_moments(text: &[u8], state: &mut impl Hasher) {
    for run in text.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
        if run.len() != 13 || !run[0].is_ascii_digit() {
            state.write(run);
        }
    }
}
