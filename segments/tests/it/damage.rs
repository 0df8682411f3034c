//! `segments log verify`: planted damage is found and named, a sound log is sound, and the exit code tells.

use crate::program::{Folder, run};

/// Kinds of what is found, with exit code 1.
fn kinds(folder: &Folder) -> Vec<String> {
    let told = folder.log("verify", &["--output", "json"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    let shown = told.json()["shown"].as_array().expect("findings").clone();
    shown.iter().map(|finding| finding["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[tokio::test]
async fn a_sound_log_is_sound_and_left_as_it_is() {
    let folder = Folder::written().await;
    let file = folder.path().join("local/log.sqlite");
    let before = std::fs::read(&file).expect("the file");
    let report = folder.json("verify", &[]);
    assert_eq!((&report["sound"], &report["findings"]), (&true.into(), &0.into()));
    assert_eq!((&report["records"], &report["events"]), (&15.into(), &9.into()));
    assert!(folder.log("verify", &[]).out.starts_with("sound: 15 records, 9 events"));
    assert!(std::fs::read(&file).expect("the file") == before, "the file was changed");
}

/// Positions 0 to 5 are announcements; 6, 8, 10, 12 and 13 are about `acme/a`, so they lie in one partition.
#[tokio::test]
async fn every_kind_of_planted_damage_is_found() {
    let swap = "UPDATE record SET position = -1 WHERE position = 8; UPDATE record SET position = 8 WHERE position = 10; \
                UPDATE record SET position = 10 WHERE position = -1";
    let copy =
        "INSERT INTO record SELECT 15, partition, appended_at, key, headers, value FROM record WHERE position = 8";
    for (damage, statement, expected) in [
        ("a missing record", "DELETE FROM record WHERE position = 8", vec!["missing", "missing"]),
        (
            "a changed byte",
            "UPDATE record SET value = replace(value, 'version 2', 'version 3') WHERE position = 8",
            vec!["chain"],
        ),
        ("a swapped pair", swap, vec!["order"]),
        ("a duplicate", copy, vec!["repeated"]),
        ("headers that are none", "UPDATE record SET headers = '[' WHERE position = 14", vec!["file"]),
    ] {
        let folder = Folder::written().await;
        folder.sql(statement);
        assert_eq!(kinds(&folder), expected, "{damage}");
    }
}

#[tokio::test]
async fn a_finding_names_partition_and_offset() {
    let folder = Folder::written().await;
    folder.sql("UPDATE record SET value = replace(value, 'version 2', 'version 3') WHERE position = 8");
    let told = folder.log("verify", &[]);
    assert!(told.out.contains(", offset 8: chain: it does not fit the hash chain"), "{told:?}");
    assert!(told.out.contains("damaged, 1 findings"), "{told:?}");
    for command in ["stats", "export", "writers"] {
        assert_eq!(folder.log(command, &[]).code, Some(1), "{command} says so too");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_apart_from_damage() {
    let folder = Folder::empty();
    assert_eq!(folder.log("verify", &[]).code, Some(2));
    assert_eq!(run(&["verify", "--kafka", "127.0.0.1:1"]).code, Some(2));
    assert_eq!(run(&["verify", "--no-such-argument"]).code, Some(2));
}

#[tokio::test]
async fn a_log_that_another_process_writes_can_be_verified() {
    let folder = Folder::written().await;
    let path = folder.path().join("local/log.sqlite");
    let clock = std::sync::Arc::new(shared::SystemClock);
    let open = shared::log::local::LocalLog::open(path, 6, clock).await.expect("the log");
    assert_eq!(folder.json("verify", &[])["records"], 15);
    drop(open);
}
