//! The VAN's clock: the machine's, and some hours ahead where a test wants another day.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::{Date, Month, OffsetDateTime};

/// Gives dates; the times in the ledger are the machine's.
#[derive(Debug)]
pub(crate) struct Clock {
    ahead: AtomicU64,
}

/// A date and a time at the fixed +09:00 of Korea.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// `yyyyMMdd`.
    pub(crate) date: String,
    /// `HHmmss`.
    pub(crate) time: String,
    /// The same in Unix seconds.
    pub(crate) unix: u64,
}

impl Clock {
    pub(crate) fn new(ahead: Duration) -> Self {
        Self { ahead: AtomicU64::new(millis(ahead)) }
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.ahead.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// The VAN's date and time now.
    pub(crate) fn now(&self) -> Moment {
        self.at(machine_now())
    }

    /// The VAN's date and time at a time of the machine, in Unix milliseconds.
    pub(crate) fn at(&self, machine: u64) -> Moment {
        let van = Duration::from_millis(machine.saturating_add(self.ahead.load(Ordering::SeqCst)));
        let korea = OffsetDateTime::UNIX_EPOCH + van + time::Duration::hours(9);
        let time = format!("{:02}{:02}{:02}", korea.hour(), korea.minute(), korea.second());
        Moment { date: text(korea.date()), time, unix: van.as_secs() }
    }
}

/// The machine's time in Unix milliseconds.
pub(crate) fn machine_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// The day after a `yyyyMMdd`; `None` where that is no date.
pub(crate) fn next_day(date: &str) -> Option<String> {
    let part = |from: usize, to: usize| date.get(from..to)?.parse::<u16>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(year.into(), month, u8::try_from(day).ok()?).ok()?;
    date.next_day().map(text)
}

fn text(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), u8::from(date.month()), date.day())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_in_korea() {
        let clock = Clock::new(Duration::ZERO);
        // 2023-12-31T14:59:59Z and the second after it.
        let moment = |date: &str, time: &str, unix| Moment { date: date.into(), time: time.into(), unix };
        assert_eq!(clock.at(1_704_034_799_000), moment("20231231", "235959", 1_704_034_799));
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.at(1_704_034_799_000), moment("20240101", "000000", 1_704_034_800));
    }

    #[test]
    fn the_next_day() {
        assert_eq!(next_day("20231231").as_deref(), Some("20240101"));
        assert_eq!(next_day("20240228").as_deref(), Some("20240229"));
        assert_eq!(next_day("20230229"), None);
        assert_eq!(next_day("2023"), None);
    }
}
