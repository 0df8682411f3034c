//! The state of one partition: the fold of its accepted events.

use std::collections::HashMap;

use shared::{
    document::Segment,
    events::{Envelope, Event},
    ids::{ItemId, ItemRef, ItemType, SegmentKey},
};

use super::{Changes, ETag, Effect, Overlay, Receipt, item, segment};

/// All segments of one partition and their assignments. Equal models have seen equal histories, as far as decisions go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    segments: HashMap<SegmentKey, Entry>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    live: segment::State,
    items: HashMap<ItemRef, item::Assigned>,
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
    pub item: Option<(ItemRef, item::State)>,
    pub receipt: Receipt,
}

pub(super) fn transition(
    before: &segment::State,
    item_before: impl FnOnce(&ItemRef) -> item::State,
    envelope: &Envelope,
) -> Result<Transition, Mismatch> {
    let segment = segment::evolve(before, envelope)?;
    let (item, effect) = match &envelope.event {
        Event::SegmentCreated(_) => (None, Effect::Created),
        Event::SegmentReplaced(_) | Event::SegmentPatched(_) => (None, Effect::Updated),
        Event::SegmentDeleted(_) => (None, Effect::Removed),
        Event::ItemAssigned(event) => {
            let item = item_ref(event.item_type, &event.item_id);
            let after = item::evolve_assigned(&item_before(&item), event, envelope.incarnation())?;
            (Some((item, after)), if event.created { Effect::Created } else { Effect::Updated })
        }
        Event::ItemUnassigned(event) => {
            let item = item_ref(event.item_type, &event.item_id);
            let after = item::evolve_unassigned(&item_before(&item), event)?;
            (Some((item, after)), Effect::Removed)
        }
    };
    let etag = item.as_ref().map_or_else(|| segment.etag(), |(_, state)| state.etag());
    Ok(Transition { segment, item, receipt: Receipt { effect, etag } })
}

fn item_ref(kind: ItemType, id: &ItemId) -> ItemRef {
    ItemRef { kind, id: id.clone() }
}

static ABSENT: segment::State = segment::State::Absent;

impl Model {
    /// Folds the next accepted event of the partition.
    ///
    /// # Errors
    /// When it does not fit; nothing has changed then.
    pub fn apply(&mut self, envelope: &Envelope) -> Result<Receipt, Contradiction> {
        let key = envelope.key();
        let fitted = transition(self.segment_state(&key), |item| self.item_state(&key, item), envelope);
        let Transition { segment, item, receipt } = match fitted {
            Ok(transition) => transition,
            Err(mismatch) => return Err(Contradiction { key, sequence: envelope.sequence, mismatch }),
        };
        match segment {
            segment::State::Absent => drop(self.segments.remove(&key)),
            live @ segment::State::Live(_) => {
                let empty = || Entry { live: segment::State::Absent, items: HashMap::new() };
                let entry = self.segments.entry(key).or_insert_with(empty);
                entry.live = live;
                match item {
                    None => {}
                    Some((item, item::State::Assigned(row))) => drop(entry.items.insert(item, row)),
                    Some((item, item::State::Free | item::State::SegmentMissing)) => drop(entry.items.remove(&item)),
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

    /// The items assigned to a segment, in no particular order, with the tags of the assignments.
    pub fn items(&self, key: &SegmentKey) -> impl Iterator<Item = (&ItemRef, ETag)> {
        let rows = self.segments.get(key).into_iter().flat_map(|entry| &entry.items);
        rows.map(|(item, row)| (item, ETag { incarnation: row.incarnation, version: row.version }))
    }

    /// How many segments there are.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// How many assignments there are.
    pub fn assignment_count(&self) -> usize {
        self.segments.values().map(|entry| entry.items.len()).sum()
    }

    pub(super) fn segment_state(&self, key: &SegmentKey) -> &segment::State {
        self.segments.get(key).map_or(&ABSENT, |entry| &entry.live)
    }

    pub(super) fn item_state(&self, key: &SegmentKey, item: &ItemRef) -> item::State {
        let Some(entry) = self.segments.get(key) else { return item::State::SegmentMissing };
        entry.items.get(item).map_or(item::State::Free, |row| item::State::Assigned(*row))
    }
}
