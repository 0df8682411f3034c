//! The golden records of `schemas/samples` are a log that folds: whatever was once written can be read and decided upon.

use std::{collections::BTreeMap, fs, path::Path};

use command_service::domain::{Effect, Model};
use serde_json::Value;
use shared::{
    events::{Control, Envelope, Event, Headers},
    log::{NewRecord, Partition, Record},
};

/// The events among the golden records, by their number in the partition.
fn golden_events() -> BTreeMap<u64, Envelope> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/samples");
    let entries = |folder: &Path| fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = entries(&samples).flat_map(|kind| entries(&kind).collect::<Vec<_>>());
    let records = files.map(|file| record(&fs::read_to_string(file).expect("a file")));
    let events = records.filter(|record| Control::of(record).is_none());
    let numbered = events.map(|record| {
        let pseq = record.headers.get("ce_pseq").and_then(|pseq| pseq.parse().ok()).expect("a number");
        (pseq, Envelope::open(&record).expect("a golden record is readable"))
    });
    numbered.collect()
}

fn record(golden: &str) -> Record {
    let golden: Value = serde_json::from_str(golden).expect("JSON");
    let headers = golden["headers"].as_object().expect("headers").iter();
    let headers = headers.map(|(name, text)| (name, text.as_str().expect("a text"))).collect::<Headers>();
    let key = golden["key"].as_str().map(str::to_owned);
    let value = serde_json::to_vec(&golden["value"]).expect("JSON");
    Record::placed(NewRecord { key, headers, value }, Partition::new(0), 0, shared::Timestamp::from_unix_millis(0))
}

#[test]
fn the_golden_records_fold() {
    let mut model = Model::default();
    let mut most = 0;
    for (pseq, envelope) in golden_events() {
        let receipt = model.apply(&envelope).unwrap_or_else(|error| panic!("{pseq}: {error}"));
        assert_eq!(receipt.etag.is_none(), receipt.effect == Effect::Removed, "{pseq}");
        most = most.max(model.segment_count() + model.assignment_count());
    }
    assert_eq!((most, model), (4, Model::default()), "two segments, two assignments; all deleted at the end");
}

#[test]
fn golden_patches_lead_from_the_document_before_to_the_one_after() {
    let mut model = Model::default();
    let mut patches = 0;
    for envelope in golden_events().into_values() {
        if let Event::SegmentPatched(event) = &envelope.event {
            let key = envelope.key();
            let before = model.segments().find(|(held, _, _)| **held == key).expect("the segment is there").1;
            let mut document = serde_json::to_value(before).expect("JSON");
            let operations: json_patch::Patch =
                serde_json::from_value(serde_json::to_value(&event.patch).expect("JSON")).expect("RFC 6902");
            json_patch::patch(&mut document, &operations).expect("the operations apply");
            let after = serde_json::to_value(&event.segment).expect("JSON");
            for member in ["version", "modifiedAt"] {
                document["metadata"][member] = after["metadata"][member].clone();
            }
            assert_eq!(document, after);
            patches += 1;
        }
        model.apply(&envelope).expect("the events fold");
    }
    assert!(patches > 0);
}
