//! The log in a real Apache Kafka: the contract, with transactions and (what can be had of it) without; the settings of
//! topics; the lock group.

use std::time::Duration;

use futures::StreamExt;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use shared::log::{
    EventLog, LockEvent, LockEvents, LogError, Partition, WriterName,
    kafka::{ConnectError, KafkaConfig, KafkaLog},
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    contract::Site,
    records::{P0, P1, P2, PARTITIONS, everything, from_the_start, name, record, take, texts},
};

struct Transactions(KafkaConfig);

impl Site for Transactions {
    type Log = KafkaLog;

    async fn fresh() -> Option<(Self, KafkaLog)> {
        let config = config().await?;
        Some((Self(config.clone()), connect(config).await))
    }

    fn writer(&self, text: &str) -> WriterName {
        writer(&self.0, text)
    }

    async fn again(&self, log: KafkaLog) -> KafkaLog {
        drop(log);
        KafkaLog::connect(self.0.clone()).await.expect("the topic is still there")
    }
}

struct WithoutTransactions(KafkaConfig);

impl Site for WithoutTransactions {
    type Log = KafkaLog;

    async fn fresh() -> Option<(Self, KafkaLog)> {
        let config = KafkaConfig { transactions: false, ..config().await? };
        Some((Self(config.clone()), connect(config).await))
    }

    fn writer(&self, text: &str) -> WriterName {
        writer(&self.0, text)
    }

    async fn again(&self, log: KafkaLog) -> KafkaLog {
        drop(log);
        KafkaLog::connect(self.0.clone()).await.expect("the topic is still there")
    }
}

mod transactions {
    contract!(super::Transactions);
}

mod without_transactions {
    // All but what needs a fence.
    contract!(super::WithoutTransactions:
        what_is_appended_is_read_back_in_order
        a_new_log_is_empty
        an_empty_batch_appends_nothing
        a_fenced_name_can_be_opened_again
        a_tail_starts_at_the_given_offsets
        a_tail_that_waits_gets_what_comes
        the_end_is_right_behind_the_last_round
        a_record_of_full_size_is_kept
        another_process_finds_everything_and_goes_on
        a_partition_that_is_not_there_takes_nothing
    );
}

/// Topics and transactional ids that no other test has.
pub async fn config() -> Option<KafkaConfig> {
    let brokers = local_parts::testing::kafka().await?;
    let own = Uuid::now_v7();
    Some(KafkaConfig {
        topic: format!("events.{own}"),
        lock_topic: format!("locks.{own}"),
        reference_topic: format!("reference.{own}"),
        environment: own.to_string(),
        ..KafkaConfig::new(brokers, PARTITIONS)
    })
}

/// A transactional id, which is one thing in the whole of a Kafka.
fn writer(config: &KafkaConfig, text: &str) -> WriterName {
    name(&format!("{}.{text}", config.environment))
}

async fn connect(config: KafkaConfig) -> KafkaLog {
    KafkaLog::create_topics(&config, 1).await.expect("topics");
    KafkaLog::create_topics(&config, 1).await.expect("a second time changes nothing");
    KafkaLog::connect(config).await.expect("a log")
}

fn admin(config: &KafkaConfig) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &config.brokers).create().expect("an admin client")
}

async fn create(config: &KafkaConfig, partitions: i32, settings: &[(&str, &str)]) {
    let mut topic = NewTopic::new(&config.topic, partitions, TopicReplication::Fixed(1));
    for (name, value) in settings {
        topic = topic.set(name, value);
    }
    let admin = admin(config);
    for created in admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer") {
        created.expect("a topic");
    }
    // A broker may say that it has created a topic, and a moment later not know of it yet.
    let is_known = || {
        let metadata = admin.inner().fetch_metadata(Some(&config.topic), Duration::from_secs(10)).expect("an answer");
        metadata.topics().iter().any(|topic| !topic.partitions().is_empty())
    };
    while !is_known() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn topics_that_would_lose_events_are_refused_with_the_command_that_helps() {
    const GOOD: [(&str, &str); 6] = [
        ("cleanup.policy", "delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("message.timestamp.type", "LogAppendTime"),
        ("max.message.bytes", "2097152"),
        ("compression.type", "producer"),
    ];
    for (name, bad) in [
        ("cleanup.policy", "compact"),
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000000"),
        ("message.timestamp.type", "CreateTime"),
        ("max.message.bytes", "1048588"),
        ("compression.type", "zstd"),
    ] {
        if name == "compression.type" && cfg!(feature = "kafka-zstd") {
            continue;
        }
        let Some(config) = config().await else { return };
        let settings: Vec<_> = GOOD.map(|(good, value)| (good, if good == name { bad } else { value })).into();
        create(&config, i32::from(PARTITIONS), &settings).await;
        let refused = KafkaLog::connect(config.clone()).await.expect_err(name).to_string();
        let right = GOOD.iter().find(|(good, _)| *good == name).expect("it is listed").1;
        let [is, set] = [format!("{name} is {bad}, not {right}"), format!("--add-config {name}={right}")];
        assert!(refused.contains(&is) && refused.ends_with(&set), "{refused}");
        assert!(refused.contains("kafka-configs.sh") && refused.contains(&config.topic), "{refused}");
    }
}

#[tokio::test]
async fn a_missing_topic_and_one_of_other_partitions_are_refused() {
    let Some(config) = config().await else { return };
    let refused = KafkaLog::connect(config.clone()).await.expect_err("there is no topic");
    assert!(matches!(refused, ConnectError::Missing { .. }), "{refused}");
    let command = refused.to_string();
    assert!(command.contains("--partitions 3") && command.contains("--config retention.ms=-1"), "{command}");

    let log = connect(config.clone()).await;
    let other = KafkaConfig { partitions: 5, ..config.clone() };
    let refused = KafkaLog::connect(other).await.expect_err("five are not three").to_string();
    assert!(refused.contains("has 3 partitions, 5 are configured"), "{refused}");

    drop(log);
    let other = KafkaConfig { lock_topic: "none".to_owned(), ..config };
    let log = KafkaLog::connect(other).await.expect("only the lock group needs the lock topic");
    log.locks("a").await.expect_err("there is no such topic");
}

#[tokio::test]
async fn no_kafka_is_an_error_and_not_a_hang() {
    // A port of this machine that nobody listens on.
    let refused = KafkaLog::connect(KafkaConfig::new("127.0.0.1:1", PARTITIONS)).await.expect_err("nobody is there");
    assert!(refused.to_string().starts_with("kafka at 127.0.0.1:1 cannot be used"), "{refused}");
}

#[tokio::test]
async fn records_that_were_deleted_are_damage_and_not_skipped() {
    let Some(config) = config().await else { return };
    let log = connect(config.clone()).await;
    let mut writer = log.open_writer(&writer(&config, "a")).await.expect("a writer");
    for text in ["1", "2", "3"] {
        log.append(&mut writer, vec![(P0, record(text))]).await.expect("an append");
    }
    let mut until = TopicPartitionList::new();
    until.add_partition_offset(&config.topic, 0, Offset::Offset(3)).expect("an offset");
    admin(&config).delete_records(&until, &AdminOptions::new()).await.expect("a deletion");
    let first = timeout(Duration::from_secs(20), log.tail(vec![(P0, 0)]).next()).await.expect("an answer");
    assert!(matches!(first, Some(Err(LogError::Damaged(_)))), "{first:?}");
    assert_eq!(texts(&take(&mut log.tail(vec![(P0, 3)]), 1).await), ["3"]);
}

/// What a killed writer leaves: a transaction that nobody ended. Only the fence makes what comes after it visible at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_ends_what_a_killed_writer_left_open() {
    use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
    let Some(config) = config().await else { return };
    let log = connect(config.clone()).await;
    let mut killed = ClientConfig::new();
    killed.set("bootstrap.servers", &config.brokers).set("transactional.id", writer(&config, "killed").0);
    let killed: FutureProducer = killed.create().expect("a producer");
    let topic = config.topic.clone();
    let killed = tokio::task::spawn_blocking(move || {
        killed.init_transactions(Duration::from_secs(10)).expect("an init");
        killed.begin_transaction().expect("a transaction");
        let sent = killed.send_result(FutureRecord::<str, str>::to(&topic).partition(0).payload("never to be seen"));
        futures::executor::block_on(sent.expect("a place in the queue")).expect("a report").expect("a delivery");
        killed
    });
    let killed = killed.await.expect("it got so far");
    assert_eq!(log.end(P0).await.expect("an end"), 0, "the end is what readers can reach");
    log.fence(&writer(&config, "killed"), vec![(P0, record("stop"))]).await.expect("a fence");
    let read = timeout(Duration::from_secs(5), take(&mut log.tail(vec![(P0, 0)]), 1)).await;
    assert_eq!(texts(&read.expect("nothing hides the stop")), ["stop"]);
    assert_eq!(texts(&everything(&log, P0).await), ["stop"]);
    tokio::task::spawn_blocking(move || killed.commit_transaction(Duration::from_secs(10)))
        .await
        .expect("a call")
        .expect_err("it is fenced");
}

async fn next(locks: &mut LockEvents) -> LockEvent {
    timeout(Duration::from_secs(30), locks.recv()).await.expect("in time").expect("a change")
}

async fn assigned(locks: &mut LockEvents) -> Vec<Partition> {
    match next(locks).await {
        LockEvent::Assigned(mut partitions) => {
            partitions.sort();
            partitions
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_group_shares_partitions_out_and_waits_for_their_release() {
    let Some(config) = config().await else { return };
    let log = connect(config).await;
    let mut first = log.locks("first").await.expect("a member");
    assert_eq!(assigned(&mut first).await, [P0, P1, P2]);
    let mut second = log.locks("second").await.expect("a member");
    let LockEvent::Revoked { partitions, released } = next(&mut first).await else { panic!("something is revoked") };
    assert_eq!(partitions.len(), 1);
    let early = timeout(Duration::from_millis(500), second.recv()).await;
    assert!(early.is_err(), "it is not released yet: {early:?}");
    released.send(()).expect("somebody waits for it");
    assert_eq!(assigned(&mut second).await, partitions);
    drop(first);
    let rest = assigned(&mut second).await;
    assert_eq!(rest.len(), 2, "who leaves leaves at once");
    assert!(!rest.contains(&partitions[0]));
}

/// More than is kept in memory of a partition.
const MANY: usize = 5_000;

#[tokio::test]
async fn readers_that_share_a_consumer_miss_nothing_when_one_of_them_falls_behind() {
    let Some(config) = config().await else { return };
    let log = connect(config.clone()).await;
    let mut writer = log.open_writer(&writer(&config, "w")).await.expect("a writer");
    let (mut quick, mut slow) = (log.tail(from_the_start()), log.tail(from_the_start()));
    let (first, last) = (vec![(P0, record("first")), (P1, record("first"))], vec![(P0, record("last"))]);
    log.append(&mut writer, first).await.expect("an append");
    for tail in [&mut quick, &mut slow] {
        take(tail, 2).await;
        // Who has nothing to read for a second begins to share.
        timeout(Duration::from_secs(2), tail.next()).await.expect_err("there is nothing yet");
    }

    let expected: Vec<_> = (0..MANY).map(|number| number.to_string()).collect();
    for chunk in expected.chunks(1_000) {
        let batch = chunk.iter().map(|text| (P0, record(text))).collect();
        log.append(&mut writer, batch).await.expect("an append");
        assert_eq!(texts(&take(&mut quick, chunk.len()).await), chunk);
    }
    assert_eq!(texts(&take(&mut slow, MANY).await), expected);

    let mut late = log.tail(vec![(P0, 0)]);
    log.append(&mut writer, last).await.expect("an append");
    for tail in [&mut quick, &mut slow] {
        assert_eq!(texts(&take(tail, 1).await), ["last"]);
    }
    assert_eq!(texts(&take(&mut late, MANY + 2).await).last().map(String::as_str), Some("last"));
}
