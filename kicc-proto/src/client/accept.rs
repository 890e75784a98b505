//! What the merchant is asked, and its answers (R19, R24).

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
    /// Of the accept step: what the gateway stated, as far as it is at hand. Of the question after a restore `None`.
    pub approval: Option<&'a Approval>,
    /// The record as it stands.
    pub record: &'a Record,
}

impl<'a> Question<'a> {
    /// Shall the books hold this approval? For the accept step, which writes it into them.
    #[must_use]
    pub fn of_settle(settle: &'a Settle) -> Self {
        let record = settle.record();
        Question { key: &record.key, amount: &record.amount, approval: settle.approval(), record }
    }

    /// Do the books hold a sale under this number? Asked after the journal was restored from a backup, when nobody knows
    /// whether this record is the latest: nothing is to be written (R24).
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
