//! `kicc journal show --diagram`: the history of a record as messages between shop, kicc, journal and gateway.
//!
//! The words are the timeline's. No secret is in them, and no card number (R23): a record's history holds none, and what
//! a person noted is masked as what a gateway said is.

mod mermaid;
mod terminal;

#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    mem,
    ops::Range,
};

use kicc_proto::{
    flow::table::Verb,
    journal::{
        Row,
        record::{Entry, Happening, Pending, Record},
    },
    product::Product,
    time::UnixMillis,
};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{timeline, times, words};

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// As text that Mermaid draws, such as in a Markdown page
    Mermaid,
    /// For a terminal
    Terminal,
}

/// Who takes part, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Shop,
    Kicc,
    Journal,
    Gateway,
}

/// One line of a diagram, from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// A Korean day begins.
    Day(String),
    /// A message; one that did not arrive ends in a cross.
    Message { at: Option<UnixMillis>, from: Who, to: Who, arrived: bool, text: String },
    /// What no message tells.
    Note { at: Option<UnixMillis>, text: String },
}

/// What is drawn.
struct Story {
    title: String,
    gateway: &'static str,
    lines: Vec<Line>,
}

/// Draws the record of a row. One that cannot be read is told of in words.
pub fn write(row: &Row, form: Form, now: UnixMillis, out: &mut impl Write) -> io::Result<()> {
    let record = match Record::of_row(row) {
        Ok(record) => record,
        Err(error) => return timeline::unreadable(row, &error, out),
    };
    let story = story(row, &record, now);
    match form {
        Form::Mermaid => mermaid::write(&story, out),
        Form::Terminal => terminal::write(&story, out),
    }
}

fn story(row: &Row, record: &Record, now: UnixMillis) -> Story {
    let mut teller = Teller { record, lines: Vec::new(), day: String::new(), last: None };
    let dropped = timeline::dropped(record);
    let (before, after) = record.history.split_at(dropped.map_or(0, |(before, _)| before));
    teller.part(before);
    if let Some((_, missing)) = dropped {
        teller.note(None, format!("{missing} entries are not kept"));
        teller.last = None;
    }
    teller.part(after);
    teller.end(row, now);
    Story {
        title: format!("{}  {}", record.key.number, timeline::what(record)),
        gateway: match record.key.product {
            Product::Iamport => "i'mport",
            Product::Simple | Product::EasyTalk => "KICC's VAN",
        },
        lines: teller.lines,
    }
}

/// A pause that is worth a line (our choice).
const PAUSE: u64 = 1_000;

/// What comes so often in succession is told of once at either end (our choice).
const OFTEN: usize = 4;

/// More entries than this, repetitions left out, are cut in the middle (our choice): what stands at either end.
const BEGINNING: usize = 12;
const ENDING: usize = 24;

struct Teller<'a> {
    record: &'a Record,
    lines: Vec<Line>,
    day: String,
    /// The entry that was told last.
    last: Option<&'a Entry>,
}

impl<'a> Teller<'a> {
    /// Tells consecutive entries, but not everything that is often the same.
    fn part(&mut self, entries: &'a [Entry]) {
        let mut told: Vec<Told> = Vec::new();
        let mut at = 0;
        while at < entries.len() {
            let (period, times) = repeated(&entries[at..], self.record);
            if times < OFTEN {
                told.push(Told::Entry(at));
                at += 1;
                continue;
            }
            let end = at + period * times;
            told.extend((at..at + period).map(Told::Entry));
            told.push(Told::Again { times: times - 2, left_out: at + period..end - period });
            told.extend((end - period..end).map(Told::Entry));
            at = end;
        }
        let cut = told.len().saturating_sub(BEGINNING + ENDING);
        for (place, told) in told.into_iter().enumerate() {
            match told {
                _ if cut > 1 && place == BEGINNING => {
                    self.note(None, format!("{cut} steps are left out: `kicc journal show` has them"));
                    self.last = None;
                }
                _ if cut > 1 && (BEGINNING..BEGINNING + cut).contains(&place) => {}
                Told::Entry(at) => self.entry(&entries[at], entries.get(at + 1)),
                Told::Again { times, left_out } => {
                    let last = &entries[left_out.end - 1];
                    let until = times::stamp(last.at);
                    self.note(None, format!("the same {times} more times, until {until}"));
                    self.last = Some(last);
                }
            }
        }
    }

    fn entry(&mut self, entry: &'a Entry, next: Option<&Entry>) {
        self.pause(entry);
        self.day(entry.at);
        let at = Some(entry.at);
        let text = timeline::happening(&entry.what, self.record);
        match &entry.what {
            Happening::Made => {
                let what = timeline::what(self.record);
                self.message(at, Who::Shop, Who::Kicc, format!("{}: {what}", self.record.key.number));
            }
            Happening::Sending(verb, count) => {
                self.message(at, Who::Kicc, Who::Journal, text);
                let name = match verb {
                    Verb::Approve => words::verb(*verb).to_owned(),
                    _ => format!("{} (message {count})", words::verb(*verb)),
                };
                match next.map(|next| &next.what) {
                    Some(Happening::NotSent(..)) => {}
                    None if self.record.pending == Pending::Message(*verb) => {
                        self.message(at, Who::Kicc, Who::Gateway, format!("{name}, perhaps under way"));
                    }
                    _ => self.message(at, Who::Kicc, Who::Gateway, name),
                }
            }
            Happening::Succeeded(_) | Happening::Answered(..) | Happening::LateSuccess => {
                self.message(at, Who::Gateway, Who::Kicc, text);
            }
            Happening::Unclear(..) => self.lost(at, Who::Gateway, Who::Kicc, text),
            Happening::NotSent(..) => self.lost(at, Who::Kicc, Who::Gateway, text),
            Happening::NotRecorded => self.lost(at, Who::Kicc, Who::Journal, text),
            Happening::Held if !self.record.accept_step => self.note(at, text),
            Happening::Held | Happening::NotHeld | Happening::CannotTell => {
                self.message(None, Who::Kicc, Who::Shop, "do your books hold it?".into());
                self.message(at, Who::Shop, Who::Kicc, text);
            }
            Happening::Parked(_) | Happening::Closed => self.message(at, Who::Kicc, Who::Journal, text),
            _ => self.note(at, text),
        }
        self.last = Some(entry);
    }

    /// The time in which nothing happened; what passes between a message and its answer shows by itself.
    fn pause(&mut self, entry: &Entry) {
        let Some(last) = self.last else { return };
        let millis = entry.at.0.saturating_sub(last.at.0);
        let asked_and_answered = matches!(last.what, Happening::Sending(..))
            && !matches!(entry.what, Happening::Resumed(_) | Happening::Retried | Happening::Resolved(_));
        if millis < PAUSE || asked_and_answered {
            return;
        }
        let why = match (&last.what, &entry.what) {
            (Happening::Succeeded(Verb::NetCancel), Happening::Sending(Verb::NetCancel, _)) => {
                ": the quiet period, in which a late approval may still be booked"
            }
            (_, Happening::Sending(..)) => ": a pause before the next message",
            _ => "",
        };
        self.note(None, format!("{} later{why}", span(millis)));
    }

    /// Where it stands, as the shop was told it.
    fn end(&mut self, row: &Row, now: UnixMillis) {
        let standing = timeline::standing(row, self.record, now);
        let standing = standing.lines().next().unwrap_or_default().to_owned();
        match self.record.verdict() {
            Some(_) if row.told => self.message(None, Who::Kicc, Who::Shop, standing),
            _ => self.note(None, standing),
        }
    }

    fn day(&mut self, at: UnixMillis) {
        let stamp = times::stamp(at);
        let day = stamp.split(' ').next().unwrap_or_default();
        if day != self.day {
            self.day = day.to_owned();
            self.lines.push(Line::Day(format!("{day} (KST)")));
        }
    }

    fn message(&mut self, at: Option<UnixMillis>, from: Who, to: Who, text: String) {
        self.lines.push(Line::Message { at, from, to, arrived: true, text });
    }

    fn lost(&mut self, at: Option<UnixMillis>, from: Who, to: Who, text: String) {
        self.lines.push(Line::Message { at, from, to, arrived: false, text });
    }

    fn note(&mut self, at: Option<UnixMillis>, text: String) {
        self.lines.push(Line::Note { at, text });
    }
}

/// What is told of a part of the history.
enum Told {
    Entry(usize),
    /// What stands before it came so often again.
    Again {
        times: usize,
        left_out: Range<usize>,
    },
}

/// With how many entries a repetition begins here, and how often they come: messages of one kind that end alike.
fn repeated(entries: &[Entry], record: &Record) -> (usize, usize) {
    let alike = |one: &Entry, other: &Entry| match (&one.what, &other.what) {
        (Happening::Sending(one, _), Happening::Sending(other, _)) => one == other,
        (one, other) => timeline::happening(one, record) == timeline::happening(other, record),
    };
    let times = |period: usize| {
        let (first, rest) = entries.split_at(period.min(entries.len()));
        1 + rest
            .chunks_exact(period)
            .take_while(|more| more.iter().zip(first).all(|(a, b)| alike(a, b)))
            .count()
    };
    (1..=3)
        .map(|period| (period, times(period)))
        .max_by_key(|(period, times)| (period * times, 4 - period))
        .unwrap_or((1, 1))
}

/// The words in lines of so many columns of a terminal. What would speak to it is replaced.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split_whitespace() {
        if used > 0 && used + 1 + word.width() > columns {
            lines.push(mem::take(&mut line));
            used = 0;
        }
        for c in Some(' ').filter(|_| used > 0).into_iter().chain(word.chars()) {
            let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
            let width = c.width().unwrap_or_default();
            if used + width > columns {
                lines.push(mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += width;
        }
    }
    lines.push(line);
    lines
}

/// `35.0 s`, `12 min`, `3.5 h`.
fn span(millis: u64) -> String {
    match millis {
        0..120_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        120_000..7_200_000 => format!("{} min", millis / 60_000),
        _ => format!("{}.{} h", millis / 3_600_000, millis % 3_600_000 / 360_000),
    }
}
