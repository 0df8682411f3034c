//! What is written: segments of the size and shape that a real tenant has.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, json};
use shared::{
    Timestamp,
    document::{Metadata, Segment, Status, Validity},
    events::{Actor, CommandStamp, Envelope, Event, ItemAssigned, SegmentCreated},
    ids::{ItemId, ItemType, SegmentId, Tenant},
    log::{Chain, NewRecord},
};
use uuid::Uuid;

/// The tenant of everything.
pub const TENANT: &str = "acme";

const SITES: [&str; 4] = ["main", "de", "fr", "us"];
const AUDIENCES: [&str; 5] = ["Gold customers", "New customers", "Wholesalers", "Students", "Newsletter readers"];
const REGIONS: [&str; 7] = ["North", "South", "East", "West", "Alps", "Coast", "Islands"];
/// Products are shared by segments.
const PRODUCTS: u64 = 50_000;

/// Texts that differ from segment to segment, as far as they do in life.
struct Texts {
    name: [String; 3],
    description: String,
    site: &'static str,
}

impl Texts {
    fn of(number: u64) -> Self {
        let pick = |words: &'static [&'static str], step: u64| words[(number / step) as usize % words.len()];
        let (audience, region, site) = (pick(&AUDIENCES, 1), pick(&REGIONS, 5), pick(&SITES, 35));
        let name = ["", "Gruppe ", "Groupe "].map(|word| format!("{word}{audience} {region} {number}"));
        Self { name, description: format!("{audience} in the region {region}"), site }
    }
}

/// The id of a segment.
pub fn segment_id(number: u64) -> String {
    format!("bench-segment-{number:012}")
}

/// A segment as a client sends it.
pub fn segment_json(number: u64) -> String {
    let Texts { name: [en, de, fr], description, site } = Texts::of(number);
    let id = segment_id(number);
    format!(
        r#"{{"id":"{id}","name":{{"en":"{en}","de":"{de}","fr":"{fr}"}},"description":{{"en":"{description}"}},"status":"ACTIVE","siteCode":"{site}","validity":{{"from":"2026-01-01T00:00:00.000Z","to":"2027-12-31T23:59:59.000Z"}},"mixins":{{"campaign":{{"priority":{},"channels":["web","store"]}}}},"metadata":{{"mixins":{{"campaign":"https://schemas.acme.example/campaign.v1.json"}}}}}}"#,
        number % 7
    )
}

/// The event of its creation.
pub fn segment_created(number: u64, at: Timestamp) -> Event {
    let Texts { name: [en, de, fr], description, site } = Texts::of(number);
    let instant = |text: &str| text.parse().ok();
    let validity = Validity { from: instant("2026-01-01T00:00:00.000Z"), to: instant("2027-12-31T23:59:59.000Z") };
    let campaign = json!({ "priority": number % 7, "channels": ["web", "store"] });
    let schemas = json!("https://schemas.acme.example/campaign.v1.json");
    let segment = Segment {
        id: own_segment_id(number),
        name: [("en", en), ("de", de), ("fr", fr)].map(|(language, text)| (language.to_owned(), text)).into(),
        description: Some(BTreeMap::from([("en".to_owned(), description)])),
        validity: Some(validity),
        status: Status::Active,
        site_code: site.to_owned(),
        mixins: Some(Map::from_iter([("campaign".to_owned(), campaign)])),
        metadata: Metadata {
            version: 1,
            created_at: at,
            modified_at: at,
            mixins: Some(Map::from_iter([("campaign".to_owned(), schemas)])),
        },
    };
    Event::SegmentCreated(SegmentCreated { segment: segment.into() })
}

/// The same of the one site that matches ask for.
pub fn segment_created_at_main(number: u64, at: Timestamp) -> Event {
    match segment_created(number, at) {
        Event::SegmentCreated(mut created) => {
            SITES[0].clone_into(&mut Arc::make_mut(&mut created.segment).site_code);
            Event::SegmentCreated(created)
        }
        other => other,
    }
}

/// The event that assigns one of a segment's products to it, `place` from 0.
pub fn product_assigned(number: u64, place: u64, at: Timestamp) -> Event {
    let product = format!("product-{:05}", (number * 131 + place * 17) % PRODUCTS);
    item_assigned(number, ItemType::Product, &product, at)
}

/// The event that assigns any item to a segment.
pub fn item_assigned(number: u64, item_type: ItemType, item: &str, at: Timestamp) -> Event {
    Event::ItemAssigned(ItemAssigned {
        segment_id: own_segment_id(number),
        item_type,
        item_id: ItemId::parse(item).expect("a good id"),
        mixins: None,
        metadata: Metadata { version: 1, created_at: at, modified_at: at, mixins: None },
        created: true,
    })
}

/// What the command side puts around an event.
pub fn envelope(event: Event, sequence: u64, at: Timestamp) -> Envelope {
    let id = Uuid::now_v7();
    Envelope {
        id,
        tenant: Tenant::parse(TENANT).expect("a good tenant"),
        time: at,
        sequence,
        actor: Actor("client:dev".to_owned()),
        command: CommandStamp { id, hash: blake3::hash(id.as_bytes()) },
        correlation_id: None,
        causation_id: None,
        trace_parent: None,
        trace_state: None,
        event,
    }
}

/// A record like those of creations, for logs that nobody folds.
pub fn lone_record(number: u64, at: Timestamp) -> NewRecord {
    let stamp = shared::events::WriterStamp { writer_id: Uuid::nil(), pseq: number, previous: &Chain::default() };
    envelope(segment_created(number, at), 1, at).seal(stamp)
}

fn own_segment_id(number: u64) -> SegmentId {
    SegmentId::parse(&segment_id(number)).expect("a good id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_of_the_event_is_what_a_client_would_have_sent() {
        let at = Timestamp::from_unix_millis(1_767_225_600_000);
        let Event::SegmentCreated(created) = segment_created(36, at) else { panic!("another event") };
        let mut document = serde_json::to_value(&created.segment).expect("JSON");
        for added in ["version", "createdAt", "modifiedAt"] {
            document["metadata"].as_object_mut().expect("an object").remove(added);
        }
        assert_eq!(document, serde_json::from_str::<serde_json::Value>(&segment_json(36)).expect("JSON"));
    }
}
