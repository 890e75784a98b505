//! Messages that move no money: registrations and look-ups before an approval.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kicc_proto::flow::said::{Said, Unclear};
use kicc_proto::wire::call::{self, Call};
use kicc_proto::wire::{Failure, MaybeSent, NotSent, RequestBuffer};

use super::{Http, Limits};

/// How long a [`Call`] may take. The defaults are those of an approval (KICC asks for 30 s to answer, spec A.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Up to the first byte of the request; default 10 s.
    pub send_within: Duration,
    /// Up to the whole answer, from the last byte of the request; default 33 s.
    pub answer_within: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        CallLimits { send_within: Duration::from_secs(10), answer_within: Duration::from_secs(33) }
    }
}

/// Why a call brought nothing. Whatever it is, no money moved, and the call may be made again, under a new number
/// where it has one (spec C.1): the gateway may have seen this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Not one byte was sent.
    #[error("not sent, because {}; no money moved", not_sent(*.0))]
    NotSent(NotSent),
    /// Bytes were sent, and no whole answer came back.
    #[error("{}; no money moved", Unclear::Exchange(*.0))]
    NoAnswer(MaybeSent),
    /// The gateway said no.
    #[error("refused: {0}; no money moved")]
    Refused(Said),
    /// An answer that cannot be trusted (R7).
    #[error("no trustworthy answer: {0}; no money moved")]
    Unclear(Unclear),
}

impl From<call::CallError> for CallError {
    fn from(error: call::CallError) -> Self {
        match error {
            call::CallError::Refused(said) => CallError::Refused(said),
            call::CallError::Unclear(why) => CallError::Unclear(why),
        }
    }
}

impl Http {
    /// Sends a message that moves no money, once, and reads the answer. The stages before Simple Payment's approval
    /// have a host of their own (spec A.3), and so need an [`Http`] of their own.
    ///
    /// # Errors
    /// [`CallError`]; in every case no money moved.
    pub fn call<C: Call>(&self, call: &C, limits: CallLimits) -> Result<C::Answer, CallError> {
        let mut buffer = RequestBuffer::new();
        let limits = Limits {
            send_by: Instant::now() + limits.send_within,
            answer_within: limits.answer_within,
            money: false,
        };
        match self.exchange(&call.request(&mut buffer), limits, Arc::new(|| true)).result {
            Ok(reply) => Ok(call.read(reply.as_reply())?),
            Err(Failure::NotSent(why)) => Err(CallError::NotSent(why)),
            Err(Failure::MaybeSent(why)) => Err(CallError::NoAnswer(why)),
        }
    }
}

fn not_sent(why: NotSent) -> &'static str {
    match why {
        NotSent::Resolve => "the gateway's name was not resolved",
        NotSent::Connect => "no connection to the gateway came about",
        NotSent::Tls => "the TLS handshake with the gateway did not finish",
        NotSent::Proxy => "the proxy did not let it through",
        NotSent::PermitLapsed | NotSent::Signing | NotSent::NotRecorded => "it was too late to send it",
    }
}
