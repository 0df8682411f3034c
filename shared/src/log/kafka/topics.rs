//! What the topics must be like, checked at start, and how to make them so.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode,
};

use super::{
    config::{KafkaConfig, MAX_MESSAGE_BYTES},
    context::Context,
};

const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Settings of the events' topic without which it would lose, change or refuse events.
const REQUIRED: [(&str, &str); 4] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("message.timestamp.type", "LogAppendTime"),
];

const MAX_BYTES: &str = "max.message.bytes";
const COMPRESSION: &str = "compression.type";
const MIN_REPLICAS: &str = "min.insync.replicas";
const UNCLEAN: &str = "unclean.leader.election.enable";

/// Why a Kafka cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It does not answer, or not as it should.
    #[error("kafka at {brokers} cannot be used: {reason}")]
    Unreachable {
        /// Its addresses.
        brokers: String,
        /// For the operator.
        reason: String,
    },
    /// A topic is missing.
    #[error("topic {topic} does not exist; create it with: {command}")]
    Missing {
        /// Its name.
        topic: String,
        /// What creates it.
        command: String,
    },
    /// A topic has another number of partitions, which decides where a key belongs and so can never be changed.
    #[error("topic {topic} has {found} partitions, {expected} are configured; configure {found}, or use another topic")]
    Partitions {
        /// Its name.
        topic: String,
        /// What it has.
        found: usize,
        /// What is configured.
        expected: u16,
    },
    /// A topic would lose, change or refuse records.
    #[error("topic {topic} is not fit for what it holds ({wrong}); put it right with: {command}")]
    Unfit {
        /// Its name.
        topic: String,
        /// What is wrong with it.
        wrong: String,
        /// What puts it right.
        command: String,
    },
}

impl ConnectError {
    pub(super) fn unreachable(config: &KafkaConfig, reason: &impl fmt::Display) -> Self {
        Self::Unreachable { brokers: config.brokers.clone(), reason: reason.to_string() }
    }
}

/// Settings of the topic of reference data without which it would lose entries.
const COMPACTED: (&str, &str) = ("cleanup.policy", "compact");

/// How long a removal must be there to be read, in milliseconds: a view that was away for longer would keep what was removed.
const TOMBSTONES: &str = "delete.retention.ms";
const TOMBSTONES_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Creates what is missing of the topics.
pub(super) async fn create(config: &KafkaConfig, replicas: u16) -> Result<(), ConnectError> {
    let admin = config.admin().map_err(|error| ConnectError::unreachable(config, &error))?;
    let count = i32::from(config.partitions);
    let replication = || TopicReplication::Fixed(i32::from(replicas));
    let settings = settings(replicas);
    let mut events = NewTopic::new(&config.topic, count, replication());
    for (name, value) in &settings {
        events = events.set(name, value);
    }
    let locks = NewTopic::new(&config.lock_topic, count, replication());
    let mut reference = NewTopic::new(&config.reference_topic, count, replication());
    let compacted = reference_settings(replicas);
    for (name, value) in &compacted {
        reference = reference.set(name, value);
    }
    let state = config.state_topic.as_deref().map(|topic| {
        let settings = state_settings(replicas);
        (topic, settings)
    });
    let state = state.as_ref().map(|(topic, settings)| {
        settings.iter().fold(NewTopic::new(topic, count, replication()), |topic, (name, value)| topic.set(name, value))
    });
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let created = admin.create_topics([&events, &locks, &reference].into_iter().chain(&state), &options).await;
    for created in created.map_err(|error| ConnectError::unreachable(config, &error))? {
        match created {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, error)) => {
                let reason = format!("topic {topic} could not be created: {error}");
                return Err(ConnectError::unreachable(config, &reason));
            }
        }
    }
    for topic in [&config.topic, &config.lock_topic, &config.reference_topic].into_iter().chain(&config.state_topic) {
        wait_for(config, topic).await?;
    }
    Ok(())
}

/// A broker may answer that it has created a topic, and a moment later not know of it yet.
async fn wait_for(config: &KafkaConfig, topic: &str) -> Result<(), ConnectError> {
    let looker = Arc::new(config.looker().map_err(|error| ConnectError::unreachable(config, &error))?);
    let start = Instant::now();
    while look(config, looker.clone(), topic).await?.is_empty() {
        if start.elapsed() > PATIENCE {
            let reason = format!("topic {topic} was created and is not there");
            return Err(ConnectError::unreachable(config, &reason));
        }
        tokio::time::sleep(LOOK_AGAIN_AFTER).await;
    }
    Ok(())
}

/// All settings of a new topic for events.
fn settings(replicas: u16) -> Vec<(&'static str, String)> {
    let mut settings: Vec<_> = REQUIRED.map(|(name, value)| (name, value.to_owned())).into();
    settings.push((MAX_BYTES, MAX_MESSAGE_BYTES.to_string()));
    settings.push((UNCLEAN, "false".to_owned()));
    settings.push(in_sync(replicas));
    settings
}

/// One broker may fail, where there are enough.
fn in_sync(replicas: u16) -> (&'static str, String) {
    (MIN_REPLICAS, if replicas >= 3 { "2" } else { "1" }.to_owned())
}

/// All settings of a new topic for reference data.
fn reference_settings(replicas: u16) -> Vec<(&'static str, String)> {
    let (policy, compact) = COMPACTED;
    vec![(policy, compact.to_owned()), (TOMBSTONES, TOMBSTONES_MS.to_string()), in_sync(replicas)]
}

/// All settings of a new topic for the state of segments.
fn state_settings(replicas: u16) -> Vec<(&'static str, String)> {
    let mut settings = reference_settings(replicas);
    settings.push((MAX_BYTES, MAX_MESSAGE_BYTES.to_string()));
    settings
}

fn as_arguments(settings: &[(&'static str, String)]) -> String {
    settings.iter().map(|(name, value)| format!(" --config {name}={value}")).collect()
}

/// Checks the topic of reference data; says how many partitions it has.
pub(super) async fn check_reference(
    config: &KafkaConfig,
    looker: Arc<BaseConsumer<Context>>,
) -> Result<u16, ConnectError> {
    let topic = &config.reference_topic;
    let partitions = replicas_of(config, looker, topic, &as_arguments(&reference_settings(3))).await?.len();
    let partitions =
        u16::try_from(partitions).map_err(|_| ConnectError::unreachable(config, &"too many partitions"))?;
    let found = describe(config, topic).await?;
    let value = |name: &str| found.get(name).map_or("", String::as_str);
    if value(TOMBSTONES).parse::<u64>().is_ok_and(|kept| kept < TOMBSTONES_MS) {
        let kept = value(TOMBSTONES);
        tracing::warn!(topic, kept, "views that are away for longer than {TOMBSTONES} keep what was removed");
    }
    let wrong: Vec<(&str, String)> = uncompacted(&found).into_iter().chain(unreadable(&found)).collect();
    if wrong.is_empty() { Ok(partitions) } else { Err(unfit(config, topic, &found, &wrong)) }
}

/// Checks the topic of the state of segments: as many partitions as the events have, compacted, and room for a document.
pub(super) async fn check_state(
    config: &KafkaConfig,
    looker: Arc<BaseConsumer<Context>>,
    topic: &str,
) -> Result<(), ConnectError> {
    let replicas = check_partitions(config, looker, topic, &as_arguments(&state_settings(3))).await?;
    let found = describe(config, topic).await?;
    let wrong: Vec<(&str, String)> =
        uncompacted(&found).into_iter().chain(too_small(&found)).chain(unreadable(&found)).collect();
    if replicas < 3 {
        tracing::warn!(topic, replicas, "the loss of one broker can take the state with it until it is published anew");
    }
    if wrong.is_empty() { Ok(()) } else { Err(unfit(config, topic, &found, &wrong)) }
}

/// What is wrong with a topic of which only the last record of a key is to stay.
fn uncompacted(found: &HashMap<String, String>) -> Option<(&'static str, String)> {
    let (name, right) = COMPACTED;
    (found.get(name).is_none_or(|value| value != right)).then(|| (name, right.to_owned()))
}

/// What is wrong with a topic that does not take our largest records.
fn too_small(found: &HashMap<String, String>) -> Option<(&'static str, String)> {
    let bytes = found.get(MAX_BYTES).and_then(|value| value.parse::<u32>().ok());
    bytes.is_some_and(|bytes| bytes < MAX_MESSAGE_BYTES).then(|| (MAX_BYTES, MAX_MESSAGE_BYTES.to_string()))
}

/// What this program could not decompress, and what it should be.
fn unreadable(found: &HashMap<String, String>) -> Option<(&'static str, String)> {
    let is_zstd = found.get(COMPRESSION).is_some_and(|value| value == "zstd");
    (is_zstd && cfg!(not(feature = "kafka-zstd"))).then(|| (COMPRESSION, "producer".to_owned()))
}

pub(super) async fn check_events(config: &KafkaConfig, looker: Arc<BaseConsumer<Context>>) -> Result<(), ConnectError> {
    let replicas = check_partitions(config, looker, &config.topic, &as_arguments(&settings(3))).await?;
    let found = describe(config, &config.topic).await?;
    let value = |name: &str| found.get(name).map_or("", String::as_str);
    let mut wrong: Vec<(&str, String)> = Vec::new();
    for (name, required) in REQUIRED {
        if value(name) != required {
            wrong.push((name, required.to_owned()));
        }
    }
    wrong.extend(too_small(&found).into_iter().chain(unreadable(&found)));
    if replicas < 3 || value(MIN_REPLICAS).parse::<u32>().is_ok_and(|least| least < 2) {
        let least = value(MIN_REPLICAS);
        tracing::warn!(topic = config.topic, replicas, least, "the loss of one broker can lose events or stop writes");
    }
    if value(UNCLEAN) == "true" {
        tracing::warn!(topic = config.topic, "{UNCLEAN} is true: events can be lost when brokers fail");
    }
    if wrong.is_empty() { Ok(()) } else { Err(unfit(config, &config.topic, &found, &wrong)) }
}

/// The settings found of a topic that should be others.
fn unfit(config: &KafkaConfig, topic: &str, found: &HashMap<String, String>, wrong: &[(&str, String)]) -> ConnectError {
    let value = |name: &str| found.get(name).map_or("", String::as_str);
    let listed = wrong.iter().map(|(name, right)| format!("{name} is {}, not {right}", value(name)));
    let listed = listed.collect::<Vec<_>>().join("; ");
    let right = wrong.iter().map(|(name, right)| format!("{name}={right}")).collect::<Vec<_>>().join(",");
    let KafkaConfig { brokers, .. } = config;
    let command = format!(
        "kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics --entity-name {topic} --add-config {right}"
    );
    ConnectError::Unfit { topic: topic.to_owned(), wrong: listed, command }
}

pub(super) async fn check_locks(config: &KafkaConfig, looker: Arc<BaseConsumer<Context>>) -> Result<(), ConnectError> {
    check_partitions(config, looker, &config.lock_topic, "").await.map(drop)
}

/// Checks that the topic is there and has the right number of partitions; says how many replicas each has.
async fn check_partitions(
    config: &KafkaConfig,
    looker: Arc<BaseConsumer<Context>>,
    topic: &str,
    settings: &str,
) -> Result<usize, ConnectError> {
    let replicas = replicas_of(config, looker, topic, settings).await?;
    let expected = config.partitions;
    if replicas.len() != usize::from(expected) {
        return Err(ConnectError::Partitions { topic: topic.to_owned(), found: replicas.len(), expected });
    }
    Ok(replicas.into_iter().min().unwrap_or(0))
}

/// Checks that the topic is there; says how many replicas each of its partitions has.
async fn replicas_of(
    config: &KafkaConfig,
    looker: Arc<BaseConsumer<Context>>,
    topic: &str,
    settings: &str,
) -> Result<Vec<usize>, ConnectError> {
    let replicas = look(config, looker, topic).await?;
    let KafkaConfig { brokers, partitions: expected, .. } = config;
    if replicas.is_empty() {
        let command = format!(
            "kafka-topics.sh --bootstrap-server {brokers} --create --topic {topic} --partitions {expected} \
             --replication-factor 3{settings}"
        );
        return Err(ConnectError::Missing { topic: topic.to_owned(), command });
    }
    Ok(replicas)
}

/// How many replicas each partition of the topic has; nothing if there is no such topic.
async fn look(
    config: &KafkaConfig,
    looker: Arc<BaseConsumer<Context>>,
    topic: &str,
) -> Result<Vec<usize>, ConnectError> {
    let unreachable = |reason: &dyn fmt::Display| ConnectError::unreachable(config, &reason);
    let asked = topic.to_owned();
    let fetched = tokio::task::spawn_blocking(move || {
        let metadata = looker.fetch_metadata(Some(&asked), PATIENCE)?;
        let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        Ok::<Vec<usize>, rdkafka::error::KafkaError>(partitions.map(|partition| partition.replicas().len()).collect())
    });
    fetched.await.map_err(|stopped| unreachable(&stopped))?.map_err(|error| unreachable(&error))
}

async fn describe(config: &KafkaConfig, topic: &str) -> Result<HashMap<String, String>, ConnectError> {
    let admin = config.admin().map_err(|error| ConnectError::unreachable(config, &error))?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let described = admin.describe_configs(&[ResourceSpecifier::Topic(topic)], &options).await;
    let mut settings = HashMap::new();
    for resource in described.map_err(|error| ConnectError::unreachable(config, &error))? {
        let resource = resource.map_err(|error| ConnectError::unreachable(config, &error))?;
        settings.extend(resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))));
    }
    Ok(settings)
}
