//! `segments log stats`: how much there is. Holds a line for each type, tenant and partition, and nothing else.

use std::{collections::BTreeMap, fmt::Write as _};

use clap::Args;
use serde::Serialize;
use shared::{
    Timestamp,
    events::headers,
    log::{Offset, Record},
};

use super::{
    judge::{Judge, Judged, time_of},
    output::{OutputArgs, tell, thousands},
    progress::Progress,
    source::{Source, SourceArgs},
};

/// Which log to count.
#[derive(Debug, Args)]
pub struct StatsArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Counts, and tells.
pub async fn run(args: StatsArgs) -> anyhow::Result<()> {
    let source = Source::open(&args.source).await?;
    let mut reading = source.read(None).await?;
    let mut progress = Progress::new("stats", reading.total);
    let mut judge = Judge::new(source.partitions());
    let mut stats = Stats { source: source.to_string(), ..Stats::default() };
    while let Some(heap) = reading.heaps.recv().await {
        let heap = heap?;
        progress.advance(heap.len());
        for record in heap {
            let judged = judge.judge(&record)?;
            stats.add(&record, judged);
        }
    }
    drop(progress);
    tell(args.output.output, &stats, || stats.to_text())?;
    Ok(())
}

/// What is told.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    source: String,
    #[serde(flatten)]
    all: Count,
    /// The time of the first record, and of the last, as their writers say.
    first_time: Option<Timestamp>,
    last_time: Option<Timestamp>,
    /// Records that do not count, by why.
    ignored: BTreeMap<&'static str, u64>,
    by_type: BTreeMap<String, Count>,
    by_tenant: BTreeMap<String, Count>,
    by_partition: BTreeMap<u16, Span>,
}

/// Records, and the bytes of their keys, headers and values.
#[derive(Debug, Default, Serialize)]
struct Count {
    records: u64,
    bytes: u64,
}

/// A partition.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    #[serde(flatten)]
    count: Count,
    first_offset: Offset,
    last_offset: Offset,
}

impl Count {
    fn add(&mut self, record: &Record) {
        self.records += 1;
        self.bytes += record.size() as u64;
    }
}

impl Stats {
    fn add(&mut self, record: &Record, judged: Judged) {
        self.all.add(record);
        let span = self.by_partition.entry(record.partition.number()).or_default();
        if span.count.records == 0 {
            span.first_offset = record.offset;
        }
        span.last_offset = record.offset;
        span.count.add(record);
        match judged {
            Judged::Ignored(why) => return *self.ignored.entry(why.as_str()).or_default() += 1,
            Judged::Event | Judged::Control => {}
        }
        let time = time_of(record);
        self.first_time = self.first_time.into_iter().chain(time).min();
        self.last_time = self.last_time.max(time);
        count(&mut self.by_type, record.headers.get(headers::TYPE), record);
        if let Some(tenant) = record.headers.get(headers::TENANT) {
            count(&mut self.by_tenant, Some(tenant), record);
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}", self.source, self.all.to_text());
        if let (Some(first), Some(last)) = (self.first_time, self.last_time) {
            let _ = writeln!(text, "from {first} to {last}");
        }
        for (title, counts) in [("type", &self.by_type), ("tenant", &self.by_tenant)] {
            for (name, count) in counts {
                let _ = writeln!(text, "{title:<9} {name:<42} {}", count.to_text());
            }
        }
        for (partition, span) in &self.by_partition {
            let offsets = format!("{partition} (offsets {} to {})", span.first_offset, span.last_offset);
            let _ = writeln!(text, "partition {offsets:<42} {}", span.count.to_text());
        }
        for (why, count) in &self.ignored {
            let _ = writeln!(text, "ignored   {why:<42} {} records", thousands(*count));
        }
        text
    }
}

impl Count {
    fn to_text(&self) -> String {
        format!("{} records, {} bytes", thousands(self.records), thousands(self.bytes))
    }
}

fn count(counts: &mut BTreeMap<String, Count>, name: Option<&str>, record: &Record) {
    let name = name.unwrap_or_default();
    match counts.get_mut(name) {
        Some(count) => count.add(record),
        None => counts.entry(name.to_owned()).or_default().add(record),
    }
}
