//! Rust types, published schemas and golden records say the same.
//!
//! After a change that is meant, `UPDATE_GOLDENS=1 cargo test -p shared --test it schemas` writes the golden records anew;
//! a release copies `events`, `reference`, `samples` and `reference-samples` to `released`.

mod asyncapi;
mod compatibility;
mod reference;
mod samples;
mod state;

use std::{collections::BTreeMap, fs, path::PathBuf};

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use shared::{
    events::{Control, Envelope, Event, EventType, Headers, WriterStamp, headers},
    log::{Acceptance, NewRecord, Partition, Record, Verdict},
};

use samples::Sample;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(name)
}

fn read_json(path: PathBuf) -> Value {
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The schemas of a folder by `$id`.
fn schemas(name: &str) -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder(name)).expect("the folder is there");
    let schemas = files.map(|file| read_json(file.expect("an entry").path()));
    schemas.map(|schema| (schema["$id"].as_str().expect("every schema has an $id").to_owned(), schema)).collect()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).expect("the schema is a schema")
}

/// A golden record as it lies in its file.
fn to_golden(record: &NewRecord) -> Value {
    let headers: Map<String, Value> =
        record.headers.iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    let value: Value = serde_json::from_slice(&record.value).expect("the value is JSON");
    json!({ "key": record.key, "headers": headers, "value": value })
}

fn from_golden(golden: &Value) -> NewRecord {
    let headers = golden["headers"].as_object().expect("headers").iter();
    NewRecord {
        key: golden["key"].as_str().map(str::to_owned),
        headers: headers.map(|(name, text)| (name, text.as_str().expect("a text"))).collect::<Headers>(),
        value: serde_json::to_vec(&golden["value"]).expect("JSON"),
    }
}

fn placed(record: NewRecord, offset: i64) -> Record {
    Record::placed(record, Partition::new(0), offset, shared::Timestamp::from_unix_millis(0))
}

/// The golden records in the order of the log that they make up, each with the place of its file.
fn goldens() -> Vec<(String, NewRecord)> {
    let path = |sample: &Sample| format!("{}.json", sample.name);
    samples::log()
        .iter()
        .map(|sample| (sample.name.clone(), from_golden(&read_json(folder("samples").join(path(sample))))))
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not configuration")]
fn goldens_are_to_be_written() -> bool {
    std::env::var("UPDATE_GOLDENS").is_ok_and(|value| value == "1")
}

#[test]
fn the_encoder_writes_the_golden_records() {
    for sample in samples::log() {
        let path = folder("samples").join(format!("{}.json", sample.name));
        if goldens_are_to_be_written() {
            fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
            let text = serde_json::to_string_pretty(&to_golden(&sample.record)).expect("JSON");
            fs::write(&path, text + "\n").expect("the file can be written");
        }
        assert_eq!(from_golden(&read_json(path)), sample.record, "{}", sample.name);
    }
}

#[test]
fn every_file_among_the_samples_is_one_of_the_golden_records() {
    let mut found = Vec::new();
    for kind in fs::read_dir(folder("samples")).expect("the folder is there") {
        let kind = kind.expect("an entry");
        for file in fs::read_dir(kind.path()).expect("a folder") {
            let file = PathBuf::from(file.expect("an entry").file_name());
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            found.push(format!("{}/{name}", kind.file_name().to_string_lossy()));
        }
    }
    let mut expected: Vec<_> = samples::log().into_iter().map(|sample| sample.name).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn golden_records_survive_being_opened_and_sealed_byte_for_byte() {
    let mut acceptance = Acceptance::new(Partition::new(0), samples::PARTITIONS);
    for (offset, (name, golden)) in (0..).zip(goldens()) {
        let before = acceptance.clone();
        let record = placed(golden.clone(), offset);
        let verdict = acceptance.step(&record);
        let rewritten = match Control::of(&record) {
            Some(Control::Started(started)) => {
                assert_eq!(verdict, Verdict::NewWriter(started.writer_id), "{name}");
                started.to_record(event_id(&golden))
            }
            Some(Control::Stopped(stopped)) => {
                assert_eq!(verdict, Verdict::NoWriter(stopped.writer_id), "{name}");
                stopped.to_record(event_id(&golden))
            }
            Some(Control::Unknown) => panic!("{name} is not understood"),
            None => {
                assert_eq!(verdict, Verdict::Accepted, "{name}");
                let writer_id = before.writer.as_ref().expect("somebody writes").id;
                let stamp = WriterStamp { writer_id, pseq: before.pseq + 1, previous: &before.chain };
                Envelope::open(&record).unwrap_or_else(|error| panic!("{name}: {error}")).seal(stamp)
            }
        };
        assert_eq!(rewritten, golden, "{name}");
    }
}

fn event_id(record: &NewRecord) -> uuid::Uuid {
    record.headers.get(headers::ID).expect("an id").parse().expect("a UUID")
}

#[test]
fn golden_records_are_valid_now_and_for_readers_of_the_last_release() {
    for version in ["events", "released/events"] {
        let schemas = schemas(version);
        for (name, golden) in goldens() {
            let id = golden.headers.get(headers::DATA_SCHEMA).expect("every record names its schema");
            // What was not released yet has no former readers.
            let Some(schema) = schemas.get(id).or_else(|| (version == "events").then(|| panic!("{id} is missing")))
            else {
                continue;
            };
            let value = serde_json::from_slice(&golden.value).expect("JSON");
            let errors: Vec<_> = validator(schema).iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{name} against {version}");
        }
    }
}

#[test]
fn every_kind_of_record_has_a_schema_and_a_golden_record() {
    let mut expected: Vec<_> = EventType::ALL.iter().map(|kind| kind.data_schema()).collect();
    expected
        .extend(["writer-started.v1", "writer-stopped.v1"].map(|name| format!("urn:customer-segment:schema:{name}")));
    expected.sort();
    let schemas = schemas("events");
    assert_eq!(schemas.keys().cloned().collect::<Vec<_>>(), expected);
    for (id, schema) in schemas {
        let name = id.strip_prefix("urn:customer-segment:schema:").expect("our prefix");
        assert_eq!(read_json(folder("events").join(format!("{name}.json"))), schema, "the file is named as its $id");
        assert!(samples::log().iter().any(|sample| sample.name.starts_with(name)), "{name} has a golden record");
        assert!(jsonschema::meta::is_valid(&schema), "{name} is valid JSON Schema");
    }
}

#[test]
fn definitions_of_one_name_are_the_same_in_every_schema() {
    let mut definitions = BTreeMap::new();
    for (id, schema) in schemas("events") {
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            let first = definitions.entry(name.clone()).or_insert_with(|| definition.clone());
            assert_eq!(definition, first, "{name} in {id}");
        }
    }
}

/// Every copy of a value with one member, at any depth, changed by `change`; mixins and texts are the client's.
fn variants(value: &Value, change: &impl Fn(&mut Map<String, Value>, &str)) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    match value {
        Value::Object(members) => {
            for name in members.keys() {
                let mut changed = members.clone();
                change(&mut changed, name);
                found.push((name.clone(), Value::Object(changed)));
            }
            let ours =
                members.iter().filter(|(name, _)| !["mixins", "name", "description", "value"].contains(&name.as_str()));
            for (name, member) in ours {
                found.extend(variants(member, change).into_iter().map(|(path, changed)| {
                    let mut outer = members.clone();
                    outer[name] = changed;
                    (format!("{name}.{path}"), Value::Object(outer))
                }));
            }
        }
        Value::Array(values) => {
            for (index, inner) in values.iter().enumerate() {
                found.extend(variants(inner, change).into_iter().map(|(path, changed)| {
                    let mut outer = values.clone();
                    outer[index] = changed;
                    (format!("{index}.{path}"), Value::Array(outer))
                }));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

/// Whether the Rust types read the value as what the record says it is.
fn is_readable(golden: &NewRecord, value: &Value) -> bool {
    let record = placed(NewRecord { value: value.to_string().into_bytes(), ..golden.clone() }, 0);
    match Control::of(&record) {
        Some(control) => control != Control::Unknown,
        None => Envelope::open(&record).is_ok(),
    }
}

#[test]
fn schemas_and_types_require_the_same_members_and_types() {
    let schemas = schemas("events");
    let mut compared = 0;
    for (name, golden) in goldens() {
        let schema = validator(&schemas[golden.headers.get(headers::DATA_SCHEMA).expect("a schema")]);
        let value: Value = serde_json::from_slice(&golden.value).expect("JSON");
        // An `Option` is read from nothing as from null; the control records are written with their nulls.
        let is_null = |path: &str| ["after", "url"].contains(&path);
        let removed = variants(&value, &|members, member| drop(members.remove(member)));
        let retyped = variants(&value, &|members, member| drop(members.insert(member.to_owned(), json!([[]]))));
        for (path, value) in removed.into_iter().filter(|(path, _)| !is_null(path)).chain(retyped) {
            if path.ends_with("value") {
                continue; // anything is a value of a patch operation, and none is needed to remove
            }
            assert_eq!(schema.is_valid(&value), is_readable(&golden, &value), "{name}: {path} in {value}");
            compared += 1;
        }
    }
    assert!(compared > 200, "only {compared} variants were compared");
}

#[test]
fn readers_do_not_mind_members_that_they_do_not_know() {
    let schemas = schemas("events");
    for (name, golden) in goldens() {
        let schema = validator(&schemas[golden.headers.get(headers::DATA_SCHEMA).expect("a schema")]);
        let value: Value = serde_json::from_slice(&golden.value).expect("JSON");
        for (path, value) in variants(&value, &|members, _| drop(members.insert("fromTheFuture".to_owned(), json!({}))))
        {
            assert!(schema.is_valid(&value) && is_readable(&golden, &value), "{name}: beside {path}");
        }
    }
}

#[test]
fn the_golden_records_show_every_member_that_the_schemas_name() {
    let schemas = schemas("events");
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, golden) in goldens() {
        let id = golden.headers.get(headers::DATA_SCHEMA).expect("a schema");
        let value: Value = serde_json::from_slice(&golden.value).expect("JSON");
        let paths = variants(&value, &|_, _| ()).into_iter().map(|(path, _)| path);
        shown.entry(id.to_owned()).or_default().extend(paths);
    }
    for (id, schema) in schemas {
        for path in compatibility::properties(&schema) {
            assert!(shown[&id].contains(&path), "no golden record of {id} has {path}");
        }
    }
}

/// What was released: the schemas of the events and of the reference data.
fn released() -> BTreeMap<String, Value> {
    let mut released = schemas("released/events");
    released.extend(schemas("released/reference"));
    released
}

#[test]
fn the_schemas_are_compatible_with_the_last_release() {
    let mut present = schemas("events");
    present.extend(schemas("reference"));
    assert_eq!(compatibility::differences(&released(), &present), Vec::<String>::new());
}

#[test]
fn no_member_of_a_released_schema_can_be_removed_renamed_or_required_unnoticed() {
    let released = released();
    let changed = compatibility::incompatible_variants(&released);
    assert!(changed.len() > 150, "only {} changes were tried", changed.len());
    for (change, present) in changed {
        assert_ne!(compatibility::differences(&released, &present), Vec::<String>::new(), "{change}");
    }
}

#[test]
fn released_golden_records_are_kept_as_they_were() {
    let mut kept = 0;
    for samples in ["samples", "reference-samples"] {
        for kind in fs::read_dir(folder("released").join(samples)).expect("the folder is there") {
            for file in fs::read_dir(kind.expect("an entry").path()).expect("a folder") {
                let was = file.expect("an entry").path();
                let is = folder("").join(was.strip_prefix(folder("released")).expect("it lies there"));
                assert_eq!(fs::read(&is).ok(), fs::read(&was).ok(), "{}", is.display());
                kept += 1;
            }
        }
    }
    assert!(kept > 20, "only {kept} records were released");
}

#[test]
fn every_event_is_read_as_the_type_it_was_written_as() {
    for (name, golden) in goldens() {
        let record = placed(golden, 0);
        let Ok(envelope) = Envelope::open(&record) else { continue };
        let kind = envelope.event.event_type();
        assert_eq!(record.headers.get(headers::TYPE), Some(kind.as_str()), "{name}");
        assert_eq!(Event::from_json(kind, &envelope.event.to_json()).ok(), Some(envelope.event), "{name}");
    }
}
