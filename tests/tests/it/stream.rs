//! What other systems read: every record in Kafka, understood by the CloudEvents SDK and the published schemas alone.
//!
//! Runs where there is a Kafka anyway: with `STACK=kafka` and `STACK=up-kafka`.

use std::{collections::BTreeMap, path::Path, process::Command};

use e2e::{
    Shop, python,
    samples::{golden, golden_without_id, named},
    stack::{Kind, Topics},
};
use serde_json::{Value, json};

const PREFIX: &str = "customer-segment.";

/// One write of each kind, and some that write nothing. Gives the number of facts of each type.
async fn write_every_kind(shop: &Shop) -> BTreeMap<String, usize> {
    shop.create(golden()).await;
    shop.put("/g1", &golden_without_id()).await.empty(204);
    shop.patch("/g1", &json!([{ "op": "add", "path": "/name/de", "value": "Größe" }])).await.empty(204);
    shop.patch("/g1", &json!([])).await.empty(204);
    shop.assign("g1", "PRODUCT", "p1").await;
    shop.assign("g1", "CATEGORY", "c1").await;
    shop.delete("/g1/items/PRODUCT/p1").await.empty(204);
    shop.delete("/g1").await.error(400);
    shop.delete("/g1?forceDelete=true").await.empty(204);
    let many: Vec<Value> = (0..100).map(|number| named(&format!("größe {number}"))).collect();
    shop.create_all(&many).await;
    [
        ("segment-created", 101),
        ("segment-replaced", 1),
        ("segment-patched", 1),
        ("segment-deleted", 1),
        ("item-assigned", 2),
        ("item-unassigned", 1),
    ]
    .into_iter()
    .map(|(name, count)| (format!("{PREFIX}{name}.v1"), count))
    .collect()
}

#[tokio::test]
async fn a_stranger_understands_every_record() {
    if Kind::of_this_run() == Kind::Embedded {
        return;
    }
    let topics = Topics::create().await.expect("this stack has a Kafka");
    let (service, origin) = topics.command_service("command-service-stream").await;
    let shop = Shop::at(&origin);
    let expected = write_every_kind(&shop).await;
    // Ended in order, so that its last words are in the log too.
    drop(service);

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("consumers");
    let mut reader = Command::new(python::with(&folder.join("requirements.txt")));
    reader.arg(folder.join("read_events.py")).args(["--brokers", &topics.brokers, "--topic", &topics.events]);
    let lines = python::output_of(&mut reader);

    let mut types = BTreeMap::<String, usize>::new();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("a line is JSON");
        let kind = record["attributes"]["type"].as_str().expect("every record has a type");
        *types.entry(kind.to_owned()).or_default() += 1;
        if !kind.starts_with("customer-segment.writer-") {
            assert_eq!(record["attributes"]["tenant"], shop.tenant);
        }
    }
    let controls: Vec<String> = types.keys().filter(|kind| kind.contains(".writer-")).cloned().collect();
    assert_eq!(controls, ["customer-segment.writer-started.v1", "customer-segment.writer-stopped.v1"]);
    let counts: Vec<usize> = controls.iter().filter_map(|kind| types.remove(kind)).collect();
    assert_eq!(counts, [6, 6], "the writer came and went once in each partition");
    assert_eq!(types, expected);
}
