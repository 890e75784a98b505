//! The lines of i'mport: what the shop's page calls `IMP.request_pay` with.

use kicc_proto::{
    iamport::{
        CustomerUid,
        payment::PayMethod,
        window::{Parameters, RequestPay, SCRIPT_URL, Store},
    },
    values::{Amount, Parts, TransactionNumber},
};
use serde::{Deserialize, Serialize};

use super::{Desk, number};
use crate::{
    config::Iamport,
    lines::{Field, Fields, plain},
};

/// One window.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Line {
    number: Field,
    amount: Field,
    name: Field,
    pay_method: Field,
    return_url: Field,
    tax_free: Field,
    buyer_name: Field,
    buyer_email: Field,
    buyer_tel: Field,
    buyer_addr: Field,
    buyer_postcode: Field,
    customer_uid: Field,
    digital: Field,
}

impl Fields for Line {
    fn number(&self) -> &Field {
        &self.number
    }
}

/// What the page needs, in the order in which it needs it.
#[derive(Serialize)]
pub(super) struct Page {
    /// `merchant_uid`.
    number: TransactionNumber,
    /// The script to load.
    script: String,
    /// The call that comes once.
    init: String,
    /// The argument of `IMP.request_pay`: JSON that is safe as it stands inside a script element.
    parameters: String,
    #[serde(skip)]
    charged: Option<Amount>,
}

impl Page {
    pub(super) fn number(&self) -> &TransactionNumber {
        &self.number
    }

    pub(super) fn parameters(&self) -> &str {
        &self.parameters
    }

    /// What the window takes; nothing where it issues a billing key.
    pub(super) fn charged(&self) -> Option<&Amount> {
        self.charged.as_ref()
    }
}

/// With a `customer_uid` the window issues a billing key, and charges nothing.
pub(super) fn page(line: &Line, desk: &Desk<'_>) -> Result<Page, String> {
    let iamport = desk.config.iamport.as_ref().ok_or("i'mport is not configured")?;
    let number = number(line.number.required_text("number")?)?;
    let parameters = line.parameters(iamport, &number, desk)?;
    let merchant = &iamport.merchant;
    let store = Store { code: merchant.store.clone(), tier: merchant.tier.clone() };
    let script = match desk.is_loopback {
        // The simulated one has the stand-in beside it.
        true => format!("{}/v1/iamport.js", desk.config.http.base_url),
        false => SCRIPT_URL.to_owned(),
    };
    let charged = match line.customer_uid.text("customer_uid")? {
        Some(_) => None,
        None => Some(Amount::new(line.amount.required_won("amount")?, Parts::default()).map_err(plain)?),
    };
    let (init, parameters) = (store.init_script(), parameters.json().to_owned());
    Ok(Page { number, script, init, parameters, charged })
}

impl Line {
    fn parameters(
        &self,
        iamport: &Iamport,
        number: &TransactionNumber,
        desk: &Desk<'_>,
    ) -> Result<Parameters, String> {
        let pay_method = PayMethod::from_word(self.pay_method.required_text("pay_method")?);
        let name = self.name.required_text("name")?;
        let amount = self.amount.required_won("amount")?;
        let return_url = desk.return_url(self.return_url.required_text("return_url")?).map_err(plain)?;
        let customer_uid = self.customer_uid.text("customer_uid")?;
        let customer_uid = customer_uid.map(CustomerUid::new).transpose().map_err(plain)?;
        let mut request = RequestPay::new(&iamport.gateway, pay_method, number, name, amount, &return_url);
        request.tax_free = self.tax_free.won("tax_free")?;
        request.buyer.name = self.buyer_name.text("buyer_name")?;
        request.buyer.email = self.buyer_email.text("buyer_email")?;
        request.buyer.tel = self.buyer_tel.text("buyer_tel")?;
        request.buyer.address = self.buyer_addr.text("buyer_addr")?;
        request.buyer.postcode = self.buyer_postcode.text("buyer_postcode")?;
        request.customer_uid = customer_uid.as_ref();
        request.digital = self.digital.flag("digital")?;
        request.parameters().map_err(plain)
    }
}
