//! An order that the customer has authenticated, and the attempt that begins with it.

use serde::{Deserialize, Serialize};

use super::messages;
use crate::{
    flow::{self, ApprovalBody, Attempt, Opening, Persist},
    journal::short_hash,
    product::{self, Payload, Product},
    time::Now,
    values::{
        Amount, CertControlNumber, Environment, Invalid, KstDate, Mark, OrderNumber, Problem, Secret,
        TransactionNumber, VanTerminalId,
    },
};

/// Who sells, in every message of EasyTalkPay (spec B.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The environment's label (R3), such as `test`.
    pub environment: Environment,
    /// `vanTid`.
    pub van_terminal_id: VanTerminalId,
}

/// What is to be paid, as it was registered and authenticated. Every part was checked when it was made (R5).
#[derive(Debug, Clone)]
pub struct Order {
    number: TransactionNumber,
    order_number: OrderNumber,
    amount: Amount,
    cert_control_number: CertControlNumber,
}

impl Order {
    /// An order. `number` becomes the approval's `shopTransactionId`, which is unique per request (spec C.1): not
    /// the registration's. Order number and amount are those of the registration, from the shop's own books.
    #[must_use]
    pub fn new(
        number: TransactionNumber,
        order_number: OrderNumber,
        amount: Amount,
        cert_control_number: CertControlNumber,
    ) -> Self {
        Order { number, order_number, amount, cert_control_number }
    }

    /// The amount that was registered, in won.
    #[must_use]
    pub fn amount(&self) -> &Amount {
        &self.amount
    }

    /// The same data give the same text (R3).
    fn fingerprint(&self) -> Mark {
        let total = alloc::format!("{}", self.amount.total().0);
        let parts = ["easytalk", &total, self.order_number.as_str(), self.cert_control_number.expose()];
        short_hash(&parts)
    }
}

/// What EasyTalkPay keeps in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// `shopOrderNo` of the registration.
    pub order_number: OrderNumber,
    /// `approvalReqDate`, KST: the key lapses with this day, and a query needs it (spec C.1).
    pub requested_on: KstDate,
    /// The date for which the status query under way asks.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked: Option<KstDate>,
    /// A date for which the status query said *not found* when that counted (R13b).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_found: Option<KstDate>,
}

impl product::Order for Order {
    fn number(&self) -> &TransactionNumber {
        &self.number
    }

    fn product(&self) -> Product {
        Product::EasyTalk
    }

    /// Also refuses when no [`Settings`](super::Settings) say whether there is a status query.
    fn open(&self, opening: &Opening<'_>, now: Now) -> Result<Persist, Invalid> {
        let product::Merchant::EasyTalk(merchant) = opening.merchant else {
            return Err(product::wrong_merchant());
        };
        if opening.driver.policy.products.easytalk.is_none() {
            return Err(Problem::Other("must say whether there is a status query").of("easytalk settings"));
        }
        let requested_on = flow::selling_at(now)?.date();
        let cert_control_number = self.cert_control_number.expose();
        let place = [merchant.environment.as_str(), merchant.van_terminal_id.as_str()];
        let body = messages::approval(merchant, &self.number, &self.cert_control_number, &requested_on);
        let attempt = Attempt {
            key: opening.merchant.key(self.number.clone()),
            amount: self.amount,
            payload: Payload::EasyTalk(Recorded {
                order_number: self.order_number.clone(),
                requested_on,
                asked: None,
                not_found: None,
            }),
            fingerprint: self.fingerprint(),
            authorisation_mark: Some(short_hash(&[
                "easytalk authorisation",
                place[0],
                place[1],
                cert_control_number,
            ])),
            body: ApprovalBody::Whole(body),
            net_cancel: Secret::default(),
        };
        Ok(flow::open(attempt, opening, now))
    }
}
