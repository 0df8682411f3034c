//! What can be wrong with a log.

use shared::log::{Offset, Partition};
use uuid::Uuid;

use crate::{domain::Contradiction, fold::NotUsed};

/// Damage, and where it was found.
#[derive(Debug)]
pub struct Finding {
    /// The partition; none where the log as a whole is damaged.
    pub partition: Option<Partition>,
    /// The record by which it was noticed.
    pub offset: Offset,
    /// What is wrong.
    pub damage: Damage,
}

impl Finding {
    /// The order in which findings are told: by place.
    pub fn place(&self) -> (Option<Partition>, Offset) {
        (self.partition, self.offset)
    }
}

/// What is wrong with a record, or with its place.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Positions are missing from a log that has all of them.
    #[error("there is nothing from here on up to position {0}")]
    Hole(Offset),
    /// The log's own file cannot be read here.
    #[error("{0}")]
    File(String),
    /// Numbers were skipped, and nobody went on before them. Versions are not looked at any more in this partition.
    #[error("number {expected} is due, this is number {found}: records before it are missing")]
    Missing {
        /// The number that is due.
        expected: u64,
        /// That of the record.
        found: u64,
    },
    /// A number came after a later one of the same writer. Versions are not looked at any more in this partition.
    #[error("number {found} comes after number {before}: records are out of order")]
    Disorder {
        /// The number of the record.
        found: u64,
        /// The number of one before it.
        before: u64,
    },
    /// A number, or an announcement, for the second time.
    #[error("it was there before: {0}")]
    Repeated(String),
    /// The record is not what was written on top of the records before it.
    #[error("it does not fit the hash chain: it was changed, or one before it was")]
    Chain,
    /// A writer that the partition never heard of. From here on it counts as announced.
    #[error("writer {0} was never announced: its announcement is missing, or it was changed")]
    UnknownWriter(Uuid),
    /// An announcement after one that the partition never heard of. From here on it counts.
    #[error("it follows writer {0}, which was never announced: an announcement is missing, or one was changed")]
    UnknownPredecessor(Uuid),
    /// A control record that this version does not know, or that was changed.
    #[error("this control record is of a newer version, or was changed")]
    UnknownControl,
    /// An announcement for another partition, or for a log with another number of them.
    #[error("this announcement belongs to another partition or another log")]
    ForeignControl,
    /// A header is missing, malformed, or says something else than the record.
    #[error("header {0} is missing, or contradicts the record")]
    Header(&'static str),
    /// The key belongs to another partition.
    #[error("its key belongs to partition {0}")]
    ForeignKey(Partition),
    /// The value is not what its schema says.
    #[error("the value does not fit its schema: {0}")]
    Schema(String),
    /// The record is no event. Versions are not looked at any more in this partition.
    #[error("it cannot be read as an event: {0}")]
    Unreadable(String),
    /// The event does not follow from those before it. Later ones of the segment are not looked at.
    #[error("{}: {}", .0, .0.mismatch)]
    Contradiction(Contradiction),
    /// Time ran back within the partition.
    #[error("its time is before that of a record before it")]
    Time,
    /// A snapshot holds another state than the log up to this record.
    #[error("the snapshot of the partition is not the state that the log has here: remove it")]
    Snapshot,
    /// A snapshot ends with a record that the log does not have.
    #[error("the snapshot of the partition ends here, and the log has no such record: it belongs to another log")]
    SnapshotElsewhere,
    /// The file of a snapshot is not what was written.
    #[error("the snapshot of the partition cannot be used: {0}")]
    SnapshotFile(NotUsed),
}

impl Damage {
    /// The machine word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hole(_) | Self::Missing { .. } => "missing",
            Self::File(_) => "file",
            Self::Disorder { .. } => "order",
            Self::Repeated(_) => "repeated",
            Self::Chain => "chain",
            Self::UnknownWriter(_) | Self::UnknownPredecessor(_) => "writer",
            Self::UnknownControl | Self::ForeignControl => "control",
            Self::Header(_) => "header",
            Self::ForeignKey(_) => "partition",
            Self::Schema(_) => "schema",
            Self::Unreadable(_) => "unreadable",
            Self::Contradiction(_) => "version",
            Self::Time => "time",
            Self::Snapshot | Self::SnapshotElsewhere | Self::SnapshotFile(_) => "snapshot",
        }
    }
}
