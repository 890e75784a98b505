//! What Simple Payment supplies to the flow.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt::Write as _;

use arrayvec::ArrayString;

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
    product::{Credentials, Merchant, Moment, Outgoing, Payload, Reading, Rules},
    time::{Now, UnixMillis},
    values::KstDateTime,
    wire::{
        HeaderBuffer, Reply,
        sign::{SignError, request_signature},
    },
};

pub(crate) struct Simple;

impl Rules for Simple {
    fn rescue(&self, _: &Policy) -> Option<Verb> {
        Some(Verb::NetCancel)
    }

    fn path(&self, verb: Verb, _: &Record, _: &Policy, out: &mut String) {
        out.push_str(match verb {
            Verb::Approve => messages::APPROVAL,
            Verb::Cancel => messages::CANCEL,
            Verb::NetCancel | Verb::Query => messages::NET_CANCEL,
        });
    }

    fn body(&self, verb: Verb, record: &Record, _: &Policy, out: &mut Vec<u8>) {
        out.extend_from_slice(match (verb, &record.cancel) {
            (Verb::Cancel, Some(cancel)) => cancel.body.as_bytes(),
            _ => record.net_cancel.expose(),
        });
    }

    fn headers(
        &self,
        message: &Outgoing<'_>,
        credentials: Credentials<'_>,
        out: &mut HeaderBuffer,
    ) -> Result<(), SignError> {
        let Credentials::Signature { channel_id: channel, signer } = credentials else {
            return Err(SignError("Simple Payment wants a channel and a signer".into()));
        };
        let mut timestamp = ArrayString::<20>::new();
        // A `u64` has 20 digits at most.
        let _ = write!(timestamp, "{}", message.now.wall.0);
        let nonce = message.nonce.to_text();
        let signature = request_signature(signer, channel, message.path, &timestamp, &nonce, message.body)?;
        out.push("content-type", &["application/json; charset=utf-8"]);
        out.push("x-kicc-channelid", &[channel.as_str()]);
        out.push("x-kicc-timestamp", &[&timestamp]);
        out.push("x-kicc-nonce", &[&nonce]);
        out.push("x-kicc-authorization", &[&signature]);
        Ok(())
    }

    fn prepare_cancel(&self, record: &mut Record, now: Now) -> bool {
        let (Some(recorded), Some(approval), Ok(at)) =
            (recorded(record), &record.approval, KstDateTime::from_unix(now.wall))
        else {
            return false;
        };
        let what = Cancelled {
            terminal: &record.key.terminal,
            recorded,
            original: record.original_number(),
            amount: &record.amount,
            approval,
        };
        let cancel = record.next_cancel();
        match messages::cancel(&what, &cancel.number, &at) {
            Some(body) => {
                record.cancel = Some(Box::new(Cancel { body: body.into(), ..cancel }));
                true
            }
            None => false,
        }
    }

    fn proof_window(&self, record: &Record, policy: &Policy) -> (UnixMillis, UnixMillis) {
        let from = recorded(record).map_or(record.made_at, |recorded| recorded.requested_at.to_unix());
        (from, from + policy.horizon)
    }

    fn refund_settles(&self, record: &Record, policy: &Policy, now: Now) -> bool {
        let Some(recorded) = recorded(record).filter(|_| !record.net_cancel.expose().is_empty()) else {
            return false;
        };
        match policy.net_cancel_settles_refund {
            SettlesRefund::Always => true,
            SettlesRefund::Never => false,
            SettlesRefund::SameDay => {
                KstDateTime::from_unix(now.wall).is_ok_and(|at| at.date() == recorded.requested_at.date())
            }
        }
    }

    fn belongs_to(&self, record: &Record, merchant: &Merchant) -> bool {
        let (Merchant::Simple(merchant), Some(recorded)) = (merchant, recorded(record)) else { return false };
        record.key.terminal == merchant.terminal_id
            && recorded.service_id == merchant.service_id
            && recorded.business_number == merchant.business_number
    }

    fn read(&self, verb: Verb, record: &mut Record, reply: Reply<'_>, policy: &Policy, _: Moment) -> Reading {
        reply::read(verb, record, reply, policy)
    }
}

fn recorded(record: &Record) -> Option<&Recorded> {
    match &record.payload {
        Payload::Simple(recorded) => Some(recorded),
        _ => None,
    }
}
