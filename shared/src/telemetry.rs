//! Logs and metrics of a process: what [`tracing`] and [`metrics`] record goes to standard error and to `/metrics`.
//!
//! No token, no body and no customer's id is ever recorded, and no tenant in metrics.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, filter::ParseError, util::TryInitError};

/// Upper bounds of histograms of seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Logs or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("the log filter is not valid: {0}")]
    Filter(#[from] ParseError),
    /// There is a log already.
    #[error("the log is set up already: {0}")]
    Log(#[from] TryInitError),
    /// There is a recorder already.
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] BuildError),
}

/// Sets up logs and metrics for the whole process; to be called once, inside the runtime. `filter` is as in `RUST_LOG`,
/// such as `info` or `info,shared::http=debug`.
///
/// # Errors
/// When the filter is malformed, or something was set up before.
pub fn init(format: LogFormat, filter: &str) -> Result<PrometheusHandle, TelemetryError> {
    let filter: EnvFilter = filter.parse()?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => tracing_subscriber::util::SubscriberInitExt::try_init(lines.finish())?,
        LogFormat::Json => tracing_subscriber::util::SubscriberInitExt::try_init(lines.json().finish())?,
    }
    let metrics = builder()?.install_recorder()?;
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            upkeep.run_upkeep();
        }
    });
    Ok(metrics)
}

/// Metrics that nothing is recorded in, for servers inside tests, of which a process has many.
pub fn no_metrics() -> PrometheusHandle {
    PrometheusBuilder::new().build_recorder().handle()
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
}
