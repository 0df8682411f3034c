//! `segments log …`: looks at an event log, embedded or in Kafka, without changing it; only `copy` writes, to another one.
//!
//! Each command is a file, with what it prints. What they share: `source` (which log, and its records in heaps), `judge` (which
//! records count), `filter` (which are wanted), `moment` (points in history), `past` (the fold up to them), `output` and `progress`.
//!
//! The exit code is 0 when all is well, 1 when the log is damaged, and 2 when it cannot be read or the arguments make no sense.
//!
//! A new command: a file with its arguments and `run`, and a variant of [`Command`].

mod copy;
mod diff;
mod export;
mod filter;
mod judge;
mod moment;
pub mod output;
mod past;
pub mod progress;
pub mod source;
mod state;
mod stats;
mod tail;
mod verify;
mod writers;

use std::{io, process::ExitCode};

use clap::{Args, Subcommand};
use shared::log::LogError;

/// The log is damaged.
const DAMAGED: u8 = 1;
/// It cannot be read.
const UNREADABLE: u8 = 2;

/// What to do with a log.
#[derive(Debug, Args)]
pub struct LogArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look for damage: acceptance rule, sequence, hash chain, schemas, versions. Exits with 0 if the log is sound, 1 if it is
    /// damaged, 2 if it cannot be read. Holds the state of all segments in memory.
    Verify(verify::VerifyArgs),
    /// How much there is: records and bytes by type, tenant and partition, and what does not count.
    Stats(stats::StatsArgs),
    /// Write events as CloudEvents, one JSON document a line.
    Export(export::ExportArgs),
    /// Show events as they come.
    Tail(tail::TailArgs),
    /// Copy a log, with the reference data, from a data folder to Kafka or back. The target must be empty.
    Copy(copy::CopyArgs),
    /// Show a segment as it was at a time or an offset.
    State(state::StateArgs),
    /// Show what changed between two moments, of a segment or of a tenant.
    Diff(diff::DiffArgs),
    /// Show who wrote when, and from which to which offset.
    Writers(writers::WritersArgs),
}

/// Does it.
pub async fn run(args: LogArgs) -> ExitCode {
    let done = match args.command {
        Command::Verify(args) => verify::run(args).await,
        Command::Stats(args) => stats::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Export(args) => export::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Tail(args) => tail::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Copy(args) => copy::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::State(args) => state::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Diff(args) => diff::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Writers(args) => writers::run(args).await.map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        if is_nobody_reading(&error) {
            return ExitCode::SUCCESS;
        }
        eprintln!("segments: {error:#}");
        ExitCode::from(if is_damage(&error) { DAMAGED } else { UNREADABLE })
    })
}

/// `segments log export | head` has had enough.
fn is_nobody_reading(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn is_damage(error: &anyhow::Error) -> bool {
    error.is::<judge::Damaged>()
        || error.is::<past::Contradicted>()
        || matches!(error.downcast_ref(), Some(LogError::Damaged(_)))
}
