//! The whole service in one process: `segments up`.
//!
//! [`up`] puts log, PostgreSQL, command side and query side together; [`sample`] fills a tenant through the HTTP API.

mod sample;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

// Most of what this process does is making and dropping small documents.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(name = "segments", version, about = "Customer segments: an event-sourced service in one process")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine: log, PostgreSQL, projector and both sides of the API on one port.
    Up(up::UpArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command: Command::Up(args) } = Cli::parse();
    match up::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("segments: {error:#}");
            ExitCode::FAILURE
        }
    }
}
