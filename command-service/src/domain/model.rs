//! The state of one partition: the fold of its accepted events.

use std::collections::HashMap;

use shared::{
    document::Segment,
    events::{Envelope, Event},
    ids::{CustomerRef, ItemRef, SegmentKey},
};

use super::{Changes, ETag, Effect, Overlay, Piece, Receipt, Target, assignment, rows::Rows, segment};

/// All segments of one partition and their assignments. Equal models have seen equal histories, as far as decisions go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub(super) segments: HashMap<SegmentKey, Entry>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub live: segment::State,
    pub rows: Rows,
}

/// An accepted event that does not fit the state that the events before it left. Whoever folds must stop there: either the
/// log or this program is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {sequence} of segment {key} contradicts the events before it")]
pub struct Contradiction {
    /// The segment.
    pub key: SegmentKey,
    /// The event's number in its segment's incarnation, as it says.
    pub sequence: u64,
    /// In what it does not fit.
    #[source]
    pub mismatch: Mismatch,
}

/// In what an event does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Events of the segment are missing or repeated.
    #[error("the next event is number {expected}, this is number {found}")]
    Sequence {
        /// The number of the next event.
        expected: u64,
        /// The number of this one.
        found: u64,
    },
    /// Versions are not consecutive.
    #[error("version {expected} is due, not {found}")]
    Version {
        /// The version that would fit.
        expected: u64,
        /// The one that the event names.
        found: u64,
    },
    /// It creates what exists, or changes what does not.
    #[error("what it is about exists and should not, or does not and should")]
    Existence,
    /// It changes when a document was created.
    #[error("the time of creation is another")]
    CreatedAt,
    /// It deletes a segment with other assignments than it says, or with some and without force.
    #[error("the segment has other assignments")]
    Assignments,
}

/// What one event makes of a segment and, if it is about one, of an assignment.
pub(super) struct Transition {
    pub segment: segment::State,
    pub assignment: Option<(Target, assignment::State)>,
    pub receipt: Receipt,
}

pub(super) fn transition(
    before: &segment::State,
    assignment_before: impl FnOnce(&Target) -> assignment::State,
    envelope: &Envelope,
) -> Result<Transition, Mismatch> {
    let segment = segment::evolve(before, envelope)?;
    let assignment = match assignment::step_of(&envelope.event) {
        None => None,
        Some((target, step)) => {
            let after = assignment::evolve(&assignment_before(&target), step, envelope.incarnation())?;
            Some((target, after))
        }
    };
    let etag = assignment.as_ref().map_or_else(|| segment.etag(), |(_, state)| state.etag());
    Ok(Transition { segment, assignment, receipt: Receipt { effect: effect_of(&envelope.event), etag } })
}

fn effect_of(event: &Event) -> Effect {
    let assigned = |created| if created { Effect::Created } else { Effect::Updated };
    match event {
        Event::SegmentCreated(_) => Effect::Created,
        Event::SegmentReplaced(_) | Event::SegmentPatched(_) => Effect::Updated,
        Event::ItemAssigned(event) => assigned(event.created),
        Event::CustomerAssigned(event) => assigned(event.created),
        Event::SegmentDeleted(_) | Event::ItemUnassigned(_) | Event::CustomerUnassigned(_) => Effect::Removed,
    }
}

static ABSENT: segment::State = segment::State::Absent;

impl Model {
    /// Folds the next accepted event of the partition.
    ///
    /// # Errors
    /// When it does not fit; nothing has changed then.
    pub fn apply(&mut self, envelope: &Envelope) -> Result<Receipt, Contradiction> {
        let key = envelope.key();
        let before = |target: &Target| self.assignment_state(&key, target);
        let Transition { segment, assignment, receipt } = match transition(self.segment_state(&key), before, envelope) {
            Ok(transition) => transition,
            Err(mismatch) => return Err(Contradiction { key, sequence: envelope.sequence, mismatch }),
        };
        match segment {
            segment::State::Absent => drop(self.segments.remove(&key)),
            live @ segment::State::Live(_) => {
                let empty = || Entry { live: segment::State::Absent, rows: Rows::default() };
                let entry = self.segments.entry(key).or_insert_with(empty);
                entry.live = live;
                if let Some((target, state)) = assignment {
                    entry.rows.set(target, state);
                }
            }
        }
        Ok(receipt)
    }

    /// Room for the effects of events that are decided but not yet accepted.
    pub fn overlay(&self) -> Overlay<'_> {
        Overlay::on(self, Changes::default())
    }

    /// The segments, in no particular order, with their tags.
    pub fn segments(&self) -> impl Iterator<Item = (&SegmentKey, &Segment, ETag)> {
        self.segments.iter().filter_map(|(key, entry)| match &entry.live {
            segment::State::Absent => None,
            segment::State::Live(live) => {
                let etag = ETag { incarnation: live.incarnation, version: live.version() };
                Some((key, live.document.as_ref(), etag))
            }
        })
    }

    /// A segment, with its tag, if it exists.
    pub fn segment(&self, key: &SegmentKey) -> Option<(&Segment, ETag)> {
        match self.segment_state(key) {
            segment::State::Absent => None,
            segment::State::Live(live) => {
                let etag = ETag { incarnation: live.incarnation, version: live.version() };
                Some((live.document.as_ref(), etag))
            }
        }
    }

    /// The items assigned to a segment, in no particular order, with the tags of the assignments.
    pub fn items(&self, key: &SegmentKey) -> impl Iterator<Item = (&ItemRef, ETag)> {
        let items = self.segments.get(key).into_iter().flat_map(|entry| entry.rows.items());
        items.map(|(item, row)| (item, row.etag()))
    }

    /// The customers assigned to a segment, in no particular order, with the tags of the assignments.
    pub fn customers(&self, key: &SegmentKey) -> impl Iterator<Item = (&CustomerRef, ETag)> {
        let customers = self.segments.get(key).into_iter().flat_map(|entry| entry.rows.customers());
        customers.map(|(customer, row)| (customer, row.etag()))
    }

    /// How many segments there are.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// How many assignments there are.
    pub fn assignment_count(&self) -> usize {
        self.segments.values().map(|entry| entry.rows.len()).sum()
    }

    /// Everything, in pieces of bounded size; equal models have equal pieces. [`Assembly`] puts them together again.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> {
        let mut entries: Vec<_> = self.segments.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries.into_iter().flat_map(|(key, entry)| Piece::all_of(key, &entry.live, &entry.rows))
    }

    pub(super) fn segment_state(&self, key: &SegmentKey) -> &segment::State {
        self.segments.get(key).map_or(&ABSENT, |entry| &entry.live)
    }

    pub(super) fn assignment_state(&self, key: &SegmentKey, target: &Target) -> assignment::State {
        self.segments.get(key).map_or(assignment::State::SegmentMissing, |entry| entry.rows.state(target))
    }

    /// How many assignments a segment has.
    pub(super) fn assignments_of(&self, key: &SegmentKey) -> usize {
        self.segments.get(key).map_or(0, |entry| entry.rows.len())
    }
}
