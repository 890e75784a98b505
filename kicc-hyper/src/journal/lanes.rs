//! Room in a journal's queue, and who waits for it how long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kicc_proto::journal::WriteError;
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Whose write it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// An attempt of which nothing was sent: it is the one to turn away when the journal falls behind.
    NewAttempt,
    /// An attempt under way, whose write not stored may cost a sale (R18).
    UnderWay,
}

/// Room for new attempts and, apart from them, for attempts under way.
pub(super) struct Lanes {
    new: Lane,
    under_way: Lane,
    turned_away: AtomicU64,
}

/// Room in the queue for writes of one kind.
struct Lane {
    room: Arc<Semaphore>,
    size: usize,
    /// How long a write waits for room.
    wait: Duration,
}

impl Lanes {
    /// There is room for `size` writes of each kind.
    pub fn new(size: usize, new_wait: Duration, under_way_wait: Duration) -> Self {
        let size = size.clamp(1, Semaphore::MAX_PERMITS);
        let lane = |wait| Lane { room: Arc::new(Semaphore::new(size)), size, wait };
        Lanes { new: lane(new_wait), under_way: lane(under_way_wait), turned_away: AtomicU64::new(0) }
    }

    /// Waits for room; it is given back when the write leaves the queue.
    pub async fn room(&self, of: Of) -> Result<OwnedSemaphorePermit, WriteError> {
        let Lane { room, size, wait } = match of {
            Of::NewAttempt => &self.new,
            Of::UnderWay => &self.under_way,
        };
        // The usual case needs no timer.
        if let Ok(permit) = Arc::clone(room).try_acquire_owned() {
            return Ok(permit);
        }
        match timeout(*wait, Arc::clone(room).acquire_owned()).await {
            Ok(permit) => permit.map_err(|AcquireError { .. }| closed()),
            Err(_) => {
                self.turned_away.fetch_add(1, Ordering::Relaxed);
                let why = format!("the journal's queue was full ({size} writes) for {} ms", wait.as_millis());
                Err(WriteError::NotStored(why.into()))
            }
        }
    }

    /// Takes no more writes.
    pub fn close(&self) {
        self.new.room.close();
        self.under_way.room.close();
    }

    /// How many writes found no room in time.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// How many writes wait in the queue.
    pub fn queued(&self) -> usize {
        [&self.new, &self.under_way].iter().map(|lane| lane.size - lane.room.available_permits()).sum()
    }
}

/// What a write is told after the end of its journal.
pub(super) fn closed() -> WriteError {
    WriteError::NotStored("the journal is closed".into())
}
