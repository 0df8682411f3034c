//! A log on its way into a new version of the views, with a lane for each partition. Every record is folded for
//! [`crate::verify`] on the way, so that the log is read once.
//!
//! What is there at first is copied into tables without keys and indexes, in one transaction ([`filling`]): lanes make rows of
//! batches ([`copier`]), side by side, and one connection takes them all. What comes later is written as the
//! projection does, into tables with everything that they need.

mod copier;
mod filling;
mod held;
mod target;

use std::{sync::Arc, thread};

use futures::future;
use shared::log::{LogError, Partition, Record};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::sync::{Semaphore, mpsc};

use self::copier::{Chunk, Copier, Gone};
pub(crate) use self::filling::Filling;
use super::{Options, apply::apply, batch::Batch, failure::Failure, position, rows::Rows, tables::Writing, with_plans};
use crate::verify::{self, Fold};

/// Records in a batch that is written.
const BATCH_RECORDS: usize = 20_000;
/// Chunks of rows that wait to be copied.
const CHUNKS_WAITING: usize = 4;
/// Heaps of records that wait for a lane.
const HEAPS_WAITING: usize = 4;

/// A partition on its way into the views, or into a fold alone.
#[derive(Debug)]
pub struct Lane {
    fold: Fold,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// Nowhere else.
    Fold,
    /// By statements.
    Write(PgConnection, Writing, Batch),
    /// By copying.
    Copy(Box<Copier>, Batch),
}

impl Lane {
    /// Folds, and goes on with a fold.
    pub fn fold(fold: Fold) -> Self {
        Self { fold, way: Way::Fold }
    }

    /// Copies and folds, from the beginning.
    fn copy(fold: Fold, batch_records: usize, to: mpsc::Sender<Chunk>) -> Self {
        let acceptance = fold.acceptance().clone();
        let copier = Box::new(Copier::new(position::column(acceptance.partition), to));
        Self { fold, way: Way::Copy(copier, Batch::after(acceptance, batch_records)) }
    }

    /// Loads and folds. What is loaded already is only folded.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load(fold: Fold, partitions: u16, database: PgConnectOptions) -> Result<Self, Failure> {
        let partition = fold.acceptance().partition;
        let writing = Writing::over(&database);
        let mut connection = PgConnection::connect_with(&with_plans(database)).await?;
        let stored = position::load(&mut connection, partition, partitions).await?;
        Ok(Self { fold, way: Way::Write(connection, writing, Batch::after(stored, BATCH_RECORDS)) })
    }

    fn partition(&self) -> Partition {
        self.fold.acceptance().partition
    }

    /// To the end of its records. `writers` says how many may write at once.
    async fn run(self, mut records: mpsc::Receiver<Vec<Record>>, writers: Arc<Semaphore>) -> Result<Fold, Failure> {
        let Self { mut fold, way } = self;
        match way {
            Way::Fold => {
                while let Some(heap) = records.recv().await {
                    heap.iter().try_for_each(|record| fold.add(record))?;
                }
            }
            Way::Write(connection, writing, batch) => {
                write_all(&mut fold, connection, writing, batch, records, &writers).await?;
            }
            Way::Copy(copier, batch) => copy_all(&mut fold, *copier, batch, records).await?,
        }
        Ok(fold)
    }
}

/// Copies all that the log holds into the tables of a new version, folded in batches of so many records; what it was folded to.
///
/// # Errors
/// When the log cannot be read, or a record or the database stops it. Then nothing is there.
pub async fn fill(
    database: &PgConnectOptions,
    heaps: mpsc::Receiver<Result<Vec<Record>, LogError>>,
    folds: Vec<Fold>,
    batch_records: usize,
    told: impl FnMut(usize),
) -> Result<Vec<Fold>, Failure> {
    let mut filling = Filling::begin(database).await?;
    let (to, chunks) = mpsc::channel(CHUNKS_WAITING);
    let lanes = folds.into_iter().map(|fold| Lane::copy(fold, batch_records, to.clone())).collect();
    drop(to);
    let (copied, folds) = future::join(filling.copy(chunks), deal(heaps, lanes, told)).await;
    // Lanes that nobody listens to end for no reason of their own.
    copied?;
    let folds = folds?;
    filling.finish(&folds).await?;
    Ok(folds)
}

async fn copy_all(
    fold: &mut Fold,
    mut copier: Copier,
    mut batch: Batch,
    mut records: mpsc::Receiver<Vec<Record>>,
) -> Result<(), Failure> {
    let mut waiting = Vec::new().into_iter();
    loop {
        let is_over = collect(fold, &mut batch, &mut waiting, &mut records).await?;
        let following = batch.following();
        let rows = Rows::of(std::mem::replace(&mut batch, following), Options::default().bury_from)?;
        copier.add(&rows).await.map_err(nobody_copies)?;
        if is_over {
            return copier.finish().await.map_err(nobody_copies);
        }
    }
}

fn nobody_copies(_: Gone) -> Failure {
    sqlx::Error::WorkerCrashed.into()
}

async fn write_all(
    fold: &mut Fold,
    mut connection: PgConnection,
    writing: Writing,
    mut batch: Batch,
    mut records: mpsc::Receiver<Vec<Record>>,
    writers: &Semaphore,
) -> Result<(), Failure> {
    let mut waiting = Vec::new().into_iter();
    loop {
        let is_over = collect(fold, &mut batch, &mut waiting, &mut records).await?;
        let following = batch.following();
        let full = std::mem::replace(&mut batch, following);
        if is_over {
            if full.records() > 0 {
                write(&mut connection, writing, full, writers).await?;
            }
            return Ok(connection.close().await?);
        }
        // While one is written, the next is collected.
        let (applied, collected) = future::join(
            write(&mut connection, writing, full, writers),
            collect(fold, &mut batch, &mut waiting, &mut records),
        )
        .await;
        applied?;
        collected?;
    }
}

async fn write(
    connection: &mut PgConnection,
    writing: Writing,
    batch: Batch,
    writers: &Semaphore,
) -> Result<(), Failure> {
    // Never closed; and without a permit there would only be more at once.
    let _permit = writers.acquire().await;
    apply(connection, writing, batch, Options::default().bury_from).await.map(drop)
}

/// Collects until the batch is full; whether there are no more records.
async fn collect(
    fold: &mut Fold,
    batch: &mut Batch,
    waiting: &mut std::vec::IntoIter<Record>,
    records: &mut mpsc::Receiver<Vec<Record>>,
) -> Result<bool, Failure> {
    let mut is_level = false;
    let is_over = loop {
        if batch.is_full() {
            break false;
        }
        let Some(record) = waiting.next() else {
            match records.recv().await {
                Some(heap) => *waiting = heap.into_iter(),
                None => break true,
            }
            continue;
        };
        if record.offset < batch.acceptance.next_offset() {
            fold.add(&record)?;
            continue;
        }
        if !is_level && *fold.acceptance() != batch.acceptance {
            let (projected, end) = (batch.acceptance.next_offset(), fold.acceptance().next_offset());
            return Err(Failure::ForeignLog { projected, end });
        }
        // From here on both see the same records, and one of them judges.
        is_level = true;
        if let Some(envelope) = batch.judge(&record)? {
            fold.fold(&envelope, record.offset)?;
            batch.fold(envelope, record.offset);
        }
    };
    if is_level {
        fold.advance(batch.acceptance.clone());
    }
    Ok(is_over)
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
