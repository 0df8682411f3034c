//! What other systems read: every record in Kafka, understood by the CloudEvents SDK and the published schemas alone.
//!
//! Runs where there is a Kafka anyway: with `STACK=kafka` and `STACK=up-kafka`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use e2e::{
    Shop,
    samples::{golden, golden_without_id, named},
    stack::{Kind, Topics},
};
use serde_json::{Value, json};

const PREFIX: &str = "customer-segment.";

fn folder_of_consumers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("consumers")
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out.into_owned()
}

/// A Python with the packages of `requirements.txt`, made once and kept with the build.
fn python() -> PathBuf {
    let requirements = folder_of_consumers().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).expect("the requirements are there");
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("consumers-venv");
    let (python, installed) = (venv.join("bin/python"), venv.join("installed.txt"));
    if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements));
    std::fs::write(installed, wanted).expect("the venv can be written");
    python
}

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

    let mut reader = Command::new(python());
    reader.arg(folder_of_consumers().join("read_events.py"));
    reader.args(["--brokers", &topics.brokers, "--topic", &topics.events]);
    let lines = run(&mut reader);

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
