//! At most so many at once.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Slots for rescues in flight (R14): a gateway that comes back must not be met by a storm.
pub(super) struct Slots {
    most: u32,
    taken: Mutex<u32>,
    freed: Condvar,
}

/// How often whoever waits looks whether this process's share has grown.
const LOOK: Duration = Duration::from_millis(100);

/// One slot, given back on drop.
pub(super) struct Slot<'a>(&'a Slots);

impl Slots {
    pub fn new(most: u32) -> Self {
        Slots { most, taken: Mutex::new(0), freed: Condvar::new() }
    }

    /// A slot, or nothing when none became free until then. `share`: how many this process may have now of a cap that it
    /// has with others, if there is one.
    pub fn take(&self, until: Instant, share: impl Fn() -> Option<u32>) -> Option<Slot<'_>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken >= share().map_or(self.most, |share| share.min(self.most)) {
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            taken = self.freed.wait_timeout(taken, left.min(LOOK)).unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken += 1;
        Some(Slot(self))
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}
