//! Reads a whole log, past the programs that write it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use shared::{
    SystemClock,
    log::{
        EventLog, Partition, Record,
        kafka::{KafkaConfig, KafkaLog},
        local::LocalLog,
    },
};
use tokio::time::{Instant, sleep, timeout};

use crate::load::PARTITIONS;

const READ_WITHIN: Duration = Duration::from_secs(120);
const QUIET: Duration = Duration::from_millis(500);
/// Behind the last record Kafka may keep the marks of transactions that were given up, so that its end is not telling. A
/// reader that is this many times quiet has seen everything; one that had not would make the check fail, not pass.
const QUIET_TIMES: u32 = 6;
/// A log that was just closed is free a moment later.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// The records of each partition of the embedded log; no program may be using it.
pub async fn of_file(path: PathBuf) -> anyhow::Result<Vec<Vec<Record>>> {
    let deadline = Instant::now() + OPEN_WITHIN;
    loop {
        match LocalLog::open(&path, PARTITIONS, Arc::new(SystemClock)).await {
            Ok(log) => return read(&log).await,
            Err(error) if Instant::now() > deadline => return Err(error).context("the log cannot be opened"),
            Err(_) => sleep(QUIET).await,
        }
    }
}

/// The records of each partition of the log in Kafka.
pub async fn of_kafka(brokers: String) -> anyhow::Result<Vec<Vec<Record>>> {
    read(&KafkaLog::connect(KafkaConfig::new(brokers, PARTITIONS)).await?).await
}

async fn read<L: EventLog>(log: &L) -> anyhow::Result<Vec<Vec<Record>>> {
    let mut records: Vec<Vec<Record>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    let mut tail = log.tail((0..PARTITIONS).map(|number| (Partition::new(number), 0)).collect());
    let deadline = Instant::now() + READ_WITHIN;
    let mut quiet = 0;
    while Instant::now() < deadline {
        match timeout(QUIET, tail.next()).await {
            Ok(Some(record)) => {
                let record = record?;
                quiet = 0;
                records[record.partition.index()].push(record);
            }
            Ok(None) => bail!("the reader has ended"),
            Err(_) if quiet >= QUIET_TIMES || is_whole(log, &records).await? => return Ok(records),
            Err(_) => quiet += 1,
        }
    }
    bail!("the log is not read to its end within {READ_WITHIN:?}")
}

async fn is_whole<L: EventLog>(log: &L, records: &[Vec<Record>]) -> anyhow::Result<bool> {
    for (number, records) in records.iter().enumerate() {
        let last = records.last().map_or(0, |record| log.end_after(record.offset));
        if log.end(Partition::new(u16::try_from(number)?)).await? != last {
            return Ok(false);
        }
    }
    Ok(true)
}
