//! Keeps leases while a merchant decides (R20).

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::Duration,
};

use kicc_proto::{
    journal::{Journal, Key},
    time::Millis,
};

use super::clock::Clock;

/// One thread, begun with the first lease and ended with the client, renews them all.
pub(super) struct Keeper {
    shared: Arc<Shared>,
}

struct Shared {
    journal: Arc<dyn Journal>,
    clock: Clock,
    lease: Millis,
    kept: Mutex<Kept>,
    changed: Condvar,
}

#[derive(Default)]
struct Kept {
    leases: BTreeMap<u64, (Key, u64)>,
    next: u64,
    thread: Option<JoinHandle<()>>,
    over: bool,
}

/// A lease that is being kept; dropping it stops that.
pub(super) struct Lease {
    shared: Weak<Shared>,
    id: u64,
}

impl Keeper {
    pub fn new(journal: Arc<dyn Journal>, clock: Clock, lease: Millis) -> Self {
        let (kept, changed) = (Mutex::default(), Condvar::new());
        Keeper { shared: Arc::new(Shared { journal, clock, lease, kept, changed }) }
    }

    pub fn keep(&self, key: &Key, token: u64) -> Lease {
        let mut kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let id = kept.next;
        kept.next += 1;
        kept.leases.insert(id, (key.clone(), token));
        if kept.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            // Without the thread the lease simply ends in its time, and every write is checked all the same.
            kept.thread = thread::Builder::new().name("kicc-leases".into()).spawn(move || shared.run()).ok();
        }
        Lease { shared: Arc::downgrade(&self.shared), id }
    }
}

impl Shared {
    fn run(&self) {
        let period = Duration::from_millis((self.lease.0 / 3).max(1));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while !kept.over {
            kept = self.changed.wait_timeout(kept, period).unwrap_or_else(PoisonError::into_inner).0;
            let leases: Vec<_> = kept.leases.values().cloned().collect();
            drop(kept);
            for (key, token) in leases {
                // A lease that is lost is found out by the next write.
                let _ = self.journal.renew(&key, token, self.clock.now().wall + self.lease);
            }
            kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let mut kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.over = true;
        let thread = kept.thread.take();
        drop(kept);
        self.shared.changed.notify_all();
        // The journal's handle must not outlive the client: its holder would still count as alive (R20).
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.kept.lock().unwrap_or_else(PoisonError::into_inner).leases.remove(&self.id);
        }
    }
}
