//! The whole service in one process: `segments up`. And what is done to a service that runs: `segments import`.
//!
//! [`up`] puts log, PostgreSQL, command side and query side together; [`sample`] fills a tenant through the HTTP API, and
//! [`import`] brings reference data into one.

mod import;
mod sample;
mod token;
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
    /// Bring reference data (customers, legal entities, products, categories) from a file into a running service.
    Import(import::ImportArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(args) => up::run(args).await,
        Command::Import(args) => import::run(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("segments: {error:#}");
            ExitCode::FAILURE
        }
    }
}
