//! `segments views …`: the views of a running service, rebuilt, compared, switched and dropped while it goes on.
//!
//! Each command is a file, with what it prints. What they share: `place` (which views, of which log), `check` (the views against
//! the logs) and `tell` (what is told on the way).
//!
//! The exit code is 0 when all is well, 1 when the views are not what the logs say, and 2 when that cannot be told, or the arguments
//! make no sense.

mod change;
mod check;
mod place;
mod rebuild;
mod status;
mod tell;
mod verify;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// The views are not what the logs say.
const DIFFERENT: u8 = 1;
/// It cannot be done.
const IMPOSSIBLE: u8 = 2;

/// What to do with the views.
#[derive(Debug, Args)]
pub struct ViewsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the next version of the views from the logs beside the present one, compare it with them, and have all services read
    /// it. The one before is kept and follows the log, for a way back. Can be killed and run again at any time.
    Rebuild(rebuild::RebuildArgs),
    /// Go back to the version before, at once.
    Rollback(change::RollbackArgs),
    /// Compare the views with the logs while everything goes on. Exits with 0 if they are equal, 1 if not, 2 if that cannot be
    /// told. Holds some numbers of every row in memory.
    Verify(verify::VerifyArgs),
    /// Which versions there are, and how far each is.
    Status(status::StatusArgs),
    /// Remove a version that is not read any more, or all of them.
    Drop(change::DropArgs),
}

/// Does it.
pub async fn run(args: ViewsArgs) -> ExitCode {
    let done = match args.command {
        Command::Rebuild(args) => rebuild::run(args).await,
        Command::Rollback(args) => change::roll_back(args).await.map(|()| ExitCode::SUCCESS),
        Command::Verify(args) => verify::run(args).await,
        Command::Status(args) => status::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Drop(args) => change::drop_versions(args).await.map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("segments: {error:#}");
        ExitCode::from(IMPOSSIBLE)
    })
}
