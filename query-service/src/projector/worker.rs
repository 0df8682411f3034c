//! One partition: lock it, read its log from where the views stand, apply batch after batch.
//!
//! While one batch is being applied the next is being collected, so that reading and decoding overlap with the database's
//! work and batches grow by themselves when there is much to do. When there is little, a record is applied at once, unless
//! the last batch was only just begun: then it waits a moment for others, or until a reader asks for it.

use std::time::Duration;

use shared::log::{EventLog, Offset, Partition};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::{self, Instant};

use super::{
    Options, apply,
    batch::Batch,
    failure::{Failure, Pause},
    feed::{Feed, Tail},
    health::{Health, State},
    hub::Hub,
    position, stats,
    tables::Writing,
    watch::is_all,
};
use crate::progress::Progress;

/// Between two attempts to get a partition that another process projects.
const TRY_LOCK_EVERY: Duration = Duration::from_millis(500);

/// Between two questions to the database, while there is nothing to do, whether it is still there.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// Between the beginnings of two batches, unless somebody waits for the second one or it is worth its transaction. Tiny
/// transactions cost the machine more than the rows in them.
const GATHER: Duration = Duration::from_millis(100);

/// A batch of so many records is worth a transaction.
const WORTH_IT: usize = 64;

/// The projection of one partition.
#[derive(Debug)]
pub struct Worker<L> {
    /// The log.
    pub log: L,
    /// Where its records come from.
    pub hub: Hub<L>,
    /// The one partition.
    pub partition: Partition,
    /// Where the views are.
    pub database: PgConnectOptions,
    /// Told of every commit.
    pub progress: Progress,
    /// Told of every change of state.
    pub health: Health,
    /// What may be set.
    pub options: Options,
}

impl<L: EventLog> Worker<L> {
    /// Projects until something final happens.
    pub async fn run(self) {
        let mut pause = Pause::new();
        loop {
            let failure = self.follow(&mut pause).await;
            self.progress.set_pending(self.partition, None);
            let partition = self.partition.number();
            if failure.is_final() {
                tracing::error!(partition, %failure, "projection of the partition stopped for good");
                return self.health.set(self.partition, State::Stopped(failure.to_string()));
            }
            let wait = pause.next();
            tracing::warn!(partition, %failure, ?wait, "projection interrupted, trying again");
            self.health.set(self.partition, State::Interrupted(failure.to_string()));
            time::sleep(wait).await;
        }
    }

    /// One life of the database connection, and with it of the lock; why it ended.
    async fn follow(&self, pause: &mut Pause) -> Failure {
        let prepared = async {
            let mut connection = PgConnection::connect_with(&self.database).await?;
            while !position::try_lock(&mut connection, self.partition).await? {
                self.health.set(self.partition, State::Standby);
                time::sleep(TRY_LOCK_EVERY).await;
            }
            let (batch, end) = self.begin(&mut connection).await?;
            Ok((connection, batch, end))
        };
        let (mut connection, batch, end) = match prepared.await {
            Ok(prepared) => prepared,
            Err(failure) => return failure,
        };
        let tail = self.hub.follow(self.partition, batch.acceptance.next_offset());
        let mut feed = Feed::new(tail, batch);
        let mut not_before = Instant::now();
        loop {
            match self.advance(&mut connection, &mut feed, &mut not_before).await {
                Ok(next_offset) => self.judge(next_offset, end),
                Err(failure) => return failure,
            }
            pause.reset();
        }
    }

    /// Where to go on from, and the end of the log at present.
    async fn begin(&self, connection: &mut PgConnection) -> Result<(Batch, Offset), Failure> {
        let epoch = self.progress.epoch();
        let acceptance = position::load(connection, self.partition, self.log.partitions()).await?;
        let (projected, end) = (acceptance.next_offset(), self.log.end(self.partition).await?);
        if projected > end {
            return Err(Failure::ForeignLog { projected, end });
        }
        tracing::info!(partition = self.partition.number(), next_offset = projected, end, "projecting");
        self.health.set(self.partition, State::CatchingUp);
        self.judge(projected, end);
        self.progress.publish_loaded(epoch, self.partition, projected);
        Ok((Batch::after(acceptance, self.options.batch_records.max(1)), end))
    }

    /// The views have caught up once they show what the log held in the beginning.
    fn judge(&self, next_offset: Offset, end: Offset) {
        if self.health.get(self.partition) == State::CatchingUp && is_all(&self.log, next_offset, end) {
            self.health.set(self.partition, State::Following);
        }
    }

    /// Applies what the feed holds, or waits for something to apply; where the views stand then.
    async fn advance<S: Tail>(
        &self,
        connection: &mut PgConnection,
        feed: &mut Feed<S>,
        not_before: &mut Instant,
    ) -> Result<Offset, Failure> {
        while time::timeout(PROBE_EVERY, feed.begin()).await.is_err() {
            connection.ping().await?;
        }
        self.progress.set_pending(self.partition, feed.oldest());
        tokio::select! {
            () = time::sleep_until(*not_before) => {}
            () = self.progress.wanted(self.partition) => {}
            () = feed.fill(WORTH_IT) => {}
        }
        *not_before = Instant::now() + GATHER;
        let batch = feed.take()?;
        let applied_to = batch.acceptance.next_offset();
        self.progress.set_pending(self.partition, batch.oldest);
        {
            let applied = self.apply(connection, batch);
            tokio::pin!(applied);
            tokio::select! {
                biased;
                applied = &mut applied => applied?,
                // Never ends, and loses nothing when it is left.
                never = feed.collect() => match never {},
            }
        }
        self.progress.set_pending(self.partition, feed.oldest());
        Ok(applied_to)
    }

    /// One transaction: the rows and the offset.
    async fn apply(&self, connection: &mut PgConnection, batch: Batch) -> Result<(), Failure> {
        let started = Instant::now();
        let epoch = self.progress.epoch();
        stats::ignored(self.health.version(), self.partition, &batch.ignored);
        let records = batch.records();
        let writing = self.options.writing.unwrap_or_else(|| Writing::over(&self.database));
        let to = apply::apply(connection, writing, batch, self.options.bury_from).await?;
        self.progress.publish(epoch, self.partition, to.next_offset());
        stats::applied(self.health.version(), self.partition, records, started.elapsed());
        Ok(())
    }
}
