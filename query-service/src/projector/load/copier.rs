//! What a batch does to the views, as rows to be copied: the same net effect that [`crate::projector::tables`] writes by statements.
//!
//! Nothing is overwritten. A row that does not last is named in a table of those that are over, and moved when all is there.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use shared::log::Offset;
use tokio::sync::mpsc;

use super::{
    held::{Assignments as HeldAssignments, Document, Held, Incarnation, Segment},
    target::Target,
};
use crate::projector::{
    copying::{self, Tuple, Tuples},
    rows::{AssignmentKeys, AssignmentRows, Assignments, Deletions, HistoryRows, Rows, SegmentRows},
};

/// Rows are handed over when there are so many bytes for a table.
const CHUNK: usize = 1 << 20;

/// Rows of a table.
pub type Chunk = (Target, Vec<u8>);

/// Whoever should copy the rows has ended, and says why.
#[derive(Debug)]
pub struct Gone;

/// Makes rows of batches, for one partition.
#[derive(Debug)]
pub struct Copier {
    partition: i16,
    held: Held,
    tuples: [Tuples; Target::ALL.len()],
    to: mpsc::Sender<Chunk>,
}

/// One of the two kinds of assignments: where its rows go, and which are held.
struct Kind {
    live: Target,
    past: Target,
    over: Target,
    held: fn(&mut Segment) -> &mut HeldAssignments,
}

const ITEMS: Kind =
    Kind { live: Target::Items, past: Target::PastItems, over: Target::OverItems, held: |segment| &mut segment.items };

const CUSTOMERS: Kind = Kind {
    live: Target::Customers,
    past: Target::PastCustomers,
    over: Target::OverCustomers,
    held: |segment| &mut segment.customers,
};

impl Copier {
    /// Of nothing yet.
    pub fn new(partition: i16, to: mpsc::Sender<Chunk>) -> Self {
        Self { partition, held: Held::default(), tuples: Default::default(), to }
    }

    /// Adds the effect of the next batch, and hands over what is worth it.
    ///
    /// # Errors
    /// When nobody copies any more.
    pub async fn add(&mut self, rows: &Rows) -> Result<(), Gone> {
        self.history(&rows.history);
        // What ended by itself comes before the rest ends with its segment.
        self.end(&ITEMS, &rows.items.ended);
        self.end(&CUSTOMERS, &rows.customers.ended);
        self.delete(&rows.buried);
        self.delete(&rows.emptied);
        self.documents(&rows.created, true);
        self.documents(&rows.changed, false);
        self.metadata_texts(&rows.metadata_texts);
        self.assignments(&ITEMS, &rows.items);
        self.assignments(&CUSTOMERS, &rows.customers);
        self.hand_over(CHUNK).await
    }

    /// Hands over what is left.
    ///
    /// # Errors
    /// When nobody copies any more.
    pub async fn finish(mut self) -> Result<(), Gone> {
        self.hand_over(0).await
    }

    async fn hand_over(&mut self, from: usize) -> Result<(), Gone> {
        for (target, tuples) in Target::ALL.into_iter().zip(&mut self.tuples) {
            if !tuples.is_empty() && tuples.len() >= from {
                self.to.send((target, tuples.take())).await.map_err(|_| Gone)?;
            }
        }
        Ok(())
    }

    fn row(&mut self, target: Target, write: impl FnOnce(&mut Tuple<'_>)) {
        self.tuples[target as usize].row(write);
    }

    fn history(&mut self, rows: &HistoryRows) {
        let partition = self.partition;
        for n in 0..rows.log_offset.len() {
            self.row(Target::History, |row| copying::entry(row, partition, rows, n));
        }
    }

    fn end(&mut self, kind: &Kind, (keys, ended_at): &(AssignmentKeys, Vec<DateTime<Utc>>)) {
        for (n, at) in ended_at.iter().enumerate() {
            let (tenant, id, target) = named(keys, n);
            let ended = (kind.held)(self.held.segment(tenant, id)).end(target);
            ended.into_iter().for_each(|offset| self.over(kind, offset, *at));
        }
    }

    fn over(&mut self, kind: &Kind, offset: Offset, at: DateTime<Utc>) {
        let partition = self.partition;
        self.row(kind.over, |row| {
            row.small(partition).number(offset).time(at);
        });
    }

    fn delete(&mut self, deletions: &Deletions) {
        for (n, at) in deletions.ended_at.iter().enumerate() {
            let (tenant, id) = (&deletions.key.tenant[n], &deletions.key.segment_id[n]);
            let Segment { row, items, customers } = self.held.end(tenant, id);
            row.into_iter().for_each(|document| self.over_document(tenant, id, document));
            items.offsets().for_each(|offset| self.over(&ITEMS, offset, *at));
            customers.offsets().for_each(|offset| self.over(&CUSTOMERS, offset, *at));
        }
    }

    fn over_document(&mut self, tenant: &str, id: &str, Document { incarnation, version }: Document) {
        self.row(Target::OverSegments, |row| {
            row.text(tenant).text(id).text(incarnation.as_str()).number(version);
        });
    }

    /// Those that are not new keep their incarnation, and what was not there stays away.
    fn documents(&mut self, rows: &SegmentRows, are_new: bool) {
        let partition = self.partition;
        for (n, version) in rows.stamp.version.iter().enumerate() {
            let (tenant, id) = (&rows.key.tenant[n], &rows.key.segment_id[n]);
            let held = &mut self.held.segment(tenant, id).row;
            let before = *held;
            let incarnation =
                if are_new { Some(Incarnation::from(&rows.incarnation[n])) } else { before.map(|row| row.incarnation) };
            let Some(incarnation) = incarnation else { continue };
            *held = Some(Document { incarnation, version: *version });
            before.into_iter().for_each(|document| self.over_document(tenant, id, document));
            self.row(Target::Segments, |row| copying::segment(row, partition, rows, n, incarnation.as_str()));
        }
    }

    fn metadata_texts(&mut self, texts: &BTreeSet<(String, String)>) {
        for (tenant, text) in texts {
            self.row(Target::NewMetadataTexts, |row| {
                row.text(tenant).text(text);
            });
        }
    }

    fn assignments(&mut self, kind: &Kind, rows: &Assignments) {
        let Assignments { assigned, reassigned, unassigned, over: (over, ended_at), .. } = rows;
        for (n, at) in ended_at.iter().enumerate() {
            self.row(kind.past, |row| {
                state(row, over, n);
                row.time(*at);
            });
        }
        for n in 0..unassigned.segment.tenant.len() {
            let (tenant, id, target) = named(unassigned, n);
            (kind.held)(self.held.segment(tenant, id)).remove(target);
        }
        for (n, offset) in assigned.log_offset.iter().enumerate() {
            let (tenant, id, target) = named(&assigned.key, n);
            let incarnation = Incarnation::from(&assigned.incarnation[n]);
            (kind.held)(self.held.segment(tenant, id)).insert(target, incarnation, *offset);
            self.live(kind, assigned, n, incarnation);
        }
        for (n, offset) in reassigned.log_offset.iter().enumerate() {
            let (tenant, id, target) = named(&reassigned.key, n);
            let incarnation = (kind.held)(self.held.segment(tenant, id)).replace(target, *offset);
            incarnation.into_iter().for_each(|incarnation| self.live(kind, reassigned, n, incarnation));
        }
    }

    fn live(&mut self, kind: &Kind, rows: &AssignmentRows, n: usize, incarnation: Incarnation) {
        let partition = self.partition;
        self.row(kind.live, |row| {
            state(row, rows, n);
            row.small(partition).text(incarnation.as_str());
        });
    }
}

/// The columns that the present and the past have in common.
fn state(row: &mut Tuple<'_>, rows: &AssignmentRows, n: usize) {
    let (tenant, id, [first, second]) = named(&rows.key, n);
    row.text(tenant).text(id).text(first).text(second).number(rows.log_offset[n]).number(rows.stamp.version[n]);
    row.time(rows.stamp.created_at[n]).time(rows.stamp.modified_at[n]);
    row.json(rows.mixins[n].as_deref()).json(rows.metadata_mixins[n].as_deref()).jsonb(rows.search[n].as_deref());
    rows.assignment_type[n].into_iter().for_each(|kind| {
        row.text(kind);
    });
}

fn named(keys: &AssignmentKeys, n: usize) -> (&str, &str, [&str; 2]) {
    let [first, second] = &keys.target;
    (&keys.segment.tenant[n], &keys.segment.segment_id[n], [&first[n], &second[n]])
}
