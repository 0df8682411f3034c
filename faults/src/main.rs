//! Faults under load: starts the real programs, breaks something, and holds every answer that clients got against the log.
//!
//! `cargo run --release -p faults -- kill-embedded` runs one scenario; it ends with an error if a promise was broken. The
//! programs are taken from the folder of this one, so build them in the same profile. [`load`] are the clients, [`check`]
//! the promises, [`views`] what the API must show in the end. A new scenario: a module in `scenario`, and a variant there.

mod check;
mod fold;
mod history;
mod ledger;
mod load;
mod parts;
mod program;
mod report;
mod scenario;
mod stage;
mod tokens;
mod views;

use std::process::ExitCode;

use clap::Parser;

use scenario::Scenario;
use stage::Stage;

/// Runs faults against the real programs, under load, and checks every answer at the end.
#[derive(Debug, Parser)]
#[command(name = "faults")]
struct Cli {
    /// What to break; several run one after the other.
    #[arg(required = true, value_enum)]
    scenarios: Vec<Scenario>,
    /// How often to break it; each scenario has its own number otherwise.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// How many clients there are.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=256))]
    clients: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut code = ExitCode::SUCCESS;
    for scenario in cli.scenarios {
        let rounds = cli.rounds.unwrap_or_else(|| scenario.usual_rounds());
        if let Err(error) = run(scenario, rounds, cli.clients).await {
            eprintln!("{}: FAILED: {error:#}", scenario.name());
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Whatever happens, the programs that were started end with the stage or with the future that is dropped.
async fn run(scenario: Scenario, rounds: u32, clients: u32) -> anyhow::Result<()> {
    println!("{}: {rounds} rounds, {clients} clients", scenario.name());
    let mut stage = Stage::open(scenario.name(), rounds, clients)?;
    let outcome = tokio::select! {
        outcome = scenario.run(&stage) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    if outcome.is_err() {
        stage.keep();
    }
    outcome
}
