//! The rules: what a command does to a segment and its assignments. Pure: no I/O, no clock, no ids, no logging.
//!
//! A body becomes a [`Draft`] or a [`Patch`] once, at the edge. [`Overlay::decide`] turns a [`Command`] into one event, into
//! nothing, or into a [`Rejection`]; [`Model::apply`] folds accepted events, the only way in which state changes.
//!
//! A new kind of command: a variant of [`Action`], its arm in [`Overlay::decide`], and a file like `segment.rs` when it has a
//! state of its own. Whatever is assigned to segments is in `assignment.rs`.

mod assignment;
mod condition;
mod draft;
mod fault;
mod language;
mod model;
mod overlay;
mod patch;
mod pieces;
mod rows;
mod segment;

use serde::{Deserialize, Serialize};
use shared::{Timestamp, ids::SegmentKey};

pub use assignment::Target;
pub use condition::{Condition, ETag, IfMatch};
pub use draft::{
    AssignmentDraft, Draft, MAX_DEPTH, MAX_SITE_CODE_CHARS, customer, expected_version, item_id, segment_id,
};
pub use fault::{Fault, FaultKind};
pub use language::ContentLanguage;
pub use model::{Contradiction, Mismatch, Model};
pub use overlay::{Changes, Overlay};
pub use patch::{MAX_OPERATIONS, Patch};
pub use pieces::{Assembly, Misplaced, Piece};

/// Something that a client wants done to one segment or one assignment of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The segment.
    pub key: SegmentKey,
    /// What must hold for the document that the action is about.
    pub condition: Condition,
    /// What to do.
    pub action: Action,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Create a segment that must not exist.
    CreateSegment(Draft),
    /// Create a segment or replace it whole.
    PutSegment {
        /// The new document.
        draft: Draft,
        /// `metadata.version`: the version that the client believes to replace. Not looked at when there is none.
        expected: Option<u64>,
    },
    /// Change parts of a segment.
    PatchSegment(Patch),
    /// Delete a segment.
    DeleteSegment {
        /// Its assignments go with it; without this they forbid the deletion.
        force: bool,
    },
    /// Assign something to the segment, or replace its assignment.
    Assign {
        /// What.
        target: Target,
        /// The new assignment.
        draft: AssignmentDraft,
        /// `metadata.version`: the version that the client believes to replace. Not looked at when there is none.
        expected: Option<u64>,
    },
    /// Remove an assignment.
    Unassign {
        /// What is assigned.
        target: Target,
    },
}

/// What is impure, handed in.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The time of the event; never earlier than that of the event before in the partition.
    pub now: Timestamp,
}

/// Why a command is refused. The order of the variants is the order in which they are looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// `If-Match` or `If-None-Match` does not hold (412).
    #[error("the precondition does not hold")]
    PreconditionFailed,
    /// There is no such segment (404).
    #[error("the segment does not exist")]
    NotFound,
    /// There is no segment to assign to (400).
    #[error("the segment to assign to does not exist")]
    SegmentMissing,
    /// The segment has assignments and the deletion is not forced (400).
    #[error("the segment has assignments")]
    HasAssignments,
    /// A patch does not apply, or what it leaves is not a valid document (400).
    #[error(transparent)]
    Invalid(#[from] Fault),
    /// The expected version is not the present one (409).
    #[error("the document has changed: its version is {current}")]
    StaleVersion {
        /// The present version.
        current: u64,
    },
    /// The segment exists already (409).
    #[error("the segment exists already")]
    AlreadyExists,
}

/// What an accepted event did to the document it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// It was not there before.
    Created,
    /// It has a new version.
    Updated,
    /// It is gone.
    Removed,
}

/// What an answer is built from, also one that is given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Receipt {
    /// What happened.
    pub effect: Effect,
    /// The tag of the document as it is now; none after a removal.
    pub etag: Option<ETag>,
}

#[cfg(test)]
mod tests;
