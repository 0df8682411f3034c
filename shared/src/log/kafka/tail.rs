//! Reading: a consumer on its own thread, its partitions assigned by hand, into a bounded channel.

use std::{collections::BTreeSet, thread, time::Duration};

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message},
};
use tokio::sync::mpsc;

use super::{
    config::{self, KafkaConfig},
    context::Context,
};
use crate::{
    Timestamp,
    events::Headers,
    log::{LogError, Offset, Partition, Record},
};

/// How long a poll waits for a message: the time after which a reader that is gone is noticed.
const POLL: Duration = Duration::from_millis(100);

/// How many records are handed over at once, at most, and how many such heaps wait for the reader, beside what librdkafka
/// holds.
const HEAP: usize = 256;
const HEAPS_WAITING: usize = 4;

/// What is made of a message.
type Make<T> = fn(&BorrowedMessage<'_>) -> Result<T, LogError>;

/// When a reader has read enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Never: it waits for what comes.
    Forever,
    /// When it has been at the end of each partition once. Markers of transactions make that end impossible to tell from the
    /// offsets of records alone; librdkafka knows it.
    TheEnds,
}

/// Reads a topic from these offsets on.
pub(super) fn read<T: Send + 'static>(
    config: KafkaConfig,
    topic: String,
    from: Vec<(Partition, Offset)>,
    until: Until,
    make: Make<T>,
) -> impl Stream<Item = Result<T, LogError>> + Send + Unpin + 'static {
    let (send, mut receive) = mpsc::channel(HEAPS_WAITING);
    let on_thread = send.clone();
    let work = move || {
        let read = each_heap(&config, &topic, &from, until, make, |heap| match heap.is_empty() {
            true => !on_thread.is_closed(),
            false => on_thread.blocking_send(Ok(heap)).is_ok(),
        });
        if let Err(error) = read {
            // Nobody may be there any more.
            drop(on_thread.blocking_send(Err(error)));
        }
    };
    if let Err(error) = thread::Builder::new().name("kafka-tail".to_owned()).spawn(work) {
        let error = LogError::Unavailable(format!("no thread for a consumer: {error}"));
        send.try_send(Err(error)).expect("the channel is new and has room");
    }
    let heaps = stream::poll_fn(move |context| receive.poll_recv(context));
    heaps.map_ok(|heap| stream::iter(heap).map(Ok)).try_flatten()
}

/// Reads on this thread until it has read enough, `take` wants no more, or an error comes. `take` is asked at least every 100 ms,
/// if need be with an empty heap.
pub(super) fn each_heap<T>(
    config: &KafkaConfig,
    topic: &str,
    from: &[(Partition, Offset)],
    until: Until,
    make: Make<T>,
    mut take: impl FnMut(Vec<T>) -> bool,
) -> Result<(), LogError> {
    let consumer = assigned(config, topic, from, until).map_err(|error| LogError::Unavailable(error.to_string()))?;
    let mut ended = BTreeSet::new();
    while until == Until::Forever || ended.len() < from.len() {
        let mut heap = Vec::new();
        let gathered = gather(&consumer, make, &mut heap, &mut ended);
        if !take(heap) {
            return Ok(());
        }
        gathered?;
    }
    Ok(())
}

/// Waits for a message, and takes what else is there: the reader is woken once for all of it.
fn gather<T>(
    consumer: &BaseConsumer<Context>,
    make: Make<T>,
    heap: &mut Vec<T>,
    ended: &mut BTreeSet<i32>,
) -> Result<(), LogError> {
    let mut patience = POLL;
    while heap.len() < HEAP
        && let Some(polled) = consumer.poll(patience)
    {
        patience = Duration::ZERO;
        match polled {
            Ok(message) => heap.push(make(&message)?),
            Err(KafkaError::PartitionEOF(partition)) => drop(ended.insert(partition)),
            Err(error) if passes(&error) => tracing::debug!(%error, "the tail waits"),
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(())
}

fn assigned(
    config: &KafkaConfig,
    topic: &str,
    from: &[(Partition, Offset)],
    until: Until,
) -> KafkaResult<BaseConsumer<Context>> {
    let consumer = config.tail(until == Until::TheEnds)?;
    let mut places = TopicPartitionList::with_capacity(from.len());
    for (partition, next) in from {
        places.add_partition_offset(topic, i32::from(partition.number()), config::offset(*next))?;
    }
    consumer.assign(&places)?;
    Ok(consumer)
}

/// Whether librdkafka goes on by itself.
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        AllBrokersDown, BrokerTransportFailure, CoordinatorLoadInProgress, CoordinatorNotAvailable, LeaderNotAvailable,
        NotCoordinator, NotLeaderForPartition, OperationTimedOut, RequestTimedOut, Resolve, WaitingForCoordinator,
    };
    !matches!(error, KafkaError::MessageConsumptionFatal(_))
        && matches!(
            error.rdkafka_error_code(),
            Some(
                AllBrokersDown
                    | BrokerTransportFailure
                    | CoordinatorLoadInProgress
                    | CoordinatorNotAvailable
                    | LeaderNotAvailable
                    | NotCoordinator
                    | NotLeaderForPartition
                    | OperationTimedOut
                    | RequestTimedOut
                    | Resolve
                    | WaitingForCoordinator
            )
        )
}

fn failed(error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
            LogError::Damaged(format!("an offset to read from is not there, events were deleted: {error}"))
        }
        _ => LogError::Unavailable(error.to_string()),
    }
}

/// Where a message lies.
pub(super) fn partition(message: &BorrowedMessage<'_>) -> Result<Partition, LogError> {
    let number = u16::try_from(message.partition());
    number.map(Partition::new).map_err(|_| LogError::Damaged(format!("partition {}", message.partition())))
}

/// A record of the events. Text that is not UTF-8 was not written by us, so the acceptance rule will not count its record: any
/// reading of it does.
pub(super) fn record(message: &BorrowedMessage<'_>) -> Result<Record, LogError> {
    let text = String::from_utf8_lossy;
    let headers = message.headers().map_or_else(Headers::default, |headers| {
        headers.iter().map(|header| (header.key, text(header.value.unwrap_or_default()))).collect()
    });
    Ok(Record {
        partition: partition(message)?,
        offset: message.offset(),
        appended_at: Timestamp::from_unix_millis(message.timestamp().to_millis().unwrap_or_default()),
        key: message.key().map(|key| text(key).into_owned()),
        headers,
        value: message.payload().unwrap_or_default().to_vec(),
    })
}
