//! Records as they are appended and as they are read.

use super::Partition;
use crate::{Timestamp, events::Headers};

/// A record's place in its partition. Places have holes; never assume the next one.
pub type Offset = i64;

/// The largest record in bytes: key, headers and value.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// A record to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// `tenant/segmentId`; none in control records.
    pub key: Option<String>,
    /// CloudEvents attributes.
    pub headers: Headers,
    /// JSON.
    pub value: Vec<u8>,
}

impl NewRecord {
    /// The bytes of key, headers and value.
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, String::len) + self.headers.size() + self.value.len()
    }
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it was read.
    pub partition: Partition,
    /// Its place there.
    pub offset: Offset,
    /// When the log took it, by the log's own clock.
    pub appended_at: Timestamp,
    /// `tenant/segmentId`; none in control records.
    pub key: Option<String>,
    /// CloudEvents attributes.
    pub headers: Headers,
    /// JSON.
    pub value: Vec<u8>,
}

impl Record {
    /// A new record at its place.
    pub fn placed(new: NewRecord, partition: Partition, offset: Offset, appended_at: Timestamp) -> Self {
        let NewRecord { key, headers, value } = new;
        Self { partition, offset, appended_at, key, headers, value }
    }

    /// The bytes of key, headers and value.
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, String::len) + self.headers.size() + self.value.len()
    }
}
