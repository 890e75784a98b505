//! What is posted, with the wire's own names (spec B.4 to B.6). All of it is ASCII, so that EUC-KR is the same.

use alloc::string::String;

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{order::Merchant, settings::StatusQuery};
use crate::{
    journal::Key,
    values::{Bytes, CertControlNumber, KstDate, TransactionNumber, json},
};

pub(super) const APPROVAL: &str = "/appcardpay/v1/approval.do";
pub(super) const CANCEL: &str = "/appcardpay/v1/cancel.do";

/// Approval request (spec B.4). There is no amount: it was fixed by the registration.
#[derive(Serialize)]
struct ApprovalRequest<'a> {
    #[serde(rename = "vanTid")]
    terminal: &'a str,
    #[serde(rename = "shopTransactionId")]
    number: &'a str,
    #[serde(rename = "certControlNo")]
    cert_control_number: &'a str,
    #[serde(rename = "approvalReqDate")]
    date: &'a str,
}

/// Cancellation request (spec B.5): always of the whole amount.
#[derive(Serialize)]
struct CancelRequest<'a> {
    #[serde(rename = "vanTid")]
    terminal: &'a str,
    /// The cancel's own.
    #[serde(rename = "shopTransactionId")]
    number: &'a str,
    #[serde(rename = "controlNo")]
    control_number: &'a str,
    /// The approval's.
    #[serde(rename = "approvalReqDate")]
    approval_date: &'a str,
    #[serde(rename = "cancelReqDate")]
    date: &'a str,
}

/// Status request (spec B.6), after its documented relatives; the date's name is configured.
struct StatusRequest<'a> {
    terminal: &'a str,
    number: &'a str,
    date: (&'a str, &'a str),
}

impl Serialize for StatusRequest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("vanTid", self.terminal)?;
        map.serialize_entry("shopTransactionId", self.number)?;
        map.serialize_entry(self.date.0, self.date.1)?;
        map.end()
    }
}

pub(super) fn approval(
    merchant: &Merchant,
    number: &TransactionNumber,
    cert_control_number: &CertControlNumber,
    date: &KstDate,
) -> Bytes {
    let request = ApprovalRequest {
        terminal: merchant.van_terminal_id.as_str(),
        number: number.as_str(),
        cert_control_number: cert_control_number.expose(),
        date: date.as_str(),
    };
    json(&request)
}

/// A cancel of the approval with that control number, asked for on `approval_date`, under a number of its own.
pub(super) fn cancel(
    key: &Key,
    number: &TransactionNumber,
    control_number: &str,
    approval_date: &KstDate,
    date: &KstDate,
) -> String {
    text(&CancelRequest {
        terminal: key.terminal.as_str(),
        number: number.as_str(),
        control_number,
        approval_date: approval_date.as_str(),
        date: date.as_str(),
    })
}

/// The question what became of that number on that date.
pub(super) fn status(query: &StatusQuery, key: &Key, number: &TransactionNumber, date: &KstDate) -> String {
    let date = (&*query.date_field, date.as_str());
    text(&StatusRequest { terminal: key.terminal.as_str(), number: number.as_str(), date })
}

fn text(message: &impl Serialize) -> String {
    // Strings only: none of serde_json's errors can arise.
    serde_json::to_string(message).unwrap_or_default()
}
