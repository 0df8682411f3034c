//! A long log, written directly: the same records that the command side would have written for the same requests.

use std::path::Path;

use shared::{
    Clock as _, SystemClock,
    clock::SharedClock,
    events::{Event, FOLD_VERSION, WriterStamp, WriterStarted},
    log::{Chain, EventLog as _, NewRecord, Partition, WriterName, local::LocalLog, partition_of},
};
use uuid::Uuid;

use crate::content;

/// As `segments up` makes its logs.
pub const PARTITIONS: u16 = 6;
const BATCH: usize = 5_000;
const WRITER: &str = "bench";

/// A writer's place in one partition.
struct Place {
    pseq: u64,
    chain: Chain,
}

/// Everything that a history is made of, in order.
struct History {
    writer_id: Uuid,
    places: Vec<Place>,
}

/// Writes so many events into a new log: segments, each with so many products after it.
///
/// # Errors
/// When the log cannot be written.
pub async fn write(path: &Path, events: u64, products: u64) -> anyhow::Result<()> {
    write_all(path, (0..events).map(|number| event(number / (products + 1), number % (products + 1)))).await
}

/// Writes events into a new log, each with its number among those of its segment.
///
/// # Errors
/// When the log cannot be written.
pub async fn write_all(path: &Path, events: impl Iterator<Item = (Event, u64)>) -> anyhow::Result<()> {
    let clock: SharedClock = std::sync::Arc::new(SystemClock);
    let log = LocalLog::open(path, PARTITIONS, clock).await?;
    let mut writer = log.open_writer(&WriterName(WRITER.to_owned())).await?;
    let mut history = History::new();
    log.append(&mut writer, history.announcements()).await?;
    let mut batch = Vec::with_capacity(BATCH);
    for (event, sequence) in events {
        batch.push(history.record(event, sequence));
        if batch.len() == BATCH {
            log.append(&mut writer, std::mem::take(&mut batch)).await?;
        }
    }
    log.append(&mut writer, batch).await?;
    Ok(())
}

/// An event of a segment: its creation, then each of its products.
fn event(segment: u64, step: u64) -> (Event, u64) {
    let now = SystemClock.now();
    let event = match step.checked_sub(1) {
        None => content::segment_created(segment, now),
        Some(place) => content::product_assigned(segment, place, now),
    };
    (event, step + 1)
}

impl History {
    fn new() -> Self {
        let places = (0..PARTITIONS).map(|_| Place { pseq: 0, chain: Chain::default() }).collect();
        Self { writer_id: Uuid::now_v7(), places }
    }

    /// One for each partition.
    fn announcements(&self) -> Vec<(Partition, NewRecord)> {
        let announcement = |number| {
            let partition = Partition::new(number);
            let started = WriterStarted {
                writer_id: self.writer_id,
                after: None,
                transactional_id: WRITER.to_owned(),
                instance: WRITER.to_owned(),
                url: None,
                partition,
                partitions: PARTITIONS,
                fold_version: FOLD_VERSION,
                started_at: SystemClock.now(),
            };
            (partition, started.to_record(Uuid::now_v7()))
        };
        (0..PARTITIONS).map(announcement).collect()
    }

    fn record(&mut self, event: Event, sequence: u64) -> (Partition, NewRecord) {
        let envelope = content::envelope(event, sequence, SystemClock.now());
        let partition = partition_of(&envelope.key(), PARTITIONS);
        let place = &mut self.places[partition.index()];
        place.pseq += 1;
        let stamp = WriterStamp { writer_id: self.writer_id, pseq: place.pseq, previous: &place.chain };
        let record = envelope.seal(stamp);
        place.chain = place.chain.extended(place.pseq, &record.key, &record.headers, &record.value);
        (partition, record)
    }
}

#[cfg(test)]
mod tests {
    use shared::{
        Timestamp,
        log::{Acceptance, Record, Verdict},
    };

    use super::*;

    #[test]
    fn every_record_of_a_history_counts() {
        let mut history = History::new();
        let mut records = history.announcements();
        records.extend((0..100).map(|number| {
            let (event, sequence) = event(number / 5, number % 5);
            history.record(event, sequence)
        }));
        let new = |number| Acceptance::new(Partition::new(number), PARTITIONS);
        let mut readers: Vec<Acceptance> = (0..PARTITIONS).map(new).collect();
        for (offset, (partition, record)) in (0..).zip(records) {
            let record = Record::placed(record, partition, offset, Timestamp::from_unix_millis(0));
            let verdict = readers[partition.index()].step(&record);
            assert!(matches!(verdict, Verdict::Accepted | Verdict::NewWriter(_)), "record {offset}: {verdict:?}");
        }
        assert_eq!(readers.iter().map(|reader| reader.pseq).sum::<u64>(), 100);
    }
}
