//! What became of the items of a segment, or of its customers, and what that ended.

use std::{collections::HashMap, hash::Hash};

use shared::{
    Timestamp,
    document::{AssignmentType, Metadata, Mixins},
    log::Offset,
};

use super::Incarnation;

/// The assignments of one kind.
#[derive(Debug)]
pub struct Holding<T> {
    /// What became of each in the end, since the segment was last deleted.
    pub changes: HashMap<T, AssignmentChange>,
    /// Those that were there before the batch and did not stay as they were, with the time of that.
    pub ended: Vec<(T, Timestamp)>,
    /// States that came and went within the batch.
    pub over: Vec<Over<T>>,
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

/// An assignment as it was until a certain time.
#[derive(Debug)]
pub struct Over<T> {
    /// What was assigned.
    pub target: T,
    /// How.
    pub assignment: Assignment,
    /// Until when.
    pub ended_at: Timestamp,
}

impl<T> Default for Holding<T> {
    fn default() -> Self {
        Self { changes: HashMap::new(), ended: Vec::new(), over: Vec::new() }
    }
}

impl<T: Eq + Hash + Clone> Holding<T> {
    /// Something is now assigned like this. `created` is the incarnation of a new assignment; another one keeps what the same
    /// batch gave it.
    pub(super) fn assign(&mut self, target: T, assignment: Assignment, created: Option<Incarnation>, at: Timestamp) {
        let held = match self.changes.remove(&target) {
            Some(AssignmentChange::Created(before, incarnation)) => {
                self.over.push(Over { target: target.clone(), assignment: before, ended_at: at });
                Some(incarnation)
            }
            Some(AssignmentChange::Changed(before)) => {
                self.over.push(Over { target: target.clone(), assignment: before, ended_at: at });
                None
            }
            Some(AssignmentChange::Gone) => None,
            None => {
                if created.is_none() {
                    self.ended.push((target.clone(), at));
                }
                None
            }
        };
        let change = match created.or(held) {
            Some(incarnation) => AssignmentChange::Created(assignment, incarnation),
            None => AssignmentChange::Changed(assignment),
        };
        self.changes.insert(target, change);
    }

    /// Something is no longer assigned.
    pub(super) fn unassign(&mut self, target: T, at: Timestamp) {
        match self.changes.insert(target.clone(), AssignmentChange::Gone) {
            Some(AssignmentChange::Created(assignment, _) | AssignmentChange::Changed(assignment)) => {
                self.over.push(Over { target, assignment, ended_at: at });
            }
            Some(AssignmentChange::Gone) => {}
            None => self.ended.push((target, at)),
        }
    }

    /// Nothing is assigned any more, since the segment is gone.
    pub(super) fn end(&mut self, at: Timestamp) {
        for (target, change) in self.changes.drain() {
            match change {
                AssignmentChange::Created(assignment, _) | AssignmentChange::Changed(assignment) => {
                    self.over.push(Over { target, assignment, ended_at: at });
                }
                AssignmentChange::Gone => {}
            }
        }
    }
}
