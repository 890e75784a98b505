//! What EasyTalkPay supplies to the flow.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{
    messages,
    order::Recorded,
    reply,
    settings::{Settings, StatusQuery},
};
use crate::{
    flow::{policy::Policy, table::Verb},
    journal::record::{Cancel, Record},
    product::{Credentials, Merchant, Moment, Outgoing, Payload, Reading, Rules},
    time::{Millis, Now, UnixMillis},
    values::{KstDate, KstDateTime},
    wire::{HeaderBuffer, Reply, call, sign::SignError},
};

pub(crate) struct EasyTalk;

impl Rules for EasyTalk {
    fn rescue(&self, policy: &Policy) -> Option<Verb> {
        status(policy).map(|_| Verb::Query)
    }

    fn path(&self, verb: Verb, _: &Record, policy: &Policy, out: &mut String) {
        out.push_str(match verb {
            Verb::Approve => messages::APPROVAL,
            Verb::Cancel => messages::CANCEL,
            Verb::Query | Verb::NetCancel => status(policy).map_or("", |status| &status.path),
        });
    }

    fn body(&self, verb: Verb, record: &Record, policy: &Policy, out: &mut Vec<u8>) {
        match (verb, &record.cancel, recorded(record), status(policy)) {
            (Verb::Cancel, Some(cancel), ..) => out.extend_from_slice(cancel.body.as_bytes()),
            (_, _, Some(recorded), Some(status)) => {
                let date = recorded.asked.unwrap_or(recorded.requested_on);
                let body = messages::status(status, &record.key, record.original_number(), &date);
                out.extend_from_slice(body.as_bytes());
            }
            _ => {}
        }
    }

    fn headers(
        &self,
        message: &Outgoing<'_>,
        _: Credentials<'_>,
        out: &mut HeaderBuffer,
    ) -> Result<(), SignError> {
        let authorization =
            settings(message.policy).map(|settings| settings.authorization).unwrap_or_default();
        call::push_headers(out, authorization, message.record.key.terminal.as_str());
        Ok(())
    }

    /// The gateway's number and both dates (spec B.5); the cancel's must be today's.
    fn prepare_cancel(&self, record: &mut Record, now: Now) -> bool {
        let control_number = record.approval.as_ref().and_then(|approval| approval.van_number());
        let (Some(recorded), Some(control_number), Ok(at)) =
            (recorded(record), control_number, KstDateTime::from_unix(now.wall))
        else {
            return false;
        };
        let (today, next) = (at.date(), record.next_cancel());
        let body =
            messages::cancel(&record.key, &next.number, control_number, &recorded.requested_on, &today);
        record.cancel = Some(Box::new(Cancel { body: body.into(), only_on: Some(today), ..next }));
        true
    }

    /// The date that has not said *not found* yet (R13b): the request's, then the next day's, once that has begun.
    fn prepare_rescue(&self, record: &mut Record, now: Now) {
        let Some(recorded) = recorded_mut(record) else { return };
        let next = recorded.requested_on.next_day().filter(|day| has_begun(day, now));
        recorded.asked = match next {
            Some(next) if recorded.not_found == Some(recorded.requested_on) => Some(next),
            _ => Some(recorded.requested_on),
        };
    }

    /// Not past 23:50 of the day after the request (R13b): a query knows yesterday and today (spec B.6).
    fn proof_window(&self, record: &Record, _: &Policy) -> (UnixMillis, UnixMillis) {
        const UNTIL: Millis = Millis::from_secs((23 * 60 + 50) * 60);
        let next = recorded(record).and_then(|recorded| recorded.requested_on.next_day());
        (record.made_at, next.map_or(record.made_at, |day| day.starts_at() + UNTIL))
    }

    fn refund_settles(&self, _: &Record, policy: &Policy, _: Now) -> bool {
        status(policy).is_some()
    }

    fn belongs_to(&self, record: &Record, merchant: &Merchant) -> bool {
        match merchant {
            Merchant::EasyTalk(merchant) => record.key.terminal == *merchant.van_terminal_id.as_terminal_id(),
            _ => false,
        }
    }

    fn read(
        &self,
        verb: Verb,
        record: &mut Record,
        reply: Reply<'_>,
        policy: &Policy,
        moment: Moment,
    ) -> Reading {
        match reply::read(verb, record, reply, policy) {
            Reading::NothingStands(said) if verb == Verb::Query => {
                if absence_is_proven(record, moment) {
                    Reading::NothingStands(said)
                } else {
                    Reading::ProvesNothing(said)
                }
            }
            reading => reading,
        }
    }
}

/// Whether *not found* has been said for all dates under which the query could know the approval (R13b). Before it
/// counts, that is for the flow to say.
fn absence_is_proven(record: &mut Record, moment: Moment) -> bool {
    // What was approved is not absent: it is known under the other date, or the query does not know all.
    let known = record.approval.is_some();
    let Some(recorded) = recorded_mut(record) else { return false };
    if !known && !moment.nothing_counts {
        return true;
    }
    let asked = recorded.asked.unwrap_or(recorded.requested_on);
    let said = [recorded.not_found, Some(asked)];
    let next = recorded.requested_on.next_day().filter(|day| has_begun(day, moment.now));
    let all = said.contains(&Some(recorded.requested_on)) && next.is_none_or(|day| said.contains(&Some(day)));
    let proven = all && !known;
    recorded.not_found = (!proven).then_some(asked);
    proven
}

fn has_begun(day: &KstDate, now: Now) -> bool {
    now.wall >= day.starts_at()
}

fn settings(policy: &Policy) -> Option<&Settings> {
    policy.products.easytalk.as_ref()
}

fn status(policy: &Policy) -> Option<&StatusQuery> {
    settings(policy)?.status.as_ref()
}

fn recorded(record: &Record) -> Option<&Recorded> {
    match &record.payload {
        Payload::EasyTalk(recorded) => Some(recorded),
        _ => None,
    }
}

fn recorded_mut(record: &mut Record) -> Option<&mut Recorded> {
    match &mut record.payload {
        Payload::EasyTalk(recorded) => Some(recorded),
        _ => None,
    }
}
