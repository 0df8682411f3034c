//! The accepted records, each with the attempt that asked for it.

use std::collections::HashMap;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use shared::{
    events::{CustomerAssigned, Envelope, Event, ItemAssigned},
    ids::SegmentKey,
    log::{Acceptance, Offset, Partition, Record, Verdict, partition_of},
};

use crate::{
    fold::{Receipt, State, header_of, place_of},
    history::{Attempt, Kind, Marker},
    load::PARTITIONS,
};

/// An accepted record.
pub struct Fact<'a> {
    /// Where it lies.
    pub partition: Partition,
    /// Where it lies there.
    pub offset: Offset,
    /// What it says.
    pub envelope: Envelope,
    /// What its client must have been told.
    pub receipt: Receipt,
    /// The tag of the document before it, if there was one.
    pub before: Option<String>,
    /// The attempt that asked for it.
    pub asked: &'a Attempt,
}

impl Fact<'_> {
    /// For messages.
    pub fn brief(&self) -> (u16, Offset, String, &'static str) {
        let kind = self.envelope.event.event_type().as_str();
        (self.partition.number(), self.offset, self.asked.marker.to_string(), kind)
    }
}

/// All accepted records.
pub struct Log<'a> {
    /// Those of a partition in order.
    pub facts: Vec<Fact<'a>>,
    /// The fact of each command: client and number.
    commands: HashMap<(u32, u32), usize>,
    /// What the segments are at the end.
    pub segments: HashMap<SegmentKey, State>,
    /// How many records do not count.
    pub ignored: usize,
    /// How many writers announced themselves or stopped.
    pub announcements: usize,
}

impl<'a> Log<'a> {
    /// Applies the acceptance rule, and folds what counts.
    pub fn fold(records: &[Vec<Record>], attempts: &HashMap<Marker, &'a Attempt>) -> anyhow::Result<Self> {
        let (facts, commands, segments) = (Vec::new(), HashMap::new(), HashMap::new());
        let mut log = Self { facts, commands, segments, ignored: 0, announcements: 0 };
        for (number, records) in records.iter().enumerate() {
            let mut acceptance = Acceptance::new(Partition::new(u16::try_from(number)?), PARTITIONS);
            for record in records {
                match acceptance.step(record) {
                    Verdict::Accepted => log.accept(record, attempts).with_context(|| format!("{record:?}"))?,
                    Verdict::NewWriter(_) | Verdict::NoWriter(_) => log.announcements += 1,
                    Verdict::Ignored(_) => log.ignored += 1,
                    verdict @ (Verdict::Newer | Verdict::Corrupt) => bail!("{verdict:?}: {record:?}"),
                }
            }
        }
        Ok(log)
    }

    fn accept(&mut self, record: &Record, attempts: &HashMap<Marker, &'a Attempt>) -> anyhow::Result<()> {
        let envelope = Envelope::open(record)?;
        let key = envelope.key();
        ensure!(partition_of(&key, PARTITIONS) == record.partition, "it lies in the wrong partition");
        let marker = envelope.correlation_id.as_deref().and_then(Marker::parse);
        let asked = marker.and_then(|marker| attempts.get(&marker)).copied().context("nobody asked for it")?;
        let state = self.segments.entry(key).or_default();
        let before = state.live.as_ref().map(|live| header_of(live.tag()));
        let receipt = state.apply(&envelope)?;
        let command = (asked.marker.client, asked.marker.number);
        ensure!(self.commands.insert(command, self.facts.len()).is_none(), "it was executed twice");
        let (partition, offset) = (record.partition, record.offset);
        self.facts.push(Fact { partition, offset, envelope, receipt, before, asked });
        Ok(())
    }

    /// The record of the command of this attempt.
    pub fn of_command(&self, marker: Marker) -> Option<&Fact<'a>> {
        self.commands.get(&(marker.client, marker.number)).map(|place| &self.facts[*place])
    }

    /// The records of each partition in order.
    pub fn by_partition(&self) -> Vec<Vec<&Fact<'a>>> {
        let of = |number| self.facts.iter().filter(|fact| fact.partition == Partition::new(number)).collect();
        (0..PARTITIONS).map(of).collect()
    }

    /// The records of each segment in order.
    pub fn by_segment(&self) -> HashMap<SegmentKey, Vec<&Fact<'a>>> {
        let mut segments: HashMap<_, Vec<_>> = HashMap::new();
        for fact in &self.facts {
            segments.entry(fact.envelope.key()).or_default().push(fact);
        }
        segments
    }
}

/// The record does what was asked, with the content that was sent, and under the conditions that were set.
pub fn check_content(fact: &Fact<'_>) -> anyhow::Result<()> {
    let command = fact.asked.marker.command();
    let mixins = json!({ "faults": { "command": command } });
    let is_named = |segment: &shared::document::Segment| segment.name.get("en") == Some(&command);
    let is_at = |place: &String| place_of(&fact.envelope.event).as_ref() == Some(place);
    let is_right = match (&fact.asked.ask.kind, &fact.envelope.event) {
        (Kind::Create | Kind::Put { version: _, if_match: None }, Event::SegmentCreated(event)) => {
            is_named(&event.segment) && json!(event.segment.mixins) == mixins
        }
        (Kind::Put { version, if_match }, Event::SegmentReplaced(event)) => {
            is_named(&event.segment)
                && json!(event.segment.mixins) == mixins
                && version.is_none_or(|version| version == event.previous_version)
                && (if_match.is_none() || *if_match == fact.before)
        }
        (Kind::Patch, Event::SegmentPatched(event)) => is_named(&event.segment),
        (Kind::Delete { force }, Event::SegmentDeleted(event)) => *force == event.force,
        (Kind::Assign(place), Event::ItemAssigned(ItemAssigned { mixins: found, .. }))
        | (Kind::Assign(place), Event::CustomerAssigned(CustomerAssigned { mixins: found, .. })) => {
            is_at(place) && json!(found) == mixins
        }
        (Kind::Unassign(place), Event::ItemUnassigned(_) | Event::CustomerUnassigned(_)) => is_at(place),
        _ => false,
    };
    ensure!(is_right, "it is not what was asked for: {:?}", fact.envelope.event);
    Ok(())
}
