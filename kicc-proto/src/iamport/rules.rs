//! What i'mport supplies to the flow (R12).

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{
    ImpUid, envelope, messages,
    order::{Recorded, Source},
    part, reply,
    settings::{OnFoundPaid, Settings},
};
use crate::{
    flow::{RefundError, approval::AmountStated, policy::Policy, table::Verb},
    journal::{
        Kind,
        record::{Cancel, Record, Why},
    },
    product::{Credentials, Merchant, Moment, Outgoing, Payload, Reading, Rules, Times},
    time::{Now, UnixMillis},
    values::{Amount, Won},
    wire::{HeaderBuffer, Method, Reply, sign::SignError},
};

pub(crate) struct Iamport;

impl Rules for Iamport {
    fn times(&self, policy: &Policy) -> Times {
        let (answer_timeout, quiet_period) = match settings(policy) {
            Some(settings) => (settings.answer_timeout, settings.quiet_period),
            None => (policy.answer_timeout, policy.quiet_period),
        };
        Times { answer_timeout, quiet_period }
    }

    fn rescue(&self, _: &Policy) -> Option<Verb> {
        Some(Verb::Query)
    }

    /// No page says that a look-up shows a payment at once, nor that a `code` other than 0 was given before anything was
    /// booked (spec §13.5): our choice.
    fn sees_at_once(&self) -> bool {
        false
    }

    fn method(&self, verb: Verb, record: &Record) -> Method {
        match (verb, recorded(record).map(|recorded| &recorded.source)) {
            (Verb::Approve, Some(Source::Window { .. })) | (Verb::Query | Verb::NetCancel, _) => Method::Get,
            (Verb::Approve | Verb::Cancel, _) => Method::Post,
        }
    }

    fn path(&self, verb: Verb, record: &Record, policy: &Policy, out: &mut String) {
        match (verb, recorded(record).map(|recorded| &recorded.source)) {
            (Verb::Cancel, _) => out.push_str(messages::CANCEL),
            (Verb::Approve, Some(Source::Window { imp_uid })) => {
                messages::by_id(imp_uid, settings(policy), out);
            }
            (Verb::Approve, _) => out.push_str(messages::AGAIN),
            (Verb::Query | Verb::NetCancel, _) => match asked(record) {
                Some(imp_uid) => messages::by_id(&imp_uid, settings(policy), out),
                None => messages::all(record.original_number(), settings(policy), out),
            },
        }
    }

    fn body(&self, verb: Verb, record: &Record, _: &Policy, out: &mut Vec<u8>) {
        if let (Verb::Cancel, Some(cancel)) = (verb, &record.cancel) {
            out.extend_from_slice(cancel.body.as_bytes());
        }
    }

    fn headers(
        &self,
        message: &Outgoing<'_>,
        credentials: Credentials<'_>,
        out: &mut HeaderBuffer,
    ) -> Result<(), SignError> {
        let Credentials::Token(token) = credentials else {
            return Err(SignError("i'mport wants a token".into()));
        };
        envelope::push_content_type(out, self.method(message.verb, message.record));
        let tier = recorded(message.record).and_then(|recorded| recorded.tier.as_ref());
        envelope::push_authorization(out, token, tier);
        Ok(())
    }

    /// All that is left of the payment, and that as the `checksum`: with any other balance nothing is done. A part has
    /// one cancel, and no other (R16).
    fn prepare_cancel(&self, record: &mut Record, _: Now) -> bool {
        if record.part.is_some() {
            return record.cancel.is_some();
        }
        let (Some(recorded), Some(imp_uid)) = (recorded(record), approved(record)) else { return false };
        let Some(balance) = recorded.balance.filter(|balance| *balance > Won::ZERO) else { return false };
        let body = messages::cancel(&messages::Cancelled {
            imp_uid: &imp_uid,
            amount: balance,
            checksum: balance,
            // How much of what went back elsewhere was tax-free is not stated.
            tax_free: messages::some_won(record.amount.tax_free().min(balance)),
            reason: match record.kind {
                Kind::Refund => "refunded by the shop",
                Kind::Approval => "not taken by the shop",
            },
        });
        record.cancel = Some(Box::new(Cancel { body: body.into(), ..record.next_cancel() }));
        if let Some(recorded) = recorded_mut(record) {
            recorded.refused = None;
        }
        true
    }

    fn take_off(&self, original: &mut Record, refunds: &[Record]) -> Result<(), RefundError> {
        part::take_off(original, refunds)
    }

    fn prepare_part(&self, record: &mut Record, left: &Amount) -> Result<(), RefundError> {
        part::prepare(record, left)
    }

    /// No page says how long it remembers: the horizon (R13b).
    fn proof_window(&self, record: &Record, policy: &Policy) -> (UnixMillis, UnixMillis) {
        (record.made_at, record.made_at + policy.horizon)
    }

    fn refund_settles(&self, _: &Record, _: &Policy, _: Now) -> bool {
        true
    }

    fn is_paid_before(&self, record: &Record) -> bool {
        recorded(record).is_some_and(|recorded| matches!(recorded.source, Source::Window { .. }))
    }

    /// A payment in the window always: the customer did pay. A charge by the merchant's choice, unless something of it
    /// has been told, cancelled or read late.
    fn adopts(&self, record: &Record, policy: &Policy) -> bool {
        let matched =
            record.approval.as_ref().is_some_and(|approval| approval.amount == AmountStated::Matched);
        let Some(recorded) = recorded(record) else { return false };
        if !matched || recorded.others || record.cancel.is_some() {
            return false;
        }
        match recorded.source {
            Source::Window { .. } => true,
            Source::Charge { .. } => {
                settings(policy).is_some_and(|settings| settings.on_found_paid == OnFoundPaid::Adopt)
                    && matches!(record.why, Some(Why::Unclear(_)))
                    && !record.rescue.late_success
            }
        }
    }

    fn belongs_to(&self, record: &Record, merchant: &Merchant) -> bool {
        let (Merchant::Iamport(merchant), Some(recorded)) = (merchant, recorded(record)) else {
            return false;
        };
        record.key.terminal == *merchant.store.as_terminal_id() && recorded.tier == merchant.tier
    }

    fn read(
        &self,
        verb: Verb,
        record: &mut Record,
        reply: Reply<'_>,
        policy: &Policy,
        moment: Moment,
    ) -> Reading {
        reply::read(verb, record, reply, settings(policy), moment)
    }
}

/// The payment for which a look-up asks; `None`: it asks for all of the number. A charge's is known once it was stated;
/// where the number had more than one, they are looked up together (R12).
pub(super) fn asked(record: &Record) -> Option<ImpUid> {
    let recorded = recorded(record)?;
    match &recorded.source {
        Source::Window { imp_uid } => Some(imp_uid.clone()),
        Source::Charge { .. } if recorded.others => None,
        Source::Charge { .. } => approved(record),
    }
}

/// The payment that the record's approval names.
pub(super) fn approved(record: &Record) -> Option<ImpUid> {
    ImpUid::new(record.approval.as_ref()?.van_number()?).ok()
}

pub(super) fn recorded(record: &Record) -> Option<&Recorded> {
    match &record.payload {
        Payload::Iamport(recorded) => Some(recorded),
        _ => None,
    }
}

pub(super) fn recorded_mut(record: &mut Record) -> Option<&mut Recorded> {
    match &mut record.payload {
        Payload::Iamport(recorded) => Some(recorded),
        _ => None,
    }
}

fn settings(policy: &Policy) -> Option<&Settings> {
    policy.products.iamport.as_ref()
}
