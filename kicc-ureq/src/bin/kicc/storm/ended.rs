//! What became of an order of a storm.

use kicc_proto::{
    flow::{Charged, Outcome, approval::AmountStated},
    values::Won,
};
use kicc_ureq::{Error, Progress};

use super::orders::Order;
use crate::{result::operator, words};

/// An order and what was reported of it.
pub struct Ended {
    /// The order.
    pub order: Order,
    /// The report.
    pub result: Result<Progress, Error>,
}

impl Ended {
    /// The outcome, if there is one.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.result {
            Ok(Progress::Settled(settled)) => settled.outcome(),
            _ => None,
        }
    }

    /// What was reported, also where it is no outcome.
    pub fn seen(&self) -> &'static str {
        match &self.result {
            Ok(Progress::Open(_)) => "open",
            Err(_) => "error",
            Ok(Progress::Settled(_)) => self.outcome().map_or("refund", Outcome::name),
        }
    }

    /// Whether the customer is charged, as the merchant knows it.
    pub fn charged(&self) -> Charged {
        self.outcome().map_or(Charged::Unknown, Outcome::charged)
    }

    /// Over how much, as the merchant knows it: another amount than the order's is never accepted (R8), but where a
    /// person must look it may stand.
    pub fn amount(&self) -> Won {
        let Ok(Progress::Settled(settled)) = &self.result else { return self.order.amount.total() };
        match settled.record().and_then(|record| record.approval.as_ref()).map(|approval| approval.amount) {
            Some(AmountStated::Differs(stated)) => stated,
            _ => self.order.amount.total(),
        }
    }

    /// Why it ended so, in words.
    pub fn story(&self) -> String {
        match (&self.result, self.outcome()) {
            (Err(error), _) => format!("error: {error}"),
            (_, Some(Outcome::Reversed(why))) => format!("reversed: {}", words::reversed(why)),
            (_, Some(Outcome::NeverSent(why))) => format!("never sent: {}", words::not_sent(*why)),
            (_, Some(Outcome::Declined(said))) => format!("declined: {said}"),
            (_, Some(Outcome::NeedsOperator { why, resolution, .. })) => operator(why, resolution.as_ref()),
            _ => self.seen().to_owned(),
        }
    }
}
