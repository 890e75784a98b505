//! Both clocks, as the caller reads them. The core has none of its own.

use core::ops::Add;

/// Milliseconds on a clock that never goes back: good for waiting, meaningless in another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Mono(pub u64);

/// Milliseconds since 1970-01-01T00:00:00Z: the only time that a record holds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

/// A span in milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Millis(seconds.saturating_mul(1_000))
    }
}

/// The present, read from both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For waits: wall time never shortens one (R25).
    pub mono: Mono,
    /// For signatures, Korean dates and what a record holds.
    pub wall: UnixMillis,
}

impl Now {
    /// The moment `span` later on both clocks.
    #[must_use]
    pub fn after(self, span: Millis) -> Deadline {
        Deadline { mono: self.mono + span, wall: self.wall + span }
    }
}

/// The end of a permission: over as soon as *either* clock says so (R25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// The end on the monotonic clock.
    pub mono: Mono,
    /// The end on the wall clock.
    pub wall: UnixMillis,
}

impl Deadline {
    /// Whether the permission has ended.
    #[must_use]
    pub fn passed(self, now: Now) -> bool {
        now.mono >= self.mono || now.wall >= self.wall
    }

    /// Milliseconds left on the clock that ends first.
    #[must_use]
    pub fn left(self, now: Now) -> Millis {
        let mono = self.mono.0.saturating_sub(now.mono.0);
        let wall = self.wall.0.saturating_sub(now.wall.0);
        Millis(mono.min(wall))
    }
}

impl Add<Millis> for Mono {
    type Output = Mono;
    fn add(self, span: Millis) -> Mono {
        Mono(self.0.saturating_add(span.0))
    }
}

impl Add<Millis> for UnixMillis {
    type Output = UnixMillis;
    fn add(self, span: Millis) -> UnixMillis {
        UnixMillis(self.0.saturating_add(span.0))
    }
}
