//! Filling a new version of the views from the beginning of the log: batches as large as memory allows, into tables without
//! their secondary indexes. Every record is folded for [`crate::verify`] on the way, so that the log is read once.
//!
//! A batch is a transaction with its position, as in the projection; whoever was killed is continued where it stood. Deleted
//! segments are buried, since their assignments could only be found by an index. No more write at once than half of the cores:
//! the service that goes on may be on the same machine.

use std::{sync::Arc, thread};

use futures::future;
use shared::log::{LogError, Partition, Record};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::sync::{Semaphore, mpsc};

use super::{apply::apply, batch::Batch, failure::Failure, position, with_plans};
use crate::verify::{self, Fold};

/// Records in a batch.
const BATCH_RECORDS: usize = 20_000;
/// Heaps of records that wait for a lane.
const HEAPS_WAITING: usize = 4;
/// Segments with so many assignments are buried when they are deleted.
const BURY_FROM: u64 = 1;

/// A partition on its way into the views, or into a fold alone.
#[derive(Debug)]
pub struct Lane {
    fold: Fold,
    load: Option<Load>,
}

#[derive(Debug)]
struct Load {
    connection: PgConnection,
    batch: Batch,
}

impl Lane {
    /// Folds, and goes on with a fold.
    pub fn fold(fold: Fold) -> Self {
        Self { fold, load: None }
    }

    /// Loads and folds. What is loaded already is only folded.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load(fold: Fold, partitions: u16, database: PgConnectOptions) -> Result<Self, Failure> {
        let partition = fold.acceptance().partition;
        let mut connection = PgConnection::connect_with(&with_plans(database)).await?;
        let stored = position::load(&mut connection, partition, partitions).await?;
        let batch = Batch::after(stored, BATCH_RECORDS);
        Ok(Self { fold, load: Some(Load { connection, batch }) })
    }

    fn partition(&self) -> Partition {
        self.fold.acceptance().partition
    }

    /// To the end of its records. `writers` says how many may write at once.
    async fn run(self, mut records: mpsc::Receiver<Vec<Record>>, writers: Arc<Semaphore>) -> Result<Fold, Failure> {
        let Self { mut fold, load } = self;
        let Some(Load { mut connection, mut batch }) = load else {
            while let Some(heap) = records.recv().await {
                heap.iter().try_for_each(|record| fold.add(record))?;
            }
            return Ok(fold);
        };
        let mut waiting = Vec::new().into_iter();
        loop {
            let is_over = collect(&mut fold, &mut batch, &mut waiting, &mut records).await?;
            let following = batch.following();
            let full = std::mem::replace(&mut batch, following);
            if is_over {
                if full.records() > 0 {
                    write(&mut connection, full, &writers).await?;
                }
                connection.close().await?;
                return Ok(fold);
            }
            // While one is written, the next is collected.
            let (applied, collected) = future::join(
                write(&mut connection, full, &writers),
                collect(&mut fold, &mut batch, &mut waiting, &mut records),
            )
            .await;
            applied?;
            collected?;
        }
    }
}

async fn write(connection: &mut PgConnection, batch: Batch, writers: &Semaphore) -> Result<(), Failure> {
    // Never closed; and without a permit there would only be more at once.
    let _permit = writers.acquire().await;
    apply(connection, batch, BURY_FROM).await.map(drop)
}

/// Collects until the batch is full; whether there are no more records.
async fn collect(
    fold: &mut Fold,
    batch: &mut Batch,
    waiting: &mut std::vec::IntoIter<Record>,
    records: &mut mpsc::Receiver<Vec<Record>>,
) -> Result<bool, Failure> {
    while !batch.is_full() {
        let Some(record) = waiting.next() else {
            match records.recv().await {
                Some(heap) => *waiting = heap.into_iter(),
                None => return Ok(true),
            }
            continue;
        };
        if record.offset < batch.acceptance.next_offset() {
            fold.add(&record)?;
            continue;
        }
        if *fold.acceptance() != batch.acceptance {
            let (projected, end) = (batch.acceptance.next_offset(), fold.acceptance().next_offset());
            return Err(Failure::ForeignLog { projected, end });
        }
        if let Some(envelope) = batch.judge(&record)? {
            fold.fold(&envelope, record.offset)?;
            batch.fold(envelope, record.offset);
        }
        fold.advance(batch.acceptance.clone());
    }
    Ok(false)
}

/// Deals the records of a log out to the lanes of their partitions, until there are no more; what they were folded to.
///
/// # Errors
/// When the log cannot be read, or a record or the database stops a lane.
pub async fn deal(
    mut heaps: mpsc::Receiver<Result<Vec<Record>, LogError>>,
    lanes: Vec<Lane>,
    mut told: impl FnMut(usize),
) -> Result<Vec<Fold>, Failure> {
    let mut senders = Vec::new();
    let mut running = Vec::new();
    let half_of_the_cores = thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
    let writers = Arc::new(Semaphore::new(half_of_the_cores));
    for lane in lanes {
        let (send, receive) = mpsc::channel(HEAPS_WAITING);
        senders.push((lane.partition(), send));
        running.push(tokio::spawn(lane.run(receive, Arc::clone(&writers))));
    }
    let dealing = async {
        'heaps: while let Some(heap) = heaps.recv().await {
            let heap = heap?;
            told(heap.len());
            let mut dealt: Vec<Vec<Record>> = senders.iter().map(|_| Vec::new()).collect();
            for record in heap {
                let lane = senders.iter().position(|(partition, _)| *partition == record.partition);
                if let Some(dealt) = lane.and_then(|lane| dealt.get_mut(lane)) {
                    dealt.push(record);
                }
            }
            for ((_, lane), records) in senders.iter().zip(dealt) {
                // One that has ended says why below.
                if !records.is_empty() && lane.send(records).await.is_err() {
                    break 'heaps;
                }
            }
        }
        Ok::<_, LogError>(())
    };
    let dealt = dealing.await;
    drop(senders);
    let mut folds = Vec::new();
    for lane in running {
        let ended = lane.await.map_err(|error| LogError::Unavailable(format!("a lane of the log died: {error}")))?;
        folds.push(ended?);
    }
    dealt?;
    Ok(folds)
}

impl From<verify::Failure> for Failure {
    fn from(failure: verify::Failure) -> Self {
        match failure {
            verify::Failure::Log(error) => error.into(),
            verify::Failure::Record(error) => error.into(),
            verify::Failure::Document(error) => error.into(),
            verify::Failure::Database(error) => error.into(),
        }
    }
}
