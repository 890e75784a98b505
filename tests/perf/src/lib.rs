//! What the library costs, as ratios to the same work through the bare libraries, and the guard over it.
//! `docs/performance.md` says how to read the figures; `tests/perf/run` writes it.

pub mod alloc;
pub mod core;
pub mod guard;
pub mod measure;
#[cfg(feature = "adapters")]
pub mod net;
pub mod report;
