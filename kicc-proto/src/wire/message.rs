//! Messages that move no money, as a transport sends them: what they may take, and why one brought nothing.

use core::time::Duration;

use super::{Failure, MaybeSent, NotSent, call};
use crate::flow::said::{Said, Unclear};

/// How long a [`Call`](call::Call) may take. The defaults are those of an approval (KICC asks for 30 s to answer,
/// spec A.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Up to the first byte of the request; default 10 s.
    pub send_within: Duration,
    /// Up to the whole answer, from the last byte of the request; default 33 s.
    pub answer_within: Duration,
}

impl CallLimits {
    /// For a call that is over within so long, whatever happens: half of it for each.
    #[must_use]
    pub fn within(whole: Duration) -> Self {
        CallLimits { send_within: whole / 2, answer_within: whole / 2 }
    }
}

impl Default for CallLimits {
    fn default() -> Self {
        CallLimits { send_within: Duration::from_secs(10), answer_within: Duration::from_secs(33) }
    }
}

/// Why a call brought nothing. Whatever it is, the call itself moved no money (a payment that it asked about may have
/// been made before), and it may be made again, under a new number where it has one (spec C.1): the gateway may have
/// seen this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Not one byte was sent.
    #[error("not sent, because {0}; this call moved no money")]
    NotSent(NotSent),
    /// Bytes were sent, and no whole answer came back.
    #[error("{0}; this call moved no money")]
    NoAnswer(MaybeSent),
    /// The gateway said no.
    #[error("refused: {0}; this call moved no money")]
    Refused(Said),
    /// An answer that cannot be trusted (R7).
    #[error("no trustworthy answer: {0}; this call moved no money")]
    Unclear(Unclear),
}

impl CallError {
    /// Whether i'mport did not take the token: the call was not carried out, and may be made once more with a new one.
    #[must_use]
    pub fn wants_new_token(&self) -> bool {
        matches!(self, CallError::Unclear(Unclear::Status(401)))
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotSent(why) => CallError::NotSent(why),
            Failure::MaybeSent(why) => CallError::NoAnswer(why),
        }
    }
}

impl From<call::CallError> for CallError {
    fn from(error: call::CallError) -> Self {
        match error {
            call::CallError::Refused(said) => CallError::Refused(said),
            call::CallError::Unclear(why) => CallError::Unclear(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn half_of_the_time_is_for_sending_and_half_for_the_answer() {
        let half = Duration::from_secs(5);
        let limits = CallLimits { send_within: half, answer_within: half };
        assert_eq!(CallLimits::within(Duration::from_secs(10)), limits);
    }

    /// A person reads what was not sent, and why, and that the call moved no money.
    #[test]
    fn an_error_says_why_and_that_no_money_moved() {
        for (why, words) in [
            (NotSent::Resolve, "name was not resolved"),
            (NotSent::Connect, "no connection"),
            (NotSent::Tls, "TLS"),
            (NotSent::Proxy, "proxy"),
            (NotSent::PermitLapsed, "too late"),
        ] {
            let error = CallError::from(Failure::NotSent(why)).to_string();
            assert!(error.contains(words) && error.ends_with("; this call moved no money"), "{error}");
        }
        let error = CallError::from(Failure::MaybeSent(MaybeSent::Timeout)).to_string();
        assert_eq!(error, "no answer in time; this call moved no money");
        let error = CallError::from(call::CallError::Unclear(Unclear::NotJson)).to_string();
        assert_eq!(error, "no trustworthy answer: the answer is not a JSON object; this call moved no money");
    }
}
