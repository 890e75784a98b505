//! Refunds (R16).

use kicc_proto::{
    flow::{self, Ended, Opening, Step},
    journal::record::Record,
    values::TransactionNumber,
};

use super::{Client, Error, Progress, clock, drive::Stop};

/// What is to be given back.
#[derive(Debug, Clone)]
pub struct Refund {
    /// The approval's number.
    pub original: TransactionNumber,
}

impl Client {
    /// Gives the whole money of an approval back, of today or of days ago. At most one refund of it is open or
    /// done: a second call gives the first one's end (R16). A refund's outcomes are its own.
    ///
    /// # Errors
    /// [`Error`]: this call sent nothing.
    pub fn refund(&self, refund: &Refund) -> Result<Progress, Error> {
        let inner = &self.inner;
        if inner.stopping() {
            return Err(Error::Stopping);
        }
        let number = &refund.original;
        let row = inner.find(number)?.ok_or_else(|| Error::Unknown { number: number.as_str().into() })?;
        let original = Record::of_row(&row)?;
        let end = inner.patience_end();
        loop {
            let refunds = inner.journal.refunds(&row.key)?;
            if let Some(live) = refunds.iter().find(|refund| refund.live) {
                return inner.follow(&live.key, end, true);
            }
            let terminal = inner.terminal_of(&row.key).ok_or(Error::NoTerminal)?;
            let opening =
                Opening { merchant: &terminal.merchant, driver: &inner.driver, attempt: clock::random() };
            let earlier = u32::try_from(refunds.len()).unwrap_or(u32::MAX);
            let persist = flow::refund(&original, earlier, &opening, inner.clock.now())?;
            match inner.drive(terminal, Step::Persist(persist), end, false) {
                // Another call was first under this refund's number: look again.
                Stop::Done(done) if matches!(done.ended(), Ended::Known(_) | Ended::OtherData) => {}
                stop => return inner.stopped(terminal, stop, end),
            }
        }
    }
}
