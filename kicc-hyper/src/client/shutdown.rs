//! How a client ends: what is under way ends within a time, or is left to recovery, and nothing is lost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kicc_proto::journal::Key;
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use super::{Client, Inner};

/// How far a client has come to its end; it never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Running,
    /// Nothing new.
    Closing,
    /// What waits is left to recovery.
    Stopping,
    /// Exchanges under way are given up, and their rescues left to recovery.
    GivingUp,
}

/// What [`Client::shutdown`] left open: recovery goes on with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Left {
    /// Attempts whose lease was given back.
    pub released: Vec<Key>,
    /// Those that were still in hand when nothing was waited for any longer: their leases lapse.
    pub in_hand: Vec<Key>,
}

/// How long the journal may take for the last rows (our choice).
const LAST_ROWS: Duration = Duration::from_secs(5);

impl Client {
    /// Takes no new orders from now on; calls under way finish their exchange and then leave what is still
    /// open to recovery.
    pub fn stop(&self) {
        self.inner.reach(State::Stopping);
    }

    /// Takes no new orders from now on, and comes back when nothing is in hand any more and the journal is closed. What
    /// is under way, rescues among it, has until `within`; then an exchange under way is given up, and whatever is still
    /// open is written down and left to recovery. Call it once, before the runtime ends.
    pub async fn shutdown(&self, within: Duration) -> Left {
        let inner = &self.inner;
        let deadline = Instant::now() + within;
        inner.reach(State::Closing);
        if timeout_at(deadline, inner.hands.empty()).await.is_err() {
            inner.reach(State::GivingUp);
            let _ = timeout_at(Instant::now() + LAST_ROWS, inner.hands.empty()).await;
        }
        inner.reach(State::GivingUp);
        inner.journal.close().await;
        let released = std::mem::take(&mut *lock(&inner.left_open));
        Left { released, in_hand: inner.hands.keys() }
    }
}

impl Inner {
    pub(super) fn state(&self) -> State {
        *self.state.borrow()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state() >= State::Closing
    }

    pub(super) fn stopping(&self) -> bool {
        self.state() >= State::Stopping
    }

    pub(super) fn is_giving_up(&self) -> bool {
        self.state() >= State::GivingUp
    }

    fn reach(&self, state: State) {
        self.state.send_if_modified(|now| {
            let further = *now < state;
            *now = state.max(*now);
            further
        });
    }

    /// Waits until the client has come so far.
    pub(super) async fn reaches(&self, state: State) {
        // Its sender is here.
        let _ = self.state.subscribe().wait_for(|now| *now >= state).await;
    }

    /// Sleeps until then, or until the client stops.
    pub(super) async fn sleep_until(&self, then: Instant) {
        tokio::select! {
            () = sleep_until(then) => {}
            () = self.reaches(State::Stopping) => {}
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
