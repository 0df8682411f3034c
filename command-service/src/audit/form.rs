//! A record by itself: its value against the published schema, its headers against its value.

use std::collections::HashMap;

use jsonschema::Validator;
use serde_json::Value;
use shared::{
    document::Segment,
    events::{Control, Envelope, Event, headers},
    log::{Record, partition_of},
};

use super::Damage;

macro_rules! schema {
    ($name:literal) => {
        (
            concat!("customer-segment.", $name),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/events/", $name, ".json")),
        )
    };
}

/// The CloudEvents type of each kind of record, and its schema.
const PUBLISHED: [(&str, &str); 10] = [
    schema!("customer-assigned.v1"),
    schema!("customer-unassigned.v1"),
    schema!("item-assigned.v1"),
    schema!("item-unassigned.v1"),
    schema!("segment-created.v1"),
    schema!("segment-deleted.v1"),
    schema!("segment-patched.v1"),
    schema!("segment-replaced.v1"),
    schema!("writer-started.v1"),
    schema!("writer-stopped.v1"),
];

/// The published schemas of all records, compiled.
#[derive(Debug)]
pub struct Schemas(HashMap<&'static str, Validator>);

impl Schemas {
    /// Compiles the schemas that are part of this program.
    ///
    /// # Panics
    /// When one of them is no schema, which a test rules out.
    pub fn published() -> Self {
        let compiled = PUBLISHED.map(|(kind, text)| {
            let schema: Value = serde_json::from_str(text).expect("a schema of ours is JSON");
            let options = jsonschema::options().should_validate_formats(true);
            // Our patterns need nothing that the faster engine lacks.
            let options = options.with_pattern_options(jsonschema::PatternOptions::regex());
            (kind, options.build(&schema).expect("a schema of ours is JSON Schema"))
        });
        Self(HashMap::from(compiled))
    }

    /// What is wrong with the value of a record, of which `event` is what our types read. There is no schema of a type that is
    /// not ours.
    ///
    /// A value that our own encoder would write just so is as its schema says, but for a few bounds. That is found out in a
    /// tenth of the time, and is so for nearly all; a test holds it against the schemas.
    pub(super) fn check(&self, record: &Record, event: Option<&Event>) -> Option<Damage> {
        if event.is_some_and(|event| is_within_bounds(event) && event.is_written_as(&record.value)) {
            return None;
        }
        let schema = self.0.get(record.headers.get(headers::TYPE)?)?;
        let value: Value = match serde_json::from_slice(&record.value) {
            Ok(value) => value,
            Err(error) => return Some(Damage::Schema(error.to_string())),
        };
        if schema.is_valid(&value) {
            return None;
        }
        let error = schema.iter_errors(&value).next()?;
        Some(Damage::Schema(format!("{} at {:?}", error.masked(), error.instance_path().as_str())))
    }
}

/// What the schemas say and our types do not.
fn is_within_bounds(event: &Event) -> bool {
    let segment = |Segment { metadata, name, site_code, .. }: &Segment| {
        metadata.version > 0 && !name.is_empty() && !site_code.is_empty()
    };
    match event {
        Event::SegmentCreated(event) => segment(&event.segment),
        Event::SegmentReplaced(event) => segment(&event.segment) && event.previous_version > 0,
        Event::SegmentPatched(event) => {
            segment(&event.segment) && event.previous_version > 0 && !event.patch.is_empty()
        }
        Event::SegmentDeleted(event) => event.last_version > 0,
        Event::ItemAssigned(event) => event.metadata.version > 0,
        Event::ItemUnassigned(event) => event.last_version > 0,
        Event::CustomerAssigned(event) => event.metadata.version > 0,
        Event::CustomerUnassigned(event) => event.last_version > 0,
    }
}

/// The headers that every record has, whatever it says.
pub(super) fn check_headers(record: &Record) -> Option<Damage> {
    let is = |name, expected: &str| record.headers.get(name) == Some(expected);
    let kind = record.headers.get(headers::TYPE).and_then(|kind| kind.strip_prefix("customer-segment."));
    let schema =
        record.headers.get(headers::DATA_SCHEMA).and_then(|urn| urn.strip_prefix("urn:customer-segment:schema:"));
    [
        (headers::SPEC_VERSION, is(headers::SPEC_VERSION, "1.0")),
        (headers::CONTENT_TYPE, is(headers::CONTENT_TYPE, "application/json")),
        (headers::TYPE, kind.is_some()),
        (headers::DATA_SCHEMA, schema == kind),
    ]
    .into_iter()
    .find_map(|(name, is_right)| (!is_right).then_some(Damage::Header(name)))
}

/// A control record says in its headers what its value says. It is in no chain, so this is all that can be known of it.
pub(super) fn check_control(record: &Record, control: &Control) -> Option<Damage> {
    let (writer_id, time) = match control {
        Control::Started(started) => (started.writer_id, started.started_at),
        Control::Stopped(stopped) => (stopped.writer_id, stopped.stopped_at),
        Control::Unknown => return None,
    };
    let says = |name, expected: String| record.headers.get(name) == Some(expected.as_str());
    if !says(headers::WRITER_ID, writer_id.to_string()) {
        return Some(Damage::Header(headers::WRITER_ID));
    }
    (!says(headers::TIME, time.to_string())).then_some(Damage::Header(headers::TIME))
}

/// An event lies where its key belongs, and its headers say what its value says.
pub(super) fn check_event(record: &Record, envelope: &Envelope, partitions: u16) -> Option<Damage> {
    let key = envelope.key();
    let belongs = partition_of(&key, partitions);
    if belongs != record.partition {
        return Some(Damage::ForeignKey(belongs));
    }
    let text = key.to_string();
    if record.key.as_deref() != Some(&text) || record.headers.get(headers::PARTITION_KEY) != Some(&text) {
        return Some(Damage::Header(headers::PARTITION_KEY));
    }
    if record.headers.get(headers::SUBJECT) != Some(key.id.as_str()) {
        return Some(Damage::Header(headers::SUBJECT));
    }
    let source = record.headers.get(headers::SOURCE).and_then(|source| source.strip_prefix("/customer-segment/"));
    (source != Some(key.tenant.as_str())).then_some(Damage::Header(headers::SOURCE))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use serde_json::json;
    use shared::events::EventType;

    use super::*;

    fn schemas(folder: &str) -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(folder);
        let entries = fs::read_dir(folder).expect("the folder is there");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    #[test]
    fn every_published_schema_is_part_of_this_program() {
        let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
        let files: BTreeSet<String> = schemas("events").iter().map(name).collect();
        let known = PUBLISHED.iter().map(|(kind, _)| kind.replace("customer-segment.", "") + ".json");
        assert_eq!(known.collect::<BTreeSet<_>>(), files);
        assert_eq!(Schemas::published().0.len(), files.len());
    }

    /// Copies of a value in each of which one member, at any depth, is another one or gone.
    fn variants(value: &Value) -> Vec<Value> {
        let others =
            [json!(null), json!(0), json!(-1), json!(1.5), json!(true), json!(""), json!("x"), json!([]), json!({})];
        let others = others.into_iter().chain(["ACTIVE", "2026-01-01T00:00:00Z", "PRODUCT"].map(Value::from));
        let others = others.chain([json!("x".repeat(256)), json!({ "en": 1 }), json!({ "en": "x" })]);
        let mut found = Vec::new();
        if let Value::Object(members) = value {
            for (name, member) in members {
                let mut without = members.clone();
                without.remove(name);
                found.push(Value::Object(without));
                for other in others.clone().chain(variants(member)) {
                    let mut changed = members.clone();
                    changed.insert(name.clone(), other);
                    found.push(Value::Object(changed));
                }
            }
        }
        found
    }

    #[test]
    fn what_passes_at_first_sight_is_what_its_schema_says() {
        let schemas_of = Schemas::published();
        let (mut passed, mut refused) = (0, 0);
        for file in schemas("samples").iter().flat_map(|folder| fs::read_dir(folder).expect("a folder")) {
            let golden = fs::read_to_string(file.expect("an entry").path()).expect("a golden record");
            let golden: Value = serde_json::from_str(&golden).expect("JSON");
            let Some(kind) = golden["headers"][headers::TYPE].as_str().and_then(EventType::parse) else { continue };
            for value in [golden["value"].clone()].into_iter().chain(variants(&golden["value"])) {
                let json = serde_json::to_vec(&value).expect("JSON");
                let event = Event::from_json(kind, &json).ok();
                if event.is_some_and(|event| is_within_bounds(&event) && event.is_written_as(&json)) {
                    passed += 1;
                    assert!(schemas_of.0[kind.as_str()].is_valid(&value), "{value}");
                } else {
                    refused += 1;
                }
            }
        }
        assert!(passed > 100 && refused > 100, "{passed} passed, {refused} refused");
    }
}
