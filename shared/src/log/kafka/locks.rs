//! The lock group: Kafka's group membership shares the partitions of a topic without data out among instances. It says who
//! should write; who may, the log itself decides.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::KafkaError,
};
use tokio::sync::{mpsc, oneshot};

use super::{ConnectError, config::KafkaConfig, context};
use crate::log::{LockEvent, LockEvents, Partition};

const POLL: Duration = Duration::from_millis(100);

/// How long an instance may hold on to what is revoked.
const GRACE: Duration = Duration::from_secs(2);

struct LockContext {
    events: mpsc::UnboundedSender<LockEvent>,
}

pub(super) fn join(config: &KafkaConfig, instance: &str) -> Result<LockEvents, ConnectError> {
    let (events, receive) = mpsc::unbounded_channel();
    let context = LockContext { events: events.clone() };
    let consumer = BaseConsumer::from_config_and_context(&config.locks(instance), context)
        .and_then(|consumer| consumer.subscribe(&[&config.lock_topic]).map(|()| consumer))
        .map_err(|error| ConnectError::unreachable(config, &error))?;
    let work = move || {
        while !events.is_closed() {
            if let Some(Err(error)) = consumer.poll(POLL) {
                tracing::warn!(%error, "the lock group has trouble");
            }
        }
        // Leaves the group when it is dropped here, on its own thread.
    };
    thread::Builder::new()
        .name("kafka-locks".to_owned())
        .spawn(work)
        .map_err(|error| ConnectError::unreachable(config, &error))?;
    Ok(receive)
}

impl ClientContext for LockContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        context::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka reports an error to the lock group");
    }
}

impl ConsumerContext for LockContext {
    /// Revoked partitions are given up when this returns. It holds up nothing but its own thread; heartbeats go on.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(list) = rebalance else { return };
        let partitions = partitions(list);
        if partitions.is_empty() {
            return;
        }
        let (released, answer) = oneshot::channel();
        if self.events.send(LockEvent::Revoked { partitions, released }).is_ok() {
            wait(answer);
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) if list.count() > 0 => {
                // The instance may be gone; the thread ends then.
                drop(self.events.send(LockEvent::Assigned(partitions(list))));
            }
            Rebalance::Assign(_) | Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "the lock group could not share out"),
        }
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<Partition> {
    let numbers = list.elements().into_iter().filter_map(|element| u16::try_from(element.partition()).ok());
    numbers.map(Partition::new).collect()
}

/// Until it is released, the instance is gone, or the time is up.
fn wait(mut released: oneshot::Receiver<()>) {
    let start = Instant::now();
    while start.elapsed() < GRACE && released.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        thread::sleep(Duration::from_millis(5));
    }
}
