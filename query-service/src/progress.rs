//! How far the views have read each partition of both logs, as this process knows it. A read that must see a write waits here.
//!
//! The projector of this process publishes what it has committed. Partitions that another process projects are looked up in
//! the tables of positions, and only while somebody waits for them; `NOTIFY` would be quicker by some milliseconds, but it
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
    consistency::{Place, Positions},
    log::{Offset, Partition},
};
use sqlx::PgConnection;
use tokio::{
    sync::{Mutex, Notify, watch},
    time::{self, Instant},
};

use crate::views::Reader;

/// Between two looks at the table, while somebody waits for a partition that another process projects.
const LOOK_EVERY: Duration = Duration::from_millis(10);

const UNKNOWN: Offset = -1;
const NOTHING_PENDING: i64 = i64::MAX;

/// The positions of the views. Clones are the same.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Of the log of events.
    parts: Vec<Part>,
    /// Of the log of reference data.
    reference: Vec<Part>,
    /// Whether the tables may know more: other processes write them too.
    is_in_tables: bool,
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
    /// Of a log of events and one of reference data with so many partitions; nothing is known yet.
    pub fn new(partitions: u16, reference: u16) -> Self {
        Self::of(partitions, reference, true)
    }

    /// The same of something that this process alone fills, from the beginning: the database is never asked.
    pub(crate) fn in_memory(partitions: u16, reference: u16) -> Self {
        Self::of(partitions, reference, false)
    }

    fn of(partitions: u16, reference: u16, is_in_tables: bool) -> Self {
        let beginning = if is_in_tables { UNKNOWN } else { 0 };
        let part = |_| Part { next_offset: beginning.into(), waiting: 0.into(), pending_since: NOTHING_PENDING.into() };
        Self(Arc::new(Inner {
            parts: (0..partitions).map(part).collect(),
            reference: (0..reference).map(part).collect(),
            is_in_tables,
            epoch: AtomicU64::new(0),
            changed: watch::Sender::new(()),
            asked: Notify::new(),
            last_look: Mutex::new(None),
        }))
    }

    /// How many partitions the log of events has.
    pub fn partitions(&self) -> u16 {
        self.0.parts.len() as u16
    }

    fn part(&self, place: Place) -> Option<&Part> {
        match place {
            Place::Event(partition) => self.0.parts.get(partition.index()),
            Place::Reference(partition) => self.0.reference.get(partition.index()),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Part> {
        self.0.parts.iter().chain(&self.0.reference)
    }

    /// The offset up to which the views show a partition; none before it is known.
    pub fn next_offset(&self, place: impl Into<Place>) -> Option<Offset> {
        let part = self.part(place.into())?;
        Some(part.next_offset.load(Ordering::Acquire)).filter(|offset| *offset != UNKNOWN)
    }

    /// All that is known.
    pub(crate) fn positions(&self) -> Positions {
        let events = (0..self.partitions()).map(|number| Place::Event(Partition::new(number)));
        let reference = (0..self.0.reference.len() as u16).map(|number| Place::Reference(Partition::new(number)));
        events.chain(reference).filter_map(|place| Some((place, self.next_offset(place)?))).collect()
    }

    /// Grows with everything that the views show.
    pub(crate) fn total(&self) -> i64 {
        self.all().map(|part| part.next_offset.load(Ordering::Relaxed)).sum()
    }

    /// Whether the views show everything that is asked for.
    pub fn reached(&self, positions: &Positions) -> bool {
        positions.reached_by(|place| self.next_offset(place))
    }

    /// Whether the logs have all partitions of the token.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, positions: &Positions) -> Result<(), UnknownPartition> {
        let known = positions.iter().all(|(place, _)| self.part(place).is_some());
        if known { Ok(()) } else { Err(UnknownPartition) }
    }

    /// How long the oldest event that is read but not yet shown has been waiting; zero when the views are up to date.
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
    pub async fn wait(&self, reader: &Reader, positions: &Positions, deadline: Instant) -> Result<bool, sqlx::Error> {
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
            let next_look = if self.0.is_in_tables { deadline.min(Instant::now() + LOOK_EVERY) } else { deadline };
            if time::timeout_at(next_look, changed.changed()).await.is_err() && self.0.is_in_tables {
                self.look(reader).await?;
            }
        }
    }

    /// Waits until somebody in this process waits for the partition of the log of events.
    pub(crate) async fn wanted(&self, partition: Partition) {
        self.asked(|| self.0.parts[partition.index()].is_wanted()).await;
    }

    /// Waits until somebody in this process waits for any partition of either log.
    pub(crate) async fn any_wanted(&self) {
        self.asked(|| self.all().any(Part::is_wanted)).await;
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
    pub(crate) fn publish(&self, epoch: Epoch, place: impl Into<Place>, next_offset: Offset) {
        self.set(epoch, place.into(), |part| {
            part.next_offset.fetch_max(next_offset, Ordering::AcqRel);
        });
    }

    /// The projector has read from the database, under its lock, that the partition stands here.
    pub(crate) fn publish_loaded(&self, epoch: Epoch, place: impl Into<Place>, next_offset: Offset) {
        self.set(epoch, place.into(), |part| part.next_offset.store(next_offset, Ordering::Release));
    }

    fn set(&self, epoch: Epoch, place: Place, set: impl FnOnce(&Part)) {
        if let Some(part) = self.part(place).filter(|_| self.epoch() == epoch) {
            set(part);
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
        let rows = stored(connection).await?;
        for part in self.all() {
            part.next_offset.store(UNKNOWN, Ordering::Release);
        }
        self.learn(rows);
        Ok(())
    }

    /// One look at the tables for all who wait.
    pub(crate) async fn look(&self, reader: &Reader) -> Result<(), sqlx::Error> {
        let mut last_look = self.0.last_look.lock().await;
        if last_look.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        let epoch = self.epoch();
        let rows = reader.positions().await?;
        if self.epoch() == epoch {
            self.learn(rows);
        }
        *last_look = Some(Instant::now());
        Ok(())
    }

    fn learn(&self, rows: Vec<(Place, Offset)>) {
        for (place, next_offset) in rows {
            if let Some(part) = self.part(place) {
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
        self.positions.iter().filter_map(|(place, _)| self.progress.part(place))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for part in self.parts() {
            part.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Where the tables stand.
pub(crate) async fn stored(connection: &mut PgConnection) -> Result<Vec<(Place, Offset)>, sqlx::Error> {
    let both = "select true, partition, next_offset from projection
                union all select false, partition, next_offset from reference_projection";
    let rows: Vec<(bool, i16, Offset)> = sqlx::query_as(both).fetch_all(connection).await?;
    let placed = rows.into_iter().filter_map(|(is_event, partition, next_offset)| {
        let partition = Partition::new(u16::try_from(partition).ok()?);
        Some((if is_event { Place::Event(partition) } else { Place::Reference(partition) }, next_offset))
    });
    Ok(placed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_before_connections_began_anew_is_not_published() {
        let progress = Progress::new(2, 1);
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
        let progress = Progress::new(2, 1);
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
        let progress = Progress::new(2, 1);
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
        let progress = Progress::new(2, 1);
        let reference = |partition| Place::Reference(Partition::new(partition));
        for known in [Partition::new(1).into(), reference(0)] {
            assert!(progress.check(&Positions::at(known, 3)).is_ok());
        }
        for unknown in [Partition::new(2).into(), reference(1)] {
            assert_eq!(progress.check(&Positions::at(unknown, 3)), Err(UnknownPartition));
        }
    }
}
