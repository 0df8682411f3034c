//! What must be known of a Kafka, and the settings of every client, each with its reason where it is not plain.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig, admin::AdminClient, client::DefaultClientContext, consumer::BaseConsumer, error::KafkaResult,
    producer::FutureProducer,
};

use super::context::Context;
use crate::log::{Offset, WriterName};

/// The largest batch of the topic: a record of 1 MiB, with room for what Kafka adds.
pub(super) const MAX_MESSAGE_BYTES: u32 = 2 * 1024 * 1024;

/// Where the log is, and how it is used.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// The topic of the events.
    pub topic: String,
    /// A topic without data; whoever is assigned partition i of it should write to partition i of the events.
    pub lock_topic: String,
    /// The compacted topic of reference data, which other systems may write too.
    pub reference_topic: String,
    /// The compacted topic of how segments are now, if there is to be one.
    pub state_topic: Option<String>,
    /// Begins the names of consumer groups, so that installations can share a cluster.
    pub environment: String,
    /// How many partitions the topics have.
    pub partitions: u16,
    /// Whether batches are transactions. Without, other consumers must apply the acceptance rule themselves, and nothing but
    /// that rule stops an older writer.
    pub transactions: bool,
    /// Settings of librdkafka for every client, over ours: `security.protocol`, `sasl.mechanism`, `ssl.ca.location`, …
    pub options: BTreeMap<String, String>,
    /// When the broker ends a transaction that its producer has left open.
    pub transaction_timeout: Duration,
    /// How long the delivery of a record is tried.
    pub delivery_timeout: Duration,
    /// When an instance that is silent loses its partitions to others.
    pub session_timeout: Duration,
}

impl KafkaConfig {
    /// With the names and times of the published contract.
    pub fn new(brokers: impl Into<String>, partitions: u16) -> Self {
        Self {
            brokers: brokers.into(),
            topic: "segments.events.v1".to_owned(),
            lock_topic: "segments.writers.lock".to_owned(),
            reference_topic: "reference.v1".to_owned(),
            state_topic: None,
            environment: "main".to_owned(),
            partitions,
            transactions: true,
            options: BTreeMap::new(),
            transaction_timeout: Duration::from_secs(10),
            delivery_timeout: Duration::from_secs(5),
            session_timeout: Duration::from_secs(6),
        }
    }

    pub(super) fn producer(&self, name: &WriterName) -> KafkaResult<FutureProducer<Context>> {
        let mut config = self.client(&name.0);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("compression.type", "lz4")
            .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
            .set("message.timeout.ms", self.delivery_timeout.as_millis().to_string());
        if self.transactions {
            config
                .set("transactional.id", &name.0)
                .set("transaction.timeout.ms", self.transaction_timeout.as_millis().to_string());
        }
        self.with_options(config).create_with_context(Context)
    }

    /// For records of which only the last of a key counts: to send one twice is no harm, and a producer that is not
    /// idempotent has no error after which it is of no use. One request at a time keeps the order.
    pub(super) fn reference_producer(&self) -> KafkaResult<FutureProducer<Context>> {
        let mut config = self.client("reference");
        config
            .set("enable.idempotence", "false")
            .set("max.in.flight.requests.per.connection", "1")
            .set("acks", "all")
            .set("linger.ms", "1")
            .set("compression.type", "lz4")
            .set("message.timeout.ms", self.delivery_timeout.as_millis().to_string());
        self.with_options(config).create_with_context(Context)
    }

    /// `tells_ends`: whether it says when it is at the end of a partition.
    pub(super) fn tail(&self, tells_ends: bool) -> KafkaResult<BaseConsumer<Context>> {
        let mut config = self.client("tail");
        config
            .set("enable.partition.eof", tells_ends.to_string())
            // librdkafka wants a name, but the partitions are assigned by hand and no offset is ever committed.
            .set("group.id", format!("{}.segments.tail", self.environment))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("check.crcs", "true")
            // An offset that is not there any more is damage, and nothing to be skipped.
            .set("auto.offset.reset", "error")
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "100")
            // The defaults, 500 and 1000, hold up a reader after a hiccup and one that reads faster than it is fed.
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.max.messages.kbytes", "16384");
        self.with_options(config).create_with_context(Context)
    }

    /// A client that asks and never fetches. What it says of ends is what readers of committed records can reach.
    pub(super) fn looker(&self) -> KafkaResult<BaseConsumer<Context>> {
        let mut config = self.client("looker");
        config.set("isolation.level", "read_committed");
        self.with_options(config).create_with_context(Context)
    }

    pub(super) fn locks(&self, instance: &str) -> ClientConfig {
        let mut config = self.client(instance);
        config
            .set("group.id", format!("{}.segments.writers", self.environment))
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", self.session_timeout.as_millis().to_string())
            .set("heartbeat.interval.ms", "1000")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "latest");
        self.with_options(config)
    }

    pub(super) fn admin(&self) -> KafkaResult<AdminClient<DefaultClientContext>> {
        self.with_options(self.client("admin")).create()
    }

    fn client(&self, id: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", id)
            .set("socket.timeout.ms", "5000")
            .set("socket.nagle.disable", "true")
            .set("retry.backoff.ms", "20")
            .set("retry.backoff.max.ms", "200")
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "500");
        config
    }

    fn with_options(&self, mut config: ClientConfig) -> ClientConfig {
        for (name, value) in &self.options {
            config.set(name, value);
        }
        config
    }
}

/// Kafka's word for a place to read from.
pub(super) fn offset(offset: Offset) -> rdkafka::Offset {
    rdkafka::Offset::Offset(offset)
}
