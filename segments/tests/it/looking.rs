//! What the commands tell of a sound log.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use serde_json::{Value, json};

use crate::{
    history::at,
    program::{Folder, command},
};

#[tokio::test]
async fn stats_count_by_type_tenant_and_partition() {
    let stats = Folder::written().await.json("stats", &[]);
    assert_eq!(stats["records"], 15);
    assert_eq!(stats["byType"]["customer-segment.segment-created.v1"]["records"], 4);
    assert_eq!((&stats["byTenant"]["acme"]["records"], &stats["byTenant"]["other"]["records"]), (&8.into(), &1.into()));
    let partitions: u64 = stats["byPartition"]
        .as_object()
        .expect("partitions")
        .values()
        .filter_map(|span| span["records"].as_u64())
        .sum();
    assert_eq!((partitions, &stats["lastTime"]), (15, &json!(at(8))));
    assert!(stats["bytes"].as_u64() > Some(1000));
}

#[tokio::test]
async fn export_writes_cloud_events_of_a_range() {
    let folder = Folder::written().await;
    let all = folder.log("export", &[]).lines();
    assert_eq!(all.len(), 9, "control records are no events");
    assert_eq!(
        (&all[0]["specversion"], &all[0]["subject"], &all[0]["data"]["segment"]["id"]),
        (&json!("1.0"), &json!("a"), &json!("a"))
    );
    let (from, to) = (at(2).to_string(), at(5).to_string());
    for (arguments, expected) in [
        (vec!["--from", &from, "--to", &to], 3),
        (vec!["--from", "8", "--to", "11"], 3),
        (vec!["--tenant", "other"], 1),
        (vec!["--tenant", "acme", "--segment", "a"], 5),
        (vec!["--type", "segment-created,segment-deleted"], 5),
        (vec!["--tenant", "nobody"], 0),
    ] {
        assert_eq!(folder.log("export", &arguments).lines().len(), expected, "{arguments:?}");
    }
    for event in folder.log("export", &["--type", "item-assigned"]).lines() {
        assert_eq!(event["type"], "customer-segment.item-assigned.v1");
    }
}

#[tokio::test]
async fn a_segment_is_told_as_it_was() {
    let folder = Folder::written().await;
    let state = |segment: &str, at: &str| folder.json("state", &["--segment", segment, "--at", at]);
    let after = |number| at(number).to_string();
    for (when, version, items) in
        [(after(0), 1, 0), (after(3), 2, 0), (after(4), 2, 1), (after(100), 3, 2), ("8".to_owned(), 2, 0)]
    {
        let state = state("a", &when);
        assert_eq!((&state["version"], &state["items"]), (&version.into(), &items.into()), "{when}");
        assert_eq!(state["segment"]["name"]["en"], format!("a, version {version}"), "{when}");
    }
    for (segment, when, exists) in
        [("b", after(4), true), ("b", after(5), false), ("c", after(7), false), ("never", after(9), false)]
    {
        assert_eq!(state(segment, &when)["exists"], exists, "{segment} at {when}");
    }
    let other = folder.json("state", &["--tenant", "other", "--segment", "a", "--at", &after(9)]);
    assert_eq!(other["version"], 1);
}

#[tokio::test]
async fn a_difference_is_a_patch_of_a_segment_and_lists_of_a_tenant() {
    let folder = Folder::written().await;
    let (first, last) = (at(3).to_string(), at(9).to_string());
    let of_segment = folder.json("diff", &["--segment", "a", "--at", &first, "--at", &last]);
    assert_eq!((&of_segment["fromVersion"], &of_segment["toVersion"]), (&2.into(), &3.into()));
    let name = json!({ "op": "replace", "path": "/name/en", "value": "a, version 3" });
    assert!(of_segment["patch"].as_array().expect("a patch").contains(&name), "{of_segment}");
    let of_tenant = folder.json("diff", &["--at", &first, "--at", &last]);
    assert_eq!(of_tenant["created"], json!([{ "id": "c", "version": 1 }]));
    assert_eq!(of_tenant["deleted"], json!([{ "id": "b", "version": 1 }]));
    let changed = json!([{ "id": "a", "fromVersion": 2, "toVersion": 3, "recreated": false, "assignmentEvents": 2 }]);
    assert_eq!(of_tenant["changed"], changed);
    let back = folder.json("diff", &["--at", &last, "--at", &first]);
    assert_eq!((&back["created"], &back["deleted"]), (&of_tenant["deleted"], &of_tenant["created"]));
    assert_eq!(folder.log("diff", &["--at", &first]).code, Some(2), "one moment is no difference");
}

#[tokio::test]
async fn writers_are_told_with_what_they_wrote() {
    let told = Folder::written().await.log("writers", &["--output", "json"]).lines();
    assert_eq!(told.len(), 6, "one a partition");
    let events: u64 = told.iter().filter_map(|span| span["events"].as_u64()).sum();
    assert_eq!((events, &told[0]["end"], &told[0]["instance"]), (9, &json!("open"), &json!("first")));
}

/// Ends with the test, whatever becomes of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn tail_shows_what_was_and_what_comes() {
    let folder = Folder::written().await;
    let arguments =
        ["tail", "--data-dir", folder.text(), "--from", "0", "--type", "segment-created", "--output", "json"];
    let mut running = Running(command(&arguments).stdout(Stdio::piped()).spawn().expect("the program starts"));
    let mut lines = BufReader::new(running.0.stdout.take().expect("a pipe")).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON") };
    let subjects: Vec<_> = (0..4).map(|_| next()["subject"].clone()).collect();
    assert_eq!(subjects, ["a", "b", "a", "c"]);
    crate::history::go_on(folder.path()).await;
    assert_eq!(next()["subject"], "d");
}
