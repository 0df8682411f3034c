//! The log in Apache Kafka: one topic, one transaction a batch, `read_committed` readers.
//!
//! librdkafka blocks, so every client lives on a thread of its own: [`producer`] for writers, [`tail`] for readers, [`common`] for
//! all readers of a process together, [`locks`] for the group that says who should write. What the topic must be like is in
//! [`topics`], all client settings are in [`config`]. Reference data has a topic of its own ([`reference`]), and so
//! has how segments are now, if that is wanted ([`state`]). Safety never rests on
//! transactions; they keep what does not count from the eyes of other consumers.

mod common;
mod config;
mod context;
mod locks;
mod producer;
mod reference;
mod state;
mod tail;
mod topics;

use std::{fmt, sync::Arc, time::Duration};

use futures::Stream;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::sync::{oneshot, watch};

use super::{EventLog, InDoubt, LockEvents, LogError, NewRecord, Offset, Partition, Record, WriterName};

pub use config::KafkaConfig;
pub use producer::KafkaWriter;
pub use reference::KafkaReference;
pub use state::{KafkaState, Published, StateWriter};
pub use topics::ConnectError;

use common::Common;
use context::Context;
use tail::Until;

/// Calls in a row that did not come back, after which only a new process helps.
const MOST_HANGS: u32 = 3;

/// How long a look at the end of a partition may take.
const LOOK: Duration = Duration::from_secs(2);

/// A log in Kafka. Clones are the same log.
#[derive(Clone)]
pub struct KafkaLog(Arc<Inner>);

struct Inner {
    config: KafkaConfig,
    /// For metadata and ends only. It never fetches, so that no question of it waits behind a long poll.
    looker: Arc<BaseConsumer<Context>>,
    common: Common,
    hangs: watch::Sender<u32>,
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KafkaConfig { brokers, topic, .. } = &self.0.config;
        f.debug_struct("KafkaLog").field("brokers", brokers).field("topic", topic).finish_non_exhaustive()
    }
}

impl KafkaLog {
    /// Connects, and checks that the topic is fit to be an event log.
    ///
    /// # Errors
    /// When Kafka cannot be reached, or the topic is missing or set up so that it would lose events; the text then holds the
    /// command that puts it right. Less than three replicas are only warned of.
    pub async fn connect(config: KafkaConfig) -> Result<Self, ConnectError> {
        let looker = config.looker().map_err(|error| ConnectError::unreachable(&config, &error))?;
        let (looker, common, hangs) = (Arc::new(looker), Common::new(), watch::Sender::new(0));
        let log = Self(Arc::new(Inner { config, looker, common, hangs }));
        topics::check_events(&log.0.config, log.0.looker.clone()).await?;
        Ok(log)
    }

    /// Creates the topics of this configuration if they are missing: events, locks, reference data, and the state if it is wanted. For development, tests
    /// and first contact; where Kafka is run by others, they create them by the commands in the errors of `connect`.
    ///
    /// # Errors
    /// When Kafka cannot be reached or refuses.
    pub async fn create_topics(config: &KafkaConfig, replicas: u16) -> Result<(), ConnectError> {
        topics::create(config, replicas).await
    }

    /// Joins the group that shares the partitions out among instances; leaves it when the receiver is dropped. Each instance
    /// gets what is its own to write at `Assigned`, and keeps what is `Revoked` until it has answered, 2 s at most.
    ///
    /// # Errors
    /// When Kafka cannot be reached or the lock topic is missing or has another number of partitions.
    pub async fn locks(&self, instance: &str) -> Result<LockEvents, ConnectError> {
        topics::check_locks(&self.0.config, self.0.looker.clone()).await?;
        locks::join(&self.0.config, instance)
    }

    /// Resolves when three calls into librdkafka in a row did not come back and were given up. They leak a thread and a client
    /// each, so whoever runs this should end the process then.
    pub fn hung(&self) -> impl Future<Output = ()> + use<> {
        let mut hangs = self.0.hangs.subscribe();
        async move {
            if hangs.wait_for(|hangs| *hangs >= MOST_HANGS).await.is_err() {
                // The log is gone, and nothing can hang in it.
                std::future::pending().await
            }
        }
    }

    /// Committed records from the given offsets on, up to what is there when it is read; then the stream ends.
    pub fn scan(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        tail::read(self.0.config.clone(), self.0.config.topic.clone(), from, Until::TheEnds, tail::record)
    }

    /// Waits for a thread to answer, but not forever.
    async fn watched<T>(&self, answer: oneshot::Receiver<T>) -> Option<T> {
        let patience = self.0.config.transaction_timeout * 3;
        match tokio::time::timeout(patience, answer).await {
            Ok(answered) => {
                self.0.hangs.send_if_modified(|hangs| std::mem::take(hangs) != 0);
                answered.ok()
            }
            Err(_) => {
                self.0.hangs.send_modify(|hangs| *hangs += 1);
                tracing::error!(?patience, hangs = *self.0.hangs.borrow(), "a call into librdkafka did not come back");
                None
            }
        }
    }
}

impl EventLog for KafkaLog {
    type Writer = KafkaWriter;

    fn partitions(&self) -> u16 {
        self.0.config.partitions
    }

    async fn fence(&self, writer: &WriterName, stops: Vec<(Partition, NewRecord)>) -> Result<(), LogError> {
        let mut throw_away = self.open_writer(writer).await?;
        let stopped = self.append(&mut throw_away, stops).await;
        stopped.map_err(|doubt| LogError::Unavailable(doubt.reason))
    }

    async fn open_writer(&self, name: &WriterName) -> Result<KafkaWriter, LogError> {
        let (writer, opened) = producer::open(&self.0.config, name)?;
        let no_answer = || LogError::Unavailable("opening a producer did not come to an end".to_owned());
        self.watched(opened).await.ok_or_else(no_answer)?.map(|()| writer)
    }

    async fn append(&self, writer: &mut KafkaWriter, batch: Vec<(Partition, NewRecord)>) -> Result<(), InDoubt> {
        if batch.is_empty() {
            return Ok(()); // Brokers refuse to commit an empty transaction.
        }
        if let Some((partition, _)) = batch.iter().find(|(partition, _)| partition.number() >= self.partitions()) {
            return Err(InDoubt { failed: vec![*partition], reason: format!("there is no partition {partition}") });
        }
        let no_answer = || InDoubt {
            failed: Vec::new(),
            reason: "an append did not come to an end, or its producer is gone".to_owned(),
        };
        self.watched(writer.append(batch)).await.ok_or_else(no_answer)?
    }

    fn tail(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        self.0.common.read(self.0.config.clone(), from)
    }

    async fn end(&self, partition: Partition) -> Result<Offset, LogError> {
        let (looker, topic) = (self.0.looker.clone(), self.0.config.topic.clone());
        end_of(looker, topic, partition).await
    }

    fn end_after(&self, last: Offset) -> Offset {
        last + if self.0.config.transactions { 2 } else { 1 }
    }
}

async fn end_of(looker: Arc<BaseConsumer<Context>>, topic: String, partition: Partition) -> Result<Offset, LogError> {
    bounds_of(looker, topic, partition).await.map(|(_, end)| end)
}

/// Where a partition begins and ends.
async fn bounds_of(
    looker: Arc<BaseConsumer<Context>>,
    topic: String,
    partition: Partition,
) -> Result<(Offset, Offset), LogError> {
    let unavailable = |reason: String| LogError::Unavailable(format!("no end of partition {partition}: {reason}"));
    let look = move || looker.fetch_watermarks(&topic, i32::from(partition.number()), LOOK);
    let looked = tokio::task::spawn_blocking(look).await.map_err(|stopped| unavailable(stopped.to_string()))?;
    looked.map_err(|error| unavailable(error.to_string()))
}
