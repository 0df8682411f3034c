//! What the writer is asked, and what it answers.

use std::time::Duration;

use shared::{
    consistency::Positions,
    events::{Actor, CommandStamp},
    log::{Offset, Partition},
};
use uuid::Uuid;

use crate::domain::{Command, ETag, Receipt, Rejection};

/// A command with what its record will say about the request.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// Its id and fingerprint.
    pub stamp: CommandStamp,
    /// Who asks.
    pub actor: Actor,
    /// The client's word for a longer conversation.
    pub correlation_id: Option<String>,
    /// What caused the request.
    pub causation_id: Option<String>,
    /// W3C trace context.
    pub trace_parent: Option<String>,
    /// W3C trace context.
    pub trace_state: Option<String>,
    /// The bytes that the request holds while it waits.
    pub size: usize,
}

/// A command was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What it did.
    pub outcome: Outcome,
    /// The partition.
    pub partition: Partition,
    /// The offset that a view must have reached to show it.
    pub next_offset: Offset,
    /// Whether it was done before, on an earlier request with the same key.
    pub replayed: bool,
}

impl Answer {
    /// The answer's place, for the consistency token.
    pub fn positions(&self) -> Positions {
        Positions::at(self.partition, self.next_offset)
    }
}

/// What an accepted command did.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// There is a record of it.
    Changed(Receipt),
    /// There was nothing to do.
    Unchanged {
        /// The tag of the document, where there is one.
        etag: Option<ETag>,
    },
}

/// Why a command was not answered with success.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The command was decided, and refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Nothing was and nothing will be executed.
    #[error("nothing was executed")]
    NotExecuted {
        /// When to try again.
        retry_after: Duration,
    },
    /// The command may have been executed, or be executed later.
    #[error("the outcome is unknown")]
    OutcomeUnknown {
        /// The command's id.
        command_id: Uuid,
    },
    /// The event would be larger than a record may be.
    #[error("the event has {size} bytes, more than {limit}")]
    TooLarge {
        /// Its bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The decision failed in an unforeseen way; nothing was executed.
    #[error("the decision panicked")]
    Panicked,
}

impl Failure {
    /// Nothing was executed; one second is a good time to try again.
    pub(super) const NOT_EXECUTED: Self = Self::NotExecuted { retry_after: Duration::from_secs(1) };
}
