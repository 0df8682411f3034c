//! What happened: one struct for each kind of event. Every event that leaves a document carries it whole, so that no reader
//! needs to know how a patch is applied.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    document::{Metadata, Mixins, Segment},
    ids::{ItemId, ItemType, SegmentId},
};

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
    pub segment: Segment,
}

/// A segment was replaced whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentReplaced {
    /// The new document.
    pub segment: Segment,
    /// The version that it replaced.
    pub previous_version: u64,
}

/// A segment was patched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentPatched {
    /// What was done, written so that RFC 6902 alone leads from the previous document to this one.
    pub patch: Vec<PatchOperation>,
    /// The resulting document.
    pub segment: Segment,
    /// The version that was patched.
    pub previous_version: u64,
}

/// How many assignments a segment had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AssignmentCounts {
    /// Products and categories.
    pub items: u64,
    /// Customers.
    pub customers: u64,
}

/// A segment is gone, and every assignment of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentDeleted {
    /// The segment.
    pub segment_id: SegmentId,
    /// Whether the client asked to delete assignments too.
    pub force: bool,
    /// The version of the document that was deleted.
    pub last_version: u64,
    /// What went with it.
    pub assignment_counts: AssignmentCounts,
}

/// A product or category was assigned to a segment, or its assignment was replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemAssigned {
    /// The segment.
    pub segment_id: SegmentId,
    /// Product or category.
    pub item_type: ItemType,
    /// The item.
    pub item_id: ItemId,
    /// Free-form members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixins: Option<Mixins>,
    /// Version and times of the assignment.
    pub metadata: Metadata,
    /// Whether the assignment is new.
    pub created: bool,
}

/// A product or category is no longer assigned to a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemUnassigned {
    /// The segment.
    pub segment_id: SegmentId,
    /// Product or category.
    pub item_type: ItemType,
    /// The item.
    pub item_id: ItemId,
    /// The version of the assignment that was removed.
    pub last_version: u64,
}

/// A fact about a segment.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// See [`SegmentCreated`].
    SegmentCreated(SegmentCreated),
    /// See [`SegmentReplaced`].
    SegmentReplaced(SegmentReplaced),
    /// See [`SegmentPatched`].
    SegmentPatched(SegmentPatched),
    /// See [`SegmentDeleted`].
    SegmentDeleted(SegmentDeleted),
    /// See [`ItemAssigned`].
    ItemAssigned(ItemAssigned),
    /// See [`ItemUnassigned`].
    ItemUnassigned(ItemUnassigned),
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as the structs are")]
pub enum EventType {
    SegmentCreated,
    SegmentReplaced,
    SegmentPatched,
    SegmentDeleted,
    ItemAssigned,
    ItemUnassigned,
}

impl EventType {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::SegmentCreated,
        Self::SegmentReplaced,
        Self::SegmentPatched,
        Self::SegmentDeleted,
        Self::ItemAssigned,
        Self::ItemUnassigned,
    ];

    /// The CloudEvents `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SegmentCreated => "customer-segment.segment-created.v1",
            Self::SegmentReplaced => "customer-segment.segment-replaced.v1",
            Self::SegmentPatched => "customer-segment.segment-patched.v1",
            Self::SegmentDeleted => "customer-segment.segment-deleted.v1",
            Self::ItemAssigned => "customer-segment.item-assigned.v1",
            Self::ItemUnassigned => "customer-segment.item-unassigned.v1",
        }
    }

    /// The kind with this CloudEvents `type`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The CloudEvents `dataschema`, equal to the `$id` of the schema file.
    pub fn data_schema(self) -> String {
        data_schema(self.as_str())
    }
}

pub(super) fn data_schema(event_type: &str) -> String {
    let name = event_type.strip_prefix("customer-segment.").unwrap_or(event_type);
    format!("urn:customer-segment:schema:{name}")
}

impl Event {
    /// The kind of the event.
    pub fn event_type(&self) -> EventType {
        match self {
            Self::SegmentCreated(_) => EventType::SegmentCreated,
            Self::SegmentReplaced(_) => EventType::SegmentReplaced,
            Self::SegmentPatched(_) => EventType::SegmentPatched,
            Self::SegmentDeleted(_) => EventType::SegmentDeleted,
            Self::ItemAssigned(_) => EventType::ItemAssigned,
            Self::ItemUnassigned(_) => EventType::ItemUnassigned,
        }
    }

    /// The segment that the event is about.
    pub fn segment_id(&self) -> &SegmentId {
        match self {
            Self::SegmentCreated(event) => &event.segment.id,
            Self::SegmentReplaced(event) => &event.segment.id,
            Self::SegmentPatched(event) => &event.segment.id,
            Self::SegmentDeleted(event) => &event.segment_id,
            Self::ItemAssigned(event) => &event.segment_id,
            Self::ItemUnassigned(event) => &event.segment_id,
        }
    }

    /// The payload as JSON with sorted member names.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::SegmentCreated(event) => canonical(event),
            Self::SegmentReplaced(event) => canonical(event),
            Self::SegmentPatched(event) => canonical(event),
            Self::SegmentDeleted(event) => canonical(event),
            Self::ItemAssigned(event) => canonical(event),
            Self::ItemUnassigned(event) => canonical(event),
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// When the text is not JSON or not of that kind's shape.
    pub fn from_json(kind: EventType, json: &[u8]) -> serde_json::Result<Self> {
        Ok(match kind {
            EventType::SegmentCreated => Self::SegmentCreated(serde_json::from_slice(json)?),
            EventType::SegmentReplaced => Self::SegmentReplaced(serde_json::from_slice(json)?),
            EventType::SegmentPatched => Self::SegmentPatched(serde_json::from_slice(json)?),
            EventType::SegmentDeleted => Self::SegmentDeleted(serde_json::from_slice(json)?),
            EventType::ItemAssigned => Self::ItemAssigned(serde_json::from_slice(json)?),
            EventType::ItemUnassigned => Self::ItemUnassigned(serde_json::from_slice(json)?),
        })
    }
}

/// JSON with sorted member names, whatever the order of a struct's fields.
pub(super) fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    let mut value = serde_json::to_value(value).expect("our types have string keys and finite numbers");
    value.sort_all_objects();
    serde_json::to_vec(&value).expect("a JSON value can be written")
}
