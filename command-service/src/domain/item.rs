//! The assignment of a product or category to a segment: what a command does to it, and what its events leave.
//!
//! Of an assignment only that is kept which decisions need; its mixins are in the event alone.

use shared::{
    Timestamp,
    events::{Event, ItemAssigned, ItemUnassigned},
    ids::{ItemRef, SegmentId},
};

use super::{AssignmentDraft, ETag, Mismatch, Rejection, segment::expect_version};

/// An assignment that exists: 24 bytes, since there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Assigned {
    pub version: u64,
    pub created_at: Timestamp,
    pub incarnation: u32,
}

/// What is known of one item of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There is no such segment.
    SegmentMissing,
    /// The item is not assigned to the segment.
    Free,
    /// It is.
    Assigned(Assigned),
}

/// What may be done to an assignment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Command<'a> {
    Assign { draft: &'a AssignmentDraft, expected: Option<u64> },
    Unassign,
}

impl State {
    /// The tag of the assignment, if there is one.
    pub fn etag(&self) -> Option<ETag> {
        match self {
            Self::SegmentMissing | Self::Free => None,
            Self::Assigned(row) => Some(ETag { incarnation: row.incarnation, version: row.version }),
        }
    }
}

/// The event that the command leads to; none when it is accepted and there is nothing to change.
pub(super) fn decide(
    id: &SegmentId,
    item: &ItemRef,
    state: &State,
    command: Command<'_>,
    now: Timestamp,
) -> Result<Option<Event>, Rejection> {
    use {Command::*, State::*};
    match (state, command) {
        (SegmentMissing, Assign { .. }) => Err(Rejection::SegmentMissing),
        (SegmentMissing | Free, Unassign) => Ok(None), // Removing what is gone is not an error.
        (Free, Assign { draft, .. }) => Ok(Some(assigned(id, item, draft, 1, now, now))),
        (Assigned(row), Assign { expected: Some(version), .. }) if version != row.version => {
            Err(Rejection::StaleVersion { current: row.version })
        }
        (Assigned(row), Assign { draft, .. }) => {
            Ok(Some(assigned(id, item, draft, row.version + 1, row.created_at, now)))
        }
        (Assigned(row), Unassign) => Ok(Some(Event::ItemUnassigned(ItemUnassigned {
            segment_id: id.clone(),
            item_type: item.kind,
            item_id: item.id.clone(),
            last_version: row.version,
        }))),
    }
}

fn assigned(
    id: &SegmentId,
    item: &ItemRef,
    draft: &AssignmentDraft,
    version: u64,
    created_at: Timestamp,
    now: Timestamp,
) -> Event {
    let (mixins, metadata) = draft.clone().into_parts(version, created_at, now);
    Event::ItemAssigned(ItemAssigned {
        segment_id: id.clone(),
        item_type: item.kind,
        item_id: item.id.clone(),
        mixins,
        metadata,
        created: version == 1,
    })
}

/// The state after an assignment; `incarnation` is that of the event.
pub(super) fn evolve_assigned(state: &State, event: &ItemAssigned, incarnation: u32) -> Result<State, Mismatch> {
    let (version, created_at) = (event.metadata.version, event.metadata.created_at);
    match (state, event.created) {
        (State::Free, true) => {
            expect_version(1, version)?;
            Ok(State::Assigned(Assigned { version, created_at, incarnation }))
        }
        (State::Assigned(row), false) => {
            expect_version(row.version + 1, version)?;
            if created_at != row.created_at {
                return Err(Mismatch::CreatedAt);
            }
            Ok(State::Assigned(Assigned { version, ..*row }))
        }
        (State::SegmentMissing, true | false) | (State::Free, false) | (State::Assigned(_), true) => {
            Err(Mismatch::Existence)
        }
    }
}

/// The state after the removal of an assignment.
pub(super) fn evolve_unassigned(state: &State, event: &ItemUnassigned) -> Result<State, Mismatch> {
    match state {
        State::Assigned(row) => expect_version(row.version, event.last_version).map(|()| State::Free),
        State::SegmentMissing | State::Free => Err(Mismatch::Existence),
    }
}
