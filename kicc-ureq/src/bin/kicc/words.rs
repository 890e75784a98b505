//! Reasons and amounts in words for a person.

use kicc_proto::{
    codes::{Class, Codes, ResultCode},
    flow::{
        outcome::Resolution,
        said::{Said, Unclear, shown},
        table::Verb,
    },
    iamport::Verdict,
    journal::record::Why,
    values::Won,
    wire::{NotSent, message::CallError},
};
use kicc_ureq::client::OpenReason;

/// `52,000 won`.
pub fn won(amount: Won) -> String {
    sum(amount.0.into())
}

/// The same of a sum, which may be below zero.
pub fn sum(won: i128) -> String {
    let digits = won.unsigned_abs().to_string();
    let mut text = String::from(if won < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + " won"
}

/// Why it never left.
pub fn not_sent(why: NotSent) -> &'static str {
    match why {
        NotSent::Resolve => "the gateway's name was not resolved",
        NotSent::Connect => "no connection to the gateway came about",
        NotSent::Tls => "the TLS handshake with the gateway did not finish",
        NotSent::Proxy => "the proxy did not let it through",
        NotSent::PermitLapsed => "it was too late to send it",
        NotSent::Signing => "it could not be signed",
        NotSent::NotRecorded => "the journal did not take it",
        NotSent::Token => "i'mport gave no token for it",
    }
}

/// What a payment in i'mport's window means for an order of which nothing was recorded. `None`: there is none.
pub fn not_paid(verdict: Option<&Verdict>) -> String {
    let why = match verdict {
        None => "i'mport shows no such payment",
        Some(Verdict::NotPaid) => "it is not paid: failed, given up, or still in the window",
        Some(Verdict::VirtualAccountIssued) => "it is not paid yet: a virtual account waits for the deposit",
        Some(Verdict::Refunded) => "it was given back already",
        Some(Verdict::KeyIssued) => "the window issued a billing key, and charged nothing",
        Some(Verdict::AnotherOrder) => "it is of another order",
        Some(_) => "nothing of it stands for this order",
    };
    format!("{why}; nothing was recorded")
}

/// Why a payment in i'mport's window could not be looked up. Its money may have moved.
pub fn not_looked_up(error: &CallError) -> String {
    let why = match error {
        CallError::NotSent(why) => not_sent(*why).to_owned(),
        CallError::NoAnswer(why) => Unclear::Exchange(*why).to_string(),
        CallError::Refused(said) => said_text(said),
        CallError::Unclear(why) => why.to_string(),
    };
    format!("the payment could not be looked up: {why}; nothing was recorded, verify it again")
}

/// Why it is, or was, undone.
pub fn reversed(why: &Why) -> String {
    match why {
        Why::Unclear(unclear) => format!("no trustworthy answer to the approval request: {unclear}"),
        Why::NotHeld => "the merchant's books do not hold it".into(),
        Why::AmountDiffers => "another amount was approved".into(),
        Why::FoundApproved => {
            "no trustworthy answer to the approval request; a query found it approved, and it was cancelled"
                .into()
        }
        Why::NotRecorded => "the approval could not be written down".into(),
        Why::LateSuccess => "the approval was read too late".into(),
        Why::UnlistedCode(said) => format!("it was refused with a code of no list: {}", said_text(said)),
        Why::Refund => "the money was asked back".into(),
        _ => "for a reason that this version cannot name".into(),
    }
}

/// Why there is no end yet.
pub fn open(reason: OpenReason) -> &'static str {
    match reason {
        OpenReason::Quiet => "waiting until no late approval can be booked any more",
        OpenReason::Backoff => "the gateway did not answer, or proved nothing; it is asked again",
        OpenReason::Merchant => "the merchant's books could not tell; they are asked again",
        OpenReason::Journal => "the journal does not take it; it is tried again",
        OpenReason::NobodyDecides => "approved; it waits for the accept step, which is not configured here",
        OpenReason::InHand => "a worker has it in hand",
        _ => "for a reason that this version cannot name",
    }
}

/// The reason's name for programs.
pub fn open_name(reason: OpenReason) -> &'static str {
    match reason {
        OpenReason::Quiet => "quiet",
        OpenReason::Backoff => "backoff",
        OpenReason::Merchant => "merchant",
        OpenReason::Journal => "journal",
        OpenReason::NobodyDecides => "nobody_decides",
        OpenReason::InHand => "in_hand",
        _ => "other",
    }
}

/// A message.
pub fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Approve => "approval request",
        Verb::NetCancel => "net-cancel",
        Verb::Query => "status query",
        Verb::Cancel => "cancel",
    }
}

/// What the gateway said, with the table's words beside its own.
pub fn said_text(said: &Said) -> String {
    let table = ResultCode::new(&said.code).ok().and_then(Codes::text);
    match table {
        Some(text) => format!("{} {} | {} / {}", said.code, said.message, text.ko, text.en),
        None => format!("{} {}", said.code, said.message),
    }
}

/// What the cashier can do about a refusal, in both languages.
pub fn cashier_hint(said: &Said, codes: &Codes) -> Option<String> {
    match codes.class(ResultCode::new(&said.code).ok()?) {
        Class::IssuerRefusal(hint) => Some(format!("{} / {}", hint.text().ko, hint.text().en)),
        _ => None,
    }
}

/// What a person said of it.
pub fn resolution(resolution: &Resolution) -> String {
    let charged = if resolution.charged { "charged" } else { "not charged" };
    // What a person types is masked as what a gateway says is (R23).
    format!("resolved by a person as {charged}: {}", shown(&*resolution.note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped() {
        let texts = [0, 999, 1_000, 52_000, 999_999_999_999].map(|amount| won(Won(amount)));
        assert_eq!(texts, ["0 won", "999 won", "1,000 won", "52,000 won", "999,999,999,999 won"]);
        assert_eq!([-999, -52_000].map(sum), ["-999 won", "-52,000 won"]);
    }

    #[test]
    fn a_cashier_is_told_in_both_languages() {
        let said = Said { code: "8521".into(), message: "LIMIT".into() };
        let hint = cashier_hint(&said, &Codes::default()).unwrap();
        assert!(hint.contains("다른 카드") && hint.contains("charge less"), "{hint}");
        assert!(said_text(&said).contains("카드 한도 초과 / card limit exceeded"));
        let unlisted = Said { code: "9999".into(), message: "?".into() };
        assert_eq!(cashier_hint(&unlisted, &Codes::default()), None);
    }
}
