//! The products, registered in one place. The flow asks here and knows none of them by name.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    easytalk,
    flow::{
        Opening, Persist, RefundError, approval::Approval, policy::Policy, said::Said, said::Unclear,
        table::Verb,
    },
    iamport,
    journal::{Key, record::Record},
    simple,
    time::{Millis, Now, UnixMillis},
    values::{Amount, ChannelId, Environment, Invalid, Problem, TerminalId, TransactionNumber},
    wire::{
        HeaderBuffer, Method, Reply,
        sign::{Nonce, Sign, SignError},
    },
};

/// Which product's messages a record speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// VAN Simple Payment (spec A).
    Simple,
    /// EasyTalkPay (spec B).
    #[serde(rename = "easytalk")]
    EasyTalk,
    /// i'mport, PortOne V1.
    Iamport,
}

impl Product {
    /// All of them.
    pub const ALL: [Product; 3] = [Product::Simple, Product::EasyTalk, Product::Iamport];

    /// The name in configuration files and in the journal's key column.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Product::Simple => "simple",
            Product::EasyTalk => "easytalk",
            Product::Iamport => "iamport",
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
            Product::EasyTalk => &easytalk::rules::EasyTalk,
            Product::Iamport => &iamport::rules::Iamport,
        }
    }
}

/// Who sells: the ids that every message of a product carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merchant {
    /// Of Simple Payment.
    Simple(simple::Merchant),
    /// Of EasyTalkPay.
    EasyTalk(easytalk::Merchant),
    /// Of i'mport.
    Iamport(iamport::Merchant),
}

impl Merchant {
    /// The product whose ids these are.
    #[must_use]
    pub fn product(&self) -> Product {
        match self {
            Merchant::Simple(_) => Product::Simple,
            Merchant::EasyTalk(_) => Product::EasyTalk,
            Merchant::Iamport(_) => Product::Iamport,
        }
    }

    /// The environment's label (R3).
    #[must_use]
    pub fn environment(&self) -> &Environment {
        match self {
            Merchant::Simple(merchant) => &merchant.environment,
            Merchant::EasyTalk(merchant) => &merchant.environment,
            Merchant::Iamport(merchant) => &merchant.environment,
        }
    }

    /// The terminal.
    #[must_use]
    pub fn terminal(&self) -> &TerminalId {
        match self {
            Merchant::Simple(merchant) => &merchant.terminal_id,
            Merchant::EasyTalk(merchant) => merchant.van_terminal_id.as_terminal_id(),
            Merchant::Iamport(merchant) => merchant.store.as_terminal_id(),
        }
    }

    /// What names an attempt of this merchant under that number (R3).
    #[must_use]
    pub fn key(&self, number: TransactionNumber) -> Key {
        Key {
            environment: self.environment().clone(),
            product: self.product(),
            terminal: self.terminal().clone(),
            number,
        }
    }
}

/// The error of an order that was put to a merchant of another product.
pub(crate) fn wrong_merchant() -> Invalid {
    Problem::Other("is of another product than the order").of("merchant")
}

/// What a merchant decides about one product alone, as part of the [`Policy`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Settings {
    /// EasyTalkPay's. Without them none of its orders is taken: whether there is a status query must be said.
    pub easytalk: Option<easytalk::Settings>,
    /// i'mport's. Without them none of its orders is taken: which channel it sells through must be said.
    pub iamport: Option<iamport::Settings>,
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

/// What makes the gateway believe a request.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    /// Simple Payment's signature headers (spec A.2).
    Signature {
        /// `X-KICC-ChannelId`.
        channel_id: &'a ChannelId,
        /// The key, wherever it lives.
        signer: &'a dyn Sign,
    },
    /// i'mport's token: one that [`Tokens`](iamport::Tokens) gave.
    Token(&'a iamport::AccessToken),
    /// Nothing secret: EasyTalkPay (spec B.1).
    None,
}

/// What a product must keep in the record for its messages; opaque to the flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Of Simple Payment.
    Simple(simple::Recorded),
    /// Of EasyTalkPay.
    #[serde(rename = "easytalk")]
    EasyTalk(easytalk::Recorded),
    /// Of i'mport.
    Iamport(iamport::Recorded),
}

impl Payload {
    /// The product whose messages it is for.
    #[must_use]
    pub fn product(&self) -> Product {
        match self {
            Payload::Simple(_) => Product::Simple,
            Payload::EasyTalk(_) => Product::EasyTalk,
            Payload::Iamport(_) => Product::Iamport,
        }
    }
}

/// A message as it stands, before it has its headers.
pub(crate) struct Outgoing<'a> {
    pub verb: Verb,
    pub path: &'a str,
    pub body: &'a [u8],
    pub record: &'a Record,
    pub policy: &'a Policy,
    pub nonce: Nonce,
    pub now: Now,
}

/// How long a product's gateway may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// For an answer, from the last byte written.
    pub answer_timeout: Millis,
    /// For a late booking, from give-up (R13b).
    pub quiet_period: Millis,
}

/// When an answer is read.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub now: Now,
    /// *Nothing stands* would count now (R6, R13b).
    pub nothing_counts: bool,
}

/// What an answer says, in the words of the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A success of an approval, or a query that shows one.
    Approved(Approval),
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
    /// The message that a rescue begins with; `None`: there is none by configuration, and a person must look.
    fn rescue(&self, policy: &Policy) -> Option<Verb>;
    /// Its gateway's times; by default those of the policy, which are the VAN's.
    fn times(&self, policy: &Policy) -> Times {
        Times { answer_timeout: policy.answer_timeout, quiet_period: policy.quiet_period }
    }
    /// Whether the rescue message sees at once what was booked. Where it may lag, *nothing stands* settles a refusal
    /// only once it was said after the quiet period (R13b).
    fn sees_at_once(&self) -> bool {
        true
    }
    /// The method of a message.
    fn method(&self, _: Verb, _: &Record) -> Method {
        Method::Post
    }
    /// The path of a message, and its query.
    fn path(&self, verb: Verb, record: &Record, policy: &Policy, out: &mut String);
    /// The body of a message that the record holds (all but the approval's).
    fn body(&self, verb: Verb, record: &Record, policy: &Policy, out: &mut Vec<u8>);
    /// The headers of a message, its signature among them.
    fn headers(
        &self,
        message: &Outgoing<'_>,
        credentials: Credentials<'_>,
        out: &mut HeaderBuffer,
    ) -> Result<(), SignError>;
    /// Writes the next cancel into the record: its number, date and body (R16). `false`: what is known of
    /// the approval does not suffice for one.
    fn prepare_cancel(&self, record: &mut Record, now: Now) -> bool;
    /// Takes off an approval that is to be refunded what its earlier refunds have given back, as their records say.
    fn take_off(&self, _original: &mut Record, _refunds: &[Record]) -> Result<(), RefundError> {
        Ok(())
    }
    /// Writes the cancel of a part into the refund's record, which names the part: once, with what could be given back
    /// before, of which `left` is what is known (R16). By default there is none.
    fn prepare_part(&self, _record: &mut Record, _left: &Amount) -> Result<(), RefundError> {
        Err(RefundError::WholeOnly)
    }
    /// Writes into the record what the next rescue message asks, where that is not always the same.
    fn prepare_rescue(&self, _: &mut Record, _: Now) {}
    /// From when to when the gateway is known to remember the approval (R13b).
    fn proof_window(&self, record: &Record, policy: &Policy) -> (UnixMillis, UnixMillis);
    /// Whether a refund of unknown outcome may be settled by the rescue message now (R16).
    fn refund_settles(&self, record: &Record, policy: &Policy, now: Now) -> bool;
    /// Whether the customer's money moved before the attempt began: then that nothing was sent does not say that
    /// nothing was charged.
    fn is_paid_before(&self, _: &Record) -> bool {
        false
    }
    /// Whether what a query has just shown standing is put to the accept step instead of being cancelled (R12).
    fn adopts(&self, _: &Record, _: &Policy) -> bool {
        false
    }
    /// Whether the record's merchant ids are these (R20).
    fn belongs_to(&self, record: &Record, merchant: &Merchant) -> bool;
    /// What an answer says (R6, R7, R8). What the product has to remember of it goes into the record.
    fn read(
        &self,
        verb: Verb,
        record: &mut Record,
        reply: Reply<'_>,
        policy: &Policy,
        moment: Moment,
    ) -> Reading;
}
