//! A producer on its own thread. Any error is the end of it: whoever uses it opens another one, which is the one way out of
//! every trouble that librdkafka and a broker can be in. It never aborts a transaction; opening the next producer does.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use futures::future::join_all;
use rdkafka::{
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer, future_producer},
    util::Timeout,
};
use tokio::sync::oneshot;

use super::{config::KafkaConfig, context::Context};
use crate::{
    events::{Headers, StateRecord},
    log::{InDoubt, LogError, NewRecord, Partition, WriterName},
};

/// The right to append to a [`KafkaLog`](super::KafkaLog): a producer.
#[derive(Debug)]
pub struct KafkaWriter {
    orders: mpsc::Sender<Order>,
}

/// A record to send.
pub(super) struct Outgoing {
    pub key: Option<String>,
    pub headers: Headers,
    /// None removes the key, where a topic is compacted.
    pub value: Option<Vec<u8>>,
}

impl From<NewRecord> for Outgoing {
    fn from(NewRecord { key, headers, value }: NewRecord) -> Self {
        Self { key, headers, value: Some(value) }
    }
}

impl From<StateRecord> for Outgoing {
    fn from(StateRecord { key, headers, value }: StateRecord) -> Self {
        Self { key: Some(key), headers, value }
    }
}

struct Order {
    batch: Vec<(Partition, Outgoing)>,
    done: oneshot::Sender<Result<(), InDoubt>>,
}

impl KafkaWriter {
    /// The outcome comes when the batch is committed; never, if the producer is gone.
    pub(super) fn append(
        &self,
        batch: Vec<(Partition, impl Into<Outgoing>)>,
    ) -> oneshot::Receiver<Result<(), InDoubt>> {
        let (done, outcome) = oneshot::channel();
        let batch = batch.into_iter().map(|(partition, record)| (partition, record.into())).collect();
        // If nobody takes the order, `done` is dropped with it, and that is the answer.
        drop(self.orders.send(Order { batch, done }));
        outcome
    }
}

/// Whether a producer could be opened.
type Opened = oneshot::Receiver<Result<(), LogError>>;

/// Starts the thread; the writer may be used when the receiver says so. Dropping the writer ends the thread, and with it the
/// producer, whose own end can take long.
pub(super) fn open(config: &KafkaConfig, name: &WriterName) -> Result<(KafkaWriter, Opened), LogError> {
    let (orders, waiting) = mpsc::channel();
    let (opened, outcome) = oneshot::channel();
    let (config, name) = (config.clone(), name.clone());
    let work = move || match start(&config, &name) {
        Ok(producer) => {
            // Also if nobody waits any more: then there will be no orders either.
            drop(opened.send(Ok(())));
            serve(&producer, &config, &waiting);
        }
        Err(error) => drop(opened.send(Err(LogError::Unavailable(format!("no producer {name}: {error}"))))),
    };
    thread::Builder::new()
        .name("kafka-writer".to_owned())
        .spawn(work)
        .map_err(|error| LogError::Unavailable(format!("no thread for a producer: {error}")))?;
    Ok((KafkaWriter { orders }, outcome))
}

fn start(config: &KafkaConfig, name: &WriterName) -> KafkaResult<FutureProducer<Context>> {
    let producer = config.producer(name)?;
    if config.transactions {
        // With a connection at hand the coordinator is found in 60 ms; without one librdkafka sleeps 500 ms first.
        producer.client().fetch_metadata(None, config.delivery_timeout)?;
        producer.init_transactions(Timeout::Never)?;
    }
    Ok(producer)
}

fn serve(producer: &FutureProducer<Context>, config: &KafkaConfig, orders: &mpsc::Receiver<Order>) {
    while let Ok(Order { batch, done }) = orders.recv() {
        let outcome = append(producer, config, &batch);
        let failed = outcome.is_err();
        // Whoever asked may have stopped waiting.
        drop(done.send(outcome));
        if failed {
            return;
        }
    }
}

/// The order matters: `commit_transaction` sleeps 100 ms if a delivery report is outstanding when it is called, which
/// is so for an instant even after its future has completed.
fn append(
    producer: &FutureProducer<Context>,
    config: &KafkaConfig,
    batch: &[(Partition, Outgoing)],
) -> Result<(), InDoubt> {
    let doubt = |what: &str, error: &KafkaError| InDoubt { failed: Vec::new(), reason: format!("{what}: {error}") };
    if config.transactions {
        producer.begin_transaction().map_err(|error| doubt("begin", &error))?;
    }
    let mut deliveries = Vec::with_capacity(batch.len());
    for (partition, record) in batch {
        let delivery = send(producer, &config.topic, *partition, record).map_err(|error| doubt("send", &error))?;
        deliveries.push(delivery);
    }
    delivered(batch, futures::executor::block_on(join_all(deliveries)))?;
    if config.transactions {
        let start = Instant::now();
        while producer.in_flight_count() > 0 && start.elapsed() < Duration::from_secs(1) {
            thread::yield_now();
        }
        producer.commit_transaction(Timeout::Never).map_err(|error| doubt("commit", &error))?;
    }
    Ok(())
}

fn send(
    producer: &FutureProducer<Context>,
    topic: &str,
    partition: Partition,
    record: &Outgoing,
) -> KafkaResult<DeliveryFuture> {
    let Outgoing { key, headers, value } = record;
    let mut owned = OwnedHeaders::new_with_capacity(headers.iter().len());
    for (key, value) in headers.iter() {
        owned = owned.insert(Header { key, value: Some(value) });
    }
    let mut message = FutureRecord::to(topic).partition(i32::from(partition.number())).headers(owned);
    message.payload = value.as_deref();
    if let Some(key) = key {
        message = message.key(key.as_str());
    }
    producer.send_result(message).map_err(|(error, _)| error)
}

/// One report a record: an error if one of them is, with the partitions that are to blame.
fn delivered(
    batch: &[(Partition, Outgoing)],
    reports: Vec<Result<future_producer::OwnedDeliveryResult, impl std::error::Error>>,
) -> Result<(), InDoubt> {
    let mut doubt: Option<InDoubt> = None;
    for ((partition, _), report) in batch.iter().zip(reports) {
        let error = match report {
            Ok(Ok(_)) => continue,
            Ok(Err((error, _))) => error,
            Err(_) => KafkaError::Canceled,
        };
        let reason = || format!("delivery to partition {partition}: {error}");
        let doubt = doubt.get_or_insert_with(|| InDoubt { failed: Vec::new(), reason: reason() });
        if is_of_the_partition(&error) && !doubt.failed.contains(partition) {
            doubt.failed.push(*partition);
        }
    }
    doubt.map_or(Ok(()), Err)
}

/// Whether an error of a delivery speaks of the partition, and not of the producer or of the transaction as a whole.
fn is_of_the_partition(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        KafkaStorageError, LeaderNotAvailable, MessageTimedOut, NotEnoughReplicas, NotEnoughReplicasAfterAppend,
        NotLeaderForPartition, RequestTimedOut, UnknownPartition, UnknownTopicOrPartition,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(
            KafkaStorageError
                | LeaderNotAvailable
                | MessageTimedOut
                | NotEnoughReplicas
                | NotEnoughReplicasAfterAppend
                | NotLeaderForPartition
                | RequestTimedOut
                | UnknownPartition
                | UnknownTopicOrPartition
        )
    )
}
