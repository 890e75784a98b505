//! Card payments over KICC's VAN, blocking: sockets by ureq, records in one SQLite file.
//!
//! [`Client::approve`] takes an order to its outcome. Whatever happens on the way — no answer, half an answer, a
//! killed process — the attempt is in the journal first, is sent at most once, and [`Client::recover`] goes on
//! with what another process left behind. A caller gets an outcome, *still open until then*, or an error from
//! before anything was sent; never a bare timeout.
//!
//! *R1* to *R25* are the rules of `docs/guarantees.md` of the repository, *spec A.5* and the like the pages of KICC's
//! documentation that `docs/confirm-with-kicc.md` lists.
#![forbid(unsafe_code)]
// The Rust of README and docs is run as a test.
#![cfg_attr(doctest, doc = include_str!("../../README.md"))]
#![cfg_attr(doctest, doc = include_str!("../../docs/iamport.md"))]
#![cfg_attr(doctest, doc = include_str!("../../docs/kiosk.md"))]

pub mod client;
pub mod http;
pub mod journal;

pub use client::{Client, Error, Open, Progress, Settled};
