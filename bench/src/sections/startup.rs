//! A long log: projected from nothing, then started over again. With everything that `segments up` starts by itself.

use std::{path::Path, time::Duration};

use crate::{
    Plan, history,
    report::{Aim, Report},
    stack::{Program, new_folder, up},
};

const SECTION: &str = "startup";

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = new_folder(plan)?;
    let log = folder.path().join("local");
    std::fs::create_dir_all(&log)?;
    history::write(&log.join("log.sqlite"), plan.events, plan.products).await?;

    // It is not ready before the views show everything that was in the log.
    let first = Program::start(up(plan, folder.path())).await?;
    let projecting = first.said_after("ready")? - first.said_after("projector")?;
    first.stop().await?;
    let snapshots = log.join("snapshots");
    let kept = bytes_in(&snapshots)?;
    let again = started_again(plan, folder.path()).await?;
    std::fs::remove_dir_all(&snapshots)?;
    let empty = started_again(plan, new_folder(plan)?.path()).await?;
    let from_nothing = started_again(plan, folder.path()).await?;

    let what = |what: &str| format!("{} events, {} products a segment: {what}", plan.events, plan.products);
    let rate = plan.events as f64 / projecting.as_secs_f64();
    report.aimed(SECTION, what("projected from nothing"), rate, "/s", Aim::AtLeast(20_000.0));
    report.aimed(SECTION, what("ready again after"), again.ready.as_secs_f64(), "s", Aim::AtMost(15.0));
    report.add(SECTION, what("of that, the writer"), again.writer.as_secs_f64(), "s");
    report.add(SECTION, what("without snapshots, ready again after"), from_nothing.ready.as_secs_f64(), "s");
    report.add(SECTION, what("of that, the writer, which keeps new ones"), from_nothing.writer.as_secs_f64(), "s");
    report.add(SECTION, what("the snapshots"), kept as f64 / 1e6, "MB");
    let assignments = plan.events * plan.products / (plan.products + 1);
    let state = again.memory.saturating_sub(empty.memory) as f64;
    report.add(SECTION, what("the writer's memory, for each assignment"), state / assignments as f64, "bytes");
    Ok(())
}

/// How long a start took.
struct Start {
    ready: Duration,
    /// Of that, until the writer had read the log.
    writer: Duration,
    memory: u64,
}

async fn started_again(plan: &Plan, folder: &Path) -> anyhow::Result<Start> {
    let mut command = up(plan, folder);
    // It would be in the memory too, and read the log beside the writer.
    command.args(["--match-index", "off"]);
    let program = Program::start(command).await?;
    let writer = program.said_after("writer")? - program.said_after("postgres")?;
    let start = Start { ready: program.said_after("ready")?, writer, memory: program.memory()? };
    program.stop().await?;
    Ok(start)
}

fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}
