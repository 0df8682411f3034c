//! The events: facts about segments and their assignments, one record each, kept forever.
//!
//! [`Event`] is the payload, [`Envelope`] adds who, when and why, [`Envelope::seal`] makes the record, and
//! [`Envelope::open`] reads it back. `schemas/events` publishes the same as JSON Schema.
//!
//! A new kind of event: a struct in [`payload`], a variant of [`Event`] and of [`EventType`], a schema, golden samples.
//! A changed one: optional members only; anything else is a new type and an upcaster.

mod control;
mod envelope;
pub mod headers;
mod payload;
mod state;
mod structured;

pub(crate) use payload::canonical;

pub use control::{Control, FOLD_VERSION, WriterStarted, WriterStopped};
pub use envelope::{Actor, CommandStamp, Envelope, Unreadable, WriterStamp};
pub use headers::Headers;
pub use payload::{
    AssignmentCounts, CustomerAssigned, CustomerUnassigned, Event, EventType, ItemAssigned, ItemUnassigned,
    PatchOperation, SegmentCreated, SegmentDeleted, SegmentPatched, SegmentReplaced,
};
pub use state::{EVENT_OFFSET, StateRecord};
pub use structured::structured;
