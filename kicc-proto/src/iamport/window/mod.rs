//! The payment window (`IMP.request_pay`, spec §9): its parameters, checked, as JSON for the page that opens it.
//!
//! The page belongs to the customer, who can change every parameter in it: what was really paid is told by
//! [`verify`](super::verify) alone. Registering the amount beforehand (spec §4.4) keeps a window of another amount from
//! opening. On a computer the page's callback gets the result, on a phone the browser goes to `m_redirect_url`
//! instead and the callback is not called; [`WindowResult`](super::result::WindowResult) reads both.

mod card;
mod checks;
mod gateway;
mod parameters;

#[cfg(test)]
mod tests;

pub use card::{CardCode, CardOptions, Cards, Direct};
pub use gateway::{ChannelKey, Gateway, PgMerchantId, Store};
pub use parameters::Parameters;

use core::fmt;

use super::{payment::PayMethod, values::CustomerUid};
use crate::values::{Invalid, KstDateTime, OrderNumber, ReturnUrl, TransactionNumber, Won};

/// The script to load before the page calls `IMP` (spec §9).
pub const SCRIPT_URL: &str = "https://cdn.iamport.kr/v1/iamport.js";

/// What `IMP.request_pay` is called with. [`RequestPay::new`] takes what every window needs; set the rest, then
/// [`RequestPay::parameters`] checks all of it. Lengths are characters: the page does not say of what, and its texts
/// are Korean.
///
/// ```
/// use kicc_proto::{
///     iamport::{payment::PayMethod, window::{Gateway, RequestPay}},
///     values::{ReturnUrl, TransactionNumber, Won},
/// };
/// # fn main() -> Result<(), kicc_proto::values::Invalid> {
/// let (gateway, number) = (Gateway::kicc(), TransactionNumber::new("ORDER-1")?);
/// let back = ReturnUrl::new("https://shop.example/paid")?;
/// let mut request = RequestPay::new(&gateway, PayMethod::Card, &number, "의자 </script>", Won(1_004), &back);
/// request.buyer.tel = Some("010-1234-5678");
/// let html = format!("<script>IMP.request_pay({}, done)</script>", request.parameters()?.json());
/// assert_eq!(html.matches("</script>").count(), 1, "no text in it can end the script");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct RequestPay<'a> {
    /// `channelKey` or `pg`.
    pub gateway: &'a Gateway,
    /// `pay_method`: one of KICC's four; for the issue of a key, [`PayMethod::Card`].
    pub pay_method: PayMethod,
    /// `merchant_uid`: a fresh one for each window (spec §5).
    pub merchant_uid: &'a TransactionNumber,
    /// `name` of the order, at most 40; an older manual recommends 16.
    pub name: &'a str,
    /// `amount` in won. For the issue of a key it is shown and not charged, and may be 0.
    pub amount: Won,
    /// `m_redirect_url`: where a phone comes back to. Its own query is kept.
    pub redirect_url: &'a ReturnUrl,
    /// `tax_free`: the part of the amount on which no VAT is due; to be stated, also as 0, where the merchant's id
    /// is for mixed taxes (spec §9.2).
    pub tax_free: Option<Won>,
    /// Who buys.
    pub buyer: Buyer<'a>,
    /// `customer_uid`: given, the window issues a billing key under it and charges nothing (spec §9.5).
    pub customer_uid: Option<&'a CustomerUid>,
    /// `escrow` and `kiccProducts`: an escrow payment of these goods, by account transfer or virtual account.
    pub escrow: Option<&'a [EscrowProduct<'a>]>,
    /// `digital`, for [`PayMethod::Phone`] alone and required there: whether it is no physical good.
    pub digital: Option<bool>,
    /// `vbank_due`, for [`PayMethod::VirtualAccount`] alone: until when the deposit must come, KST.
    pub deposit_until: Option<KstDateTime>,
    /// What is special about paying by card.
    pub card: CardOptions<'a>,
    /// `bypass.kicc.disp_cash_yn`: whether the customer is offered a cash receipt; `Y` or `N` on the wire, as its
    /// name says (the page gives no value).
    pub cash_receipt: Option<bool>,
    /// `app_scheme`: how a card company's app comes back to the shop's, as `name` or `name://path?query`.
    pub app_scheme: Option<&'a str>,
    /// `notice_url`: where this payment's webhooks go, in place of the console's address. One: pages disagree
    /// whether several are allowed (spec §13.7).
    pub notice_url: Option<&'a ReturnUrl>,
    /// `confirm_url`: where i'mport asks before it approves ([`confirm`](super::confirm)).
    pub confirm_url: Option<&'a ReturnUrl>,
    /// `custom_data`: a JSON object that the payment keeps as text; at most 4000 bytes (our choice). The page shows
    /// it to whoever looks.
    pub custom_data: Option<&'a str>,
    /// `customer_id`: the shop's id of the customer; at most 80 (our choice).
    pub customer_id: Option<&'a str>,
    /// `currency`: `KRW` or nothing, which is the same.
    pub currency: Option<&'a str>,
    /// `language`: `ko` or nothing; KICC's window has no other.
    pub language: Option<&'a str>,
}

/// `buyer_*`: who buys. For a payment `tel` is required, KICC's window may fail without; escrow needs name and
/// email too (spec §9.4). None may be blank.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Buyer<'a> {
    /// `buyer_name`, at most 16.
    pub name: Option<&'a str>,
    /// `buyer_email`, at most 64.
    pub email: Option<&'a str>,
    /// `buyer_tel`, at most 16.
    pub tel: Option<&'a str>,
    /// `buyer_addr`, at most 128.
    pub address: Option<&'a str>,
    /// `buyer_postcode`, at most 8.
    pub postcode: Option<&'a str>,
}

/// One of `kiccProducts` (spec §9.4): by it a part of an order can be delivered and confirmed.
#[derive(Debug, Clone, Copy)]
pub struct EscrowProduct<'a> {
    /// `orderNumber`.
    pub order_number: &'a OrderNumber,
    /// `name`, at most 40 as an order's (our choice: no limit is published).
    pub name: &'a str,
    /// `quantity`, at least 1.
    pub quantity: u32,
    /// `amount` in won. Nobody compares it with the payment's.
    pub amount: Won,
}

impl<'a> RequestPay<'a> {
    /// What every window needs.
    #[must_use]
    pub fn new(
        gateway: &'a Gateway,
        pay_method: PayMethod,
        merchant_uid: &'a TransactionNumber,
        name: &'a str,
        amount: Won,
        redirect_url: &'a ReturnUrl,
    ) -> Self {
        RequestPay {
            gateway,
            pay_method,
            merchant_uid,
            name,
            amount,
            redirect_url,
            tax_free: None,
            buyer: Buyer::default(),
            customer_uid: None,
            escrow: None,
            digital: None,
            deposit_until: None,
            card: CardOptions::default(),
            cash_receipt: None,
            app_scheme: None,
            notice_url: None,
            confirm_url: None,
            custom_data: None,
            customer_id: None,
            currency: None,
            language: None,
        }
    }

    /// Checks it all (R5) and writes it down for the page.
    ///
    /// # Errors
    /// The first field that is missing, too long, not allowed, or that KICC does not offer, with the reason.
    pub fn parameters(&self) -> Result<Parameters, Invalid> {
        checks::check(self)?;
        Parameters::new(self)
    }
}

impl fmt::Debug for RequestPay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestPay")
            .field("gateway", &self.gateway)
            .field("pay_method", &self.pay_method)
            .field("merchant_uid", &self.merchant_uid)
            .field("amount", &self.amount)
            .field("card", &self.card)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Buyer<'_> {
    /// About a person: not printed (R23).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buyer(..)")
    }
}
