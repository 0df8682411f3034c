//! What a run of records does to the views in the end: the net effect for each segment and each assignment.
//!
//! Pure: records in, rows out. Order is the log's. A deletion clears what the batch holds of that segment and its
//! assignments, and what follows it starts anew.

use std::collections::HashMap;

use shared::{
    Timestamp,
    document::{Metadata, Mixins, Segment},
    events::{Envelope, Event, ItemAssigned},
    ids::{ItemRef, SegmentKey},
    log::{Acceptance, Ignored, Offset, Record, Verdict},
};

/// The most bytes of values in a batch, the last one excepted.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A record that stops the partition, since no view may leave it out.
#[derive(Debug, thiserror::Error)]
#[error("record at offset {offset}: {reason}")]
pub struct Unusable {
    offset: Offset,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("a newer version of this program wrote it")]
    Newer,
    #[error("it contradicts the records before it (writer, number, chain or partition count)")]
    Corrupt,
    #[error("{0}")]
    Unreadable(#[from] shared::events::Unreadable),
}

/// The net effect of some records of one partition, and where it leaves the acceptance rule.
#[derive(Debug)]
pub struct Batch {
    /// By segment.
    pub changes: HashMap<SegmentKey, Change>,
    /// The offset that the projection stands at before it.
    pub from: Offset,
    /// The rule after the last record.
    pub acceptance: Acceptance,
    /// When the log took the first record.
    pub oldest: Option<Timestamp>,
    /// Why some records did not count.
    pub ignored: Vec<Ignored>,
    max_records: usize,
    records: usize,
    bytes: usize,
}

/// What happened to one segment and its assignments.
#[derive(Debug, Default)]
pub struct Change {
    /// The segment was deleted, with what it had before the batch; what the other members hold came after.
    pub emptied: Option<Emptied>,
    /// The document.
    pub document: DocumentChange,
    /// The assignments.
    pub items: HashMap<ItemRef, ItemChange>,
}

/// The last deletion of a segment within the batch.
#[derive(Debug, Clone, Copy)]
pub struct Emptied {
    /// Of the deletion.
    pub offset: Offset,
    /// The most assignments that a deletion in this batch took away.
    pub items: u64,
}

/// What became of a document.
#[derive(Debug, Default)]
pub enum DocumentChange {
    /// Nothing.
    #[default]
    Untouched,
    /// It is new.
    Created(Box<Segment>, Incarnation),
    /// It was there before the batch and is now this.
    Changed(Box<Segment>),
    /// It is gone.
    Gone,
}

/// What became of an assignment.
#[derive(Debug)]
pub enum ItemChange {
    /// It is new.
    Created(Assignment, Incarnation),
    /// It was there before the batch and is now this.
    Changed(Assignment),
    /// It is gone.
    Gone,
}

/// An assignment as the event carries it.
#[derive(Debug)]
pub struct Assignment {
    /// Of the event.
    pub offset: Offset,
    /// Free-form members.
    pub mixins: Option<Mixins>,
    /// Version and times.
    pub metadata: Metadata,
}

/// Tells one life of an id from the next.
pub type Incarnation = u32;

impl Batch {
    /// Nothing yet, after what `acceptance` has seen.
    pub fn after(acceptance: Acceptance, max_records: usize) -> Self {
        let from = acceptance.next_offset();
        let (changes, ignored) = (HashMap::new(), Vec::new());
        Self { changes, from, acceptance, oldest: None, ignored, max_records, records: 0, bytes: 0 }
    }

    /// The empty one that follows this.
    pub fn following(&self) -> Self {
        Self::after(self.acceptance.clone(), self.max_records)
    }

    /// How many records it holds, those that do not count included.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Whether it should be applied before more is added.
    pub fn is_full(&self) -> bool {
        self.records >= self.max_records || self.bytes >= MAX_BYTES
    }

    /// Judges the next record and adds its effect.
    ///
    /// # Errors
    /// When the record stops the partition; the batch is as it was before.
    pub fn add(&mut self, record: &Record) -> Result<(), Unusable> {
        let unusable = |reason| Unusable { offset: record.offset, reason };
        let Acceptance { pseq, offset, clock, chain, .. } = self.acceptance;
        match self.acceptance.step(record) {
            Verdict::Accepted => match Envelope::open(record) {
                Ok(envelope) => self.fold(envelope, record.offset),
                Err(error) => {
                    // All that acceptance changes; the batch before this record is still good.
                    self.acceptance = Acceptance { pseq, offset, clock, chain, ..self.acceptance.clone() };
                    return Err(unusable(error.into()));
                }
            },
            Verdict::Ignored(reason) => self.ignored.push(reason),
            Verdict::NewWriter(_) | Verdict::NoWriter(_) => {}
            Verdict::Newer => return Err(unusable(Reason::Newer)),
            Verdict::Corrupt => return Err(unusable(Reason::Corrupt)),
        }
        self.oldest.get_or_insert(record.appended_at);
        self.records += 1;
        self.bytes += record.value.len();
        Ok(())
    }

    fn fold(&mut self, envelope: Envelope, offset: Offset) {
        let incarnation = envelope.incarnation();
        let change = self.changes.entry(envelope.key()).or_default();
        match envelope.event {
            Event::SegmentCreated(event) => {
                change.document = DocumentChange::Created(Box::new(event.segment), incarnation);
            }
            Event::SegmentReplaced(event) => change.document.change(event.segment),
            Event::SegmentPatched(event) => change.document.change(event.segment),
            Event::SegmentDeleted(event) => {
                let items = change.emptied.map_or(0, |emptied| emptied.items).max(event.assignment_counts.items);
                *change = Change { emptied: Some(Emptied { offset, items }), ..Change::default() };
                change.document = DocumentChange::Gone;
            }
            Event::ItemAssigned(event) => change.assign(event, incarnation, offset),
            Event::ItemUnassigned(event) => {
                change.items.insert(ItemRef { kind: event.item_type, id: event.item_id }, ItemChange::Gone);
            }
        }
    }
}

impl DocumentChange {
    /// Keeps the incarnation of a document that the same batch created.
    fn change(&mut self, segment: Segment) {
        match self {
            Self::Created(held, _) => **held = segment,
            Self::Untouched | Self::Changed(_) | Self::Gone => *self = Self::Changed(Box::new(segment)),
        }
    }
}

impl Change {
    fn assign(&mut self, event: ItemAssigned, incarnation: Incarnation, offset: Offset) {
        let item = ItemRef { kind: event.item_type, id: event.item_id };
        let assignment = Assignment { offset, mixins: event.mixins, metadata: event.metadata };
        let change = match self.items.get(&item) {
            _ if event.created => ItemChange::Created(assignment, incarnation),
            Some(ItemChange::Created(_, held)) => ItemChange::Created(assignment, *held),
            Some(ItemChange::Changed(_) | ItemChange::Gone) | None => ItemChange::Changed(assignment),
        };
        self.items.insert(item, change);
    }
}
