//! What is known of one exchange while it runs: how far it got, and its permission to begin. The stream that carries
//! it and the future that waits for it share it.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use kicc_proto::wire::exchange::Progress;
use kicc_proto::wire::{MaybeSent, NotSent};

use super::{Exchange, Limits, MaySend, OwnedReply};

/// A deadline that the clock cannot name is as good as none.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) struct Call(Mutex<State>);

struct State {
    progress: Progress<Instant>,
    /// `None` once it was answered.
    may_send: Option<MaySend>,
}

impl Call {
    pub fn new(limits: Limits, may_send: MaySend) -> Call {
        Call(Mutex::new(State { progress: Progress::new(limits), may_send: Some(may_send) }))
    }

    /// The next exchange, on a kept connection.
    pub fn begin(&self, limits: Limits, may_send: MaySend) {
        *self.state() = State { progress: Progress::new(limits), may_send: Some(may_send) };
    }

    /// The step that is taken now, to be named should it fail.
    pub fn at(&self, step: NotSent) {
        self.state().progress.at(step);
    }

    /// Whether the permission was not given or refused yet, so that nothing can have been handed down.
    pub fn is_unasked(&self) -> bool {
        self.state().may_send.is_some()
    }

    pub fn is_begun(&self) -> bool {
        self.state().progress.is_begun()
    }

    /// Before any byte of the request is handed down. The first time it waits for the permission and sets the marker,
    /// in one go with the write that follows.
    pub fn poll_about_to_write(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.progress.is_begun() {
            state.progress.writing();
            return Poll::Ready(Ok(()));
        }
        let permitted = match &mut state.may_send {
            Some(may_send) => ready!(may_send.as_mut().poll(cx)),
            None => false,
        };
        state.may_send = None;
        Poll::Ready(if state.progress.begin(permitted, now()) {
            Ok(())
        } else {
            Err(io::Error::other("the permission to send has lapsed"))
        })
    }

    /// What was handed down has been taken.
    pub fn written(&self) {
        self.state().progress.written(now());
    }

    pub fn answer_began(&self) {
        self.state().progress.answer_began();
    }

    /// The name of a connection that broke.
    pub fn broken(&self) -> MaybeSent {
        self.state().progress.broken()
    }

    /// `work`, unless the time runs out. It is looked at before every poll, so that no trickle of bytes stretches it.
    pub async fn in_time<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = Result<T, MaybeSent>>>,
    ) -> Result<T, MaybeSent> {
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        poll_fn(|cx| {
            if self.left().is_none() {
                return Poll::Ready(Err(MaybeSent::Timeout));
            }
            if let Poll::Ready(found) = work.as_mut().poll(cx) {
                return Poll::Ready(found);
            }
            // By now it may be in another phase, with another deadline.
            while let Some(left) = self.left() {
                let deadline = tokio::time::Instant::now() + left.min(FAR);
                timer.as_mut().reset(deadline);
                ready!(timer.as_mut().poll(cx));
            }
            Poll::Ready(Err(MaybeSent::Timeout))
        })
        .await
    }

    /// The marker decides between *never sent* and *maybe sent*; what was found only chooses a name.
    pub fn conclude(&self, found: Result<OwnedReply, MaybeSent>) -> Exchange {
        self.state().progress.conclude(found, now())
    }

    /// The time left; once there is none, the exchange is over, whatever still comes.
    pub fn left(&self) -> Option<Duration> {
        self.state().progress.left(now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state().progress.fmt(f)
    }
}

/// The clock of tokio, so that a test may pause it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
