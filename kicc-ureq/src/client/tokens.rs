//! i'mport's tokens: one for each pair of API keys, whichever terminals have them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use kicc_proto::{
    client::{Keys, Terminals},
    iamport::{AccessToken, ApiKeys, GetToken, Tokens},
    wire::{NotSent, message::CallLimits},
};

use super::{Inner, Terminal, limit::Slots, trace::event};

/// The tokens of all the client's keys.
pub(super) struct Purses(Vec<Purse>);

struct Purse {
    keys: ApiKeys,
    tokens: Mutex<Tokens>,
    /// One: whoever has it asks for a token.
    asking: Slots,
}

impl Purses {
    pub fn new(terminals: &Terminals) -> Self {
        let mut purses: Vec<Purse> = Vec::new();
        for terminal in terminals.iter() {
            if let Keys::Api(keys) = &terminal.keys
                && purses.iter().all(|purse| purse.keys != *keys)
            {
                purses.push(Purse { keys: keys.clone(), tokens: Mutex::default(), asking: Slots::new(1) });
            }
        }
        Purses(purses)
    }

    fn of(&self, keys: &ApiKeys) -> Option<&Purse> {
        self.0.iter().find(|purse| purse.keys == *keys)
    }
}

impl Purse {
    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The token for a message of this terminal's that goes out until `by`; nothing where its messages carry none. At
    /// most one thread asks for one, and the others wait for it.
    pub(super) fn token(&self, terminal: &Terminal, by: Instant) -> Result<Option<AccessToken>, NotSent> {
        let Keys::Api(keys) = &terminal.keys else { return Ok(None) };
        let purse = self.purses.of(keys).ok_or(NotSent::Token)?;
        let held = || purse.tokens().get(self.clock.now().mono).cloned();
        if let Some(token) = held() {
            return Ok(Some(token));
        }
        let _asking = purse.asking.take(by, || None).ok_or(NotSent::Token)?;
        // It may have come meanwhile.
        if let Some(token) = held() {
            return Ok(Some(token));
        }
        let asked_at = self.clock.now().mono;
        let limits = CallLimits::within(by.saturating_duration_since(Instant::now()));
        match self.http.call(&GetToken(keys), limits) {
            Ok(granted) => Ok(Some(purse.tokens().store(granted, asked_at).clone())),
            Err(error) => {
                event!(WARN, error = %error, "i'mport gave no token");
                Err(NotSent::Token)
            }
        }
    }

    /// i'mport answered 401 to a message with that token: the next one is asked for anew.
    pub(super) fn token_refused(&self, terminal: &Terminal, token: &AccessToken) {
        if let Keys::Api(keys) = &terminal.keys
            && let Some(purse) = self.purses.of(keys)
        {
            purse.tokens().refused(token);
        }
    }
}
