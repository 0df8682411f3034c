//! A record by itself: its value against the published schema, its headers against its value.

use std::collections::HashMap;

use jsonschema::Validator;
use serde_json::Value;
use shared::{
    events::{Control, Envelope, headers},
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

    /// What is wrong with the value of a record. There is no schema of a type that is not ours.
    pub(super) fn check(&self, record: &Record) -> Option<Damage> {
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
    use std::{collections::BTreeSet, fs};

    use super::*;

    #[test]
    fn every_published_schema_is_part_of_this_program() {
        let folder =
            fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/events")).expect("the folder is there");
        let files: BTreeSet<String> =
            folder.map(|file| file.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        let known = PUBLISHED.iter().map(|(kind, _)| kind.replace("customer-segment.", "") + ".json");
        assert_eq!(known.collect::<BTreeSet<_>>(), files);
        assert_eq!(Schemas::published().0.len(), files.len());
    }
}
