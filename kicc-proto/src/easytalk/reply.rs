//! What an answer says (spec B.4 to B.6, C.2, C.3; R6 to R8, R11).

use alloc::borrow::Cow;

use super::order::Recorded;
use crate::{
    codes::Class,
    flow::{
        approval::{AmountStated, Approval, Stated},
        policy::Policy,
        said::{Said, Unclear},
        table::Verb,
    },
    journal::record::Record,
    product::{Payload, Reading},
    values::{Charset, KstDateTime},
    wire::{
        Reply,
        answer::{body_text, echo, masked, result_code},
        json::{self, Field},
    },
};

#[rustfmt::skip]
const FIELDS: [&str; 11] = [
    "resCd", "resMsg", "shopTransactionId", "vanTid", "shopOrderNo", "controlNo", "cancelControlNo", "amount",
    "transactionDate", "paymentInfo", "accepterId",
];

const PAYMENT: [&str; 6] =
    ["payMethodType", "payMethodTypeCode", "vanSerial", "authNo", "approvalNo", "cardInfo"];

const CARD: [&str; 4] = ["cardNo", "issuerCode", "acquirerCode", "installmentMonth"];

/// The answer to an approval, a cancel or a status query.
pub(super) fn read(verb: Verb, record: &Record, reply: Reply<'_>, policy: &Policy) -> Reading {
    let Payload::EasyTalk(recorded) = &record.payload else { return Reading::Unclear(Unclear::NotJson) };
    match try_read(verb, record, recorded, reply, policy) {
        Ok(reading) => reading,
        Err(why) => Reading::Unclear(why),
    }
}

fn try_read(
    verb: Verb,
    record: &Record,
    recorded: &Recorded,
    reply: Reply<'_>,
    policy: &Policy,
) -> Result<Reading, Unclear> {
    if reply.status != 200 {
        return Err(Unclear::Status(reply.status));
    }
    let body = body_text(reply, Charset::EucKr);
    let fields = json::object(&body, &FIELDS)?;
    let [code, message, number, terminal, order_number, control, cancel_control, ..] = fields;
    let code = result_code(code)?;
    let said = || Said::new(code, json::text(message).unwrap_or_default());
    let number = echo(number, "shopTransactionId", |text| is_ours(verb, record, text))?;
    let terminal = echo(terminal, "vanTid", |text| text == record.key.terminal.as_str())?;
    let _stated = echo(order_number, "shopOrderNo", |text| text == recorded.order_number.as_str())?;
    let missing = |name: &str| Unclear::MissingEcho(name.into());
    if code.is_success() {
        number.map_err(missing)?;
        let (control, cancel_control) =
            (identifier(control, "controlNo")?, identifier(cancel_control, "cancelControlNo")?);
        return match (verb, control, cancel_control) {
            (Verb::Approve, Some(_), _) => {
                terminal.map_err(missing)?;
                Ok(Reading::Approved(approval(&fields, record)?))
            }
            (Verb::Approve, None, _) => Err(missing("controlNo")),
            (Verb::Cancel | Verb::NetCancel, _, Some(_)) => Ok(Reading::Voided { card: true }),
            (Verb::Cancel | Verb::NetCancel, _, None) => Err(missing("cancelControlNo")),
            (Verb::Query, None, Some(_)) => Ok(Reading::AlreadyVoided(said())),
            (Verb::Query, Some(control), None) if !json::states_any(&body, "cancel") => {
                terminal.map_err(missing)?;
                is_the_recorded_one(control, fields[8], record, recorded)?;
                Ok(Reading::Approved(approval(&fields, record)?))
            }
            (Verb::Query, ..) => Err(Unclear::Ambiguous),
        };
    }
    let settings = policy.products.easytalk.as_ref();
    let class = match settings.is_some_and(|settings| settings.duplicate_codes.contains(&code)) {
        true => Class::Duplicate,
        false => policy.codes.class(code),
    };
    match class {
        Class::Duplicate => return Err(Unclear::Duplicate(said())),
        Class::Unknown => return Err(Unclear::UnknownCode(said())),
        _ if json::text(cancel_control).is_some()
            || approval_number(&nested(fields[9], &PAYMENT)?).is_some() =>
        {
            return Err(Unclear::RefusalWithApproval(said()));
        }
        _ => {}
    }
    let not_found = || {
        let status = settings.and_then(|settings| settings.status.as_ref());
        status.is_some_and(|status| status.not_found_codes.contains(&code))
    };
    Ok(match (verb, class) {
        (Verb::Query, _) if not_found() => Reading::NothingStands(said()),
        (Verb::Query | Verb::NetCancel, _) => Reading::ProvesNothing(said()),
        (Verb::Cancel, Class::NothingToVoid) => Reading::NothingStands(said()),
        (Verb::Cancel, Class::AlreadyVoided) => Reading::AlreadyVoided(said()),
        (_, Class::IssuerRefusal(_)) => Reading::Declined(said()),
        (_, _) => Reading::Unlisted(said()),
    })
}

/// The approval's number; of a cancel, and of a query that shows one, the cancel's is ours too.
fn is_ours(verb: Verb, record: &Record, text: &str) -> bool {
    let cancel = record.cancel.as_ref().is_some_and(|cancel| text == cancel.number.as_str());
    text == record.original_number().as_str() || cancel && verb != Verb::Approve
}

/// A number that the gateway gave: whole and of its documented length, or unreadable.
fn identifier<'a>(field: Field<'a>, name: &'static str) -> Result<Option<Cow<'a, str>>, Unclear> {
    let damaged = || Unclear::Damaged(name.into());
    match json::deciding(field).map_err(|()| damaged())? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) if text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Ok(Some(text))
        }
        Some(_) => Err(damaged()),
    }
}

/// What a query shows standing must be the recorded approval (R11): the gateway's number, where it is known, and a
/// date within a day of the request.
fn is_the_recorded_one(
    control: Cow<'_, str>,
    date: Field<'_>,
    record: &Record,
    recorded: &Recorded,
) -> Result<(), Unclear> {
    let known = record.approval.as_ref().and_then(|approval| approval.van_number());
    if known.is_some_and(|known| known != control) {
        return Err(Unclear::ForeignEcho("controlNo".into()));
    }
    let field = "transactionDate";
    let date = json::deciding(date).map_err(|()| Unclear::Damaged(field.into()))?;
    let date = date.ok_or_else(|| Unclear::MissingEcho(field.into()))?;
    let date = KstDateTime::new(&date).map_err(|_| Unclear::Damaged(field.into()))?.date();
    match recorded.requested_on.days_between(&date) {
        -1..=1 => Ok(()),
        _ => Err(Unclear::ForeignEcho(field.into())),
    }
}

/// R8: it must state the amount that was registered.
fn approval(fields: &[Field<'_>; FIELDS.len()], record: &Record) -> Result<Approval, Unclear> {
    let [.., control, _, amount, date, payment, accepter] = *fields;
    let payment = nested(payment, &PAYMENT)?;
    let card = nested(payment[5], &CARD)?;
    let date = json::text(date);
    let (date, time) = match date.as_deref() {
        Some(text) if text.len() == 14 && text.is_ascii() => text.split_at(8),
        _ => ("", ""),
    };
    let text = |field| json::text(field).unwrap_or_default();
    let stated = Stated {
        amount: match json::amount(amount)? {
            None => AmountStated::Missing,
            Some(won) if won == record.amount.total() => AmountStated::Matched,
            Some(won) => AmountStated::Differs(won),
        },
        approval_number: approval_number(&payment).unwrap_or_default(),
        approval_date: date.into(),
        approval_time: time.into(),
        van_number: text(control),
        van_serial: text(payment[2]),
        payment_method: json::text(payment[0]).unwrap_or_else(|| text(payment[1])),
        instalment: text(card[3]),
        issuer_code: text(card[1]),
        acquirer_code: text(card[2]),
        merchant_number: text(accepter),
        masked_card: masked(text(card[0])),
        ..Stated::default()
    };
    Ok(stated.into())
}

/// The card company's number, by either of its names (spec F.1).
fn approval_number<'a>(payment: &[Field<'a>; PAYMENT.len()]) -> Option<Cow<'a, str>> {
    json::text(payment[3]).or_else(|| json::text(payment[4]))
}

/// An object within the object: its texts decide nothing, but a key that stands twice is a broken structure (R7).
fn nested<'a, const N: usize>(field: Field<'a>, names: &[&str; N]) -> Result<[Field<'a>; N], Unclear> {
    match field.map(|value| json::object(value.json(), names)) {
        Some(Err(Unclear::DuplicateKey)) => Err(Unclear::DuplicateKey),
        Some(Ok(fields)) => Ok(fields),
        Some(Err(_)) | None => Ok([None; N]),
    }
}
