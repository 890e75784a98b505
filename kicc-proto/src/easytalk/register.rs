//! Registering an order (`orders.do`, spec B.2): it fixes the amount and opens the payment window.

use serde::Serialize;

use super::{Merchant, Settings};
use crate::{
    time::Now,
    values::{
        Amount, BusinessNumber, Invalid, KstDateTime, OrderNumber, Parts, ReturnUrl, TransactionNumber, Won,
    },
    wire::call::{Prepared, Registration, text},
};

const PATH: &str = "/easytalkpay/v1/orders.do";

/// What the customer is asked to pay. Texts are checked by [`registration`]; lengths are bytes of EUC-KR.
#[derive(Debug, Clone, Copy)]
pub struct Purchase<'a> {
    /// `shopTransactionId` of this very request (spec C.1): another than the approval's will be.
    pub number: &'a TransactionNumber,
    /// `shopOrderNo`: the window's post is told by it.
    pub order_number: &'a OrderNumber,
    /// `amount`: what is paid, in won, VAT included.
    pub total: Won,
    /// `tax`: VAT in won, 0 if exempt. It is not derived: the documentation's example does not fit (spec F.1).
    pub tax: Won,
    /// `productNm`, at most 500 bytes.
    pub product_name: &'a str,
    /// `mallNm`, at most 200 bytes.
    pub merchant_name: &'a str,
    /// `bussNo`.
    pub business_number: &'a BusinessNumber,
    /// `returnUrl`.
    pub return_url: &'a ReturnUrl,
    /// `completeUrl`: where Naver Pay goes after the approval.
    pub complete_url: Option<&'a ReturnUrl>,
    /// `noticeMsg`, at most 3000 bytes.
    pub notice: Option<&'a str>,
}

/// Registration request (spec B.2).
#[derive(Serialize)]
struct OrderRequest<'a> {
    #[serde(rename = "vanTid")]
    terminal: &'a str,
    #[serde(rename = "shopTransactionId")]
    number: &'a str,
    #[serde(rename = "shopReqDate")]
    requested_at: &'a str,
    /// A constant.
    #[serde(rename = "inflowPath")]
    inflow_path: &'a str,
    #[serde(rename = "shopOrderNo")]
    order_number: &'a str,
    #[serde(rename = "productNm")]
    product_name: &'a str,
    amount: u64,
    tax: u64,
    #[serde(rename = "returnUrl")]
    return_url: &'a str,
    #[serde(rename = "completeUrl", skip_serializing_if = "Option::is_none")]
    complete_url: Option<&'a str>,
    #[serde(rename = "mallNm")]
    merchant_name: &'a str,
    #[serde(rename = "bussNo")]
    business_number: &'a str,
    #[serde(rename = "noticeMsg", skip_serializing_if = "Option::is_none")]
    notice: Option<&'a str>,
}

/// Checks and encodes a registration. Its window must not be put in a frame on a phone (spec B.3).
///
/// # Errors
/// An amount out of range, a tax above it, a text that is empty, too long, or holds what EUC-KR does not: with the
/// field, and where.
pub fn registration(
    merchant: &Merchant,
    settings: &Settings,
    purchase: &Purchase<'_>,
    now: Now,
) -> Result<Registration, Invalid> {
    let amount = Amount::new(purchase.total, Parts { vat: purchase.tax, ..Parts::default() })?;
    let only = settings.ks_x_1001_only;
    let requested_at = KstDateTime::from_unix(now.wall)?;
    let request = OrderRequest {
        terminal: merchant.van_terminal_id.as_str(),
        number: purchase.number.as_str(),
        requested_at: requested_at.as_str(),
        inflow_path: "SHP",
        order_number: purchase.order_number.as_str(),
        product_name: text("product name", purchase.product_name, 500, only)?,
        amount: amount.total().0,
        tax: amount.vat().0,
        return_url: purchase.return_url.as_str(),
        complete_url: purchase.complete_url.map(ReturnUrl::as_str),
        merchant_name: text("merchant name", purchase.merchant_name, 200, only)?,
        business_number: purchase.business_number.as_str(),
        notice: purchase.notice.map(|notice| text("notice", notice, 3000, only)).transpose()?,
    };
    let authorization = (settings.authorization, merchant.van_terminal_id.as_str());
    Ok(Registration::new(purchase.number, Prepared::new(PATH, authorization, &request)?))
}
