//! Columns of `item_assignment` and `customer_assignment`, which differ in the two that name what is assigned, and in one
//! that only customers have.

use chrono::{DateTime, Utc};
use shared::{
    ids::{CustomerRef, ItemRef, SegmentKey},
    log::Offset,
};

use super::{Keys, Stamps, digits, json};
use crate::{
    projector::change::{Assignment, AssignmentChange, Holding, Incarnation, Over},
    q::columns::assignment_search,
};

/// What a batch writes to one of the tables.
#[derive(Debug, Default)]
pub struct Assignments {
    /// Those that are new.
    pub assigned: AssignmentRows,
    /// Those that were there.
    pub reassigned: AssignmentRows,
    /// Those that are gone.
    pub unassigned: AssignmentKeys,
    /// Those that were there before the batch and did not stay as they were, and until when they were so.
    pub ended: (AssignmentKeys, Vec<DateTime<Utc>>),
    /// States that came and went within the batch, and until when they were.
    pub over: (AssignmentRows, Vec<DateTime<Utc>>),
}

/// Names of assignments.
#[derive(Debug, Default)]
pub struct AssignmentKeys {
    pub segment: Keys,
    /// `type` and `item_id`, or `customer_id` and `legal_entity_id`.
    pub target: [Vec<String>; 2],
}

/// Rows of one of the tables.
#[derive(Debug, Default)]
pub struct AssignmentRows {
    pub key: AssignmentKeys,
    pub log_offset: Vec<Offset>,
    pub incarnation: Vec<String>,
    pub stamp: Stamps,
    pub mixins: Vec<Option<String>>,
    pub metadata_mixins: Vec<Option<String>>,
    pub search: Vec<Option<String>>,
    /// Written for customers only.
    pub assignment_type: Vec<Option<&'static str>>,
}

/// What can be assigned to a segment, as two columns.
pub trait Target {
    /// `type` and `item_id`, or `customer_id` and `legal_entity_id` (empty for none).
    fn columns(&self) -> [String; 2];
}

impl Target for ItemRef {
    fn columns(&self) -> [String; 2] {
        [self.kind.to_string(), self.id.to_string()]
    }
}

impl Target for CustomerRef {
    fn columns(&self) -> [String; 2] {
        [self.id.to_string(), self.legal_entity.as_ref().map(ToString::to_string).unwrap_or_default()]
    }
}

impl Assignments {
    /// `is_emptied`: the segment was deleted within the batch.
    pub(super) fn push<T: Target>(
        &mut self,
        key: &SegmentKey,
        holding: Holding<T>,
        is_emptied: bool,
    ) -> serde_json::Result<()> {
        for (target, ended_at) in holding.ended {
            self.ended.0.push(key, &target);
            self.ended.1.push(ended_at.datetime());
            // It ended before its segment did, and must not wait with the others to be removed.
            if is_emptied {
                self.unassigned.push(key, &target);
            }
        }
        for Over { target, assignment, ended_at } in holding.over {
            self.over.0.push(key, &target, assignment, None)?;
            self.over.1.push(ended_at.datetime());
        }
        for (target, change) in holding.changes {
            match change {
                AssignmentChange::Created(row, incarnation) => {
                    self.assigned.push(key, &target, row, Some(incarnation))?
                }
                AssignmentChange::Changed(row) => self.reassigned.push(key, &target, row, None)?,
                AssignmentChange::Gone => self.unassigned.push(key, &target),
            }
        }
        Ok(())
    }
}

impl AssignmentKeys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.segment.is_empty()
    }

    fn push<T: Target>(&mut self, key: &SegmentKey, target: &T) {
        self.segment.push(key);
        for (column, value) in self.target.iter_mut().zip(target.columns()) {
            column.push(value);
        }
    }
}

impl AssignmentRows {
    fn push<T: Target>(
        &mut self,
        key: &SegmentKey,
        target: &T,
        row: Assignment,
        incarnation: Option<Incarnation>,
    ) -> serde_json::Result<()> {
        let metadata_mixins = row.metadata.mixins.as_ref();
        let search = assignment_search(row.mixins.as_ref(), metadata_mixins);
        self.mixins.push(row.mixins.as_ref().map(json).transpose()?);
        self.metadata_mixins.push(metadata_mixins.map(json).transpose()?);
        self.search.push(search.as_ref().map(json).transpose()?);
        self.key.push(key, target);
        self.log_offset.push(row.offset);
        self.incarnation.push(digits(incarnation));
        self.stamp.push(&row.metadata);
        self.assignment_type.push(row.assignment_type.map(|kind| kind.as_str()));
        Ok(())
    }
}
