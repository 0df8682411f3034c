//! Creates on the embedded log, and the log alone.

use std::sync::Arc;

use shared::{SystemClock, log::local::LocalLog};

use super::creating::{creates, creates_watched};
use crate::{
    Plan,
    floor::log::{Rounds, measure as measure_log},
    history::PARTITIONS,
    report::{Aim, Report},
    stack::{Stack, new_folder},
};

const SECTION: &str = "embedded";

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = new_folder(plan)?;
    let stack = Stack::start(plan, folder.path(), &[]).await?;
    let one = creates(&stack, 1, plan.times).await?;
    let (many, behind) = creates_watched(&stack, 64, plan.times).await?;
    stack.stop().await?;

    let log = LocalLog::open(folder.path().join("floor/log.sqlite"), PARTITIONS, Arc::new(SystemClock)).await?;
    let raw_one = measure_log(&log, Rounds { clients: 1, read_back: false }, plan.times).await?;
    let raw_many = measure_log(&log, Rounds { clients: 64, read_back: false }, plan.times).await?;

    report.add_loop(SECTION, "create, 64 connections", &many, Some(Aim::AtLeast(8_000.0)));
    let visible = behind.visible_after.as_secs_f64() * 1e3;
    report.aimed(SECTION, "  meanwhile, a write visible after (longest)", visible, "ms", Aim::AtMost(1_000.0));
    report.add(SECTION, "  meanwhile, lag that answers admit (longest)", behind.lag.as_secs_f64() * 1e3, "ms");
    report.add_loop(SECTION, "floor: group commits of 64 records", &raw_many, None);
    report.add(SECTION, "create at 64 / floor: rate", many.per_second() / raw_many.per_second(), "x");
    report.add_loop(SECTION, "create, 1 connection", &one, None);
    report.add_loop(SECTION, "floor: one durable append after another", &raw_one, None);
    let ratio = one.millis(0.5) / raw_one.millis(0.5);
    report.aimed(SECTION, "create at 1 / floor: p50", ratio, "x", Aim::AtMost(2.0));
    Ok(())
}
