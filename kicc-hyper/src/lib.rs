//! Card payments over KICC's VAN, async: sockets by hyper and rustls on tokio, safe to drop at any await.
//!
//! *R1* to *R25* are the rules of `docs/guarantees.md` of the repository, *spec A.5* and the like the pages of KICC's
//! documentation that `docs/confirm-with-kicc.md` lists.
#![forbid(unsafe_code)]
// The Rust of the pages about servers is run as a test.
#![cfg_attr(doctest, doc = include_str!("../../docs/postgres.md"))]
#![cfg_attr(doctest, doc = include_str!("../../docs/server.md"))]

pub mod client;
pub mod http;
pub mod journal;

pub use client::{Client, Error, Open, Progress, Settled};
