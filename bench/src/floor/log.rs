//! The floor of writes: the log alone, appended in rounds by one writer.
//!
//! So many clients have one record each in every round; the round ends for all of them when the batch is durable and, where
//! the service would wait for it, read back.

use std::time::Instant;

use anyhow::Context as _;
use futures::StreamExt as _;
use shared::{
    Clock as _, SystemClock,
    ids::{SegmentId, SegmentKey, Tenant},
    log::{EventLog, NewRecord, Partition, WriterName, partition_of},
};

use crate::{
    content,
    load::{Measured, Stopwatch, Times},
};

/// Many more than a round takes.
const DIFFERENT: u64 = 1_024;

/// How the rounds are made.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// Records in a round.
    pub clients: u64,
    /// Whether a round ends only when its records were read back.
    pub read_back: bool,
}

/// Appends rounds to a log that nobody folds.
///
/// # Errors
/// When the log fails.
pub async fn measure<L: EventLog>(log: &L, rounds: Rounds, times: Times) -> anyhow::Result<Measured> {
    let mut from = Vec::new();
    for number in 0..log.partitions() {
        let partition = Partition::new(number);
        from.push((partition, log.end(partition).await?));
    }
    let mut tail = log.tail(from);
    let mut writer = log.open_writer(&WriterName("bench.floor".to_owned())).await?;
    // Made before: that is the service's work, not the log's. All different, since equal ones of a batch compress to next to
    // nothing.
    let made: Vec<NewRecord> = (0..DIFFERENT).map(|number| content::lone_record(number, SystemClock.now())).collect();
    let mut templates = made.iter().cycle();
    let mut number = 0;
    let mut stopwatch = Stopwatch::start(times);
    while stopwatch.is_running() {
        let numbers = number..number + rounds.clients;
        let batch = numbers.zip(&mut templates).map(|(number, template)| keyed(template, number, log.partitions()));
        let batch = batch.collect::<anyhow::Result<Vec<_>>>()?;
        number += rounds.clients;
        let start = Instant::now();
        log.append(&mut writer, batch).await?;
        for _ in 0..if rounds.read_back { rounds.clients } else { 0 } {
            tail.next().await.context("the log ended")??;
        }
        let took = start.elapsed();
        (0..rounds.clients).for_each(|_| stopwatch.record(took));
    }
    Ok(stopwatch.stop())
}

/// The record under the key of a segment of this number, and where it belongs.
///
/// # Errors
/// Never: the numbers make good ids.
pub fn keyed(template: &NewRecord, number: u64, partitions: u16) -> anyhow::Result<(Partition, NewRecord)> {
    let key = SegmentKey::new(Tenant::parse(content::TENANT)?, SegmentId::parse(&content::segment_id(number))?);
    Ok((partition_of(&key, partitions), NewRecord { key: Some(key.to_string()), ..template.clone() }))
}
