//! The process's clocks and randomness, for a core that has none.

use std::time::{SystemTime, UNIX_EPOCH};

use kicc_proto::time::{Mono, Now, UnixMillis};
use tokio::time::{Duration, Instant};

/// Both clocks, counted from one start. The monotonic one is tokio's.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts the monotonic clock.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a clock is read, not defaulted")]
    pub fn new() -> Self {
        Clock { start: Instant::now() }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        self.of(Instant::now(), Duration::ZERO)
    }

    /// A moment that is not in the future, on both clocks.
    #[must_use]
    pub fn at(&self, moment: Instant) -> Now {
        self.of(moment, Instant::now().saturating_duration_since(moment))
    }

    fn of(&self, moment: Instant, ago: Duration) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            mono: Mono(millis(moment.saturating_duration_since(self.start))),
            wall: UnixMillis(millis(wall.saturating_sub(ago))),
        }
    }

    /// The moment of a monotonic time.
    #[must_use]
    pub fn instant(&self, mono: Mono) -> Instant {
        self.start + Duration::from_millis(mono.0)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// 16 bytes from the system's generator, without which nothing may be sent: nonces must not repeat.
pub(super) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system's random generator answers");
    bytes
}
