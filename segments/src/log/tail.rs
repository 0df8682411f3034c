//! `segments log tail`: events as they come, until it is interrupted. It reads the log from its beginning to know which records
//! count, and shows what comes after that.

use clap::Args;
use shared::{
    events::{headers, structured},
    log::{Offset, Record},
    shutdown,
};

use super::{
    filter::FilterArgs,
    judge::{Judge, Judged},
    moment::Moment,
    output::{Format, Out, OutputArgs},
    progress::Progress,
    source::{Source, SourceArgs},
};

/// What to show.
#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Begin with this time or offset, such as 0, instead of with what comes now.
    #[arg(long, value_name = "TIME|OFFSET")]
    from: Option<Moment>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Shows the events on standard output; as JSON, one CloudEvent a line.
pub async fn run(args: TailArgs) -> anyhow::Result<()> {
    let stop = shutdown::signal_received()?;
    let source = Source::open(&args.source).await?;
    tokio::select! {
        followed = follow(&args, &source) => followed,
        () = stop => Ok(()),
    }
}

async fn follow(args: &TailArgs, source: &Source) -> anyhow::Result<()> {
    if let Some(Moment::Offset(1..)) = args.from {
        args.from.iter().try_for_each(|from| from.check(source, usize::from(source.partitions())))?;
    }
    let ends = source.ends().await?;
    let mut progress = Some(Progress::new("tail", total(source, &ends)));
    let mut heaps = source.follow()?;
    let mut judge = Judge::new(source.partitions());
    let mut out = Out::new();
    while let Some(heap) = heaps.recv().await {
        let heap = heap?;
        let is_new = |record: &Record| ends.get(record.partition.index()).is_some_and(|end| record.offset >= *end);
        if heap.iter().any(is_new) {
            progress = None;
        }
        if let Some(progress) = &mut progress {
            progress.advance(heap.len());
        }
        for record in heap {
            let is_event = judge.judge(&record)? == Judged::Event;
            let is_due = args.from.map_or_else(|| is_new(&record), |from| !from.is_after(&record));
            if is_event && is_due && args.filter.wants(&record) {
                match args.output.output {
                    Format::Text => out.line(line(&record).as_bytes())?,
                    Format::Json => out.line(&structured(&record)?)?,
                }
            }
        }
        out.flush()?;
    }
    Ok(())
}

/// How many offsets there are before it waits for more.
fn total(source: &Source, ends: &[Offset]) -> u64 {
    let total = if source.has_one_sequence() { ends.iter().max().copied().unwrap_or(0) } else { ends.iter().sum() };
    u64::try_from(total).unwrap_or(0)
}

/// An event for people: when, where, what, about which segment, the number among those of the segment, and who.
fn line(record: &Record) -> String {
    let said = |name| record.headers.get(name).unwrap_or("-");
    let kind = said(headers::TYPE).trim_start_matches("customer-segment.").trim_end_matches(".v1");
    let place = format!("{}@{}", record.partition, record.offset);
    let key = record.key.as_deref().unwrap_or("-");
    let (time, number, actor) = (said(headers::TIME), said(headers::SEQUENCE), said(headers::ACTOR));
    format!("{time} {place:>10} {kind:<19} {key} #{number} {actor}")
}
