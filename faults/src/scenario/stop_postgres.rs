//! PostgreSQL is stopped for 10 s: writes go on, reads are answered with 503, and the views catch up afterwards.

use std::{sync::Arc, time::Duration};

use anyhow::ensure;
use local_parts::{Postgres, PostgresOptions};
use tokio::time::{Instant, sleep};

use super::embedded;
use crate::{
    load::Load,
    stage::Stage,
    views::{Reader, status_of_a_read},
};

const DOWN_FOR: Duration = Duration::from_secs(10);
const UP_FOR: Duration = Duration::from_secs(2);
const READS_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// See the module.
pub async fn run(stage: &Stage) -> anyhow::Result<()> {
    let mut postgres = Postgres::start(PostgresOptions::temporary()?).await?;
    let mut up = stage.segments_up(&["--database-url", &postgres.url()])?;
    up.start().await?;
    let load = Load::start(stage, &[up.origin()])?;
    let tokens = stage.issuer.tokens().borrow().clone();
    let reader = Arc::new(Reader::new(up.origin(), tokens)?);
    let mut recoveries = Vec::new();
    for _ in 0..stage.rounds {
        sleep(UP_FOR).await;
        let status = status_of_a_read(&reader).await;
        ensure!(status == 200, "a read was answered with {status} before anything was broken");
        postgres.halt().await;
        down(&load, &reader).await?;
        postgres.restart().await?;
        let since = Instant::now();
        while status_of_a_read(&reader).await != 200 {
            ensure!(since.elapsed() < READS_WITHIN, "reads do not come back with PostgreSQL");
            sleep(PAUSE).await;
        }
        recoveries.push(since.elapsed());
    }
    embedded::finish("stop-postgres", stage, up, load, &recoveries).await?;
    postgres.stop().await;
    Ok(())
}

/// While it is down writes are acknowledged, none fails, and every read says 503.
async fn down(load: &Load, reader: &Arc<Reader>) -> anyhow::Result<()> {
    let (since, failed) = (Instant::now(), load.pulse().failed_by_server());
    let mut reads = 0;
    while since.elapsed() < DOWN_FOR {
        let acknowledged = load.pulse().acknowledged();
        let status = status_of_a_read(reader).await;
        ensure!(status == 503, "a read without PostgreSQL was answered with {status}");
        reads += 1;
        sleep(PAUSE).await;
        ensure!(load.pulse().acknowledged() > acknowledged, "writes do not go on without PostgreSQL");
    }
    let failed = load.pulse().failed_by_server() - failed;
    ensure!(failed == 0, "{failed} writes failed because PostgreSQL was down");
    println!("  without PostgreSQL: {reads} reads, each 503; no write failed");
    Ok(())
}
