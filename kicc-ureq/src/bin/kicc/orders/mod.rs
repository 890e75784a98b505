//! Orders as JSON, one per line.

mod easytalk;
mod iamport;
mod simple;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    io::{self, BufRead},
};

use kicc_proto::{
    flow::{Opening, Persist},
    product::{self, Product},
    time::Now,
    values::{Invalid, TransactionNumber},
};

use crate::{
    config::{Config, ConfigError},
    lines::{self, BadLine, Fields, plain},
};

/// Makes orders of lines.
pub struct Reader {
    /// Whose orders they are.
    product: Of,
    /// Whether numbers may have up to 40 bytes instead of 20.
    long_numbers: bool,
}

enum Of {
    Simple(simple::Maker),
    EasyTalk,
    Iamport,
}

/// An order of any product.
pub enum Order {
    Simple(Box<kicc_proto::simple::Order>),
    EasyTalk(Box<kicc_proto::easytalk::Order>),
    /// i'mport's, of a billing key.
    Charge(Box<kicc_proto::iamport::Charge>),
    /// i'mport's, of a payment that was made in the window.
    Window(Box<kicc_proto::iamport::WindowPayment>),
}

/// An order and the line that it stands on, from 1.
pub struct Numbered {
    /// The line.
    pub line: usize,
    /// The order.
    pub order: Order,
    /// What later lines with the same number are compared with.
    data: Data,
}

#[derive(PartialEq)]
enum Data {
    Simple(Box<simple::Line>),
    EasyTalk(Box<easytalk::Line>),
    Iamport(Box<iamport::Line>),
}

impl Order {
    fn any(&self) -> &dyn product::Order {
        match self {
            Order::Simple(order) => &**order,
            Order::EasyTalk(order) => &**order,
            Order::Charge(charge) => &**charge,
            Order::Window(payment) => &**payment,
        }
    }
}

impl product::Order for Order {
    fn product(&self) -> Product {
        self.any().product()
    }

    fn number(&self) -> &TransactionNumber {
        self.any().number()
    }

    fn open(&self, opening: &Opening<'_>, now: Now) -> Result<Persist, Invalid> {
        self.any().open(opening, now)
    }
}

impl Reader {
    /// For the configuration's product.
    pub fn new(config: &Config, long_numbers: bool) -> Result<Reader, ConfigError> {
        let product = match config.product {
            Product::Simple => {
                Of::Simple(simple::Maker { signer: config.signer()?, cipher: config.cipher()? })
            }
            Product::EasyTalk => Of::EasyTalk,
            Product::Iamport => Of::Iamport,
        };
        // i'mport's replies have room for the whole number.
        Ok(Reader { long_numbers: long_numbers || matches!(product, Of::Iamport), product })
    }

    /// Reads everything; the bad lines, all of them, if there is one. Empty lines are passed over.
    pub fn all(&self, input: impl BufRead) -> io::Result<Result<Vec<Numbered>, Vec<BadLine>>> {
        let (mut orders, mut bad) = (Vec::<Numbered>::new(), Vec::new());
        let mut first = HashMap::<TransactionNumber, usize>::new();
        self.each(input, |read| {
            match read {
                Err(line) => bad.push(line),
                Ok(numbered) => {
                    let number = product::Order::number(&numbered.order);
                    match first.get(number).map(|at| &orders[*at]) {
                        Some(earlier) if earlier.data != numbered.data => bad.push(BadLine {
                            line: numbered.line,
                            number: Some(number.to_string()),
                            why: format!("line {} has the same number with other data", earlier.line),
                        }),
                        Some(_) => orders.push(numbered),
                        None => {
                            first.insert(number.clone(), orders.len());
                            orders.push(numbered);
                        }
                    }
                }
            }
            true
        })?;
        Ok(if bad.is_empty() { Ok(orders) } else { Err(bad) })
    }

    /// Reads line by line until the end, or until `take` says `false`.
    pub fn each(
        &self,
        input: impl BufRead,
        take: impl FnMut(Result<Numbered, BadLine>) -> bool,
    ) -> io::Result<()> {
        match &self.product {
            Of::Simple(maker) => self.read(
                input,
                |line, number| maker.order(line, number),
                |line| Data::Simple(Box::new(line)),
                take,
            ),
            Of::EasyTalk => self.read(input, easytalk::order, |line| Data::EasyTalk(Box::new(line)), take),
            Of::Iamport => self.read(input, iamport::order, |line| Data::Iamport(Box::new(line)), take),
        }
    }

    fn read<L: Fields>(
        &self,
        input: impl BufRead,
        order: impl Fn(&L, TransactionNumber) -> Result<Order, String>,
        data: impl Fn(L) -> Data,
        mut take: impl FnMut(Result<Numbered, BadLine>) -> bool,
    ) -> io::Result<()> {
        let make = |line: &L| {
            let text = line.number().required_text("number")?;
            let new = if self.long_numbers { TransactionNumber::new_long } else { TransactionNumber::new };
            order(line, new(text).map_err(plain)?)
        };
        lines::each(input, make, |read| {
            take(read.map(|(line, fields, order)| Numbered { line, order, data: data(fields) }))
        })
    }
}
