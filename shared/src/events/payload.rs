//! What happened: one struct for each kind of event. Every event that leaves a document carries it whole, so that no reader
//! needs to know how a patch is applied.

mod assignment;
mod segment;

use std::io::{self, Write};

use serde::Serialize;

use crate::ids::SegmentId;

pub use assignment::{CustomerAssigned, CustomerUnassigned, ItemAssigned, ItemUnassigned};
pub use segment::{AssignmentCounts, PatchOperation, SegmentCreated, SegmentDeleted, SegmentPatched, SegmentReplaced};

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
    /// See [`CustomerAssigned`].
    CustomerAssigned(CustomerAssigned),
    /// See [`CustomerUnassigned`].
    CustomerUnassigned(CustomerUnassigned),
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
    CustomerAssigned,
    CustomerUnassigned,
}

impl EventType {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::SegmentCreated,
        Self::SegmentReplaced,
        Self::SegmentPatched,
        Self::SegmentDeleted,
        Self::ItemAssigned,
        Self::ItemUnassigned,
        Self::CustomerAssigned,
        Self::CustomerUnassigned,
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
            Self::CustomerAssigned => "customer-segment.customer-assigned.v1",
            Self::CustomerUnassigned => "customer-segment.customer-unassigned.v1",
        }
    }

    /// The kind with this CloudEvents `type`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The kind with this name, with or without what is the same in all of them: `segment-created`, `segment-created.v1`, or the
    /// CloudEvents `type`.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            let name = kind.as_str().trim_start_matches("customer-segment.");
            text == kind.as_str() || text == name || text == kind.short_name()
        })
    }

    /// Its name without what is the same in all of them, such as `segment-created`.
    pub fn short_name(self) -> &'static str {
        self.as_str().trim_start_matches("customer-segment.").trim_end_matches(".v1")
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
            Self::CustomerAssigned(_) => EventType::CustomerAssigned,
            Self::CustomerUnassigned(_) => EventType::CustomerUnassigned,
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
            Self::CustomerAssigned(event) => &event.segment_id,
            Self::CustomerUnassigned(event) => &event.segment_id,
        }
    }

    /// The payload as JSON with sorted member names.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(1024);
        self.write(&mut json).expect("our types have string keys and finite numbers, and memory takes them");
        json
    }

    /// Whether [`to_json`](Self::to_json) gives exactly this text.
    pub fn is_written_as(&self, json: &[u8]) -> bool {
        let mut expected = Expected(json);
        self.write(&mut expected).is_ok() && expected.0.is_empty()
    }

    /// The members of all structs stand in the order of their names; [`PatchOperation`] has its tag first, which is the first.
    fn write(&self, to: impl Write) -> serde_json::Result<()> {
        match self {
            Self::SegmentCreated(event) => serde_json::to_writer(to, event),
            Self::SegmentReplaced(event) => serde_json::to_writer(to, event),
            Self::SegmentPatched(event) => serde_json::to_writer(to, event),
            Self::SegmentDeleted(event) => serde_json::to_writer(to, event),
            Self::ItemAssigned(event) => serde_json::to_writer(to, event),
            Self::ItemUnassigned(event) => serde_json::to_writer(to, event),
            Self::CustomerAssigned(event) => serde_json::to_writer(to, event),
            Self::CustomerUnassigned(event) => serde_json::to_writer(to, event),
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
            EventType::CustomerAssigned => Self::CustomerAssigned(serde_json::from_slice(json)?),
            EventType::CustomerUnassigned => Self::CustomerUnassigned(serde_json::from_slice(json)?),
        })
    }
}

/// Takes what is written as long as it is what is expected.
struct Expected<'a>(&'a [u8]);

impl Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// JSON with sorted member names, whatever the order of a struct's fields.
pub(crate) fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    let mut value = serde_json::to_value(value).expect("our types have string keys and finite numbers");
    value.sort_all_objects();
    serde_json::to_vec(&value).expect("a JSON value can be written")
}
