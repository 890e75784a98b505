//! Messages that move no money: registrations and look-ups before an approval.

use kicc_proto::wire::RequestBuffer;
use kicc_proto::wire::call::Call;

use super::{CallError, CallLimits, Connect, Http, Limits};

impl<C: Connect> Http<C> {
    /// Sends a message that moves no money, once, and reads the answer. The stages before Simple Payment's approval
    /// have a host of their own (spec A.3), and so need an [`Http`] of their own.
    ///
    /// # Errors
    /// [`CallError`]; in every case the call moved no money.
    pub async fn call<M: Call + Sync>(&self, call: &M, limits: CallLimits) -> Result<M::Answer, CallError> {
        let mut buffer = RequestBuffer::new();
        let limits = Limits {
            send_by: tokio::time::Instant::now().into_std() + limits.send_within,
            answer_within: limits.answer_within,
            money: false,
        };
        let exchange = self.exchange(&call.request(&mut buffer), limits, Box::pin(async { true })).await;
        Ok(call.read(exchange.result?.as_reply())?)
    }
}
