//! A process that appends and notes what was acknowledged, to be killed; and that nothing it noted is ever lost.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use shared::log::EventLog;

use crate::{
    local::open,
    records::{P0, P1, everything, name, record, texts},
};

const FOLDER: &str = "APPENDING_CHILD_FOLDER";
const LIMIT: &str = "APPENDING_CHILD_LIMIT";
const BARE: &str = "APPENDING_CHILD_BARE";

/// A process that appends in this folder, started by `wrapper`.
pub fn child(wrapper: &[&str], folder: &Path, limit: usize) -> Command {
    let mut command = this_test(wrapper);
    command.env(FOLDER, folder).env(LIMIT, limit.to_string());
    command
}

/// One that does ten transactions on a bare SQLite file instead, under this `synchronous`.
pub fn bare_child(wrapper: &[&str], folder: &Path, synchronous: &str) -> Command {
    let mut command = this_test(wrapper);
    command.env(FOLDER, folder).env(BARE, synchronous);
    command
}

/// This test binary, running [`a_child_appends_and_notes_what_was_acknowledged`] alone.
fn this_test(wrapper: &[&str]) -> Command {
    let program = std::env::current_exe().expect("this program has a path");
    let mut words: Vec<&std::ffi::OsStr> = wrapper.iter().map(std::ffi::OsStr::new).collect();
    words.push(program.as_os_str());
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command.args(["--exact", "local_child::a_child_appends_and_notes_what_was_acknowledged", "--nocapture"]);
    command.stdout(Stdio::null());
    command
}

/// Where the child notes what was acknowledged: one write of `acknowledged <n>` each.
fn notes(folder: &Path) -> PathBuf {
    folder.join("notes")
}

/// How many appends were noted in this folder.
pub fn noted(folder: &Path) -> usize {
    std::fs::read_to_string(notes(folder)).map_or(0, |notes| notes.lines().count())
}

fn note(notes: &mut File, number: usize) {
    notes.write_all(format!("acknowledged {number}\n").as_bytes()).expect("a note");
}

/// Goes on where the notes end, so that a child can follow upon a killed one.
async fn append_and_note(folder: &Path, limit: usize) {
    let log = open(folder).await.expect("the log");
    let mut writer = log.open_writer(&name("child")).await.expect("a writer");
    let done = noted(folder);
    let mut notes = OpenOptions::new().create(true).append(true).open(notes(folder)).expect("the notes");
    for number in done..limit {
        let text = number.to_string();
        if let Err(doubt) = log.append(&mut writer, vec![(P0, record(&text)), (P1, record(&text))]).await {
            eprintln!("{doubt}");
            return;
        }
        note(&mut notes, number);
    }
}

fn insert_and_note(folder: &Path, synchronous: &str) {
    let file = rusqlite::Connection::open(folder.join("events.db")).expect("a file");
    file.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (n)").expect("a table");
    file.pragma_update(None, "synchronous", synchronous).expect("a setting");
    let mut notes = File::create(notes(folder)).expect("the notes");
    for number in 0..10 {
        file.execute("INSERT INTO t VALUES (1)", []).expect("a row");
        note(&mut notes, number);
    }
}

/// Everything noted is in the log, in order and in both partitions, and nothing but at most one that was under way at each
/// kill.
async fn check(folder: &Path, kills: usize) {
    let log = open(folder).await.expect("the log");
    let records = texts(&everything(&log, P0).await);
    assert_eq!(records, texts(&everything(&log, P1).await), "batches are whole");
    let mut distinct = records.clone();
    distinct.dedup();
    let expected: Vec<String> = (0..distinct.len()).map(|number| number.to_string()).collect();
    assert_eq!(distinct, expected);
    let noted = noted(folder);
    assert!(distinct.len() >= noted, "{noted} were acknowledged, {} are there", distinct.len());
    assert!(records.len() <= noted + kills, "{} records, {noted} acknowledged, {kills} kills", records.len());
}

#[tokio::test]
async fn a_child_appends_and_notes_what_was_acknowledged() {
    let variable = |name| std::env::vars().find(|(found, _)| found == name).map(|(_, value)| value);
    if let Some(folder) = variable(FOLDER) {
        if let Some(synchronous) = variable(BARE) {
            return insert_and_note(Path::new(&folder), &synchronous);
        }
        let limit = variable(LIMIT).expect("a limit").parse().expect("a number");
        return append_and_note(Path::new(&folder), limit).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    append_and_note(folder.path(), 50).await;
    assert_eq!(noted(folder.path()), 50);
    check(folder.path(), 0).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    const KILLS: usize = 25;
    let folder = tempfile::tempdir().expect("a folder");
    for kill in 0..KILLS {
        let before = noted(folder.path());
        let mut child = child(&["env"], folder.path(), usize::MAX).spawn().expect("a child");
        wait_for_notes(folder.path(), before + 1, &mut child);
        // At another moment each time: in a commit, in a copy of the WAL, right after the start.
        std::thread::sleep(Duration::from_millis(kill as u64 * 7 % 60));
        child.kill().expect("a kill");
        child.wait().expect("its end");
        if kill % 5 == 4 {
            check_and_forget(folder.path(), kill + 1).await;
        }
    }
}

/// The check appends records of its own, so it works on a copy.
async fn check_and_forget(folder: &Path, kills: usize) {
    let copy = tempfile::tempdir().expect("a folder");
    let copied = Command::new("cp").arg("-r").arg(folder.join(".")).arg(copy.path()).status().expect("cp");
    assert!(copied.success());
    check(copy.path(), kills).await;
}

fn wait_for_notes(folder: &Path, count: usize, child: &mut Child) {
    let start = Instant::now();
    while noted(folder) < count {
        assert!(start.elapsed() < Duration::from_secs(60), "the child does nothing");
        assert!(child.try_wait().expect("a child").is_none(), "the child ended by itself");
        std::thread::sleep(Duration::from_millis(1));
    }
}
