//! What the merchant is asked: to take an approval into its books, and what they hold.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use kicc_proto::{
    client::{self, Answer},
    flow::approval::Approval,
    journal::{BoxFuture, Key, record::Record},
    values::Amount,
};

/// What the merchant is asked: the core's [`Question`](client::Question), to be kept as long as the answer takes.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whose approval it is.
    pub key: Key,
    /// In won.
    pub amount: Amount,
    /// Of the accept step: what the gateway stated, as far as it is at hand. Of the question after a restore `None`.
    pub approval: Option<Approval>,
    /// The record as it stands.
    pub record: Arc<Record>,
}

impl From<client::Question<'_>> for Question {
    fn from(question: client::Question<'_>) -> Self {
        Question {
            key: question.key.clone(),
            amount: *question.amount,
            approval: question.approval.cloned(),
            record: Arc::new(question.record.clone()),
        }
    }
}

/// Writes an approval into the merchant's books; called at least once for each, so it must be idempotent.
pub trait AcceptStep: Send + Sync {
    /// Answers the question. A panic counts as [`Answer::CannotTell`]; so does a dropped future, after which the
    /// question is asked again.
    fn accept(&self, question: Question) -> BoxFuture<'_, Answer>;
}

impl<F, A> AcceptStep for F
where
    F: Fn(Question) -> A + Send + Sync,
    A: Future<Output = Answer> + Send + 'static,
{
    fn accept(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(self(question))
    }
}

/// Looks whether the merchant's books hold a sale under a number, and writes nothing: it is asked after the journal was
/// restored from a backup, when nobody knows what became of the payment since (R24).
pub trait HoldsStep: Send + Sync {
    /// Answers the question. A panic counts as [`Answer::CannotTell`]; so does a dropped future, after which the
    /// question is asked again.
    fn holds(&self, question: Question) -> BoxFuture<'_, Answer>;
}

impl<F, A> HoldsStep for F
where
    F: Fn(Question) -> A + Send + Sync,
    A: Future<Output = Answer> + Send + 'static,
{
    fn holds(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(self(question))
    }
}

/// A panic of the merchant's is *cannot tell*.
pub(super) async fn ask<'a>(step: impl FnOnce() -> BoxFuture<'a, Answer>) -> Answer {
    let answer = async { step().await };
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or(Answer::CannotTell)
}
