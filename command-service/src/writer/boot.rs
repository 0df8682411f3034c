//! Reads the log before the writer starts: from the snapshots on where there are some, once from its beginning where there are
//! none, up to its end. The folds stand alone and work side by side.

use std::time::Duration;

use futures::{StreamExt, future::try_join_all};
use shared::log::{EventLog, LogError, Offset, Partition, Record};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    follow::{HEAP, QUIET, follow},
    keeper::{Kept, store},
};
use crate::fold::{Fingerprint, Fold, NotUsed, Snapshot, Snapshots, Stuck};

/// A partition may have no leader just now, as for a moment after its topic was made.
const LEADERLESS: Duration = Duration::from_secs(5);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How many heaps wait for a fold.
const HEAPS_WAITING: usize = 4;

/// A partition at the start.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) fold: Fold,
    pub(super) kept: Kept,
    #[cfg(test)]
    pub(super) is_restored: bool,
}

/// The folds of all partitions, as far as the log goes now. A partition that cannot be folded is left where it stands;
/// the writer meets the same record again and says so.
pub(super) async fn replay<L: EventLog>(log: &L, snapshots: Option<&Snapshots>) -> Result<Vec<Replayed>, LogError> {
    let partitions = || (0..log.partitions()).map(Partition::new);
    let ends = try_join_all(partitions().map(|partition| end_of(log, partition))).await?;
    let mut replayed: Vec<Option<Replayed>> = match snapshots {
        Some(snapshots) => try_join_all(partitions().map(|partition| go_on(log, snapshots, partition, &ends))).await?,
        None => partitions().map(|_| None).collect(),
    };
    let missing =
        replayed.iter().zip(partitions()).filter(|(known, _)| known.is_none()).map(|(_, partition)| partition);
    for fresh in from_the_beginning(log, missing.collect(), &ends, snapshots).await? {
        let index = fresh.fold.acceptance.partition.index();
        replayed[index] = Some(fresh);
    }
    Ok(replayed.into_iter().flatten().collect())
}

/// Folds what came after the snapshot of a partition; none if there is no snapshot that can be used.
async fn go_on<L: EventLog>(
    log: &L,
    snapshots: &Snapshots,
    partition: Partition,
    ends: &[Offset],
) -> Result<Option<Replayed>, LogError> {
    let snapshot = match load(snapshots, partition, log.partitions()).await? {
        Ok(snapshot) => snapshot,
        Err(NotUsed::Missing) if ends[partition.index()] == 0 => return Ok(None),
        Err(why) => {
            tell_unused(partition, &why);
            return Ok(None);
        }
    };
    let kept = Kept::of(&snapshot);
    let (log, end) = (log.clone(), ends[partition.index()]);
    // On a task of its own: partitions are folded side by side.
    let followed = tokio::spawn(async move { follow(&log, snapshot, end).await });
    match followed.await.map_err(|error| LogError::Unavailable(error.to_string()))?? {
        Ok(Snapshot { fold, .. }) => Ok(Some(Replayed {
            fold,
            kept,
            #[cfg(test)]
            is_restored: true,
        })),
        Err(why) => {
            tell_unused(partition, &why);
            Ok(None)
        }
    }
}

/// Reads a snapshot without holding anybody up.
pub(super) async fn load(
    snapshots: &Snapshots,
    partition: Partition,
    partitions: u16,
) -> Result<Result<Snapshot, NotUsed>, LogError> {
    let snapshots = snapshots.clone();
    let loaded = tokio::task::spawn_blocking(move || snapshots.load(partition, partitions)).await;
    loaded.map_err(|error| LogError::Unavailable(error.to_string()))
}

fn tell_unused(partition: Partition, why: &dyn std::fmt::Display) {
    tracing::warn!(%partition, %why, "snapshot not used, the whole log of the partition is read");
}

/// Folds these partitions from their first records on, with one reader. If that took long, the next start has snapshots.
async fn from_the_beginning<L: EventLog>(
    log: &L,
    partitions: Vec<Partition>,
    ends: &[Offset],
    snapshots: Option<&Snapshots>,
) -> Result<Vec<Replayed>, LogError> {
    let count = log.partitions();
    let mut heaps: Vec<Option<Heaps>> = ends.iter().map(|_| None).collect();
    let mut folds = Vec::new();
    for partition in &partitions {
        let (sender, fold) = folding(Snapshot::new(*partition, count));
        heaps[partition.index()] = Some(sender);
        folds.push(fold);
    }
    read(log, &partitions, ends, heaps).await?;
    let folds = try_join_all(folds).await.map_err(|error| LogError::Unavailable(error.to_string()))?;
    let events: u64 = folds.iter().map(|snapshot| snapshot.fold.acceptance.pseq).sum();
    let snapshots = snapshots.filter(|snapshots| events >= snapshots.every);
    try_join_all(folds.into_iter().map(|snapshot| first_kept(snapshots, snapshot))).await
}

/// Keeps a first snapshot, if that is wanted.
async fn first_kept(snapshots: Option<&Snapshots>, snapshot: Snapshot) -> Result<Replayed, LogError> {
    let (snapshot, kept) = match snapshots {
        Some(snapshots) => store(snapshots, snapshot).await?,
        None => (snapshot, Kept::default()),
    };
    Ok(Replayed {
        fold: snapshot.fold,
        kept,
        #[cfg(test)]
        is_restored: false,
    })
}

/// Reads the log from its beginning to these ends and deals it out to the folds.
async fn read<L: EventLog>(
    log: &L,
    partitions: &[Partition],
    ends: &[Offset],
    heaps: Vec<Option<Heaps>>,
) -> Result<(), LogError> {
    if partitions.is_empty() {
        return Ok(());
    }
    let mut tail = log.tail(partitions.iter().map(|partition| (*partition, 0)).collect()).ready_chunks(HEAP);
    let mut unread: Vec<bool> = ends.iter().zip(&heaps).map(|(end, heaps)| *end > 0 && heaps.is_some()).collect();
    while unread.contains(&true) {
        let Ok(Some(records)) = timeout(QUIET, tail.next()).await else { break };
        let mut dealt = vec![Vec::new(); ends.len()];
        for record in records {
            let record = record?;
            let index = record.partition.index();
            if unread[index] {
                unread[index] = log.end_after(record.offset) < ends[index];
                dealt[index].push(record);
            }
        }
        for (heap, heaps) in dealt.into_iter().zip(&heaps) {
            if let Some(heaps) = heaps
                && !heap.is_empty()
            {
                // A fold that cannot go on takes no more.
                drop(heaps.send(heap).await);
            }
        }
    }
    Ok(())
}

type Heaps = mpsc::Sender<Vec<Record>>;

/// A task that folds what it is sent.
fn folding(mut snapshot: Snapshot) -> (Heaps, JoinHandle<Snapshot>) {
    let (heaps, mut received) = mpsc::channel::<Vec<Record>>(HEAPS_WAITING);
    let work = async move {
        while let Some(heap) = received.recv().await {
            let (mut last, mut is_stuck) = (None, false);
            for record in heap {
                if let Err(stuck) = snapshot.fold.apply(&record) {
                    log_stuck(record.partition, record.offset, &stuck);
                    is_stuck = true;
                    break;
                }
                last = Some(record);
            }
            snapshot.last = last.as_ref().map(Fingerprint::of).or(snapshot.last);
            if is_stuck {
                break;
            }
        }
        snapshot
    };
    (heaps, tokio::spawn(work))
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
