//! A second opinion: a share of the index's answers is asked of the views as well, beside the requests.
//!
//! Both are compared at the same positions of both logs only. The views' answer and their positions come from one snapshot of
//! the database; the index gives its own with its answer. Where one is ahead of the other, both are asked again a moment
//! later, a few times.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shared::{
    Timestamp,
    ids::{ItemId, SegmentId, Tenant},
};
use tokio::{sync::Semaphore, time};

use super::{Index, stats};
use crate::views::{
    Reader,
    matching::{self, Question},
};

/// The most comparisons at once: each takes one of the connections for reads.
const AT_ONCE: usize = 2;

/// How often both are asked before one is given up, and how long to wait between.
const ATTEMPTS: u32 = 8;
const BETWEEN: Duration = Duration::from_millis(50);

/// A share of all requests, 0.0 to 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share(f64);

/// The text is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share is a number from 0.0 to 1.0")]
pub struct InvalidShare;

impl FromStr for Share {
    type Err = InvalidShare;

    fn from_str(text: &str) -> Result<Self, InvalidShare> {
        let share: f64 = text.parse().map_err(|_| InvalidShare)?;
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(InvalidShare) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Compares a share of the answers. Clones are the same.
#[derive(Debug, Clone)]
pub struct Shadow {
    share: Share,
    offered: Arc<AtomicU64>,
    free: Arc<Semaphore>,
}

/// An answer to be compared.
struct Comparison {
    index: Index,
    reader: Reader,
    tenant: Tenant,
    segment_ids: Vec<SegmentId>,
    site_code: String,
    valid_at: Option<Timestamp>,
    with_descendants: bool,
    products: Vec<ItemId>,
}

/// What came of a comparison.
enum Outcome {
    Equal,
    Different,
    /// They never stood at the same positions, or the database did not answer.
    Skipped,
}

impl Shadow {
    /// Of this share of the answers.
    pub fn of(share: Share) -> Self {
        Self { share, offered: Arc::default(), free: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The index has answered this. If it is one to be compared, that is done later; none waits for that, and when too many
    /// are under way it is left out.
    pub fn offer(&self, index: &Index, reader: &Reader, question: &Question<'_>) {
        if !self.chooses() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            return stats::compared(Outcome::Skipped.name());
        };
        let comparison = Comparison::new(index.clone(), reader.clone(), question);
        tokio::spawn(async move {
            stats::compared(comparison.run().await.name());
            drop(permit);
        });
    }

    /// Chooses evenly: as many of any run of requests as the share says.
    fn chooses(&self) -> bool {
        if self.share.0 <= 0.0 {
            return false;
        }
        let before = self.offered.fetch_add(1, Ordering::Relaxed) as f64;
        ((before + 1.0) * self.share.0).floor() > (before * self.share.0).floor()
    }
}

impl Outcome {
    fn name(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::Skipped => "skipped",
        }
    }
}

impl Comparison {
    fn new(index: Index, reader: Reader, question: &Question<'_>) -> Self {
        Self {
            index,
            reader,
            tenant: question.tenant.clone(),
            segment_ids: question.segment_ids.to_vec(),
            site_code: question.site_code.to_owned(),
            valid_at: question.valid_at,
            with_descendants: question.with_descendants,
            products: question.products.to_vec(),
        }
    }

    fn question(&self) -> Question<'_> {
        Question {
            tenant: &self.tenant,
            segment_ids: &self.segment_ids,
            site_code: &self.site_code,
            valid_at: self.valid_at,
            with_descendants: self.with_descendants,
            products: &self.products,
        }
    }

    async fn run(&self) -> Outcome {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                time::sleep(BETWEEN).await;
            }
            let (by_sql, shown) = match matching::products_at(&self.reader, &self.question()).await {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::debug!(%error, "a match cannot be compared");
                    return Outcome::Skipped;
                }
            };
            let (by_index, known) = self.index.products_at(&self.question());
            if shown == known {
                return self.compare(&by_sql, &by_index);
            }
        }
        Outcome::Skipped
    }

    fn compare(&self, by_sql: &[String], by_index: &[ItemId]) -> Outcome {
        if by_sql.iter().map(String::as_str).eq(by_index.iter().map(ItemId::as_str)) {
            return Outcome::Equal;
        }
        let (asked, by_sql, by_index) = (self.products.len(), by_sql.len(), by_index.len());
        tracing::warn!(tenant = %self.tenant, asked, by_sql, by_index, "the match index and the views differ");
        Outcome::Different
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_between_nothing_and_everything() {
        for good in ["0", "0.01", "1", "1.0"] {
            assert!(good.parse::<Share>().is_ok(), "{good}");
        }
        for bad in ["", "-0.1", "1.1", "NaN", "half", "1%"] {
            assert_eq!(bad.parse::<Share>(), Err(InvalidShare), "{bad}");
        }
    }

    #[test]
    fn the_share_of_all_requests_is_chosen_evenly() {
        for (share, expected) in [(0.0, 0), (0.01, 10), (0.25, 250), (1.0, 1_000)] {
            let shadow = Shadow::of(Share(share));
            assert_eq!((0..1_000).filter(|_| shadow.chooses()).count(), expected, "{share}");
        }
    }
}
