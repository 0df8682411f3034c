//! Time as data: [`Timestamp`] (UTC, milliseconds) and the [`Clock`] that is handed to whoever must know the time.

use std::{fmt, ops::Range, str::FromStr, sync::Arc};

use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat, SubsecRound, Timelike as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::parsed;

/// An instant in UTC with millisecond precision, written `YYYY-MM-DDTHH:MM:SS.mmmZ` (RFC 3339).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

/// How it is written, with a digit wherever there is a 0.
const WRITTEN: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
/// Where its numbers stand: year, month, day, hour, minute, second, milliseconds.
const DIGITS: [Range<usize>; 7] = [0..4, 5..7, 8..10, 11..13, 14..16, 17..19, 20..23];

/// The text is not an RFC 3339 date-time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 date-time: {0:?}")]
pub struct InvalidTimestamp(String);

impl Timestamp {
    /// Truncates to milliseconds.
    pub fn from_datetime(instant: DateTime<Utc>) -> Self {
        Self(instant.trunc_subsecs(3))
    }

    /// From milliseconds since 1970-01-01T00:00:00Z; values beyond what the calendar holds become its nearest end.
    pub fn from_unix_millis(millis: i64) -> Self {
        let end = if millis < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        Self(DateTime::from_timestamp_millis(millis).unwrap_or(end))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Reads what we write, which is nearly all there is to read: several of these stand in every event.
    fn from_our_own_form(text: &str) -> Option<Self> {
        let bytes: &[u8; WRITTEN.len()] = text.as_bytes().try_into().ok()?;
        let fits = |(byte, wanted): (&u8, &u8)| if *wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
        if !bytes.iter().zip(WRITTEN).all(fits) {
            return None;
        }
        let number = |place: Range<usize>| bytes[place].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        let [year, month, day, hour, minute, second, millis] = DIGITS.map(number);
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        // A leap second would be the 60th.
        Some(Self(date.and_hms_milli_opt(hour, minute, second, millis)?.and_utc()))
    }

    /// The instant as a `chrono` value.
    pub fn datetime(self) -> DateTime<Utc> {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Beyond four digits, and in a leap second, numbers do not stand where they usually do.
        if !(0..10_000).contains(&self.0.year()) || self.0.timestamp_subsec_millis() > 999 {
            return f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
        let numbers = [self.0.year() as u32, self.0.month(), self.0.day(), self.0.hour(), self.0.minute()];
        let numbers = numbers.into_iter().chain([self.0.second(), self.0.timestamp_subsec_millis()]);
        let mut text = *WRITTEN;
        for (number, place) in numbers.zip(DIGITS) {
            let mut left = number;
            for digit in text[place].iter_mut().rev() {
                *digit = b'0' + (left % 10) as u8;
                left /= 10;
            }
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(instant) = Self::from_our_own_form(text) {
            return Ok(instant);
        }
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidTimestamp(text.to_owned()))?;
        // `to_rfc3339` can only be read back for years of four digits; an offset may carry 9999 over that edge.
        let instant = Self::from_datetime(parsed.with_timezone(&Utc));
        let years = 0..=253_402_300_799_999;
        if instant.unix_millis() < -62_167_219_200_000 || instant.unix_millis() > *years.end() {
            return Err(InvalidTimestamp(text.to_owned()));
        }
        Ok(instant)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, "an RFC 3339 date-time")
    }
}

/// Where the time comes from; tests hand in their own.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// A clock that can be shared between tasks.
pub type SharedClock = Arc<dyn Clock>;

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::from_datetime(Utc::now())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_are_read_with_any_offset_and_written_in_utc_with_milliseconds() {
        for (text, expected) in [
            ("2024-04-17T08:00:00.000Z", "2024-04-17T08:00:00.000Z"),
            ("2024-04-17T10:00:00+02:00", "2024-04-17T08:00:00.000Z"),
            ("2024-04-17T08:00:00.123456Z", "2024-04-17T08:00:00.123Z"),
            ("2024-04-17t08:00:00z", "2024-04-17T08:00:00.000Z"),
            ("2016-12-31T23:59:60.500Z", "2016-12-31T23:59:60.500Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().map(|t| t.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in [
            "",
            "2024-04-17",
            "2023-02-29T00:00:00.000Z",
            "2024-04-17T24:00:00.000Z",
            "yesterday",
            "2024-13-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn our_own_form_is_what_the_calendar_says(millis in -62_167_219_200_000_i64..=253_402_300_799_999) {
            let instant = Timestamp::from_unix_millis(millis);
            let text = instant.0.to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(instant.to_string(), &*text);
            prop_assert_eq!(Timestamp::from_our_own_form(&text), Some(instant));
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&format!("{text:?}")).ok(), Some(instant));
            let other = text.replace('Z', "+00:00");
            prop_assert_eq!(other.parse::<Timestamp>(), Ok(instant));
        }
    }
}
