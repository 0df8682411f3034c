//! A broker that is killed and comes back: nothing acknowledged is lost, nothing comes twice, tails go on by themselves.

use std::{collections::BTreeSet, time::Duration};

use local_parts::{Kafka, KafkaOptions};
use shared::log::{
    EventLog,
    kafka::{KafkaConfig, KafkaLog},
};
use tokio::time::{sleep, timeout};

use crate::records::{P0, P1, PARTITIONS, everything, name, record, take, texts};

/// A broker of one's own; none, and a line that says so, where none can be started and none must (`REQUIRE_KAFKA=1`).
async fn own_broker() -> Option<Kafka> {
    match Kafka::start(KafkaOptions::temporary().expect("a folder")).await {
        Ok(kafka) => Some(kafka),
        Err(error) => {
            let required = std::env::vars().any(|(name, value)| name == "REQUIRE_KAFKA" && value == "1");
            assert!(!required, "REQUIRE_KAFKA is set, but: {error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// Appends numbers, each to two partitions and each once, with a new writer after every error; ends when so many were
/// acknowledged after `stop` came true.
async fn append_on(log: KafkaLog, mut stop: tokio::sync::watch::Receiver<bool>, more: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let (mut writer, mut number, mut after) = (None, 0, 0);
    while after < more {
        let Some(mut open) = writer.take() else {
            writer = log.open_writer(&name("writer")).await.ok();
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let text = format!("{number:06}");
        number += 1;
        if log.append(&mut open, vec![(P0, record(&text)), (P1, record(&text))]).await.is_ok() {
            acknowledged.push(text);
            after += usize::from(*stop.borrow_and_update());
            writer = Some(open);
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_may_be_killed_at_any_time() {
    let Some(mut kafka) = own_broker().await else { return };
    let config = KafkaConfig::new(kafka.brokers(), PARTITIONS);
    KafkaLog::create_topics(&config, 1).await.expect("topics");
    let log = KafkaLog::connect(config).await.expect("a log");
    let mut tail = log.tail(vec![(P0, 0)]);
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let appending = tokio::spawn(append_on(log.clone(), stopping, 50));
    for _ in 0..2 {
        take(&mut tail, 100).await;
        kafka.kill().await;
        sleep(Duration::from_secs(1)).await;
        kafka.restart().await.expect("the broker comes back");
    }
    stop.send_replace(true);
    let acknowledged = timeout(Duration::from_secs(120), appending).await.expect("it goes on").expect("a writer");

    let records = texts(&everything(&log, P0).await);
    assert_eq!(records, texts(&everything(&log, P1).await), "batches are whole");
    let distinct: BTreeSet<&String> = records.iter().collect();
    assert!(distinct.len() == records.len() && records.is_sorted(), "each once and in order");
    assert!(acknowledged.iter().all(|text| distinct.contains(text)), "nothing acknowledged is lost");
    let rest = texts(&take(&mut tail, records.len() - 200).await);
    assert_eq!(rest, records[200..], "the tail went on by itself");
    kafka.stop().await;
}
