//! `segments views rebuild` under load, killed again and again at any moment, and once let be. No request may notice.

use std::{process::ExitStatus, time::Duration};

use anyhow::{Context as _, ensure};
use rand::Rng as _;
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use super::embedded;
use crate::{load::Load, stage::Stage};

/// How long a rebuild may run before it is killed.
const LIFE_MILLIS: std::ops::Range<u64> = 20..2_500;
const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// See the module.
pub async fn run(stage: &Stage) -> anyhow::Result<()> {
    let mut up = stage.segments_up(&[])?;
    up.start().await?;
    let load = Load::start(stage, &[up.origin()])?;
    let mut recoveries = Vec::new();
    for _ in 0..stage.rounds {
        let mut rebuild = views(stage, "rebuild")?;
        let life = rand::rng().random_range(LIFE_MILLIS);
        sleep(Duration::from_millis(life)).await;
        // It may have come to its end.
        let _ = rebuild.kill().await;
        recoveries.push(load.pulse().all_served_since(load.pulse().now(), SERVED_WITHIN).await?);
    }
    for command in ["rebuild", "verify", "rollback", "verify"] {
        let status: ExitStatus = views(stage, command)?.wait().await?;
        ensure!(status.success(), "segments views {command} ended with {status}");
    }
    let failed = load.pulse().failed_by_server();
    ensure!(failed == 0, "{failed} writes were answered with 401 or 5xx");
    embedded::finish("rebuild-views", stage, up, load, &recoveries).await
}

fn views(stage: &Stage, command: &str) -> anyhow::Result<Child> {
    let own = std::env::current_exe()?;
    let path = own.parent().context("this program lies in a folder")?.join("segments");
    let mut program = Command::new(path);
    program.args(["views", command, "--data-dir"]).arg(stage.path("data")).kill_on_drop(true);
    program.env_remove("DATABASE_URL").stdout(std::process::Stdio::null());
    Ok(program.spawn()?)
}
