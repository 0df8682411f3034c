//! Columns of `segment_history`.

use chrono::{DateTime, Utc};
use shared::{ids::SegmentKey, log::Offset};
use uuid::Uuid;

use super::{Keys, json};
use crate::projector::change::Entry;

/// Rows of `segment_history`.
#[derive(Debug, Default)]
pub struct HistoryRows {
    pub key: Keys,
    pub happened_at: Vec<DateTime<Utc>>,
    pub log_offset: Vec<Offset>,
    pub version: Vec<Option<i64>>,
    pub kind: Vec<&'static str>,
    pub actor: Vec<String>,
    pub command_id: Vec<Uuid>,
    pub operations: Vec<Option<String>>,
    pub doc: Vec<Option<String>>,
}

impl HistoryRows {
    pub(super) fn push(&mut self, key: &SegmentKey, entry: Entry) -> serde_json::Result<()> {
        let Entry { offset, at, kind, actor, command, operations, document } = entry;
        let version = document.as_ref().map(|document| document.metadata.version);
        self.operations.push(operations.as_ref().map(json).transpose()?);
        self.doc.push(document.as_deref().map(json).transpose()?);
        self.key.push(key);
        self.happened_at.push(at.datetime());
        self.log_offset.push(offset);
        self.version.push(version.map(|version| i64::try_from(version).unwrap_or(i64::MAX)));
        self.kind.push(kind.as_str());
        self.actor.push(actor);
        self.command_id.push(command);
        Ok(())
    }
}
