//! `parts run [--postgres] [--kafka] -- COMMAND…`: runs a command (a whole test run, say) with real parts beside it.
//!
//! The parts are those that `DATABASE_URL` and `KAFKA_BROKERS` name, else containers if this program was built with the
//! feature `containers` and a Docker engine answers, else servers of our own. The command finds them in the same
//! variables. They stop when it ends, and its exit code is ours. Their data is gone then, unless `--data-dir` names a
//! folder to keep it in; only servers of our own can do that.

use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

use clap::{Args, Parser};
use local_parts::{DATABASE_URL, KAFKA_BROKERS, KafkaOptions, Part, PostgresOptions};
use local_parts::{kafka, kafka_is_required, postgres};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

/// Real PostgreSQL and Apache Kafka for a command.
#[derive(Parser)]
enum Cli {
    /// Runs a command with parts beside it; both if none is named.
    Run(Run),
}

#[derive(Args)]
struct Run {
    /// Set `DATABASE_URL` for the command.
    #[arg(long)]
    postgres: bool,
    /// Set `KAFKA_BROKERS` for the command. If there is no Kafka it runs without, unless `REQUIRE_KAFKA=1`.
    #[arg(long)]
    kafka: bool,
    /// Keep the data in this folder for the next run, instead of in a temporary one.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).init();
    let Cli::Run(run) = Cli::parse();
    let folder = run.data_dir.as_deref();
    let both = !run.postgres && !run.kafka;
    let postgres = async { if both || run.postgres { postgres(folder).await.map(Some) } else { Ok(None) } };
    let kafka = async { if both || run.kafka { kafka(folder).await.map(Some) } else { Ok(None) } };
    let (postgres, kafka) = tokio::join!(postgres, kafka);
    let kafka = match kafka {
        Err(error) if !kafka_is_required() => {
            warn!(%error, "no kafka, running without");
            None
        }
        other => other?,
    };
    let parts = [(DATABASE_URL, postgres?), (KAFKA_BROKERS, kafka)];
    let outcome = execute(&run.command, &parts).await;
    for part in parts.into_iter().filter_map(|(_, part)| part) {
        part.stop().await;
    }
    outcome.map(exit_code)
}

async fn postgres(folder: Option<&Path>) -> Result<Part, postgres::Error> {
    if let Some(given) = Part::given(DATABASE_URL) {
        return Ok(given);
    }
    if let Some(folder) = folder {
        return Part::local_postgres(PostgresOptions::new(folder.join("postgres"))).await;
    }
    #[cfg(feature = "containers")]
    if let Some(contained) = Part::contained_postgres().await {
        return Ok(contained);
    }
    Part::local_postgres(PostgresOptions::temporary()?).await
}

async fn kafka(folder: Option<&Path>) -> Result<Part, kafka::Error> {
    if let Some(given) = Part::given(KAFKA_BROKERS) {
        return Ok(given);
    }
    if let Some(folder) = folder {
        return Part::local_kafka(KafkaOptions::new(folder.join("kafka"))).await;
    }
    #[cfg(feature = "containers")]
    if let Some(contained) = Part::contained_kafka().await {
        return Ok(contained);
    }
    Part::local_kafka(KafkaOptions::temporary()?).await
}

/// Runs the command to its end. Signals that ask us to stop are the command's to obey: Ctrl-C reaches it from the
/// terminal as it does us, SIGTERM is passed on.
async fn execute(command: &[String], parts: &[(&str, Option<Part>)]) -> anyhow::Result<ExitStatus> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let variables = parts.iter().filter_map(|(name, part)| Some((name, part.as_ref()?.address())));
    let mut child = Command::new(&command[0]).args(&command[1..]).envs(variables).spawn()?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = interrupted.recv() => {}
            _ = terminated.recv() => terminate(&child),
        }
    }
}

fn terminate(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    // A child that is gone by now needs no signal.
    let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
}

/// The command's own code; a command that a signal ended counts as a shell counts it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
