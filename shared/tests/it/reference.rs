//! What every log of reference data must do, and what is particular to each.

use std::{collections::BTreeMap, time::Duration};

use futures::{Stream, StreamExt};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    producer::{FutureProducer, FutureRecord},
};
use serde_json::json;
use shared::{
    ids::Tenant,
    log::{
        LogError, Offset, Partition,
        kafka::{ConnectError, KafkaConfig, KafkaLog, KafkaReference},
        local::LocalReference,
    },
    reference::{Change, Entry, Key, Kind, Record, ReferenceLog},
};
use tempfile::TempDir;
use uuid::Uuid;

/// Where logs of one kind come from.
trait Site: Sized {
    type Log: ReferenceLog;

    /// A new one; none if this kind cannot be had here.
    async fn fresh() -> Option<(Self, Self::Log)>;

    /// The same as the next process finds it.
    async fn again(&self, log: Self::Log) -> Self::Log;
}

struct Folder(TempDir);

impl Site for Folder {
    type Log = LocalReference;

    async fn fresh() -> Option<(Self, LocalReference)> {
        let folder = tempfile::tempdir().expect("a folder");
        let log = LocalReference::open(folder.path().join("reference.sqlite")).await.expect("a file");
        Some((Self(folder), log))
    }

    async fn again(&self, log: LocalReference) -> LocalReference {
        drop(log);
        LocalReference::open(self.0.path().join("reference.sqlite")).await.expect("the file")
    }
}

struct Topic(KafkaConfig);

impl Site for Topic {
    type Log = KafkaReference;

    async fn fresh() -> Option<(Self, KafkaReference)> {
        let config = config().await?;
        KafkaLog::create_topics(&config, 1).await.expect("topics");
        let log = KafkaReference::connect(config.clone()).await.expect("the topic is fit");
        Some((Self(config), log))
    }

    async fn again(&self, log: KafkaReference) -> KafkaReference {
        drop(log);
        KafkaReference::connect(self.0.clone()).await.expect("the topic is still there")
    }
}

async fn config() -> Option<KafkaConfig> {
    let brokers = local_parts::testing::kafka().await?;
    let run = Uuid::now_v7();
    Some(KafkaConfig {
        topic: format!("events-{run}"),
        lock_topic: format!("locks-{run}"),
        reference_topic: format!("reference-{run}"),
        environment: format!("test-{run}"),
        ..KafkaConfig::new(brokers, 3)
    })
}

macro_rules! cases {
    ($site:ty: $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some((site, log)) = <$site as super::Site>::fresh().await {
                    super::$case(&site, log).await;
                }
            }
        )*
    };
    ($site:ty) => {
        cases!($site:
            the_last_change_of_each_key_is_read
            a_tail_that_waits_gets_what_comes
            what_a_write_says_is_where_its_readers_go_on
            removals_are_read_too
            a_list_of_nothing_writes_nothing
            another_process_finds_everything_and_goes_on
            ends_are_those_of_partitions_that_are_there
        );
    };
}

mod local {
    cases!(super::Folder);
}

mod kafka {
    cases!(super::Topic);
}

fn tenant() -> Tenant {
    Tenant::parse("acme").expect("a tenant")
}

fn product(id: &str, code: &str) -> Change {
    let entry = Entry::from_json(Kind::Product, json!({ "id": id, "code": code })).expect("a product");
    Change::Put { tenant: tenant(), entry }
}

fn removed(id: &str) -> Change {
    Change::Delete(Key::parse(&format!("acme/product/{id}")).expect("a key"))
}

fn start<L: ReferenceLog>(log: &L) -> Vec<(Partition, Offset)> {
    (0..log.partitions()).map(|number| (Partition::new(number), 0)).collect()
}

async fn next(tail: &mut (impl Stream<Item = Result<Record, LogError>> + Unpin)) -> Record {
    let next = tokio::time::timeout(Duration::from_secs(30), tail.next()).await.expect("a record comes");
    next.expect("a tail does not end").expect("it can be read")
}

/// The state that a reader from the beginning ends up with.
async fn state<L: ReferenceLog>(log: &L) -> BTreeMap<String, Change> {
    let mut tail = log.tail(start(log));
    let mut missing = BTreeMap::new();
    for (partition, _) in start(log) {
        let end = log.end(partition).await.expect("an end");
        if end > 0 {
            missing.insert(partition, end);
        }
    }
    let mut state = BTreeMap::new();
    while !missing.is_empty() {
        let record = next(&mut tail).await;
        if missing.get(&record.partition).is_some_and(|end| record.offset + 1 >= *end) {
            missing.remove(&record.partition);
        }
        let change = record.open().expect("we wrote it");
        state.insert(change.key().to_string(), change);
    }
    state
}

async fn the_last_change_of_each_key_is_read<S: Site>(_: &S, log: S::Log) {
    let first = (0..300).map(|number| product(&format!("p{number}"), "first")).collect();
    log.write(first).await.expect("a write");
    log.write(vec![product("p7", "second"), product("p8", "second"), product("p7", "third")]).await.expect("a write");
    let state = state(&log).await;
    assert_eq!(state.len(), 300);
    for (id, code) in [("p6", "first"), ("p7", "third"), ("p8", "second")] {
        assert_eq!(state[&format!("acme/product/{id}")], product(id, code), "{id}");
    }
}

async fn a_tail_that_waits_gets_what_comes<S: Site>(_: &S, log: S::Log) {
    let mut tail = log.tail(start(&log));
    let idle = tokio::time::timeout(Duration::from_millis(300), tail.next()).await;
    assert!(idle.is_err(), "nothing is there yet");
    for code in ["a", "b", "c"] {
        log.write(vec![product("p1", code)]).await.expect("a write");
        assert_eq!(next(&mut tail).await.open(), Ok(product("p1", code)));
    }
}

async fn what_a_write_says_is_where_its_readers_go_on<S: Site>(_: &S, log: S::Log) {
    let behind = log.write(vec![product("p1", "a"), product("p1", "b")]).await.expect("a write");
    assert_eq!(behind.len(), 2, "one place for each change");
    assert_eq!(behind[0].0, behind[1].0, "a key has one partition");
    assert!(behind[0].1 < behind[1].1, "and its changes an order");
    let (partition, end) = behind[1];
    assert_eq!(log.end(partition).await.expect("an end"), end);
    let mut tail = log.tail(vec![(partition, end)]);
    log.write(vec![product("p1", "c")]).await.expect("a write");
    assert_eq!(next(&mut tail).await.open(), Ok(product("p1", "c")));
}

async fn removals_are_read_too<S: Site>(_: &S, log: S::Log) {
    log.write(vec![product("p1", "a"), product("p2", "a")]).await.expect("a write");
    log.write(vec![removed("p1"), removed("never-there")]).await.expect("a write");
    let state = state(&log).await;
    for (key, expected) in [
        ("acme/product/p1", removed("p1")),
        ("acme/product/p2", product("p2", "a")),
        ("acme/product/never-there", removed("never-there")),
    ] {
        assert_eq!(state[key], expected, "{key}");
    }
}

async fn a_list_of_nothing_writes_nothing<S: Site>(_: &S, log: S::Log) {
    assert_eq!(log.write(Vec::new()).await.expect("a write"), []);
    for (partition, _) in start(&log) {
        assert_eq!(log.end(partition).await.expect("an end"), 0);
    }
}

async fn another_process_finds_everything_and_goes_on<S: Site>(site: &S, log: S::Log) {
    let before = log.write(vec![product("p1", "a"), product("p2", "a")]).await.expect("a write");
    let log = site.again(log).await;
    let after = log.write(vec![product("p1", "b")]).await.expect("a write");
    assert_eq!(after[0].0, before[0].0, "the key stays in its partition");
    assert!(after[0].1 > before[0].1);
    let state = state(&log).await;
    assert_eq!(state.values().cloned().collect::<Vec<_>>(), [product("p1", "b"), product("p2", "a")]);
}

async fn ends_are_those_of_partitions_that_are_there<S: Site>(_: &S, log: S::Log) {
    log.end(Partition::new(log.partitions())).await.expect_err("the end of nothing");
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("reference.sqlite");
    std::fs::write(&path, "not SQLite, but long enough to be looked at: ".repeat(30)).expect("a file");
    let before = std::fs::read(&path).expect("the file");
    let refused = LocalReference::open(&path).await;
    assert!(matches!(refused, Err(LogError::Damaged(_))), "{refused:?}");
    assert_eq!(std::fs::read(&path).expect("the file"), before);

    let other = folder.path().join("other.sqlite");
    let connection = rusqlite::Connection::open(&other).expect("a database");
    connection.execute_batch("CREATE TABLE entry (a)").expect("a table");
    drop(connection);
    let refused = LocalReference::open(&other).await;
    assert!(matches!(refused, Err(LogError::Damaged(_))), "{refused:?}");
}

#[tokio::test]
async fn a_topic_that_is_not_there_or_would_lose_or_hide_entries_is_refused_with_the_command_that_helps() {
    let Some(config) = config().await else { return };
    match KafkaReference::connect(config.clone()).await {
        Err(ConnectError::Missing { topic, command }) => {
            assert_eq!(topic, config.reference_topic);
            assert!(command.contains("--config cleanup.policy=compact"), "{command}");
        }
        other => panic!("{other:?}"),
    }
    let admin: AdminClient<DefaultClientContext> = client(&config).create().expect("an admin");
    let topic = NewTopic::new(&config.reference_topic, 1, TopicReplication::Fixed(1)).set("compression.type", "zstd");
    for created in admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer") {
        created.expect("a topic");
    }
    // The broker may not know of it at once.
    let mut refused = KafkaReference::connect(config.clone()).await;
    while matches!(refused, Err(ConnectError::Missing { .. })) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        refused = KafkaReference::connect(config.clone()).await;
    }
    match refused {
        Err(ConnectError::Unfit { command, .. }) => {
            assert!(command.contains("cleanup.policy=compact"), "{command}");
            let is_unreadable = cfg!(not(feature = "kafka-zstd"));
            assert_eq!(command.contains("compression.type=producer"), is_unreadable, "{command}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_other_systems_write_is_read_and_what_is_foreign_told_apart() {
    let Some((site, log)) = Topic::fresh().await else { return };
    let producer: FutureProducer = client(&site.0).create().expect("a producer");
    let records: [(&[u8], Option<&[u8]>); 5] = [
        (b"acme/product/p1", Some(br#"{ "id": "p1", "code": "their" }"#)),
        (b"acme/product/p2", None),
        (b"acme/unknown/x", Some(b"{}")),
        (b"acme/product/\xff", Some(b"{}")),
        (b"acme/product/p3", Some(b"\xff")),
    ];
    let mut tail = log.tail(start(&log));
    let mut opened = Vec::new();
    for (key, value) in records {
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&site.0.reference_topic).partition(0);
        (record.key, record.payload) = (Some(key), value);
        producer.send(record, Duration::from_secs(10)).await.expect("a delivery");
        opened.push(next(&mut tail).await.open().ok());
    }
    assert_eq!(opened, [Some(product("p1", "their")), Some(removed("p2")), None, None, None]);
}

fn client(config: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &config.brokers);
    client
}
