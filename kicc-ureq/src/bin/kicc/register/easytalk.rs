//! The lines of EasyTalkPay: what is to be paid.

use kicc_proto::{
    easytalk::register::{Purchase, registration},
    values::{BusinessNumber, OrderNumber},
};
use serde::Deserialize;

use super::{Desk, Ready, number};
use crate::lines::{Field, Fields, plain};

/// One registration.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Line {
    number: Field,
    order_number: Field,
    amount: Field,
    tax: Field,
    product_name: Field,
    merchant_name: Field,
    business_number: Field,
    return_url: Field,
    complete_url: Field,
    notice: Field,
}

impl Fields for Line {
    fn number(&self) -> &Field {
        &self.number
    }
}

/// The business number is that of the line, else the configuration's.
pub(super) fn ready(line: &Line, desk: &Desk<'_>) -> Result<Ready, String> {
    let (Some(merchant), Some(settings)) = (&desk.config.easytalk, &desk.config.policy.products.easytalk)
    else {
        return Err("EasyTalkPay is not configured".into());
    };
    let number = number(line.number.required_text("number")?)?;
    let order_number = line.order_number.required_text("order_number")?;
    let business_number = match line.business_number.text("business_number")? {
        Some(text) => BusinessNumber::new(text).map_err(plain)?,
        None => {
            desk.config.business_number.clone().ok_or("business_number: is missing, also in [merchant]")?
        }
    };
    let return_url = desk.return_url(line.return_url.required_text("return_url")?).map_err(plain)?;
    let complete_url = line.complete_url.text("complete_url")?;
    let complete_url = complete_url.map(|text| desk.return_url(text)).transpose().map_err(plain)?;
    let purchase = Purchase {
        number: &number,
        order_number: &OrderNumber::new(order_number).map_err(plain)?,
        total: line.amount.required_won("amount")?,
        tax: line.tax.required_won("tax")?,
        product_name: line.product_name.required_text("product_name")?,
        merchant_name: line.merchant_name.required_text("merchant_name")?,
        business_number: &business_number,
        return_url: &return_url,
        complete_url: complete_url.as_ref(),
        notice: line.notice.text("notice")?,
    };
    let registration = registration(merchant, settings, &purchase, desk.clock.now()).map_err(plain)?;
    Ok(Ready { order_number: order_number.to_owned(), number, registration })
}
