//! The event log: partitions of records, appended in atomic batches by one writer a partition, read by anybody.
//!
//! [`EventLog`] is what a log can do, [`Acceptance`] is the rule that says which records count, and the adapters are
//! [`memory`] (tests and simulation), `local` (one machine, SQLite) and `kafka`. One contract test suite runs against all.

mod acceptance;
pub mod kafka;
pub mod local;
pub mod memory;
mod partition;
mod recent;
mod record;

use std::{fmt, future::Future};

use futures::Stream;
use tokio::sync::{mpsc, oneshot};

pub use acceptance::{Acceptance, Chain, CurrentWriter, Ignored, Verdict};
pub use partition::{Partition, partition_of};
pub use record::{MAX_RECORD_BYTES, NewRecord, Offset, Record};

/// The name under which a log fences a writer: Kafka's `transactional.id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterName(pub String);

impl fmt::Display for WriterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A log could not do what it was asked; nothing is known to have happened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// The log cannot be reached or used for now.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// The log holds what this program cannot have written, or lacks what it must hold.
    #[error("the log is damaged or foreign: {0}")]
    Damaged(String),
}

/// The outcome of an append is unknown: some, all or none of it may be in the log, now or later.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the outcome of an append is unknown: {reason}")]
pub struct InDoubt {
    /// Partitions whose own part failed, where the log can tell; they are left out until they can be written again.
    pub failed: Vec<Partition>,
    /// For the operator.
    pub reason: String,
}

/// A log of partitions.
pub trait EventLog: Clone + Send + Sync + 'static {
    /// The right to append under a name.
    type Writer: Send + 'static;

    /// How many partitions there are; it never changes.
    fn partitions(&self) -> u16;

    /// After this returns, nothing appears that present handles of that writer sent or will send. Appends its stops.
    fn fence(
        &self,
        writer: &WriterName,
        stops: Vec<(Partition, NewRecord)>,
    ) -> impl Future<Output = Result<(), LogError>> + Send;

    /// The right to append under this name; an older handle of the same name can append no more.
    fn open_writer(&self, name: &WriterName) -> impl Future<Output = Result<Self::Writer, LogError>> + Send;

    /// Appends one atomic batch over any partitions. After an error the handle must not be used again.
    fn append(
        &self,
        writer: &mut Self::Writer,
        batch: Vec<(Partition, NewRecord)>,
    ) -> impl Future<Output = Result<(), InDoubt>> + Send;

    /// The same as [`append`](Self::append) for a caller that could only wait meanwhile: it may block the thread until the batch
    /// is durable, where another thread would take longer to wake up.
    fn append_here(
        &self,
        writer: &mut Self::Writer,
        batch: Vec<(Partition, NewRecord)>,
    ) -> impl Future<Output = Result<(), InDoubt>> + Send {
        self.append(writer, batch)
    }

    /// Committed records only, in order within each partition, from the given offsets on, and then as they come. After an
    /// error the stream ends; the reader may ask again.
    fn tail(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static;

    /// The offset behind everything committed to the partition.
    fn end(&self, partition: Partition) -> impl Future<Output = Result<Offset, LogError>> + Send;

    /// What [`end`](Self::end) is while `last` is the newest record.
    fn end_after(&self, last: Offset) -> Offset;
}

/// Which partitions an instance should write to: a hint for liveness; safety rests on the log alone.
#[derive(Debug)]
pub enum LockEvent {
    /// These are now this instance's to take.
    Assigned(Vec<Partition>),
    /// These are to be let go; answering `released` lets the next instance have them.
    Revoked {
        /// The partitions.
        partitions: Vec<Partition>,
        /// Told when the instance has stopped writing to them.
        released: oneshot::Sender<()>,
    },
}

/// The stream of lock changes of one instance.
pub type LockEvents = mpsc::UnboundedReceiver<LockEvent>;

/// For logs of a single process: every partition is granted at once and for good.
pub fn all_granted(partitions: u16) -> LockEvents {
    let (send, receive) = mpsc::unbounded_channel();
    // The receiver is in hand, so this cannot fail; the channel then stays open for nobody.
    drop(send.send(LockEvent::Assigned((0..partitions).map(Partition::new).collect())));
    receive
}
