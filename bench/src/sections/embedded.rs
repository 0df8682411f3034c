//! Creates on the embedded log, the log alone, and a bare HTTP server over such a log.

use std::sync::Arc;

use shared::{SystemClock, log::local::LocalLog};
use tokio::process::Command;

use super::creating::{Compared, MANY, compare, compare_http};
use crate::{
    Plan,
    history::PARTITIONS,
    report::{Aim, Report},
    stack::{Program, Stack, new_folder},
};

const SECTION: &str = "embedded";

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = new_folder(plan)?;
    let stack = Stack::start(plan, folder.path(), &[]).await?;
    let log = LocalLog::open(folder.path().join("floor/log.sqlite"), PARTITIONS, Arc::new(SystemClock)).await?;
    let Compared { one, many, behind, raw_one, raw_many } = compare(&stack, &log, false, plan.times).await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--serve-appends").arg(folder.path().join("bare/log.sqlite"));
    let floor = Program::start(command).await?;
    let (again, bare_one) = compare_http(&stack, floor.address, 1, plan.times).await?;
    let bare_ratio_of_one = again.millis(0.5) / bare_one.millis(0.5);
    let (again, bare_many) = compare_http(&stack, floor.address, MANY, plan.times).await?;
    let bare_ratio_of_many = again.per_second() / bare_many.per_second();
    floor.stop().await?;
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
    report.add_loop(SECTION, "floor: bare HTTP over the log, 1 connection", &bare_one, None);
    report.add(SECTION, "create at 1 / bare HTTP: p50", bare_ratio_of_one, "x");
    report.add_loop(SECTION, "floor: bare HTTP over the log, 64 connections", &bare_many, None);
    report.add(SECTION, "create at 64 / bare HTTP: rate", bare_ratio_of_many, "x");
    Ok(())
}
