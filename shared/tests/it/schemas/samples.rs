//! The golden records: one small log that shows every kind of record and every member.
//!
//! A new sample goes to the end; those that are there are kept as they are.

use serde_json::{Value, json};
use shared::{
    Timestamp,
    events::{
        Actor, CommandStamp, Envelope, Event, EventType, FOLD_VERSION, WriterStamp, WriterStarted, WriterStopped,
        headers,
    },
    ids::Tenant,
    log::{Chain, NewRecord, Partition},
};
use uuid::Uuid;

pub const PARTITIONS: u16 = 6;

/// A record and the place of its file: kind and number.
pub struct Sample {
    pub name: String,
    pub record: NewRecord,
}

struct Log {
    samples: Vec<Sample>,
    writer_id: Uuid,
    pseq: u64,
    chain: Chain,
}

/// Event ids and writer ids: UUIDs of version 7 that count.
fn id(number: u64) -> Uuid {
    format!("01976b2e-5c00-7000-8000-{number:012x}").parse().expect("a UUID")
}

fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_750_000_000_123 + seconds * 1000)
}

impl Log {
    fn push(&mut self, kind: &str, record: NewRecord) {
        let kind = kind.strip_prefix("customer-segment.").expect("our types");
        let number = self.samples.iter().filter(|sample| sample.name.starts_with(kind)).count() + 1;
        self.samples.push(Sample { name: format!("{kind}/{number}"), record });
    }

    fn next_id(&self) -> Uuid {
        id(0x1000 + self.samples.len() as u64)
    }

    fn start(&mut self, writer_id: Uuid, after: Option<Uuid>, url: Option<&str>) {
        let started = WriterStarted {
            writer_id,
            after,
            transactional_id: "prod.segments.w.commands-0".to_owned(),
            instance: "commands-0".to_owned(),
            url: url.map(str::to_owned),
            partition: Partition::new(0),
            partitions: PARTITIONS,
            fold_version: FOLD_VERSION,
            started_at: instant(self.samples.len() as i64),
        };
        self.writer_id = writer_id;
        self.push("customer-segment.writer-started.v1", started.to_record(self.next_id()));
    }

    fn stop(&mut self) {
        let stopped = WriterStopped {
            writer_id: self.writer_id,
            partition: Partition::new(0),
            stopped_at: instant(self.samples.len() as i64),
            by: "commands-1".to_owned(),
        };
        self.push("customer-segment.writer-stopped.v1", stopped.to_record(self.next_id()));
    }

    /// An event of `acme`; the text names the request, and so whether it was keyed and traced.
    fn event(&mut self, kind: EventType, sequence: u64, keyed: bool, data: Value) {
        let event = Event::from_json(kind, data.to_string().as_bytes()).expect("an event");
        let request = self.next_id();
        let command_id = if keyed { Uuid::new_v5(&Uuid::NAMESPACE_URL, request.as_bytes()) } else { request };
        let traced = |text: &str| keyed.then(|| text.to_owned());
        let envelope = Envelope {
            id: self.next_id(),
            tenant: Tenant::parse("acme").expect("a tenant"),
            time: instant(self.samples.len() as i64),
            sequence,
            actor: Actor(if keyed { "user:98029737" } else { "client:back-office" }.to_owned()),
            command: CommandStamp { id: command_id, hash: blake3::hash(request.as_bytes()) },
            correlation_id: traced("import-2025-06"),
            causation_id: traced("row-17"),
            trace_parent: traced("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            trace_state: traced("vendor=value"),
            event,
        };
        self.pseq += 1;
        let stamp = WriterStamp { writer_id: self.writer_id, pseq: self.pseq, previous: &self.chain };
        let record = envelope.seal(stamp);
        let bytes = record.headers.get(headers::CHAIN).expect("a chain");
        self.chain = serde_json::from_value(json!(bytes)).expect("a chain");
        self.push(kind.as_str(), record);
    }
}

fn metadata(version: u64, created: i64, modified: i64) -> Value {
    json!({ "version": version, "createdAt": instant(created), "modifiedAt": instant(modified) })
}

fn gold(version: u64, modified: i64) -> Value {
    let mut metadata = metadata(version, 2, modified);
    metadata["mixins"] = json!({ "loyalty": "https://example.com/schemas/loyalty.v1.json" });
    json!({
        "id": "gold-käufer", "status": "ACTIVE", "siteCode": "main", "metadata": metadata,
        "name": { "en": "Golden \"Segment\"", "de": "Goldkäufer", "ja": "ゴールド" },
        "description": { "en": "Line\nbreak and \u{1f600}" },
        "validity": { "from": "2024-04-17T08:00:00.000Z", "to": "2025-04-17T08:00:00.000Z" },
        "mixins": { "loyalty": { "points": [0, -1, 1.0, 0.1, 1e-7, 1e21, u64::MAX], "nested": { "on": true, "off": null, "": "" } } },
    })
}

fn gold_with(version: u64, modified: i64, change: impl Fn(&mut Value)) -> Value {
    let mut segment = gold(version, modified);
    change(&mut segment);
    segment
}

/// All golden records, in the order of the log that they make up.
pub fn log() -> Vec<Sample> {
    use EventType::*;
    let (first, second) = (id(1), id(2));
    let mut log = Log { samples: Vec::new(), writer_id: first, pseq: 0, chain: Chain::default() };
    let small = json!({
        "id": "g1", "name": { "en": "Segment" }, "status": "INACTIVE", "siteCode": "main", "metadata": metadata(1, 1, 1),
    });
    let patched = gold_with(3, 4, |segment| {
        segment["status"] = json!("INACTIVE");
        segment["mixins"]["loyalty"]["tier"] = json!(null);
        segment["name"].as_object_mut().expect("texts").remove("ja");
    });
    let operations = json!([
        { "op": "replace", "path": "/status", "value": "INACTIVE" },
        { "op": "add", "path": "/mixins/loyalty/tier", "value": null },
        { "op": "remove", "path": "/name/ja" },
    ]);
    log.start(first, None, None);
    log.event(SegmentCreated, 1, false, json!({ "segment": small }));
    log.event(SegmentCreated, 1, true, json!({ "segment": gold(1, 2) }));
    log.event(SegmentReplaced, 2, true, json!({ "segment": gold(2, 3), "previousVersion": 1 }));
    log.event(SegmentPatched, 3, false, json!({ "patch": operations, "segment": patched, "previousVersion": 2 }));
    assignments(&mut log);
    log.stop();
    log.start(second, Some(first), Some("https://commands-0.example.com:8081"));
    let none = json!({ "items": 0, "customers": 0 });
    let some = json!({ "items": 1, "customers": 0 });
    let deleted = json!({ "segmentId": "g1", "force": false, "lastVersion": 1, "assignmentCounts": none });
    log.event(SegmentDeleted, 2, true, deleted);
    let deleted = json!({ "segmentId": "gold-käufer", "force": true, "lastVersion": 3, "assignmentCounts": some });
    log.event(SegmentDeleted, 8, false, deleted);
    customers(&mut log);
    log.samples
}

/// Another life of `g1`: a customer for itself and for a legal entity.
fn customers(log: &mut Log) {
    use EventType::*;
    let segment = json!({
        "id": "g1", "name": { "en": "Segment" }, "status": "ACTIVE", "siteCode": "main", "metadata": metadata(1, 13, 13),
    });
    let alone = json!({ "segmentId": "g1", "customerRef": "98029737" });
    let for_entity = with(&alone, json!({ "legalEntityId": "660af2af69babe3cf6e40771" }));
    let new = |at: i64| json!({ "assignmentType": "MANUAL", "metadata": metadata(1, at, at), "created": true });
    let mut own_metadata = metadata(2, 14, 16);
    own_metadata["mixins"] = json!({ "role": "https://example.com/schemas/role.v1.json" });
    let replaced = json!({
        "assignmentType": "AUTOMATIC", "mixins": { "role": { "name": "buyer" } }, "metadata": own_metadata,
        "created": false,
    });
    log.event(SegmentCreated, 1, false, json!({ "segment": segment }));
    log.event(CustomerAssigned, 2, false, with(&alone, new(14)));
    log.event(CustomerAssigned, 3, true, with(&for_entity, new(15)));
    log.event(CustomerAssigned, 4, true, with(&alone, replaced));
    log.event(CustomerUnassigned, 5, false, with(&for_entity, json!({ "lastVersion": 1 })));
    let one = json!({ "items": 0, "customers": 1 });
    let deleted = json!({ "segmentId": "g1", "force": true, "lastVersion": 1, "assignmentCounts": one });
    log.event(SegmentDeleted, 6, true, deleted);
}

fn with(base: &Value, members: Value) -> Value {
    let mut data = base.clone();
    data.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    data
}

fn assignments(log: &mut Log) {
    use EventType::*;
    let product = json!({ "segmentId": "gold-käufer", "itemType": "PRODUCT", "itemId": "p 1" });
    let category = json!({ "segmentId": "gold-käufer", "itemType": "CATEGORY", "itemId": "c-1" });
    let mut own_metadata = metadata(2, 5, 7);
    own_metadata["mixins"] = json!({ "rank": "https://example.com/schemas/rank.v1.json" });
    let replaced = json!({ "mixins": { "rank": { "value": 3 } }, "metadata": own_metadata, "created": false });
    log.event(ItemAssigned, 4, false, with(&product, json!({ "metadata": metadata(1, 5, 5), "created": true })));
    log.event(ItemAssigned, 5, true, with(&category, json!({ "metadata": metadata(1, 6, 6), "created": true })));
    log.event(ItemAssigned, 6, true, with(&product, replaced));
    log.event(ItemUnassigned, 7, false, with(&category, json!({ "lastVersion": 1 })));
}
