//! What happened to an attempt, as its record tells it.

use alloc::boxed::Box;
use core::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::{
    flow::{
        outcome::{OperatorReason, Resolution},
        said::{Said, Unclear},
        table::Verb,
    },
    time::UnixMillis,
    wire::NotSent,
};

/// How many entries are kept: the first eight, and the latest of the rest.
const MAX: usize = 64;
const FIRST: usize = 8;
/// How many an ordinary payment has: these need no heap.
const USUAL: usize = 5;

/// The entries in order; of a long history the first and the latest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(SmallVec<[Entry; USUAL]>);

impl History {
    /// Adds an entry. Of a full history it takes one out of the middle, and returns it.
    pub(crate) fn push(&mut self, entry: Entry) -> Option<Entry> {
        let out = (self.0.len() >= MAX).then(|| self.0.remove(FIRST));
        self.0.push(entry);
        out
    }
}

impl Deref for History {
    type Target = [Entry];
    fn deref(&self) -> &[Entry] {
        &self.0
    }
}

impl FromIterator<Entry> for History {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut history = Self::default();
        entries.into_iter().for_each(|entry| drop(history.push(entry)));
        history
    }
}

impl<'a> IntoIterator for &'a History {
    type Item = &'a Entry;
    type IntoIter = core::slice::Iter<'a, Entry>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One line of the history; in the record's text a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: UnixMillis,
    /// What.
    pub what: Happening,
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.at, &self.what).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <(UnixMillis, Happening)>::deserialize(deserializer).map(|(at, what)| Entry { at, what })
    }
}

/// What happened, as the history tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happening {
    /// The attempt was made.
    Made,
    /// A message was written down to be sent; the number of the try.
    Sending(Verb, u32),
    /// It was answered with a success.
    Succeeded(Verb),
    /// It was answered with a code.
    Answered(Verb, Said),
    /// It had no trustworthy answer.
    Unclear(Verb, Unclear),
    /// It never left.
    NotSent(Verb, NotSent),
    /// A success of the approval came late (R9).
    LateSuccess,
    /// The merchant said: held.
    Held,
    /// The merchant said: not held.
    NotHeld,
    /// The merchant could not tell.
    CannotTell,
    /// The approval could not be written down.
    NotRecorded,
    /// Another worker went on with it.
    Resumed(Box<str>),
    /// A person asked for more tries.
    Retried,
    /// A person said what is so.
    Resolved(Resolution),
    /// Handed to a person.
    Parked(OperatorReason),
    /// It ended.
    Closed,
}
