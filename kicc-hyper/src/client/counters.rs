//! What a client counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of what a client counted since it was made, for whichever metrics system the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Attempts and refunds that are being driven now, rescues among them.
    pub in_hand: u64,
    /// Attempts whose future was dropped before their end.
    pub dropped: u64,
    /// Rescue messages that were answered, whatever the answer.
    pub rescues_answered: u64,
    /// Rescue messages that were not sent, or not answered.
    pub rescues_failed: u64,
    /// Ends, by outcome.
    pub approved: u64,
    /// As above.
    pub declined: u64,
    /// As above.
    pub never_sent: u64,
    /// As above.
    pub reversed: u64,
    /// As above; a person must look.
    pub needs_operator: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub dropped: AtomicU64,
    rescues_answered: AtomicU64,
    rescues_failed: AtomicU64,
    ends: [AtomicU64; 5],
}

const ENDS: [&str; 5] = ["approved", "declined", "never_sent", "reversed", "needs_operator"];

impl Counters {
    pub fn rescue(&self, answered: bool) {
        let counter = if answered { &self.rescues_answered } else { &self.rescues_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// An outcome by its name.
    pub fn ended(&self, name: &str) {
        if let Some(at) = ENDS.iter().position(|end| *end == name) {
            self.ends[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn snapshot(&self, in_hand: usize) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [approved, declined, never_sent, reversed, needs_operator] = self.ends.each_ref().map(read);
        Counts {
            in_hand: in_hand as u64,
            dropped: read(&self.dropped),
            rescues_answered: read(&self.rescues_answered),
            rescues_failed: read(&self.rescues_failed),
            approved,
            declined,
            never_sent,
            reversed,
            needs_operator,
        }
    }
}
