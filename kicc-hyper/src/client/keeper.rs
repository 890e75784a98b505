//! Keeps leases while a merchant decides (R20).

use std::sync::Arc;

use kicc_proto::{
    journal::{AsyncJournal, Key},
    time::Millis,
};
use tokio::{task::AbortHandle, time::Duration};

use super::clock::Clock;

/// A lease that is being kept by a task of its own; dropping it stops that.
pub(super) struct Lease(AbortHandle);

impl Lease {
    /// Renews from now on. A lease that is lost is found out by the next write.
    pub fn keep(journal: &Arc<dyn AsyncJournal>, clock: Clock, lease: Millis, key: &Key, token: u64) -> Self {
        let (journal, key) = (Arc::clone(journal), key.clone());
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis((lease.0 / 3).max(1))).await;
                let _ = journal.renew(&key, token, clock.now().wall + lease).await;
            }
        });
        Lease(task.abort_handle())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.abort();
    }
}
