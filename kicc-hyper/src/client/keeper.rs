//! Keeps leases while a merchant decides (R20).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
};

use futures_util::future::join_all;
use kicc_proto::{
    journal::{AsyncJournal, Key},
    time::Millis,
};
use tokio::{
    runtime::{Handle, Id},
    task::AbortHandle,
    time::{Duration, Instant, sleep_until},
};

use super::{clock::Clock, shutdown::lock};

/// One task on each runtime, begun with its first lease, renews them all. It ends with the client, or when there was none
/// for a while.
pub(super) struct Keeper {
    shared: Arc<Shared>,
}

struct Shared {
    journal: Arc<dyn AsyncJournal>,
    clock: Clock,
    lease: Millis,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    on: HashMap<Id, Leases>,
    next: u64,
}

#[derive(Default)]
struct Leases {
    of: HashMap<u64, (Key, u64)>,
    task: Option<AbortHandle>,
}

/// A lease that is being kept; dropping it stops that.
pub(super) struct Lease {
    shared: Weak<Shared>,
    on: Id,
    id: u64,
}

impl Keeper {
    pub fn new(journal: Arc<dyn AsyncJournal>, clock: Clock, lease: Millis) -> Self {
        Keeper { shared: Arc::new(Shared { journal, clock, lease, kept: Mutex::default() }) }
    }

    /// Renews from now on, by a task of the runtime that this is called on.
    pub fn keep(&self, key: &Key, token: u64) -> Lease {
        let shared = Arc::downgrade(&self.shared);
        let runtime = Handle::current();
        let on = runtime.id();
        let mut kept = lock(&self.shared.kept);
        let id = kept.next;
        kept.next += 1;
        let leases = kept.on.entry(on).or_default();
        leases.of.insert(id, (key.clone(), token));
        if leases.task.as_ref().is_none_or(AbortHandle::is_finished) {
            leases.task = Some(runtime.spawn(run(shared.clone(), on, self.shared.period())).abort_handle());
        }
        Lease { shared, on, id }
    }
}

/// The journal's handle must not outlive the client, so it is held only while leases are renewed: its holder would still
/// count as alive (R20).
async fn run(shared: Weak<Shared>, on: Id, period: Duration) {
    let mut next = Instant::now();
    loop {
        next = Instant::now().max(next + period);
        sleep_until(next).await;
        let Some(shared) = shared.upgrade() else { return };
        let Some(leases) = shared.leases(on) else { return };
        let until = shared.clock.now().wall + shared.lease;
        // A lease that is lost is found out by the next write.
        join_all(leases.iter().map(|(key, token)| shared.journal.renew(key, *token, until))).await;
    }
}

impl Shared {
    fn period(&self) -> Duration {
        Duration::from_millis((self.lease.0 / 3).max(1))
    }

    /// Those that a task keeps; with none it is forgotten, and ends.
    fn leases(&self, on: Id) -> Option<Vec<(Key, u64)>> {
        let mut kept = lock(&self.kept);
        let leases: Vec<_> = kept.on.get(&on)?.of.values().cloned().collect();
        if leases.is_empty() {
            kept.on.remove(&on);
            return None;
        }
        Some(leases)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        lock(&self.shared.kept)
            .on
            .values()
            .filter_map(|leases| leases.task.as_ref())
            .for_each(AbortHandle::abort);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade()
            && let Some(leases) = lock(&shared.kept).on.get_mut(&self.on)
        {
            leases.of.remove(&self.id);
        }
    }
}
