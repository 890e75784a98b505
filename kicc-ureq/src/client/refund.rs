//! Refunds (R16).

use kicc_proto::{
    flow::{self, Ended, Opening, Step},
    journal::record::Record,
    product::Merchant,
    simple::Original,
    values::TransactionNumber,
};

use super::{
    Client, Error, Inner, Progress, Terminal, clock,
    drive::{StandBy, Stop},
};

impl Client {
    /// Gives the whole money of an approval back, of today or of days ago, by its number. At most one refund of it
    /// is open or done: a second call gives the first one's end (R16). A refund's outcomes are its own.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub fn refund(&self, number: &TransactionNumber) -> Result<Progress, Error> {
        let inner = &self.inner;
        let row = inner.find(number)?.ok_or_else(|| Error::unknown(number))?;
        let terminal = inner.terminal_of(&row.key)?;
        inner.refund(terminal, &Record::of_row(&row)?)
    }

    /// The same for an approval that this journal does not know, from the shop's own books or a slip, at the first
    /// terminal of Simple Payment.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub fn refund_elsewhere(&self, original: &Original) -> Result<Progress, Error> {
        let inner = &self.inner;
        let simple = inner.terminals.iter().find_map(|terminal| match &terminal.merchant {
            Merchant::Simple(merchant) => Some((terminal, merchant)),
            Merchant::EasyTalk(_) | Merchant::Iamport(_) => None,
        });
        let (terminal, merchant) = simple.ok_or(Error::NoTerminal)?;
        if inner.known(terminal, &original.number)?.is_some() {
            return self.refund(&original.number);
        }
        inner.refund(terminal, &original.record(merchant, inner.clock.now())?)
    }
}

impl Inner {
    fn refund(&self, terminal: &Terminal, original: &Record) -> Result<Progress, Error> {
        if self.stopping() {
            return Err(Error::Stopping);
        }
        let end = self.patience_end();
        let mut pruned = 0;
        loop {
            let refunds = self.journal.refunds(&original.key)?;
            if let Some(live) = refunds.iter().find(|refund| refund.live) {
                return self.follow(&live.key, end, true);
            }
            let opening =
                Opening { merchant: &terminal.merchant, driver: &self.driver, attempt: clock::random() };
            let earlier = u32::try_from(refunds.len()).unwrap_or(u32::MAX).saturating_add(pruned);
            let persist = flow::refund(original, earlier, &opening, self.clock.now())?;
            let key = persist.key().clone();
            match self.drive(terminal, &key, Step::Persist(persist), end, StandBy::End) {
                // Another call was first under this refund's number: look again.
                Stop::Done(done) if matches!(done.ended(), Ended::Known(_) | Ended::OtherData) => {}
                // An earlier refund that did not take effect was pruned: its number is used up.
                Stop::Done(done) if matches!(done.ended(), Ended::UsedBefore) && pruned < 100 => pruned += 1,
                stop => return self.stopped(stop, end),
            }
        }
    }
}
