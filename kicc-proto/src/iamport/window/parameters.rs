//! The checked parameters on the wire, with their own names (spec §9.2).

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{CardOptions, Cards, RequestPay};
use crate::values::{Invalid, Problem};

/// What the page gives to `IMP.request_pay`, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameters {
    json: Box<str>,
}

impl Parameters {
    /// A JSON object that is safe where a script stands in HTML, also inside an attribute in single quotes: `<`,
    /// `>`, `&`, `'` and the line separators are escaped, so that no text in it, such as `</script>`, can end what
    /// it stands in.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    pub(super) fn new(request: &RequestPay<'_>) -> Result<Self, Invalid> {
        let message = Message::of(request)?;
        // Strings, numbers and checked JSON only: none of serde_json's errors can arise.
        let json = serde_json::to_string(&message).unwrap_or_default();
        Ok(Parameters { json: for_script(&json).into() })
    }
}

impl fmt::Debug for Parameters {
    /// They are about a person (R23).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters").field("json_bytes", &self.json.len()).finish_non_exhaustive()
    }
}

/// In JSON these characters stand inside strings alone, where an escape is the same character.
fn for_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\'' => safe.push_str("\\u0027"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            _ => safe.push(c),
        }
    }
    safe
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "channelKey", skip_serializing_if = "Option::is_none")]
    channel_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pg: Option<String>,
    pay_method: &'a str,
    merchant_uid: &'a str,
    name: &'a str,
    amount: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free: Option<u64>,
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
    customer_uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escrow: Option<bool>,
    #[serde(rename = "kiccProducts", skip_serializing_if = "Option::is_none")]
    kicc_products: Option<Vec<Product<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digital: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vbank_due: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<Card<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<Display>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass: Option<Bypass>,
    m_redirect_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_scheme: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
}

/// Strings, strings, number, number, as in the page's sample (spec §9.4).
#[derive(Serialize)]
struct Product<'a> {
    #[serde(rename = "orderNumber")]
    order_number: &'a str,
    name: &'a str,
    quantity: u32,
    amount: u64,
}

#[derive(Serialize)]
struct Card<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    direct: Option<DirectCall<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detail: Vec<Detail<'a>>,
}

#[derive(Serialize)]
struct DirectCall<'a> {
    code: &'a str,
    quota: u8,
}

#[derive(Serialize)]
struct Detail<'a> {
    card_code: &'a str,
    enabled: bool,
}

#[derive(Serialize)]
struct Display {
    card_quota: Vec<u8>,
}

#[derive(Serialize)]
struct Bypass {
    kicc: KiccBypass,
}

#[derive(Serialize)]
struct KiccBypass {
    disp_cash_yn: &'static str,
}

impl<'a> Message<'a> {
    fn of(request: &'a RequestPay<'a>) -> Result<Self, Invalid> {
        let custom_data = request.custom_data.map(serde_json::from_str).transpose();
        let product = |product: &super::EscrowProduct<'a>| Product {
            order_number: product.order_number.as_str(),
            name: product.name,
            quantity: product.quantity,
            amount: product.amount.0,
        };
        let months = request.card.months.map(|months| months.iter().map(|months| months.months()).collect());
        let yes_or_no = |yes: bool| if yes { "Y" } else { "N" };
        Ok(Message {
            channel_key: request.gateway.channel_key(),
            pg: request.gateway.pg(),
            pay_method: request.pay_method.as_str(),
            merchant_uid: request.merchant_uid.as_str(),
            name: request.name,
            amount: request.amount.0,
            tax_free: request.tax_free.map(|won| won.0),
            buyer_name: request.buyer.name,
            buyer_email: request.buyer.email,
            buyer_tel: request.buyer.tel,
            buyer_addr: request.buyer.address,
            buyer_postcode: request.buyer.postcode,
            customer_uid: request.customer_uid.map(|uid| uid.expose()),
            customer_id: request.customer_id,
            escrow: request.escrow.map(|_| true),
            kicc_products: request.escrow.map(|products| products.iter().map(product).collect()),
            digital: request.digital,
            vbank_due: request.deposit_until.as_ref().map(|due| due.as_str()),
            company: request.card.direct.and_then(|direct| direct.company),
            auth_mode: request.card.key_in.then_some("key-in"),
            card: Card::of(&request.card),
            display: months.map(|card_quota| Display { card_quota }),
            bypass: request
                .cash_receipt
                .map(|yes| Bypass { kicc: KiccBypass { disp_cash_yn: yes_or_no(yes) } }),
            m_redirect_url: request.redirect_url.as_str(),
            app_scheme: request.app_scheme,
            notice_url: request.notice_url.map(|url| url.as_str()),
            confirm_url: request.confirm_url.map(|url| url.as_str()),
            custom_data: custom_data
                .map_err(|_| Problem::Other("must be a JSON object").of("custom data"))?,
            currency: request.currency,
            language: request.language,
        })
    }
}

impl<'a> Card<'a> {
    fn of(options: &CardOptions<'a>) -> Option<Self> {
        let direct = options
            .direct
            .map(|direct| DirectCall { code: direct.code.as_str(), quota: direct.quota.months() });
        let (enabled, codes) = match options.cards {
            Cards::All => (false, &[][..]),
            Cards::Only(codes) => (true, codes),
            Cards::Without(codes) => (false, codes),
        };
        let all_off = enabled.then_some(Detail { card_code: "*", enabled: false });
        let each = codes.iter().map(|code| Detail { card_code: code.as_str(), enabled });
        let detail: Vec<_> = all_off.into_iter().chain(each).collect();
        (direct.is_some() || !detail.is_empty()).then_some(Card { direct, detail })
    }
}
