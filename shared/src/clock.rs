//! Time as data: [`Timestamp`] (UTC, milliseconds) and the [`Clock`] that is handed to whoever must know the time.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

/// An instant in UTC with millisecond precision, written `YYYY-MM-DDTHH:MM:SS.mmmZ` (RFC 3339).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(DateTime<Utc>);

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

    /// The instant as a `chrono` value.
    pub fn datetime(self) -> DateTime<Utc> {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
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

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(instant: Timestamp) -> Self {
        instant.to_string()
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
    use super::*;

    #[test]
    fn instants_are_read_with_any_offset_and_written_in_utc_with_milliseconds() {
        for (text, expected) in [
            ("2024-04-17T08:00:00.000Z", "2024-04-17T08:00:00.000Z"),
            ("2024-04-17T10:00:00+02:00", "2024-04-17T08:00:00.000Z"),
            ("2024-04-17T08:00:00.123456Z", "2024-04-17T08:00:00.123Z"),
            ("2024-04-17t08:00:00z", "2024-04-17T08:00:00.000Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().map(|t| t.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in ["", "2024-04-17", "yesterday", "2024-13-01T00:00:00Z", "9999-12-31T23:59:59-01:00"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
