//! `segments views rebuild`: the next version of the views, beside the one that is read, until it is read itself.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use futures::StreamExt as _;
use query_service::{
    projector,
    rebuild::{BATCH_RECORDS, Build},
    verify::Fold,
};

use super::{DIFFERENT, check, place::PlaceArgs, tell, verify};
use crate::log::{
    output::{Format, OutputArgs},
    progress::Progress,
    source::{Reading, Reference, Source},
};

/// Which views, and how.
#[derive(Debug, Args)]
pub struct RebuildArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// How long there is a way back.
#[derive(Debug, Clone, Copy, Args)]
pub struct KeepArgs {
    /// For how many hours the version before is kept, and follows the log.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    keep: u32,
}

impl KeepArgs {
    /// For how long.
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.keep) * 3600)
    }
}

/// Builds.
pub async fn run(args: RebuildArgs) -> anyhow::Result<ExitCode> {
    let (database, format) = (args.place.database()?, args.output.output);
    let source = Source::open(&args.place.source).await?;
    let mut build = Build::begin(&database).await?;
    let version = build.version();
    tell::step(format, "building", format_args!("{version}"))?;
    let mut folds = check::nothing(&source);
    if build.is_to_be_loaded() {
        if build.is_empty().await? {
            folds = fill(&build, &source, folds, format).await?;
        }
        tell::step(format, "indexing", format_args!("{version}"))?;
        build.index().await?;
        // What came meanwhile.
        folds = load(&build, &source, folds, format).await?;
        build.hand_over().await?;
    }
    tell::step(format, "following", format_args!("the log with {version}, as the version that is read does"))?;
    build.catch_up().await?;
    tell::step(format, "verifying", format_args!("{version} against the logs"))?;
    let compared = check::views(&database, version, &source, folds).await?;
    if compared.iter().any(|compared| !compared.is_equal) {
        build.reject().await?;
        verify::tell(format, version, &compared)?;
        return Ok(ExitCode::from(DIFFERENT));
    }
    tell::step(format, "switching", format_args!("to {version}"))?;
    let (before, is_followed) = build.switch(args.keep.duration()).await?;
    tell_switched(format, &version.to_string(), before.map(|before| before.to_string()).as_deref(), is_followed)?;
    Ok(ExitCode::SUCCESS)
}

/// The last line.
pub fn tell_switched(format: Format, to: &str, from: Option<&str>, is_followed: bool) -> anyhow::Result<()> {
    let kept =
        from.map_or_else(String::new, |from| format!("; {from} is kept for a way back (segments views rollback)"));
    tell::step(format, "done", format_args!("{to} is read{kept}"))?;
    if !is_followed {
        eprintln!(
            "segments: some service still reads the version before; it changes over when it reaches the database"
        );
    }
    Ok(())
}

/// Fills it with what both logs hold now, from their beginnings.
async fn fill(build: &Build, source: &Source, folds: Vec<Fold>, format: Format) -> anyhow::Result<Vec<Fold>> {
    let Reading { heaps, total } = source.read_on(&check::reached(&folds)).await?;
    tell::step(format, "loading", format_args!("{total} records of {source}"))?;
    let mut progress = Progress::new("load", total);
    let events = async { Ok(build.fill(heaps, folds, BATCH_RECORDS, |count| progress.advance(count)).await?) };
    let (folds, ()) = tokio::try_join!(events, load_reference(build, source))?;
    Ok(folds)
}

/// Loads what both logs hold now, from where the folds and the version stand.
async fn load(build: &Build, source: &Source, folds: Vec<Fold>, format: Format) -> anyhow::Result<Vec<Fold>> {
    let Reading { heaps, total } = source.read_on(&check::reached(&folds)).await?;
    tell::step(format, "loading", format_args!("{total} records of {source}"))?;
    let mut progress = Progress::new("load", total);
    let mut lanes = Vec::with_capacity(folds.len());
    for fold in folds {
        lanes.push(build.lane(fold, source.partitions()).await?);
    }
    let events = async { Ok(projector::deal(heaps, lanes, |count| progress.advance(count)).await?) };
    let (folds, ()) = tokio::try_join!(events, load_reference(build, source))?;
    Ok(folds)
}

async fn load_reference(build: &Build, source: &Source) -> anyhow::Result<()> {
    let Reference { partitions, mut records } = source.reference().await?;
    let mut lane = build.catalogue(partitions).await?;
    while let Some(record) = records.next().await {
        lane.add(&record?).await?;
    }
    Ok(lane.finish().await?)
}
