//! What is seen of the clients while they run: how much is acknowledged, and where.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use anyhow::ensure;
use shared::log::partition_of;
use tokio::time::{Instant, sleep};

use super::PARTITIONS;
use crate::history::{Attempt, Outcome};

const GLANCE: Duration = Duration::from_millis(5);

/// See the module. Times are nanoseconds of the run.
pub struct Pulse {
    began: Instant,
    acknowledged: AtomicU64,
    failed_by_server: AtomicU64,
    /// When the latest acknowledged command of each partition was sent.
    newest: [AtomicU64; PARTITIONS as usize],
}

impl Pulse {
    /// The run begins now.
    pub fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            began: Instant::now(),
            acknowledged: zero(),
            failed_by_server: zero(),
            newest: std::array::from_fn(|_| zero()),
        }
    }

    /// The present time.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// How many attempts were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Relaxed)
    }

    /// How many attempts got an answer of 500 or above, or 401.
    pub fn failed_by_server(&self) -> u64 {
        self.failed_by_server.load(Relaxed)
    }

    /// Takes note of an attempt.
    pub fn note(&self, attempt: &Attempt) {
        if attempt.outcome.is_success() {
            self.acknowledged.fetch_add(1, Relaxed);
            if let Some(key) = attempt.ask.key() {
                self.newest[partition_of(&key, PARTITIONS).index()].fetch_max(attempt.invoked, Relaxed);
            }
        } else if matches!(&attempt.outcome, Outcome::Answer(answer) if answer.status >= 500 || answer.status == 401) {
            self.failed_by_server.fetch_add(1, Relaxed);
        }
    }

    /// Waits until every partition has acknowledged a command that was sent after `since`; tells how long after it that was.
    pub async fn all_served_since(&self, since: u64, patience: Duration) -> anyhow::Result<Duration> {
        let deadline = Instant::now() + patience;
        while self.newest.iter().any(|newest| newest.load(Relaxed) <= since) {
            ensure!(Instant::now() < deadline, "not every partition is served {patience:?} after it should be");
            sleep(GLANCE).await;
        }
        Ok(Duration::from_nanos(self.now() - since))
    }
}
