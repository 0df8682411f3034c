//! Reference data in a compacted topic: `reference.v1`, which other systems may write too, with any client whose partitioner
//! is that of Kafka's own (murmur2 of the key).

use std::{fmt, sync::Arc};

use futures::{Stream, future::try_join_all};
use rdkafka::{
    consumer::BaseConsumer,
    message::{BorrowedMessage, Message as _},
    producer::{FutureProducer, FutureRecord},
};

use super::{
    ConnectError,
    config::KafkaConfig,
    context::Context,
    end_of,
    tail::{self, Until},
    topics,
};
use crate::{
    log::{LogError, Offset, Partition, partition::partition_of_text},
    reference::{Change, InDoubt, Record, ReferenceLog},
};

/// Reference data in a topic of Kafka. Clones are the same.
#[derive(Clone)]
pub struct KafkaReference(Arc<Inner>);

struct Inner {
    config: KafkaConfig,
    partitions: u16,
    looker: Arc<BaseConsumer<Context>>,
    producer: FutureProducer<Context>,
}

impl fmt::Debug for KafkaReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KafkaConfig { brokers, reference_topic, .. } = &self.0.config;
        f.debug_struct("KafkaReference")
            .field("brokers", brokers)
            .field("topic", reference_topic)
            .finish_non_exhaustive()
    }
}

impl KafkaReference {
    /// Connects, and checks that the topic is fit for reference data. It has as many partitions as it has.
    ///
    /// # Errors
    /// When Kafka cannot be reached, or the topic is missing or not compacted; the text then holds the command that puts it
    /// right.
    pub async fn connect(config: KafkaConfig) -> Result<Self, ConnectError> {
        let looker = config.looker().map_err(|error| ConnectError::unreachable(&config, &error))?;
        let looker = Arc::new(looker);
        let partitions = topics::check_reference(&config, looker.clone()).await?;
        let producer = config.reference_producer().map_err(|error| ConnectError::unreachable(&config, &error))?;
        Ok(Self(Arc::new(Inner { config, partitions, looker, producer })))
    }

    /// Everything that is there when it is read; then the stream ends.
    pub fn scan(&self) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        let Inner { config, partitions, .. } = &*self.0;
        let from = (0..*partitions).map(|number| (Partition::new(number), 0)).collect();
        tail::read(config.clone(), config.reference_topic.clone(), from, Until::TheEnds, record)
    }
}

impl ReferenceLog for KafkaReference {
    fn partitions(&self) -> u16 {
        self.0.partitions
    }

    async fn write(&self, changes: Vec<Change>) -> Result<Vec<(Partition, Offset)>, InDoubt> {
        let Inner { config, partitions, producer, .. } = &*self.0;
        let mut deliveries = Vec::with_capacity(changes.len());
        for change in changes {
            let (key, value) = (change.key().to_string(), change.value());
            let partition = partition_of_text(&key, *partitions);
            let mut record =
                FutureRecord::to(&config.reference_topic).key(&key).partition(i32::from(partition.number()));
            record.payload = value.as_ref();
            let delivery = producer.send_result(record).map_err(|(error, _)| InDoubt(error.to_string()))?;
            deliveries.push(async move {
                match delivery.await {
                    Ok(Ok(delivered)) => Ok((partition, delivered.offset + 1)),
                    Ok(Err((error, _))) => Err(InDoubt(error.to_string())),
                    Err(_) => Err(InDoubt("the producer is gone".to_owned())),
                }
            });
        }
        try_join_all(deliveries).await
    }

    fn tail(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        let Inner { config, .. } = &*self.0;
        tail::read(config.clone(), config.reference_topic.clone(), from, Until::Forever, record)
    }

    async fn end(&self, partition: Partition) -> Result<Offset, LogError> {
        let (looker, topic) = (self.0.looker.clone(), self.0.config.reference_topic.clone());
        end_of(looker, topic, partition).await
    }
}

/// A key that is not UTF-8 names nothing.
fn record(message: &BorrowedMessage<'_>) -> Result<Record, LogError> {
    Ok(Record {
        partition: tail::partition(message)?,
        offset: message.offset(),
        key: message.key().and_then(|key| str::from_utf8(key).ok()).map(str::to_owned),
        value: message.payload().map(<[u8]>::to_vec),
    })
}
