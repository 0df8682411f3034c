//! What happens to a segment. Members stand in the order of their names, as they are written.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{document::Segment, ids::SegmentId};

/// One operation of RFC 6902. The service takes these three.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum PatchOperation {
    /// Creates or overwrites.
    Add {
        /// A JSON Pointer (RFC 6901).
        path: String,
        /// The new value.
        value: Value,
    },
    /// Removes what is there.
    Remove {
        /// A JSON Pointer (RFC 6901).
        path: String,
    },
    /// Overwrites what is there.
    Replace {
        /// A JSON Pointer (RFC 6901).
        path: String,
        /// The new value.
        value: Value,
    },
}

/// A segment came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentCreated {
    /// The document, at version 1.
    pub segment: Arc<Segment>,
}

/// A segment was replaced whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentReplaced {
    /// The version that it replaced.
    pub previous_version: u64,
    /// The new document.
    pub segment: Arc<Segment>,
}

/// A segment was patched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentPatched {
    /// What was done, written so that RFC 6902 alone leads from the previous document to this one.
    pub patch: Vec<PatchOperation>,
    /// The version that was patched.
    pub previous_version: u64,
    /// The resulting document.
    pub segment: Arc<Segment>,
}

/// How many assignments a segment had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AssignmentCounts {
    /// Customers.
    pub customers: u64,
    /// Products and categories.
    pub items: u64,
}

/// A segment is gone, and every assignment of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentDeleted {
    /// What went with it.
    pub assignment_counts: AssignmentCounts,
    /// Whether the client asked to delete assignments too.
    pub force: bool,
    /// The version of the document that was deleted.
    pub last_version: u64,
    /// The segment.
    pub segment_id: SegmentId,
}
