//! The lines of Simple Payment.

use std::sync::Arc;

use kicc_proto::{
    simple,
    values::{Amount, AuthorizationId, Instalment, Parts, TokenKey, TransactionNumber, UserData},
    wire::{sign::Sign, token_key::Aes256Cbc},
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
    vat: Field,
    service_charge: Field,
    tax_free: Field,
    instalment: Field,
    token_key: Field,
    authorization_id: Field,
    user_data: Field,
}

impl Fields for Line {
    fn number(&self) -> &Field {
        &self.number
    }
}

/// Makes orders of lines.
pub(super) struct Maker {
    /// Marks authorisations (R3).
    pub signer: Arc<dyn Sign + Send + Sync>,
    /// Enciphers them, where the configuration has a key for that.
    pub cipher: Option<Aes256Cbc>,
}

impl Maker {
    pub fn order(&self, line: &Line, number: TransactionNumber) -> Result<Order, String> {
        let parts = Parts {
            vat: line.vat.won("vat")?.unwrap_or_default(),
            service_charge: line.service_charge.won("service_charge")?.unwrap_or_default(),
            tax_free: line.tax_free.won("tax_free")?.unwrap_or_default(),
        };
        let amount = Amount::new(line.amount.required_won("amount")?, parts).map_err(plain)?;
        let token_key = line.token_key.text("token_key")?;
        let authorization = line.authorization_id.text("authorization_id")?;
        let mut order = match (token_key, authorization) {
            (Some(token_key), None) => {
                simple::Order::new(number, amount, TokenKey::new(token_key).map_err(plain)?)
            }
            (None, Some(id)) => {
                let id = AuthorizationId::new(id).map_err(plain)?;
                let cipher = self.cipher.as_ref();
                let cipher =
                    cipher.ok_or("authorization_id: needs [secrets] token_key in the configuration")?;
                simple::Order::authorised(number, amount, &id, cipher, &*self.signer)
                    .map_err(|error| error.to_string())?
            }
            _ => return Err("token_key or authorization_id: exactly one of them must be there".into()),
        };
        if let Some(instalment) = line.instalment.text("instalment")? {
            order = order.instalment(Instalment::new(instalment).map_err(plain)?);
        }
        if let Some(user_data) = line.user_data.text("user_data")? {
            order = order.user_data(UserData::new(user_data).map_err(plain)?);
        }
        Ok(Order::Simple(Box::new(order)))
    }
}
