//! Creates on the embedded log, and the log alone.

use std::sync::Arc;

use shared::{SystemClock, log::local::LocalLog};

use super::creating::{Compared, compare};
use crate::{
    Plan,
    history::PARTITIONS,
    report::{Aim, Report},
    stack::{Stack, new_folder},
};

const SECTION: &str = "embedded";

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = new_folder(plan)?;
    let stack = Stack::start(plan, folder.path(), &[]).await?;
    let log = LocalLog::open(folder.path().join("floor/log.sqlite"), PARTITIONS, Arc::new(SystemClock)).await?;
    let Compared { one, many, behind, raw_one, raw_many } = compare(&stack, &log, false, plan.times).await?;
    stack.stop().await?;

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
