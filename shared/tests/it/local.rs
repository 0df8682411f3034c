//! The log in a file: the contract, and what a file can suffer.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use shared::{
    SystemClock,
    log::{EventLog, LogError, NewRecord, local::LocalLog},
};
use tempfile::TempDir;

use crate::{
    contract::Site,
    records::{P0, P1, P2, PARTITIONS, from_the_start, name, record, take, texts},
};

struct Folder(TempDir);

impl Site for Folder {
    type Log = LocalLog;

    async fn fresh() -> Option<(Self, LocalLog)> {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path()).await.expect("a log");
        Some((Self(folder), log))
    }

    async fn again(&self, log: LocalLog) -> LocalLog {
        let id = log.id();
        drop(log);
        let log = open(self.0.path()).await.expect("the log");
        assert_eq!(log.id(), id);
        log
    }
}

contract!(Folder);

/// Opens the log of a test in this folder.
pub async fn open(folder: &Path) -> Result<LocalLog, LogError> {
    LocalLog::open(file(folder), PARTITIONS, Arc::new(SystemClock)).await
}

fn file(folder: &Path) -> PathBuf {
    folder.join("some/where/events.db")
}

async fn append(log: &LocalLog, batch: Vec<NewRecord>) {
    let mut writer = log.open_writer(&name("a")).await.expect("a writer");
    let batch = batch.into_iter().zip([P0, P1, P2].into_iter().cycle()).map(|(record, partition)| (partition, record));
    log.append(&mut writer, batch.collect()).await.expect("an append");
}

#[tokio::test]
async fn a_partition_that_was_quiet_for_long_is_read_from_where_it_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path()).await.expect("a log");
    append(&log, ["0", "1", "2"].map(record).into()).await;
    let mut writer = log.open_writer(&name("a")).await.expect("a writer");
    let many = (3..2000).map(|number| (P1, record(&number.to_string()))).collect();
    log.append(&mut writer, many).await.expect("an append");
    drop((writer, log));
    // Nothing of it is in memory any more.
    let log = open(folder.path()).await.expect("a log");
    let mut tail = log.tail(vec![(P0, 1), (P1, 1999), (P2, 3)]);
    assert_eq!(texts(&take(&mut tail, 1).await), ["1999"]);
    let mut nothing = log.tail(vec![(P0, 1), (P2, 3)]);
    append(&log, vec![record("new")]).await;
    assert_eq!(texts(&take(&mut tail, 1).await), ["new"]);
    assert_eq!(texts(&take(&mut nothing, 1).await), ["new"]);
}

/// A closed log of 3,000 records, about 2 MB.
async fn filled() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path()).await.expect("a log");
    append(&log, (0..3000).map(padded).collect()).await;
    folder
}

fn padded(number: usize) -> NewRecord {
    NewRecord { value: vec![b' '; 500], ..record(&number.to_string()) }
}

async fn damage(folder: &Path) -> String {
    match open(folder).await {
        Err(LogError::Damaged(reason)) => reason,
        other => panic!("the damage should be seen, but: {other:?}"),
    }
}

#[tokio::test]
async fn a_second_opener_is_refused_by_the_name_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path()).await.expect("a log");
    let refused = open(folder.path()).await.expect_err("it is open already").to_string();
    assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
    drop(log);
    open(folder.path()).await.expect("it is free now");
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_called_damaged() {
    let folder = filled().await;
    let length = fs::metadata(file(folder.path())).expect("the file").len();
    for rest in [length - 4096, length / 2, 10_000, 100, 5] {
        OpenOptions::new().write(true).open(file(folder.path())).expect("the file").set_len(rest).expect("a cut");
        let reason = damage(folder.path()).await;
        assert!(reason.contains("events.db"), "{rest} bytes: {reason}");
    }
}

#[tokio::test]
async fn pages_that_were_overwritten_are_called_damaged_when_they_are_read() {
    let folder = filled().await;
    let mut bytes = fs::read(file(folder.path())).expect("the file");
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0);
    fs::write(file(folder.path()), bytes).expect("the file");
    // Either the opening or the reading comes across it.
    let Ok(log) = open(folder.path()).await else { return };
    let mut tail = log.tail(from_the_start());
    let error = loop {
        if let Err(error) = futures::StreamExt::next(&mut tail).await.expect("no end before the damage") {
            break error;
        }
    };
    assert!(matches!(error, LogError::Damaged(_)), "{error}");
}

#[tokio::test]
async fn files_of_others_are_called_foreign_and_left_alone() {
    let changes: [(&str, &str); 6] = [
        ("another program", "PRAGMA application_id = 1"),
        ("format 2", "PRAGMA user_version = 2"),
        ("record is missing", "ALTER TABLE record RENAME TO records"),
        ("9 partitions", "UPDATE meta SET value = '9' WHERE name = 'partitions'"),
        ("2999 records where 3000", "DELETE FROM record WHERE position = 1000"),
        ("log_id", "DELETE FROM meta WHERE name = 'log_id'"),
    ];
    for (expected, sql) in changes {
        let folder = filled().await;
        let other = rusqlite::Connection::open(file(folder.path())).expect("the file");
        other.execute_batch(sql).expect("a change");
        drop(other);
        let reason = damage(folder.path()).await;
        assert!(reason.contains(expected), "{sql}: {reason}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(file(folder.path()).parent().expect("a parent")).expect("a folder");
    fs::write(file(folder.path()), "Dear diary, today was fine.").expect("a file");
    assert!(damage(folder.path()).await.contains("not an SQLite file"));
    assert_eq!(fs::read_to_string(file(folder.path())).expect("the file"), "Dear diary, today was fine.");
}

#[tokio::test]
async fn after_a_power_failure_all_pages_are_checked() {
    let folder = filled().await;
    let mut bytes = fs::read(file(folder.path())).expect("the file");
    let page = bytes.len() / 4096 - 20;
    bytes[page * 4096..(page + 1) * 4096].fill(0);
    fs::write(file(folder.path()), bytes).expect("the file");
    let lock = file(folder.path()).with_added_extension("lock");
    fs::write(&lock, "17 the-boot-before\n").expect("a lock file");
    for _ in 0..2 {
        damage(folder.path()).await;
        assert!(fs::read_to_string(&lock).expect("the lock file").ends_with(" the-boot-before\n"), "not forgotten");
    }
    let folder = filled().await;
    let lock = file(folder.path()).with_added_extension("lock");
    fs::write(&lock, "17 the-boot-before\n").expect("a lock file");
    let log = open(folder.path()).await.expect("it is whole");
    assert!(!fs::read_to_string(&lock).expect("the lock file").contains("the-boot-before"));
    drop(log);
    assert_eq!(fs::read_to_string(&lock).expect("the lock file"), "");
}

#[tokio::test]
async fn a_reader_that_falls_behind_reads_the_file_and_catches_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path()).await.expect("a log");
    let mut tails = [log.tail(from_the_start()), log.tail(from_the_start())];
    let mut of_one = log.tail(vec![(P1, 0)]);
    append(&log, vec![record("0"), record("1")]).await;
    assert_eq!(texts(&take(&mut tails[0], 2).await), ["0", "1"]);
    // More than is kept in memory.
    for _ in 0..10 {
        append(&log, (0..3000).map(padded).collect()).await;
    }
    for (tail, count) in tails.iter_mut().zip([30_000, 30_002]) {
        let records = take(tail, count).await;
        let increases = |partition| {
            let offsets: Vec<i64> =
                records.iter().filter(|record| record.partition == partition).map(|record| record.offset).collect();
            offsets.windows(2).all(|pair| pair[0] < pair[1])
        };
        assert!([P0, P1, P2].into_iter().all(increases));
    }
    assert!(take(&mut of_one, 10_001).await.iter().all(|record| record.partition == P1));
    append(&log, vec![record("last"), record("last"), record("last")]).await;
    assert_eq!(texts(&take(&mut tails[1], 3).await), ["last"; 3]);
    assert_eq!(texts(&take(&mut of_one, 1).await), ["last"]);
}

#[tokio::test]
async fn a_tail_ends_with_an_error_when_the_log_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path()).await.expect("a log");
    let mut tail = log.tail(from_the_start());
    drop(log);
    futures::StreamExt::next(&mut tail).await.expect("an item").expect_err("the log is closed");
    assert!(futures::StreamExt::next(&mut tail).await.is_none());
}

#[tokio::test]
async fn anybody_can_read_the_file_with_sql() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path()).await.expect("a log");
    append(&log, vec![record("one")]).await;
    let other = rusqlite::Connection::open(file(folder.path())).expect("the file");
    let row: (i64, String, String, String) = other
        .query_row("SELECT partition, key, headers ->> 'ce_id', value ->> 'text' FROM record", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .expect("a row");
    assert_eq!(row, (0, "acme/one".to_owned(), "one".to_owned(), "one".to_owned()));
}

/// A file system of 2 MB, until it is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// None, and a line that says so, where one may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(folder.path()).status();
        if mount.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: no right to mount a small file system");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What remains mounted is in the temporary folder, and only that could be done about it.
        drop(Command::new("umount").arg(self.0.path()).status());
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_acknowledged_and_can_be_freed() {
    let Some(disk) = SmallDisk::mount() else { return };
    let folder = disk.0.path();
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![0; 1024 * 1024]).expect("a file");
    let log = open(folder).await.expect("a log");
    let mut tail = log.tail(from_the_start());
    let mut writer = log.open_writer(&name("a")).await.expect("a writer");
    let mut acknowledged = 0;
    while log.append(&mut writer, vec![(P0, padded(acknowledged))]).await.is_ok() {
        acknowledged += 1;
    }
    assert!(acknowledged > 100, "{acknowledged}");
    for _ in 0..3 {
        log.append(&mut writer, vec![(P0, padded(0))]).await.expect_err("the disk is still full");
    }
    fs::remove_file(&ballast).expect("the file");
    for number in acknowledged..acknowledged + 20 {
        log.append(&mut writer, vec![(P0, padded(number))]).await.expect("there is room again");
    }
    let expected: Vec<String> = (0..acknowledged + 20).map(|number| number.to_string()).collect();
    assert_eq!(texts(&take(&mut tail, expected.len()).await), expected);
    drop((tail, log));
    let log = open(folder).await.expect("the log");
    assert_eq!(texts(&take(&mut log.tail(from_the_start()), expected.len()).await), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_wait_share_one_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path()).await.expect("a log");
    let writers = (0..32).map(|number| {
        let log = log.clone();
        tokio::spawn(async move {
            let mut writer = log.open_writer(&name(&number.to_string())).await.expect("a writer");
            for _ in 0..20 {
                log.append(&mut writer, vec![(P0, record("x"))]).await.expect("an append");
            }
        })
    });
    let all = futures::future::join_all(writers);
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("in time").into_iter().for_each(|writer| {
        writer.expect("a writer");
    });
    assert_eq!(log.end(P0).await.expect("an end"), 640);
}
