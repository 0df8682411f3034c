//! How segments are now, in a compacted topic of its own for consumers who want no more.
//!
//! It follows from the events, partition by partition, and every record says from which event: so the last record of a
//! partition is how far it has been published. One publisher writes; opening another fences it, by Kafka's transactional id.

use std::{fmt, sync::Arc};

use futures::StreamExt as _;
use rdkafka::{consumer::BaseConsumer, message::BorrowedMessage};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    ConnectError, KafkaWriter, bounds_of,
    config::KafkaConfig,
    context::Context,
    producer,
    tail::{self, Until},
    topics,
};
use crate::{
    events::{EVENT_OFFSET, StateRecord, headers},
    log::{InDoubt, LogError, Offset, Partition, WriterName},
};

/// How many offsets a first look for the last record goes back; each further one eight times as many. Markers of transactions
/// and what was compacted leave holes.
const FIRST_LOOK: Offset = 64;
const WIDER: Offset = 8;

/// The topic. Clones are the same.
#[derive(Clone)]
pub struct KafkaState(Arc<Inner>);

struct Inner {
    /// With the state as its topic.
    config: KafkaConfig,
    looker: Arc<BaseConsumer<Context>>,
}

/// The right to publish, until another one has it.
#[derive(Debug)]
pub struct StateWriter {
    producer: KafkaWriter,
    config: KafkaConfig,
}

/// The event that a partition's last record follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its place in the partition of the events that has the same number.
    pub offset: Offset,
    /// Its id.
    pub event_id: Uuid,
}

impl fmt::Debug for KafkaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaState").field("topic", &self.0.config.topic).finish_non_exhaustive()
    }
}

impl KafkaState {
    /// Connects, and checks that the topic is fit; none if the configuration names none.
    ///
    /// # Errors
    /// When Kafka cannot be reached, or the topic is missing or set up otherwise; the text then holds the command that puts it
    /// right.
    pub async fn connect(config: KafkaConfig) -> Result<Option<Self>, ConnectError> {
        let Some(topic) = config.state_topic.clone() else { return Ok(None) };
        let looker = Arc::new(config.looker().map_err(|error| ConnectError::unreachable(&config, &error))?);
        topics::check_state(&config, looker.clone(), &topic).await?;
        // Only a transactional producer fences the one before it.
        let config = KafkaConfig { topic, transactions: true, ..config };
        Ok(Some(Self(Arc::new(Inner { config, looker }))))
    }

    /// The right to publish. Nothing of whoever had it appears after this returns.
    ///
    /// # Errors
    /// When Kafka cannot be reached.
    pub async fn open(&self) -> Result<StateWriter, LogError> {
        let config = self.0.config.clone();
        let name = WriterName(format!("{}.segments.state", config.environment));
        let (producer, opened) = producer::open(&config, &name)?;
        let opened = timeout(config.transaction_timeout * 3, opened).await;
        let no_answer = || LogError::Unavailable("opening the producer of the state did not come to an end".to_owned());
        opened.ok().and_then(Result::ok).ok_or_else(no_answer)??;
        Ok(StateWriter { producer, config })
    }

    /// How far a partition is published; none if nothing is.
    ///
    /// # Errors
    /// When Kafka cannot be reached, or the topic holds what no publisher wrote.
    pub async fn published(&self, partition: Partition) -> Result<Option<Published>, LogError> {
        let Inner { config, looker } = &*self.0;
        let (start, end) = bounds_of(looker.clone(), config.topic.clone(), partition).await?;
        let mut back = FIRST_LOOK;
        loop {
            let from = end.saturating_sub(back).max(start);
            let (config, topic) = (config.clone(), config.topic.clone());
            let mut records = tail::read(config, topic, vec![(partition, from)], Until::TheEnds, published);
            let mut last = None;
            while let Some(record) = records.next().await {
                last = Some(record?);
            }
            if last.is_some() || from == start {
                return Ok(last);
            }
            back = back.saturating_mul(WIDER);
        }
    }
}

impl StateWriter {
    /// Publishes records, all or none. After an error another writer must be opened.
    ///
    /// # Errors
    /// When it is not known whether they are published, or somebody else has the right now.
    pub async fn publish(&self, records: Vec<(Partition, StateRecord)>) -> Result<(), InDoubt> {
        let published = timeout(self.config.transaction_timeout * 3, self.producer.append(records)).await;
        let no_answer = || InDoubt { failed: Vec::new(), reason: "publishing did not come to an end".to_owned() };
        published.ok().and_then(Result::ok).ok_or_else(no_answer)?
    }
}

fn published(message: &BorrowedMessage<'_>) -> Result<Published, LogError> {
    let record = tail::record(message)?;
    let found = || {
        let offset = record.headers.get(EVENT_OFFSET)?.parse().ok()?;
        Some(Published { offset, event_id: record.headers.get(headers::ID)?.parse().ok()? })
    };
    found().ok_or_else(|| {
        let (partition, offset) = (record.partition, record.offset);
        LogError::Damaged(format!(
            "the state holds a record that no publisher wrote: partition {partition}, offset {offset}"
        ))
    })
}
