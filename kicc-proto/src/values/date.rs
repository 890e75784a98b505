//! Korean dates and times. Korea has been at +09:00 for every date that we can meet, so a civil type of our
//! own is enough; libraries read malformed stamps such as `2024 101120000`.

use core::{fmt, str::FromStr};

use arrayvec::ArrayString;

use super::{Invalid, Problem, inline::serde_as_text};
use crate::time::UnixMillis;

const DAY: i64 = 86_400_000;
const KST: i64 = 9 * 3_600_000;

/// A day in Korea, 1970 to 9999, as `yyyyMMdd` (`tranDt`, spec A.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KstDate(ArrayString<8>);

/// A time of day in Korea, as `HHmmss`; there is no second 60 (`tranTm`, spec A.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KstTime(ArrayString<6>);

/// A second in Korea, not before 1970-01-01T00:00:00Z, as `yyyyMMddHHmmss` (`transactionDate`, spec B.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KstDateTime(ArrayString<14>);

impl KstDate {
    /// The day of exactly 8 digits `yyyyMMdd`.
    ///
    /// # Errors
    /// Anything else, a day that does not exist, a year before 1970.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let [century, year, month, day] = pairs(text).map_err(|problem| problem.of("date"))?;
        Self::from_ymd(century * 100 + year, month, day)
    }

    /// The day of that year, month (from 1) and day of the month (from 1).
    ///
    /// # Errors
    /// A day that does not exist, or a year outside 1970 to 9999.
    pub fn from_ymd(year: u32, month: u32, day: u32) -> Result<Self, Invalid> {
        let exists = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        if exists { Ok(Self(digits([year / 100, year % 100, month, day]))) } else { no_such("date") }
    }

    /// Year, month and day of the month.
    #[must_use]
    pub fn ymd(&self) -> (u32, u32, u32) {
        let [century, year, month, day] = own_pairs(self.as_str());
        (century * 100 + year, month, day)
    }

    /// The day after; `None` after 9999-12-31.
    #[must_use]
    pub fn next_day(&self) -> Option<Self> {
        Self::from_day_number(self.day_number() + 1).ok()
    }

    /// The days from this day to `later`; negative if that is earlier.
    #[must_use]
    pub fn days_between(&self, later: &Self) -> i64 {
        later.day_number() - self.day_number()
    }

    /// The first millisecond of the day. 1970-01-01 began nine hours before Unix time did; it starts at 0
    /// here.
    #[must_use]
    pub fn starts_at(&self) -> UnixMillis {
        UnixMillis(u64::try_from(self.day_number() * DAY - KST).unwrap_or(0))
    }

    /// The `yyyyMMdd` text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Days since 1970-01-01.
    fn day_number(&self) -> i64 {
        let (year, month, day) = self.ymd();
        // Years that begin in March put the leap day last; 719,468 days lie between 0000-03-01 and
        // 1970-01-01.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
        i64::from(days) - 719_468
    }

    fn from_day_number(number: i64) -> Result<Self, Invalid> {
        let Ok(days) = u32::try_from(number) else { return no_such("date") };
        let Some(days) = days.checked_add(719_468) else { return no_such("date") };
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let year = era * 400 + year_of_era;
        if month < 10 {
            Self::from_ymd(year, month + 3, day)
        } else {
            Self::from_ymd(year + 1, month - 9, day)
        }
    }
}

impl KstTime {
    /// The time of exactly 6 digits `HHmmss`.
    ///
    /// # Errors
    /// Anything else, or a time that no clock shows.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let [hour, minute, second] = pairs(text).map_err(|problem| problem.of("time"))?;
        Self::from_hms(hour, minute, second)
    }

    /// The time of that hour, minute and second.
    ///
    /// # Errors
    /// A time that no clock shows, second 60 among them.
    pub fn from_hms(hour: u32, minute: u32, second: u32) -> Result<Self, Invalid> {
        let exists = hour < 24 && minute < 60 && second < 60;
        if exists { Ok(Self(digits([hour, minute, second]))) } else { no_such("time") }
    }

    /// Hour, minute and second.
    #[must_use]
    pub fn hms(&self) -> (u32, u32, u32) {
        let [hour, minute, second] = own_pairs(self.as_str());
        (hour, minute, second)
    }

    /// The `HHmmss` text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl KstDateTime {
    /// The second of exactly 14 digits `yyyyMMddHHmmss`.
    ///
    /// # Errors
    /// Anything else, a date or time that does not exist, or one before Unix time began.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "date and time";
        pairs::<7>(text).map_err(|problem| problem.of(FIELD))?;
        let date = KstDate::new(&text[..8]).map_err(|e| e.problem.of(FIELD))?;
        let time = KstTime::new(&text[8..]).map_err(|e| e.problem.of(FIELD))?;
        Self::from_parts(date, time)
    }

    /// That time on that day.
    ///
    /// # Errors
    /// The nine hours of 1970-01-01 before Unix time began.
    pub fn from_parts(date: KstDate, time: KstTime) -> Result<Self, Invalid> {
        if unix(date, time).is_none() {
            return no_such("date and time");
        }
        Ok(Self::joined(date, time))
    }

    fn joined(date: KstDate, time: KstTime) -> Self {
        let mut text = ArrayString::new();
        text.push_str(date.as_str());
        text.push_str(time.as_str());
        Self(text)
    }

    /// The second in Korea that this millisecond belongs to.
    ///
    /// # Errors
    /// A clock beyond the year 9999.
    pub fn from_unix(at: UnixMillis) -> Result<Self, Invalid> {
        let Ok(local) = i64::try_from(u128::from(at.0) + KST as u128) else {
            return no_such("date and time");
        };
        let second = (local % DAY / 1_000) as u32;
        let date = KstDate::from_day_number(local / DAY)?;
        Ok(Self::joined(date, KstTime::from_hms(second / 3_600, second / 60 % 60, second % 60)?))
    }

    /// The first millisecond of this second.
    #[must_use]
    pub fn to_unix(&self) -> UnixMillis {
        unix(self.date(), self.time()).unwrap_or_default()
    }

    /// The day.
    #[must_use]
    pub fn date(&self) -> KstDate {
        KstDate(part(&self.0[..8]))
    }

    /// The time of day.
    #[must_use]
    pub fn time(&self) -> KstTime {
        KstTime(part(&self.0[8..]))
    }

    /// The `yyyyMMddHHmmss` text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn unix(date: KstDate, time: KstTime) -> Option<UnixMillis> {
    let (hour, minute, second) = time.hms();
    let of_day = i64::from(hour * 3_600 + minute * 60 + second) * 1_000;
    u64::try_from(date.day_number() * DAY + of_day - KST).ok().map(UnixMillis)
}

fn no_such<T>(field: &'static str) -> Result<T, Invalid> {
    Err(Problem::NoSuchDate.of(field))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `N` numbers of two digits each, and nothing else.
fn pairs<const N: usize>(text: &str) -> Result<[u32; N], Problem> {
    if text.len() != 2 * N {
        return Err(Problem::WrongLength { expected: 2 * N, got: text.len() });
    }
    if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_digit()) {
        return Err(Problem::BadCharacter { at, why: "only digits" });
    }
    Ok(own_pairs(text))
}

/// As [`pairs`], of a text that is known to be digits.
fn own_pairs<const N: usize>(digits: &str) -> [u32; N] {
    let mut numbers = [0; N];
    for (number, pair) in numbers.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *number = pair.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    }
    numbers
}

/// Numbers below 100, of two digits each.
fn digits<const N: usize, const LEN: usize>(pairs: [u32; N]) -> ArrayString<LEN> {
    let mut text = ArrayString::new();
    for number in pairs {
        text.push(char::from(b'0' + (number / 10) as u8));
        text.push(char::from(b'0' + (number % 10) as u8));
    }
    text
}

/// A part of a text, which has room for it.
fn part<const LEN: usize>(text: &str) -> ArrayString<LEN> {
    ArrayString::from(text).unwrap_or_default()
}

macro_rules! date_text {
    ($($name:ident),*) => {$(
        serde_as_text!($name, $name::new);

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
    )*};
}
date_text!(KstDate, KstTime, KstDateTime);

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use proptest::prelude::*;

    use super::*;

    /// The last second of the year 9999 in Korea.
    const LAST: u64 = 253_402_268_399;

    #[test]
    fn a_wrong_length_is_named() {
        let expected = |expected, got| Problem::WrongLength { expected, got };
        assert_eq!(KstDate::new("2024").unwrap_err().problem, expected(8, 4));
        assert_eq!(KstTime::new("1").unwrap_err().problem, expected(6, 1));
        assert_eq!(KstDateTime::new("").unwrap_err().problem, expected(14, 0));
    }

    #[test]
    fn stamps_that_libraries_misread_are_refused() {
        assert_eq!(KstDateTime::new("20240229235959").unwrap().to_unix(), UnixMillis(1_709_218_799_000));
        for bad in [
            "20230229000000",  // no such day
            "20241301000000",  // no such month
            "20240101240000",  // no such hour
            "2024010112000",   // 13 digits
            "20240101120060",  // second 60
            "2024 101120000",  // a space for a zero
            "+0240101120000",  // a sign
            " 0240101120000",  // a leading space
            " 20240101120000", // the same, and too long
            "20240101120000 ",
            "20240101T120000",
            "2024010112０0",
            "00000101000000",
            "19691231235959",
            "19700101085959", // before Unix time
            "20240100000000",
            "20240001000000",
            "20240431000000",
            "21000229000000",
            "",
        ] {
            assert!(KstDateTime::new(bad).is_err(), "{bad}");
            assert!(serde_json::from_str::<KstDateTime>(&format!("\"{bad}\"")).is_err(), "{bad}");
        }
        assert!(KstDate::new("20000229").is_ok());
        assert!(KstDate::new("20240101 ").is_err());
        assert!(KstTime::new("235960").is_err());
        assert!(KstTime::new("240000").is_err());
        assert!(KstTime::new("126000").is_err());
        assert!(KstTime::new("12000").is_err());
    }

    #[test]
    fn korea_is_nine_hours_ahead() {
        let text = |millis| KstDateTime::from_unix(UnixMillis(millis)).map(|at| format!("{at}"));
        assert_eq!(text(0).unwrap(), "19700101090000");
        assert_eq!(text(1_701_234_567_890).unwrap(), "20231129140927");
        assert_eq!(text(1_703_429_999_999).unwrap(), "20231224235959");
        assert_eq!(text(1_703_430_000_000).unwrap(), "20231225000000");
        assert_eq!(text(LAST * 1_000 + 999).unwrap(), "99991231235959");
        assert_eq!(text((LAST + 1) * 1_000), Err(Problem::NoSuchDate.of("date")));
        assert!(text(u64::MAX).is_err());
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut day, mut count) = (KstDate::from_ymd(1970, 1, 1).unwrap(), 0);
        assert_eq!(day.starts_at(), UnixMillis(0));
        while let Some(next) = day.next_day() {
            count += 1;
            assert!(next > day && day.days_between(&next) == 1, "{day} {next}");
            assert_eq!(next.starts_at(), UnixMillis(count * 86_400_000 - 32_400_000), "{next}");
            day = next;
        }
        assert_eq!((day.as_str(), count), ("99991231", 2_932_896));
        assert_eq!(day.days_between(&KstDate::new("99991230").unwrap()), -1);
    }

    #[test]
    fn dates_print_themselves() {
        let at = KstDateTime::new("20231225120000").unwrap();
        assert_eq!(
            format!("{at:?} {:?} {:?}", at.date(), at.time()),
            "KstDateTime(20231225120000) KstDate(20231225) KstTime(120000)"
        );
        assert_eq!((at.date().ymd(), at.time().hms()), ((2023, 12, 25), (12, 0, 0)));
    }

    proptest! {
        #[test]
        fn there_and_back(second in 0..=LAST, millis in 0..1_000_u64) {
            let at = KstDateTime::from_unix(UnixMillis(second * 1_000 + millis)).unwrap();
            prop_assert_eq!(at.to_unix(), UnixMillis(second * 1_000));
            prop_assert_eq!(KstDateTime::new(at.as_str()).unwrap(), at);
            prop_assert_eq!(KstDateTime::from_parts(at.date(), at.time()).unwrap(), at);
            let json = serde_json::to_string(&(at, at.date(), at.time())).unwrap();
            let read: (KstDateTime, KstDate, KstTime) = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read, (at, at.date(), at.time()));
        }

        #[test]
        fn text_order_is_the_order_in_time(a in 0..=LAST, b in 0..=LAST) {
            let at = |second| KstDateTime::from_unix(UnixMillis(second * 1_000)).unwrap();
            prop_assert_eq!(at(a).cmp(&at(b)), a.cmp(&b));
        }

        #[test]
        fn what_is_read_is_what_was_written(
            text in "[0-9]{14}|(19|20)[0-9]{2}[01][0-9][0-3][0-9][0-2][0-9][0-5][0-9]{3}|\\PC{0,14}",
        ) {
            if let Ok(at) = KstDateTime::new(&text) {
                prop_assert_eq!(at.as_str(), &*text);
                prop_assert_eq!(KstDateTime::from_unix(at.to_unix()).unwrap(), at);
            }
            let day: String = text.chars().take(8).collect();
            if let Ok(date) = KstDate::new(&day) {
                prop_assert_eq!(date.as_str(), &*day);
            }
        }
    }
}
