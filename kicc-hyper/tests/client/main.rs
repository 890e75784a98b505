//! The async client, over real HTTP against the simulated VAN: what only an async client has. What both adapters have is
//! in `kicc_testkit::client_kit`, and run by `tests/tests/clients.rs`.
//!
//! `KICC_LONG=1` drops at every poll under every fault.

mod accept;
mod drops;
mod gone;
mod recovery;
mod shop;
mod shutdown;
mod watched;
mod worker;
