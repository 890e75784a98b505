//! Giving the money of an approval back (R16).

use alloc::{boxed::Box, format, vec::Vec};

use super::{
    Opening,
    life::Life,
    outcome::{Charged, Outcome, Verdict},
    persist::Persist,
};
use crate::{
    journal::{
        Key, Kind, Row, Standing,
        record::{Happening, Record, RecordError, Why},
        short_hash,
    },
    time::Now,
    values::{Amount, Invalid, Mark, RefundId, TransactionNumber, Won},
};

/// Why there is nothing to refund, or not so much. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// The attempt has not ended yet.
    #[error("the attempt has not ended yet: wait for its outcome")]
    Open,
    /// It did not end approved.
    #[error("the attempt ended as {0}, so there is nothing to refund; nothing was sent")]
    NotApproved(&'static str),
    /// Too little is known of the approval for a cancel: its number or date is not at hand.
    #[error("the approval's number or date is not known, so it cannot be cancelled; nothing was sent")]
    Incomplete,
    /// The product gives back the whole alone.
    #[error("of this product only the whole amount is given back; nothing was sent")]
    WholeOnly,
    /// What the part is made of.
    #[error(transparent)]
    Part(#[from] Invalid),
    /// The part is above what is left.
    #[error("{asked} are more than the {left} that are left; nothing was sent")]
    MoreThanLeft {
        /// In won.
        asked: Won,
        /// In won, as far as is known.
        left: Won,
    },
    /// Everything was given back before.
    #[error("everything was given back before; nothing was sent")]
    NothingLeft,
    /// Another refund of the approval is open or waits for a person. What it leaves must be known first.
    #[error("refund {0} of it has not ended: wait for its end; nothing was sent")]
    AnotherOpen(TransactionNumber),
    /// The refund's id is known, with another amount.
    #[error("the refund id is known, with another amount; this call sent nothing")]
    OtherData,
    /// Its record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A part of an approval that is to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialRefund {
    /// The caller's id: with the approval it names this refund for ever, and the same once more is the same refund (R16).
    /// One that was refused or not attempted is tried again under another.
    pub id: RefundId,
    /// How much, and how much of it is free of tax, in won.
    pub amount: Amount,
}

/// What a call for a refund comes to.
#[derive(Debug)]
pub enum RefundCall {
    /// It was called for before: this record is it.
    Known(Box<Key>),
    /// Its row is to be written first.
    New(Persist),
}

/// A refund of the whole that is left, or of a part, put to the refunds of the approval that the journal knows, in the
/// order in which they were made ([`Journal::refunds`](crate::journal::Journal::refunds)).
///
/// `pruned` is how many more the journal has turned out to have forgotten: 0 at first. Each try to refund the whole has a
/// number of its own, made of how many there were before; where [`Ended::UsedBefore`](super::Ended::UsedBefore) says
/// that one was used by a try that was refused and is pruned, the call is made again with one more.
///
/// At most one refund of an approval is open: what it leaves is the `checksum` of the next. The row's store decides
/// that, so that of two calls at once one has to look again.
///
/// # Errors
/// [`RefundError`]; nothing was sent.
pub fn call_refund(
    original: &Record,
    refunds: &[Row],
    part: Option<&PartialRefund>,
    pruned: u32,
    opening: &Opening<'_>,
    now: Now,
) -> Result<RefundCall, RefundError> {
    if let Some(part) = part {
        let number = original.part_cancel(&part.id).number;
        if let Some(row) = refunds.iter().find(|row| row.key.number == number) {
            let same = Record::of_row(row)?.fingerprint == part_fingerprint(original, part);
            return if same {
                Ok(RefundCall::Known(Box::new(row.key.clone())))
            } else {
                Err(RefundError::OtherData)
            };
        }
    }
    if let Some(live) = refunds.iter().find(|row| row.live) {
        let is_part = Record::of_row(live).is_ok_and(|record| record.part.is_some());
        return match part {
            None if !is_part => Ok(RefundCall::Known(Box::new(live.key.clone()))),
            Some(_) if live.standing == Standing::Closed => Err(RefundError::NothingLeft),
            _ => Err(RefundError::AnotherOpen(live.key.number.clone())),
        };
    }
    let rules = original.key.product.rules();
    let mut left = original.clone();
    // What cannot be read here has left less than is known: the gateway compares (R16, R21).
    let known: Vec<_> = refunds.iter().filter_map(|row| Record::of_row(row).ok()).collect();
    rules.take_off(&mut left, &known)?;
    let persist = match part {
        Some(part) => refund_part(&left, part, opening, now)?,
        None => {
            let earlier = u32::try_from(refunds.len()).unwrap_or(u32::MAX).saturating_add(pruned);
            refund(&left, earlier, opening, now)?
        }
    };
    Ok(RefundCall::New(persist))
}

/// Begins the refund of the whole of an approval whose record is at hand, of today or of days ago. `earlier` is how many
/// refunds of it were made before and did not take effect; [`call_refund`] counts them. The row's store decides that there is at most one.
///
/// # Errors
/// [`RefundError`]; nothing was sent.
pub fn refund(
    original: &Record,
    earlier: u32,
    opening: &Opening<'_>,
    now: Now,
) -> Result<Persist, RefundError> {
    let fingerprint = short_hash(&["refund", original.key.number.as_str(), original.attempt.as_str()]);
    let mut record = begun(original, original.amount, fingerprint, opening, now)?;
    let rules = original.key.product.rules();
    for _ in 0..=earlier {
        if !rules.prepare_cancel(&mut record, now) {
            return Err(RefundError::Incomplete);
        }
    }
    first(record, opening, now)
}

fn refund_part(
    original: &Record,
    part: &PartialRefund,
    opening: &Opening<'_>,
    now: Now,
) -> Result<Persist, RefundError> {
    let fingerprint = part_fingerprint(original, part);
    let mut record = begun(original, part.amount, fingerprint, opening, now)?;
    record.part = Some(part.id.clone());
    original.key.product.rules().prepare_part(&mut record, &original.amount)?;
    first(record, opening, now)
}

/// The same approval, id and amount give the same text (R16).
fn part_fingerprint(original: &Record, part: &PartialRefund) -> Mark {
    let won = format!("{} {}", part.amount.total().0, part.amount.tax_free().0);
    let number = original.key.number.as_str();
    short_hash(&["refund of a part", number, original.attempt.as_str(), part.id.as_str(), &won])
}

/// The refund's record, but for its cancel and its number.
fn begun(
    original: &Record,
    amount: Amount,
    fingerprint: Mark,
    opening: &Opening<'_>,
    now: Now,
) -> Result<Record, RefundError> {
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
    let send_by = now.wall + opening.driver.policy.send_by;
    let (key, what) = ((original.key.clone(), Kind::Refund), (amount, original.payload.clone()));
    let mut record = Record::new(opening.attempt, key, what, fingerprint, (now.wall, send_by));
    record.original = Some(original.key.number.clone());
    Ok(Record {
        approval: original.approval.clone(),
        cancel: original.cancel.clone(),
        why: Some(Why::Refund),
        net_cancel: original.net_cancel.clone(),
        ..record
    })
}

/// Under the number of its cancel.
fn first(mut record: Record, opening: &Opening<'_>, now: Now) -> Result<Persist, RefundError> {
    let number = record.cancel.as_ref().map(|cancel| cancel.number.clone()).ok_or(RefundError::Incomplete)?;
    record.key.number = number;
    record.note(now.wall, Happening::Made);
    let life: Box<Life> = Life::new(record, None, opening.driver, now);
    Ok(Persist::first(life, now))
}
