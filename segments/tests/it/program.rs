//! Running `segments log`.

use std::{path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::history;

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Told {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Told {
    /// What was told as one JSON object.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What was told as JSON, an object a line.
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        self.out.lines().map(parse).collect()
    }
}

/// `segments log` with these arguments.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segments"));
    command.arg("log").args(arguments);
    // What a shell around us has set for a service must not reach this one.
    for variable in ["DATA_DIR", "KAFKA_TOPIC", "KAFKA_REFERENCE_TOPIC", "KAFKA_PARTITIONS", "KAFKA_ENVIRONMENT"] {
        command.env_remove(variable);
    }
    command
}

/// Runs `segments log` with these arguments.
pub fn run(arguments: &[&str]) -> Told {
    let output = command(arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Told { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A data folder with the log of [`history`].
pub struct Folder(TempDir);

impl Folder {
    pub async fn written() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        history::write(folder.path()).await;
        Self(folder)
    }

    pub fn empty() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn text(&self) -> &str {
        self.path().to_str().expect("a path of letters")
    }

    /// Runs a command on it.
    pub fn log(&self, command: &str, arguments: &[&str]) -> Told {
        run(&[&[command, "--data-dir", self.text()], arguments].concat())
    }

    /// Runs a command on it that succeeds, and answers in JSON.
    pub fn json(&self, command: &str, arguments: &[&str]) -> Value {
        let told = self.log(command, &[arguments, &["--output", "json"]].concat());
        assert_eq!(told.code, Some(0), "{told:?}");
        told.json()
    }

    /// Does something to the file of its log, past all of its guards.
    pub fn sql(&self, statement: &str) {
        let connection = rusqlite::Connection::open(self.path().join("local/log.sqlite")).expect("the file");
        connection.execute_batch(statement).expect("a statement");
    }
}
