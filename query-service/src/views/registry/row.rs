//! A row of the registry.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use sqlx::{FromRow, Row as _, postgres::PgRow};

use crate::views::Version;

/// What becomes of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A rebuild fills it.
    Building,
    /// It is filled, and follows the log.
    Following,
    /// It is read.
    Active,
    /// It was read before, and follows the log for a way back.
    Previous,
    /// It is not what the log says; left for whoever looks for the cause.
    Rejected,
    /// Its tables are removed as soon as nobody reads them.
    Dropping,
    /// It is gone. Kept, so that its number is not used again.
    Dropped,
}

const STATES: [(State, &str); 7] = [
    (State::Building, "building"),
    (State::Following, "following"),
    (State::Active, "active"),
    (State::Previous, "previous"),
    (State::Rejected, "rejected"),
    (State::Dropping, "dropping"),
    (State::Dropped, "dropped"),
];

impl State {
    /// Whether services project into it.
    pub fn is_followed(self) -> bool {
        matches!(self, Self::Following | Self::Active | Self::Previous)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        STATES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        STATES.iter().find(|(_, name)| *name == text).map(|(state, _)| *state).ok_or(UnknownState)
    }
}

/// A later program wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a state of views that is not known here")]
pub struct UnknownState;

/// A version, as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Which.
    pub version: Version,
    /// See [`LAYOUT`](crate::views::LAYOUT).
    pub layout: i16,
    /// What becomes of it.
    pub state: State,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when it is kept, if it is [`State::Previous`].
    pub kept_until: Option<DateTime<Utc>>,
}

impl FromRow<'_, PgRow> for Registered {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
        Ok(Self {
            version: Version::try_from(row.try_get::<i16, _>("version")?).map_err(|error| decode(error.into()))?,
            layout: row.try_get("layout")?,
            state: row.try_get::<&str, _>("state")?.parse().map_err(|error: UnknownState| decode(error.into()))?,
            since: row.try_get("since")?,
            kept_until: row.try_get("kept_until")?,
        })
    }
}
