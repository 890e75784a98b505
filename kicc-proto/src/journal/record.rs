//! The record of an attempt: everything that a process needs that knows nothing else.
//!
//! Its text is one line, `kicc/1 CRC32 JSON`: versioned, self-checking, and readable by a person. A record
//! that is newer, torn, or holds a field or a stage that is not known here is an error to show, never
//! "nothing to do", and is never written back (R21).

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{cmp::Ordering, fmt::Write as _};

use serde::{Deserialize, Serialize};

use super::{Key, Kind, RecordText, Row, Standing};
use crate::{
    flow::{
        approval::Approval,
        outcome::{Ending, OperatorReason, Resolution},
        said::{Said, Unclear},
        table::{FirstSuccess, Stage, Verb},
    },
    product::Payload,
    time::UnixMillis,
    values::{Amount, KstDate, RefundId, TransactionNumber, json},
    wire::NotSent,
};

/// The version that this library writes.
pub const VERSION: u32 = 1;

/// How many entries of the history are kept: the first eight, and the latest of the rest.
const HISTORY_MAX: usize = 64;
const HISTORY_FIRST: usize = 8;

/// A decoded record. It holds a token key's ciphertext, so its `Debug` shows only its head (R23).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// 32 hexadecimal digits, drawn by the caller: tells this attempt from another under the same key (R2).
    pub attempt: Box<str>,
    /// The attempt's name.
    pub key: Key,
    /// Approval or refund.
    pub kind: Kind,
    /// Of a refund: the approval's number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub original: Option<TransactionNumber>,
    /// Of the refund of a part: the caller's id of it (R16).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<RefundId>,
    /// When it was made.
    pub made_at: UnixMillis,
    /// The last moment for an approval's first byte (R4).
    pub send_by: UnixMillis,
    /// Tells the same data under a known number from other data (R3).
    pub fingerprint: Box<str>,
    /// A keyed hash of the authorisation that is spent, where one is known (R3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorisation_mark: Option<Box<str>>,
    /// In won; of a refund what it gives back.
    pub amount: Amount,
    /// Whether an accept step was configured when it was made (R19).
    pub accept_step: bool,
    /// What the product needs for its messages. `Serialize` leaves it out: [`Record::encode`] puts it in.
    #[serde(serialize_with = "left_out")]
    pub payload: Payload,
    /// Where it stands.
    pub stage: Stage,
    /// The message that may be under way, or the wait that runs.
    pub pending: Pending,
    /// The approval, once the gateway has stated it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval: Option<Approval>,
    /// The cancel, once one is due: kept while its outcome is unknown (R16).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cancel: Option<Cancel>,
    /// What the gateway last said that matters for the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub said: Option<Said>,
    /// Why it is being reversed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<Why>,
    /// The rescue's budget and evidence.
    pub rescue: Rescue,
    /// How it ended, when closed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ending: Option<Ending>,
    /// Why a person must look, when parked or resolved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parked: Option<Parked>,
    /// Every try and its reason, in order (R10).
    pub history: Vec<Entry>,
    /// How many entries were left out of the middle of the history.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub history_dropped: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Where the payload's text goes. Quotes inside a text are escaped, so that nothing else looks like it.
const LEFT_OUT: &str = r#""payload":null"#;

fn left_out<S: serde::Serializer>(_: &Payload, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_unit()
}

/// What was under way when the record was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pending {
    /// Nothing. While it is open the merchant's books decide: of an approval (R19), else, after a backup was restored,
    /// whether they hold what the record does not know (R24).
    Nothing,
    /// This message may be on its way.
    Message(Verb),
    /// A pause, then this message.
    Backoff(Verb),
    /// The quiet period, then this message.
    Quiet(Verb),
}

/// A cancel that was written down before it was sent (R16, R18).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Counts the cancels of one approval.
    pub sequence: u32,
    /// Its own transaction number.
    pub number: TransactionNumber,
    /// Its body, as it is sent each time.
    pub body: Box<str>,
    /// The only day on which the gateway takes it, KST, where there is one (spec B.5).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub only_on: Option<KstDate>,
    /// How often it may have been sent.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub sent: u32,
}

/// Why an approval, or what may be one, is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// There was no trustworthy answer to the approval (R7).
    Unclear(Unclear),
    /// The merchant's books do not hold it (R19).
    NotHeld,
    /// Another amount was approved (R8).
    AmountDiffers,
    /// A query found it approved (R11).
    FoundApproved,
    /// The approval could not be written down (R18).
    NotRecorded,
    /// A success was read late (R9).
    LateSuccess,
    /// A refusal with an unlisted code (R6).
    UnlistedCode(Said),
    /// The cashier or shop asked for the money back.
    Refund,
}

/// The budget of a rescue and its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescue {
    /// Where the horizon is counted from.
    pub since: UnixMillis,
    /// Messages that may have been sent (R14).
    pub sent: u32,
    /// Messages that were not.
    pub unsent: u32,
    /// Of those sent, how many brought no trustworthy answer, or a cancel's refusal that a query could belie (R15).
    pub unclear: u32,
    /// How often the merchant could not tell (R19).
    pub asked: u32,
    /// A success that waits for its confirmation (R13c).
    pub first_success: FirstSuccess,
    /// Money moved, as a success read late has shown (R9).
    pub late_success: bool,
    /// When the latest message can no longer be under way; a person's word waits for it (R20).
    pub last_deadline: UnixMillis,
}

/// Why and from where an attempt was handed to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parked {
    /// Why.
    pub why: OperatorReason,
    /// Whether the customer is known to be charged; `false`: not known.
    pub charged: bool,
    /// The stage it came from, to which a retry brings it back.
    pub from: Stage,
    /// What a person said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolution: Option<Resolution>,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When.
    pub at: UnixMillis,
    /// What.
    pub what: Happening,
}

/// What happened, as the history tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happening {
    /// The attempt was made.
    Made,
    /// A message was written down to be sent; the number of the try.
    Sending(Verb, u32),
    /// It was answered with a success.
    Succeeded(Verb),
    /// It was answered with a code.
    Answered(Verb, Said),
    /// It had no trustworthy answer.
    Unclear(Verb, Unclear),
    /// It never left.
    NotSent(Verb, NotSent),
    /// A success of the approval came late (R9).
    LateSuccess,
    /// The merchant said: held.
    Held,
    /// The merchant said: not held.
    NotHeld,
    /// The merchant could not tell.
    CannotTell,
    /// The approval could not be written down.
    NotRecorded,
    /// Another worker went on with it.
    Resumed(Box<str>),
    /// A person asked for more tries.
    Retried,
    /// A person said what is so.
    Resolved(Resolution),
    /// Handed to a person.
    Parked(OperatorReason),
    /// It ended.
    Closed,
}

/// Why a text is not a record that may be driven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not one of ours.
    #[error("not a payment record")]
    NotARecord,
    /// Written by a newer version: use that one.
    #[error("written by a newer version (record version {0}, this library knows {VERSION})")]
    Newer(u32),
    /// The check sum does not match: torn, or edited by hand.
    #[error("the record's check sum does not match")]
    Damaged,
    /// A field, stage or value that this version does not know.
    #[error("the record holds what this version does not know: {0}")]
    Unknown(Box<str>),
    /// The record's key is not its row's.
    #[error("the record belongs to another row")]
    OtherRow,
    /// Its environment or merchant ids are not this client's (R20).
    #[error("the record belongs to another environment or merchant")]
    Foreign,
}

impl Record {
    /// A record at its beginning.
    pub(crate) fn new(
        attempt: [u8; 16],
        (key, kind): (Key, Kind),
        (amount, payload): (Amount, Payload),
        fingerprint: Box<str>,
        (made_at, send_by): (UnixMillis, UnixMillis),
    ) -> Self {
        Record {
            attempt: hexadecimal(attempt),
            key,
            stage: match kind {
                Kind::Approval => Stage::Intent,
                Kind::Refund => Stage::Refunding,
            },
            kind,
            original: None,
            part: None,
            made_at,
            send_by,
            fingerprint,
            authorisation_mark: None,
            amount,
            accept_step: false,
            payload,
            pending: Pending::Nothing,
            approval: None,
            cancel: None,
            said: None,
            why: None,
            rescue: Rescue::new(made_at),
            ending: None,
            parked: None,
            history: Vec::new(),
            history_dropped: 0,
        }
    }

    /// The record's text.
    #[must_use]
    pub fn encode(&self) -> RecordText {
        // A record is made of strings, numbers and named variants only: none of serde_json's errors can arise.
        let record = serde_json::to_string(self).unwrap_or_default();
        let (before, after) = record.split_once(LEFT_OUT).unwrap_or_default();
        // A text that grows leaves copies behind, and this part is a secret (R23).
        let payload = json(&self.payload);
        let payload = core::str::from_utf8(&payload).unwrap_or_default();
        let json = [before, r#""payload":"#, payload, after];
        let mut sum = crc32fast::Hasher::new();
        json.iter().for_each(|part| sum.update(part.as_bytes()));
        let head = format!("kicc/{VERSION} {:08x} ", sum.finalize());
        let [a, b, c, d] = json;
        RecordText([&head, a, b, c, d].concat())
    }

    /// Reads a record's text.
    ///
    /// # Errors
    /// [`RecordError`]; the record is then left alone and shown to a person (R21).
    pub fn decode(text: &str) -> Result<Record, RecordError> {
        let rest = text.strip_prefix("kicc/").ok_or(RecordError::NotARecord)?;
        let (version, rest) = rest.split_once(' ').ok_or(RecordError::NotARecord)?;
        let version: u32 = version.parse().map_err(|_| RecordError::NotARecord)?;
        match version.cmp(&VERSION) {
            Ordering::Less => return Err(RecordError::NotARecord),
            Ordering::Equal => {}
            Ordering::Greater => return Err(RecordError::Newer(version)),
        }
        let (sum, json) = rest.split_once(' ').ok_or(RecordError::NotARecord)?;
        if sum != format!("{:08x}", crc32fast::hash(json.as_bytes())) {
            return Err(RecordError::Damaged);
        }
        // serde_json's message can quote a value of the record, which may be a secret: keep the place only.
        serde_json::from_str(json).map_err(|error| {
            RecordError::Unknown(format!("{:?} at byte {}", error.classify(), error.column()).into())
        })
    }

    /// Reads the record of a row and checks that it is that row's.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn of_row(row: &Row) -> Result<Record, RecordError> {
        let record = Self::decode(&row.record.0)?;
        if record.key != row.key || record.kind != row.kind || record.payload.product() != row.key.product {
            return Err(RecordError::OtherRow);
        }
        Ok(record)
    }

    /// Who has to do something about it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self.stage {
            Stage::Parked => Standing::Parked,
            Stage::Closed => Standing::Closed,
            _ => Standing::Open,
        }
    }

    /// Whether it still takes up its authorisation, or its approval's one refund (R3, R16). The refund of a part does so
    /// until it has ended: then the next one knows what it has left.
    #[must_use]
    pub fn live(&self) -> bool {
        match (&self.ending, &self.parked) {
            (Some(_), _) | (None, Some(Parked { resolution: Some(_), .. })) if self.part.is_some() => false,
            (Some(ending), _) => matches!(ending, Ending::Approved | Ending::Refunded),
            (None, Some(Parked { resolution: Some(resolution), .. })) => match self.kind {
                Kind::Approval => resolution.charged,
                Kind::Refund => !resolution.charged,
            },
            (None, _) => true,
        }
    }

    /// The number of the approval that it is about.
    #[must_use]
    pub fn original_number(&self) -> &TransactionNumber {
        self.original.as_ref().unwrap_or(&self.key.number)
    }

    /// The next cancel of the approval, without its body: the same record, the same number (R16).
    pub(crate) fn next_cancel(&self) -> Cancel {
        let sequence = self.cancel.as_ref().map_or(1, |cancel| cancel.sequence.saturating_add(1));
        let Key { environment, product, terminal, .. } = &self.key;
        let original = self.original_number().as_str();
        let parts = [environment.as_str(), product.as_str(), terminal.as_str(), original];
        let number = TransactionNumber::derive_cancel(&parts, sequence);
        Cancel { sequence, number, body: "".into(), only_on: None, sent: 0 }
    }

    /// The cancel of a part, without its body: the same approval and id, the same number (R16).
    pub(crate) fn part_cancel(&self, id: &RefundId) -> Cancel {
        let Key { environment, product, terminal, .. } = &self.key;
        let original = self.original_number().as_str();
        let parts =
            [environment.as_str(), product.as_str(), terminal.as_str(), original, "part", id.as_str()];
        let number = TransactionNumber::derive_cancel(&parts, 0);
        Cancel { sequence: 0, number, body: "".into(), only_on: None, sent: 0 }
    }

    pub(crate) fn note(&mut self, at: UnixMillis, what: Happening) {
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(HISTORY_FIRST);
            self.history_dropped = self.history_dropped.saturating_add(1);
        }
        self.history.push(Entry { at, what });
    }
}

impl core::fmt::Debug for Record {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Record")
            .field("key", &self.key)
            .field("kind", &self.kind)
            .field("stage", &self.stage)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Cancel")
            .field("sequence", &self.sequence)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Rescue {
    fn new(since: UnixMillis) -> Self {
        Rescue {
            since,
            sent: 0,
            unsent: 0,
            unclear: 0,
            asked: 0,
            first_success: FirstSuccess::None,
            late_success: false,
            last_deadline: UnixMillis(0),
        }
    }
}

fn hexadecimal(id: [u8; 16]) -> Box<str> {
    let mut text = String::with_capacity(32);
    for byte in id {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
