//! Telling i'mport beforehand for which amount a window may open (iamport spec §4.4).

use kicc_proto::{
    flow::said::Unclear,
    iamport::{
        AccessToken, ApiKeys, GetToken, Tier, Tokens,
        calls::{Prepared, Rest, prepare, prepare_again},
    },
    values::{Amount, TransactionNumber},
};
use kicc_ureq::{
    client::Clock,
    http::{CallError, CallLimits, Http},
};

/// What registers amounts, with the token that it needs.
pub(super) struct Preparing<'a> {
    pub(super) http: &'a Http,
    pub(super) limits: CallLimits,
    pub(super) keys: ApiKeys,
    pub(super) tier: Option<&'a Tier>,
    pub(super) clock: Clock,
    pub(super) tokens: Tokens,
}

impl Preparing<'_> {
    /// Registers an amount; one that was registered before under that number becomes this one.
    pub(super) fn prepare(&mut self, number: &TransactionNumber, amount: &Amount) -> Result<(), CallError> {
        let prepared = match self.call(&prepare(number, amount)) {
            Err(CallError::Refused(said)) => {
                self.call(&prepare_again(number, amount))?.ok_or(CallError::Refused(said))?
            }
            prepared => prepared?,
        };
        match prepared {
            Prepared { amount: stated, .. } if stated == amount.total() => Ok(()),
            _ => Err(CallError::Unclear(Unclear::Amount)),
        }
    }

    fn call<A>(&mut self, rest: &Rest<A>) -> Result<A, CallError> {
        let token = self.token()?;
        self.http.call(&rest.with(&token, self.tier), self.limits)
    }

    fn token(&mut self) -> Result<AccessToken, CallError> {
        let asked_at = self.clock.now().mono;
        if let Some(token) = self.tokens.get(asked_at) {
            return Ok(token.clone());
        }
        let granted = self.http.call(&GetToken(&self.keys), self.limits)?;
        Ok(self.tokens.store(granted, asked_at).clone())
    }
}
