//! What is known of one exchange while it runs: how far it got, its deadlines, and the marker that decides *never
//! sent*. All layers of its connection share it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kicc_proto::wire::exchange::Progress;
use kicc_proto::wire::{MaybeSent, NotSent};
use ureq::{Error, Timeout};

use super::{Exchange, Limits, MaySend, OwnedReply};

/// Why ureq brought no answer.
pub(super) enum Stop {
    Failed(Error),
    BodyTooLarge,
    TwoEnds,
}

pub(super) struct Call(Mutex<State>);

struct State {
    progress: Progress<Instant>,
    may_send: MaySend,
    body: usize,
}

impl Call {
    /// `body`: how many bytes follow the head.
    pub fn new(limits: Limits, may_send: MaySend, body: usize) -> Call {
        Call(Mutex::new(State { progress: Progress::new(limits), may_send, body }))
    }

    /// The next exchange, on a kept connection.
    pub fn begin(&self, limits: Limits, may_send: MaySend, body: usize) {
        *self.state() = State { progress: Progress::new(limits), may_send, body };
    }

    /// How many bytes follow the first that are handed down, asked there; nothing from then on.
    pub fn body_follows(&self) -> usize {
        std::mem::take(&mut self.state().body)
    }

    /// The step that is taken now, to be named should it fail.
    pub fn at(&self, step: NotSent) {
        self.state().progress.at(step);
    }

    /// The time left, never zero; or the error with which a layer gives up.
    pub fn left(&self) -> Result<Duration, Error> {
        self.state().progress.left(Instant::now()).ok_or(Error::Timeout(Timeout::Global))
    }

    /// Before any byte of the request is handed down. The first time it asks for the permission and sets the marker.
    pub fn about_to_write(&self) -> Result<(), Error> {
        let may_send = {
            let mut state = self.state();
            if state.progress.is_begun() {
                state.progress.writing();
                return Ok(());
            }
            state.may_send.clone()
        };
        // Asked without the lock held, and before the look at the clock, because it may take a while.
        let permitted = may_send();
        if !self.state().progress.begin(permitted, Instant::now()) {
            return Err(Error::Other("the permission to send has lapsed".into()));
        }
        Ok(())
    }

    /// What was handed down has been taken.
    pub fn written(&self) {
        self.state().progress.written(Instant::now());
    }

    pub fn answer_began(&self) {
        self.state().progress.answer_began();
    }

    /// The marker decides between *never sent* and *maybe sent*; the error only chooses a name.
    pub fn conclude(&self, outcome: Result<OwnedReply, Stop>) -> Exchange {
        let progress = &self.state().progress;
        let found = outcome.map_err(|stop| match stop {
            Stop::BodyTooLarge => MaybeSent::BodyTooLarge,
            Stop::TwoEnds => MaybeSent::Protocol,
            Stop::Failed(error) => name(&error, progress.broken()),
        });
        progress.conclude(found, Instant::now())
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

fn name(error: &Error, broken: MaybeSent) -> MaybeSent {
    match error {
        Error::Protocol(_) | Error::LargeResponseHeader(..) => MaybeSent::Protocol,
        // What TLS makes of bytes that are not TLS.
        Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => MaybeSent::Protocol,
        Error::Io(_) => broken,
        _ if broken == MaybeSent::Truncated => broken,
        _ => MaybeSent::Other,
    }
}
