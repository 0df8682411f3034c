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
/// Longer than a busy machine takes for a write; what has to do with PostgreSQL would not come at all while it is down.
const WRITE_WITHIN: Duration = DOWN_FOR;
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
    let (since, failed, acknowledged) = (Instant::now(), load.pulse().failed_by_server(), load.pulse().acknowledged());
    let mut reads = 0;
    while since.elapsed() < DOWN_FOR {
        let status = status_of_a_read(reader).await;
        ensure!(status == 503, "a read without PostgreSQL was answered with {status}");
        reads += 1;
        one_more_write(load).await?;
    }
    let failed = load.pulse().failed_by_server() - failed;
    ensure!(failed == 0, "{failed} writes failed because PostgreSQL was down");
    let acknowledged = load.pulse().acknowledged() - acknowledged;
    println!("  without PostgreSQL: {reads} reads, each 503; {acknowledged} writes acknowledged, none failed");
    Ok(())
}

/// Waits until one is acknowledged.
async fn one_more_write(load: &Load) -> anyhow::Result<()> {
    let (since, acknowledged) = (Instant::now(), load.pulse().acknowledged());
    while load.pulse().acknowledged() == acknowledged {
        ensure!(since.elapsed() < WRITE_WITHIN, "writes do not go on without PostgreSQL");
        sleep(PAUSE).await;
    }
    Ok(())
}
