//! What to do about a failure: wait and try again, or stop the partition.
//!
//! Trying again is right whenever the same records may pass later. What the records themselves cause would come back for
//! ever, and leaving them out would make the views differ from the log; so the partition stops and says so.

use std::time::Duration;

use shared::log::LogError;

use super::{batch::Unusable, position::Outrun};

/// Why the projection of a partition was interrupted.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// See [`Outrun`].
    #[error(transparent)]
    Outrun(#[from] Outrun),
    /// The database refused or did not answer.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The log ended or failed.
    #[error("log: {0}")]
    Log(#[from] LogError),
    /// A record cannot be applied.
    #[error(transparent)]
    Record(#[from] Unusable),
    /// A document cannot be written as JSON.
    #[error("document: {0}")]
    Document(#[from] serde_json::Error),
    /// The log ends before what is projected: it is not the log that these views were made from.
    #[error("the views are made from another log: they have read up to {projected}, the log ends at {end}")]
    ForeignLog {
        /// The offset that the views would read next.
        projected: i64,
        /// The end of the log.
        end: i64,
    },
}

impl Failure {
    /// Whether the same would happen again, however long one waits.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Outrun(_) | Self::Log(LogError::Unavailable(_)) => false,
            Self::Log(LogError::Damaged(_)) | Self::Record(_) | Self::Document(_) | Self::ForeignLog { .. } => true,
            Self::Database(error) => comes_from_the_rows(error),
        }
    }
}

/// SQLSTATE classes that blame the data: data exception, integrity constraint violation, program limit exceeded.
fn comes_from_the_rows(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
        || matches!(error, sqlx::Error::Encode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
}

/// Growing pauses between attempts: 50 ms, doubled each time, 5 s at most.
#[derive(Debug)]
pub struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(5);

    /// Begins with the shortest.
    pub fn new() -> Self {
        Self(Self::FIRST)
    }

    /// Begins with the shortest again.
    pub fn reset(&mut self) {
        self.0 = Self::FIRST;
    }

    /// The next one.
    pub fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::LONGEST);
        pause
    }
}
