//! The lines of Simple Payment: which of a customer's cards is to be authenticated.

use kicc_proto::{
    simple::auth::{Authentication, CustomerKey, Settings, VirtualNumber, registration},
    values::OrderNumber,
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
    customer_key: Field,
    virtual_number: Field,
    payment_method: Field,
    card_code: Field,
    return_url: Field,
    parameter: Field,
}

impl Fields for Line {
    fn number(&self) -> &Field {
        &self.number
    }
}

pub(super) fn ready(line: &Line, desk: &Desk<'_>) -> Result<Ready, String> {
    let simple = desk.config.simple.as_ref().ok_or("Simple Payment is not configured")?;
    let settings =
        Settings { authorization: simple.authorization, ..Settings::new(simple.merchant.service_id.clone()) };
    let text = Field::required_text;
    let number = number(text(&line.number, "number")?)?;
    let order_number = OrderNumber::new(text(&line.order_number, "order_number")?).map_err(plain)?;
    let customer_key = CustomerKey::new(text(&line.customer_key, "customer_key")?).map_err(plain)?;
    let virtual_number = VirtualNumber::new(text(&line.virtual_number, "virtual_number")?).map_err(plain)?;
    let authentication = Authentication {
        number: &number,
        order_number: &order_number,
        customer_key: &customer_key,
        virtual_number: &virtual_number,
        type_code: text(&line.payment_method, "payment_method")?,
        detail_code: text(&line.card_code, "card_code")?,
        return_url: &desk.return_url(text(&line.return_url, "return_url")?).map_err(plain)?,
        parameter: line.parameter.text("parameter")?,
    };
    let registration = registration(&settings, &authentication).map_err(plain)?;
    Ok(Ready { order_number: order_number.as_str().to_owned(), number, registration })
}
