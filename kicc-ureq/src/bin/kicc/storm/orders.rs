//! The orders of a storm: round all cases, in an order of arrival and with faults that the seed decides.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use kicc_proto::{
    easytalk, iamport,
    product::Product,
    simple,
    values::{Amount, CertControlNumber, Invalid, OrderNumber, Parts, TokenKey, TransactionNumber, Won},
};
use kicc_testkit::van::faults::{End, Fault};
use kicc_ureq::{Client, Error, Progress};

use super::{Args, OF_EACH, cases::Case};
use crate::exit::Fail;

/// One order; it ends as its case says.
pub struct Order {
    /// Its case, by place.
    pub case: usize,
    /// The merchant's number, which no other order has, of whatever product.
    pub number: TransactionNumber,
    /// The total.
    pub amount: Amount,
}

/// As many orders as are asked for.
pub fn round(args: &Args, cases: &[Case]) -> Result<VecDeque<Order>, Fail> {
    let count = args.orders.unwrap_or(OF_EACH * cases.len() as u32);
    let mut orders = Vec::new();
    for (serial, at) in (1..=count).zip((0..cases.len()).cycle()) {
        let (plans, dice) = (cases[at].plans(), dice(args.seed, serial));
        let mut plan = plans[dice as usize % plans.len()];
        if let Fault::Cut(byte) = &mut plan.fault {
            *byte = (dice >> 32) as u32 % 1_000;
        }
        let number = TransactionNumber::new(&plan.number(serial)).map_err(Fail::input)?;
        // Ends in a zero: no magic amount.
        let total = Won(1_000 + 10 * u64::from(serial));
        let amount = Amount::new(total, Parts::default()).map_err(Fail::input)?;
        orders.push((dice, Order { case: at, number, amount }));
    }
    // Those for a person take until the horizon or all tries: they come first, or they would be waited for at the end.
    orders.sort_by_key(|(dice, order)| (cases[order.case].expected != End::NeedsOperator, *dice));
    Ok(orders.into_iter().map(|(_, order)| order).collect())
}

fn dice(seed: u64, serial: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, serial).hash(&mut hasher);
    hasher.finish()
}

impl Order {
    /// Takes it to its end.
    ///
    /// # Errors
    /// [`Error`]: nothing was sent.
    pub fn approve(&self, product: Product, client: &Client) -> Result<Progress, Error> {
        match product {
            Product::Simple => client.approve(&self.simple()?),
            Product::EasyTalk => client.approve(&self.easytalk()?),
            Product::Iamport => client.approve(&self.iamport()?),
        }
    }

    fn simple(&self) -> Result<simple::Order, Invalid> {
        Ok(simple::Order::new(self.number.clone(), self.amount, TokenKey::new("TOKEN_OF_A_STORM")?))
    }

    fn iamport(&self) -> Result<iamport::Charge, Invalid> {
        let customer = iamport::CustomerUid::new("customer-of-a-storm")?;
        iamport::Charge::new(self.number.clone(), customer, self.amount, "goods")
    }

    /// With a `certControlNo` that the VAN takes as made up.
    fn easytalk(&self) -> Result<easytalk::Order, Invalid> {
        let certificate = format!("W{}-{}", self.amount.total().0, self.number);
        Ok(easytalk::Order::new(
            self.number.clone(),
            OrderNumber::new(self.number.as_str())?,
            self.amount,
            CertControlNumber::new(&certificate)?,
        ))
    }
}
