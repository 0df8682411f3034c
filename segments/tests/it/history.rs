//! A small log, written as the service would have written it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use futures::StreamExt as _;
use serde_json::json;
use shared::{
    SystemClock, Timestamp,
    document::{Metadata, Segment, Status},
    events::{
        Actor, AssignmentCounts, CommandStamp, Envelope, Event, FOLD_VERSION, ItemAssigned, SegmentCreated,
        SegmentDeleted, SegmentReplaced, WriterStamp, WriterStarted,
    },
    ids::{ItemId, ItemType, SegmentId, SegmentKey, Tenant},
    log::{
        Acceptance, Chain, EventLog as _, NewRecord, Partition, WriterName,
        local::{LocalLog, LocalReference},
        partition_of,
    },
    reference::{Change, Entry, Kind, ReferenceLog as _},
};
use uuid::Uuid;

pub const PARTITIONS: u16 = 6;

/// The instant of the event with this number; the first has number 0.
pub fn at(number: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_767_225_600_000 + i64::try_from(number).expect("a small number") * 1000)
}

/// Writes an embedded log into a data folder: `acme/a` is created, replaced twice, given two products; `acme/b` is created and
/// deleted; `acme/c` and `other/a` are created. One event a second, and the announcements of six partitions before them.
pub async fn write(data_dir: &Path) {
    let folder = data_dir.join("local");
    let log = LocalLog::open(folder.join("log.sqlite"), PARTITIONS, Arc::new(SystemClock)).await.expect("a log");
    let mut writer = log.open_writer(&WriterName("w".to_owned())).await.expect("a writer");
    let records = Records::default().of(events());
    log.append(&mut writer, records).await.expect("an append");
    let reference = LocalReference::open(folder.join("reference.sqlite")).await.expect("reference data");
    let put = |id: &str| Change::Put {
        tenant: tenant("acme"),
        entry: Entry::from_json(Kind::Product, json!({ "id": id, "name": { "en": id } })).expect("a product"),
    };
    reference.write(vec![put("p1"), put("p2"), Change::Delete(put("p1").key())]).await.expect("reference data");
}

fn tenant(text: &str) -> Tenant {
    Tenant::parse(text).expect("a tenant")
}

fn id(text: &str) -> SegmentId {
    SegmentId::parse(text).expect("an id")
}

/// Tenant, number among the events of the segment, and what happened.
fn events() -> Vec<(&'static str, u64, Event)> {
    let created =
        |name: &str, number| Event::SegmentCreated(SegmentCreated { segment: segment(name, 1, number, number) });
    let replaced = |version, number| {
        Event::SegmentReplaced(SegmentReplaced {
            segment: segment("a", version, 0, number),
            previous_version: version - 1,
        })
    };
    let deleted = Event::SegmentDeleted(SegmentDeleted {
        segment_id: id("b"),
        force: false,
        last_version: 1,
        assignment_counts: AssignmentCounts::default(),
    });
    vec![
        ("acme", 1, created("a", 0)),
        ("acme", 1, created("b", 1)),
        ("acme", 2, replaced(2, 2)),
        ("other", 1, created("a", 3)),
        ("acme", 3, assigned("p1", 4)),
        ("acme", 2, deleted),
        ("acme", 4, assigned("p2", 6)),
        ("acme", 5, replaced(3, 7)),
        ("acme", 1, created("c", 8)),
    ]
}

fn segment(name: &str, version: u64, created: u64, modified: u64) -> Arc<Segment> {
    Arc::new(Segment {
        id: id(name),
        name: BTreeMap::from([("en".to_owned(), format!("{name}, version {version}"))]),
        description: None,
        validity: None,
        status: Status::Active,
        site_code: "main".to_owned(),
        mixins: None,
        metadata: Metadata { version, created_at: at(created), modified_at: at(modified), mixins: None },
    })
}

fn assigned(item: &str, number: u64) -> Event {
    Event::ItemAssigned(ItemAssigned {
        segment_id: id("a"),
        item_type: ItemType::Product,
        item_id: ItemId::parse(item).expect("an id"),
        mixins: None,
        metadata: Metadata { version: 1, created_at: at(number), modified_at: at(number), mixins: None },
        created: true,
    })
}

/// Events become records.
struct Records {
    writer_id: Uuid,
    places: Vec<(u64, Chain)>,
}

impl Default for Records {
    fn default() -> Self {
        Self { writer_id: Uuid::now_v7(), places: vec![(0, Chain::default()); usize::from(PARTITIONS)] }
    }
}

impl Records {
    fn of(mut self, events: Vec<(&'static str, u64, Event)>) -> Vec<(Partition, NewRecord)> {
        let mut records: Vec<_> =
            (0..PARTITIONS).map(|number| self.announcement(Partition::new(number), None)).collect();
        for (number, (owner, sequence, event)) in (0..).zip(events) {
            records.push(self.event(number, owner, sequence, event));
        }
        records
    }

    fn announcement(&self, partition: Partition, after: Option<Uuid>) -> (Partition, NewRecord) {
        let started = WriterStarted {
            writer_id: self.writer_id,
            after,
            transactional_id: "local.segments.w.first".to_owned(),
            instance: "first".to_owned(),
            url: None,
            partition,
            partitions: PARTITIONS,
            fold_version: FOLD_VERSION,
            started_at: at(0),
        };
        (partition, started.to_record(Uuid::now_v7()))
    }

    fn event(&mut self, number: u64, owner: &str, sequence: u64, event: Event) -> (Partition, NewRecord) {
        let envelope = Envelope {
            id: Uuid::now_v7(),
            tenant: tenant(owner),
            time: at(number),
            sequence,
            actor: Actor("client:test".to_owned()),
            command: CommandStamp { id: Uuid::now_v7(), hash: blake3::hash(b"") },
            correlation_id: None,
            causation_id: None,
            trace_parent: None,
            trace_state: None,
            event,
        };
        let partition = partition_of(&envelope.key(), PARTITIONS);
        let (pseq, chain) = &mut self.places[partition.index()];
        *pseq += 1;
        let record = envelope.seal(WriterStamp { writer_id: self.writer_id, pseq: *pseq, previous: chain });
        *chain = chain.extended(*pseq, &record.key, &record.headers, &record.value);
        (partition, record)
    }
}

/// Another writer takes the partition of `acme/d` over in that log, and creates the segment.
pub async fn go_on(data_dir: &Path) {
    let path = data_dir.join("local/log.sqlite");
    let log = LocalLog::open(path, PARTITIONS, Arc::new(SystemClock)).await.expect("the log");
    let partition = partition_of(&SegmentKey::new(tenant("acme"), id("d")), PARTITIONS);
    let before = replayed(&log, partition).await;
    let mut records = Records::default();
    records.places[partition.index()] = (before.pseq, before.chain);
    let announced = records.announcement(partition, before.last);
    let event = Event::SegmentCreated(SegmentCreated { segment: segment("d", 1, 20, 20) });
    let created = records.event(20, "acme", 1, event);
    let mut writer = log.open_writer(&WriterName("second".to_owned())).await.expect("a writer");
    log.append(&mut writer, vec![announced, created]).await.expect("an append");
}

/// Where the partition stands.
async fn replayed(log: &LocalLog, partition: Partition) -> Acceptance {
    let end = log.end(partition).await.expect("an end");
    let mut acceptance = Acceptance::new(partition, PARTITIONS);
    let mut tail = log.tail(vec![(partition, 0)]);
    while acceptance.next_offset() < end {
        acceptance.step(&tail.next().await.expect("a record").expect("a record"));
    }
    acceptance
}
