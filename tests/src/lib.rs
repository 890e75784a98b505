//! The test kit: a simulated VAN that speaks real HTTP on loopback, keeps a ledger of its own and fails on request.
//!
//! It is written apart from the clients that it tests, and shares no code with them: its signature check, its field
//! tables and its dates are its own.

pub mod client_kit;
#[cfg(all(unix, feature = "cluster"))]
pub mod cluster;
pub mod journal_kit;
pub mod memory;
#[cfg(feature = "transport-kit")]
pub mod transport_kit;
pub mod van;
