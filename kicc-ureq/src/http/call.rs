//! What is known of one exchange while it runs: how far it got, its deadlines, and the marker that decides *never
//! sent*. All layers of its connection share it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kicc_proto::wire::{Failure, MaybeSent, NotSent};
use ureq::{Error, Timeout};

use super::{Exchange, Limits, MaySend, OwnedReply};

/// Why ureq brought no answer.
pub(super) enum Stop {
    Failed(Error),
    BodyTooLarge,
}

pub(super) struct Call(Mutex<State>);

struct State {
    limits: Limits,
    may_send: MaySend,
    /// What failed, should it end before the first byte.
    step: NotSent,
    /// The marker: set before the first byte of the request is handed down.
    first_byte: Option<Instant>,
    /// Set while all that was handed down so far was taken.
    written_at: Option<Instant>,
    answer_began: bool,
    timed_out: bool,
}

impl State {
    fn new(limits: Limits, may_send: MaySend) -> State {
        State {
            limits,
            may_send,
            step: NotSent::Connect,
            first_byte: None,
            written_at: None,
            answer_began: false,
            timed_out: false,
        }
    }

    /// The time left for whatever is being done now; `None` when it is over.
    fn left(&self, now: Instant) -> Option<Duration> {
        let Limits { send_by, answer_within, .. } = self.limits;
        let left = match (self.first_byte, self.written_at) {
            (None, _) => send_by.checked_duration_since(now),
            (Some(first), None) => answer_within.checked_sub(now.saturating_duration_since(first)),
            (_, Some(last)) => answer_within.checked_sub(now.saturating_duration_since(last.min(send_by))),
        };
        left.filter(|left| !left.is_zero())
    }
}

impl Call {
    pub fn new(limits: Limits, may_send: MaySend) -> Call {
        Call(Mutex::new(State::new(limits, may_send)))
    }

    /// The next exchange, on a kept connection.
    pub fn begin(&self, limits: Limits, may_send: MaySend) {
        *self.state() = State::new(limits, may_send);
    }

    /// The step that is taken now, to be named should it fail.
    pub fn at(&self, step: NotSent) {
        self.state().step = step;
    }

    /// The time left, never zero; or the error with which a layer gives up.
    pub fn left(&self) -> Result<Duration, Error> {
        let mut state = self.state();
        let left = state.left(Instant::now());
        state.timed_out |= left.is_none();
        left.ok_or(Error::Timeout(Timeout::Global))
    }

    /// Before any byte of the request is handed down. The first time it asks for the permission and sets the marker.
    pub fn about_to_write(&self) -> Result<(), Error> {
        let may_send = {
            let mut state = self.state();
            if state.first_byte.is_some() {
                state.written_at = None;
                return Ok(());
            }
            state.may_send.clone()
        };
        // Asked without the lock held, and before the look at the clock, because it may take a while.
        let permitted = may_send();
        let mut state = self.state();
        let now = Instant::now();
        if !permitted || now > state.limits.send_by {
            state.step = NotSent::PermitLapsed;
            return Err(Error::Other("the permission to send has lapsed".into()));
        }
        state.first_byte = Some(now);
        Ok(())
    }

    /// What was handed down has been taken.
    pub fn written(&self) {
        self.state().written_at = Some(Instant::now());
    }

    pub fn answer_began(&self) {
        self.state().answer_began = true;
    }

    /// The marker decides between *never sent* and *maybe sent*; the error only chooses a name.
    pub fn conclude(&self, outcome: Result<OwnedReply, Stop>) -> Exchange {
        let state = self.state();
        if state.first_byte.is_none() {
            return Exchange { written_at: None, result: Err(Failure::NotSent(state.step)) };
        }
        // Looked at once more, because the time may have run out after the last read.
        let late = state.timed_out || state.left(Instant::now()).is_none();
        let result = match outcome {
            _ if late => Err(MaybeSent::Timeout),
            Ok(reply) => Ok(reply),
            Err(Stop::BodyTooLarge) => Err(MaybeSent::BodyTooLarge),
            Err(Stop::Failed(error)) => Err(name(&error, state.answer_began)),
        };
        Exchange { written_at: state.written_at, result: result.map_err(Failure::MaybeSent) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_struct("Call")
            .field("limits", &state.limits)
            .field("step", &state.step)
            .finish_non_exhaustive()
    }
}

fn name(error: &Error, answer_began: bool) -> MaybeSent {
    match error {
        Error::Protocol(_) | Error::LargeResponseHeader(..) => MaybeSent::Protocol,
        // What TLS makes of bytes that are not TLS.
        Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => MaybeSent::Protocol,
        _ if answer_began => MaybeSent::Truncated,
        Error::Io(_) => MaybeSent::Reset,
        _ => MaybeSent::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn state(now: Instant) -> State {
        let limits = Limits { send_by: now + 10 * SECOND, answer_within: 33 * SECOND, money: true };
        State::new(limits, Arc::new(|| true))
    }

    #[test]
    fn r20_no_phase_goes_on_past_send_by_and_the_time_to_answer() {
        let now = Instant::now();
        let at = |seconds: u32| now + seconds * SECOND;
        let mut state = state(now);
        assert_eq!(state.left(at(4)), Some(6 * SECOND));
        assert_eq!(state.left(at(10)), None);
        state.first_byte = Some(at(9));
        assert_eq!(state.left(at(11)), Some(31 * SECOND));
        state.written_at = Some(at(10));
        assert_eq!(state.left(at(11)), Some(32 * SECOND));
        assert_eq!(state.left(at(43)), None);
        state.written_at = Some(at(20));
        assert_eq!(state.left(at(20)), Some(23 * SECOND));
        assert_eq!(state.left(at(43)), None);
    }

    #[test]
    fn r9_an_answer_that_is_whole_only_after_the_time_is_given_up() {
        let answer_within = Duration::from_millis(20);
        let limits = Limits { send_by: Instant::now() + SECOND, answer_within, money: true };
        let call = Call::new(limits, Arc::new(|| true));
        call.about_to_write().unwrap();
        call.written();
        std::thread::sleep(2 * answer_within);
        let reply = OwnedReply { status: 200, content_type: None, body: Vec::new() };
        let exchange = call.conclude(Ok(reply));
        assert_eq!(exchange.result.unwrap_err(), Failure::MaybeSent(MaybeSent::Timeout));
    }
}
