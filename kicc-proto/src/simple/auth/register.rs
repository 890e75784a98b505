//! Registering an authentication (`paymentAuthReg.do`, spec A.3.1), and what its window posts (A.3.2).

use serde::Serialize;

use super::{CustomerKey, Settings, VirtualNumber, short};
use crate::{
    values::{AuthorizationId, Invalid, OrderNumber, ReturnUrl, TransactionNumber, ascii},
    wire::{
        call::{Prepared, Registration},
        post::{Form, Post, PostError, Posted},
    },
};

const PATH: &str = "/easycheck/auth/paymentAuthReg.do";

/// Which of a customer's payment methods is to be authenticated, and for which order. No amount is part of it, so
/// nothing binds the authentication to one.
#[derive(Debug, Clone, Copy)]
pub struct Authentication<'a> {
    /// `shopTransactionId` of this very request (spec C.1).
    pub number: &'a TransactionNumber,
    /// `shopOrderNo`.
    pub order_number: &'a OrderNumber,
    /// `customerKey`.
    pub customer_key: &'a CustomerKey,
    /// `easypayVirtualNo` of the method that the customer picked.
    pub virtual_number: &'a VirtualNumber,
    /// `payMethodTypeCode`, such as `11` for a card.
    pub type_code: &'a str,
    /// `payMethodDetailCode`: the card's code, such as `026`.
    pub detail_code: &'a str,
    /// `returnUrl`, at most 256 bytes.
    pub return_url: &'a ReturnUrl,
    /// `shopParameter`, at most 4000 bytes of EUC-KR.
    pub parameter: Option<&'a str>,
}

/// Registration request (spec A.3.1).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthRequest<'a> {
    customer_key: &'a str,
    #[serde(rename = "easypayVirtualNo")]
    virtual_number: &'a str,
    #[serde(rename = "payMethodTypeCode")]
    type_code: &'a str,
    #[serde(rename = "payMethodDetailCode")]
    detail_code: &'a str,
    #[serde(rename = "shopTransactionId")]
    number: &'a str,
    #[serde(rename = "shopOrderNo")]
    order_number: &'a str,
    return_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shop_parameter: Option<&'a str>,
}

/// Checks and encodes a registration.
///
/// # Errors
/// A code that is none, an address that is too long, a parameter that EUC-KR cannot hold.
pub fn registration(settings: &Settings, what: &Authentication<'_>) -> Result<Registration, Invalid> {
    const WHY: &str = "only letters A-Z a-z and digits";
    let type_code = ascii::<2>("payment method", what.type_code, 2, u8::is_ascii_alphanumeric, WHY)?;
    let detail_code = ascii::<3>("card code", what.detail_code, 3, u8::is_ascii_alphanumeric, WHY)?;
    let request = AuthRequest {
        customer_key: what.customer_key.expose(),
        virtual_number: what.virtual_number.expose(),
        type_code: &type_code,
        detail_code: &detail_code,
        number: what.number.as_str(),
        order_number: what.order_number.as_str(),
        return_url: short(what.return_url)?,
        shop_parameter: settings.parameter(what.parameter)?,
    };
    Ok(Registration::new(what.number, Prepared::new(PATH, settings.basic(), &request)?))
}

/// Reads what the authentication window posted to `returnUrl`, as the end of the authentication that was
/// registered under these ids. A success must name the transaction.
///
/// # Errors
/// [`PostError`]: forged, damaged, or about another order.
pub fn read_window(
    post: Post<'_>,
    number: &TransactionNumber,
    order_number: &OrderNumber,
) -> Result<Posted<AuthorizationId>, PostError> {
    const NUMBER: &str = "shopTransactionId";
    let form = Form::parse(post)?;
    let ours = form.same(NUMBER, number.as_str())?;
    form.same("shopOrderNo", order_number.as_str())?;
    form.result(form.text("resMsg"), || match ours {
        true => AuthorizationId::new(form.required("authorizationId")?).map_err(PostError::Invalid),
        false => Err(PostError::Missing(NUMBER)),
    })
}
