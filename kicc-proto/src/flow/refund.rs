//! Giving the money of an approval back (R16).

use alloc::boxed::Box;

use super::{
    Opening,
    life::Life,
    outcome::{Charged, Outcome, Verdict},
    persist::Persist,
};
use crate::{
    journal::{
        Key, Kind,
        record::{Happening, Record, RecordError, Why},
        short_hash,
    },
    time::Now,
};

/// Why there is nothing to refund.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// The attempt has not ended yet.
    #[error("the attempt has not ended yet: wait for its outcome")]
    Open,
    /// It did not end approved; nothing was sent.
    #[error("the attempt ended as {0}, so there is nothing to refund; nothing was sent")]
    NotApproved(&'static str),
    /// Too little is known of the approval for a cancel: its number or date is not at hand. Nothing was sent.
    #[error("the approval's number or date is not known, so it cannot be cancelled; nothing was sent")]
    Incomplete,
    /// Its record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Begins the refund of an approval whose record is at hand, of today or of days ago. `earlier` is how many
/// refunds of it were made before and did not take effect. The row's store decides that there is at most one.
///
/// # Errors
/// [`RefundError`]; nothing was sent.
pub fn refund(
    original: &Record,
    earlier: u32,
    opening: &Opening<'_>,
    now: Now,
) -> Result<Persist, RefundError> {
    match original.verdict() {
        Some(Verdict::Approval(outcome)) => {
            let resolved = matches!(&outcome, Outcome::NeedsOperator { resolution: Some(_), .. });
            let charged = outcome.charged() == Charged::Yes;
            if !(matches!(outcome, Outcome::Approved(_)) || resolved && charged) {
                return Err(RefundError::NotApproved(outcome.name()));
            }
        }
        Some(Verdict::Refund(_)) => return Err(RefundError::NotApproved("a refund")),
        None => return Err(RefundError::Open),
    }
    let rules = original.key.product.rules();
    if original.key.environment != *opening.merchant.environment()
        || !rules.belongs_to(original, opening.merchant)
    {
        return Err(RefundError::Record(RecordError::Foreign));
    }
    let fingerprint = short_hash(&["refund", original.key.number.as_str(), &original.attempt]).into();
    let send_by = now.wall + opening.driver.policy.send_by;
    let mut record = Record {
        original: Some(original.key.number.clone()),
        approval: original.approval.clone(),
        cancel: original.cancel.clone(),
        why: Some(Why::Refund),
        ..Record::new(
            opening.attempt,
            (original.key.clone(), Kind::Refund),
            (original.amount, original.payload.clone()),
            fingerprint,
            (now.wall, send_by),
        )
    };
    for _ in 0..=earlier {
        if !rules.prepare_cancel(&mut record, now) {
            return Err(RefundError::Incomplete);
        }
    }
    let number = record.cancel.as_ref().map(|cancel| cancel.number.clone()).ok_or(RefundError::Incomplete)?;
    record.key = Key { number, ..record.key };
    record.note(now.wall, Happening::Made);
    let life: Box<Life> = Life::new(record, None, opening.driver, now);
    Ok(Persist::first(life, now))
}
