//! What a person may do with a parked record.

use alloc::boxed::Box;

use super::{
    Driver,
    life::Life,
    outcome::{OperatorReason, Resolution},
    persist::{Persist, Then},
    resume,
    said::Unclear,
    table::{Stage, Verb},
    wait::WaitReason,
};
use crate::{
    journal::{
        Row,
        record::{Happening, Pending, RecordError, Why},
    },
    product::Merchant,
    time::{Now, UnixMillis},
    wire::MaybeSent,
};

/// Why a person's word was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    /// Only a parked record waits for a person.
    #[error("the record is not parked")]
    NotParked,
    /// Its last message may still be under way.
    #[error("its last message may still be under way; ask again later")]
    TooEarly {
        /// From when on.
        after: UnixMillis,
    },
    /// A refund whose cancel was not answered, and no message may tell what became of it. Another cancel would tell
    /// nothing of the first (R16), so [`resolve`] is what is left: if the customer is still charged, a new refund can
    /// follow it.
    #[error(
        "what became of the refund is not known, and no message can settle it: look it up at KICC, then resolve it"
    )]
    NothingSettles,
    /// It cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A person has looked: the customer is charged, or is not. Final (R20).
///
/// # Errors
/// [`PersonError`].
pub fn resolve(
    row: Row,
    resolution: Resolution,
    merchant: &Merchant,
    driver: &Driver,
    now: Now,
) -> Result<Persist, PersonError> {
    let mut life = parked(row, merchant, driver, now)?;
    let after = life.record.rescue.last_deadline;
    if now.wall < after {
        return Err(PersonError::TooEarly { after });
    }
    life.record.note(now.wall, Happening::Resolved(resolution.clone()));
    if let Some(parked) = &mut life.record.parked {
        parked.resolution = Some(resolution);
    }
    life.record.stage = Stage::Closed;
    Ok(Persist::next(life, Then::Done, now))
}

/// A person wants it tried again, with a new budget and horizon (R20). What a restored journal does not know is put to
/// the merchant's books first (R24). The row must have been claimed.
///
/// # Errors
/// [`PersonError`].
pub fn retry(row: Row, merchant: &Merchant, driver: &Driver, now: Now) -> Result<Persist, PersonError> {
    let suspect = row.suspect;
    let mut life = parked(row, merchant, driver, now)?;
    let (why, from) = life.record.parked.take().map(|parked| (parked.why, parked.from)).unzip();
    let unanswered = suspect || life.record.rescue.unclear > 0;
    let from = match from {
        // A cancel that was not answered is settled, and not sent again (R16).
        Some(Stage::Refunding) if unanswered => Stage::RefundUnknown,
        // Its approval may have been sent, and is not sent again (R4).
        Some(Stage::Intent) | None => {
            life.record.why.get_or_insert(Why::Unclear(Unclear::Exchange(MaybeSent::Lost)));
            Stage::Reversing
        }
        Some(from) => from,
    };
    if from == Stage::RefundUnknown && !life.refund_settles(now) {
        return Err(PersonError::NothingSettles);
    }
    // Of all but an undecided approval the books are only ever asked because the journal was restored (R24).
    let behind = matches!(why, Some(OperatorReason::JournalBehindBooks | OperatorReason::AcceptCannotTell));
    let ask_books = from != Stage::Undecided && (suspect || behind);
    if ask_books {
        resume::answers_are_missing(&mut life);
    }
    life.record.note(now.wall, Happening::Retried);
    life.record.stage = from;
    life.record.rescue.asked = 0;
    life.restart(now);
    let then = match from {
        Stage::Undecided => Then::Ask,
        _ if ask_books => Then::AskBooks,
        _ => Then::Wait { reason: WaitReason::Backoff, until: now.mono },
    };
    life.record.pending = match then {
        Then::Wait { .. } => first_message(&life),
        _ => Pending::Nothing,
    };
    Ok(Persist::next(life, then, now))
}

/// What a record that is tried again begins with.
pub(super) fn first_message(life: &Life) -> Pending {
    match life.record.stage {
        // The cancel that is recorded, under its number: it was answered, with what proves nothing (R15, R16).
        Stage::Refunding => Pending::Backoff(Verb::Cancel),
        // Without a rescue message the recorded cancel, if there is one, under its number.
        _ => Pending::Backoff(life.rescue().unwrap_or(Verb::Cancel)),
    }
}

fn parked(row: Row, merchant: &Merchant, driver: &Driver, now: Now) -> Result<Box<Life>, PersonError> {
    let record = resume::of_merchant(&row, merchant)?;
    if record.stage != Stage::Parked {
        return Err(PersonError::NotParked);
    }
    let mut life = Life::new(record, None, driver, now);
    life.revision = row.revision;
    life.token = row.token;
    life.holder = row.holder;
    Ok(life)
}
