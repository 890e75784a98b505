//! Times and spans as people write and read them. Times are Korean (KST, +09:00).

use kicc_proto::{
    time::{Millis, UnixMillis},
    values::{KstDate, KstDateTime, KstTime},
};
use serde::Deserialize;

/// A span as text: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Millis);

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let bad =
            || format!("{text:?} is no time span such as \"350ms\", \"33s\", \"5m\", \"24h\" or \"90d\"");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let scale = match unit.trim_start() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        let number: u64 = number.parse().map_err(|_| bad())?;
        number.checked_mul(scale).map(|millis| Span(Millis(millis))).ok_or_else(bad)
    }
}

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Span, String> {
        text.parse()
    }
}

impl From<Span> for std::time::Duration {
    fn from(span: Span) -> Self {
        std::time::Duration::from_millis(span.0.0)
    }
}

/// A Korean day as `YYYY-MM-DD`.
pub fn day(text: &str) -> Result<KstDate, String> {
    let bad = || format!("{text:?} is no day such as 2026-11-21");
    let mut parts = text.split('-');
    let digits: String = parts.by_ref().take(3).collect();
    if parts.next().is_some() || text.len() != 10 {
        return Err(bad());
    }
    KstDate::new(&digits).map_err(|_| bad())
}

/// `2026-11-21`.
pub fn date(day: KstDate) -> String {
    let (year, month, day) = day.ymd();
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-21 11:30:02 KST`.
pub fn stamp(at: UnixMillis) -> String {
    civil(at, |at| format!("{} {} KST", date(at.date()), clock(at.time())))
}

/// `11:30:02.017`.
pub fn instant(at: UnixMillis) -> String {
    civil(at, |civil| format!("{}.{:03}", clock(civil.time()), at.0 % 1_000))
}

/// `2026-11-21T11:30:02+09:00`, as programs read it.
pub fn machine(at: UnixMillis) -> String {
    civil(at, rfc3339)
}

/// The same of a card company's `yyyyMMdd` and `HHmmss`; `None` where they are no date and time.
pub fn approved_at(date: Option<&str>, time: Option<&str>) -> Option<String> {
    let civil = KstDateTime::from_parts(KstDate::new(date?).ok()?, KstTime::new(time?).ok()?).ok()?;
    Some(rfc3339(civil))
}

fn rfc3339(at: KstDateTime) -> String {
    format!("{}T{}+09:00", date(at.date()), clock(at.time()))
}

fn civil(at: UnixMillis, show: impl FnOnce(KstDateTime) -> String) -> String {
    KstDateTime::from_unix(at).map_or_else(|_| format!("{} ms after 1970", at.0), show)
}

fn clock(time: KstTime) -> String {
    let (hour, minute, second) = time.hms();
    format!("{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_strictly() {
        let millis = |text: &str| text.parse::<Span>().map(|span| span.0.0).ok();
        assert_eq!(millis("350ms"), Some(350));
        assert_eq!(millis("33s"), Some(33_000));
        assert_eq!(millis("5m"), Some(300_000));
        assert_eq!(millis("24h"), Some(86_400_000));
        assert_eq!(millis("90d"), Some(7_776_000_000));
        for bad in ["", "s", "33", "-1s", "1.5s", "33 sec", "99999999999999999999s", "18446744073709551615d"]
        {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_are_korean() {
        let at = UnixMillis(1_793_491_200_017);
        assert_eq!(stamp(at), "2026-11-01 09:00:00 KST");
        assert_eq!(instant(at), "09:00:00.017");
        assert_eq!(machine(at), "2026-11-01T09:00:00+09:00");
        assert_eq!(date(day("2026-11-21").unwrap()), "2026-11-21");
        for bad in ["2026-11-31", "20261121", "2026-1-21", "2026-11-21-", "21-11-2026x"] {
            assert!(day(bad).is_err(), "{bad}");
        }
        assert_eq!(
            approved_at(Some("20261121"), Some("113002")).as_deref(),
            Some("2026-11-21T11:30:02+09:00")
        );
        assert_eq!(approved_at(Some("20261131"), Some("113002")), None);
    }
}
