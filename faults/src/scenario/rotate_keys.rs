//! The keys of the issuer are rotated under load: tokens of a new key are taken at once, those of a removed key no more, and
//! nobody gets an error for it.

use std::{sync::Arc, time::Duration};

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use super::embedded;
use crate::{
    load::Load,
    stage::Stage,
    views::{Reader, status_of_a_read},
};

const BETWEEN: Duration = Duration::from_secs(3);
const SERVED_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// See the module. A key set is read again when a token names a key that is not in it, so the removal of a key counts from
/// the next new key on.
pub async fn run(stage: &Stage) -> anyhow::Result<()> {
    let mut up = stage.segments_up(&[])?;
    up.start().await?;
    let load = Load::start(stage, &[up.origin()])?;
    let issuer = &stage.issuer;
    let mut recoveries = Vec::new();
    for _ in 0..stage.rounds {
        sleep(BETWEEN).await;
        let old = Arc::new(Reader::new(up.origin(), issuer.tokens().borrow().clone())?);
        issuer.add_key()?;
        issuer.use_newest_key()?;
        recoveries.push(load.pulse().all_served_since(load.pulse().now(), SERVED_WITHIN).await?);
        let status = status_of_a_read(&old).await;
        ensure!(status == 200, "a token of a key that is still in the set was answered with {status}");

        sleep(BETWEEN).await;
        issuer.remove_old_keys()?;
        issuer.add_key()?;
        issuer.use_newest_key()?;
        recoveries.push(load.pulse().all_served_since(load.pulse().now(), SERVED_WITHIN).await?);
        refused(&old).await?;
    }
    let failed = load.pulse().failed_by_server();
    ensure!(failed == 0, "{failed} writes were answered with 401 or 5xx");
    embedded::finish("rotate-keys", stage, up, load, &recoveries).await
}

async fn refused(old: &Arc<Reader>) -> anyhow::Result<()> {
    let since = Instant::now();
    loop {
        match status_of_a_read(old).await {
            401 => return Ok(()),
            status => ensure!(since.elapsed() < SERVED_WITHIN, "a token of a removed key was answered with {status}"),
        }
        sleep(PAUSE).await;
    }
}
