//! What only i'mport has: payments that were made in the window, and calls that move no money.

use kicc_proto::{
    iamport::{Settings, Verdict, WindowPayment, calls, calls::Rest},
    product::{Merchant, Order as _, Product},
    wire::{
        NotSent,
        message::{CallError, CallLimits},
    },
};
use tokio::time::{Duration, Instant};

use super::{Client, Error, Inner, Progress, Terminal};

/// What became of a payment that was made in the window.
#[derive(Debug)]
#[must_use]
pub enum Verified {
    /// Its money moved, and it was put to the flow: what was paid with the right amount is put to the accept step,
    /// anything else is cancelled (R8).
    Recorded(Progress),
    /// No money of the order stands, and nothing was recorded: it may be verified again, as a virtual account's is
    /// when its deposit has come.
    Nothing(Verdict),
    /// i'mport shows no such payment.
    NoPayment,
}

impl Client {
    /// Verifies a payment that the page or a webhook named, at the first terminal of i'mport: looks it up and, if its
    /// money moved, takes it to its outcome as [`Client::approve`] does. A known number is not looked up: it gives
    /// what is known (R3). May be called for every message about it.
    ///
    /// # Errors
    /// [`Error`]: nothing was recorded; [`Error::Call`] where the look-up brought nothing.
    pub async fn verify(&self, payment: &WindowPayment) -> Result<Verified, Error> {
        let (terminal, _) = self.inner.iamport(None)?;
        self.verify_at(terminal.merchant.terminal().as_str(), payment).await
    }

    /// The same at a terminal of one's choice.
    ///
    /// # Errors
    /// As [`Client::verify`].
    pub async fn verify_at(&self, terminal: &str, payment: &WindowPayment) -> Result<Verified, Error> {
        let inner = &self.inner;
        let (at, settings) = inner.iamport(Some(terminal))?;
        if inner.known(at, payment.number()).await?.is_none() {
            let look_up = calls::payment(payment.imp_uid(), settings);
            let Some(found) = inner.call(at, settings, &look_up).await? else {
                return Ok(Verified::NoPayment);
            };
            if let Some(verdict) = payment.nothing_stands(&found, settings.channel) {
                return Ok(Verified::Nothing(verdict));
            }
        }
        self.approve_at(terminal, payment).await.map(Verified::Recorded)
    }

    /// Makes a call of i'mport's that moves no money, at its first terminal. A token that was refused is replaced once.
    ///
    /// # Errors
    /// [`Error::Call`]; it may be made again.
    pub async fn call<A>(&self, call: &Rest<A>) -> Result<A, Error> {
        let (terminal, settings) = self.inner.iamport(None)?;
        Ok(self.inner.call(terminal, settings, call).await?)
    }

    /// The same at a terminal of one's choice.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_at<A>(&self, terminal: &str, call: &Rest<A>) -> Result<A, Error> {
        let (terminal, settings) = self.inner.iamport(Some(terminal))?;
        Ok(self.inner.call(terminal, settings, call).await?)
    }
}

impl Inner {
    /// A terminal of i'mport, the first one unless one is named, and how it sells.
    fn iamport(&self, terminal: Option<&str>) -> Result<(&Terminal, &Settings), Error> {
        let terminal = match terminal {
            Some(id) => self.terminals.named(Product::Iamport, id),
            None => self.terminals.of_product(Product::Iamport),
        };
        terminal.zip(self.driver.policy.products.iamport.as_ref()).ok_or(Error::NoTerminal)
    }

    async fn call<A>(
        &self,
        terminal: &Terminal,
        settings: &Settings,
        call: &Rest<A>,
    ) -> Result<A, CallError> {
        let tier = match &terminal.merchant {
            Merchant::Iamport(merchant) => merchant.tier.as_ref(),
            Merchant::Simple(_) | Merchant::EasyTalk(_) => None,
        };
        let send_within = Duration::from_millis(self.driver.policy.send_by.0);
        let answer_within = Duration::from_millis(settings.answer_timeout.0);
        let mut is_last = false;
        loop {
            let token = self.token(terminal, Instant::now() + send_within).await;
            let Some(token) = token.map_err(CallError::NotSent)? else {
                return Err(CallError::NotSent(NotSent::Token));
            };
            let limits = CallLimits { send_within, answer_within };
            match self.send(&call.with(&token, tier), limits).await {
                Err(error) if error.wants_new_token() => {
                    self.token_refused(terminal, &token);
                    if is_last {
                        return Err(error);
                    }
                    is_last = true;
                }
                result => return result,
            }
        }
    }
}
