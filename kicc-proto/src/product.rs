//! The products, registered in one place. The flow asks here and knows none of them by name.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    flow::{Opening, Persist, approval::Approval, policy::Policy, said::Said, said::Unclear, table::Verb},
    journal::record::Record,
    simple,
    time::{Now, UnixMillis},
    values::{ChannelId, Environment, Invalid, TerminalId, TransactionNumber},
    wire::{
        HeaderBuffer, Reply,
        sign::{Nonce, Sign, SignError},
    },
};

/// Which product's messages a record speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// VAN Simple Payment (spec A).
    Simple,
}

impl Product {
    /// All of them.
    pub const ALL: [Product; 1] = [Product::Simple];

    /// The name in configuration files and in the journal's key column.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Product::Simple => "simple",
        }
    }

    /// The product of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|product| product.as_str() == name)
    }

    pub(crate) fn rules(self) -> &'static dyn Rules {
        match self {
            Product::Simple => &simple::rules::Simple,
        }
    }
}

/// Who sells: the ids that every message of a product carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merchant {
    /// Of Simple Payment.
    Simple(simple::Merchant),
}

impl Merchant {
    /// The product whose ids these are.
    #[must_use]
    pub fn product(&self) -> Product {
        match self {
            Merchant::Simple(_) => Product::Simple,
        }
    }

    /// The environment's label (R3).
    #[must_use]
    pub fn environment(&self) -> &Environment {
        match self {
            Merchant::Simple(merchant) => &merchant.environment,
        }
    }

    /// The terminal.
    #[must_use]
    pub fn terminal(&self) -> &TerminalId {
        match self {
            Merchant::Simple(merchant) => &merchant.terminal_id,
        }
    }
}

/// What can be put to the flow: an order of a product.
pub trait Order {
    /// The product.
    fn product(&self) -> Product;

    /// The merchant's number.
    fn number(&self) -> &TransactionNumber;

    /// Begins the attempt; its row is to be written first (R1).
    ///
    /// # Errors
    /// When something about it is wrong; nothing was recorded or sent.
    fn open(&self, opening: &Opening<'_>, now: Now) -> Result<Persist, Invalid>;
}

/// What signs a request.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// `X-KICC-ChannelId` (spec A.2).
    pub channel_id: &'a ChannelId,
    /// The key, wherever it lives.
    pub signer: &'a dyn Sign,
}

/// What a product must keep in the record for its messages; opaque to the flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Of Simple Payment.
    Simple(simple::Recorded),
}

/// What an answer says, in the words of the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A success of an approval, or a query that shows one.
    Approved(Box<Approval>),
    /// A refusal with a listed code.
    Declined(Said),
    /// A refusal with an unlisted code.
    Unlisted(Said),
    /// A success of a net-cancel or cancel.
    Voided { card: bool },
    /// A configured code: voided before.
    AlreadyVoided(Said),
    /// A configured code: nothing to void.
    NothingStands(Said),
    /// Readable, and no proof.
    ProvesNothing(Said),
    /// No trustworthy answer.
    Unclear(Unclear),
}

/// What a product supplies: its messages and its rescue rule, never a flow of its own.
pub(crate) trait Rules: Sync {
    /// The message that a rescue begins with.
    fn rescue(&self) -> Verb;
    /// Whether what became of a transaction can be asked.
    fn has_query(&self) -> bool;
    /// The path of a message.
    fn path(&self, verb: Verb) -> &'static str;
    /// The body of a message that the record holds (all but the approval's).
    fn body(&self, verb: Verb, record: &Record, out: &mut Vec<u8>);
    /// The headers of a message, its signature among them.
    fn headers(
        &self,
        path: &str,
        body: &[u8],
        credentials: Credentials<'_>,
        nonce: Nonce,
        now: Now,
        out: &mut HeaderBuffer,
    ) -> Result<(), SignError>;
    /// Writes the next cancel into the record: its number, date and body (R16). `false`: what is known of
    /// the approval does not suffice for one.
    fn prepare_cancel(&self, record: &mut Record, now: Now) -> bool;
    /// When the approval was asked for: the gateway's memory of it is counted from there (R13b).
    fn requested_at(&self, record: &Record) -> UnixMillis;
    /// Whether a refund of unknown outcome may be settled by the rescue message now (R16).
    fn refund_settles(&self, record: &Record, policy: &Policy, now: Now) -> bool;
    /// Whether the record's merchant ids are these (R20).
    fn belongs_to(&self, record: &Record, merchant: &Merchant) -> bool;
    /// What an answer says (R6, R7, R8).
    fn read(&self, verb: Verb, record: &Record, reply: Reply<'_>, policy: &Policy) -> Reading;
}
