//! What the merchant is asked: to take an approval into its books, and what they hold.

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

/// Looks whether the merchant's books hold a sale under a number, and writes nothing: it is asked after the journal was
/// restored from a backup, when nobody knows what became of the payment since (R24).
pub trait HoldsStep: Send + Sync {
    /// Answers the question. A panic counts as [`Answer::CannotTell`].
    fn holds(&self, question: &Question<'_>) -> Answer;
}

impl<F: Fn(&Question<'_>) -> Answer + Send + Sync> HoldsStep for F {
    fn holds(&self, question: &Question<'_>) -> Answer {
        self(question)
    }
}

/// A panic of the merchant's is *cannot tell*.
pub(super) fn ask(step: impl FnOnce() -> Answer) -> Answer {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or(Answer::CannotTell)
}
