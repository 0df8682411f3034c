//! `segments log writers`: who wrote when. One line for each time that a writer had a partition, in the order in which these ended.

use clap::Args;
use serde::Serialize;
use shared::{
    Timestamp,
    events::{Control, WriterStarted},
    log::{Offset, Record},
};
use uuid::Uuid;

use super::{
    judge::{Judge, Judged, time_of},
    output::{Format, Out, OutputArgs},
    progress::Progress,
    source::{Source, SourceArgs},
};

/// Which log.
#[derive(Debug, Args)]
pub struct WritersArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// A writer that has, or had, a partition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    partition: u16,
    writer_id: Uuid,
    instance: String,
    transactional_id: String,
    started_at: Timestamp,
    started_offset: Offset,
    /// How many of its events count, and the first and last of them.
    events: u64,
    first_offset: Option<Offset>,
    last_offset: Option<Offset>,
    last_time: Option<Timestamp>,
    #[serde(flatten)]
    end: End,
}

/// How it came to its end.
#[derive(Debug, Serialize)]
#[serde(tag = "end", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum End {
    /// It has the partition at the end of the log.
    Open,
    /// It stopped, or was stopped by the instance that took over.
    Stopped { stopped_at: Timestamp, stopped_offset: Offset, by: String },
    /// Another one announced itself without that.
    Replaced { replaced_offset: Offset },
}

/// Tells who wrote.
pub async fn run(args: WritersArgs) -> anyhow::Result<()> {
    let source = Source::open(&args.source).await?;
    let mut reading = source.read(None).await?;
    let mut progress = Progress::new("writers", reading.total);
    let mut judge = Judge::new(source.partitions());
    let mut open: Vec<Option<Span>> = (0..source.partitions()).map(|_| None).collect();
    let (mut out, format) = (Out::new(), args.output.output);
    while let Some(heap) = reading.heaps.recv().await {
        let heap = heap?;
        progress.advance(heap.len());
        for record in heap {
            let judged = judge.judge(&record)?;
            let span = &mut open[record.partition.index()];
            let ended = match judged {
                Judged::Event => note(span, &record),
                Judged::Control => change(span, &record),
                Judged::Ignored(_) => None,
            };
            ended.iter().try_for_each(|span| span.tell(&mut out, format))?;
        }
    }
    open.iter().flatten().try_for_each(|span| span.tell(&mut out, format))?;
    Ok(out.flush()?)
}

fn note(span: &mut Option<Span>, record: &Record) -> Option<Span> {
    if let Some(span) = span {
        span.events += 1;
        span.first_offset.get_or_insert(record.offset);
        span.last_offset = Some(record.offset);
        span.last_time = time_of(record);
    }
    None
}

/// The span that the record ends, if it ends one.
fn change(span: &mut Option<Span>, record: &Record) -> Option<Span> {
    let (next, end) = match Control::of(record)? {
        Control::Started(started) => {
            (Some(Span::of(started, record)), End::Replaced { replaced_offset: record.offset })
        }
        Control::Stopped(stopped) => {
            let (stopped_at, by) = (stopped.stopped_at, stopped.by);
            (None, End::Stopped { stopped_at, stopped_offset: record.offset, by })
        }
        Control::Unknown => return None,
    };
    std::mem::replace(span, next).map(|ended| Span { end, ..ended })
}

impl Span {
    fn of(started: WriterStarted, record: &Record) -> Self {
        Self {
            partition: record.partition.number(),
            writer_id: started.writer_id,
            instance: started.instance,
            transactional_id: started.transactional_id,
            started_at: started.started_at,
            started_offset: record.offset,
            events: 0,
            first_offset: None,
            last_offset: None,
            last_time: None,
            end: End::Open,
        }
    }

    fn tell(&self, out: &mut Out, format: Format) -> std::io::Result<()> {
        match format {
            Format::Json => out.json(self),
            Format::Text => out.line(self.to_text().as_bytes()),
        }
    }

    fn to_text(&self) -> String {
        let Self { partition, writer_id, instance, started_at, started_offset, events, .. } = self;
        let wrote = match (self.first_offset, self.last_offset) {
            (Some(first), Some(last)) => format!("{events} events ({first} to {last})"),
            _ => "no events".to_owned(),
        };
        let end = match &self.end {
            End::Open => "has it".to_owned(),
            End::Stopped { stopped_at, stopped_offset, by } => {
                format!("stopped at {stopped_at} ({stopped_offset}) by {by}")
            }
            End::Replaced { replaced_offset } => format!("replaced ({replaced_offset})"),
        };
        format!("partition {partition}: {instance} as {writer_id} from {started_at} ({started_offset}), {wrote}, {end}")
    }
}
