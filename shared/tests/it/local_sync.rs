//! The log syncs before it acknowledges. A killed process cannot show that, for the system keeps what it wrote; so `strace`
//! looks at the order of the system calls, and lets the sync fail.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::local_child::{bare_child, child, noted};

/// Whether there is an `strace` that may trace; where there must be one (`REQUIRE_STRACE=1`), its absence is a failure.
fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let can = traced.is_ok_and(|status| status.success());
    if !can {
        let required = std::env::vars().any(|(name, value)| name == "REQUIRE_STRACE" && value == "1");
        assert!(!required, "REQUIRE_STRACE is set, but strace does not work here");
        eprintln!("skipped: strace does not work here");
    }
    can
}

/// What of a trace is of interest.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Step {
    WalWritten,
    WalSynced,
    Acknowledged,
}

/// The steps in a trace of `strace -f -y`, where a call that was interrupted by one of another thread comes as two lines.
fn steps(trace: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut syncing: Vec<&str> = Vec::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        let is_sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        if call.starts_with("pwrite64(") && call.contains("events.db-wal>") {
            steps.push(Step::WalWritten);
        } else if is_sync && call.contains("events.db-wal>") {
            if call.ends_with("= 0") {
                steps.push(Step::WalSynced);
            } else if call.ends_with("<unfinished ...>") {
                syncing.push(thread);
            }
        } else if call.contains("sync resumed>") && call.ends_with("= 0") && syncing.contains(&thread) {
            syncing.retain(|other| *other != thread);
            steps.push(Step::WalSynced);
        } else if call.starts_with("write(") && call.contains("\"acknowledged ") {
            steps.push(Step::Acknowledged);
        }
    }
    steps
}

/// How many acknowledgements there are, each with something written since the one before, and all of it synced.
fn synced_acknowledgements(steps: &[Step]) -> Result<usize, String> {
    let (mut count, mut written, mut unsynced) = (0, false, false);
    for step in steps {
        match step {
            Step::WalWritten => (written, unsynced) = (true, true),
            Step::WalSynced => unsynced = false,
            Step::Acknowledged if written && !unsynced => (count, written) = (count + 1, false),
            Step::Acknowledged => return Err(format!("number {count} was acknowledged before it was synced")),
        }
    }
    Ok(count)
}

fn trace(folder: &Path, command: impl FnOnce(&[&str]) -> Command) -> Vec<Step> {
    let output = folder.join("trace");
    let output = output.to_str().expect("a path in UTF-8");
    let wrapper = ["strace", "-f", "-y", "-s", "32", "-e", "trace=pwrite64,write,fsync,fdatasync", "-o", output];
    let status = command(&wrapper).status().expect("strace");
    assert!(status.success());
    steps(&std::fs::read_to_string(output).expect("the trace"))
}

#[test]
fn every_append_is_synced_before_it_is_acknowledged() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let steps = trace(folder.path(), |strace| child(strace, folder.path(), 30));
    assert_eq!(synced_acknowledgements(&steps), Ok(30));
    assert_eq!(noted(folder.path()), 30);
}

#[test]
fn what_could_not_be_synced_is_not_acknowledged() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let strace = ["strace", "-f", "-o", "/dev/null", "-e", "inject=fsync,fdatasync:error=EIO:when=25+"];
    let status = child(&strace, folder.path(), 100).stderr(Stdio::null()).status().expect("strace");
    assert!(status.success());
    let noted = noted(folder.path());
    assert!((1..25).contains(&noted), "{noted} acknowledged");
}

#[test]
fn the_look_at_system_calls_notices_a_missing_sync() {
    if !can_trace() {
        return;
    }
    for (synchronous, verdict) in [("full", true), ("normal", false), ("off", false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let steps = trace(folder.path(), |strace| bare_child(strace, folder.path(), synchronous));
        assert_eq!(synced_acknowledgements(&steps) == Ok(10), verdict, "{synchronous}: {steps:?}");
    }
}
