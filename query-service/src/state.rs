//! Publishes how segments are now, for consumers who want no more than that: the topic of [`KafkaState`].
//!
//! Whoever holds a lock in the database does it, so that instances do not take it from each other; safety rests on Kafka, which
//! fences an older publisher when a newer one opens. Every record says from which event it follows. So the last one of a
//! partition is how far it is published, in one write with the state itself, and a publisher may be killed at any time.

use std::{collections::HashSet, time::Duration};

use futures::{FutureExt as _, StreamExt as _};
use metrics::{counter, describe_counter};
use shared::{
    events::{Envelope, StateRecord},
    log::{
        Acceptance, EventLog, InDoubt, LogError, Partition, Record, Verdict,
        kafka::{KafkaState, StateWriter},
    },
};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time;

use crate::{
    anchor,
    projector::{Pause, Reason, Unusable},
    views::Database,
};

/// The most of one transaction: records of the log, and about as many bytes.
const BATCH_RECORDS: usize = 1_000;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How long it rests when few records came.
const REST: Duration = Duration::from_millis(25);
const FEW: usize = 64;

/// How often it looks whether the lock is still its own, or can be had.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Names for the exporter; call once, after the recorder is installed.
pub fn describe() {
    describe_counter!("state_records_total", "Records published to the topic of the state of segments");
    describe_counter!("state_publisher_stopped_total", "Publishers that met what they cannot publish");
}

/// Publishes the state.
#[derive(Debug)]
pub struct Publisher<L> {
    log: L,
    state: KafkaState,
    lock: PgConnectOptions,
}

/// Why it was interrupted.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("log: {0}")]
    Log(#[from] LogError),
    #[error("state: {0}")]
    State(#[from] InDoubt),
    #[error("lock: {0}")]
    Lock(#[from] sqlx::Error),
    #[error("partition {0}: {1}")]
    Record(Partition, Unusable),
    #[error("partition {0}: the state follows from another log; delete its topic, and it is published anew")]
    Foreign(Partition),
}

impl Failure {
    /// Whether the same would happen again, however long one waits.
    fn is_final(&self) -> bool {
        match self {
            Self::Log(LogError::Unavailable(_)) | Self::State(_) | Self::Lock(_) => false,
            Self::Log(LogError::Damaged(_)) | Self::Record(..) | Self::Foreign(_) => true,
        }
    }
}

impl<L: EventLog> Publisher<L> {
    /// From this log to this topic; the lock is in that database.
    ///
    /// # Errors
    /// When the URL of the database is none.
    pub fn new(log: L, state: KafkaState, database: &Database) -> Result<Self, sqlx::Error> {
        let lock: PgConnectOptions = database.url.parse()?;
        Ok(Self { log, state, lock: lock.application_name("publisher of the state") })
    }

    /// Publishes until dropped, which can be at any time.
    pub async fn run(self) {
        let mut pause = Pause::new();
        loop {
            let failure = match self.lead().await {
                Ok(lock) => tokio::select! {
                    failure = self.publish(&mut pause) => failure,
                    failure = hold(lock) => failure.into(),
                },
                Err(error) => error.into(),
            };
            if failure.is_final() {
                counter!("state_publisher_stopped_total").increment(1);
                tracing::error!(%failure, "the state of segments is published no more");
                return std::future::pending().await;
            }
            let wait = pause.next();
            tracing::warn!(%failure, ?wait, "publishing the state of segments is interrupted, trying again");
            time::sleep(wait).await;
        }
    }

    /// Waits for the lock; it ends with the connection.
    async fn lead(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = PgConnection::connect_with(&self.lock).await?;
        let ask = "select pg_try_advisory_lock(hashtext('segments.state'), 0)";
        while !sqlx::query_scalar::<_, bool>(ask).fetch_one(&mut connection).await? {
            time::sleep(LOOK_EVERY).await;
        }
        Ok(connection)
    }

    /// One life of a publisher; why it ended.
    async fn publish(&self, pause: &mut Pause) -> Failure {
        match self.try_publish(pause).await {
            Ok(never) => match never {},
            Err(failure) => failure,
        }
    }

    async fn try_publish(&self, pause: &mut Pause) -> Result<std::convert::Infallible, Failure> {
        // First, so that what is found published stays the last.
        let writer = self.state.open().await?;
        let mut rules = Vec::new();
        for partition in (0..self.log.partitions()).map(Partition::new) {
            rules.push(self.rule(partition).await?);
        }
        let mut tail = self.log.tail(rules.iter().map(|rule| (rule.partition, rule.next_offset())).collect());
        loop {
            let mut next = tail.next().await;
            let (mut batch, mut bytes, mut came) = (Vec::new(), 0, 0);
            while let Some(record) = next {
                came += 1;
                let left = read(&mut rules, &record?)?;
                bytes += left.as_ref().map_or(0, |(_, record)| record.size());
                batch.extend(left);
                let is_full = came >= BATCH_RECORDS || bytes >= BATCH_BYTES;
                next = if is_full { None } else { tail.next().now_or_never().flatten() };
            }
            if came == 0 {
                return Err(LogError::Unavailable("the tail ended".to_owned()).into());
            }
            send(&writer, batch).await?;
            pause.reset();
            if came < FEW {
                time::sleep(REST).await;
            }
        }
    }

    /// What the acceptance rule knows where a partition is published to.
    async fn rule(&self, partition: Partition) -> Result<Acceptance, Failure> {
        let Some(published) = self.state.published(partition).await? else {
            return Ok(Acceptance::new(partition, self.log.partitions()));
        };
        let event = anchor::record_at(&self.log, partition, published.offset).await?;
        let is_it = |event: &Record| Envelope::open(event).is_ok_and(|event| event.id == published.event_id);
        let rule = event.filter(is_it).and_then(|event| Acceptance::behind(&event, self.log.partitions()));
        rule.ok_or(Failure::Foreign(partition))
    }
}

/// Looks after the lock until it is gone.
async fn hold(mut lock: PgConnection) -> sqlx::Error {
    loop {
        time::sleep(LOOK_EVERY).await;
        if let Err(error) = lock.ping().await {
            return error;
        }
    }
}

/// What the next record of the log leaves, if it counts.
fn read(rules: &mut [Acceptance], record: &Record) -> Result<Option<(Partition, StateRecord)>, Failure> {
    let partition = record.partition;
    let unusable = |reason| Failure::Record(partition, Unusable { offset: record.offset, reason });
    match rules[partition.index()].step(record) {
        Verdict::Accepted => {
            let event = Envelope::open(record).map_err(|error| unusable(error.into()))?;
            Ok(StateRecord::left_by(&event, record.offset).map(|left| (partition, left)))
        }
        Verdict::NewWriter(_) | Verdict::NoWriter(_) | Verdict::Ignored(_) => Ok(None),
        Verdict::Newer => Err(unusable(Reason::Newer)),
        Verdict::Corrupt => Err(unusable(Reason::Corrupt)),
    }
}

async fn send(writer: &StateWriter, batch: Vec<(Partition, StateRecord)>) -> Result<(), InDoubt> {
    let batch = last_of_each(batch);
    let count = batch.len();
    if count > 0 {
        writer.publish(batch).await?;
        counter!("state_records_total").increment(count as u64);
    }
    Ok(())
}

/// The last record of each key, in their order: so the last of a partition stays its last.
fn last_of_each(mut batch: Vec<(Partition, StateRecord)>) -> Vec<(Partition, StateRecord)> {
    let mut seen = HashSet::new();
    batch.reverse();
    batch.retain(|(_, record)| seen.insert(record.key.clone()));
    batch.reverse();
    batch
}

#[cfg(test)]
mod tests {
    use shared::events::Headers;

    use super::*;

    #[test]
    fn the_last_record_of_each_key_stays_in_its_place() {
        let record = |key: &str, value: &str| {
            let value = Some(value.as_bytes().to_vec());
            (Partition::new(0), StateRecord { key: key.to_owned(), headers: Headers::default(), value })
        };
        let batch = vec![record("a", "1"), record("b", "1"), record("a", "2"), record("c", "1"), record("b", "2")];
        assert_eq!(last_of_each(batch), [record("a", "2"), record("c", "1"), record("b", "2")]);
    }
}
