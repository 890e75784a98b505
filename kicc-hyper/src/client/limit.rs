//! At most so many at once.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Duration, Instant, sleep_until, timeout_at},
};

/// Slots for rescues in flight (R14): a gateway that comes back must not be met by a storm.
pub(super) struct Slots {
    /// Whoever waits for one waits in line.
    free: Semaphore,
    taken: AtomicU32,
}

/// How often whoever waits for this process's share looks whether there is room in it.
const LOOK: Duration = Duration::from_millis(50);

/// One slot, given back on drop.
pub(super) struct Slot<'a> {
    taken: &'a AtomicU32,
    _permit: SemaphorePermit<'a>,
}

impl Slots {
    pub fn new(most: u32) -> Self {
        Slots { free: Semaphore::new(most as usize), taken: AtomicU32::new(0) }
    }

    /// A slot, or nothing when none became free until then. `share`: how many this process may have now of a cap that it
    /// has with others, if there is one.
    pub async fn take(&self, until: Instant, share: impl Fn() -> Option<u32>) -> Option<Slot<'_>> {
        let permit = timeout_at(until, self.free.acquire()).await.ok()?.ok()?;
        let room = |taken: u32| (share().is_none_or(|share| taken < share)).then_some(taken + 1);
        while self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, room).is_err() {
            let now = Instant::now();
            if now >= until {
                return None;
            }
            sleep_until(until.min(now + LOOK)).await;
        }
        Some(Slot { taken: &self.taken, _permit: permit })
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }
}
