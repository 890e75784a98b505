//! The question of the merchant's accept step, and its answer (R19).

use crate::{
    flow::{AskBooks, Settle, Step, approval::Approval},
    journal::{Key, record::Record},
    time::Now,
    values::Amount,
};

/// What the merchant is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Whose approval it is.
    pub key: &'a Key,
    /// In won.
    pub amount: &'a Amount,
    /// The approval to be written into the books. `None` after a journal was restored from a backup: then the
    /// question is only whether the books hold a sale under that number (R24).
    pub approval: Option<&'a Approval>,
    /// The record as it stands.
    pub record: &'a Record,
}

impl<'a> Question<'a> {
    /// About an approval that waits for the merchant.
    #[must_use]
    pub fn of_settle(settle: &'a Settle) -> Self {
        let record = settle.record();
        Question { key: &record.key, amount: &record.amount, approval: settle.approval(), record }
    }

    /// About a record of which nobody knows whether it is the latest (R24).
    #[must_use]
    pub fn of_books(ask: &'a AskBooks) -> Self {
        let record = ask.record();
        Question { key: &record.key, amount: &record.amount, approval: None, record }
    }
}

/// What the merchant says (R19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The books hold it.
    Held,
    /// They do not, and will not: cancel it.
    NotHeld,
    /// Ask again.
    CannotTell,
}

impl Answer {
    /// Gives the answer to [`Question::of_settle`].
    pub fn settle(self, settle: Settle, now: Now) -> Step {
        match self {
            Answer::Held => settle.accept(now),
            Answer::NotHeld => settle.refuse(now),
            Answer::CannotTell => settle.cannot_tell(now),
        }
    }

    /// Gives the answer to [`Question::of_books`].
    pub fn books(self, ask: AskBooks, now: Now) -> Step {
        match self {
            Answer::Held => ask.held(now),
            Answer::NotHeld => ask.not_held(now),
            Answer::CannotTell => ask.cannot_tell(now),
        }
    }
}
