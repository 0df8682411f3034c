//! `segments log verify`: planted damage is found and named, a sound log is sound, and the exit code tells.

use std::{fs, path::PathBuf, sync::Arc};

use command_service::{
    fold::Snapshots,
    writer::{self, Ended, WriterConfig},
};
use shared::{
    SystemClock,
    log::{WriterName, all_granted, local::LocalLog},
};
use uuid::Uuid;

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

/// The log of [`Folder::written`] after a writer that has kept snapshots was there; and the file of its first snapshot.
async fn with_snapshots() -> (Folder, PathBuf) {
    let folder = Folder::written().await;
    let local = folder.path().join("local");
    let log = LocalLog::open(local.join("log.sqlite"), 6, Arc::new(SystemClock)).await.expect("the log");
    let snapshots = Some(Snapshots { folder: local.join("snapshots"), every: 1 });
    let config = WriterConfig { snapshots, ..WriterConfig::new("a", WriterName("a".to_owned())) };
    let started = writer::start(log, || all_granted(6), Arc::new(SystemClock), Box::new(Uuid::now_v7), config).await;
    let (mut handle, ended) = started.expect("the log can be read");
    handle.ready().await;
    handle.shut_down().await;
    assert_eq!(ended.await.expect("no panic"), Ended::ShutDown);
    (folder, local.join("snapshots/partition-0.snapshot"))
}

#[tokio::test]
async fn snapshots_that_are_not_what_the_log_says_are_found() {
    let (folder, file) = with_snapshots().await;
    assert_eq!(folder.json("verify", &[])["sound"], true);
    let sound = fs::read(&file).expect("a snapshot");

    let mut changed = sound.clone();
    changed[40] ^= 1;
    fs::write(&file, &changed).expect("written");
    assert_eq!(kinds(&folder), ["snapshot"], "a changed byte");

    // The last byte before the checksum is the end of the last record's hash, or of what was folded.
    let body = sound.len() - 32;
    changed = sound.clone();
    changed[body - 1] ^= 1;
    let checksum = *blake3::hash(&changed[..body]).as_bytes();
    changed[body..].copy_from_slice(&checksum);
    fs::write(&file, &changed).expect("written");
    assert_eq!(kinds(&folder), ["snapshot"], "another state, with a right checksum");

    let (other, theirs) = with_snapshots().await;
    fs::write(&file, fs::read(theirs).expect("a snapshot")).expect("written");
    let told = folder.log("verify", &[]);
    assert!(told.code == Some(1) && told.out.contains("snapshot of the partition"), "of another log: {told:?}");
    drop(other);

    fs::write(&file, &sound).expect("written");
    assert_eq!(folder.json("verify", &[])["sound"], true);
}
