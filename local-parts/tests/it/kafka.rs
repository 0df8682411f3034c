//! Kafka alone, seen by a client.

use std::net::TcpListener;
use std::time::Duration;

use local_parts::kafka::Error;
use local_parts::{Kafka, KafkaOptions};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::support::{Scratch, listens, skip, start_kafka};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn records_outlive_a_kill_and_a_stop_of_the_broker() {
    let scratch = Scratch::new();
    let options = KafkaOptions::new(scratch.join("data"));
    let Some(mut kafka) = start_kafka(options.clone()).await else { return };
    let (brokers, pid) = (kafka.brokers(), kafka.pid());
    assert_eq!(topics(&brokers), [""; 0], "a fresh broker has no topics");
    create_topic(&brokers, "things").await;
    produce(&brokers, "things", "one").await;

    kafka.kill().await;
    assert!(!kafka.is_running() && !listens(&brokers));
    kafka.restart().await.expect("a broker again");
    assert_ne!(kafka.pid(), pid);
    assert_eq!(kafka.brokers(), brokers, "the address stays");
    assert_eq!(topics(&brokers), ["things"]);
    produce(&brokers, "things", "two").await;
    assert_eq!(records(&brokers, "things"), 2);
    kafka.stop().await;
    assert!(!listens(&brokers));

    let kafka = Kafka::start(options).await.expect("a broker on the old folder");
    assert_eq!(records(&kafka.brokers(), "things"), 2);
    kafka.stop().await;
}

#[tokio::test]
async fn transactions_work() {
    let scratch = Scratch::new();
    let Some(kafka) = start_kafka(KafkaOptions::new(scratch.join("data"))).await else { return };
    create_topic(&kafka.brokers(), "things").await;
    let producer: FutureProducer =
        client(&kafka.brokers()).set("transactional.id", "a-writer").create().expect("a producer");
    tokio::task::spawn_blocking(move || {
        use rdkafka::producer::Producer;
        producer.init_transactions(PATIENCE).expect("fenced");
        producer.begin_transaction().expect("begun");
        drop(producer.send_result(FutureRecord::to("things").key("k").payload("v")).expect("queued"));
        producer.commit_transaction(PATIENCE).expect("committed");
    })
    .await
    .expect("done");
    // The record and the mark of the commit.
    assert_eq!(records(&kafka.brokers(), "things"), 2);
    kafka.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_in_the_error() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let options = KafkaOptions { port: Some(port), ..KafkaOptions::new(scratch.join("data")) };
    let message = match Kafka::start(options).await.expect_err("taken") {
        missing @ (Error::NoJava { .. } | Error::NoMaven) => return skip(&missing),
        error => error.to_string(),
    };
    assert!(message.contains("Address already in use") && message.contains(&port.to_string()), "{message}");
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

fn topics(brokers: &str) -> Vec<String> {
    let consumer: BaseConsumer = client(brokers).create().expect("a client");
    let metadata = consumer.fetch_metadata(None, PATIENCE).expect("the broker answers");
    let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
    names.filter(|name| !name.starts_with("__")).collect()
}

fn records(brokers: &str, topic: &str) -> i64 {
    let consumer: BaseConsumer = client(brokers).create().expect("a client");
    let (low, high) = consumer.fetch_watermarks(topic, 0, PATIENCE).expect("the broker answers");
    high - low
}

async fn create_topic(brokers: &str, name: &str) {
    let admin: AdminClient<DefaultClientContext> = client(brokers).create().expect("a client");
    let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
    let outcome = admin.create_topics([&topic], &AdminOptions::new().operation_timeout(Some(PATIENCE))).await;
    assert_eq!(outcome.expect("the broker answers"), [Ok(name.to_owned())]);
}

async fn produce(brokers: &str, topic: &str, payload: &str) {
    let producer: FutureProducer = client(brokers).set("acks", "all").create().expect("a client");
    producer.send(FutureRecord::to(topic).key("k").payload(payload), PATIENCE).await.expect("stored");
}
