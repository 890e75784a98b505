//! What moves money, with the wire's own names (spec §4.1 to §4.3).

use alloc::string::String;

use serde::Serialize;

use super::{ChannelKind, ImpUid, order::Charge, settings::Settings};
use crate::values::{Bytes, TransactionNumber, Won};

pub(super) const AGAIN: &str = "/subscribe/payments/again";
pub(super) const CANCEL: &str = "/payments/cancel";

/// Charge of a billing key (spec §4.1).
#[derive(Serialize)]
struct AgainRequest<'a> {
    customer_uid: &'a str,
    merchant_uid: &'a str,
    amount: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free: Option<u64>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer_tel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer_addr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer_postcode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card_quota: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice_url: Option<&'a str>,
}

/// Cancellation (spec §4.3). Without an amount it would take back whatever is left, so it always has one.
#[derive(Serialize)]
struct CancelRequest<'a> {
    imp_uid: &'a str,
    amount: u64,
    /// For KICC it is not defaulted.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free: Option<u64>,
    /// What could be given back before: with another balance nothing is done.
    checksum: u64,
    reason: &'a str,
}

/// What is given back.
pub(super) struct Cancelled<'a> {
    pub imp_uid: &'a ImpUid,
    pub amount: Won,
    /// All that is left before.
    pub checksum: Won,
    /// `None`: there is no such part.
    pub tax_free: Option<Won>,
    pub reason: &'a str,
}

pub(super) fn again(charge: &Charge) -> Bytes {
    let request = AgainRequest {
        customer_uid: charge.customer_uid.expose(),
        merchant_uid: charge.number.as_str(),
        amount: charge.amount.total().0,
        tax_free: some_won(charge.amount.tax_free()).map(|won| won.0),
        name: &charge.name,
        buyer_name: charge.buyer_name.as_deref(),
        buyer_email: charge.buyer_email.as_deref(),
        buyer_tel: charge.buyer_tel.as_deref(),
        buyer_addr: charge.buyer_address.as_deref(),
        buyer_postcode: charge.buyer_postcode.as_deref(),
        card_quota: charge.months,
        custom_data: charge.custom_data.as_deref(),
        notice_url: charge.notice_url.as_ref().map(|url| url.as_str()),
    };
    json(&request).into_bytes().into()
}

pub(super) fn cancel(what: &Cancelled<'_>) -> String {
    json(&CancelRequest {
        imp_uid: what.imp_uid.as_str(),
        amount: what.amount.0,
        tax_free: what.tax_free.map(|won| won.0),
        checksum: what.checksum.0,
        reason: what.reason,
    })
}

/// The path that shows one payment.
pub(super) fn by_id(imp_uid: &ImpUid, settings: Option<&Settings>, out: &mut String) {
    out.push_str("/payments/");
    out.push_str(imp_uid.as_str());
    push_sandbox(settings, out);
}

/// The path that shows every payment of a number.
pub(super) fn all(number: &TransactionNumber, settings: Option<&Settings>, out: &mut String) {
    out.push_str("/payments/findAll/");
    out.push_str(number.as_str());
    push_sandbox(settings, out);
}

/// Documented for the look-up by `imp_uid` alone (spec §4.2); the others are asked the same.
pub(super) fn push_sandbox(settings: Option<&Settings>, out: &mut String) {
    if settings.is_some_and(|settings| settings.channel == ChannelKind::Test) {
        out.push_str("?include_sandbox=true");
    }
}

pub(super) fn some_won(won: Won) -> Option<Won> {
    (won > Won::ZERO).then_some(won)
}

fn json(message: &impl Serialize) -> String {
    // Strings and numbers only: none of serde_json's errors can arise.
    serde_json::to_string(message).unwrap_or_default()
}
