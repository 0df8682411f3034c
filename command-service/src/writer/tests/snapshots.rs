//! Starts from snapshots: whatever is wrong with one, the state is the same in the end.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::{
    fold::{Snapshot, Snapshots},
    writer::boot::{Replayed, replay},
};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn snapshots(&self) -> Snapshots {
        Snapshots { folder: self.0.path().to_owned(), every: 1 }
    }

    fn files(&self) -> Vec<PathBuf> {
        (0..PARTITIONS).map(|number| self.0.path().join(format!("partition-{number}.snapshot"))).collect()
    }

    fn change(&self, change: impl Fn(&mut Vec<u8>)) {
        for file in self.files() {
            let mut bytes = fs::read(&file).expect("a snapshot");
            change(&mut bytes);
            fs::write(&file, bytes).expect("the folder can be written");
        }
    }
}

/// So many segments more, every second one with a key.
async fn written(log: &MemLog, range: std::ops::Range<usize>) {
    let (writer, ended) = serving(log).await;
    for number in range {
        let request = create(&format!("s{number}"), "x");
        let request = if number % 2 == 0 { keyed(request, &format!("k{number}")) } else { request };
        assert!(is_created(&writer.submit(request).await));
    }
    writer.shut_down().await;
    ended.await.expect("no panic");
}

/// The hash of each partition's state after a start, and whether it came from a snapshot.
async fn started(log: &MemLog, snapshots: Option<&Snapshots>) -> (Vec<[u8; 32]>, Vec<bool>) {
    let replayed = replay(log, snapshots).await.expect("the log is readable");
    let hash = |Replayed { fold, is_restored, .. }| (Snapshot { fold, last: None }.view().checksum(), is_restored);
    replayed.into_iter().map(hash).unzip()
}

#[tokio::test(start_paused = true)]
async fn a_start_ends_in_the_same_state_from_a_good_snapshot_a_bad_one_and_none() {
    type Change = fn(&mut Vec<u8>);
    let signed: Change = |bytes| {
        // Another fold version: the first byte of the first frame.
        bytes[24] += 1;
        let body = bytes.len() - 32;
        let checksum = *blake3::hash(&bytes[..body]).as_bytes();
        bytes[body..].copy_from_slice(&checksum);
    };
    let changes: [(&str, Change, bool); 6] = [
        ("good", |_| {}, true),
        ("head", |bytes| bytes[3] ^= 1, false),
        ("body", |bytes| *bytes.last_chunk_mut::<60>().expect("long enough").first_mut().expect("a byte") ^= 1, false),
        ("checksum", |bytes| *bytes.last_mut().expect("a byte") ^= 1, false),
        ("cut off", |bytes| bytes.truncate(bytes.len() / 2), false),
        ("other version", signed, false),
    ];
    for (case, change, is_used) in changes {
        let (log, folder) = (log(), Folder::new());
        written(&log, 0..20).await;
        assert_eq!(started(&log, Some(&folder.snapshots())).await.1, [false, false], "{case}");
        written(&log, 20..40).await;
        let (expected, _) = started(&log, None).await;
        folder.change(change);
        assert_eq!(started(&log, Some(&folder.snapshots())).await, (expected, vec![is_used; 2]), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_another_log_is_not_used_even_if_it_is_as_long() {
    let (log, other, folder) = (log(), super::log(), Folder::new());
    written(&log, 0..20).await;
    written(&other, 0..20).await;
    started(&other, Some(&folder.snapshots())).await;
    let (expected, _) = started(&log, None).await;
    assert_eq!(started(&log, Some(&folder.snapshots())).await, (expected, vec![false, false]));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_more_than_the_log_has_is_not_used() {
    let (log, folder) = (log(), Folder::new());
    written(&log, 0..20).await;
    started(&log, Some(&folder.snapshots())).await;
    let empty = super::log();
    let (expected, _) = started(&empty, None).await;
    assert_eq!(started(&empty, Some(&folder.snapshots())).await, (expected, vec![false, false]));
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_renewed_while_the_writer_runs_and_answers_are_remembered_across_a_start() {
    let (log, folder) = (log(), Folder::new());
    let with_snapshots = || WriterConfig { snapshots: Some(folder.snapshots()), ..config("a") };
    let (mut writer, ended) = start_with(&log, with_snapshots(), all_granted(PARTITIONS)).await;
    writer.ready().await;
    let mut sizes = Vec::new();
    for round in 0..3 {
        let ids: Vec<_> = (0..PARTITIONS).map(|partition| id_in(partition, round)).collect();
        for id in ids {
            assert!(is_created(&writer.submit(keyed(create(&id, "x"), &id)).await));
        }
        tokio::time::sleep(Duration::from_secs(11)).await;
        sizes.push(folder.files().iter().map(|file| fs::metadata(file).expect("a snapshot").len()).sum::<u64>());
    }
    assert!(sizes.is_sorted_by(|before, after| before < after), "{sizes:?}");
    ended.abort();
    let (mut writer, _) = start_with(&log, with_snapshots(), all_granted(PARTITIONS)).await;
    writer.ready().await;
    let again = writer.submit(keyed(create(&id_in(0, 0), "x"), &id_in(0, 0))).await;
    assert!(matches!(&again, Ok(Answer { replayed: true, .. })), "{again:?}");
    let (expected, _) = started(&log, None).await;
    assert_eq!(started(&log, Some(&folder.snapshots())).await, (expected, vec![true, true]));
}
