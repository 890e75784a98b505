//! Taking an open row over (R20), so that whoever is dropped meanwhile does not keep it.

use std::sync::Arc;

use kicc_proto::{
    client::Error,
    flow::{Step, resume},
    journal::{Claim, Claimed, Force, Row, record::RecordError},
};
use tokio::sync::oneshot;

use super::{Inner, Terminal, background};

/// A row that was claimed. Dropped before anybody goes on with it, its lease is given back.
pub(super) struct Ours {
    inner: Arc<Inner>,
    row: Row,
    has_gone_on: bool,
}

impl Inner {
    /// Claims a row; `None` if its holder lives, its lease runs, or it has moved on. A claim whose future is dropped is
    /// given back.
    pub(super) async fn claim(self: &Arc<Self>, row: &Row, force: Force) -> Result<Option<Ours>, Error> {
        let (answer, answered) = oneshot::channel();
        let (inner, key, revision) = (Arc::clone(self), row.key.clone(), row.revision);
        tokio::spawn(async move {
            let now = inner.clock.now().wall;
            let lease_until = now + inner.driver.policy.lease;
            let claim = Claim { key: &key, revision, holder: &inner.driver.holder, now, lease_until, force };
            let claimed = inner.journal.claim(&claim).await;
            let ours = claimed.map(|claimed| match claimed {
                Claimed::Yes(row) => Some(Ours { inner: Arc::clone(&inner), row: *row, has_gone_on: false }),
                Claimed::Held { .. } | Claimed::Moved => None,
            });
            // Nobody there: it is dropped.
            let _ = answer.send(ours);
        });
        // Without an answer the runtime is going down.
        Ok(answered.await.map_err(|_| Error::Stopping)??)
    }
}

impl Ours {
    /// Goes on with it.
    ///
    /// # Errors
    /// When its record is not to be driven; it is given back.
    pub fn resume(self, terminal: &Terminal) -> Result<Step, RecordError> {
        let inner = Arc::clone(&self.inner);
        self.go_on(|row| resume(row, &terminal.merchant, &inner.driver, inner.clock.now()))
    }

    /// Goes on with it otherwise; a refusal gives it back.
    pub fn go_on<T, E>(mut self, go_on: impl FnOnce(Row) -> Result<T, E>) -> Result<T, E> {
        let gone_on = go_on(self.row.clone());
        self.has_gone_on = gone_on.is_ok();
        gone_on
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        if !self.has_gone_on {
            drop(background::release(&self.inner, self.row.key.clone(), self.row.token));
        }
    }
}
