//! What is assigned to a segment, items and customers alike: what a command does to an assignment, and what its events leave.
//!
//! Something new to assign: a variant of [`Target`], its events in [`assigned`], [`unassigned`] and [`step_of`], and its map
//! in `rows.rs`.

use serde::{Deserialize, Serialize};
use shared::{
    Timestamp,
    document::AssignmentType,
    events::{CustomerAssigned, CustomerUnassigned, Event, ItemAssigned, ItemUnassigned},
    ids::{CustomerRef, ItemRef, SegmentId},
};

use super::{AssignmentDraft, ETag, Mismatch, Rejection, pieces::as_millis, segment::expect_version};

/// What an assignment is about. Within its segment this is the identity of the assignment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A product or category.
    Item(ItemRef),
    /// A customer, for itself or for a legal entity.
    Customer(CustomerRef),
}

impl From<ItemRef> for Target {
    fn from(item: ItemRef) -> Self {
        Self::Item(item)
    }
}

impl From<CustomerRef> for Target {
    fn from(customer: CustomerRef) -> Self {
        Self::Customer(customer)
    }
}

/// An assignment that exists. Of it only that is kept which decisions need, 24 bytes, since there may be millions; its mixins
/// are in the event alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Assigned {
    pub version: u64,
    #[serde(with = "as_millis")]
    pub created_at: Timestamp,
    pub incarnation: u32,
}

impl Assigned {
    pub fn etag(&self) -> ETag {
        ETag { incarnation: self.incarnation, version: self.version }
    }
}

/// What is known of one target in one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There is no such segment.
    SegmentMissing,
    /// The target is not assigned to the segment.
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

/// What an event did to an assignment, whatever it is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Assigned { version: u64, created_at: Timestamp, created: bool },
    Unassigned { last_version: u64 },
}

impl State {
    /// The tag of the assignment, if there is one.
    pub fn etag(&self) -> Option<ETag> {
        match self {
            Self::SegmentMissing | Self::Free => None,
            Self::Assigned(row) => Some(row.etag()),
        }
    }
}

/// The event that the command leads to; none when it is accepted and there is nothing to change.
pub(super) fn decide(
    id: &SegmentId,
    target: &Target,
    state: &State,
    command: Command<'_>,
    now: Timestamp,
) -> Result<Option<Event>, Rejection> {
    use {Command::*, State::*};
    match (state, command) {
        (SegmentMissing, Assign { .. }) => Err(Rejection::SegmentMissing),
        (SegmentMissing | Free, Unassign) => Ok(None), // Removing what is gone is not an error.
        (Free, Assign { draft, .. }) => Ok(Some(assigned(id, target, draft, 1, now, now))),
        (Assigned(row), Assign { expected: Some(version), .. }) if version != row.version => {
            Err(Rejection::StaleVersion { current: row.version })
        }
        (Assigned(row), Assign { draft, .. }) => {
            Ok(Some(assigned(id, target, draft, row.version + 1, row.created_at, now)))
        }
        (Assigned(row), Unassign) => Ok(Some(unassigned(id, target, row.version))),
    }
}

fn assigned(
    id: &SegmentId,
    target: &Target,
    draft: &AssignmentDraft,
    version: u64,
    created_at: Timestamp,
    now: Timestamp,
) -> Event {
    let (segment_id, created) = (id.clone(), version == 1);
    let (mixins, metadata) = draft.clone().into_parts(version, created_at, now);
    match target.clone() {
        Target::Item(ItemRef { kind: item_type, id: item_id }) => {
            Event::ItemAssigned(ItemAssigned { segment_id, item_type, item_id, mixins, metadata, created })
        }
        Target::Customer(CustomerRef { id: customer_ref, legal_entity: legal_entity_id }) => {
            Event::CustomerAssigned(CustomerAssigned {
                segment_id,
                customer_ref,
                legal_entity_id,
                assignment_type: AssignmentType::Manual,
                mixins,
                metadata,
                created,
            })
        }
    }
}

fn unassigned(id: &SegmentId, target: &Target, last_version: u64) -> Event {
    let segment_id = id.clone();
    match target.clone() {
        Target::Item(ItemRef { kind: item_type, id: item_id }) => {
            Event::ItemUnassigned(ItemUnassigned { segment_id, item_type, item_id, last_version })
        }
        Target::Customer(CustomerRef { id: customer_ref, legal_entity: legal_entity_id }) => {
            Event::CustomerUnassigned(CustomerUnassigned { segment_id, customer_ref, legal_entity_id, last_version })
        }
    }
}

/// The assignment that an event is about, and what it did to it; none for events about the segment itself.
pub(super) fn step_of(event: &Event) -> Option<(Target, Step)> {
    Some(match event {
        Event::SegmentCreated(_) | Event::SegmentReplaced(_) | Event::SegmentPatched(_) | Event::SegmentDeleted(_) => {
            return None;
        }
        Event::ItemAssigned(event) => {
            let (version, created_at) = (event.metadata.version, event.metadata.created_at);
            let item = ItemRef { kind: event.item_type, id: event.item_id.clone() };
            (item.into(), Step::Assigned { version, created_at, created: event.created })
        }
        Event::ItemUnassigned(event) => {
            let item = ItemRef { kind: event.item_type, id: event.item_id.clone() };
            (item.into(), Step::Unassigned { last_version: event.last_version })
        }
        Event::CustomerAssigned(event) => {
            let (version, created_at) = (event.metadata.version, event.metadata.created_at);
            (event.customer().into(), Step::Assigned { version, created_at, created: event.created })
        }
        Event::CustomerUnassigned(event) => {
            (event.customer().into(), Step::Unassigned { last_version: event.last_version })
        }
    })
}

/// The state after a step; `incarnation` is that of its event.
pub(super) fn evolve(state: &State, step: Step, incarnation: u32) -> Result<State, Mismatch> {
    match (state, step) {
        (State::Free, Step::Assigned { version, created_at, created: true }) => {
            expect_version(1, version)?;
            Ok(State::Assigned(Assigned { version, created_at, incarnation }))
        }
        (State::Assigned(row), Step::Assigned { version, created_at, created: false }) => {
            expect_version(row.version + 1, version)?;
            if created_at != row.created_at {
                return Err(Mismatch::CreatedAt);
            }
            Ok(State::Assigned(Assigned { version, ..*row }))
        }
        (State::Assigned(row), Step::Unassigned { last_version }) => {
            expect_version(row.version, last_version).map(|()| State::Free)
        }
        (State::SegmentMissing, Step::Assigned { .. } | Step::Unassigned { .. })
        | (State::Free, Step::Assigned { created: false, .. } | Step::Unassigned { .. })
        | (State::Assigned(_), Step::Assigned { created: true, .. }) => Err(Mismatch::Existence),
    }
}
