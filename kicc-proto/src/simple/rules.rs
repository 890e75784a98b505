//! What Simple Payment supplies to the flow.

use alloc::vec::Vec;

use super::{
    messages::{self, Cancelled},
    order::Recorded,
    reply,
};
use crate::{
    flow::{
        policy::{Policy, SettlesRefund},
        table::Verb,
    },
    journal::record::{Cancel, Record},
    product::{Credentials, Merchant, Payload, Reading, Rules},
    time::{Now, UnixMillis},
    values::{KstDateTime, TransactionNumber},
    wire::{
        HeaderBuffer, Reply,
        sign::{Nonce, SignError, request_signature},
    },
};

pub(crate) struct Simple;

impl Rules for Simple {
    fn rescue(&self) -> Verb {
        Verb::NetCancel
    }

    fn has_query(&self) -> bool {
        false
    }

    fn path(&self, verb: Verb) -> &'static str {
        match verb {
            Verb::Approve => messages::APPROVAL,
            Verb::Cancel => messages::CANCEL,
            Verb::NetCancel | Verb::Query => messages::NET_CANCEL,
        }
    }

    fn body(&self, verb: Verb, record: &Record, out: &mut Vec<u8>) {
        let body = match (verb, &record.cancel) {
            (Verb::Cancel, Some(cancel)) => &cancel.body,
            _ => &recorded(record).net_cancel,
        };
        out.extend_from_slice(body.as_bytes());
    }

    fn headers(
        &self,
        path: &str,
        body: &[u8],
        credentials: Credentials<'_>,
        nonce: Nonce,
        now: Now,
        out: &mut HeaderBuffer,
    ) -> Result<(), SignError> {
        let timestamp = alloc::format!("{}", now.wall.0);
        let nonce = nonce.to_text();
        let channel = credentials.channel_id;
        let signature = request_signature(credentials.signer, channel, path, &timestamp, &nonce, body)?;
        out.push("content-type", "application/json; charset=utf-8");
        out.push("x-kicc-channelid", channel.as_str());
        out.push("x-kicc-timestamp", timestamp);
        out.push("x-kicc-nonce", nonce);
        out.push("x-kicc-authorization", signature);
        Ok(())
    }

    fn prepare_cancel(&self, record: &mut Record, now: Now) -> bool {
        let sequence = record.cancel.as_ref().map_or(1, |cancel| cancel.sequence + 1);
        let original = record.original.as_ref().unwrap_or(&record.key.number);
        let key = &record.key;
        let parts =
            [key.environment.as_str(), key.product.as_str(), key.terminal.as_str(), original.as_str()];
        let number = TransactionNumber::derive_cancel(&parts, sequence);
        let (Some(approval), Ok(at)) = (&record.approval, KstDateTime::from_unix(now.wall)) else {
            return false;
        };
        let what = Cancelled {
            terminal: &key.terminal,
            recorded: recorded(record),
            original,
            amount: &record.amount,
            approval,
        };
        match messages::cancel(&what, &number, &at) {
            Some(body) => {
                record.cancel = Some(Cancel { sequence, number, body: body.into() });
                true
            }
            None => false,
        }
    }

    fn requested_at(&self, record: &Record) -> UnixMillis {
        recorded(record).requested_at.to_unix()
    }

    fn refund_settles(&self, record: &Record, policy: &Policy, now: Now) -> bool {
        let recorded = recorded(record);
        if recorded.net_cancel.is_empty() {
            return false;
        }
        match policy.net_cancel_settles_refund {
            SettlesRefund::Always => true,
            SettlesRefund::Never => false,
            SettlesRefund::SameDay => {
                KstDateTime::from_unix(now.wall).is_ok_and(|at| at.date() == recorded.requested_at.date())
            }
        }
    }

    fn belongs_to(&self, record: &Record, merchant: &Merchant) -> bool {
        let Merchant::Simple(merchant) = merchant;
        let recorded = recorded(record);
        record.key.terminal == merchant.terminal_id
            && recorded.service_id == merchant.service_id
            && recorded.business_number == merchant.business_number
    }

    fn read(&self, verb: Verb, record: &Record, reply: Reply<'_>, policy: &Policy) -> Reading {
        reply::read(verb, record, reply, policy)
    }
}

fn recorded(record: &Record) -> &Recorded {
    let Payload::Simple(recorded) = &record.payload;
    recorded
}
