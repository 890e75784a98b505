//! Card payments over KICC's VAN, as pure state machines.
//!
//! In scope: the request bytes, reading the answers, and the decision what to do next, above all in the
//! second in which the request has left and the answer does not come. Out of scope: sockets, clocks,
//! randomness, threads, storage. They come in at the door: a *driver* owns them and runs the loop over
//! [`flow::Step`]; `kicc-ureq` (blocking) and `kicc-hyper` (async) are such drivers.
//!
//! The invariant: **an approval is written down before its first byte leaves, is sent at most once, and
//! ends in exactly one of the outcomes of [`flow::Outcome`]**, whatever is lost, delayed or killed between.
//!
//! Where things live: [`values`] (what goes on the wire, checked once), [`wire`] (one exchange as data,
//! signing), [`simple`], [`easytalk`] and [`iamport`] (each product's messages), [`flow`] (what to do next),
//! [`journal`] (the record and the contract of the store), [`codes`] (tables with Korean and English text), [`client`]
//! (what the adapters' clients share).
//!
//! The stages of each product and every way from one to the next, drawn from [`flow::table`], are in
//! `docs/state-machine.md` of the repository.
// Tests have std's prelude, so that a mutation may name what it likes (docs/mutation.md).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod client;
pub mod codes;
pub mod easytalk;
pub mod flow;
pub mod iamport;
pub mod journal;
pub mod product;
pub mod simple;
pub mod time;
pub mod values;
pub mod wire;
