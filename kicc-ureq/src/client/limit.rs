//! At most so many at once.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Slots for rescues in flight (R14): a gateway that comes back must not be met by a storm.
pub(super) struct Slots {
    free: Mutex<u32>,
    freed: Condvar,
}

/// One slot, given back on drop.
pub(super) struct Slot<'a>(&'a Slots);

impl Slots {
    pub fn new(count: u32) -> Self {
        Slots { free: Mutex::new(count), freed: Condvar::new() }
    }

    /// A slot, or nothing when none became free until then.
    pub fn take(&self, until: Instant) -> Option<Slot<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            free = self.freed.wait_timeout(free, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= 1;
        Some(Slot(self))
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
