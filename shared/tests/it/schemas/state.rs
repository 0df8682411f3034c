//! The state of segments: what the golden events leave is golden too, is as the schema and the document of the events say, and
//! stands for the same as all events together.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use shared::events::{Envelope, Event, StateRecord};

use super::{asyncapi, folder, goldens, goldens_are_to_be_written, placed, read_json, schemas, validator};

/// What the golden log leaves, in order, each with the name of the event that left it.
fn states() -> Vec<(String, StateRecord)> {
    let records = (0..).zip(goldens());
    let left = records.filter_map(|(offset, (name, golden))| {
        let event = Envelope::open(&placed(golden, offset)).ok()?;
        Some((name, StateRecord::left_by(&event, offset)?))
    });
    left.collect()
}

fn to_golden(state: &StateRecord) -> Value {
    let headers: Map<String, Value> = state.headers.iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    let value: Option<Value> = state.value.as_ref().map(|value| serde_json::from_slice(value).expect("JSON"));
    json!({ "key": state.key, "headers": headers, "value": value })
}

#[test]
fn what_the_golden_events_leave_is_golden_too() {
    let golden = folder("state-samples").join("all.json");
    let present: Map<String, Value> = states().iter().map(|(name, state)| (name.clone(), to_golden(state))).collect();
    if goldens_are_to_be_written() {
        std::fs::create_dir_all(folder("state-samples")).expect("the folder can be made");
        let text = serde_json::to_string_pretty(&present).expect("JSON");
        std::fs::write(&golden, text + "\n").expect("the file can be written");
    }
    assert_eq!(read_json(golden), Value::Object(present));
}

#[test]
fn states_are_as_the_schema_and_the_document_say() {
    let all = schemas("state");
    let schema = validator(&all["urn:customer-segment:schema:segment-state.v1"]);
    let headers = asyncapi::headers_of_state();
    let headers = validator(&headers);
    let (mut documents, mut removals) = (0, 0);
    for (name, state) in states() {
        let golden = to_golden(&state);
        let errors: Vec<_> = headers.iter_errors(&golden["headers"]).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
        match &state.value {
            Some(_) => {
                assert!(schema.is_valid(&golden["value"]), "{name}");
                documents += 1;
            }
            None => removals += 1,
        }
    }
    assert!(documents > 0 && removals > 0, "{documents} documents, {removals} removals");
    let mut broken = to_golden(&states()[0].1)["value"].clone();
    broken["status"] = json!("SOMETIMES");
    assert!(!schema.is_valid(&broken));
}

#[test]
fn the_last_state_of_each_key_is_the_document_that_the_last_event_carries() {
    let mut expected: BTreeMap<String, Value> = BTreeMap::new();
    for (offset, (_, golden)) in (0..).zip(goldens()) {
        let Ok(envelope) = Envelope::open(&placed(golden.clone(), offset)) else { continue };
        let data: Value = serde_json::from_slice(&golden.value).expect("JSON");
        let key = envelope.key().to_string();
        match envelope.event {
            Event::SegmentDeleted(_) => drop(expected.remove(&key)),
            _ if data["segment"].is_object() => drop(expected.insert(key, data["segment"].clone())),
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    for (_, state) in states() {
        match state.value {
            Some(value) => drop(found.insert(state.key, serde_json::from_slice(&value).expect("JSON"))),
            None => drop(found.remove(&state.key)),
        }
    }
    assert_eq!(found, expected);
}
