//! What an answer says (spec A.5 to A.7, C.2, C.3; R6 to R8).

use crate::{
    codes::Class,
    flow::{
        approval::{AmountStated, Stated},
        policy::Policy,
        said::{Said, Unclear},
        table::Verb,
    },
    journal::record::Record,
    product::Reading,
    wire::{
        Reply,
        answer::{BodyText, echo, masked, result_code, shown},
        json::{self, Field},
    },
};

/// In the documentation's order (spec A.5), with what is passed over.
#[rustfmt::skip]
const FIELDS: [&str; 20] = [
    "respCd", "respMsg", "tid", "svcId", "bizrNo", "mercTrxNo", "trxDt", "trxTm", "trxAmt", "issFmCd", "issFmNm",
    "purchFmCd", "purchFmNm", "joShopNo", "aprvDt", "aprvTm", "aprvNo", "vanTrxNo", "cardConfirmNo", "userData",
];

pub(super) fn read(verb: Verb, record: &Record, reply: Reply<'_>, policy: &Policy) -> Reading {
    match try_read(verb, record, reply, policy) {
        Ok(reading) => reading,
        Err(why) => Reading::Unclear(why),
    }
}

fn try_read(verb: Verb, record: &Record, reply: Reply<'_>, policy: &Policy) -> Result<Reading, Unclear> {
    if reply.status != 200 {
        return Err(Unclear::Status(reply.status));
    }
    // Broken bytes become U+FFFD: in a text that is a blemish, in a deciding field it matches nothing.
    let body = BodyText::utf8(reply.body);
    let fields = json::texts(&body, &FIELDS)?;
    let [code, message, terminal, _, _, number, _, _, amount, ..] = fields;
    let code = result_code(code)?;
    let said = || Said::new(code, json::text(message).unwrap_or_default());
    let whose = [echo(terminal, "tid", |text| text == record.key.terminal.as_str())?, {
        echo(number, "mercTrxNo", |text| is_ours(verb, record, text))?
    }];
    if code.is_success() {
        let documented = verb != Verb::Cancel;
        if let (true, Some(missing)) = (documented, whose.into_iter().find_map(|echo| echo.err())) {
            return Err(Unclear::MissingEcho(missing.into()));
        }
        let stated = stated(&fields);
        return Ok(match verb {
            Verb::Approve | Verb::Query => {
                let amount = match json::amount(amount)? {
                    None => AmountStated::NotStated,
                    Some(won) if won == record.amount.total() => AmountStated::Matched,
                    Some(won) => AmountStated::Differs(won),
                };
                Reading::Approved(Stated { amount, ..stated }.into())
            }
            Verb::NetCancel | Verb::Cancel => Reading::Voided { card: !stated.masked_card.is_empty() },
        });
    }
    Ok(match (verb, policy.codes.class(code)) {
        (_, Class::Duplicate) => return Err(Unclear::Duplicate(said())),
        (_, Class::Unknown) => return Err(Unclear::UnknownCode(said())),
        (Verb::Approve | Verb::Query, class) => {
            if !stated(&fields).approval_number.is_empty() {
                return Err(Unclear::RefusalWithApproval(said()));
            }
            match class {
                Class::IssuerRefusal(_) => Reading::Declined(said()),
                _ => Reading::Unlisted(said()),
            }
        }
        (_, Class::NothingToVoid) => Reading::NothingStands(said()),
        (_, Class::AlreadyVoided) => Reading::AlreadyVoided(said()),
        (Verb::Cancel, Class::IssuerRefusal(_)) => Reading::Declined(said()),
        (Verb::Cancel, _) => Reading::Unlisted(said()),
        (Verb::NetCancel, _) => Reading::ProvesNothing(said()),
    })
}

fn is_ours(verb: Verb, record: &Record, text: &str) -> bool {
    let original = record.original_number();
    let cancel = record.cancel.as_ref().map(|cancel| &cancel.number);
    match verb {
        // The rest of the cancel's answer is not public: either number would be ours.
        Verb::Cancel => original.echoes(text) || cancel.is_some_and(|number| number.echoes(text)),
        _ => original.echoes(text),
    }
}

fn stated<'a>(fields: &[Field<'a>; FIELDS.len()]) -> Stated<'a> {
    let [.., issuer, issuer_name, acquirer, acquirer_name, shop, date, time, number, van, card, _] = *fields;
    let text = |field| json::text(field).unwrap_or_default();
    Stated {
        approval_number: text(number),
        approval_date: text(date),
        approval_time: text(time),
        van_number: text(van),
        issuer_code: text(issuer),
        issuer_name: shown(text(issuer_name)),
        acquirer_code: text(acquirer),
        acquirer_name: shown(text(acquirer_name)),
        merchant_number: text(shop),
        masked_card: masked(text(card)),
        ..Stated::default()
    }
}
