//! SIGKILL of `segments up`, again and again, at any moment; its PostgreSQL is left to itself each time.

use std::time::Duration;

use rand::Rng as _;
use tokio::time::sleep;

use super::embedded;
use crate::{load::Load, stage::Stage};

/// How long it may run between two kills.
const LIFE_MILLIS: std::ops::Range<u64> = 50..1500;
const SERVED_WITHIN: Duration = Duration::from_secs(60);

/// See the module.
pub async fn run(stage: &Stage) -> anyhow::Result<()> {
    let mut up = stage.segments_up(&[])?;
    up.start().await?;
    let load = Load::start(stage, &[up.origin()])?;
    let mut recoveries = Vec::new();
    for _ in 0..stage.rounds {
        let life = rand::rng().random_range(LIFE_MILLIS);
        sleep(Duration::from_millis(life)).await;
        up.kill().await?;
        let at = load.pulse().now();
        up.start().await?;
        recoveries.push(load.pulse().all_served_since(at, SERVED_WITHIN).await?);
    }
    embedded::finish("kill-embedded", stage, up, load, &recoveries).await
}
