//! A point in the history of a log: a time, or a place.

use std::{fmt, str::FromStr};

use anyhow::ensure;
use shared::{
    Timestamp,
    log::{Offset, Record},
};

use super::{judge::time_of, source::Source};

/// A point in the history of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An instant: `2026-11-24T08:00:00Z`. Events carry the time of their writer, which never runs back within a partition.
    Time(Timestamp),
    /// An offset: `1024`. In Kafka it names a place in one partition, in an embedded log one in the whole log.
    Offset(Offset),
}

/// The text is neither a time nor an offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a time (2026-11-24T08:00:00Z) nor an offset (1024)")]
pub struct InvalidMoment(String);

impl FromStr for Moment {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Self, InvalidMoment> {
        let invalid = || InvalidMoment(text.to_owned());
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self::Offset).map_err(|_| invalid());
        }
        text.parse().map(Self::Time).map_err(|_| invalid())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => time.fmt(f),
            Self::Offset(offset) => write!(f, "offset {offset}"),
        }
    }
}

impl Moment {
    /// Whether the record lies before it. A record without a time lies before none.
    pub fn is_after(&self, record: &Record) -> bool {
        match self {
            Self::Time(moment) => time_of(record).is_some_and(|time| time < *moment),
            Self::Offset(offset) => record.offset < *offset,
        }
    }

    /// Whether the record lies before it or at it: whether it is a part of how things stood then.
    pub fn includes(&self, record: &Record) -> bool {
        match self {
            Self::Time(moment) => time_of(record).is_some_and(|time| time <= *moment),
            Self::Offset(offset) => record.offset <= *offset,
        }
    }

    /// Whether it names a point of what is looked at.
    ///
    /// # Errors
    /// An offset in several partitions of Kafka names nothing.
    pub fn check(&self, source: &Source, partitions_looked_at: usize) -> anyhow::Result<()> {
        let is_offset = matches!(self, Self::Offset(_));
        ensure!(
            !is_offset || source.has_one_sequence() || partitions_looked_at == 1,
            "an offset in Kafka names a place in one partition; give a time, or name one partition or one segment"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_an_offset() {
        let time = "2026-11-24T08:00:00.000Z".parse().expect("a time");
        for (text, expected) in [
            ("0", Some(Moment::Offset(0))),
            ("1024", Some(Moment::Offset(1024))),
            ("2026-11-24T08:00:00Z", Some(Moment::Time(time))),
            ("2026-11-24T09:00:00+01:00", Some(Moment::Time(time))),
            ("", None),
            ("-1", None),
            ("99999999999999999999", None),
            ("yesterday", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }
}
