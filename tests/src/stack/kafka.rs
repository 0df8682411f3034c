//! The two services as processes of their own, on a real Kafka, behind the gateway.

use std::{collections::BTreeMap, net::TcpListener, path::Path, process::Command};

use futures::StreamExt as _;
use local_parts::testing;
use serde_json::Value;
use shared::log::kafka::{KafkaConfig, KafkaLog, KafkaReference};

use super::{Stack, binary, gateway};
use crate::{
    process::{Process, data_folder},
    tokens,
};

const PARTITIONS: u16 = 6;

/// The topics that one stack has for itself on a Kafka that others may use too.
#[derive(Debug, Clone)]
pub struct Topics {
    /// Addresses of brokers.
    pub brokers: String,
    /// The topic of the events.
    pub events: String,
    locks: String,
    /// The topic of reference data.
    pub reference: String,
    /// The topic of how segments are now; nobody publishes to it unless told to.
    pub state: String,
    environment: String,
}

impl Topics {
    /// Creates them. None where there is no Kafka and none is required.
    pub async fn create() -> Option<Self> {
        let brokers = testing::kafka().await?;
        let environment = format!("e2e-{}", &uuid::Uuid::now_v7().simple().to_string()[20..]);
        let (events, locks) = (format!("{environment}.events"), format!("{environment}.locks"));
        let mut config = KafkaConfig::new(&brokers, PARTITIONS);
        let reference = format!("{environment}.reference");
        (config.topic, config.lock_topic) = (events.clone(), locks.clone());
        config.reference_topic = reference.clone();
        let state = format!("{environment}.state");
        config.state_topic = Some(state.clone());
        KafkaLog::create_topics(&config, 1).await.unwrap_or_else(|error| panic!("no topics: {error}"));
        Some(Self { brokers, events, locks, reference, state, environment })
    }

    /// Starts a command service on them, waits until it is ready, and gives its address.
    pub async fn command_service(&self, name: &str) -> (Process, String) {
        let data = data_folder();
        let mut command = self.service("command-service", &data);
        command.arg("--data-dir").arg(&data);
        start(name, command, &data).await
    }

    /// Starts a query service on them, waits until it is ready, and gives its address.
    pub async fn query_service(&self, name: &str) -> (Process, String) {
        self.query_service_on(name, testing::database().await.url(), &[]).await
    }

    /// The same with more arguments.
    pub async fn query_service_with(&self, name: &str, more: &[String]) -> (Process, String) {
        self.query_service_on(name, testing::database().await.url(), more).await
    }

    /// The same on a database that others may use too.
    pub async fn query_service_on(&self, name: &str, database_url: &str, more: &[String]) -> (Process, String) {
        let data = data_folder();
        let mut command = self.service("query-service", &data);
        command.args(["--database-url", database_url]).args(more);
        start(name, command, &data).await
    }

    /// Creates one more topic for the state of segments.
    ///
    /// # Panics
    /// When Kafka refuses.
    pub async fn create_state(&self, topic: &str) {
        let config = KafkaConfig { state_topic: Some(topic.to_owned()), ..self.config() };
        KafkaLog::create_topics(&config, 1).await.unwrap_or_else(|error| panic!("no topics: {error}"));
    }

    /// The values of each key of a compacted topic, in order; none removes.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn compacted(&self, topic: &str) -> BTreeMap<String, Vec<Option<Value>>> {
        let config = KafkaConfig { reference_topic: topic.to_owned(), ..self.config() };
        let topic = KafkaReference::connect(config).await.unwrap_or_else(|error| panic!("{topic}: {error}"));
        let mut found = BTreeMap::<String, Vec<Option<Value>>>::new();
        let mut records = topic.scan();
        while let Some(record) = records.next().await {
            let record = record.expect("the topic can be read");
            let value = record.value.map(|value| serde_json::from_slice(&value).expect("JSON"));
            found.entry(record.key.expect("every record has a key")).or_default().push(value);
        }
        found
    }

    fn config(&self) -> KafkaConfig {
        KafkaConfig {
            topic: self.events.clone(),
            lock_topic: self.locks.clone(),
            reference_topic: self.reference.clone(),
            ..KafkaConfig::new(&self.brokers, PARTITIONS)
        }
    }

    /// The arguments that name them, for every program.
    pub fn arguments(&self) -> [String; 5] {
        [
            format!("--kafka-topic={}", self.events),
            format!("--kafka-reference-topic={}", self.reference),
            format!("--kafka-lock-topic={}", self.locks),
            format!("--kafka-environment={}", self.environment),
            format!("--kafka-partitions={PARTITIONS}"),
        ]
    }

    fn service(&self, program: &str, data: &Path) -> Command {
        let mut command = Command::new(binary(program));
        command.arg("--jwks-file").arg(tokens::write_key_set(data));
        command.args(["--kafka-brokers", &self.brokers]).args(self.arguments());
        // What a shell around us has set for a service must not reach this one.
        for variable in ["JWKS_URL", "DEV_ISSUER", "LISTEN", "INSTANCE"] {
            command.env_remove(variable);
        }
        command
    }
}

async fn start(name: &str, mut command: Command, data: &Path) -> (Process, String) {
    let address = format!("127.0.0.1:{}", free_port());
    command.args(["--listen", &address]);
    let mut process = Process::start(name, command, &[data]);
    let origin = format!("http://{address}");
    process.ready(&origin).await;
    (process, origin)
}

/// A port that nobody listens on just now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    listener.local_addr().expect("it is bound").port()
}

/// # Panics
/// When there is no Kafka: whoever asks for this stack wants it.
pub(super) async fn stack() -> Stack {
    let topics = Topics::create().await.expect("STACK=kafka needs a Kafka");
    let (commands, command_origin) = topics.command_service("command-service").await;
    let (queries, query_origin) = topics.query_service("query-service").await;
    let (gateway, origin) = gateway::start(&command_origin, &query_origin).await;
    Stack { origin, services: [command_origin, query_origin], _processes: vec![gateway, queries, commands] }
}
