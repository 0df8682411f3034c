//! The tail of a partition, collected into the batch that is applied next.

use std::{convert::Infallible, future};

use futures::{FutureExt as _, Stream, StreamExt as _};
use shared::{
    Timestamp,
    log::{LogError, Record},
};

use super::{batch::Batch, failure::Failure};

/// What [`EventLog::tail`](shared::log::EventLog::tail) returns.
pub trait Tail: Stream<Item = Result<Record, LogError>> + Unpin {}

impl<S: Stream<Item = Result<Record, LogError>> + Unpin> Tail for S {}

/// Records on their way to the views.
#[derive(Debug)]
pub struct Feed<S> {
    tail: S,
    batch: Batch,
    /// Why no more is collected; told once everything before it is taken.
    broken: Option<Failure>,
}

impl<S: Tail> Feed<S> {
    /// From a tail that goes on where the batch stands.
    pub fn new(tail: S, batch: Batch) -> Self {
        Self { tail, batch, broken: None }
    }

    /// When the log took the first record that is collected.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.batch.oldest
    }

    /// Waits until there is something to take. Loses nothing when it is left before.
    pub async fn begin(&mut self) {
        if self.batch.records() == 0 && self.broken.is_none() {
            let next = self.tail.next().await;
            self.add(next);
        }
    }

    /// Collects until there are so many records. Loses nothing when it is left.
    pub async fn fill(&mut self, records: usize) {
        while self.batch.records() < records && !self.batch.is_full() && self.broken.is_none() {
            let next = self.tail.next().await;
            self.add(next);
        }
    }

    /// Collects as long as it is let. Loses nothing when it is left.
    pub async fn collect(&mut self) -> Infallible {
        self.fill(usize::MAX).await;
        future::pending().await
    }

    /// What is collected, with all that can be had without waiting, ready to be applied.
    ///
    /// # Errors
    /// When the tail broke and everything before is taken.
    pub fn take(&mut self) -> Result<Batch, Failure> {
        while !self.batch.is_full() && self.broken.is_none() {
            let Some(next) = self.tail.next().now_or_never() else { break };
            self.add(next);
        }
        if self.batch.records() == 0
            && let Some(failure) = self.broken.take()
        {
            return Err(failure);
        }
        let following = self.batch.following();
        Ok(std::mem::replace(&mut self.batch, following))
    }

    fn add(&mut self, next: Option<Result<Record, LogError>>) {
        let added = match next {
            Some(Ok(record)) => self.batch.add(&record).map_err(Failure::from),
            Some(Err(error)) => Err(error.into()),
            None => Err(LogError::Unavailable("the tail ended".to_owned()).into()),
        };
        self.broken = added.err();
    }
}
