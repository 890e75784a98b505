//! VAN Simple Payment (spec A): approval, cancellation and net-cancel under signature headers, in UTF-8.
//!
//! Its rescue (R10): a net-cancel with exactly the recorded data of the approval. There is no status query.

pub mod auth;
mod messages;
mod order;
mod original;
mod reply;
pub(crate) mod rules;

#[cfg(test)]
mod tests;

pub use self::original::Original;
pub use order::{AuthorizationError, Merchant, Order, Recorded};
