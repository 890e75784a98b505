//! The lines of i'mport: charges of billing keys, and payments that were made in the window.

use kicc_proto::{
    iamport::{Charge, CustomerUid, ImpUid, WindowPayment},
    values::{Amount, Invalid, Parts, TransactionNumber},
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
    tax_free: Field,
    imp_uid: Field,
    customer_uid: Field,
    name: Field,
    buyer_name: Field,
    buyer_email: Field,
    buyer_tel: Field,
    buyer_addr: Field,
    buyer_postcode: Field,
    card_quota: Field,
}

impl Fields for Line {
    fn number(&self) -> &Field {
        &self.number
    }
}

/// With an `imp_uid` it was paid in the window, and the line is what the shop's own books say of it; with a
/// `customer_uid` that billing key is charged.
pub(super) fn order(line: &Line, number: TransactionNumber) -> Result<Order, String> {
    let parts = Parts { tax_free: line.tax_free.won("tax_free")?.unwrap_or_default(), ..Parts::default() };
    let amount = Amount::new(line.amount.required_won("amount")?, parts).map_err(plain)?;
    match (line.imp_uid.text("imp_uid")?, line.customer_uid.text("customer_uid")?) {
        (Some(imp_uid), None) => {
            line.has_only_what_the_books_say()?;
            let imp_uid = ImpUid::new(imp_uid).map_err(plain)?;
            let payment = WindowPayment::new(number, imp_uid, amount).map_err(plain)?;
            Ok(Order::Window(Box::new(payment)))
        }
        (None, Some(customer_uid)) => {
            let customer_uid = CustomerUid::new(customer_uid).map_err(plain)?;
            let name = line.name.required_text("name")?;
            let charge = Charge::new(number, customer_uid, amount, name).map_err(plain)?;
            Ok(Order::Charge(Box::new(line.details(charge)?)))
        }
        _ => Err("customer_uid or imp_uid: exactly one of them must be there".into()),
    }
}

impl Line {
    fn details(&self, mut charge: Charge) -> Result<Charge, String> {
        type Set = fn(Charge, &str) -> Result<Charge, Invalid>;
        let texts: [(&str, &Field, Set); 5] = [
            ("buyer_name", &self.buyer_name, Charge::buyer_name),
            ("buyer_email", &self.buyer_email, Charge::buyer_email),
            ("buyer_tel", &self.buyer_tel, Charge::buyer_tel),
            ("buyer_addr", &self.buyer_addr, Charge::buyer_address),
            ("buyer_postcode", &self.buyer_postcode, Charge::buyer_postcode),
        ];
        for (name, field, set) in texts {
            if let Some(text) = field.text(name)? {
                charge = set(charge, text).map_err(plain)?;
            }
        }
        if let Some(months) = self.card_quota.months("card_quota")? {
            charge = charge.months(months).map_err(plain)?;
        }
        Ok(charge)
    }

    /// A field of a charge would be passed over in silence.
    fn has_only_what_the_books_say(&self) -> Result<(), String> {
        let of_charges = [
            ("name", &self.name),
            ("buyer_name", &self.buyer_name),
            ("buyer_email", &self.buyer_email),
            ("buyer_tel", &self.buyer_tel),
            ("buyer_addr", &self.buyer_addr),
            ("buyer_postcode", &self.buyer_postcode),
            ("card_quota", &self.card_quota),
        ];
        match of_charges.iter().find(|(_, field)| field.is_there()) {
            Some((name, _)) => Err(format!("{name}: is for a charge, and this was paid in the window")),
            None => Ok(()),
        }
    }
}
