//! The merchant's accept step.

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
    /// The approval to be written into the books. `None` after a journal was restored from a backup: then the
    /// question is only whether the books hold a sale under that number (R24).
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

pub(super) async fn ask(step: &dyn AcceptStep, question: Question) -> Answer {
    let answer = async { step.accept(question).await };
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or(Answer::CannotTell)
}
