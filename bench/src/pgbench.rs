//! PostgreSQL's own load generator: what a statement could do at best, without a service around it.

use std::{io::Write as _, process::Stdio};

use anyhow::Context as _;
use tokio::process::Command;

use crate::load::Times;

/// How many times a second `script` ran over so many connections, each statement prepared; none where there is no pgbench.
///
/// # Errors
/// When pgbench fails.
pub async fn rate(url: &str, script: &str, connections: usize, times: Times) -> anyhow::Result<Option<f64>> {
    if Command::new("pgbench").arg("--version").stdout(Stdio::null()).status().await.is_err() {
        return Ok(None);
    }
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(script.as_bytes())?;
    let seconds = (times.warm_up + times.measured).as_secs().max(1).to_string();
    let mut command = Command::new("pgbench");
    command.args(["--no-vacuum", "--protocol=prepared", "--jobs=1", "--client", &connections.to_string()]);
    command.args(["--time", &seconds, "--file"]).arg(file.path()).arg(url);
    let output = command.env("PGOPTIONS", "-c search_path=v1,public").output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.map(Some).with_context(|| format!("pgbench told no rate: {said}"))
}
