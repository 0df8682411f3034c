//! A long log: projected from nothing, then started over again. With everything that `segments up` starts by itself.

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
    let again = Program::start(up(plan, folder.path())).await?;
    let (replayed, ready) = (again.said_after("writer")? - again.said_after("postgres")?, again.said_after("ready")?);
    again.stop().await?;

    let what = |what: &str| format!("{} events, {} products a segment: {what}", plan.events, plan.products);
    let rate = plan.events as f64 / projecting.as_secs_f64();
    report.aimed(SECTION, what("projected from nothing"), rate, "/s", Aim::AtLeast(20_000.0));
    report.aimed(SECTION, what("ready again after"), ready.as_secs_f64(), "s", Aim::AtMost(15.0));
    report.add(SECTION, what("of that, the writer's replay"), replayed.as_secs_f64(), "s");
    Ok(())
}
