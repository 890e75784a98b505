//! EasyTalkPay (spec B): registration, approval, cancellation and status query, in EUC-KR.
//!
//! An order is registered ([`register`]), the customer pays in a window that posts its result to the shop
//! ([`window`]), and that is approved ([`Order`]). Its rescue (R11): ask what became of the approval, and cancel
//! what stands. The page of that query is not public (spec B.6), so the query is configured, or expressly done
//! without ([`Settings`]).

mod messages;
mod order;
pub mod register;
mod reply;
pub(crate) mod rules;
mod settings;
pub mod window;

#[cfg(test)]
mod tests;

pub use order::{Merchant, Order, Recorded};
pub use settings::{Settings, StatusQuery};
