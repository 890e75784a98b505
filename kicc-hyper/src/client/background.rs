//! What becomes of an attempt whose future was dropped (R17).

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
};

use kicc_proto::{flow::Step, journal::Key};
use tokio::{runtime::Handle, task::JoinHandle};
use tracing::{debug, warn};

use super::{Inner, drive::StandBy, hand::Hand};

/// Who goes on with an attempt when the future that drove it is dropped: of a request that timed out, of a task that
/// was aborted. In either case no money is moved any more for whoever dropped it: an approval that had not gone is never
/// sent, one that had, or may have, is reversed. Its end counts as untold, so recovery tells it (R22).
///
/// Dropped outside a runtime, or by a panic of the client's own task, an attempt is left as it is: recovery takes it
/// once its lease has lapsed, or its process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDrop {
    /// A task of the client's, at once.
    #[default]
    Finish,
    /// Recovery, in this process or another: a task of the client's only writes down what had happened, sends nothing,
    /// and gives the lease back. For servers whose rescues are all done by workers elsewhere.
    Leave,
}

pub(super) fn take_on(Hand { inner, terminal, key, is_abandoned }: &Hand, step: Step) {
    if !is_abandoned {
        inner.counters.dropped.fetch_add(1, Ordering::Relaxed);
    }
    // What made the task panic would be met again, without end.
    if *is_abandoned && thread::panicking() {
        warn!(number = %key.number, "a task panicked; recovery goes on with its attempt");
        return;
    }
    let Ok(runtime) = Handle::try_current() else { return };
    let stand_by = match (inner.on_drop, &step) {
        (OnDrop::Finish, _) => StandBy::Nobody,
        // Nothing of it needs to be written down.
        (OnDrop::Leave, Step::AskBooks(ask)) => {
            drop(release(inner, ask.key().clone(), ask.token()));
            return;
        }
        (OnDrop::Leave, _) => StandBy::Recovery,
    };
    let mut hand = Hand::new(inner, terminal, key);
    hand.is_abandoned = true;
    runtime.spawn(async move {
        let stop = hand.drive(step, None, stand_by).await;
        let stopped = hand.put_down(stop).await;
        debug!(?stopped, "an attempt that was dropped went on");
    });
}

/// Gives a lease back, whether anybody waits for that or not. One that is not given back only makes recovery wait for
/// it.
pub(super) fn release(inner: &Arc<Inner>, key: Key, token: u64) -> Option<JoinHandle<()>> {
    let runtime = Handle::try_current().ok()?;
    let journal = Arc::clone(&inner.journal);
    Some(runtime.spawn(async move {
        let _ = journal.release(&key, token).await;
    }))
}
