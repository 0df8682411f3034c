//! Reads the log before the writer starts: once from its beginning to its end, all partitions in the order in which they
//! lie there. The folds stand alone and work side by side.

use std::time::Duration;

use futures::{StreamExt, future::try_join_all};
use shared::log::{EventLog, LogError, Offset, Partition, Record};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::part::{Fold, Stuck};

/// A partition whose end is hidden behind markers yields nothing more; so long is waited before it counts as read.
const QUIET: Duration = Duration::from_secs(2);

/// A partition may have no leader just now, as for a moment after its topic was made.
const LEADERLESS: Duration = Duration::from_secs(5);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How many records go to a fold at once, and how many such heaps wait for it.
const HEAP: usize = 512;
const HEAPS_WAITING: usize = 4;

/// The folds of all partitions, as far as the log goes now. A partition that cannot be folded is left where it stands;
/// the writer meets the same record again and says so.
pub(super) async fn replay<L: EventLog>(log: &L) -> Result<Vec<Fold>, LogError> {
    let count = log.partitions();
    let partitions = || (0..count).map(Partition::new);
    let ends = try_join_all(partitions().map(|partition| end_of(log, partition))).await?;
    let (heaps, folds): (Vec<_>, Vec<_>) = partitions().map(|partition| folding(Fold::new(partition, count))).unzip();
    read(log, &ends, heaps).await?;
    try_join_all(folds).await.map_err(|error| LogError::Unavailable(error.to_string()))
}

/// Reads the log from its beginning to these ends and deals it out to the folds.
async fn read<L: EventLog>(log: &L, ends: &[Offset], heaps: Vec<Heaps>) -> Result<(), LogError> {
    let from = (0..log.partitions()).map(|number| (Partition::new(number), 0)).collect();
    let mut tail = log.tail(from).ready_chunks(HEAP);
    let mut unread: Vec<bool> = ends.iter().map(|end| *end > 0).collect();
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
            if !heap.is_empty() {
                // A fold that cannot go on takes no more.
                drop(heaps.send(heap).await);
            }
        }
    }
    Ok(())
}

type Heaps = mpsc::Sender<Vec<Record>>;

/// A task that folds what it is sent.
fn folding(mut fold: Fold) -> (Heaps, JoinHandle<Fold>) {
    let (heaps, mut received) = mpsc::channel::<Vec<Record>>(HEAPS_WAITING);
    let work = async move {
        while let Some(heap) = received.recv().await {
            for record in heap {
                if let Err(stuck) = fold.apply(&record) {
                    log_stuck(record.partition, record.offset, &stuck);
                    return fold;
                }
            }
        }
        fold
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
