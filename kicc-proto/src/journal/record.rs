//! The record of an attempt: everything that a process needs that knows nothing else.
//!
//! Its text is one line, `kicc/1 CRC32 JSON`: versioned, self-checking, and readable by a person. What is empty, zero or
//! false is left out. The one secret, a net-cancel's body, stands last. A record that is newer, torn, or holds a field or
//! a stage that is not known here is an error to show, never "nothing to do", and is never written back (R21).

use alloc::{boxed::Box, format, string::String};
use core::{
    cmp::Ordering,
    mem::take,
    ops::{Deref, DerefMut},
};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::value::RawValue;

pub use super::history::{Entry, Happening, History};
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
    values::{
        Amount, KstDate, Mark, RefundId, SUM, Secret, TransactionNumber, append_json, hexadecimal,
        off_the_stack, wipe,
    },
};

/// The version that this library writes.
pub const VERSION: u32 = 1;

/// What stands before the JSON; the digits are those of its check sum.
const HEAD: &[u8; 16] = b"kicc/1 00000000 ";
/// More than the text of an ordinary payment.
const TEXT_USUAL: usize = 2 * 1024;

/// A decoded record. It may hold a token key's ciphertext, so its `Debug` shows only its head (R23).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What it was made of; its fields are the record's. `Serialize` leaves it out: [`Record::encode`] puts it in.
    #[serde(skip_serializing)]
    pub origin: Origin,
    /// Where it stands.
    pub stage: Stage,
    /// The message that may be under way, or the wait that runs.
    #[serde(skip_serializing_if = "Pending::is_nothing", default)]
    pub pending: Pending,
    /// The approval, once the gateway has stated it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval: Option<Approval>,
    /// The cancel, once one is due: kept while its outcome is unknown (R16).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cancel: Option<Box<Cancel>>,
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
    pub parked: Option<Box<Parked>>,
    /// Every try and its reason, in order (R10).
    pub history: History,
    /// How many entries were left out of the middle of the history.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub history_dropped: u32,
    /// The net-cancel's body, where the product has one: the same bytes every time (R10), and in the record's text too.
    /// It holds the token key (R23). `Serialize` leaves it out: [`Record::encode`] puts it in.
    #[serde(skip_serializing, deserialize_with = "as_it_stands", default)]
    pub net_cancel: Secret,
}

/// What an attempt was made of. It hardly ever changes, so that most writes of a record find it written.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Drawn by the caller: tells this attempt from another under the same key (R2).
    pub attempt: Mark,
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
    pub fingerprint: Mark,
    /// A keyed hash of the authorisation that is spent, where one is known (R3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorisation_mark: Option<Mark>,
    /// In won; of a refund what it gives back.
    pub amount: Amount,
    /// Whether an accept step was configured when it was made (R19).
    pub accept_step: bool,
    /// What the product needs for its messages.
    pub payload: Payload,
}

impl Deref for Record {
    type Target = Origin;
    fn deref(&self) -> &Origin {
        &self.origin
    }
}

impl DerefMut for Record {
    fn deref_mut(&mut self) -> &mut Origin {
        &mut self.origin
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// An object's own bytes, in the one line of the record.
fn as_it_stands<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let object = <&RawValue>::deserialize(deserializer)?.get();
    // Every byte is looked at, since that is many at once.
    let more_lines = object.bytes().fold(false, |found, byte| found | matches!(byte, b'\n' | b'\r'));
    match object.starts_with('{') && !more_lines {
        true => Ok(Secret::from_utf8(object)),
        false => Err(D::Error::custom("not a body of ours")),
    }
}

/// What was under way when the record was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pending {
    /// Nothing. While it is open the merchant's books decide: of an approval (R19), else, after a backup was restored,
    /// whether they hold what the record does not know (R24).
    #[default]
    Nothing,
    /// This message may be on its way.
    Message(Verb),
    /// A pause, then this message.
    Backoff(Verb),
    /// The quiet period, then this message.
    Quiet(Verb),
}

impl Pending {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_nothing(&self) -> bool {
        *self == Pending::Nothing
    }
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
    #[serde(skip_serializing_if = "is_zero", default)]
    pub sent: u32,
    /// Messages that were not.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub unsent: u32,
    /// Of those sent, how many brought no trustworthy answer, or a cancel's refusal that a query could belie (R15).
    #[serde(skip_serializing_if = "is_zero", default)]
    pub unclear: u32,
    /// How often the merchant could not tell (R19).
    #[serde(skip_serializing_if = "is_zero", default)]
    pub asked: u32,
    /// A success that waits for its confirmation (R13c).
    #[serde(skip_serializing_if = "FirstSuccess::is_none", default)]
    pub first_success: FirstSuccess,
    /// Money moved, as a success read late has shown (R9).
    #[serde(skip_serializing_if = "is_false", default)]
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
        fingerprint: Mark,
        (made_at, send_by): (UnixMillis, UnixMillis),
    ) -> Self {
        Record {
            stage: match kind {
                Kind::Approval => Stage::Intent,
                Kind::Refund => Stage::Refunding,
            },
            origin: Origin {
                attempt: Mark::of(&attempt),
                key,
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
            },
            pending: Pending::Nothing,
            approval: None,
            cancel: None,
            said: None,
            why: None,
            rescue: Rescue::new(made_at),
            ending: None,
            parked: None,
            history: History::default(),
            history_dropped: 0,
            net_cancel: Secret::default(),
        }
    }

    /// The record's text.
    #[must_use]
    pub fn encode(&self) -> RecordText {
        let mut text = RecordText::default();
        self.encode_in(&mut text, &mut None);
        text
    }

    /// The same in the memory of an earlier text, and the origin of that one's record with the place where it ends.
    pub(crate) fn encode_in(&self, text: &mut RecordText, written: &mut Option<(Origin, usize)>) {
        let mut bytes = take(&mut text.0).into_bytes();
        match written {
            Some((origin, end)) if *origin == self.origin => wipe(&mut bytes, *end),
            _ => {
                wipe(&mut bytes, 0);
                bytes.reserve(TEXT_USUAL);
                bytes.extend_from_slice(HEAD);
                bytes.extend_from_slice(br#"{"origin":"#);
                append_json(&mut bytes, &self.origin);
                *written = Some((self.origin.clone(), bytes.len()));
            }
        }
        let more = bytes.len();
        append_json(&mut bytes, self);
        // Of two objects this makes one.
        bytes[more] = b',';
        let body = self.net_cancel.expose();
        if !body.is_empty() {
            // Up to here there is no secret that a larger place could leave behind (R23).
            bytes.pop();
            let parts = [br#","net_cancel":"#, body, b"}"];
            bytes.reserve(parts.iter().map(|part| part.len()).sum());
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
        }
        let sum = check_sum(&bytes[HEAD.len()..]);
        bytes[7..15].copy_from_slice(&sum);
        // JSON is UTF-8.
        text.0 = String::from_utf8(bytes).unwrap_or_default();
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
        if sum.as_bytes() != check_sum(json.as_bytes()) {
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
        // A record is large: it stays where it was read into.
        let mut read = Self::decode(&row.record.0);
        if read.as_ref().is_ok_and(|record| !record.is_of(row)) {
            read = Err(RecordError::OtherRow);
        }
        read
    }

    fn is_of(&self, row: &Row) -> bool {
        self.key == row.key && self.kind == row.kind && self.payload.product() == row.key.product
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
        match (&self.ending, self.parked.as_deref()) {
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
        if self.history.push(Entry { at, what }).is_some() {
            self.history_dropped = self.history_dropped.saturating_add(1);
        }
    }
}

/// CRC-32, as it stands in a record. The net-cancel's body is among the bytes (R23).
fn check_sum(bytes: &[u8]) -> [u8; 8] {
    hexadecimal(off_the_stack::<SUM, _>(|| crc32fast::hash(bytes)))
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

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
