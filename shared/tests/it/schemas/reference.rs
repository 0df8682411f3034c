//! Reference data: types, schemas and golden records say the same. These records are written by other systems too, so the
//! golden ones are written by hand.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use shared::{
    log::Partition,
    reference::{Change, Key, Kind, MAX_TEXT_CHARS, Record},
};

use super::{compatibility, folder, read_json, schemas, validator, variants};

/// The golden records by the name of their file, `<kind>.v1/<number>`.
pub fn goldens() -> BTreeMap<String, (Key, Value)> {
    let entries = |path| fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = entries(folder("reference-samples")).flat_map(entries);
    let read = files.map(|file| {
        let golden = read_json(file.clone());
        let key = Key::parse(golden["key"].as_str().expect("a key")).expect("a golden key is one");
        let kind = file.parent().and_then(|kind| kind.file_name()).expect("a folder").to_string_lossy().into_owned();
        let number = file.file_stem().expect("a name").to_string_lossy().into_owned();
        assert_eq!(kind, format!("{}.v1", key.id.kind()), "{number} lies with its kind");
        (format!("{kind}/{number}"), (key, golden["value"].clone()))
    });
    read.collect()
}

fn schema_of(kind: Kind) -> Value {
    schemas("reference").remove(&format!("urn:customer-segment:reference:{kind}.v1")).expect("every kind has a schema")
}

fn record(key: &Key, value: &Value) -> Record {
    let value = (!value.is_null()).then(|| serde_json::to_vec(value).expect("JSON"));
    Record { partition: Partition::new(0), offset: 0, key: Some(key.to_string()), value }
}

#[test]
fn every_kind_has_a_schema_and_golden_records() {
    let mut expected = Kind::ALL.map(|kind| format!("urn:customer-segment:reference:{kind}.v1"));
    expected.sort();
    let schemas = schemas("reference");
    assert_eq!(schemas.keys().cloned().collect::<Vec<_>>(), expected);
    for kind in Kind::ALL {
        assert_eq!(read_json(folder("reference").join(format!("{kind}.v1.json"))), schema_of(kind), "the file's name");
        assert!(goldens().values().any(|(key, _)| key.id.kind() == kind), "{kind} has a golden record");
        assert!(jsonschema::meta::is_valid(&schema_of(kind)), "{kind} is valid JSON Schema");
    }
    assert!(goldens().values().any(|(_, value)| value.is_null()), "a removal is shown");
}

#[test]
fn golden_records_survive_being_opened_and_written_byte_for_byte() {
    for (name, (key, value)) in goldens() {
        let golden = record(&key, &value);
        let change = golden.open().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((change.key(), change.value()), (key, golden.value), "{name}");
        assert_eq!(matches!(change, Change::Delete(_)), value.is_null(), "{name}");
    }
}

#[test]
fn golden_records_are_valid_now_and_for_readers_of_the_last_release() {
    let released = schemas("released/reference");
    for (name, (key, value)) in goldens().into_iter().filter(|(_, (_, value))| !value.is_null()) {
        let present = schema_of(key.id.kind());
        let former = present["$id"].as_str().and_then(|id| released.get(id));
        for schema in [Some(&present), former].into_iter().flatten() {
            let errors: Vec<_> = validator(schema).iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn schemas_and_types_require_the_same_members_and_types() {
    let mut compared = 0;
    for (name, (key, value)) in goldens() {
        let schema = validator(&schema_of(key.id.kind()));
        let removed = variants(&value, &|members, member| drop(members.remove(member)));
        let retyped = variants(&value, &|members, member| drop(members.insert(member.to_owned(), json!([[]]))));
        for (path, value) in removed.into_iter().chain(retyped) {
            let is_readable = record(&key, &value).open().is_ok();
            assert_eq!(schema.is_valid(&value), is_readable, "{name}: {path} in {value}");
            compared += 1;
        }
    }
    assert!(compared > 40, "only {compared} variants were compared");
}

#[test]
fn schemas_and_types_have_the_same_limits() {
    let entry = |code: &str, position: i64| json!({ "id": "c-1", "code": code, "position": position });
    let key = Key::parse("acme/category/c-1").expect("a key");
    let (longest, longer) = ("ü".repeat(MAX_TEXT_CHARS), "ü".repeat(MAX_TEXT_CHARS + 1));
    for (case, value, is_good) in [
        ("the longest text", entry(&longest, 0), true),
        ("a longer one", entry(&longer, 0), false),
        ("the last position", entry("", i64::from(i32::MAX)), true),
        ("one behind it", entry("", i64::from(i32::MAX) + 1), false),
        ("the first position", entry("", i64::from(i32::MIN)), true),
        ("one before it", entry("", i64::from(i32::MIN) - 1), false),
    ] {
        let schema = validator(&schema_of(Kind::Category));
        assert_eq!((schema.is_valid(&value), record(&key, &value).open().is_ok()), (is_good, is_good), "{case}");
    }
}

#[test]
fn readers_do_not_mind_members_that_they_do_not_know() {
    for (name, (key, mut value)) in goldens().into_iter().filter(|(_, (_, value))| !value.is_null()) {
        value["fromTheFuture"] = json!({});
        assert!(validator(&schema_of(key.id.kind())).is_valid(&value) && record(&key, &value).open().is_ok(), "{name}");
    }
}

#[test]
fn the_golden_records_show_every_member_that_the_schemas_name() {
    for kind in Kind::ALL {
        let of_kind = goldens().into_values().filter(|(key, _)| key.id.kind() == kind);
        let shown: Vec<String> =
            of_kind.flat_map(|(_, value)| variants(&value, &|_, _| ())).map(|(path, _)| path).collect();
        for path in compatibility::properties(&schema_of(kind)) {
            assert!(shown.contains(&path), "no golden record of {kind} has {path}");
        }
    }
}
