//! The commands that came with an idempotency key, as the log tells them: their answers can be given again.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use shared::{Timestamp, events::CommandStamp, log::Offset};
use uuid::Uuid;

use crate::domain::Receipt;

/// How long a key is remembered, by the log's own append time.
pub(super) const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// How many keys are remembered in one partition.
pub(super) const MOST_KEYS: usize = 1_000_000;

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remembered {
    pub(super) hash: blake3::Hash,
    pub(super) receipt: Receipt,
    pub(super) next_offset: Offset,
}

/// See the module. Eviction follows the log alone, so all readers remember the same.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Dedupe {
    by_id: HashMap<Uuid, Remembered>,
    by_age: VecDeque<(Timestamp, Uuid)>,
}

impl Dedupe {
    pub(super) fn get(&self, id: Uuid) -> Option<&Remembered> {
        self.by_id.get(&id)
    }

    /// Remembers an accepted command if it has a key, and forgets those that are too old or too many.
    pub(super) fn put(&mut self, stamp: CommandStamp, receipt: Receipt, next_offset: Offset, appended_at: Timestamp) {
        if stamp.is_keyed() {
            self.by_id.insert(stamp.id, Remembered { hash: stamp.hash, receipt, next_offset });
            self.by_age.push_back((appended_at, stamp.id));
        }
        let oldest = appended_at.unix_millis() - WINDOW.as_millis() as i64;
        while let Some((time, id)) = self.by_age.front().copied() {
            if time.unix_millis() >= oldest && self.by_age.len() <= MOST_KEYS {
                break;
            }
            self.by_age.pop_front();
            self.by_id.remove(&id);
        }
    }
}
