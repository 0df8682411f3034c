//! How a segment is now, as a record of its own: what a topic holds in which only the last record of a key counts.

use super::{
    Envelope, Event,
    headers::{self, Headers},
    payload::{canonical, data_schema},
};
use crate::log::Offset;

/// The CloudEvents `type`.
const TYPE: &str = "customer-segment.segment-state.v1";

/// The offset of the event, in the partition of the events that has the same number.
pub const EVENT_OFFSET: &str = "ce_eventoffset";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRecord {
    /// `tenant/segmentId`.
    pub key: String,
    /// CloudEvents attributes; those of the event, but for type, source and schema.
    pub headers: Headers,
    /// The document; none if the segment is deleted.
    pub value: Option<Vec<u8>>,
}

impl StateRecord {
    /// What an event leaves that lies at this offset; none if it is about an assignment.
    pub fn left_by(envelope: &Envelope, offset: Offset) -> Option<Self> {
        let value = match &envelope.event {
            Event::SegmentCreated(event) => Some(&event.segment),
            Event::SegmentReplaced(event) => Some(&event.segment),
            Event::SegmentPatched(event) => Some(&event.segment),
            Event::SegmentDeleted(_) => None,
            Event::ItemAssigned(_)
            | Event::ItemUnassigned(_)
            | Event::CustomerAssigned(_)
            | Event::CustomerUnassigned(_) => return None,
        };
        let key = envelope.key().to_string();
        let mut headers = Headers::default();
        headers.set(headers::DATA_SCHEMA, data_schema(TYPE));
        headers.set(EVENT_OFFSET, offset);
        headers.set(headers::ID, envelope.id);
        headers.set(headers::PARTITION_KEY, &key);
        headers.set(headers::SEQUENCE, envelope.sequence);
        headers.set(headers::SOURCE, format_args!("/customer-segment/{}/state", envelope.tenant));
        headers.set(headers::SPEC_VERSION, "1.0");
        headers.set(headers::SUBJECT, envelope.event.segment_id());
        headers.set(headers::TENANT, &envelope.tenant);
        headers.set(headers::TIME, envelope.time);
        headers.set(headers::TYPE, TYPE);
        headers.set(headers::CONTENT_TYPE, "application/json");
        Some(Self { key, headers, value: value.map(canonical) })
    }

    /// The bytes of key, headers and value.
    pub fn size(&self) -> usize {
        self.key.len() + self.headers.size() + self.value.as_ref().map_or(0, Vec::len)
    }
}
