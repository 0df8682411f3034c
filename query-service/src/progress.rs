//! How far the views have read each partition, as this process knows it. A read that must see a write waits here.
//!
//! The projector of this process publishes what it has committed. Partitions that another process projects are looked up in
//! the table `projection`, and only while somebody waits for them; `NOTIFY` would be quicker by some milliseconds, but it
//! makes every commit that notifies wait for the one before.
//!
//! The projector commits without waiting for Postgres to sync, so a crash of Postgres takes back the newest rows together
//! with their offset. It also ends every connection; a new one therefore begins with [`Progress::relearn`], so that no read
//! takes a position for granted that the database has forgotten.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use shared::{
    Timestamp,
    consistency::Positions,
    log::{Offset, Partition},
};
use sqlx::{PgConnection, PgPool};
use tokio::{
    sync::{Mutex, Notify, watch},
    time::{self, Instant},
};

/// Between two looks at the table, while somebody waits for a partition that another process projects.
const LOOK_EVERY: Duration = Duration::from_millis(10);

const UNKNOWN: Offset = -1;
const NOTHING_PENDING: i64 = i64::MAX;

/// The positions of the views. Clones are the same.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Vec<Part>,
    /// Counts [`Progress::relearn`]; what was learnt before it is not published after it.
    epoch: AtomicU64,
    changed: watch::Sender<()>,
    /// Told when somebody begins to wait.
    asked: Notify,
    last_look: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Part {
    next_offset: AtomicI64,
    /// How many wait for it.
    waiting: AtomicUsize,
    /// Since when a record waits to be applied, in milliseconds since 1970.
    pending_since: AtomicI64,
}

impl Part {
    fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    fn lag(&self, now: Timestamp) -> Duration {
        let waited = now.unix_millis().saturating_sub(self.pending_since.load(Ordering::Relaxed));
        Duration::from_millis(u64::try_from(waited).unwrap_or(0))
    }
}

/// A time in the life of the connections: see [`Progress::epoch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

/// A token names a partition that the log does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token names a partition that does not exist")]
pub struct UnknownPartition;

impl Progress {
    /// Of a log with so many partitions; nothing is known yet.
    pub fn new(partitions: u16) -> Self {
        let part = || Part { next_offset: UNKNOWN.into(), waiting: 0.into(), pending_since: NOTHING_PENDING.into() };
        Self(Arc::new(Inner {
            parts: (0..partitions).map(|_| part()).collect(),
            epoch: AtomicU64::new(0),
            changed: watch::Sender::new(()),
            asked: Notify::new(),
            last_look: Mutex::new(None),
        }))
    }

    /// How many partitions the log has.
    pub fn partitions(&self) -> u16 {
        self.0.parts.len() as u16
    }

    /// The offset up to which the views show a partition; none before it is known.
    pub fn next_offset(&self, partition: Partition) -> Option<Offset> {
        let part = self.0.parts.get(partition.index())?;
        Some(part.next_offset.load(Ordering::Acquire)).filter(|offset| *offset != UNKNOWN)
    }

    /// Grows with everything that the views show.
    pub(crate) fn total(&self) -> i64 {
        self.0.parts.iter().map(|part| part.next_offset.load(Ordering::Relaxed)).sum()
    }

    /// Whether the views show everything that is asked for.
    pub fn reached(&self, positions: &Positions) -> bool {
        positions.reached_by(|partition| self.next_offset(partition))
    }

    /// Whether the log has all partitions of the token.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, positions: &Positions) -> Result<(), UnknownPartition> {
        let known = positions.iter().all(|(partition, _)| partition.index() < self.0.parts.len());
        if known { Ok(()) } else { Err(UnknownPartition) }
    }

    /// How long the oldest record that is read but not yet shown has been waiting; zero when the views are up to date.
    pub fn lag(&self, now: Timestamp) -> Duration {
        self.0.parts.iter().map(|part| part.lag(now)).max().unwrap_or_default()
    }

    /// The same for one partition.
    pub fn lag_of(&self, partition: Partition, now: Timestamp) -> Duration {
        self.0.parts[partition.index()].lag(now)
    }

    /// Waits until the views show everything that is asked for, at most until the deadline; whether they do.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn wait(&self, pool: &PgPool, positions: &Positions, deadline: Instant) -> Result<bool, sqlx::Error> {
        if self.reached(positions) {
            return Ok(true);
        }
        let _waiting = Waiting::begin(self, positions);
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if self.reached(positions) {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            // Partitions of this process are published; a look now and then costs little and needs no bookkeeping of which.
            let next_look = deadline.min(Instant::now() + LOOK_EVERY);
            if time::timeout_at(next_look, changed.changed()).await.is_err() {
                self.look(pool).await?;
            }
        }
    }

    /// Waits until somebody in this process waits for the partition.
    pub(crate) async fn wanted(&self, partition: Partition) {
        self.asked(|| self.0.parts[partition.index()].is_wanted()).await;
    }

    /// Waits until somebody in this process waits for any partition.
    pub(crate) async fn any_wanted(&self) {
        self.asked(|| self.0.parts.iter().any(Part::is_wanted)).await;
    }

    async fn asked(&self, is_so: impl Fn() -> bool) {
        loop {
            let mut asked = pin!(self.0.asked.notified());
            asked.as_mut().enable();
            if is_so() {
                return;
            }
            asked.await;
        }
    }

    /// The present epoch, to be remembered before something is read or committed that will be published.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.0.epoch.load(Ordering::Acquire))
    }

    /// The projector has committed up to here. Ignored when connections began anew since `epoch`.
    pub(crate) fn publish(&self, epoch: Epoch, partition: Partition, next_offset: Offset) {
        if self.epoch() == epoch {
            self.0.parts[partition.index()].next_offset.fetch_max(next_offset, Ordering::AcqRel);
            self.0.changed.send_replace(());
        }
    }

    /// The projector has read from the database, under its lock, that the partition stands here.
    pub(crate) fn publish_loaded(&self, epoch: Epoch, partition: Partition, next_offset: Offset) {
        if self.epoch() == epoch {
            self.0.parts[partition.index()].next_offset.store(next_offset, Ordering::Release);
            self.0.changed.send_replace(());
        }
    }

    /// A record that was appended then waits to be applied; none: nothing waits.
    pub(crate) fn set_pending(&self, partition: Partition, since: Option<Timestamp>) {
        let since = since.map_or(NOTHING_PENDING, Timestamp::unix_millis);
        self.0.parts[partition.index()].pending_since.store(since, Ordering::Relaxed);
    }

    /// Forgets what was known and learns it from the database; a new connection begins with this.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn relearn(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        self.0.epoch.fetch_add(1, Ordering::AcqRel);
        let rows = positions(connection).await?;
        for part in &self.0.parts {
            part.next_offset.store(UNKNOWN, Ordering::Release);
        }
        self.learn(rows);
        Ok(())
    }

    /// One look at the table for all who wait.
    pub(crate) async fn look(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let mut last_look = self.0.last_look.lock().await;
        if last_look.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        let mut connection = pool.acquire().await?;
        let epoch = self.epoch();
        let rows = positions(&mut connection).await?;
        if self.epoch() == epoch {
            self.learn(rows);
        }
        *last_look = Some(Instant::now());
        Ok(())
    }

    fn learn(&self, rows: Vec<(i16, Offset)>) {
        for (partition, next_offset) in rows {
            if let Some(part) = usize::try_from(partition).ok().and_then(|index| self.0.parts.get(index)) {
                part.next_offset.fetch_max(next_offset, Ordering::AcqRel);
            }
        }
        self.0.changed.send_replace(());
    }
}

/// Somebody waits; over when dropped.
struct Waiting<'p> {
    progress: &'p Progress,
    positions: &'p Positions,
}

impl<'p> Waiting<'p> {
    fn begin(progress: &'p Progress, positions: &'p Positions) -> Self {
        let waiting = Self { progress, positions };
        for part in waiting.parts() {
            part.waiting.fetch_add(1, Ordering::AcqRel);
        }
        progress.0.asked.notify_waiters();
        waiting
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.positions.iter().filter_map(|(partition, _)| self.progress.0.parts.get(partition.index()))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for part in self.parts() {
            part.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

async fn positions(connection: &mut PgConnection) -> Result<Vec<(i16, Offset)>, sqlx::Error> {
    sqlx::query_as("select partition, next_offset from projection").fetch_all(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_before_connections_began_anew_is_not_published() {
        let progress = Progress::new(2);
        let before = progress.epoch();
        progress.publish(before, Partition::new(1), 7);
        assert_eq!(progress.next_offset(Partition::new(1)), Some(7));
        assert_eq!(progress.next_offset(Partition::new(0)), None);
        progress.0.epoch.fetch_add(1, Ordering::AcqRel);
        progress.publish(before, Partition::new(1), 9);
        assert_eq!(progress.next_offset(Partition::new(1)), Some(7));
    }

    #[test]
    fn the_lag_is_the_age_of_the_oldest_waiting_record() {
        let progress = Progress::new(2);
        let at = Timestamp::from_unix_millis;
        assert_eq!(progress.lag(at(5_000)), Duration::ZERO);
        progress.set_pending(Partition::new(0), Some(at(4_000)));
        progress.set_pending(Partition::new(1), Some(at(4_900)));
        assert_eq!(progress.lag(at(5_000)), Duration::from_millis(1_000));
        progress.set_pending(Partition::new(0), None);
        assert_eq!(progress.lag(at(5_000)), Duration::from_millis(100));
    }

    #[tokio::test]
    async fn a_partition_is_wanted_while_somebody_waits_for_it() {
        let progress = Progress::new(2);
        let (waited, other) = (Partition::new(0), Partition::new(1));
        let positions = Positions::at(waited, 3);
        let waker = progress.clone();
        let woken = tokio::spawn(async move { tokio::join!(waker.wanted(waited), waker.any_wanted()) });
        tokio::task::yield_now().await;
        let waiting = Waiting::begin(&progress, &positions);
        assert_eq!(woken.await.ok(), Some(((), ())));
        assert!(futures::FutureExt::now_or_never(progress.wanted(other)).is_none());
        drop(waiting);
        assert!(futures::FutureExt::now_or_never(progress.wanted(waited)).is_none());
        assert!(futures::FutureExt::now_or_never(progress.any_wanted()).is_none());
    }

    #[test]
    fn tokens_of_unknown_partitions_are_refused() {
        let progress = Progress::new(2);
        assert!(progress.check(&Positions::at(Partition::new(1), 3)).is_ok());
        assert_eq!(progress.check(&Positions::at(Partition::new(2), 3)), Err(UnknownPartition));
    }
}
