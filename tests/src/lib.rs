//! The test kit: a simulated VAN that speaks real HTTP on loopback, keeps a ledger of its own and fails on request.
//!
//! It is written apart from the clients that it tests, and shares no code with them: its signature check, its field
//! tables and its dates are its own.
//!
//! [`client_kit`], `transport_kit` (with the feature `transport-kit`) and [`journal_kit`] hold clients, transports and
//! journals to their contracts; `docs/own-runtime.md` of the repository has a sample of each. *R1* to *R25* are the rules of
//! `docs/guarantees.md`, *spec A.5* and the like the pages of KICC's documentation that `docs/confirm-with-kicc.md` lists.
// The Rust of the pages about the kits is run as a test.
#![cfg_attr(doctest, doc = include_str!("../../docs/own-runtime.md"))]
#![cfg_attr(doctest, doc = include_str!("../../docs/testing-your-shop.md"))]

pub mod client_kit;
#[cfg(all(unix, feature = "cluster"))]
pub mod cluster;
pub mod journal_kit;
pub mod memory;
#[cfg(feature = "transport-kit")]
pub mod transport_kit;
pub mod van;
