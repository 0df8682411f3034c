//! Reads the log before the writer starts: all partitions side by side, each fold stands alone.

use std::time::Duration;

use futures::{StreamExt, future::try_join_all};
use shared::log::{EventLog, LogError, Offset, Partition};
use tokio::time::{Instant, sleep};

use super::part::{Fold, Stuck};

/// A partition whose end is hidden behind markers yields nothing more; so long is waited before it counts as read.
const QUIET: Duration = Duration::from_secs(2);

/// A partition may have no leader just now, as for a moment after its topic was made.
const LEADERLESS: Duration = Duration::from_secs(5);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The folds of all partitions, as far as the log goes now. A partition that cannot be folded is left where it stands;
/// the writer meets the same record again and says so.
pub(super) async fn replay<L: EventLog>(log: &L) -> Result<Vec<Fold>, LogError> {
    let partitions = log.partitions();
    let tasks = (0..partitions).map(|number| {
        let log = log.clone();
        tokio::spawn(async move { replay_one(&log, Partition::new(number), partitions).await })
    });
    let folds = try_join_all(tasks).await.map_err(|error| LogError::Unavailable(error.to_string()))?;
    folds.into_iter().collect()
}

async fn replay_one<L: EventLog>(log: &L, partition: Partition, partitions: u16) -> Result<Fold, LogError> {
    let end = end_of(log, partition).await?;
    let mut fold = Fold::new(partition, partitions);
    let mut tail = log.tail(vec![(partition, 0)]);
    let reached = |fold: &Fold| end == 0 || fold.acceptance.offset.is_some_and(|offset| log.end_after(offset) >= end);
    while !reached(&fold) {
        let Ok(Some(record)) = tokio::time::timeout(QUIET, tail.next()).await else { break };
        let record = record?;
        if let Err(stuck) = fold.apply(&record) {
            log_stuck(partition, record.offset, &stuck);
            break;
        }
    }
    tracing::debug!(%partition, pseq = fold.acceptance.pseq, "partition replayed");
    Ok(fold)
}

async fn end_of<L: EventLog>(log: &L, partition: Partition) -> Result<Offset, LogError> {
    let deadline = Instant::now() + LEADERLESS;
    loop {
        match log.end(partition).await {
            Err(LogError::Unavailable(_)) if Instant::now() < deadline => sleep(LOOK_AGAIN_AFTER).await,
            known => return known,
        }
    }
}

/// Says which record stops a partition.
pub(super) fn log_stuck(partition: Partition, offset: i64, stuck: &Stuck) {
    tracing::error!(%partition, offset, error = %stuck, "partition cannot be folded any further");
}
