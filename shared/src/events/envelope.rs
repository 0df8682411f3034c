//! The envelope: who did it, when, on which request; and how it becomes a record and is read back.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Event, EventType,
    headers::{self, Headers},
};
use crate::{
    Timestamp,
    ids::{SegmentKey, Tenant},
    log::{Chain, NewRecord, Record},
};

/// Room for the headers of nearly every event.
const HEADER_BYTES: usize = 1024;

/// Who asked: `user:<sub>` or `client:<azp>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor(pub String);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which request an event answers. Ids of version 5 come from an idempotency key, those of version 7 from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommandStamp {
    /// The command's id.
    pub id: Uuid,
    /// blake3 over the request.
    pub hash: blake3::Hash,
}

impl CommandStamp {
    /// Whether the client named the command, so that a retry can be recognised.
    pub fn is_keyed(&self) -> bool {
        self.id.get_version_num() == 5
    }
}

/// An event with everything around it but its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// A UUIDv7.
    pub id: Uuid,
    /// The owner of the segment.
    pub tenant: Tenant,
    /// The writer's clock, never running back within a partition.
    pub time: Timestamp,
    /// The number of the event in the segment's present incarnation, from 1.
    pub sequence: u64,
    /// Who asked.
    pub actor: Actor,
    /// Which request it answers.
    pub command: CommandStamp,
    /// The client's word for a longer conversation.
    pub correlation_id: Option<String>,
    /// What caused the request.
    pub causation_id: Option<String>,
    /// W3C trace context.
    pub trace_parent: Option<String>,
    /// W3C trace context.
    pub trace_state: Option<String>,
    /// What happened.
    pub event: Event,
}

/// What the writer adds: its place among the records of the partition.
#[derive(Debug, Clone, Copy)]
pub struct WriterStamp<'a> {
    /// The writer, as announced.
    pub writer_id: Uuid,
    /// The number among the accepted records of the partition, from 1.
    pub pseq: u64,
    /// The chain of the record before.
    pub previous: &'a Chain,
}

/// A record that ought to be an event cannot be read as one.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// A header is missing or malformed.
    #[error("header {0} is missing or malformed")]
    Header(&'static str),
    /// The type is not one of ours.
    #[error("unknown event type {0:?}")]
    Type(String),
    /// The value is not what its type promises.
    #[error("the value does not fit its type: {0}")]
    Value(#[from] serde_json::Error),
}

impl Envelope {
    /// The segment that the event is about.
    pub fn key(&self) -> SegmentKey {
        SegmentKey::new(self.tenant.clone(), self.event.segment_id().clone())
    }

    /// The segment's incarnation, when this event creates it; an assignment's likewise.
    pub fn incarnation(&self) -> u32 {
        incarnation(self.id)
    }

    /// Makes the record, with its place and the chain.
    pub fn seal(&self, stamp: WriterStamp<'_>) -> NewRecord {
        let key = self.key().to_string();
        let kind = self.event.event_type();
        let mut headers = Headers::with_capacity(HEADER_BYTES);
        headers.set(headers::ACTOR, &self.actor);
        headers.set(headers::COMMAND_HASH, self.command.hash.to_hex());
        headers.set(headers::COMMAND_ID, self.command.id);
        headers.set(headers::DATA_SCHEMA, kind.data_schema());
        headers.set(headers::ID, self.id);
        headers.set(headers::PARTITION_KEY, &key);
        headers.set(headers::PSEQ, stamp.pseq);
        headers.set(headers::SEQUENCE, self.sequence);
        headers.set(headers::SOURCE, format_args!("/customer-segment/{}", self.tenant));
        headers.set(headers::SPEC_VERSION, "1.0");
        headers.set(headers::SUBJECT, self.event.segment_id());
        headers.set(headers::TENANT, &self.tenant);
        headers.set(headers::TIME, self.time);
        headers.set(headers::TYPE, kind.as_str());
        headers.set(headers::WRITER_ID, stamp.writer_id);
        headers.set(headers::CONTENT_TYPE, "application/json");
        headers.set_some(headers::CORRELATION_ID, self.correlation_id.as_deref());
        headers.set_some(headers::CAUSATION_ID, self.causation_id.as_deref());
        headers.set_some(headers::TRACE_PARENT, self.trace_parent.as_deref());
        headers.set_some(headers::TRACE_STATE, self.trace_state.as_deref());
        let mut record = NewRecord { key: Some(key), headers, value: self.event.to_json() };
        let chain = stamp.previous.extended(stamp.pseq, &record.key, &record.headers, &record.value);
        record.headers.set(headers::CHAIN, chain.to_string());
        record
    }

    /// Reads a record that the acceptance rule has accepted.
    ///
    /// # Errors
    /// When a header is missing, the type unknown or the value malformed. A newer version may have written it.
    pub fn open(record: &Record) -> Result<Self, Unreadable> {
        let kind = required(&record.headers, headers::TYPE)?;
        let kind = EventType::parse(kind).ok_or_else(|| Unreadable::Type(kind.to_owned()))?;
        let tenant = required(&record.headers, headers::TENANT)?;
        let hash = required(&record.headers, headers::COMMAND_HASH)?;
        let optional = |name| record.headers.get(name).map(str::to_owned);
        Ok(Self {
            id: parsed(&record.headers, headers::ID)?,
            tenant: Tenant::parse(tenant).map_err(|_| Unreadable::Header(headers::TENANT))?,
            time: parsed(&record.headers, headers::TIME)?,
            sequence: parsed(&record.headers, headers::SEQUENCE)?,
            actor: Actor(required(&record.headers, headers::ACTOR)?.to_owned()),
            command: CommandStamp {
                id: parsed(&record.headers, headers::COMMAND_ID)?,
                hash: blake3::Hash::from_hex(hash).map_err(|_| Unreadable::Header(headers::COMMAND_HASH))?,
            },
            correlation_id: optional(headers::CORRELATION_ID),
            causation_id: optional(headers::CAUSATION_ID),
            trace_parent: optional(headers::TRACE_PARENT),
            trace_state: optional(headers::TRACE_STATE),
            event: Event::from_json(kind, &record.value)?,
        })
    }
}

/// What tells one life of an id from the next: the last eight hexadecimal digits of the id of the creating event.
fn incarnation(event_id: Uuid) -> u32 {
    let [.., a, b, c, d] = *event_id.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn required<'a>(headers: &'a Headers, name: &'static str) -> Result<&'a str, Unreadable> {
    headers.get(name).ok_or(Unreadable::Header(name))
}

fn parsed<T: FromStr>(headers: &Headers, name: &'static str) -> Result<T, Unreadable> {
    required(headers, name)?.parse().map_err(|_| Unreadable::Header(name))
}
