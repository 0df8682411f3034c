//! The whole service in one process: `segments up`. What is done to a service that runs: `segments import`. What is done to
//! a log, whoever writes it: `segments log`. And what is done to the views: `segments views`.
//!
//! [`up`] puts log, PostgreSQL, command side and query side together; [`sample`] fills a tenant through the HTTP API, [`import`]
//! brings reference data into one, [`log`] looks at the events, and [`views`] looks after the tables that are made from them.

mod import;
mod log;
mod priority;
mod sample;
mod token;
mod up;
mod views;

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
    /// Look at an event log: verify, tail, export, copy it; see how things stood and who wrote. Exits with 1 if the log is
    /// damaged, with 2 if it cannot be read.
    Log(log::LogArgs),
    /// Look after the views of a running service: rebuild them without downtime, compare them with the log, go back.
    Views(views::ViewsArgs),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if matches!(command, Command::Views(_)) {
        // The services on the same machine come first.
        priority::give_way(priority::FAR);
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(command)),
        Err(error) => {
            eprintln!("segments: no runtime: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> ExitCode {
    let done = match command {
        Command::Up(args) => up::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Log(args) => return log::run(args).await,
        Command::Views(args) => return views::run(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("segments: {error:#}");
            ExitCode::FAILURE
        }
    }
}
