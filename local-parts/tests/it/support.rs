//! Folders, processes and the program `parts`, for the tests.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local_parts::{Kafka, KafkaOptions, kafka, kafka_is_required};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The program under test.
pub const PARTS: &str = env!("CARGO_BIN_EXE_parts");

/// A folder of one test, removed at its end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let unique = format!("local-parts-{}-{}", std::process::id(), uuid());
        let path = std::env::temp_dir().join(unique);
        fs::create_dir_all(&path).expect("a scratch folder");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("its mode");
        Self(path.canonicalize().expect("its path"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What a failed test leaves behind must not hide why it failed.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn uuid() -> String {
    fs::read_to_string("/proc/sys/kernel/random/uuid").expect("a kernel that makes ids").trim().to_owned()
}

/// `parts run` with a command that prints the two addresses and waits until its input ends.
pub struct RunningParts {
    pub process: Child,
    pub database_url: String,
    pub brokers: String,
}

impl RunningParts {
    pub fn start(program: &mut Command, arguments: &[&str]) -> Self {
        program.arg("run").args(arguments).arg("--");
        program.args(["sh", "-c", "echo \"$DATABASE_URL;$KAFKA_BROKERS\"; read -r _"]);
        without_given_parts(program).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = program.spawn().expect("parts starts");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
        let (database_url, brokers) = line.trim().split_once(';').expect("two addresses");
        Self { database_url: database_url.to_owned(), brokers: brokers.to_owned(), process }
    }

    /// Ends the program as a power cut would, and with it what it started except the servers and their guards.
    pub fn kill(mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("gone");
    }
}

/// The addresses that the whole test run may have been given are not those that a test of `parts` is about.
pub fn without_given_parts(command: &mut Command) -> &mut Command {
    command.env_remove("DATABASE_URL").env_remove("KAFKA_BROKERS")
}

/// The processes that have an argument which satisfies `is_wanted`.
pub fn processes(is_wanted: impl Fn(&str) -> bool) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("a system with /proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| arguments(*pid).iter().any(|argument| is_wanted(argument))).collect()
}

/// The process that has started this one; 0 if it has ended.
pub fn parent(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.and_then(|pid| pid.trim().parse().ok()).unwrap_or_default()
}

/// The guards of servers below a folder.
pub fn guards(folder: &Path) -> Vec<u32> {
    let below = folder.to_str().expect("a plain name").to_owned() + "/";
    let concerned = processes(|argument| argument.starts_with(&below));
    concerned.into_iter().filter(|pid| arguments(*pid).iter().any(|argument| argument == "segments-guard")).collect()
}

fn arguments(pid: u32) -> Vec<String> {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

pub fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("not zero");
    kill_process(pid, signal).expect("the process lives");
}

/// The port in an address like `postgres://user:password@127.0.0.1:port/name` or `127.0.0.1:port`.
pub fn port(address: &str) -> u16 {
    let host = address.rsplit('@').next().expect("a host");
    let port = host.split(['/', ':']).nth(1).expect("a port");
    port.parse().expect("a number")
}

pub fn listens(address: &str) -> bool {
    TcpStream::connect(("127.0.0.1", port(address))).is_ok()
}

pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(40);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 40 s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The one value that a query returns, as text.
pub async fn ask(url: &str, query: &str) -> String {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    let answer = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await.expect(query);
    connection.close().await.expect("closed");
    answer
}

pub async fn execute(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect(statement);
    connection.close().await.expect("closed");
}

/// A broker, or `None` and a line where it cannot be had here.
pub async fn start_kafka(options: KafkaOptions) -> Option<Kafka> {
    match Kafka::start(options).await {
        Ok(kafka) => Some(kafka),
        Err(missing @ (kafka::Error::NoJava { .. } | kafka::Error::NoMaven)) => {
            skip(&missing);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Says that a test is skipped, unless it must not be.
pub fn skip(missing: &kafka::Error) {
    assert!(!kafka_is_required(), "REQUIRE_KAFKA is set, but {missing}");
    eprintln!("skipped: {missing}");
}
