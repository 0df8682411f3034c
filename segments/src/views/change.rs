//! `segments views rollback` and `drop`: which version is read, and which are there no longer.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use query_service::{
    rebuild,
    views::{LAYOUT, Registered, Registry, Version, registry::State},
};
use tokio::time::{self, Instant};

use super::{
    place::PlaceArgs,
    rebuild::{KeepArgs, tell_switched},
    tell,
};
use crate::log::output::OutputArgs;

/// How long services may take to let go of a version.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Which views.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Which views, and which of them.
#[derive(Debug, Args)]
pub struct DropArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Which version, such as `v1`; otherwise all that are not read by this version of the program, nor being built.
    version: Option<Version>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Goes back.
pub async fn roll_back(args: RollbackArgs) -> anyhow::Result<()> {
    let (from, to, is_followed) = rebuild::roll_back(&args.place.database()?, args.keep.duration()).await?;
    tell_switched(args.output.output, &to.to_string(), from.map(|from| from.to_string()).as_deref(), is_followed)
}

/// Drops.
pub async fn drop_versions(args: DropArgs) -> anyhow::Result<()> {
    let registry = Registry::open(&args.place.database()?).await?;
    let is_over = |row: &Registered| match row.state {
        State::Previous | State::Rejected | State::Dropping => true,
        State::Active => row.layout != LAYOUT,
        State::Building | State::Following | State::Dropped => false,
    };
    let all = registry.list().await?.into_iter();
    let chosen: Vec<Version> = match args.version {
        Some(version) => vec![version],
        None => all.filter(is_over).map(|row| row.version).collect(),
    };
    for version in &chosen {
        registry.give_up(*version).await?;
    }
    let left = swept(&registry, &chosen).await?;
    for version in chosen.iter().filter(|version| !left.contains(version)) {
        tell::step(args.output.output, "dropped", format_args!("{version}"))?;
    }
    let left: Vec<String> = left.iter().map(Version::to_string).collect();
    ensure!(left.is_empty(), "{} is still read by some service, and is dropped when it no longer is", left.join(", "));
    Ok(())
}

/// Which of these are not gone in time, whoever removes them: services do so too, at the same moment.
async fn swept(registry: &Registry, versions: &[Version]) -> anyhow::Result<Vec<Version>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        registry.sweep().await?;
        let all = registry.list().await?.into_iter().map(|row| row.version);
        let left: Vec<Version> = all.filter(|version| versions.contains(version)).collect();
        if left.is_empty() || Instant::now() >= deadline {
            return Ok(left);
        }
        time::sleep(LOOK_EVERY).await;
    }
}
