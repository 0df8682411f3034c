//! The program `parts`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use local_parts::{Postgres, PostgresOptions};
use rustix::process::{Pid, Signal, geteuid, kill_process_group};

use crate::support::{PARTS, RunningParts, Scratch, ask, listens, without_given_parts};

/// `nobody`, on every Unix that we know.
const ORDINARY_USER: u32 = 65534;

#[test]
fn the_exit_code_is_that_of_the_command() {
    for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -s TERM $$", 143)] {
        let given = [("DATABASE_URL", "postgres://given"), ("KAFKA_BROKERS", "given:9092")];
        let output =
            Command::new(PARTS).envs(given).args(["run", "--", "sh", "-c", script]).output().expect("parts runs");
        assert_eq!(output.status.code(), Some(expected), "{script}");
    }
}

#[test]
fn what_the_environment_gives_is_used_as_it_is() {
    let given = [("DATABASE_URL", "postgres://given"), ("KAFKA_BROKERS", "given:9092")];
    let script = ["run", "--", "sh", "-c", "echo $DATABASE_URL $KAFKA_BROKERS"];
    let output = Command::new(PARTS).envs(given).args(script).output().expect("parts runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "postgres://given given:9092\n");
}

#[test]
fn ctrl_c_reaches_the_command_and_then_the_servers_stop_in_order() {
    let scratch = Scratch::new();
    let mut command = Command::new(PARTS);
    let parts = RunningParts::start(command.env("TMPDIR", scratch.path()).process_group(0), &["--postgres"]);
    let group = Pid::from_raw(i32::try_from(parts.process.id()).expect("a pid")).expect("not zero");
    kill_process_group(group, Signal::INT).expect("sent");
    let output = parts.process.wait_with_output().expect("parts ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(!listens(&parts.database_url));
    assert!(fs::read_dir(scratch.path()).expect("a folder").next().is_none(), "the folders are removed");
}

#[test]
fn without_java_the_error_names_what_to_install() {
    let output = run_without_programs("1");
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("Java 17 or newer") && message.contains("apt-get install"), "{message}");
}

#[test]
fn without_java_the_command_runs_unless_kafka_is_required() {
    let output = run_without_programs("0");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no kafka, running without"));
}

#[tokio::test]
async fn the_private_17_is_preferred_to_one_that_is_installed() {
    let scratch = Scratch::new();
    let decoy = "#!/bin/sh\necho 'postgres (PostgreSQL) 16.1'\n";
    for name in ["postgres", "initdb"] {
        write_program(&scratch.join(name), decoy);
    }
    write_program(&scratch.join("pg_config"), &format!("#!/bin/sh\necho {}\n", scratch.path().display()));
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", scratch.path().display());
    let parts = RunningParts::start(Command::new(PARTS).env("PATH", path), &["--postgres"]);
    assert_eq!(ask(&parts.database_url, "select current_setting('server_version_num')").await[..2], *"17");
}

#[tokio::test]
async fn without_a_network_an_installed_server_is_used() {
    let scratch = Scratch::new();
    let server = installed().await.join("server/bin");
    write_program(&scratch.join("pg_config"), &format!("#!/bin/sh\necho {}\n", server.display()));
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", scratch.path().display());
    let mut command = Command::new(PARTS);
    command.env("PATH", path).env("SEGMENTS_CACHE", scratch.join("cache")).env("HTTPS_PROXY", "http://127.0.0.1:9");
    let log = fs::File::create(scratch.join("log")).expect("a file");
    let parts = RunningParts::start(command.stderr(log), &["--postgres"]);
    assert_eq!(ask(&parts.database_url, "select 'fine'").await, "fine");
    let log = fs::read_to_string(scratch.join("log")).expect("a log");
    assert!(log.contains("not using the private postgres, but one that is installed"), "{log}");
}

#[tokio::test]
async fn postgres_works_for_an_ordinary_user() {
    let scratch = Scratch::new();
    // Someone else's cargo folder may be closed to this user, and the download has been made already.
    let program = scratch.join("parts");
    fs::copy(PARTS, &program).expect("copied");
    let cache = scratch.join("cache");
    fs::create_dir(&cache).expect("a folder");
    symlink(installed().await, cache.join("postgresql-17")).expect("linked");
    let mut command = Command::new(&program);
    command.env("HOME", scratch.path()).env("TMPDIR", scratch.path()).env("SEGMENTS_CACHE", &cache);
    command.current_dir(scratch.path());
    if geteuid().is_root() {
        chown(scratch.path(), Some(ORDINARY_USER), Some(ORDINARY_USER)).expect("given away");
        chown(&cache, Some(ORDINARY_USER), Some(ORDINARY_USER)).expect("given away");
        command.uid(ORDINARY_USER).gid(ORDINARY_USER);
    }
    let mut parts = RunningParts::start(&mut command, &["--postgres"]);
    assert_eq!(ask(&parts.database_url, "select current_setting('server_version_num')").await[..2], *"17");
    drop(parts.process.stdin.take());
    assert!(!parts.process.wait().expect("parts ends").success(), "the command's read ends without a line");
    assert!(!listens(&parts.database_url));
}

/// Where the private PostgreSQL lies: seen at a server that runs.
async fn installed() -> PathBuf {
    let options = PostgresOptions::temporary().expect("a folder");
    let postgres = Postgres::start(options).await.expect("a server");
    // The link of another account's process is closed to all but root; its command line is not.
    let arguments = fs::read(format!("/proc/{}/cmdline", postgres.pid())).expect("a process");
    let program = arguments.split(|byte| *byte == 0).next().expect("a program");
    let program = PathBuf::from(String::from_utf8_lossy(program).into_owned());
    postgres.stop().await;
    program.ancestors().nth(3).expect("cache/postgresql-17/server/bin/postgres").to_owned()
}

fn run_without_programs(require_kafka: &str) -> Output {
    let mut command = Command::new(PARTS);
    command.env("PATH", "/nowhere").env_remove("JAVA_HOME").env("REQUIRE_KAFKA", require_kafka);
    without_given_parts(&mut command)
        .args(["run", "--kafka", "--", "/bin/sh", "-c", "exit 3"])
        .output()
        .expect("parts runs")
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("executable");
}
