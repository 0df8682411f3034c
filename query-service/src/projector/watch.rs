//! Looks every second how far the views are behind the log: for the metrics, and for the lag that reads are told of
//! partitions that this process does not project itself.

use std::time::Duration;

use shared::{
    Timestamp,
    clock::SharedClock,
    log::{EventLog, LogError, Offset, Partition},
};
use tokio::time;

use super::{
    health::{Health, State},
    stats,
};
use crate::{progress::Progress, views::Reader};

const EVERY: Duration = Duration::from_secs(1);

/// Looks at a log that other processes project, until dropped; whether the database answers is all the health there is.
pub async fn run_alone<L: EventLog>(log: L, reader: Reader, progress: Progress, health: Health, clock: SharedClock) {
    let judge = async {
        loop {
            let answered = reader.positions().await;
            let state = answered.err().map_or(State::Standby, |error| State::Interrupted(error.to_string()));
            (0..log.partitions()).for_each(|number| health.set(Partition::new(number), state.clone()));
            time::sleep(EVERY).await;
        }
    };
    tokio::join!(judge, run(log.clone(), reader.clone(), progress, health.clone(), clock));
}

/// Looks until dropped.
pub async fn run<L: EventLog>(log: L, reader: Reader, progress: Progress, health: Health, clock: SharedClock) {
    let mut behind_since: Vec<Option<Timestamp>> = vec![None; usize::from(log.partitions())];
    loop {
        time::sleep(EVERY).await;
        if let Err(error) = progress.look(&reader).await {
            tracing::debug!(%error, "cannot tell how far the views are");
        }
        for ((partition, state), since) in health.states().into_iter().zip(&mut behind_since) {
            let Ok(missing) = missing(&log, &progress, partition).await else { continue };
            let first_seen = since.get_or_insert_with(|| clock.now());
            let pending = (missing > 0).then_some(*first_seen);
            *since = pending;
            // A partition that this process follows knows better.
            if state != State::Following {
                progress.set_pending(partition, pending);
            }
            stats::lag(health.version(), partition, missing, progress.lag_of(partition, clock.now()));
        }
    }
}

/// How many offsets the views are behind, those that hold no record included.
async fn missing<L: EventLog>(log: &L, progress: &Progress, partition: Partition) -> Result<Offset, LogError> {
    let end = log.end(partition).await?;
    let next = progress.next_offset(partition).unwrap_or(0);
    Ok(if is_all(log, next, end) { 0 } else { end - next })
}

/// Whether who reads `next` next has read everything before `end`. An end may lie behind offsets that hold no record.
pub fn is_all<L: EventLog>(log: &L, next: Offset, end: Offset) -> bool {
    end <= if next > 0 { log.end_after(next - 1) } else { 0 }
}
