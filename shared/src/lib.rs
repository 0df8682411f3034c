//! The published language of the services: ids, documents, events, the log they are written to, and HTTP conventions.
//!
//! Start with [`events`] (what is written), then [`log`] (where it is written, and which records count).
//! A type moves here when a second crate needs it.

pub mod clock;
pub mod config;
pub mod consistency;
pub mod document;
pub mod events;
pub mod http;
pub mod ids;
pub mod log;
pub mod reference;
pub mod shutdown;
pub mod telemetry;
mod text;

pub use clock::{Clock, SystemClock, Timestamp};
