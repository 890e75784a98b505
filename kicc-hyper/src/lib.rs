//! Card payments over KICC's VAN, async: sockets by hyper and rustls on tokio, safe to drop at any await.
#![forbid(unsafe_code)]

pub mod client;
pub mod http;
pub mod journal;

pub use client::{Client, Error, Open, Progress, Settled};
