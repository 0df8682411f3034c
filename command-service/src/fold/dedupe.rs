//! The commands that came with an idempotency key, as the log tells them: their answers can be given again.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use shared::{Timestamp, events::CommandStamp, log::Offset};
use uuid::Uuid;

use crate::domain::Receipt;

/// How long a key is remembered, by the log's own append time.
pub(crate) const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// How many keys are remembered in one partition.
pub(crate) const MOST_KEYS: usize = 1_000_000;

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remembered {
    pub(crate) hash: blake3::Hash,
    pub(crate) receipt: Receipt,
    pub(crate) next_offset: Offset,
}

/// See the module. Eviction follows the log alone, so all readers remember the same.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Dedupe {
    by_id: HashMap<Uuid, Remembered>,
    by_age: VecDeque<(Timestamp, Uuid)>,
}

/// A key with its answer, as files keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// In milliseconds.
    appended_at: i64,
    id: Uuid,
    hash: [u8; 32],
    receipt: Receipt,
    next_offset: Offset,
}

impl Dedupe {
    /// How many keys are remembered.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All keys by age: the order in which [`Self::restore`] wants them.
    pub(crate) fn kept(&self) -> impl Iterator<Item = Kept> {
        self.by_age.iter().filter_map(|(appended_at, id)| {
            let Remembered { hash, receipt, next_offset } = self.by_id.get(id)?;
            let (appended_at, hash) = (appended_at.unix_millis(), *hash.as_bytes());
            Some(Kept { appended_at, id: *id, hash, receipt: *receipt, next_offset: *next_offset })
        })
    }

    /// Remembers a key as it was.
    pub(crate) fn restore(&mut self, kept: Kept) {
        let Kept { appended_at, id, hash, receipt, next_offset } = kept;
        self.by_id.insert(id, Remembered { hash: hash.into(), receipt, next_offset });
        self.by_age.push_back((Timestamp::from_unix_millis(appended_at), id));
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&Remembered> {
        self.by_id.get(&id)
    }

    /// Remembers an accepted command if it has a key, and forgets those that are too old or too many.
    pub(crate) fn put(&mut self, stamp: CommandStamp, receipt: Receipt, next_offset: Offset, appended_at: Timestamp) {
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
