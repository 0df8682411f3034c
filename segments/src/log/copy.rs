//! `segments log copy`: an embedded log into Kafka, or back; events record by record as they are, and the reference data.
//!
//! What counts is decided by the order of records within each partition alone, so a copy that keeps it has the same history, with
//! the same hash chain, wherever its records lie. What is not kept: offsets, hence consistency tokens; the time at which the log took
//! a record, so keys of idempotency are remembered for a day from the copy on; and which records were one batch. Whoever writes to
//! the source is stopped in the copy, so that its next writer needs to fence nobody there.

mod reference;
mod target;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Serialize;
use shared::{
    Clock as _, SystemClock,
    events::WriterStopped,
    log::{Acceptance, EventLog, NewRecord, Partition, Record, WriterName},
};
use std::path::PathBuf;
use uuid::Uuid;

use super::{
    judge::Judge,
    output::{OutputArgs, tell, thousands},
    progress::Progress,
    source::{Source, SourceArgs},
};

/// Records and bytes of a batch.
const BATCH_RECORDS: usize = 1000;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// From where to where.
#[derive(Debug, Args)]
pub struct CopyArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Copy the log in Kafka (`--kafka`) into this data folder.
    #[arg(long, value_name = "DIR", required_unless_present = "to_kafka", requires = "kafka")]
    to_data_dir: Option<PathBuf>,
    /// Copy the embedded log (`--data-dir`) into this Kafka: addresses of brokers.
    #[arg(long, value_name = "BROKERS", conflicts_with_all = ["kafka", "to_data_dir"])]
    to_kafka: Option<String>,
    /// Create the topics that are missing, with so many replicas.
    #[arg(long, value_name = "REPLICAS", requires = "to_kafka")]
    create_topics: Option<u16>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Copied {
    source: String,
    target: String,
    /// Records of the events, those that do not count included.
    records: u64,
    /// Stops that were added, one for each partition whose writer had not stopped.
    stops: u64,
    /// Changes of reference data.
    reference: u64,
    /// Records of reference data that nobody understands; they are not copied.
    reference_refused: u64,
    /// Whether the source has grown while it was copied; what came is not in the copy.
    source_has_grown: bool,
    /// The hash chain of each partition, the same in source and copy.
    chains: Vec<String>,
}

/// Copies, and reads the copy back.
pub async fn run(args: CopyArgs) -> anyhow::Result<()> {
    let source = Source::open(&args.source).await?;
    let ends = source.ends().await?;
    let mut copied = match (&args.to_kafka, &args.to_data_dir) {
        (Some(brokers), _) => {
            target::into_kafka(&source, args.source.topics.config(brokers), args.create_topics).await?
        }
        (None, Some(folder)) => target::into_folder(&source, folder).await?,
        (None, None) => bail!("--to-kafka or --to-data-dir is wanted"),
    };
    copied.source_has_grown = source.ends().await? != ends;
    tell(args.output.output, &copied, || copied.to_text())?;
    Ok(())
}

impl Copied {
    fn to_text(&self) -> String {
        let Self { source, target, .. } = self;
        let (records, reference) = (thousands(self.records), thousands(self.reference));
        let mut text = format!("{source} copied to {target}: {records} records, {reference} changes of reference data");
        if self.stops > 0 {
            text += &format!("\n{} writers that had not stopped are stopped in the copy", self.stops);
        }
        if self.reference_refused > 0 {
            text += &format!("\n{} records of reference data are not understood and left out", self.reference_refused);
        }
        if self.source_has_grown {
            text +=
                "\nthe source has grown meanwhile: what came is not in the copy; stop whoever writes, and copy again";
        }
        text
    }
}

/// How far the source was read, and what was written.
struct Written {
    positions: Vec<Acceptance>,
    records: u64,
    stops: u64,
}

/// Appends all records of the source to an empty log.
async fn copy_events<L: EventLog>(source: &Source, target: &L, name: WriterName) -> anyhow::Result<Written> {
    let mut reading = source.read(None).await?;
    let mut progress = Progress::new("copy", reading.total);
    let mut judge = Judge::new(source.partitions());
    let mut writer = target.open_writer(&name).await?;
    let (mut batch, mut bytes, mut records) = (Vec::new(), 0, 0);
    while let Some(heap) = reading.heaps.recv().await {
        for record in heap? {
            judge.judge(&record)?;
            bytes += record.size();
            records += 1;
            let Record { partition, key, headers, value, .. } = record;
            batch.push((partition, NewRecord { key, headers, value }));
            if batch.len() == BATCH_RECORDS || bytes > BATCH_BYTES {
                progress.advance(batch.len());
                bytes = 0;
                target.append(&mut writer, std::mem::take(&mut batch)).await?;
            }
        }
    }
    let positions = judge.into_positions();
    let stops = stops(&positions);
    let count = stops.len() as u64;
    batch.extend(stops);
    target.append(&mut writer, batch).await?;
    Ok(Written { positions, records, stops: count })
}

/// For each partition whose writer has not stopped: that it has. It cannot write to the copy.
fn stops(positions: &[Acceptance]) -> Vec<(Partition, NewRecord)> {
    let stop = |acceptance: &Acceptance| {
        let stopped = WriterStopped {
            writer_id: acceptance.writer.as_ref()?.id,
            partition: acceptance.partition,
            stopped_at: SystemClock.now(),
            by: "segments log copy".to_owned(),
        };
        Some((acceptance.partition, stopped.to_record(Uuid::now_v7())))
    };
    positions.iter().filter_map(stop).collect()
}

/// Reads the copy, and compares what counts in it with what counts in the source.
async fn verify(copy: &Source, written: &Written) -> anyhow::Result<()> {
    let mut reading = copy.read(None).await?;
    let mut progress = Progress::new("read back", reading.total);
    let (mut judge, mut records) = (Judge::new(copy.partitions()), 0);
    while let Some(heap) = reading.heaps.recv().await {
        let heap = heap?;
        progress.advance(heap.len());
        records += heap.len() as u64;
        for record in &heap {
            judge.judge(record)?;
        }
    }
    let expected = written.records + written.stops;
    ensure!(records == expected, "the copy has {records} records where {expected} were written; delete it");
    for (copy, source) in judge.into_positions().iter().zip(&written.positions) {
        let is_equal = (copy.pseq, copy.chain, copy.last) == (source.pseq, source.chain, source.last);
        ensure!(is_equal, "partition {} of the copy is not that of the source; delete the copy", copy.partition);
    }
    Ok(())
}

/// Copies events and reference data, and reads the events back.
async fn fill<L: EventLog>(
    source: &Source,
    target: &L,
    name: WriterName,
    reference: &impl shared::reference::ReferenceLog,
) -> anyhow::Result<(Written, reference::Counts)> {
    let written = copy_events(source, target, name).await.context("the copy is not complete; delete it")?;
    let counts = reference::copy(source, reference).await.context("the copy is not complete; delete it")?;
    Ok((written, counts))
}
