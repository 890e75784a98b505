//! The lines of EasyTalkPay.

use kicc_proto::{
    easytalk,
    values::{Amount, CertControlNumber, OrderNumber, Parts, TransactionNumber},
};
use serde::Deserialize;

use super::Order;
use crate::lines::{Field, Fields, plain};

/// One order.
#[derive(Deserialize, PartialEq, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Line {
    number: Field,
    amount: Field,
    order_number: Field,
    cert_control_no: Field,
}

impl Fields for Line {
    fn number(&self) -> &Field {
        &self.number
    }
}

/// The order number is the one that was registered; where the line has none, it is the number itself.
pub(super) fn order(line: &Line, number: TransactionNumber) -> Result<Order, String> {
    let amount = Amount::new(line.amount.required_won("amount")?, Parts::default()).map_err(plain)?;
    let order_number = line.order_number.text("order_number")?.unwrap_or(number.as_str());
    let order_number = OrderNumber::new(order_number).map_err(plain)?;
    let cert_control_number = line.cert_control_no.required_text("cert_control_no")?;
    let cert_control_number = CertControlNumber::new(cert_control_number).map_err(plain)?;
    let order = easytalk::Order::new(number, order_number, amount, cert_control_number);
    Ok(Order::EasyTalk(Box::new(order)))
}
