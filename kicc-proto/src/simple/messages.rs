//! What is posted, with the wire's own names (spec A.5 to A.7).

use alloc::string::String;

use serde::Serialize;

use super::order::{Merchant, Order, Recorded};
use crate::{
    flow::{ApprovalBody, approval::Approval},
    values::{Amount, Bytes, KstDate, KstDateTime, TerminalId, TransactionNumber, UserData, append_json},
};

pub(super) const APPROVAL: &str = "/smpy/kiccpay/reqAprv";
pub(super) const CANCEL: &str = "/smpy/kiccpay/reqCancel";
pub(super) const NET_CANCEL: &str = "/smpy/kiccpay/reqRtran";

/// Approval request (spec A.5).
#[derive(Serialize)]
struct ApprovalRequest<'a> {
    tid: &'a str,
    #[serde(rename = "svcId")]
    service_id: &'a str,
    #[serde(rename = "bizrNo")]
    business_number: &'a str,
    #[serde(rename = "mercTrxNo")]
    number: &'a str,
    #[serde(rename = "tokenKey")]
    token_key: &'a str,
    #[serde(rename = "alotMonth")]
    instalment: &'a str,
    #[serde(rename = "trxAmt")]
    total: u64,
    #[serde(rename = "vatAmt")]
    vat: u64,
    #[serde(rename = "svcAmt")]
    service_charge: u64,
    /// Only the approval has it (spec F.1): the net-cancel's table does not list it.
    #[serde(rename = "taxFreeAmt", skip_serializing_if = "Option::is_none")]
    tax_free: Option<u64>,
    #[serde(rename = "tranDt")]
    date: &'a str,
    #[serde(rename = "tranTm")]
    time: &'a str,
    #[serde(rename = "userData", skip_serializing_if = "Option::is_none")]
    user_data: Option<&'a str>,
}

/// Cancellation request (spec A.6).
#[derive(Serialize)]
struct CancelRequest<'a> {
    tid: &'a str,
    #[serde(rename = "svcId")]
    service_id: &'a str,
    #[serde(rename = "bizrNo")]
    business_number: &'a str,
    #[serde(rename = "mercTrxNo")]
    number: &'a str,
    /// How the original is named: `T` by the gateway's number, `G` by the merchant's.
    wcc: &'a str,
    #[serde(rename = "cndTrxNo")]
    original: &'a str,
    #[serde(rename = "alotMonth")]
    instalment: &'a str,
    #[serde(rename = "trxAmt")]
    total: u64,
    #[serde(rename = "vatAmt")]
    vat: u64,
    #[serde(rename = "svcAmt")]
    service_charge: u64,
    #[serde(rename = "tranDt")]
    date: &'a str,
    #[serde(rename = "tranTm")]
    time: &'a str,
    #[serde(rename = "orgAprvDt")]
    approval_date: &'a str,
    #[serde(rename = "orgAprvNo")]
    approval_number: &'a str,
}

/// What an approval's body comes to but for its token key and user data, in bytes: more than all names, marks and other
/// values together.
pub(super) const ROOM: usize = 400;

/// What stands behind the tax-free amount in an approval without user data, in bytes.
const BEHIND_TAX_FREE: u16 = r#","tranDt":"yyyyMMdd","tranTm":"HHmmss"}"#.len() as u16;

/// What a net-cancel comes to in bytes: none of its values has a character that JSON escapes.
fn size_of_net_cancel(request: &ApprovalRequest<'_>) -> usize {
    const NAMES: &str = r#"{"tid":"","svcId":"","bizrNo":"","mercTrxNo":"","tokenKey":"","alotMonth":"","trxAmt":,"vatAmt":,"svcAmt":,"tranDt":"","tranTm":""}"#;
    let texts = [
        request.tid,
        request.service_id,
        request.business_number,
        request.number,
        request.token_key,
        request.instalment,
        request.date,
        request.time,
    ];
    let digits = |amount: u64| 1 + amount.checked_ilog10().unwrap_or(0) as usize;
    let amounts = [request.total, request.vat, request.service_charge];
    NAMES.len() + texts.map(str::len).iter().sum::<usize>() + amounts.map(digits).iter().sum::<usize>()
}

/// The approval's body, and the net-cancel's with exactly the same data (R10). Each is written where it has room, since
/// growth leaves copies behind (R23).
pub(super) fn approval_and_net_cancel(
    merchant: &Merchant,
    order: &Order,
    at: &KstDateTime,
) -> (ApprovalBody, Bytes) {
    let (date, time) = (at.date(), at.time());
    let mut request = ApprovalRequest {
        tid: merchant.terminal_id.as_str(),
        service_id: merchant.service_id.as_str(),
        business_number: merchant.business_number.as_str(),
        number: order.number.as_str(),
        token_key: order.token_key.expose(),
        instalment: order.instalment.as_str(),
        total: order.amount.total().0,
        vat: order.amount.vat().0,
        service_charge: order.amount.service_charge().0,
        tax_free: None,
        date: date.as_str(),
        time: time.as_str(),
        user_data: None,
    };
    let mut net_cancel = Bytes::with_room(size_of_net_cancel(&request));
    append_json(&mut net_cancel, &request);
    let tax_free = order.amount.tax_free();
    let body = match order.user_data.as_ref().map(UserData::as_str) {
        None => ApprovalBody::LikeNetCancel { name: "taxFreeAmt", amount: tax_free, behind: BEHIND_TAX_FREE },
        Some(user_data) => {
            let mut body = Bytes::with_room(ROOM + request.token_key.len() + user_data.len());
            request.tax_free = Some(tax_free.0);
            request.user_data = Some(user_data);
            append_json(&mut body, &request);
            ApprovalBody::Whole(body)
        }
    };
    (body, net_cancel)
}

/// What names the approval that is cancelled.
pub(super) struct Cancelled<'a> {
    pub terminal: &'a TerminalId,
    pub recorded: &'a Recorded,
    /// The approval's number.
    pub original: &'a TransactionNumber,
    pub amount: &'a Amount,
    pub approval: &'a Approval,
}

/// A cancel's body under a number and a date of its own; `None` where too little is known of the approval:
/// its number and date are required even beside our own number (spec A.6), and a number of more than 20
/// bytes does not fit beside `G`.
pub(super) fn cancel(what: &Cancelled<'_>, number: &TransactionNumber, at: &KstDateTime) -> Option<String> {
    let approval_number = what.approval.approval_number().filter(|text| fits(text, 10))?;
    let approval_date = what.approval.approval_date()?;
    KstDate::new(approval_date).ok()?;
    let (wcc, original) = match what.approval.van_number().filter(|text| fits(text, 20)) {
        Some(van_number) => ("T", van_number),
        None if what.original.is_long() => return None,
        None => ("G", what.original.as_str()),
    };
    let (date, time) = (at.date(), at.time());
    Some(text(&CancelRequest {
        tid: what.terminal.as_str(),
        service_id: what.recorded.service_id.as_str(),
        business_number: what.recorded.business_number.as_str(),
        number: number.as_str(),
        wcc,
        original,
        instalment: what.recorded.instalment.as_str(),
        total: what.amount.total().0,
        vat: what.amount.vat().0,
        service_charge: what.amount.service_charge().0,
        date: date.as_str(),
        time: time.as_str(),
        approval_date,
        approval_number,
    }))
}

/// An identifier that the gateway gave and that goes back to it: whole, and of its documented length.
fn fits(text: &str, limit: usize) -> bool {
    !text.is_empty() && text.len() <= limit && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What the record keeps.
fn text(message: &impl Serialize) -> String {
    // Strings and numbers only: none of serde_json's errors can arise.
    serde_json::to_string(message).unwrap_or_default()
}
