//! `segments log export`: events as CloudEvents in structured mode, one JSON document a line.

use clap::Args;
use serde::Serialize;
use shared::{events::structured, log::Partition};

use super::{
    filter::FilterArgs,
    judge::{Judge, Judged},
    moment::Moment,
    output::{Format, Out, OutputArgs, thousands},
    progress::Progress,
    source::{Source, SourceArgs},
};

/// What to export.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Begin with this time or offset.
    #[arg(long, value_name = "TIME|OFFSET")]
    from: Option<Moment>,
    /// End before this time or offset.
    #[arg(long, value_name = "TIME|OFFSET")]
    to: Option<Moment>,
    /// Only this partition.
    #[arg(long)]
    partition: Option<u16>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is told on standard error when it is done.
#[derive(Debug, Serialize)]
struct Done {
    exported: u64,
}

/// Writes the events to standard output.
pub async fn run(args: ExportArgs) -> anyhow::Result<()> {
    let source = Source::open(&args.source).await?;
    let partition = args.partition.map(Partition::new);
    anyhow::ensure!(args.partition.is_none_or(|number| number < source.partitions()), "there is no such partition");
    let looked_at = partition.map_or(usize::from(source.partitions()), |_| 1);
    for moment in args.from.iter().chain(&args.to) {
        moment.check(&source, looked_at)?;
    }
    let mut reading = source.read(partition).await?;
    let mut progress = Progress::new("export", reading.total);
    let mut judge = Judge::new(source.partitions());
    let (mut out, mut exported) = (Out::new(), 0);
    while let Some(heap) = reading.heaps.recv().await {
        let heap = heap?;
        progress.advance(heap.len());
        for record in heap {
            let is_event = judge.judge(&record)? == Judged::Event;
            let is_in_range =
                args.from.is_none_or(|from| !from.is_after(&record)) && args.to.is_none_or(|to| to.is_after(&record));
            if is_event && is_in_range && args.filter.wants(&record) {
                out.line(&structured(&record)?)?;
                exported += 1;
            }
        }
    }
    out.flush()?;
    drop(progress);
    match args.output.output {
        Format::Text => eprintln!("{} events exported", thousands(exported)),
        Format::Json => eprintln!("{}", serde_json::to_string(&Done { exported })?),
    }
    Ok(())
}
