//! The merchant's accept step.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kicc_proto::{
    flow::approval::Approval,
    journal::{Key, record::Record},
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

/// Writes an approval into the merchant's books; called at least once for each, so it must be idempotent.
pub trait AcceptStep: Send + Sync {
    /// Answers the question. A panic counts as [`Answer::CannotTell`].
    fn accept(&self, question: &Question<'_>) -> Answer;
}

impl<F: Fn(&Question<'_>) -> Answer + Send + Sync> AcceptStep for F {
    fn accept(&self, question: &Question<'_>) -> Answer {
        self(question)
    }
}

pub(super) fn ask(step: &dyn AcceptStep, question: &Question<'_>) -> Answer {
    catch_unwind(AssertUnwindSafe(|| step.accept(question))).unwrap_or(Answer::CannotTell)
}
