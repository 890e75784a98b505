//! i'mport (PortOne V1) as a front for KICC's payment window and its billing keys, in UTF-8 JSON.
//!
//! Two things are put to the flow: a [`Charge`] of a billing key, and a [`WindowPayment`], whose money has moved before
//! the attempt begins. The rescue of both (R12): look up what became of the number, and cancel, or adopt, what stands.
//! Every message carries a token ([`token`]); what moves no money is in [`calls`].
//!
//! In the browser: the payment [`window`] and its [`result`], with [`webhook`] and [`confirm`] posts beside it. None of
//! that proves anything; a looked-up [`Payment`] is put to [`verify`](fn@verify).

pub mod calls;
pub mod confirm;
mod envelope;
mod hint;
mod messages;
mod order;
mod part;
pub mod payment;
mod reply;
pub mod result;
pub(crate) mod rules;
mod settings;
mod text;
pub mod token;
mod values;
mod verify;
pub mod webhook;
pub mod window;

#[cfg(test)]
mod tests;

pub use hint::HintError;
pub use order::{Charge, Merchant, Recorded, Source, WindowPayment};
pub use payment::Payment;
pub use settings::{ChannelKind, OnFoundPaid, Settings};
pub use token::{AccessToken, ApiKeys, GetToken, Granted, Tokens};
pub use values::{CustomerUid, ImpUid, StoreCode, Tier};
pub use verify::{Expected, Verdict, verify};
