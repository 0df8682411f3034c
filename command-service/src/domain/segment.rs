//! A segment: what a command does to it, and what its events leave.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shared::{
    Timestamp,
    document::Segment,
    events::{AssignmentCounts, Envelope, Event, SegmentCreated, SegmentDeleted, SegmentReplaced},
    ids::SegmentId,
};

use super::{Draft, ETag, Mismatch, Patch, Rejection, pieces::as_json};

/// What is known of one segment id.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    /// There is no such segment; there may have been one.
    Absent,
    /// It exists.
    Live(Live),
}

/// A segment that exists. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Live {
    /// As the last event left it.
    #[serde(with = "as_json")]
    pub document: Arc<Segment>,
    /// Tells this life of the id from others.
    pub incarnation: u32,
    /// The number of the last event in this incarnation.
    pub sequence: u64,
    /// How many assignments there are.
    pub assignments: AssignmentCounts,
}

/// What may be done to a segment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Command<'a> {
    Create(&'a Draft),
    Put { draft: &'a Draft, expected: Option<u64> },
    Patch(&'a Patch),
    Delete { force: bool },
}

impl Live {
    /// The version of the document.
    pub fn version(&self) -> u64 {
        self.document.metadata.version
    }

    fn has_assignments(&self) -> bool {
        self.assignments != AssignmentCounts::default()
    }
}

impl State {
    /// The tag of the document, if there is one.
    pub fn etag(&self) -> Option<ETag> {
        match self {
            Self::Absent => None,
            Self::Live(live) => Some(ETag { incarnation: live.incarnation, version: live.version() }),
        }
    }

    /// The number of the next event in the present incarnation.
    pub fn next_sequence(&self) -> u64 {
        match self {
            Self::Absent => 1,
            Self::Live(live) => live.sequence + 1,
        }
    }
}

/// The event that the command leads to; none when it is accepted and there is nothing to change.
pub(super) fn decide(
    id: &SegmentId,
    state: &State,
    command: Command<'_>,
    now: Timestamp,
) -> Result<Option<Event>, Rejection> {
    use {Command::*, State::*};
    match (state, command) {
        (Absent, Create(draft) | Put { draft, .. }) => Ok(Some(created(id, draft, now))),
        (Absent, Patch(_)) => Err(Rejection::NotFound),
        (Absent, Delete { .. }) => Ok(None), // Deleting what is gone is not an error.
        (Live(_), Create(_)) => Err(Rejection::AlreadyExists),
        (Live(live), Put { expected: Some(version), .. }) if version != live.version() => {
            Err(Rejection::StaleVersion { current: live.version() })
        }
        (Live(live), Put { draft, .. }) => Ok(Some(replaced(live, draft, now))),
        (Live(_), Patch(patch)) if patch.is_empty() => Ok(None),
        (Live(live), Patch(patch)) => Ok(Some(Event::SegmentPatched(patch.apply(&live.document, now)?))),
        (Live(live), Delete { force: false }) if live.has_assignments() => Err(Rejection::HasAssignments),
        (Live(live), Delete { force }) => Ok(Some(deleted(live, force))),
    }
}

fn created(id: &SegmentId, draft: &Draft, now: Timestamp) -> Event {
    Event::SegmentCreated(SegmentCreated { segment: draft.clone().into_segment(id.clone(), 1, now, now).into() })
}

fn replaced(live: &Live, draft: &Draft, now: Timestamp) -> Event {
    let (before, previous_version) = (&live.document, live.version());
    let draft = draft.clone();
    let segment = draft.into_segment(before.id.clone(), previous_version + 1, before.metadata.created_at, now);
    Event::SegmentReplaced(SegmentReplaced { segment: segment.into(), previous_version })
}

fn deleted(live: &Live, force: bool) -> Event {
    Event::SegmentDeleted(SegmentDeleted {
        segment_id: live.document.id.clone(),
        force,
        last_version: live.version(),
        assignment_counts: live.assignments,
    })
}

/// The state after an event, those of its assignments included.
pub(super) fn evolve(state: &State, envelope: &Envelope) -> Result<State, Mismatch> {
    use {Event::*, State::*};
    if envelope.sequence != state.next_sequence() {
        return Err(Mismatch::Sequence { expected: state.next_sequence(), found: envelope.sequence });
    }
    match (state, &envelope.event) {
        (Absent, SegmentCreated(event)) => born(&event.segment, envelope.incarnation()),
        (Live(live), SegmentReplaced(event)) => changed(live, &event.segment, event.previous_version),
        (Live(live), SegmentPatched(event)) => changed(live, &event.segment, event.previous_version),
        (Live(live), SegmentDeleted(event)) => gone(live, event),
        (Live(live), ItemAssigned(event)) => counted(live, i64::from(event.created), 0),
        (Live(live), ItemUnassigned(_)) => counted(live, -1, 0),
        (Live(live), CustomerAssigned(event)) => counted(live, 0, i64::from(event.created)),
        (Live(live), CustomerUnassigned(_)) => counted(live, 0, -1),
        (Live(_), SegmentCreated(_))
        | (Absent, SegmentReplaced(_) | SegmentPatched(_) | SegmentDeleted(_))
        | (Absent, ItemAssigned(_) | ItemUnassigned(_) | CustomerAssigned(_) | CustomerUnassigned(_)) => {
            Err(Mismatch::Existence)
        }
    }
}

fn born(segment: &Arc<Segment>, incarnation: u32) -> Result<State, Mismatch> {
    expect_version(1, segment.metadata.version)?;
    let assignments = AssignmentCounts::default();
    Ok(State::Live(Live { document: Arc::clone(segment), incarnation, sequence: 1, assignments }))
}

fn changed(live: &Live, segment: &Arc<Segment>, previous_version: u64) -> Result<State, Mismatch> {
    expect_version(live.version(), previous_version)?;
    expect_version(live.version() + 1, segment.metadata.version)?;
    if segment.metadata.created_at != live.document.metadata.created_at {
        return Err(Mismatch::CreatedAt);
    }
    Ok(State::Live(Live { document: Arc::clone(segment), sequence: live.sequence + 1, ..live.clone() }))
}

fn gone(live: &Live, event: &SegmentDeleted) -> Result<State, Mismatch> {
    expect_version(live.version(), event.last_version)?;
    if event.assignment_counts != live.assignments || (live.has_assignments() && !event.force) {
        return Err(Mismatch::Assignments);
    }
    Ok(State::Absent)
}

/// The segment with so many assignments more, or less.
fn counted(live: &Live, more_items: i64, more_customers: i64) -> Result<State, Mismatch> {
    let plus = |count: u64, more| count.checked_add_signed(more).ok_or(Mismatch::Existence);
    let AssignmentCounts { items, customers } = live.assignments;
    let assignments = AssignmentCounts { items: plus(items, more_items)?, customers: plus(customers, more_customers)? };
    Ok(State::Live(Live { assignments, sequence: live.sequence + 1, ..live.clone() }))
}

pub(super) fn expect_version(expected: u64, found: u64) -> Result<(), Mismatch> {
    if expected == found { Ok(()) } else { Err(Mismatch::Version { expected, found }) }
}
