//! Messages that move no money: registrations and look-ups before an approval.

use std::sync::Arc;
use std::time::Instant;

use kicc_proto::wire::RequestBuffer;
use kicc_proto::wire::call::Call;

use super::{CallError, CallLimits, Http, Limits};

impl Http {
    /// Sends a message that moves no money, once, and reads the answer. The stages before Simple Payment's approval
    /// have a host of their own (spec A.3), and so need an [`Http`] of their own.
    ///
    /// # Errors
    /// [`CallError`]; in every case the call moved no money.
    pub fn call<C: Call>(&self, call: &C, limits: CallLimits) -> Result<C::Answer, CallError> {
        let mut buffer = RequestBuffer::new();
        let limits = Limits {
            send_by: Instant::now() + limits.send_within,
            answer_within: limits.answer_within,
            money: false,
        };
        let exchange = self.exchange(&call.request(&mut buffer), limits, Arc::new(|| true));
        Ok(call.read(exchange.result?.as_reply())?)
    }
}
