//! "What do the two books disagree on?"

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ledger::{Entry, Ledger};

/// One line of the merchant's book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookEntry {
    /// The merchant's number.
    pub number: String,
    /// The total in won, less what partial refunds gave back.
    pub amount: u64,
    /// What the merchant believes.
    pub charged: Charged,
}

/// Is the customer charged, as the merchant believes?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charged {
    /// Yes.
    Yes,
    /// No.
    No,
    /// The merchant knows that it does not know.
    Unknown,
}

/// What two books disagree on; also the JSON of `POST /disagreements`. Amounts are won.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Disagreement {
    /// The customer is charged, and the merchant says no or does not know the number.
    Lost {
        /// The merchant's number.
        number: String,
        /// What stands.
        amount: u64,
    },
    /// The customer is charged more than once for one number.
    Doubled {
        /// The merchant's number.
        number: String,
        /// How many charges stand.
        times: usize,
    },
    /// The customer is charged another amount than the merchant believes.
    AmountDiffers {
        /// The merchant's number.
        number: String,
        /// What stands.
        van: u64,
        /// What the merchant believes.
        merchant: u64,
    },
    /// The merchant says charged, and no charge stands.
    NotStanding {
        /// The merchant's number.
        number: String,
        /// What the merchant believes.
        amount: u64,
    },
    /// The merchant knows that it does not know: no disagreement, but a person must look.
    ForAPerson {
        /// The merchant's number.
        number: String,
        /// Does a charge stand in the VAN's books?
        standing: bool,
    },
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { number, amount } => {
                write!(f, "{number}: lost: {amount} won charged, merchant says no")
            }
            Self::Doubled { number, times } => write!(f, "{number}: doubled: charged {times} times"),
            Self::AmountDiffers { number, van, merchant } => {
                write!(f, "{number}: amount differs: {van} won charged, merchant says {merchant}")
            }
            Self::NotStanding { number, amount } => {
                write!(f, "{number}: merchant says {amount} won, no charge stands")
            }
            Self::ForAPerson { number, standing } => {
                write!(f, "{number}: for a person: {}", if *standing { "charged" } else { "not charged" })
            }
        }
    }
}

impl Ledger {
    /// Compares these books with the merchant's, which has each number once. Sorted by number.
    #[must_use]
    pub fn disagreements(&self, merchant_book: impl IntoIterator<Item = BookEntry>) -> Vec<Disagreement> {
        let mut numbers: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for entry in &self.entries {
            numbers.entry(&entry.number).or_default().extend(standing_amounts(entry));
        }
        let book: BTreeMap<String, BookEntry> =
            merchant_book.into_iter().map(|line| (line.number.clone(), line)).collect();
        for number in book.keys() {
            numbers.entry(number).or_default();
        }
        numbers.iter().flat_map(|(number, standing)| compare(number, standing, book.get(*number))).collect()
    }
}

fn standing_amounts(entry: &Entry) -> impl Iterator<Item = u64> {
    entry
        .charges
        .iter()
        .filter(|charge| charge.voided.is_none())
        .map(|charge| charge.amount - charge.refunded)
}

fn compare(number: &str, standing: &[u64], line: Option<&BookEntry>) -> Vec<Disagreement> {
    let number = number.to_owned();
    let mut found = Vec::new();
    if standing.len() > 1 {
        found.push(Disagreement::Doubled { number: number.clone(), times: standing.len() });
    }
    match (standing.first(), line.map(|line| (line.charged, line.amount))) {
        (first, Some((Charged::Unknown, _))) => {
            found.push(Disagreement::ForAPerson { number, standing: first.is_some() });
        }
        (Some(_), None | Some((Charged::No, _))) => {
            found.push(Disagreement::Lost { number, amount: standing.iter().sum() });
        }
        (Some(&van), Some((Charged::Yes, merchant))) if van != merchant => {
            found.push(Disagreement::AmountDiffers { number, van, merchant });
        }
        (None, Some((Charged::Yes, amount))) => found.push(Disagreement::NotStanding { number, amount }),
        (Some(_), Some((Charged::Yes, _))) | (None, None | Some((Charged::No, _))) => {}
    }
    found
}
