//! What happened to one segment and to what is assigned to it: events folded into their net effect.
//!
//! Pure. A deletion clears what was collected before it, and what follows it starts anew.

use std::{collections::HashMap, hash::Hash};

use shared::{
    document::{AssignmentType, Metadata, Mixins, Segment},
    events::{CustomerAssigned, Event, ItemAssigned},
    ids::{CustomerRef, ItemRef},
    log::Offset,
};

/// Tells one life of an id from the next.
pub type Incarnation = u32;

/// What happened to one segment and its assignments.
#[derive(Debug, Default)]
pub struct Change {
    /// The segment was deleted, with what it had before the batch; what the other members hold came after.
    pub emptied: Option<Emptied>,
    /// The document.
    pub document: DocumentChange,
    /// The products and categories.
    pub items: HashMap<ItemRef, AssignmentChange>,
    /// The customers.
    pub customers: HashMap<CustomerRef, AssignmentChange>,
}

/// The last deletion of a segment within the batch.
#[derive(Debug, Clone, Copy)]
pub struct Emptied {
    /// Of the deletion.
    pub offset: Offset,
    /// The most assignments, of items and customers together, that a deletion in this batch took away.
    pub assignments: u64,
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
pub enum AssignmentChange {
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
    /// How it came to be; items do not tell.
    pub assignment_type: Option<AssignmentType>,
    /// Free-form members.
    pub mixins: Option<Mixins>,
    /// Version and times.
    pub metadata: Metadata,
}

impl Change {
    /// Adds the effect of the next event of this segment.
    pub fn fold(&mut self, event: Event, incarnation: Incarnation, offset: Offset) {
        match event {
            Event::SegmentCreated(event) => {
                self.document = DocumentChange::Created(Box::new(event.segment), incarnation);
            }
            Event::SegmentReplaced(event) => self.document.change(event.segment),
            Event::SegmentPatched(event) => self.document.change(event.segment),
            Event::SegmentDeleted(event) => {
                let counts = event.assignment_counts;
                let before = self.emptied.map_or(0, |emptied| emptied.assignments);
                let assignments = counts.items.saturating_add(counts.customers).max(before);
                *self = Self { emptied: Some(Emptied { offset, assignments }), ..Self::default() };
                self.document = DocumentChange::Gone;
            }
            Event::ItemAssigned(event) => {
                let ItemAssigned { item_type: kind, item_id: id, mixins, metadata, created, .. } = event;
                let assignment = Assignment { offset, assignment_type: None, mixins, metadata };
                assign(&mut self.items, ItemRef { kind, id }, assignment, created.then_some(incarnation));
            }
            Event::ItemUnassigned(event) => {
                self.items.insert(ItemRef { kind: event.item_type, id: event.item_id }, AssignmentChange::Gone);
            }
            Event::CustomerAssigned(event) => {
                let customer = event.customer();
                let CustomerAssigned { assignment_type, mixins, metadata, created, .. } = event;
                let assignment = Assignment { offset, assignment_type: Some(assignment_type), mixins, metadata };
                assign(&mut self.customers, customer, assignment, created.then_some(incarnation));
            }
            Event::CustomerUnassigned(event) => {
                self.customers.insert(event.customer(), AssignmentChange::Gone);
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

/// `created` is the incarnation of a new assignment; another one keeps what the same batch gave it.
fn assign<T: Eq + Hash>(
    changes: &mut HashMap<T, AssignmentChange>,
    target: T,
    assignment: Assignment,
    created: Option<Incarnation>,
) {
    let change = match (created, changes.get(&target)) {
        (Some(incarnation), _) => AssignmentChange::Created(assignment, incarnation),
        (None, Some(AssignmentChange::Created(_, held))) => AssignmentChange::Created(assignment, *held),
        (None, Some(AssignmentChange::Changed(_) | AssignmentChange::Gone) | None) => {
            AssignmentChange::Changed(assignment)
        }
    };
    changes.insert(target, change);
}
