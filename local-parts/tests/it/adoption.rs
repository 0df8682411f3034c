//! A process that is killed: its servers go with it, or, if their guards were killed too, serve the next one.

use std::path::Path;
use std::process::Command;

use local_parts::{Kafka, KafkaOptions, Postgres, PostgresOptions};
use rustix::process::Signal;

use crate::support::{
    PARTS, RunningParts, Scratch, ask, eventually, execute, guards, kill, listens, parent, processes,
};

#[test]
fn a_killed_process_leaves_no_server_and_no_temporary_folder() {
    let scratch = Scratch::new();
    let parts = RunningParts::start(Command::new(PARTS).env("TMPDIR", scratch.path()), &[]);
    let (url, brokers) = (parts.database_url.clone(), parts.brokers.clone());
    assert!(listens(&url));
    parts.kill();
    eventually("postgres stops", || !listens(&url));
    eventually("kafka stops", || brokers.is_empty() || !listens(&brokers));
    eventually("the folders vanish", || std::fs::read_dir(scratch.path()).expect("a folder").next().is_none());
    eventually("the guards end", || guards(scratch.path()).is_empty());
}

#[tokio::test]
async fn a_postgres_left_running_is_adopted_and_stopped() {
    let scratch = Scratch::new();
    let url = leave_running(scratch.path(), "--postgres").database_url;
    execute(&url, "create table kept as select 'still here' as word").await;
    let options = PostgresOptions::new(scratch.join("postgres"));
    let before = server(&scratch.join("postgres/postgres"));

    let postgres = Postgres::start(options).await.expect("adopted");
    assert_eq!(postgres.pid(), before);
    assert_eq!(postgres.url(), url);
    assert_eq!(ask(&url, "select word from kept").await, "still here");
    postgres.stop().await;
    assert!(!listens(&url));
}

#[tokio::test]
async fn a_postgres_left_running_with_other_settings_is_started_anew() {
    let scratch = Scratch::new();
    let url = leave_running(scratch.path(), "--postgres").database_url;
    let before = server(&scratch.join("postgres/postgres"));
    let options = PostgresOptions { durable: false, ..PostgresOptions::new(scratch.join("postgres")) };
    let postgres = Postgres::start(options).await.expect("a server");
    assert_ne!(postgres.pid(), before);
    assert_eq!(ask(&postgres.url(), "select current_setting('fsync')").await, "off");
    postgres.stop().await;
    assert!(!listens(&url));
}

#[tokio::test]
async fn a_kafka_left_running_is_adopted_and_stopped() {
    let scratch = Scratch::new();
    let brokers = leave_running(scratch.path(), "--kafka").brokers;
    if brokers.is_empty() {
        return eprintln!("skipped: no kafka here");
    }
    let before = server(&scratch.join("kafka/server.properties"));
    let kafka = Kafka::start(KafkaOptions::new(scratch.join("kafka"))).await.expect("adopted");
    assert_eq!(kafka.pid(), before);
    assert_eq!(kafka.brokers(), brokers);
    kafka.stop().await;
    assert!(!listens(&brokers));
}

struct Addresses {
    database_url: String,
    brokers: String,
}

/// Starts a part in another process, and kills that process and the guard, so that the server runs on.
fn leave_running(folder: &Path, part: &str) -> Addresses {
    let data_dir = folder.to_str().expect("a plain name");
    let parts = RunningParts::start(&mut Command::new(PARTS), &["--data-dir", data_dir, part]);
    let addresses = Addresses { database_url: parts.database_url.clone(), brokers: parts.brokers.clone() };
    guards(folder).into_iter().for_each(|guard| kill(guard, Signal::KILL));
    parts.kill();
    // Until a killed guard is gone it has the server's mark among its arguments.
    eventually("the guards are gone", || guards(folder).is_empty());
    addresses
}

/// The one process that has this argument. Its children begin with its arguments and have their own a moment later.
fn server(mark: &Path) -> u32 {
    let mark = mark.to_str().expect("a plain name");
    let found = processes(|argument| argument == mark);
    let parents: Vec<u32> = found.iter().copied().filter(|pid| !found.contains(&parent(*pid))).collect();
    assert_eq!(parents.len(), 1, "{found:?}");
    parents[0]
}
