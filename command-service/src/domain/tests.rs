//! The rules as a whole: `given` accepted events, `when` a command comes, `then` one event, nothing or a rejection.

mod customers;
mod items;
mod laws;
mod naive;
mod segments;

use serde_json::{Value, json};
use shared::{
    events::{Actor, CommandStamp, Envelope, Event, EventType},
    ids::{CustomerId, CustomerRef, ItemId, ItemRef, ItemType, LegalEntityId, SegmentId, Tenant},
};

use super::*;

/// The instants of events: `at(n)` is n seconds after the first of January 2026.
fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_767_225_600_000 + i64::try_from(seconds).expect("a small number") * 1000)
}

fn key(id: &str) -> SegmentKey {
    SegmentKey::new(Tenant::parse("acme").expect("a tenant"), SegmentId::parse(id).expect("an id"))
}

fn item(kind: ItemType, id: &str) -> ItemRef {
    ItemRef { kind, id: ItemId::parse(id).expect("an id") }
}

fn product(id: &str) -> ItemRef {
    item(ItemType::Product, id)
}

fn customer(id: &str, legal_entity: Option<&str>) -> CustomerRef {
    let legal_entity = legal_entity.map(|id| LegalEntityId::parse(id).expect("an id"));
    CustomerRef { id: CustomerId::parse(id).expect("an id"), legal_entity }
}

fn draft(body: Value) -> Draft {
    Draft::parse(body, &ContentLanguage::One("en".to_owned())).expect("a valid body")
}

/// Event number `n` of a test: its id, and so the incarnation of what it creates, is `n`.
fn envelope(n: u64, sequence: u64, event: Event) -> Envelope {
    Envelope {
        id: format!("019b0000-0000-7000-8000-{n:012x}").parse().expect("a UUID"),
        tenant: Tenant::parse("acme").expect("a tenant"),
        time: at(n),
        sequence,
        actor: Actor("client:test".to_owned()),
        command: CommandStamp { id: uuid::Uuid::nil(), hash: blake3::hash(b"") },
        correlation_id: None,
        causation_id: None,
        trace_parent: None,
        trace_state: None,
        event,
    }
}

fn event(kind: EventType, json: Value) -> Event {
    Event::from_json(kind, json.to_string().as_bytes()).expect("an event")
}

/// A test of one decision: the history, then the command at second 100.
struct Scenario {
    model: Model,
    condition: Condition,
}

fn given(events: impl IntoIterator<Item = Event>) -> Scenario {
    let mut model = Model::default();
    for (n, event) in (1..).zip(events) {
        let key = key(event.segment_id().as_str());
        let envelope = envelope(n, model.overlay().next_sequence(&key), event);
        model.apply(&envelope).expect("the history is consistent");
    }
    Scenario { model, condition: Condition::default() }
}

impl Scenario {
    fn under(self, condition: Condition) -> Self {
        Self { condition, ..self }
    }

    /// Also shows that an event that was decided can be folded.
    fn when(mut self, id: &str, action: Action) -> Result<Option<Event>, Rejection> {
        let command = Command { key: key(id), condition: self.condition, action };
        let decided = self.model.overlay().decide(&command, &Context { now: at(100) })?;
        if let Some(event) = &decided {
            let sequence = self.model.overlay().next_sequence(&command.key);
            self.model.apply(&envelope(100, sequence, event.clone())).expect("a decided event fits");
        }
        Ok(decided)
    }
}

fn document(id: &str, version: u64, created: u64, modified: u64) -> Value {
    json!({
        "id": id, "name": { "en": "Gold" }, "status": "INACTIVE", "siteCode": "main",
        "metadata": { "version": version, "createdAt": at(created), "modifiedAt": at(modified) },
    })
}

fn body() -> Draft {
    draft(json!({ "name": { "en": "Gold" }, "siteCode": "main" }))
}

fn created(id: &str, n: u64) -> Event {
    event(EventType::SegmentCreated, json!({ "segment": document(id, 1, n, n) }))
}

fn deleted(id: &str, last_version: u64, items: u64) -> Event {
    deleted_with(id, last_version, items, 0)
}

fn deleted_with(id: &str, last_version: u64, items: u64, customers: u64) -> Event {
    let (force, counts) = (items + customers > 0, json!({ "items": items, "customers": customers }));
    let json = json!({ "segmentId": id, "force": force, "lastVersion": last_version, "assignmentCounts": counts });
    event(EventType::SegmentDeleted, json)
}

fn assigned(id: &str, item: &str, version: u64, created: u64, modified: u64) -> Event {
    let metadata = json!({ "version": version, "createdAt": at(created), "modifiedAt": at(modified) });
    let json = json!({
        "segmentId": id, "itemType": "PRODUCT", "itemId": item, "metadata": metadata, "created": version == 1,
    });
    event(EventType::ItemAssigned, json)
}

fn unassigned(id: &str, item: &str, last_version: u64) -> Event {
    let json = json!({ "segmentId": id, "itemType": "PRODUCT", "itemId": item, "lastVersion": last_version });
    event(EventType::ItemUnassigned, json)
}

/// A customer was assigned.
fn enrolled(id: &str, customer: &CustomerRef, version: u64, created: u64, modified: u64) -> Event {
    let metadata = json!({ "version": version, "createdAt": at(created), "modifiedAt": at(modified) });
    let mut json = json!({
        "segmentId": id, "customerRef": customer.id, "assignmentType": "MANUAL", "metadata": metadata,
        "created": version == 1,
    });
    if let Some(legal_entity) = &customer.legal_entity {
        json["legalEntityId"] = json!(legal_entity);
    }
    event(EventType::CustomerAssigned, json)
}

/// A customer is no longer assigned.
fn left(id: &str, customer: &CustomerRef, last_version: u64) -> Event {
    let json = json!({
        "segmentId": id, "customerRef": customer.id, "legalEntityId": customer.legal_entity, "lastVersion": last_version,
    });
    event(EventType::CustomerUnassigned, json)
}

fn tagged(incarnation: u32, version: u64) -> Condition {
    Condition { if_match: Some(IfMatch::Tags(vec![ETag { incarnation, version }])), if_none_match_any: false }
}
