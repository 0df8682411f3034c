//! One reader of the log for all partitions that this process projects: a reader costs a connection, a thread and a request
//! to the broker for every batch that is written, whether it reads one partition or all.
//!
//! A reader that fails fails for all. So for a while after that each partition gets a reader of its own, and a partition
//! that is damaged or away stands alone.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use shared::log::{EventLog, LogError, Offset, Partition, Record};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};

use crate::progress::Progress;

/// Records that wait for the worker of one partition, 1 MiB each at most. When they are that many the others wait too.
const WAITING: usize = 256;

/// How long the reader waits for more partitions before it begins anew with a changed set of them.
const SETTLE: Duration = Duration::from_millis(50);

/// How long partitions have readers of their own after the common one failed.
const APART: Duration = Duration::from_secs(60);

/// How long it rests when few records came, unless a reader of the views waits: who wakes for every record takes the
/// processor from those who write it.
const REST: Duration = Duration::from_millis(25);
const FEW: usize = 64;

/// The records of one partition, as [`EventLog::tail`] gives them.
pub type Records = Pin<Box<dyn Stream<Item = Result<Record, LogError>> + Send>>;

/// Where workers get their records from. Clones are the same.
#[derive(Debug, Clone)]
pub struct Hub<L> {
    log: L,
    joining: mpsc::UnboundedSender<Follower>,
    failed_at: Arc<Mutex<Option<Instant>>>,
}

#[derive(Debug)]
struct Follower {
    partition: Partition,
    next: Offset,
    records: mpsc::Sender<Result<Record, LogError>>,
}

impl<L: EventLog> Hub<L> {
    /// The hub, and the reader that must be polled for it.
    pub fn new(log: L, progress: Progress) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (joining, joined) = mpsc::unbounded_channel();
        let failed_at = Arc::new(Mutex::new(None));
        let hub = Self { log: log.clone(), joining, failed_at: Arc::clone(&failed_at) };
        (hub, Reader { log, progress, joined, followers: HashMap::new(), failed_at }.run())
    }

    /// The records of a partition from an offset on, and then as they come. Whoever followed it before gets no more.
    pub fn follow(&self, partition: Partition, from: Offset) -> Records {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        if failed_at.is_some_and(|at| at.elapsed() < APART) {
            return Box::pin(self.log.tail(vec![(partition, from)]));
        }
        let (records, mut received) = mpsc::channel(WAITING);
        // Without a reader the stream ends at once.
        drop(self.joining.send(Follower { partition, next: from, records }));
        Box::pin(stream::poll_fn(move |context| received.poll_recv(context)))
    }
}

struct Reader<L> {
    log: L,
    progress: Progress,
    joined: mpsc::UnboundedReceiver<Follower>,
    followers: HashMap<Partition, Follower>,
    failed_at: Arc<Mutex<Option<Instant>>>,
}

impl<L: EventLog> Reader<L> {
    async fn run(mut self) {
        let Some(mut first) = self.joined.recv().await else { return };
        loop {
            self.followers.insert(first.partition, first);
            time::sleep(SETTLE).await;
            while let Ok(more) = self.joined.try_recv() {
                self.followers.insert(more.partition, more);
            }
            first = match self.read().await {
                Some(joined) => joined,
                None => return,
            };
        }
    }

    /// Reads until somebody joins; nobody can any more: none.
    async fn read(&mut self) -> Option<Follower> {
        let from = self.followers.values().map(|follower| (follower.partition, follower.next)).collect();
        let mut tail = self.log.tail(from);
        loop {
            let mut next = tokio::select! {
                joined = self.joined.recv() => return joined,
                next = tail.next() => Some(next),
            };
            let mut passed = 0;
            while let Some(news) = next {
                passed += 1;
                match news {
                    Some(Ok(record)) => self.pass_on(record).await,
                    Some(Err(error)) => self.fail(error).await,
                    None => self.fail(LogError::Unavailable("the tail ended".to_owned())).await,
                }
                if self.followers.is_empty() {
                    return self.joined.recv().await;
                }
                next = if passed < FEW { tail.next().now_or_never() } else { None };
            }
            if passed < FEW {
                tokio::select! {
                    joined = self.joined.recv() => return joined,
                    () = time::sleep(REST) => {}
                    () = self.progress.any_wanted() => {}
                }
            }
        }
    }

    async fn pass_on(&mut self, record: Record) {
        let partition = record.partition;
        let Some(follower) = self.followers.get_mut(&partition) else { return };
        follower.next = record.offset + 1;
        if follower.records.send(Ok(record)).await.is_err() {
            self.followers.remove(&partition);
        }
    }

    /// For those who follow it is a passing error, whatever it is: their own readers will tell whose fault it was.
    async fn fail(&mut self, error: LogError) {
        let error = LogError::Unavailable(format!("the common reader failed: {error}"));
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        for (_, follower) in self.followers.drain() {
            // Whoever is gone needs not be told.
            drop(follower.records.send(Err(error.clone())).await);
        }
    }
}
