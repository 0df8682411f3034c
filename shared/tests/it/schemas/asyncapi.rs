//! The document of the events says what the code writes: the same types, schemas, headers, topics and settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::{Value, json};
use shared::{
    events::{EventType, FOLD_VERSION, headers},
    log::kafka::KafkaConfig,
    reference::{Kind, MAX_RECORD_BYTES},
};

use super::{folder, goldens, reference, validator};

fn document() -> Value {
    let text = fs::read_to_string(folder("asyncapi.yaml")).expect("the document is there");
    serde_saphyr::from_str(&text).expect("the document is YAML")
}

fn messages(document: &Value, channel: &str) -> BTreeMap<String, Value> {
    let named = document["channels"][channel]["messages"].as_object().expect("messages");
    let found = named.iter().map(|(name, message)| {
        let reference = message["$ref"].as_str().expect("a reference").trim_start_matches('#');
        (name.clone(), document.pointer(reference).expect("the message is there").clone())
    });
    found.collect()
}

/// The schema of a message's headers: those of its trait, and its own over them.
fn headers_of(document: &Value, message: &Value) -> Value {
    let of_trait = message["traits"][0]["$ref"].as_str().expect("a trait").trim_start_matches('#');
    let mut headers = document.pointer(of_trait).expect("the trait is there")["headers"].clone();
    for (name, schema) in message["headers"]["properties"].as_object().expect("headers") {
        headers["properties"][name] = schema.clone();
    }
    // For `$ref`s.
    headers["components"] = document["components"].clone();
    headers
}

/// The schema of the headers of states.
pub fn headers_of_state() -> Value {
    let document = document();
    let mut headers = document["components"]["messageTraits"]["state"]["headers"].clone();
    headers["additionalProperties"] = json!(false);
    // For `$ref`s.
    headers["components"] = document["components"].clone();
    headers
}

/// The messages of the events by their CloudEvents type.
fn events(document: &Value) -> BTreeMap<String, Value> {
    let named = messages(document, "events").into_values();
    named.map(|message| (message["name"].as_str().expect("a name").to_owned(), message)).collect()
}

#[test]
fn every_type_is_a_message_and_nothing_else() {
    let document = document();
    let mut expected: BTreeSet<String> = EventType::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    expected.extend(["writer-started", "writer-stopped"].map(|name| format!("customer-segment.{name}.v1")));
    let events = events(&document);
    assert_eq!(events.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (kind, message) in events {
        let name = kind.trim_start_matches("customer-segment.");
        assert_eq!(message["payload"]["$ref"], format!("../schemas/events/{name}.json"));
        let told = &message["headers"]["properties"];
        assert_eq!(told["ce_type"]["const"], kind);
        assert_eq!(told["ce_dataschema"]["const"], format!("urn:customer-segment:schema:{name}"));
    }
}

#[test]
fn every_kind_of_reference_data_is_a_message_and_nothing_else() {
    let document = document();
    let mut messages = messages(&document, "reference");
    let removed = messages.remove("removed").expect("a removal is a message");
    assert_eq!(removed["payload"]["type"], "null");
    let expected: BTreeSet<String> = Kind::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(messages.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (name, (key, value)) in reference::goldens() {
        let message = if value.is_null() { &removed } else { &messages[&key.id.kind().to_string()] };
        let pattern = validator(&message["bindings"]["kafka"]["key"]);
        assert!(pattern.is_valid(&json!(key.to_string())), "the key of {name}");
    }
    for (kind, message) in messages {
        assert_eq!(message["payload"]["$ref"], format!("../schemas/reference/{kind}.v1.json"));
    }
}

#[test]
fn golden_records_have_the_headers_and_keys_that_the_document_tells_of() {
    let document = document();
    let events = events(&document);
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, golden) in goldens() {
        let message = &events[golden.headers.get(headers::TYPE).expect("a type")];
        let schema = headers_of(&document, message);
        let pairs: BTreeMap<&str, &str> = golden.headers.iter().collect();
        let errors: Vec<_> = validator(&schema).iter_errors(&json!(pairs)).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
        let kind = message["traits"][0]["$ref"].as_str().expect("a trait").to_owned();
        for header in pairs.keys() {
            assert!(schema["properties"].get(header).is_some(), "{header} of {name} is not told of");
        }
        shown.entry(kind.clone()).or_default().extend(pairs.keys().map(|name| (*name).to_owned()));
        let of_trait = document.pointer(kind.trim_start_matches('#')).expect("the trait is there");
        match &golden.key {
            Some(key) => assert!(validator(&of_trait["bindings"]["kafka"]["key"]).is_valid(&json!(key)), "{name}"),
            None => assert!(of_trait.get("bindings").is_none(), "{name} has no key"),
        }
    }
    for (kind, shown) in shown {
        let told =
            &document.pointer(kind.trim_start_matches('#')).expect("the trait is there")["headers"]["properties"];
        let told: BTreeSet<String> = told.as_object().expect("headers").keys().cloned().collect();
        assert_eq!(told, shown, "no golden record has some header of {kind}");
    }
}

#[test]
fn topics_and_versions_are_those_of_the_program() {
    let document = document();
    let config = KafkaConfig::new("localhost:9092", 6);
    for (channel, topic) in
        [("events", &config.topic), ("locks", &config.lock_topic), ("reference", &config.reference_topic)]
    {
        let channel = &document["channels"][channel];
        assert_eq!((&channel["address"], &channel["bindings"]["kafka"]["topic"]), (&json!(topic), &json!(topic)));
    }
    let state = &document["channels"]["state"]["bindings"]["kafka"];
    assert_eq!(state["partitions"], document["channels"]["events"]["bindings"]["kafka"]["partitions"]);
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let rule = document["channels"]["events"]["description"].as_str().expect("a description");
    assert!(
        rule.contains(&format!("`foldVersion` is above {FOLD_VERSION},")),
        "the rule names the version of the fold"
    );
    let limit = format!("at most {} KiB", MAX_RECORD_BYTES / 1024);
    assert!(document["channels"]["reference"]["description"].as_str().is_some_and(|text| text.contains(&limit)));
}
