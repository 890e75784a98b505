//! Giving back a part of a payment (spec §4.3, R16).
//!
//! i'mport does a cancel only while its `checksum` is what is left, and what is left never grows. So a part has one
//! cancel, which may be sent again as it is: it is done once at most. Whether it was done the payment's
//! `cancel_history` tells, where each refund has the reason that was sent with it; ours is the refund's own number.

use alloc::{boxed::Box, format};

use super::{
    Payment,
    messages::{self, Cancelled},
    order::{Recorded, checked},
    payment::{Cancellation, Status},
    reply::{Fate, answered_cancel, fate, last_word, looked_up, stands},
    rules::{approved, recorded, recorded_mut},
    settings::Settings,
};
use crate::{
    flow::{
        Charged, RefundError, Verdict,
        said::{Said, Unclear},
        table::Verb,
    },
    journal::record::{Cancel, Record},
    product::{Moment, Reading},
    values::{Amount, Parts, Problem, TransactionNumber, Won},
    wire::Reply,
};

/// Before the number, in a cancel's `reason`.
const REASON: &str = "refund ";

/// Leaves of an approval what its refunds have not given back. What went back elsewhere is known once one of them was
/// refused for it.
pub(super) fn take_off(original: &mut Record, refunds: &[Record]) -> Result<(), RefundError> {
    let mut left = recorded(original).and_then(|recorded| recorded.balance);
    let mut tax_free = original.amount.tax_free();
    for refund in refunds {
        let Some(recorded) = recorded(refund) else { continue };
        left = [left, recorded.balance].into_iter().flatten().min();
        let given_back =
            matches!(refund.verdict(), Some(Verdict::Refund(end)) if end.charged() == Charged::No);
        if let Some(checksum) = recorded.checksum.filter(|_| given_back) {
            tax_free = less(tax_free, refund.amount.tax_free());
            left = [left, Some(less(checksum, refund.amount.total()))].into_iter().flatten().min();
        }
    }
    let Some(left) = left else { return Ok(()) };
    if left == Won::ZERO {
        return Err(RefundError::NothingLeft);
    }
    if left < original.amount.total() {
        original.amount = Amount::new(left, Parts { tax_free: tax_free.min(left), ..Parts::default() })?;
    }
    if let Some(recorded) = recorded_mut(original) {
        recorded.balance = Some(left);
    }
    Ok(())
}

/// The one cancel of a part. How much of what went back elsewhere was tax-free is not stated: i'mport judges the rest.
pub(super) fn prepare(record: &mut Record, left: &Amount) -> Result<(), RefundError> {
    let (asked, tax_free) = (record.amount.total(), record.amount.tax_free());
    checked(&record.amount)?;
    if tax_free > left.tax_free() {
        return Err(Problem::Other("is above what is left of it").of("tax-free amount").into());
    }
    let (Some(recorded), Some(imp_uid), Some(id)) = (recorded(record), approved(record), &record.part) else {
        return Err(RefundError::Incomplete);
    };
    let checksum = recorded.balance.filter(|left| *left > Won::ZERO).ok_or(RefundError::Incomplete)?;
    if asked > checksum {
        return Err(RefundError::MoreThanLeft { asked, left: checksum });
    }
    let cancel = record.part_cancel(id);
    let body = messages::cancel(&Cancelled {
        imp_uid: &imp_uid,
        amount: asked,
        checksum,
        // For KICC it is not defaulted, also where it is nothing (spec §4.3).
        tax_free: (left.tax_free() > Won::ZERO).then_some(tax_free),
        reason: &format!("{REASON}{}", cancel.number),
    });
    record.cancel = Some(Box::new(Cancel { body: body.into(), ..cancel }));
    if let Some(recorded) = recorded_mut(record) {
        recorded.checksum = Some(checksum);
        // It is this payment's alone, whatever else its number had.
        recorded.others = false;
        recorded.refused = None;
    }
    Ok(())
}

/// What the answer to its cancel, or a look-up of the payment, says of a part.
pub(super) fn read(
    verb: Verb,
    record: &mut Record,
    next: &mut Recorded,
    reply: Reply<'_>,
    settings: Option<&Settings>,
    moment: Moment,
) -> Result<Reading, Unclear> {
    let seen = match verb {
        Verb::Cancel => answered_cancel(record, next, reply)?,
        _ => looked_up(record, reply)?,
    };
    let payment = match seen {
        Ok(payment) => payment,
        Err(said) => return Ok(Reading::ProvesNothing(said)),
    };
    let left = left_of(&payment)?;
    next.balance = Some(next.balance.map_or(left, |known| known.min(left)));
    Ok(match became(&payment, left, verb, record, next)? {
        Became::Done if verb == Verb::Cancel => Reading::Voided { card: true },
        Became::Done => Reading::AlreadyVoided(last_word(&payment)),
        // It says that it was done, and does not show it.
        _ if verb == Verb::Cancel => Reading::ProvesNothing(last_word(&payment)),
        Became::Nothing => match next.refused.take().filter(|_| record.rescue.unclear == 0) {
            // Every message was answered, and the look-up cannot lag any more: the refusal is the end (R13b).
            Some(said) if moment.nothing_counts => Reading::Declined(said),
            refused => {
                next.refused = refused;
                stands(&payment, (left, false), record, next, settings)
            }
        },
        Became::Never => {
            // What was not answered has not taken effect either, and will not any more.
            record.rescue.unclear = 0;
            Reading::Declined(next.refused.take().unwrap_or_else(elsewhere))
        }
        Became::NotKnown => Reading::ProvesNothing(last_word(&payment)),
    })
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Done,
    /// Nothing yet: its cancel would still be done.
    Nothing,
    /// It was not done, and cannot be any more: something else went back before it.
    Never,
    /// Something went back that may have been this.
    NotKnown,
}

fn became(
    payment: &Payment,
    left: Won,
    verb: Verb,
    record: &Record,
    next: &Recorded,
) -> Result<Became, Unclear> {
    let (Some(cancel), Some(checksum)) = (&record.cancel, next.checksum) else { return Ok(Became::NotKnown) };
    let amount = record.amount.total();
    let done = less(checksum, amount);
    let mut own =
        payment.cancel_history.iter().filter(|entry| number_of(entry).as_ref() == Some(&cancel.number));
    match (own.next(), own.next()) {
        (Some(entry), None) if entry.amount == amount && left <= done => return Ok(Became::Done),
        (Some(_), _) => return Err(Unclear::Amount),
        (None, _) => {}
    }
    let stated = Won::sum(payment.cancel_history.iter().map(|entry| entry.amount));
    let whole = stated == Some(payment.cancel_amount);
    let may_be_ours = |entry: &Cancellation| entry.amount == amount && number_of(entry).is_none();
    Ok(match left {
        // The success of this very message, though the history does not show it.
        left if left == done && verb == Verb::Cancel => Became::Done,
        left if left == checksum => Became::Nothing,
        left if left < checksum && whole && !payment.cancel_history.iter().any(may_be_ours) => Became::Never,
        _ => Became::NotKnown,
    })
}

/// The refund of a part that a reason names: of this library's.
fn number_of(entry: &Cancellation) -> Option<TransactionNumber> {
    entry.reason.as_deref()?.strip_prefix(REASON).and_then(|number| TransactionNumber::new(number).ok())
}

/// What is left of a payment that was paid.
fn left_of(payment: &Payment) -> Result<Won, Unclear> {
    match fate(payment)? {
        Fate::Stands(left) => Ok(left),
        Fate::Dead if payment.status != Status::Failed && payment.cancel_amount > Won::ZERO => Ok(Won::ZERO),
        Fate::Dead | Fate::Open => Err(Unclear::Ambiguous),
    }
}

/// Nobody said that it was refused, and the payment shows it.
fn elsewhere() -> Said {
    Said { code: "checksum".into(), message: "something else was given back before".into() }
}

fn less(won: Won, off: Won) -> Won {
    won.checked_sub(off).unwrap_or_default()
}
