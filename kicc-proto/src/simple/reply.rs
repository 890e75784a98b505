//! What an answer says (spec A.5 to A.7, C.2, C.3; R6 to R8).

use alloc::string::String;

use crate::{
    codes::Class,
    flow::{
        approval::{AmountStated, Approval},
        policy::Policy,
        said::{Said, Unclear},
        table::Verb,
    },
    journal::record::Record,
    product::Reading,
    wire::{
        Reply,
        answer::{echo, masked, result_code, shown},
        json::{self, Field},
    },
};

const FIELDS: [&str; 18] = [
    "respCd",
    "respMsg",
    "tid",
    "mercTrxNo",
    "trxAmt",
    "aprvNo",
    "aprvDt",
    "aprvTm",
    "vanTrxNo",
    "issFmCd",
    "issFmNm",
    "purchFmCd",
    "purchFmNm",
    "joShopNo",
    "cardConfirmNo",
    "svcId",
    "bizrNo",
    "userData",
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
    let body = String::from_utf8_lossy(reply.body);
    let fields = json::object(&body, &FIELDS)?;
    let [code, message, terminal, number, amount, ..] = fields;
    let code = result_code(code)?;
    let said = || Said::new(code, &json::text(message).unwrap_or_default());
    let whose = [echo(terminal, "tid", |text| text == record.key.terminal.as_str())?, {
        echo(number, "mercTrxNo", |text| is_ours(verb, record, text))?
    }];
    if code.is_success() {
        let documented = verb != Verb::Cancel;
        if let (true, Some(missing)) = (documented, whose.into_iter().find_map(|echo| echo.err())) {
            return Err(Unclear::MissingEcho(missing.into()));
        }
        let approval = approval(&fields);
        return Ok(match verb {
            Verb::Approve | Verb::Query => Reading::Approved(Approval {
                amount: match json::amount(amount)? {
                    None => AmountStated::NotStated,
                    Some(won) if won == record.amount.total() => AmountStated::Matched,
                    Some(won) => AmountStated::Differs(won),
                },
                ..approval
            }),
            Verb::NetCancel | Verb::Cancel => Reading::Voided { card: approval.masked_card.is_some() },
        });
    }
    Ok(match (verb, policy.codes.class(code)) {
        (_, Class::Duplicate) => return Err(Unclear::Duplicate(said())),
        (_, Class::Unknown) => return Err(Unclear::UnknownCode(said())),
        (Verb::Approve | Verb::Query, class) => {
            let found = approval(&fields);
            if found.approval_number.is_some() {
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

fn approval(fields: &[Field<'_>; FIELDS.len()]) -> Approval {
    let [
        _,
        _,
        _,
        _,
        _,
        number,
        date,
        time,
        van,
        issuer,
        issuer_name,
        acquirer,
        acquirer_name,
        shop,
        card,
        ..,
    ] = *fields;
    Approval {
        approval_number: json::text(number),
        approval_date: json::text(date),
        approval_time: json::text(time),
        van_number: json::text(van),
        issuer_code: json::text(issuer),
        issuer_name: json::text(issuer_name).map(|name| shown(&name)),
        acquirer_code: json::text(acquirer),
        acquirer_name: json::text(acquirer_name).map(|name| shown(&name)),
        merchant_number: json::text(shop),
        masked_card: json::text(card).map(|card| masked(&card)),
        ..Approval::default()
    }
}
