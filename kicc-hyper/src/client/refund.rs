//! Refunds (R16).

use std::sync::Arc;

use kicc_proto::{
    client::Error,
    flow::{Ended, Opening, PartialRefund, RefundCall, Step, call_refund},
    journal::record::Record,
    product::Merchant,
    simple::Original,
    values::TransactionNumber,
};

use super::{
    Client, Inner, Progress, Terminal, clock,
    drive::{StandBy, Stop},
    hand::Hand,
};

impl Client {
    /// Gives the whole money of an approval back, or what parts have left of it, of today or of days ago, by its number.
    /// At most one such refund of it is open or done: a second call gives the first one's end (R16). A refund's outcomes
    /// are its own.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub async fn refund(&self, number: &TransactionNumber) -> Result<Progress, Error> {
        let inner = &self.inner;
        let row = inner.find(number).await?.ok_or_else(|| Error::unknown(number))?;
        let terminal = inner.terminal_of(&row.key)?;
        inner.refund(terminal, &Record::of_row(&row)?, None).await
    }

    /// Gives a part of an approval back, which is i'mport's alone. The same id once more gives that refund's end, also
    /// where it was refused; while one refund of the approval is open no other begins (R16). [`Client::refund`] gives
    /// the rest back.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub async fn refund_part(
        &self,
        number: &TransactionNumber,
        part: &PartialRefund,
    ) -> Result<Progress, Error> {
        let inner = &self.inner;
        let row = inner.find(number).await?.ok_or_else(|| Error::unknown(number))?;
        let terminal = inner.terminal_of(&row.key)?;
        inner.refund(terminal, &Record::of_row(&row)?, Some(part)).await
    }

    /// The same for an approval that this journal does not know, from the shop's own books or a slip, at the first
    /// terminal of Simple Payment.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub async fn refund_elsewhere(&self, original: &Original) -> Result<Progress, Error> {
        let inner = &self.inner;
        let simple = inner.terminals.iter().find_map(|terminal| match &terminal.merchant {
            Merchant::Simple(merchant) => Some((terminal, merchant)),
            Merchant::EasyTalk(_) | Merchant::Iamport(_) => None,
        });
        let (terminal, merchant) = simple.ok_or(Error::NoTerminal)?;
        if inner.known(terminal, &original.number).await?.is_some() {
            return self.refund(&original.number).await;
        }
        inner.refund(terminal, &original.record(merchant, inner.clock.now())?, None).await
    }
}

impl Inner {
    async fn refund(
        self: &Arc<Self>,
        terminal: &Terminal,
        original: &Record,
        part: Option<&PartialRefund>,
    ) -> Result<Progress, Error> {
        if self.is_closing() {
            return Err(Error::Stopping);
        }
        let end = self.patience_end();
        let mut pruned = 0;
        let mut not_recorded = None;
        loop {
            let refunds = self.journal.refunds(&original.key).await?;
            let opening =
                Opening { merchant: &terminal.merchant, driver: &self.driver, attempt: clock::random() };
            let persist = match call_refund(original, &refunds, part, pruned, &opening, self.clock.now())? {
                RefundCall::Known(key) => return self.follow(&key, end, true).await,
                RefundCall::New(persist) => persist,
            };
            if let Some((hand, done)) = not_recorded {
                return self.stopped(hand, Stop::Done(done), end).await;
            }
            let hand = Hand::new(self, terminal, persist.key());
            match hand.drive(Step::Persist(persist), end, StandBy::End).await {
                // Another call was first under this refund's number, or with another refund: look again.
                Stop::Done(done) if matches!(done.ended(), Ended::Known(_) | Ended::OtherData) => {}
                // An earlier refund that did not take effect was pruned: its number is used up.
                Stop::Done(done)
                    if matches!(done.ended(), Ended::UsedBefore) && part.is_none() && pruned < 100 =>
                {
                    pruned += 1;
                }
                // The journal did not take it, which is the end only where nobody else's refund is there by now (R3).
                Stop::Done(done) if done.is_unrecorded() => not_recorded = Some((hand, done)),
                stop => return self.stopped(hand, stop, end).await,
            }
        }
    }
}
