//! The change feed: a tenant's events that count, as they come, over HTTP.
//!
//! Each stream reads the log by itself ([`reader`]), at the pace of who asked for it: nothing is kept for a reader that is
//! slow. Readers that are near the end share what the log holds in memory. The id of an event is a [`cursor`]: it says for
//! every partition which event that counts was the last, and such an event tells all that the acceptance rule must know to go on
//! behind it ([`crate::anchor`]). So an id is good on every instance, after every restart, and nothing is stored for it.
//!
//! What is wanted is in [`filter`], how it is sent in [`body`].

mod body;
mod cursor;
mod filter;
mod reader;
mod stats;

use std::{sync::Arc, time::Duration};

use shared::log::{EventLog, LogError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::views::Reader as Views;

pub use body::{Body, Ends};
pub use cursor::{Cursor, InvalidCursor};
pub use filter::Filter;
pub use reader::Reader;
pub use stats::describe;

/// The most streams that look for their place in the log at once: that costs a reader for each partition.
const OPENINGS: usize = 8;

/// How long a stream may take to find its place.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where streams come from. Clones are the same.
#[derive(Debug, Clone)]
pub struct Feed<L> {
    log: L,
    streams: Arc<Semaphore>,
    openings: Arc<Semaphore>,
}

/// Where a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With what is not in the views yet.
    Now,
    /// With the first event of all.
    Beginning,
    /// Behind this place.
    After(Cursor),
}

/// A stream cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No event of this log has that id.
    #[error("no event of this log has the id")]
    Unknown,
    /// There are as many streams as there may be.
    #[error("too many streams are open")]
    Full,
    /// The log did not answer in time.
    #[error("the log did not answer in time")]
    Late,
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The views cannot be read.
    #[error(transparent)]
    Views(#[from] sqlx::Error),
}

/// The right to be one of the streams; over when dropped.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl<L: EventLog> Feed<L> {
    /// Of this log, with so many streams at most.
    pub fn new(log: L, streams: usize) -> Self {
        let (streams, openings) = (Arc::new(Semaphore::new(streams)), Arc::new(Semaphore::new(OPENINGS)));
        Self { log, streams, openings }
    }

    /// How many partitions the log has.
    pub fn partitions(&self) -> u16 {
        self.log.partitions()
    }

    /// A stream's right to be there.
    ///
    /// # Errors
    /// [`OpenError::Full`].
    pub fn slot(&self) -> Result<Slot, OpenError> {
        let permit = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            stats::refused();
            OpenError::Full
        })?;
        stats::opened();
        Ok(Slot { _permit: permit })
    }

    /// A reader that begins there; these are the views of the log.
    ///
    /// # Errors
    /// When the id is of another log, or the place cannot be found in time.
    pub async fn open(&self, start: &Start, views: &Views) -> Result<Reader<L>, OpenError> {
        let opening = async {
            // It is never closed.
            let _permit = self.openings.acquire().await;
            match start {
                Start::Beginning => Ok(Reader::from_the_beginning(self.log.clone())),
                Start::After(cursor) => Reader::after(self.log.clone(), cursor).await?.ok_or(OpenError::Unknown),
                Start::Now => Ok(Reader::behind(self.log.clone(), views.acceptances().await?).await?),
            }
        };
        timeout(PATIENCE, opening).await.unwrap_or(Err(OpenError::Late))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        stats::closed();
    }
}
