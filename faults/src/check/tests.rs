//! A small history that is right, and every way to spoil it that the check must see.

use std::sync::Arc;

use serde_json::json;
use shared::{
    Timestamp,
    consistency::Positions,
    document::Segment,
    events::{
        Actor, CommandStamp, Envelope, Event, EventType, FOLD_VERSION, SegmentCreated, SegmentReplaced, WriterStamp,
        WriterStarted,
    },
    ids::Tenant,
    log::{Acceptance, Partition, Record, partition_of},
};
use uuid::Uuid;

use super::check;
use crate::{
    fold::header_of,
    history::{Answer, Ask, Attempt, Kind, Marker, Outcome, segment_key},
    load::PARTITIONS,
};

const TENANT: &str = "faultsa";
const ID: &str = "s";
const CREATED: &str = "0190b5a6-5f3a-7c44-8000-0000deadbeef";
const INCARNATION: u32 = 0xdead_beef;

struct Story {
    attempts: Vec<Attempt>,
    acceptance: Acceptance,
    records: Vec<Record>,
}

fn partition() -> Partition {
    partition_of(&segment_key(TENANT, ID).expect("a key"), PARTITIONS)
}

fn document(version: u64, command: &str) -> Arc<Segment> {
    let time = "2026-01-01T00:00:00.000Z";
    let document = json!({
        "id": ID, "name": { "en": command }, "siteCode": "main", "status": "ACTIVE",
        "mixins": { "faults": { "command": command } },
        "metadata": { "version": version, "createdAt": time, "modifiedAt": time },
    });
    serde_json::from_value(document).expect("a segment")
}

fn replaced(version: u64, command: &str) -> Event {
    Event::SegmentReplaced(SegmentReplaced { segment: document(version, command), previous_version: version - 1 })
}

fn success(status: u16, version: u64, next_offset: i64) -> Outcome {
    let token = Some(Positions::at(partition(), next_offset));
    let etag = Some(header_of((INCARNATION, version)));
    Outcome::Answer(Answer { status, etag, token, replayed: false, body: String::new() })
}

fn answer(status: u16) -> Outcome {
    Outcome::Answer(Answer { status, etag: None, token: None, replayed: false, body: String::new() })
}

impl Story {
    /// Created, replaced, refused to be created again; another segment was deleted and had never been there.
    fn right() -> Self {
        let acceptance = Acceptance::new(partition(), PARTITIONS);
        let mut story = Self { attempts: Vec::new(), acceptance, records: Vec::new() };
        let writer_id = Uuid::from_u128(7);
        let started = WriterStarted {
            writer_id,
            after: None,
            transactional_id: "t".to_owned(),
            instance: "i".to_owned(),
            url: None,
            partition: partition(),
            partitions: PARTITIONS,
            fold_version: FOLD_VERSION,
            started_at: Timestamp::from_unix_millis(0),
        };
        let record = Record::placed(started.to_record(Uuid::from_u128(8)), partition(), 0, started.started_at);
        story.acceptance.step(&record);
        story.records.push(record);
        let plain = Kind::Put { version: None, if_match: None };
        story.append((1, 0), 1, Event::SegmentCreated(SegmentCreated { segment: document(1, "1/1") }));
        story.append((2, 0), 2, replaced(2, "1/2"));
        story.ask((1, 0), ID, Kind::Create, [100, 200], success(201, 1, 2));
        story.ask((2, 0), ID, plain, [300, 400], success(204, 2, 3));
        story.ask((3, 0), ID, Kind::Create, [300, 400], answer(409));
        story.ask((4, 0), "other", Kind::Delete { force: false }, [300, 400], answer(204));
        story
    }

    fn ask(&mut self, (number, attempt): (u32, u32), id: &str, kind: Kind, times: [u64; 2], outcome: Outcome) {
        let ask = Ask { tenant: TENANT.to_owned(), id: Some(id.to_owned()), kind, keyed: false };
        let marker = Marker { client: 1, number, attempt };
        let [invoked, answered] = times;
        self.attempts.push(Attempt { marker, ask: Arc::new(ask), origin: "here".into(), invoked, answered, outcome });
    }

    fn append(&mut self, (number, attempt): (u32, u32), sequence: u64, event: Event) {
        let id = if sequence == 1 { CREATED.parse().expect("an id") } else { Uuid::from_u128(u128::from(sequence)) };
        let envelope = Envelope {
            id,
            tenant: Tenant::parse(TENANT).expect("a tenant"),
            time: Timestamp::from_unix_millis(0),
            sequence,
            actor: Actor("client:faults".to_owned()),
            command: CommandStamp { id: Uuid::now_v7(), hash: blake3::hash(b"") },
            correlation_id: Some(Marker { client: 1, number, attempt }.to_string()),
            causation_id: None,
            trace_parent: None,
            trace_state: None,
            event,
        };
        let pseq = self.acceptance.pseq + 1;
        let stamp = WriterStamp { writer_id: Uuid::from_u128(7), pseq, previous: &self.acceptance.chain };
        let offset = i64::try_from(self.records.len()).expect("a small log");
        let record = Record::placed(envelope.seal(stamp), partition(), offset, envelope.time);
        self.acceptance.step(&record);
        self.records.push(record);
    }

    fn problem(&self) -> Option<String> {
        let mut records = vec![Vec::new(); usize::from(PARTITIONS)];
        records[partition().index()].clone_from(&self.records);
        check(&self.attempts, &records).err().map(|error| format!("{error:#}"))
    }
}

#[test]
fn a_right_history_is_accepted() {
    assert_eq!(Story::right().problem(), None);
}

#[test]
fn every_broken_promise_is_seen() {
    type Spoil = fn(&mut Story);
    let table: [(&str, Spoil); 14] = [
        ("is lost", |story| drop(story.records.pop())),
        ("nobody asked for it", |story| drop(story.attempts.remove(1))),
        ("it was not executed", |story| story.attempts[1].outcome = answer(503)),
        ("it was not executed", |story| story.attempts[1].outcome = Outcome::NotSent),
        ("it was refused", |story| story.attempts[1].outcome = answer(409)),
        ("the tag should be", |story| story.attempts[1].outcome = success(204, 3, 3)),
        ("the token names", |story| story.attempts[1].outcome = success(204, 2, 4)),
        ("the status is that of another effect", |story| story.attempts[1].outcome = success(201, 2, 3)),
        ("but lies behind it", |story| (story.attempts[1].invoked, story.attempts[1].answered) = (10, 50)),
        ("true at no moment", |story| (story.attempts[2].invoked, story.attempts[2].answered) = (10, 20)),
        ("true at no moment", |story| story.ask((5, 0), ID, Kind::Patch, [300, 400], answer(404))),
        ("not what was asked for", |story| {
            story.attempts.remove(1);
            story.ask((2, 0), ID, Kind::Patch, [300, 400], success(204, 2, 3));
        }),
        ("it was executed twice", |story| {
            story.append((2, 1), 3, replaced(3, "1/2"));
            let plain = Kind::Put { version: None, if_match: None };
            story.ask((2, 1), ID, plain, [500, 600], Outcome::Lost("cut".to_owned()));
        }),
        ("version 5 follows 2", |story| {
            story.append(
                (5, 0),
                3,
                Event::SegmentReplaced(SegmentReplaced { segment: document(5, "1/5"), previous_version: 4 }),
            );
            let plain = Kind::Put { version: None, if_match: None };
            story.ask((5, 0), ID, plain, [500, 600], Outcome::Lost("cut".to_owned()));
        }),
    ];
    for (expected, spoil) in table {
        let mut story = Story::right();
        spoil(&mut story);
        let problem = story.problem().unwrap_or_else(|| panic!("{expected:?} is not seen"));
        assert!(problem.contains(expected), "{expected:?} is wanted, not {problem:?}");
    }
}

#[test]
fn an_unknown_outcome_may_have_happened_or_not() {
    let mut story = Story::right();
    story.attempts[1].outcome = answer(504);
    assert_eq!(story.problem(), None);
    story.records.pop();
    assert_eq!(story.problem(), None);
}

#[test]
fn customers_are_told_from_items_and_each_of_their_legal_entities() {
    let event = |kind, json: serde_json::Value| Event::from_json(kind, json.to_string().as_bytes()).expect("an event");
    let time = "2026-01-01T00:00:00.000Z";
    let metadata = json!({ "version": 1, "createdAt": time, "modifiedAt": time });
    let assigned = json!({
        "segmentId": ID, "customerRef": "c1", "legalEntityId": "le1", "assignmentType": "MANUAL", "created": true,
        "mixins": { "faults": { "command": "1/5" } }, "metadata": metadata,
    });
    for (place, counts, expected) in [
        ("customers/c1/le1", [0, 1], None),
        ("customers/c1", [0, 1], Some("not what was asked for")),
        ("items/PRODUCT/c1", [0, 1], Some("not what was asked for")),
        ("customers/c1/le1", [1, 0], Some("it deletes other assignments")),
    ] {
        let [items, customers] = counts;
        let counts = json!({ "items": items, "customers": customers });
        let deleted = json!({ "segmentId": ID, "force": true, "lastVersion": 2, "assignmentCounts": counts });
        let mut story = Story::right();
        story.append((5, 0), 3, event(EventType::CustomerAssigned, assigned.clone()));
        story.ask((5, 0), ID, Kind::Assign(place.to_owned()), [500, 600], Outcome::Lost("cut".to_owned()));
        story.append((6, 0), 4, event(EventType::SegmentDeleted, deleted));
        story.ask((6, 0), ID, Kind::Delete { force: true }, [700, 800], Outcome::Lost("cut".to_owned()));
        let problem = story.problem();
        let is_as_expected = match (&problem, expected) {
            (None, None) => true,
            (Some(problem), Some(expected)) => problem.contains(expected),
            (None, Some(_)) | (Some(_), None) => false,
        };
        assert!(is_as_expected, "{place}: {expected:?} is wanted, not {problem:?}");
    }
}
