//! Control records: which writer may append to a partition. Consumers of facts ignore them; readers that apply the
//! acceptance rule ([`crate::log::Acceptance`]) do not.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    headers::{self, Headers},
    payload::{canonical, data_schema},
};
use crate::{
    Timestamp,
    log::{NewRecord, Partition, Record},
};

/// The version of the rules by which readers fold the log. A reader stops at a writer of a later version.
pub const FOLD_VERSION: u32 = 1;

const SOURCE: &str = "/customer-segment";
const CONTROL_PREFIX: &str = "customer-segment.writer-";

/// A writer announces itself for one partition. It counts only if `after` names the writer announced before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriterStarted {
    /// Fresh in every announcement: a UUIDv7.
    #[serde(rename = "writerid")]
    pub writer_id: Uuid,
    /// The writer id of the last accepted announcement of the partition; none for the first.
    pub after: Option<Uuid>,
    /// The name under which the broker can fence this writer.
    pub transactional_id: String,
    /// The instance, by its configured or kept name.
    pub instance: String,
    /// Where the instance takes forwarded commands, if it does.
    pub url: Option<String>,
    /// The partition.
    pub partition: Partition,
    /// How many partitions the log has.
    pub partitions: u16,
    /// The writer's [`FOLD_VERSION`].
    pub fold_version: u32,
    /// The writer's clock.
    pub started_at: Timestamp,
}

/// Nothing that the writer appends to the partition counts any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriterStopped {
    /// The writer that is stopped.
    #[serde(rename = "writerid")]
    pub writer_id: Uuid,
    /// The partition.
    pub partition: Partition,
    /// The clock of whoever stopped it.
    pub stopped_at: Timestamp,
    /// The instance that wrote this: the writer's own, or the one that takes over.
    pub by: String,
}

/// A control record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// See [`WriterStarted`].
    Started(WriterStarted),
    /// See [`WriterStopped`].
    Stopped(WriterStopped),
    /// A control record that a newer version wrote.
    Unknown,
}

impl Control {
    const STARTED: &str = "customer-segment.writer-started.v1";
    const STOPPED: &str = "customer-segment.writer-stopped.v1";

    /// Reads a record: `None` when it is no control record.
    pub fn of(record: &Record) -> Option<Self> {
        let kind = record.headers.get(headers::TYPE)?;
        if !kind.starts_with(CONTROL_PREFIX) {
            return None;
        }
        let started = || serde_json::from_slice(&record.value).map(Self::Started);
        let stopped = || serde_json::from_slice(&record.value).map(Self::Stopped);
        Some(match kind {
            Self::STARTED => started().unwrap_or(Self::Unknown),
            Self::STOPPED => stopped().unwrap_or(Self::Unknown),
            _ => Self::Unknown,
        })
    }
}

impl WriterStarted {
    /// The record to append.
    pub fn to_record(&self, id: Uuid) -> NewRecord {
        control_record(Control::STARTED, id, self.writer_id, self.started_at, canonical(self))
    }
}

impl WriterStopped {
    /// The record to append.
    pub fn to_record(&self, id: Uuid) -> NewRecord {
        control_record(Control::STOPPED, id, self.writer_id, self.stopped_at, canonical(self))
    }
}

fn control_record(kind: &str, id: Uuid, writer_id: Uuid, time: Timestamp, value: Vec<u8>) -> NewRecord {
    let headers = Headers::from_iter([
        (headers::CONTENT_TYPE, "application/json".to_owned()),
        (headers::SPEC_VERSION, "1.0".to_owned()),
        (headers::ID, id.to_string()),
        (headers::SOURCE, SOURCE.to_owned()),
        (headers::TYPE, kind.to_owned()),
        (headers::TIME, time.to_string()),
        (headers::DATA_SCHEMA, data_schema(kind)),
        (headers::WRITER_ID, writer_id.to_string()),
    ]);
    NewRecord { key: None, headers, value }
}
