//! Match without a database: what the segments hold, in memory, made of the two logs alone.
//!
//! A [`Follower`] reads both logs from their beginnings and never stops; [`fact`] takes from a record what counts for match,
//! [`world`] keeps it and answers, [`tree`] knows the categories above a category. The tables are neither read nor written. The
//! answers are those of [`crate::views::matching`]; a share of them can be compared with it ([`shadow`]).
//!
//! One lock guards everything, the positions included, so an answer is one of exactly these positions. Readers hold it for
//! some microseconds, the follower for a batch of at most 256 records.
//!
//! A new rule of match: here in [`world`], and in the SQL of [`crate::views::matching`].

mod dictionary;
mod fact;
mod follower;
mod shadow;
mod stats;
pub(crate) mod tree;
mod world;

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use shared::{
    consistency::{Place, Positions},
    ids::ItemId,
    log::Offset,
};

pub use follower::Follower;
pub use shadow::{InvalidShare, Shadow, Share};
pub use stats::describe;
pub(crate) use stats::{By, answered};
pub use world::MAX_IDS;

use self::{
    fact::Fact,
    world::{Full, Worlds},
};
use crate::{progress::Progress, views::matching::Question};

/// The most products, and the most segments, of a question that the index answers; larger ones would keep everybody else
/// waiting.
pub const MAX_ASKED: usize = 1_000;

/// What the segments of all tenants hold. Clones are the same.
#[derive(Debug, Clone)]
pub struct Index(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    worlds: RwLock<Worlds>,
    /// Moves only while `worlds` is locked.
    progress: Progress,
    is_ready: AtomicBool,
}

impl Index {
    /// Of logs with so many partitions; empty, until a [`Follower`] fills it.
    pub fn new(partitions: u16, reference: u16) -> Self {
        stats::ready(false);
        let progress = Progress::in_memory(partitions, reference);
        Self(Arc::new(Shared { worlds: RwLock::default(), progress, is_ready: false.into() }))
    }

    /// Whether it has once known everything that the logs held.
    pub fn is_ready(&self) -> bool {
        self.0.is_ready.load(Ordering::Acquire)
    }

    /// Whether it is to answer this, now.
    pub fn answers(&self, question: &Question<'_>) -> bool {
        self.is_ready() && question.products.len() <= MAX_ASKED && question.segment_ids.len() <= MAX_ASKED
    }

    /// How far it has read.
    pub fn progress(&self) -> &Progress {
        &self.0.progress
    }

    /// The products that match, in the order of the question: what [`crate::views::matching::products`] would find.
    pub fn products(&self, question: &Question<'_>) -> Vec<ItemId> {
        self.0.worlds.read().unwrap_or_else(PoisonError::into_inner).products(question)
    }

    /// The same, with the positions that it is the answer of.
    pub fn products_at(&self, question: &Question<'_>) -> (Vec<ItemId>, Positions) {
        let worlds = self.0.worlds.read().unwrap_or_else(PoisonError::into_inner);
        (worlds.products(question), self.0.progress.positions())
    }

    /// All of these facts of tenants, which bring the index to this offset of a partition.
    fn apply(&self, facts: &[(&str, Fact<'_>)], place: Place, next: Offset) -> Result<(), Full> {
        let mut worlds = self.0.worlds.write().unwrap_or_else(PoisonError::into_inner);
        facts.iter().try_for_each(|(tenant, fact)| worlds.apply(tenant, fact))?;
        // First, so that whoever waited for this is not told that it is still to come.
        if let Place::Event(partition) = place {
            self.0.progress.set_pending(partition, None);
        }
        self.0.progress.publish(self.0.progress.epoch(), place, next);
        Ok(())
    }

    fn set_ready(&self) {
        self.0.is_ready.store(true, Ordering::Release);
        stats::ready(true);
    }

    /// It answers nothing any more, and needs no memory.
    fn give_up(&self) {
        self.0.is_ready.store(false, Ordering::Release);
        stats::ready(false);
        let worlds = std::mem::take(&mut *self.0.worlds.write().unwrap_or_else(PoisonError::into_inner));
        // Takes a while, and nobody waits for it.
        drop(worlds);
    }
}
