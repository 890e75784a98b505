//! i'mport's tokens: one for each pair of API keys, whichever terminals have them.

use std::sync::{Mutex, atomic::AtomicBool};

use kicc_proto::{
    client::{Keys, Terminals},
    iamport::{AccessToken, ApiKeys, GetToken, Tokens},
    wire::{
        NotSent, RequestBuffer,
        call::Call,
        message::{CallError, CallLimits},
    },
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tracing::warn;

use super::{Inner, Terminal, shutdown::lock};
use crate::http::Limits;

/// The tokens of all the client's keys.
pub(super) struct Purses(Vec<Purse>);

struct Purse {
    keys: ApiKeys,
    tokens: Mutex<Tokens>,
    /// One: whoever has it asks for a token. Dropped in between, it leaves that to the next.
    asking: Semaphore,
}

impl Purses {
    pub fn new(terminals: &Terminals) -> Self {
        let mut purses: Vec<Purse> = Vec::new();
        for terminal in terminals.iter() {
            if let Keys::Api(keys) = &terminal.keys
                && purses.iter().all(|purse| purse.keys != *keys)
            {
                let (tokens, asking) = (Mutex::default(), Semaphore::new(1));
                purses.push(Purse { keys: keys.clone(), tokens, asking });
            }
        }
        Purses(purses)
    }

    fn of(&self, keys: &ApiKeys) -> Option<&Purse> {
        self.0.iter().find(|purse| purse.keys == *keys)
    }
}

impl Inner {
    /// The token for a message of this terminal's that goes out until `by`; nothing where its messages carry none. At
    /// most one task asks for one, and the others wait for it.
    pub(super) async fn token(
        &self,
        terminal: &Terminal,
        by: Instant,
    ) -> Result<Option<AccessToken>, NotSent> {
        let Keys::Api(keys) = &terminal.keys else { return Ok(None) };
        let purse = self.purses.of(keys).ok_or(NotSent::Token)?;
        let held = || lock(&purse.tokens).get(self.clock.now().mono).cloned();
        if let Some(token) = held() {
            return Ok(Some(token));
        }
        let asking = timeout_at(by, purse.asking.acquire()).await;
        let _asking = asking.map_err(|_| NotSent::Token)?.map_err(|_| NotSent::Token)?;
        // It may have come meanwhile.
        if let Some(token) = held() {
            return Ok(Some(token));
        }
        let asked_at = self.clock.now().mono;
        let limits = CallLimits::within(by.saturating_duration_since(Instant::now()));
        match self.send(&GetToken(keys), limits).await {
            Ok(granted) => Ok(Some(lock(&purse.tokens).store(granted, asked_at).clone())),
            Err(error) => {
                warn!(%error, "i'mport gave no token");
                Err(NotSent::Token)
            }
        }
    }

    /// i'mport answered 401 to a message with that token: the next one is asked for anew.
    pub(super) fn token_refused(&self, terminal: &Terminal, token: &AccessToken) {
        if let Keys::Api(keys) = &terminal.keys
            && let Some(purse) = self.purses.of(keys)
        {
            lock(&purse.tokens).refused(token);
        }
    }

    /// Sends a message that moves no money, once, and reads the answer.
    pub(super) async fn send<M: Call + Sync>(
        &self,
        call: &M,
        limits: CallLimits,
    ) -> Result<M::Answer, CallError> {
        let mut buffer = RequestBuffer::new();
        let limits = Limits {
            send_by: (Instant::now() + limits.send_within).into_std(),
            answer_within: limits.answer_within,
            money: false,
        };
        let (request, may_send) = (call.request(&mut buffer), Box::pin(async { true }));
        let exchange = self.transport.exchange(&request, limits, may_send);
        let exchange = self.exchange(exchange, &AtomicBool::new(true)).await;
        Ok(call.read(exchange.result?.as_reply())?)
    }
}
