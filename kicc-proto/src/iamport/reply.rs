//! What an answer says (spec §3, §4.1 to §4.3; R6 to R8, R12).

use alloc::{borrow::Cow, boxed::Box, vec::Vec};

use super::{
    ChannelKind, Payment,
    calls::{Page, read_page},
    envelope::{Envelope, body, said},
    order::{Recorded, Source, customer_mark},
    part,
    payment::{self, Channel, CustomerUidUsage, PayMethod, Status},
    rules::{approved, asked, recorded, recorded_mut},
    settings::Settings,
};
use crate::{
    flow::{
        approval::{AmountStated, Stated},
        said::{Said, Unclear},
        table::Verb,
    },
    journal::{Kind, record::Record},
    product::{Moment, Reading},
    values::{KstDate, KstDateTime, KstTime, Won},
    wire::{Reply, answer::BodyText},
};

/// The answer to a charge, a look-up or a cancel. What the next message needs of it goes into the record.
pub(super) fn read(
    verb: Verb,
    record: &mut Record,
    reply: Reply<'_>,
    settings: Option<&Settings>,
    moment: Moment,
) -> Reading {
    let Some(mut next) = recorded(record).cloned() else { return Reading::Unclear(Unclear::NotJson) };
    let reading = match verb {
        Verb::Query | Verb::Cancel if record.part.is_some() => {
            part::read(verb, record, &mut next, reply, settings, moment)
        }
        Verb::Approve => approval(record, &mut next, reply, settings),
        Verb::Query | Verb::NetCancel => query(record, &mut next, reply, settings, moment),
        Verb::Cancel => cancel(record, &mut next, reply),
    };
    if let Some(recorded) = recorded_mut(record) {
        *recorded = next;
    }
    reading.unwrap_or_else(Reading::Unclear)
}

/// A charge's answer, or the look-up of a payment made in the window.
fn approval(
    record: &Record,
    next: &mut Recorded,
    reply: Reply<'_>,
    settings: Option<&Settings>,
) -> Result<Reading, Unclear> {
    let body = answered(reply)?;
    let Envelope { refusal, response } = Envelope::read(&body)?;
    match (refusal, &next.source) {
        // Not carried out, it says; what stands is looked up before that is believed (spec §13.5).
        (Some(said), Source::Charge { .. }) if response.is_none() => return Ok(Reading::Unlisted(said)),
        (Some(said), Source::Charge { .. }) => return Err(Unclear::RefusalWithApproval(said)),
        (Some(said), Source::Window { .. }) => return Err(Unclear::UnknownCode(said)),
        (None, _) => {}
    }
    let payment = ours(payment::read(response, "response")?, record)?;
    match &next.source {
        Source::Window { imp_uid } if payment.imp_uid != *imp_uid => {
            return Err(Unclear::ForeignEcho("imp_uid".into()));
        }
        _ if is_anothers(&payment, &next.source) => return Err(Unclear::ForeignEcho("customer_uid".into())),
        _ => {}
    }
    match fate(&payment)? {
        Fate::Stands(balance) => Ok(stands(&payment, (balance, false), record, next, settings)),
        Fate::Dead if payment.status == Status::Failed => Ok(Reading::Declined(last_word(&payment))),
        Fate::Dead => Err(Unclear::Ambiguous),
        Fate::Open => Err(Unclear::NotFinal),
    }
}

/// R12.
fn query(
    record: &Record,
    next: &mut Recorded,
    reply: Reply<'_>,
    settings: Option<&Settings>,
    moment: Moment,
) -> Result<Reading, Unclear> {
    let found = match asked(record) {
        Some(_) => one(record, reply)?,
        None => all(record, reply)?,
    };
    let Found { payments, whole, said: words } = match found {
        Answered::Found(found) => found,
        Answered::ProvesNothing(said) => return Ok(Reading::ProvesNothing(said)),
    };
    let known = approved(record);
    let is_known = |payment: &Payment| known.as_ref().is_some_and(|known| payment.imp_uid == *known);
    let (own, foreign): (Vec<_>, Vec<_>) =
        payments.into_iter().partition(|payment| !is_anothers(payment, &next.source));
    let fates = own.iter().map(fate).collect::<Result<Vec<_>, _>>()?;
    let standing: Vec<_> = own
        .iter()
        .zip(&fates)
        .filter_map(|(payment, fate)| match fate {
            Fate::Stands(balance) => Some((payment, *balance)),
            _ => None,
        })
        .collect();
    let open = fates.contains(&Fate::Open);
    let first = standing.iter().find(|(payment, _)| is_known(payment)).or(standing.first());
    if let Some((payment, balance)) = first {
        let more = standing.len() > 1 || open || !whole;
        return Ok(still_stands(payment, (*balance, more), moment, record, next, settings));
    }
    if open {
        return Err(Unclear::NotFinal);
    }
    if !whole {
        return Err(Unclear::Damaged("list".into()));
    }
    let dead = own.iter().find(|payment| is_known(payment));
    match (known, dead) {
        (Some(_), Some(dead)) if dead.status == Status::Failed => return Err(Unclear::Ambiguous),
        (Some(_), Some(dead)) => return Ok(Reading::AlreadyVoided(last_word(dead))),
        // What was approved is not absent.
        (Some(_), None) => return Ok(Reading::ProvesNothing(words)),
        (None, _) => {}
    }
    for payment in &foreign {
        if matches!(fate(payment)?, Fate::Stands(_)) {
            return Err(Unclear::ForeignEcho("customer_uid".into()));
        }
    }
    Ok(match own.first() {
        // One that is not known to be this charge's: before a late charge can be ruled out it proves nothing.
        Some(dead) if moment.nothing_counts => Reading::AlreadyVoided(last_word(dead)),
        Some(dead) => Reading::NothingStands(last_word(dead)),
        None if settings.is_some_and(Settings::absence_counts) => Reading::NothingStands(words),
        None => Reading::ProvesNothing(words),
    })
}

fn cancel(record: &Record, next: &mut Recorded, reply: Reply<'_>) -> Result<Reading, Unclear> {
    let payment = match answered_cancel(record, next, reply)? {
        Ok(payment) => payment,
        Err(said) => return Ok(Reading::ProvesNothing(said)),
    };
    Ok(match fate(&payment)? {
        Fate::Dead if payment.cancel_amount > Won::ZERO && !next.others => Reading::Voided { card: true },
        _ => Reading::ProvesNothing(last_word(&payment)),
    })
}

/// The payment as a cancel has left it, or a refusal. R15: a look-up tells why, such as that nothing is left.
pub(super) fn answered_cancel(
    record: &Record,
    next: &mut Recorded,
    reply: Reply<'_>,
) -> Result<Result<Payment, Said>, Unclear> {
    let body = answered(reply)?;
    let Envelope { refusal, response } = Envelope::read(&body)?;
    if let Some(said) = refusal {
        next.refused = Some(said.clone());
        return Ok(Err(said));
    }
    let payment = ours(payment::read(response, "response")?, record)?;
    if approved(record).as_ref() != Some(&payment.imp_uid) {
        return Err(Unclear::ForeignEcho("imp_uid".into()));
    }
    Ok(Ok(payment))
}

/// A look-up's payments.
struct Found {
    payments: Vec<Payment>,
    /// All there are.
    whole: bool,
    said: Said,
}

enum Answered {
    Found(Found),
    ProvesNothing(Said),
}

/// The payment that is known, by its own id.
fn one(record: &Record, reply: Reply<'_>) -> Result<Answered, Unclear> {
    Ok(match looked_up(record, reply)? {
        Ok(payment) => {
            let said = last_word(&payment);
            Answered::Found(Found { payments: Vec::from([payment]), whole: true, said })
        }
        Err(said) => Answered::ProvesNothing(said),
    })
}

/// The payment that was asked for by its own id, or what was said instead.
pub(super) fn looked_up(record: &Record, reply: Reply<'_>) -> Result<Result<Payment, Said>, Unclear> {
    if let Some(said) = Envelope::absent(reply) {
        return Ok(Err(said));
    }
    let body = answered(reply)?;
    let Envelope { refusal, response } = Envelope::read(&body)?;
    if let Some(said) = refusal {
        return Ok(Err(said));
    }
    let payment = ours(payment::read(response, "response")?, record)?;
    if asked(record).as_ref() != Some(&payment.imp_uid) {
        return Err(Unclear::ForeignEcho("imp_uid".into()));
    }
    Ok(Ok(payment))
}

/// All payments of the number.
fn all(record: &Record, reply: Reply<'_>) -> Result<Answered, Unclear> {
    if let Some(said) = Envelope::absent(reply) {
        return Ok(Answered::Found(Found { payments: Vec::new(), whole: true, said }));
    }
    let body = answered(reply)?;
    let Envelope { refusal, response } = Envelope::read(&body)?;
    if let Some(said) = refusal {
        return Ok(Answered::ProvesNothing(said));
    }
    let Page { total, next, list } = read_page(response)?;
    let payments: Vec<_> = list.into_iter().map(|payment| ours(payment, record)).collect::<Result<_, _>>()?;
    let whole = next.is_none() && total.is_none_or(|total| total == payments.len() as u64);
    Ok(Answered::Found(Found { payments, whole, said: said("0", None) }))
}

/// What became of a payment's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// So much of it stands.
    Stands(Won),
    /// Nothing stands, and nothing will.
    Dead,
    /// It may yet be paid.
    Open,
}

/// From the amounts, never from the status alone (spec §3.1).
pub(super) fn fate(payment: &Payment) -> Result<Fate, Unclear> {
    if payment.currency.as_ref() != "KRW" {
        return Err(Unclear::Damaged("currency".into()));
    }
    if payment.customer_uid_usage == Some(CustomerUidUsage::Issue) {
        return Ok(Fate::Dead);
    }
    match &payment.status {
        // Cancelled, and nothing went back: it contradicts itself.
        Status::Cancelled if payment.cancel_amount == Won::ZERO => Err(Unclear::Ambiguous),
        Status::Paid | Status::Cancelled if payment.balance() > Won::ZERO => {
            Ok(Fate::Stands(payment.balance()))
        }
        Status::Paid | Status::Cancelled => Ok(Fate::Dead),
        // R6: a refusal that carries an approval's number.
        Status::Failed if payment.card.approval_number.is_some() || payment.paid_at.is_some() => {
            Err(Unclear::RefusalWithApproval(last_word(payment)))
        }
        Status::Failed => Ok(Fate::Dead),
        Status::Ready => Ok(Fate::Open),
        Status::Other(_) => Err(Unclear::Damaged("status".into())),
    }
}

/// A look-up shows it standing.
fn still_stands(
    payment: &Payment,
    (balance, others): (Won, bool),
    moment: Moment,
    record: &Record,
    next: &mut Recorded,
    settings: Option<&Settings>,
) -> Reading {
    // The refused cancel named this very balance, and every message was answered: the refusal is the end (R16), once the
    // look-up cannot lag behind a cancel that was done all the same (R13b).
    let unchanged =
        record.kind == Kind::Refund && next.balance == Some(balance) && record.rescue.unclear == 0;
    match next.refused.take() {
        Some(said) if unchanged && moment.nothing_counts => return Reading::Declined(said),
        refused => next.refused = refused.filter(|_| unchanged),
    }
    stands(payment, (balance, others), record, next, settings)
}

pub(super) fn stands(
    payment: &Payment,
    (balance, others): (Won, bool),
    record: &Record,
    next: &mut Recorded,
    settings: Option<&Settings>,
) -> Reading {
    next.balance = Some(balance);
    next.others = others;
    let expects_test = settings.map(|settings| settings.channel == ChannelKind::Test);
    let contradicts =
        payment.sandbox.zip(expects_test).is_some_and(|(is_test, expected)| is_test != expected);
    let amount = if contradicts {
        // No won of it is real, or all of it is where a test was to be.
        AmountStated::Missing
    } else if payment.amount != record.amount.total() {
        AmountStated::Differs(payment.amount)
    } else if balance != payment.amount {
        AmountStated::Differs(balance)
    } else {
        AmountStated::Matched
    };
    let paid_at = payment.paid_at.and_then(|at| KstDateTime::from_unix(at).ok());
    let card = &payment.card;
    let (date, time) = (paid_at.as_ref().map(KstDateTime::date), paid_at.as_ref().map(KstDateTime::time));
    fn text(text: &Option<Box<str>>) -> Cow<'_, str> {
        text.as_deref().unwrap_or_default().into()
    }
    let stated = Stated {
        amount,
        approval_number: text(&card.approval_number),
        approval_date: date.as_ref().map_or("", KstDate::as_str).into(),
        approval_time: time.as_ref().map_or("", KstTime::as_str).into(),
        van_number: payment.imp_uid.as_str().into(),
        van_serial: text(&payment.pg_tid),
        payment_method: payment.pay_method.as_ref().map_or("", PayMethod::as_str).into(),
        instalment: card.months.map(|months| alloc::format!("{months:02}")).unwrap_or_default().into(),
        issuer_code: text(&card.code),
        issuer_name: text(&card.name),
        masked_card: text(&card.number),
        ..Stated::default()
    };
    Reading::Approved(stated.into())
}

/// R6: a payment of another number is never ours.
fn ours(payment: Payment, record: &Record) -> Result<Payment, Unclear> {
    match *payment.merchant_uid == *record.original_number().as_str() {
        true => Ok(payment),
        false => Err(Unclear::ForeignEcho("merchant_uid".into())),
    }
}

/// Whether a payment of our number says that another billing key, or the window, paid it: not what was charged here.
fn is_anothers(payment: &Payment, source: &Source) -> bool {
    match (source, &payment.customer_uid) {
        (Source::Window { .. }, _) => false,
        (Source::Charge { customer }, Some(stated)) => customer_mark(stated) != *customer,
        (Source::Charge { .. }, None) => matches!(payment.channel, Some(Channel::Pc | Channel::Mobile)),
    }
}

/// The status, and the reason that goes with it.
pub(super) fn last_word(payment: &Payment) -> Said {
    let reason = match payment.status {
        Status::Failed => &payment.fail_reason,
        _ => &payment.cancel_reason,
    };
    said(payment.status.as_str(), reason.as_deref())
}

/// R6: only HTTP 200 is an answer.
fn answered(reply: Reply<'_>) -> Result<BodyText<'_>, Unclear> {
    match reply.status {
        200 => Ok(body(reply)),
        status => Err(Unclear::Status(status)),
    }
}
