//! The reference log in the views: names, products, categories and what is in them.
//!
//! One reader for all partitions, since a tree may lie in several: [`batch`] keeps the last word about each entry, [`rows`] makes
//! columns of it, [`tables`] writes them in one transaction with the new positions, and [`closure`] keeps the ancestors of
//! categories. Other systems write this log too, so what says nothing is put aside in `dead_letter`, counted, and never stops
//! it.
//!
//! A new kind: its table in a migration and in [`crate::views::checksum`], its columns in [`rows`], its statements in
//! [`tables`].

mod batch;
mod closure;
mod load;
mod rows;
mod tables;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use futures::{FutureExt as _, Stream, StreamExt as _};
use shared::{
    consistency::Place,
    log::{LogError, Offset, Partition},
    reference::{Record, ReferenceLog},
};
use sqlx::{Connection as _, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::time::{self, Instant};

pub use self::load::CatalogueLane;
pub(crate) use self::rows::category_doc;
use self::{
    batch::{Batch, Refused},
    rows::Rows,
};
use super::{
    failure::{Failure, Pause},
    for_projection,
    health::{Health, State},
    position::Outrun,
    stats,
};
use crate::progress::Progress;

/// The most records in one transaction.
const BATCH_RECORDS: usize = 1_000;

/// Between the beginnings of two batches: tiny transactions cost the machine more than the rows in them.
const GATHER: Duration = Duration::from_millis(10);

/// Between two attempts to get the log that another process projects.
const TRY_LOCK_EVERY: Duration = Duration::from_millis(500);

/// Between two questions to the database, while nothing comes, whether it is still there. The end of a compacted log may hold
/// nothing, so who has waited for so long has caught up.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// The projection of a reference log.
#[derive(Debug)]
pub struct Reference<R> {
    log: R,
    database: PgConnectOptions,
    progress: Progress,
    health: Health,
}

impl<R: ReferenceLog> Reference<R> {
    /// Between a reference log and the views, which the pool reaches as their owner.
    pub fn new(log: R, owner: &PgPool, progress: Progress, health: Health) -> Self {
        health.set_reference(State::Starting);
        Self { log, database: for_projection((*owner.connect_options()).clone(), "reference"), progress, health }
    }

    /// Projects until dropped, which can be at any time: what is not committed will be read again.
    pub async fn run(self) {
        let mut pause = Pause::new();
        loop {
            let failure = self.follow(&mut pause).await;
            if failure.is_final() {
                tracing::error!(%failure, "projection of the reference log stopped for good");
                self.health.set_reference(State::Stopped(failure.to_string()));
                return std::future::pending().await;
            }
            let wait = pause.next();
            tracing::warn!(%failure, ?wait, "projection of the reference log interrupted, trying again");
            self.health.set_reference(State::Interrupted(failure.to_string()));
            time::sleep(wait).await;
        }
    }

    /// One life of the database connection, and with it of the lock; why it ended.
    async fn follow(&self, pause: &mut Pause) -> Failure {
        let Begun { mut connection, mut positions, ends } = match self.begin().await {
            Ok(begun) => begun,
            Err(failure) => return failure,
        };
        let mut tail = self.log.tail(positions.iter().map(|(partition, next)| (*partition, *next)).collect());
        let mut is_idle = false;
        loop {
            if is_idle || ends.iter().all(|(partition, end)| positions.get(partition) >= Some(end)) {
                self.health.set_reference(State::Following);
            }
            match self.advance(&mut connection, &mut tail, &mut positions).await {
                Ok(came) => is_idle = !came,
                Err(failure) => return failure,
            }
            pause.reset();
        }
    }

    /// Where to go on from, and the ends of the log at present.
    async fn begin(&self) -> Result<Begun, Failure> {
        let mut connection = PgConnection::connect_with(&self.database).await?;
        while !tables::try_lock(&mut connection).await? {
            self.health.set_reference(State::Standby);
            time::sleep(TRY_LOCK_EVERY).await;
        }
        let epoch = self.progress.epoch();
        let positions = tables::load(&mut connection, self.log.partitions()).await?;
        let mut ends = BTreeMap::new();
        for (partition, projected) in &positions {
            let end = self.log.end(*partition).await?;
            if *projected > end {
                return Err(Failure::ForeignLog { projected: *projected, end });
            }
            ends.insert(*partition, end);
            self.progress.publish_loaded(epoch, Place::Reference(*partition), *projected);
        }
        tracing::info!(?positions, "projecting the reference log");
        self.health.set_reference(State::CatchingUp);
        Ok(Begun { connection, positions, ends })
    }

    /// Applies what there is, or waits a while for something to apply; whether something came.
    async fn advance<S: Stream<Item = Result<Record, LogError>> + Unpin>(
        &self,
        connection: &mut PgConnection,
        tail: &mut S,
        positions: &mut BTreeMap<Partition, Offset>,
    ) -> Result<bool, Failure> {
        let Ok(mut next) = time::timeout(PROBE_EVERY, tail.next()).await else {
            connection.ping().await?;
            return Ok(false);
        };
        let gathered = Instant::now() + GATHER;
        let mut batch = Batch::of_at_most(BATCH_RECORDS);
        let broken = loop {
            match next {
                Some(Ok(record)) => {
                    if let Some(position) = positions.get_mut(&record.partition) {
                        batch.add(&record, position);
                    }
                }
                Some(Err(error)) => break Some(error),
                None => break Some(LogError::Unavailable("the tail ended".to_owned())),
            }
            if batch.is_full() {
                break None;
            }
            next = match tail.next().now_or_never() {
                Some(more) => more,
                None => match time::timeout_at(gathered, tail.next()).await {
                    Ok(more) => more,
                    Err(_) => break None,
                },
            };
        };
        if batch.records() > 0 {
            self.apply(connection, batch).await?;
        }
        broken.map_or(Ok(true), |error| Err(error.into()))
    }

    async fn apply(&self, connection: &mut PgConnection, batch: Batch) -> Result<(), Failure> {
        let (records, epoch) = (batch.records(), self.progress.epoch());
        let Applied { moved, refused, unreadable, cycles } = apply(connection, batch).await?;
        for (partition, (_, to)) in moved {
            self.progress.publish(epoch, Place::Reference(partition), to);
        }
        stats::reference_applied(self.health.version(), records, unreadable, cycles);
        for one in &refused {
            let (partition, offset) = (one.partition.number(), one.offset);
            tracing::warn!(partition, offset, reason = %one.reason, "a record of reference data is refused");
        }
        Ok(())
    }
}

/// What became of a batch.
struct Applied {
    /// As [`Batch::moved`].
    moved: BTreeMap<Partition, (Offset, Offset)>,
    refused: Vec<Refused>,
    /// How many of these were unreadable, and how many made cycles, for the first time.
    unreadable: u64,
    cycles: u64,
}

/// One transaction: the rows, what was refused, and the positions.
async fn apply(connection: &mut PgConnection, batch: Batch) -> Result<Applied, Failure> {
    let (moved, mut refused) = (batch.moved.clone(), batch.refused.clone());
    let rows = Rows::of(batch)?;
    let mut transaction = connection.begin().await?;
    let cut = tables::write(&mut transaction, &rows).await?;
    let unreadable = tables::put_aside(&mut transaction, &refused).await?;
    let cycles = tables::put_aside(&mut transaction, &cut).await?;
    if !tables::advance(&mut transaction, &moved).await? {
        transaction.rollback().await?;
        return Err(Outrun.into());
    }
    transaction.commit().await?;
    refused.extend(cut);
    Ok(Applied { moved, refused, unreadable, cycles })
}

/// The beginning of a connection's life.
struct Begun {
    connection: PgConnection,
    /// The offset to go on from in each partition.
    positions: BTreeMap<Partition, Offset>,
    /// The end of each partition at that time.
    ends: BTreeMap<Partition, Offset>,
}
