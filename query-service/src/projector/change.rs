//! What happened to one segment and to what is assigned to it: events folded into their net effect, and into what the past
//! keeps of each.
//!
//! Pure. A deletion clears what was collected before it, and what follows it starts anew; the past keeps everything.

mod holding;

use std::sync::Arc;

use shared::{
    Timestamp,
    document::Segment,
    events::{CustomerAssigned, Envelope, Event, EventType, ItemAssigned, PatchOperation},
    ids::{CustomerRef, ItemRef},
    log::Offset,
};
use uuid::Uuid;

pub use self::holding::{Assignment, AssignmentChange, Holding, Over};

/// Tells one life of an id from the next.
pub type Incarnation = u32;

/// What happened to one segment and its assignments.
#[derive(Debug, Default)]
pub struct Change {
    /// The segment was deleted, with what it had before the batch.
    pub emptied: Option<Emptied>,
    /// The document.
    pub document: DocumentChange,
    /// What the past keeps of it, in order.
    pub entries: Vec<Entry>,
    /// The products and categories.
    pub items: Holding<ItemRef>,
    /// The customers.
    pub customers: Holding<CustomerRef>,
}

/// The first deletion of a segment within the batch; what it had when another came is all of the batch.
#[derive(Debug, Clone, Copy)]
pub struct Emptied {
    /// Of the deletion.
    pub offset: Offset,
    /// When it was.
    pub at: Timestamp,
    /// How many assignments, of items and customers together, it took away.
    pub assignments: u64,
}

/// What became of a document.
#[derive(Debug, Default)]
pub enum DocumentChange {
    /// Nothing.
    #[default]
    Untouched,
    /// It is new.
    Created(Arc<Segment>, Incarnation),
    /// It was there before the batch and is now this.
    Changed(Arc<Segment>),
    /// It is gone.
    Gone,
}

/// An event about the document.
#[derive(Debug)]
pub struct Entry {
    /// Of the event.
    pub offset: Offset,
    /// When it happened.
    pub at: Timestamp,
    /// What it was.
    pub kind: EventType,
    /// Who asked.
    pub actor: String,
    /// Which request it answers.
    pub command: Uuid,
    /// What a patch did.
    pub operations: Option<Vec<PatchOperation>>,
    /// The document that it left; none if it deleted it.
    pub document: Option<Arc<Segment>>,
}

impl Change {
    /// Adds the effect of the next event of this segment.
    pub fn fold(&mut self, envelope: Envelope, offset: Offset) {
        let (at, incarnation) = (envelope.time, envelope.incarnation());
        let Envelope { actor, command, event, .. } = envelope;
        let kind = event.event_type();
        let entry = Entry { offset, at, kind, actor: actor.0, command: command.id, operations: None, document: None };
        match event {
            Event::SegmentCreated(event) => {
                let segment = self.keep(entry, event.segment);
                self.document = DocumentChange::Created(segment, incarnation);
            }
            Event::SegmentReplaced(event) => {
                let segment = self.keep(entry, event.segment);
                self.document.change(segment);
            }
            Event::SegmentPatched(event) => {
                let entry = Entry { operations: Some(event.patch), ..entry };
                let segment = self.keep(entry, event.segment);
                self.document.change(segment);
            }
            Event::SegmentDeleted(event) => {
                let counts = event.assignment_counts;
                let assignments = counts.items.saturating_add(counts.customers);
                self.emptied.get_or_insert(Emptied { offset, at, assignments });
                self.items.end(at);
                self.customers.end(at);
                self.document = DocumentChange::Gone;
                self.entries.push(entry);
            }
            Event::ItemAssigned(event) => {
                let ItemAssigned { item_type: kind, item_id: id, mixins, metadata, created, .. } = event;
                let assignment = Assignment { offset, assignment_type: None, mixins, metadata };
                self.items.assign(ItemRef { kind, id }, assignment, created.then_some(incarnation), at);
            }
            Event::ItemUnassigned(event) => {
                self.items.unassign(ItemRef { kind: event.item_type, id: event.item_id }, at);
            }
            Event::CustomerAssigned(event) => {
                let customer = event.customer();
                let CustomerAssigned { assignment_type, mixins, metadata, created, .. } = event;
                let assignment = Assignment { offset, assignment_type: Some(assignment_type), mixins, metadata };
                self.customers.assign(customer, assignment, created.then_some(incarnation), at);
            }
            Event::CustomerUnassigned(event) => self.customers.unassign(event.customer(), at),
        }
    }

    /// The document that an event left, in the past from now on.
    fn keep(&mut self, entry: Entry, segment: Arc<Segment>) -> Arc<Segment> {
        self.entries.push(Entry { document: Some(Arc::clone(&segment)), ..entry });
        segment
    }
}

impl DocumentChange {
    /// Keeps the incarnation of a document that the same batch created.
    fn change(&mut self, segment: Arc<Segment>) {
        match self {
            Self::Created(held, _) => *held = segment,
            Self::Untouched | Self::Changed(_) | Self::Gone => *self = Self::Changed(segment),
        }
    }
}
