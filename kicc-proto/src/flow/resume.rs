//! Going on from a record alone.

use alloc::boxed::Box;

use super::{
    Done, Driver, Step,
    life::Life,
    outcome::OperatorReason,
    said::Unclear,
    settle::{AskBooks, Settle},
    table::Stage,
    wait::{Resume, Wait, WaitReason},
};
use crate::{
    journal::{
        Row,
        record::{Happening, Pending, Record, RecordError},
    },
    product::Merchant,
    time::Now,
    wire::MaybeSent,
};

/// The next obligation of a row that was just claimed: total, and the one that the lost process would have
/// met, with waits begun afresh (R17, R25). A message that may have been under way counts as unanswered.
///
/// That the row was claimed ([`Journal::claim`](crate::journal::Journal::claim)) is the caller's word (R20): where there is
/// one worker for ever, such as a machine's only loop, it needs no claim.
///
/// # Errors
/// [`RecordError`]: the record is not to be driven, but reported and left alone (R20, R21).
pub fn resume(row: Row, merchant: &Merchant, driver: &Driver, now: Now) -> Result<Step, RecordError> {
    let record = of_merchant(&row, merchant)?;
    Ok(go_on(row, record, driver, now))
}

/// The record of a row, if it is this merchant's (R20).
pub(super) fn of_merchant(row: &Row, merchant: &Merchant) -> Result<Record, RecordError> {
    let mut read = Record::of_row(row);
    let belongs = |record: &Record| {
        record.key.environment == *merchant.environment()
            && record.key.product.rules().belongs_to(record, merchant)
    };
    if read.as_ref().is_ok_and(|record| !belongs(record)) {
        read = Err(RecordError::Foreign);
    }
    read
}

/// Goes on from a row that we hold.
pub(super) fn go_on(row: Row, record: Record, driver: &Driver, now: Now) -> Step {
    let mut life = Life::new(record, None, driver, now);
    life.revision = row.revision;
    if matches!(life.record.stage, Stage::Closed | Stage::Parked) {
        return Done::of(life);
    }
    life.token = row.token;
    life.holder = row.holder;
    life.lease_until = row.lease_until;
    life.record.note(now.wall, Happening::Resumed((&*life.holder).into()));
    if row.suspect && life.record.stage != Stage::Undecided {
        answers_are_missing(&mut life);
        return Step::AskBooks(AskBooks { life });
    }
    obligation(life, now)
}

/// What was sent after the backup was made is not in it, and nobody here knows its answer (R24).
pub(super) fn answers_are_missing(life: &mut Life) {
    life.record.rescue.unclear = life.record.rescue.unclear.max(1);
}

/// A row stops being suspect when it is written: its record keeps it, so that the books are still asked first (R24).
pub(super) fn keep_suspect(life: &mut Life) {
    match (life.record.stage, &mut life.record.parked) {
        (Stage::Parked, Some(parked)) => parked.why = OperatorReason::JournalBehindBooks,
        // The accept step is asked anyway; what is closed asks for nothing.
        (Stage::Undecided | Stage::Closed, _) => return,
        _ => life.record.pending = Pending::Nothing,
    }
    answers_are_missing(life);
}

/// What a record asks for, as it stands.
pub(super) fn obligation(life: Box<Life>, now: Now) -> Step {
    if life.record.stage == Stage::Undecided {
        return Step::Settle(Settle { life });
    }
    let rescue = &life.record.rescue;
    match life.record.pending {
        Pending::Message(verb) => life.unclear(verb, Unclear::Exchange(MaybeSent::Lost), now),
        Pending::Backoff(_) => {
            let until = now.mono + life.policy.backoff(rescue.sent, rescue.unsent);
            Step::Wait(Wait::new(life, WaitReason::Backoff, until, Resume::Pending))
        }
        Pending::Nothing => Step::AskBooks(AskBooks { life }),
        Pending::Quiet(_) => {
            let until = life.quiet_end;
            Step::Wait(Wait::new(life, WaitReason::Quiet, until, Resume::Pending))
        }
    }
}
