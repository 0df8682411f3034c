//! `segments views verify`: whether the views are what the logs say.

use std::process::ExitCode;

use clap::Args;
use query_service::{
    verify::Compared,
    views::{Registry, Version},
};
use serde::Serialize;

use super::{
    DIFFERENT,
    check::{self, Told},
    place::PlaceArgs,
};
use crate::log::{
    output::{self, Format, OutputArgs},
    source::Source,
};

/// Which views.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Which version, such as `v2`; otherwise the one that is read.
    #[arg(long)]
    views: Option<Version>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    views: String,
    equal: bool,
    tables: Vec<Told>,
}

/// Compares, and tells.
pub async fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let database = args.place.database()?;
    let source = Source::open(&args.place.source).await?;
    let version = match args.views {
        Some(version) => version,
        None => Registry::open(&database).await?.active().await?,
    };
    let compared = check::views(&database, version, &source, check::nothing(&source)).await?;
    tell(args.output.output, version, &compared)?;
    let is_equal = compared.iter().all(|compared| compared.is_equal);
    Ok(if is_equal { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// Tells what came of a comparison.
pub fn tell(format: Format, version: Version, compared: &[Compared]) -> anyhow::Result<()> {
    let equal = compared.iter().all(|compared| compared.is_equal);
    let report = Report { views: version.to_string(), equal, tables: compared.iter().map(Told::from).collect() };
    output::tell(format, &report, || {
        let verdict = if equal { "is what the logs say" } else { "is not what the logs say" };
        let lines = compared.iter().map(|compared| format!("\n  {compared}"));
        format!("{version} {verdict}{}", lines.collect::<String>())
    })?;
    Ok(())
}
