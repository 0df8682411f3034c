//! What the events of one partition say that the views must hold. Pure.
//!
//! Of everything that lives it keeps some numbers, so that what is replaced or ends can be told apart from what lasts: about 64
//! bytes for an assignment.

use std::collections::HashMap;

use serde::Serialize;
use shared::{
    Timestamp,
    document::{AssignmentType, Metadata, Mixins, Segment, Validity},
    events::{Envelope, Event},
    ids::CustomerRef,
    log::{Acceptance, Offset, Partition, Record, Verdict},
};

use super::{Failure, Sum, Sums, row::Row};
use crate::projector::{Reason, Unusable};

/// The fold of one partition.
#[derive(Debug)]
pub struct Fold {
    acceptance: Acceptance,
    /// By a hash of tenant and id.
    live: HashMap<i64, Live>,
    history: Sum,
    past_items: Sum,
    past_customers: Sum,
}

/// A segment that lives.
#[derive(Debug, Default)]
struct Live {
    incarnation: u32,
    /// Its row.
    row: i64,
    /// By a hash of what is assigned.
    items: HashMap<i64, Assigned>,
    customers: HashMap<i64, Assigned>,
}

/// An assignment that lasts.
#[derive(Debug, Clone, Copy)]
struct Assigned {
    incarnation: u32,
    /// What the past will show of it, but for when it ended.
    state: i64,
}

impl Fold {
    /// Nothing yet.
    pub fn new(partition: Partition, partitions: u16) -> Self {
        let (live, sum) = (HashMap::new(), Sum::default());
        let acceptance = Acceptance::new(partition, partitions);
        Self { acceptance, live, history: sum, past_items: sum, past_customers: sum }
    }

    /// How far it is.
    pub fn acceptance(&self) -> &Acceptance {
        &self.acceptance
    }

    /// It is as far as this, by another reader who judged the records that were [`fold`](Self::fold)ed.
    pub(crate) fn advance(&mut self, to: Acceptance) {
        self.acceptance = to;
    }

    /// Judges the next record, and folds it if it counts.
    ///
    /// # Errors
    /// When the record stops a projection.
    pub fn add(&mut self, record: &Record) -> Result<(), Failure> {
        let unusable = |reason| Unusable { offset: record.offset, reason };
        match self.acceptance.step(record) {
            Verdict::Accepted => {
                let envelope = Envelope::open(record).map_err(|error| unusable(error.into()))?;
                self.fold(&envelope, record.offset)?;
            }
            Verdict::Ignored(_) | Verdict::NewWriter(_) | Verdict::NoWriter(_) => {}
            Verdict::Newer => return Err(unusable(Reason::Newer).into()),
            Verdict::Corrupt => return Err(unusable(Reason::Corrupt).into()),
        }
        Ok(())
    }

    /// An event that counts.
    pub(crate) fn fold(&mut self, envelope: &Envelope, offset: Offset) -> serde_json::Result<()> {
        let of = Of { envelope, offset, partition: self.acceptance.partition };
        let segment = of.row().hash();
        match &envelope.event {
            Event::SegmentCreated(event) => {
                let live = self.live.entry(segment).or_default();
                live.incarnation = envelope.incarnation();
                live.row = of.document(&event.segment, None, live.incarnation, &mut self.history)?;
            }
            Event::SegmentReplaced(event) => {
                let live = self.live.entry(segment).or_default();
                live.row = of.document(&event.segment, None, live.incarnation, &mut self.history)?;
            }
            Event::SegmentPatched(event) => {
                let live = self.live.entry(segment).or_default();
                let operations = serde_json::to_string(&event.patch)?;
                live.row = of.document(&event.segment, Some(&operations), live.incarnation, &mut self.history)?;
            }
            Event::SegmentDeleted(_) => {
                of.remember(None, None, None, &mut self.history);
                let live = self.live.remove(&segment).unwrap_or_default();
                live.items.into_values().for_each(|ended| ended.end(envelope.time, &mut self.past_items));
                live.customers.into_values().for_each(|ended| ended.end(envelope.time, &mut self.past_customers));
            }
            Event::ItemAssigned(event) => {
                let target = [event.item_type.to_string(), event.item_id.to_string()];
                let state = of.assignment(&target, &event.metadata, event.mixins.as_ref(), None)?;
                let items = &mut self.live.entry(segment).or_default().items;
                of.assign(items, &target, state, event.created, &mut self.past_items);
            }
            Event::ItemUnassigned(event) => {
                let target = [event.item_type.to_string(), event.item_id.to_string()];
                let items = &mut self.live.entry(segment).or_default().items;
                of.unassign(items, &target, &mut self.past_items);
            }
            Event::CustomerAssigned(event) => {
                let target = columns(&event.customer());
                let kind = Some(event.assignment_type);
                let state = of.assignment(&target, &event.metadata, event.mixins.as_ref(), kind)?;
                let customers = &mut self.live.entry(segment).or_default().customers;
                of.assign(customers, &target, state, event.created, &mut self.past_customers);
            }
            Event::CustomerUnassigned(event) => {
                let customers = &mut self.live.entry(segment).or_default().customers;
                of.unassign(customers, &columns(&event.customer()), &mut self.past_customers);
            }
        }
        Ok(())
    }

    /// What the tables must hold of the partition.
    pub fn sums(&self) -> Sums {
        let (mut segments, mut items, mut customers) = (Sum::default(), Sum::default(), Sum::default());
        for live in self.live.values() {
            segments.add(live.row);
            live.items.values().for_each(|assigned| items.add(assigned.row(self.acceptance.partition)));
            live.customers.values().for_each(|assigned| customers.add(assigned.row(self.acceptance.partition)));
        }
        let sums = [
            ("segment", segments),
            ("item_assignment", items),
            ("customer_assignment", customers),
            ("segment_history", self.history),
            ("past_item_assignment", self.past_items),
            ("past_customer_assignment", self.past_customers),
        ];
        sums.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect()
    }
}

impl Assigned {
    fn end(self, at: Timestamp, past: &mut Sum) {
        past.add(Row::default().number(self.state).time(at).hash());
    }

    fn row(self, partition: Partition) -> i64 {
        Row::default().number(self.state).small(partition.number()).text(&digits(self.incarnation)).hash()
    }
}

/// An event, and where it lies.
struct Of<'e> {
    envelope: &'e Envelope,
    offset: Offset,
    partition: Partition,
}

impl Of<'_> {
    /// Begins as all rows of the segment do.
    fn row(&self) -> Row {
        Row::default().text(self.envelope.tenant.as_str()).text(self.envelope.event.segment_id().as_str())
    }

    /// A document as the event left it: its row, and what the past keeps.
    fn document(
        &self,
        segment: &Segment,
        operations: Option<&str>,
        incarnation: u32,
        history: &mut Sum,
    ) -> serde_json::Result<i64> {
        let document = serde_json::to_string(segment)?;
        let version = number(segment.metadata.version);
        self.remember(Some(version), operations, Some(&document), history);
        let Validity { from, to } = segment.validity.unwrap_or_default();
        let row = self.row().small(self.partition.number()).text(&digits(incarnation)).number(version);
        let row = row.time(segment.metadata.created_at).time(segment.metadata.modified_at);
        let row = row.text(segment.status.as_str()).text(&segment.site_code);
        let row = from.map_or(row.null(), |from| row.time(from));
        Ok(to.map_or(row.null(), |to| row.time(to)).text(&document).hash())
    }

    fn remember(&self, version: Option<i64>, operations: Option<&str>, document: Option<&str>, history: &mut Sum) {
        let Envelope { time, actor, command, event, .. } = self.envelope;
        let row = self.row().time(*time).small(self.partition.number()).number(self.offset);
        let row = version.map_or(row.null(), |version| row.number(version));
        let row = row.text(event.event_type().as_str()).text(&actor.0).uuid(command.id);
        history.add(row.maybe(operations).maybe(document).hash());
    }

    /// The state of an assignment that the event leaves.
    fn assignment(
        &self,
        target: &[String; 2],
        metadata: &Metadata,
        mixins: Option<&Mixins>,
        kind: Option<AssignmentType>,
    ) -> serde_json::Result<i64> {
        let state = self.row().text(&target[0]).text(&target[1]).number(self.offset).number(number(metadata.version));
        let state = state.time(metadata.created_at).time(metadata.modified_at);
        let state = state.maybe(json(mixins)?.as_deref()).maybe(json(metadata.mixins.as_ref())?.as_deref());
        Ok(kind.map_or(state, |kind| state.text(kind.as_str())).hash())
    }

    fn assign(
        &self,
        held: &mut HashMap<i64, Assigned>,
        target: &[String; 2],
        state: i64,
        is_new: bool,
        past: &mut Sum,
    ) {
        let key = Row::default().text(&target[0]).text(&target[1]).hash();
        let before = held.get(&key).copied();
        let kept = before.filter(|_| !is_new).map(|before| before.incarnation);
        held.insert(key, Assigned { incarnation: kept.unwrap_or_else(|| self.envelope.incarnation()), state });
        if let Some(before) = before {
            before.end(self.envelope.time, past);
        }
    }

    fn unassign(&self, held: &mut HashMap<i64, Assigned>, target: &[String; 2], past: &mut Sum) {
        let key = Row::default().text(&target[0]).text(&target[1]).hash();
        if let Some(before) = held.remove(&key) {
            before.end(self.envelope.time, past);
        }
    }
}

fn columns(customer: &CustomerRef) -> [String; 2] {
    [customer.id.to_string(), customer.legal_entity.as_ref().map(ToString::to_string).unwrap_or_default()]
}

fn json(value: Option<&impl Serialize>) -> serde_json::Result<Option<String>> {
    value.map(serde_json::to_string).transpose()
}

fn number(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn digits(incarnation: u32) -> String {
    format!("{incarnation:08x}")
}
