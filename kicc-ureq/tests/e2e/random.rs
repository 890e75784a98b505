//! Randomness that can be had again: which bytes, which instants, in which order. The proofs with processes share it.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// `KICC_SEED`, or the clock's; printed once.
static SEED: LazyLock<u64> = LazyLock::new(|| {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros() as u64);
    let seed = std::env::var("KICC_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(clock);
    eprintln!("KICC_SEED={seed}");
    seed
});

/// Splitmix64.
pub struct Random(u64);

impl Random {
    /// One of many from the run's seed.
    pub fn new(which: u64) -> Self {
        Random(*SEED ^ which.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
