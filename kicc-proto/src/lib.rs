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
//! One step of a driver; `docs/own-runtime.md` of the repository says what else a driver owes:
//!
//! ```
//! use kicc_proto::{flow::Step, journal::Journal, product::Credentials, time::Now};
//! use kicc_proto::wire::{Failure, Request, RequestBuffer, exchange::OwnedReply, sign::Nonce};
//!
//! /// Clock, socket, journal and randomness are yours.
//! fn advance(
//!     step: Step, journal: &dyn Journal, keys: Credentials<'_>, random: [u8; 16], now: impl Fn() -> Now,
//!     post: impl FnOnce(&Request<'_>) -> Result<OwnedReply, Failure>,
//! ) -> Step {
//!     match step {
//!         Step::Persist(persist) => {
//!             let written = journal.write(&persist.row(), persist.expect());
//!             persist.written(written, now())
//!         }
//!         Step::Transmit(transmit) => match transmit.encode(keys, Nonce(random), now(), &mut RequestBuffer::new()) {
//!             Ok((request, in_flight)) => match post(&request) {
//!                 Ok(reply) => in_flight.reply(reply.as_reply(), now()),
//!                 Err(failure) => in_flight.failed(failure, now()),
//!             },
//!             Err(step) => step,
//!         },
//!         Step::InFlight(in_flight) => in_flight.lost(now()), // whoever waited for the answer is gone
//!         Step::Settle(settle) => settle.accept(now()),       // once your books hold it
//!         Step::AskBooks(ask) => ask.nobody_to_ask(now()),
//!         Step::Wait(_) | Step::Done(_) => step, // come back at `Wait::until` and say `wake`; or tell the end
//!     }
//! }
//! ```
//!
//! Feature `std` (default): the dependencies' own `std`; the core needs `alloc` alone, a global allocator and atomic pointers.
//!
//! *R1* to *R25* are the rules of `docs/guarantees.md` of the repository, *spec A.5* and the like the pages of KICC's
//! documentation that `docs/confirm-with-kicc.md` lists.
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
