//! Renews the snapshots while the writer runs, without asking it for anything: a snapshot is the one before, and what the log has
//! gained since. One partition after the other, so that the state of one is held a second time for a moment.

use std::time::Duration;

use shared::log::{EventLog, LogError, Partition};
use tokio::{sync::watch, time::sleep};

use super::{
    boot::load,
    follow::{Unfit, follow},
    handle::PartitionStatus,
};
use crate::fold::{Snapshot, Snapshots};

/// How often is looked whether there is enough that is new.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is known of the snapshot of a partition.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kept {
    /// The number of its last event; 0 if there is none.
    pseq: u64,
    /// Segments, assignments and keys in it.
    size: u64,
}

impl Kept {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self { pseq: snapshot.fold.acceptance.pseq, size: snapshot.fold.size() as u64 }
    }
}

/// Runs until the writer has ended.
pub(super) async fn keep<L: EventLog>(
    log: L,
    snapshots: Snapshots,
    kept: Vec<Kept>,
    mut statuses: watch::Receiver<Vec<PartitionStatus>>,
) {
    let keeper = Keeper { log, snapshots, kept, statuses: statuses.clone() };
    let ended = async move { while statuses.changed().await.is_ok() {} };
    tokio::select! {
        () = ended => {}
        () = keeper.run() => {}
    }
}

struct Keeper<L> {
    log: L,
    snapshots: Snapshots,
    kept: Vec<Kept>,
    statuses: watch::Receiver<Vec<PartitionStatus>>,
}

impl<L: EventLog> Keeper<L> {
    async fn run(mut self) {
        loop {
            sleep(LOOK_EVERY).await;
            let reached: Vec<u64> = self.statuses.borrow().iter().map(|status| status.pseq).collect();
            if !self.is_due(&reached) {
                continue;
            }
            for (number, reached) in (0..).zip(reached) {
                let partition = Partition::new(number);
                if reached <= self.kept[partition.index()].pseq {
                    continue;
                }
                self.kept[partition.index()] = self.renewed(partition).await.unwrap_or_else(|error| {
                    tracing::warn!(%partition, %error, "snapshot could not be renewed");
                    // Not before as much is new again.
                    Kept { pseq: reached, ..self.kept[partition.index()] }
                });
            }
        }
    }

    fn is_due(&self, reached: &[u64]) -> bool {
        let new: u64 = reached.iter().zip(&self.kept).map(|(reached, kept)| reached.saturating_sub(kept.pseq)).sum();
        let size: u64 = self.kept.iter().map(|kept| kept.size).sum();
        new >= self.snapshots.every.max(size / 8)
    }

    async fn renewed(&self, partition: Partition) -> Result<Kept, NotRenewed> {
        let partitions = self.log.partitions();
        let fresh = || Snapshot::new(partition, partitions);
        let end = self.log.end(partition).await?;
        let before = load(&self.snapshots, partition, partitions).await?.unwrap_or_else(|_| fresh());
        let snapshot = match follow(&self.log, before, end).await? {
            Ok(snapshot) => snapshot,
            Err(_) => follow(&self.log, fresh(), end).await??,
        };
        Ok(store(&self.snapshots, snapshot).await?.1)
    }
}

#[derive(Debug, thiserror::Error)]
enum NotRenewed {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// Stores a snapshot without holding anybody up; a failure is told, and then left alone until the next one is due.
pub(super) async fn store(snapshots: &Snapshots, snapshot: Snapshot) -> Result<(Snapshot, Kept), LogError> {
    let (partition, kept) = (snapshot.fold.acceptance.partition, Kept::of(&snapshot));
    let snapshots = snapshots.clone();
    let storing = tokio::task::spawn_blocking(move || {
        match snapshots.store(&snapshot) {
            Ok(()) => tracing::debug!(%partition, events = kept.pseq, "snapshot stored"),
            Err(error) => tracing::warn!(%partition, %error, "snapshot could not be stored"),
        }
        snapshot
    });
    let stored = storing.await.map_err(|error| LogError::Unavailable(error.to_string()))?;
    Ok((stored, kept))
}
