//! What the records of a segment make of it, told apart from the services' own fold, so that both can be held against each
//! other.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use shared::{
    document::Segment,
    events::{AssignmentCounts, Envelope, Event},
    ids::ItemId,
};

/// Incarnation and version of a document: what its tag says.
pub type Tag = (u32, u64);

/// The text of a tag in a header.
pub fn header_of((incarnation, version): Tag) -> String {
    format!("\"{incarnation:08x}.{version}\"")
}

/// A segment at one time.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The document, if the segment exists.
    pub live: Option<Live>,
}

/// A segment that exists.
#[derive(Debug, Clone)]
pub struct Live {
    /// As the last record left it.
    pub document: Segment,
    incarnation: u32,
    sequence: u64,
    /// Its products.
    pub items: BTreeMap<ItemId, Row>,
}

/// An assignment.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its tag.
    pub tag: Tag,
    /// Its mixins.
    pub mixins: Value,
}

/// What a record told the client that asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Whether something came into being: 201, otherwise 204.
    pub created: bool,
    /// The tag of the document or the assignment, if there is one now.
    pub tag: Option<Tag>,
}

impl Live {
    /// The tag of the document.
    pub fn tag(&self) -> Tag {
        (self.incarnation, self.document.metadata.version)
    }
}

impl State {
    /// Folds the next record of the segment.
    ///
    /// # Errors
    /// When it does not follow from the ones before: numbers, versions and existence must fit.
    pub fn apply(&mut self, envelope: &Envelope) -> anyhow::Result<Receipt> {
        if let Event::SegmentCreated(event) = &envelope.event {
            ensure!(self.live.is_none(), "it creates what exists");
            ensure!(envelope.sequence == 1 && event.segment.metadata.version == 1, "it does not begin with 1");
            let (document, items) = (event.segment.clone(), BTreeMap::new());
            let live = self.live.insert(Live { document, incarnation: envelope.incarnation(), sequence: 1, items });
            return Ok(Receipt { created: true, tag: Some(live.tag()) });
        }
        let live = self.live.as_mut().context("it changes what does not exist")?;
        let expected = live.sequence + 1;
        ensure!(envelope.sequence == expected, "number {} comes where {expected} is due", envelope.sequence);
        live.sequence = expected;
        match &envelope.event {
            Event::SegmentCreated(_) => {}
            Event::SegmentReplaced(event) => return live.change(&event.segment, event.previous_version),
            Event::SegmentPatched(event) => return live.change(&event.segment, event.previous_version),
            Event::SegmentDeleted(event) => {
                let counts = AssignmentCounts { items: live.items.len() as u64, customers: 0 };
                ensure!(event.last_version == live.document.metadata.version, "it deletes another version");
                ensure!(event.assignment_counts == counts, "it deletes other assignments");
                ensure!(event.force || live.items.is_empty(), "it deletes assignments without force");
                self.live = None;
            }
            Event::ItemAssigned(event) => {
                let before = live.items.get(&event.item_id).map(|row| row.tag);
                let tag =
                    before.map_or((envelope.incarnation(), 1), |(incarnation, version)| (incarnation, version + 1));
                ensure!(
                    event.created == before.is_none(),
                    "it creates an assignment that exists, or the other way round"
                );
                ensure!(
                    event.metadata.version == tag.1,
                    "version {} comes where {} is due",
                    event.metadata.version,
                    tag.1
                );
                live.items.insert(event.item_id.clone(), Row { tag, mixins: json!(event.mixins) });
                return Ok(Receipt { created: event.created, tag: Some(tag) });
            }
            Event::ItemUnassigned(event) => {
                let row = live.items.remove(&event.item_id).context("it removes an assignment that does not exist")?;
                ensure!(row.tag.1 == event.last_version, "it removes another version of an assignment");
            }
        }
        Ok(Receipt { created: false, tag: None })
    }
}

impl Live {
    fn change(&mut self, segment: &Segment, previous_version: u64) -> anyhow::Result<Receipt> {
        let (before, after) = (&self.document.metadata, &segment.metadata);
        let fits = previous_version == before.version && after.version == before.version + 1;
        ensure!(fits, "version {} follows {}", after.version, before.version);
        ensure!(after.created_at == before.created_at, "the time of creation has changed");
        self.document = segment.clone();
        Ok(Receipt { created: false, tag: Some(self.tag()) })
    }
}
