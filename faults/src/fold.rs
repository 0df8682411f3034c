//! What the records of a segment make of it, told apart from the services' own fold, so that both can be held against each
//! other.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use shared::{
    document::{Metadata, Mixins, Segment},
    events::{AssignmentCounts, CustomerAssigned, CustomerUnassigned, Envelope, Event, ItemAssigned, ItemUnassigned},
    ids::CustomerRef,
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
    pub document: Arc<Segment>,
    incarnation: u32,
    sequence: u64,
    /// What is assigned to it, by [`place_of`].
    pub rows: BTreeMap<String, Row>,
}

/// An assignment.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its tag.
    pub tag: Tag,
    /// Its mixins.
    pub mixins: Value,
}

/// Where the assignment that an event is about lies, as a path below that of its segment: `items/PRODUCT/p1`, `customers/c1`,
/// `customers/c1/le1`. None for events about a segment itself.
pub fn place_of(event: &Event) -> Option<String> {
    let of_customer = |customer: CustomerRef| match customer.legal_entity {
        None => format!("customers/{}", customer.id),
        Some(legal_entity) => format!("customers/{}/{legal_entity}", customer.id),
    };
    match event {
        Event::SegmentCreated(_) | Event::SegmentReplaced(_) | Event::SegmentPatched(_) | Event::SegmentDeleted(_) => {
            None
        }
        Event::ItemAssigned(event) => Some(format!("items/{}/{}", event.item_type, event.item_id)),
        Event::ItemUnassigned(event) => Some(format!("items/{}/{}", event.item_type, event.item_id)),
        Event::CustomerAssigned(event) => Some(of_customer(event.customer())),
        Event::CustomerUnassigned(event) => Some(of_customer(event.customer())),
    }
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
            let (document, rows) = (event.segment.clone(), BTreeMap::new());
            let live = self.live.insert(Live { document, incarnation: envelope.incarnation(), sequence: 1, rows });
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
                ensure!(event.last_version == live.document.metadata.version, "it deletes another version");
                ensure!(event.assignment_counts == live.counts(), "it deletes other assignments");
                ensure!(event.force || live.rows.is_empty(), "it deletes assignments without force");
                self.live = None;
            }
            Event::ItemAssigned(ItemAssigned { metadata, mixins, created, .. })
            | Event::CustomerAssigned(CustomerAssigned { metadata, mixins, created, .. }) => {
                let tag = live.assign(envelope, metadata, mixins.as_ref(), *created)?;
                return Ok(Receipt { created: *created, tag: Some(tag) });
            }
            Event::ItemUnassigned(ItemUnassigned { last_version, .. })
            | Event::CustomerUnassigned(CustomerUnassigned { last_version, .. }) => {
                let row = place_of(&envelope.event).and_then(|place| live.rows.remove(&place));
                let row = row.context("it removes an assignment that does not exist")?;
                ensure!(row.tag.1 == *last_version, "it removes another version of an assignment");
            }
        }
        Ok(Receipt { created: false, tag: None })
    }
}

impl Live {
    fn counts(&self) -> AssignmentCounts {
        let items = self.rows.keys().filter(|place| place.starts_with("items/")).count();
        AssignmentCounts { items: items as u64, customers: (self.rows.len() - items) as u64 }
    }

    fn assign(
        &mut self,
        envelope: &Envelope,
        metadata: &Metadata,
        mixins: Option<&Mixins>,
        created: bool,
    ) -> anyhow::Result<Tag> {
        let place = place_of(&envelope.event).context("it is about no assignment")?;
        let before = self.rows.get(&place).map(|row| row.tag);
        let tag = before.map_or((envelope.incarnation(), 1), |(incarnation, version)| (incarnation, version + 1));
        ensure!(created == before.is_none(), "it creates an assignment that exists, or the other way round");
        ensure!(metadata.version == tag.1, "version {} comes where {} is due", metadata.version, tag.1);
        self.rows.insert(place, Row { tag, mixins: json!(mixins) });
        Ok(tag)
    }

    fn change(&mut self, segment: &Arc<Segment>, previous_version: u64) -> anyhow::Result<Receipt> {
        let (before, after) = (&self.document.metadata, &segment.metadata);
        let fits = previous_version == before.version && after.version == before.version + 1;
        ensure!(fits, "version {} follows {}", after.version, before.version);
        ensure!(after.created_at == before.created_at, "the time of creation has changed");
        self.document = Arc::clone(segment);
        Ok(Receipt { created: false, tag: Some(self.tag()) })
    }
}
