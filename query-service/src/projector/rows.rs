//! From the net effect of a batch to columns of arrays, one element a row, as `unnest` takes them.
//!
//! A new column: a field here, its value in `push`, and its place in the statements of [`super::tables`] and in what
//! [`super::load`] copies (`load/copying.rs`, `load/copier.rs`).

mod assignments;
mod history;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::{
    Timestamp,
    document::{Metadata, Segment},
    ids::SegmentKey,
    log::Offset,
};

pub use self::{
    assignments::{AssignmentKeys, AssignmentRows, Assignments},
    history::HistoryRows,
};
use super::{
    batch::Batch,
    change::{DocumentChange, Emptied, Incarnation},
};
use crate::q::columns::SegmentColumns;

/// What a batch writes.
#[derive(Debug, Default)]
pub struct Rows {
    /// Documents that are new.
    pub created: SegmentRows,
    /// Documents that were there.
    pub changed: SegmentRows,
    /// Documents that are gone.
    pub gone: Keys,
    /// Tenants, and strings in the metadata of their documents.
    pub metadata_texts: BTreeSet<(String, String)>,
    /// Segments all of whose assignments from before the batch are gone.
    pub emptied: Deletions,
    /// The same for those with very many.
    pub buried: Deletions,
    /// What the past keeps of documents.
    pub history: HistoryRows,
    /// Products and categories.
    pub items: Assignments,
    /// Customers.
    pub customers: Assignments,
}

/// Names of segments.
#[derive(Debug, Default)]
pub struct Keys {
    pub tenant: Vec<String>,
    pub segment_id: Vec<String>,
}

/// Deletions of segments.
#[derive(Debug, Default)]
pub struct Deletions {
    pub key: Keys,
    pub log_offset: Vec<Offset>,
    pub ended_at: Vec<DateTime<Utc>>,
}

/// Rows of `segment`.
#[derive(Debug, Default)]
pub struct SegmentRows {
    pub key: Keys,
    pub incarnation: Vec<String>,
    pub stamp: Stamps,
    pub status: Vec<&'static str>,
    pub site_code: Vec<String>,
    pub valid_from: Vec<Option<DateTime<Utc>>>,
    pub valid_to: Vec<Option<DateTime<Utc>>>,
    pub search: Vec<String>,
    pub texts: Vec<String>,
    pub doc: Vec<String>,
}

/// Version and times.
#[derive(Debug, Default)]
pub struct Stamps {
    pub version: Vec<i64>,
    pub created_at: Vec<DateTime<Utc>>,
    pub modified_at: Vec<DateTime<Utc>>,
}

impl Rows {
    /// What the batch writes. A segment that lost `bury_from` assignments at once is buried.
    ///
    /// # Errors
    /// When a document cannot be written as JSON.
    pub fn of(batch: Batch, bury_from: u64) -> serde_json::Result<Self> {
        let mut rows = Self::default();
        for (key, change) in batch.changes {
            if let Some(emptied) = change.emptied {
                let is_big = emptied.assignments >= bury_from;
                let deletions = if is_big { &mut rows.buried } else { &mut rows.emptied };
                deletions.push(&key, emptied);
            }
            for entry in change.entries {
                rows.history.push(&key, entry)?;
            }
            match change.document {
                DocumentChange::Untouched => {}
                DocumentChange::Created(segment, incarnation) => {
                    // What was deleted first is still there.
                    change.emptied.into_iter().for_each(|_| rows.gone.push(&key));
                    rows.created.push(&key, &segment, Some(incarnation), &mut rows.metadata_texts)?
                }
                DocumentChange::Changed(segment) => {
                    rows.changed.push(&key, &segment, None, &mut rows.metadata_texts)?
                }
                DocumentChange::Gone => rows.gone.push(&key),
            }
            rows.items.push(&key, change.items, change.emptied.is_some())?;
            rows.customers.push(&key, change.customers, change.emptied.is_some())?;
        }
        Ok(rows)
    }
}

impl Keys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tenant.is_empty()
    }

    fn push(&mut self, key: &SegmentKey) {
        self.tenant.push(key.tenant.to_string());
        self.segment_id.push(key.id.to_string());
    }
}

impl Deletions {
    fn push(&mut self, key: &SegmentKey, emptied: Emptied) {
        self.key.push(key);
        self.log_offset.push(emptied.offset);
        self.ended_at.push(emptied.at.datetime());
    }
}

impl SegmentRows {
    fn push(
        &mut self,
        key: &SegmentKey,
        segment: &Segment,
        incarnation: Option<Incarnation>,
        metadata_texts: &mut BTreeSet<(String, String)>,
    ) -> serde_json::Result<()> {
        let columns = SegmentColumns::of(segment);
        let validity = segment.validity.unwrap_or_default();
        self.doc.push(serde_json::to_string(segment)?);
        self.search.push(columns.search.to_string());
        self.texts.push(columns.texts);
        metadata_texts.extend(columns.metadata_texts.into_iter().map(|text| (key.tenant.to_string(), text)));
        self.key.push(key);
        self.incarnation.push(digits(incarnation));
        self.stamp.push(&segment.metadata);
        self.status.push(segment.status.as_str());
        self.site_code.push(columns.site_code);
        self.valid_from.push(validity.from.map(Timestamp::datetime));
        self.valid_to.push(validity.to.map(Timestamp::datetime));
        Ok(())
    }
}

impl Stamps {
    fn push(&mut self, metadata: &Metadata) {
        self.version.push(i64::try_from(metadata.version).unwrap_or(i64::MAX));
        self.created_at.push(metadata.created_at.datetime());
        self.modified_at.push(metadata.modified_at.datetime());
    }
}

fn json<T: Serialize>(value: &T) -> serde_json::Result<String> {
    serde_json::to_string(value)
}

/// Eight hexadecimal digits; empty for a row that keeps those it has.
fn digits(incarnation: Option<Incarnation>) -> String {
    incarnation.map_or_else(String::new, |incarnation| format!("{incarnation:08x}"))
}
