//! A long log, looked through by `segments log verify`: all records read, judged, held against their schemas and folded.

use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::{
    Plan, history,
    report::{Aim, Report},
    stack::new_folder,
};

const SECTION: &str = "log";
/// The file is in the page cache from the second time on; the best time counts.
const TIMES: usize = 3;

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = new_folder(plan)?;
    let log = folder.path().join("local");
    std::fs::create_dir_all(&log)?;
    history::write(&log.join("log.sqlite"), plan.events, plan.products).await?;
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let mut command = Command::new(&plan.program);
        let output = command.args(["log", "verify", "--output", "json", "--data-dir"]).arg(folder.path()).output()?;
        ensure!(output.status.success(), "the log is not sound: {}", String::from_utf8_lossy(&output.stdout));
        let told: Value = serde_json::from_slice(&output.stdout)?;
        ensure!(told["events"] == plan.events, "not all events were looked at: {told}");
        best = best.min(told["seconds"].as_f64().context("no time is told")?);
    }
    let what = format!("{} events, {} products a segment: verified", plan.events, plan.products);
    report.aimed(SECTION, what, plan.events as f64 / best, "/s", Aim::AtLeast(150_000.0));
    Ok(())
}
