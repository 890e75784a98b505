//! The merchant's accept step.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kicc_proto::client::{Answer, Question};

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
