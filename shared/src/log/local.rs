//! The log in one SQLite file: for one process on one machine, durable before it acknowledges.
//!
//! One connection writes, on a thread of the log or on that of a caller ([`desk`]); whatever waits becomes one transaction and one
//! fsync. Readers that keep up are served from memory ([`recent`](super::recent)), the others read pages from the file. `sqlite3 events.db
//! 'select * from record'` shows everything. The schema is in [`file`]; a change of it needs a new format number there.

mod commit;
mod desk;
mod file;
mod process_lock;
mod reader;
mod reference;
mod row;
mod tail;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::Stream;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{EventLog, InDoubt, LogError, NewRecord, Offset, Partition, Record, WriterName, recent::Recent};
use crate::clock::SharedClock;

pub use reader::{LocalReader, Pages};
pub use reference::{LocalReference, ReferencePages};

use commit::{Committer, Job, Right};
use desk::Desk;
use file::LogFile;
use process_lock::ProcessLock;
use row::Row;

/// A log in one SQLite file. Clones are the same log; when the last one is dropped what is under way is committed and
/// the file closed, so that whoever opens it next finds it free.
#[derive(Clone)]
pub struct LocalLog(Arc<Inner>);

/// The right to append to a [`LocalLog`].
#[derive(Debug)]
pub struct LocalWriter {
    name: WriterName,
    generation: u64,
}

struct Inner {
    shared: Arc<Shared>,
    desk: Desk,
}

/// What writing and reading have in common.
struct Shared {
    path: PathBuf,
    id: Uuid,
    partitions: u16,
    recent: Recent,
}

impl fmt::Debug for LocalLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalLog").field(&self.0.shared.path).finish()
    }
}

impl LocalLog {
    /// Opens the log in this file, or creates it with so many partitions, its folder too. The clock stamps the records.
    ///
    /// # Errors
    /// `Unavailable` if another process has it open (the text names that process) or the file cannot be used for now;
    /// `Damaged` if the file is not such a log, not whole, of a later format, or has another number of partitions.
    pub async fn open(path: impl AsRef<Path>, partitions: u16, clock: SharedClock) -> Result<Self, LogError> {
        let path = path.as_ref().to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::open_now(path, partitions, clock)).await;
        opened.unwrap_or_else(|stopped| Err(LogError::Unavailable(format!("the runtime is shutting down: {stopped}"))))
    }

    fn open_now(path: PathBuf, partitions: u16, clock: SharedClock) -> Result<Self, LogError> {
        let mut lock = ProcessLock::acquire(&path)?;
        let file = LogFile::open(&path, partitions, clock.now(), lock.machine_went_down())?;
        lock.note_whole();
        let recent = Recent::new(&file.ends);
        let shared = Arc::new(Shared { path, id: file.id, partitions, recent });
        let desk = Desk::open(Committer::new(file, lock, shared.clone(), clock))?;
        Ok(Self(Arc::new(Inner { shared, desk })))
    }

    /// What tells this log from all others: minted when the file was created.
    pub fn id(&self) -> Uuid {
        self.0.shared.id
    }

    /// Brings a job to the desk in one of its ways; what comes back is the generation of the writer it concerned.
    async fn submit(
        &self,
        way: fn(&Desk, Job),
        name: &WriterName,
        right: Right,
        records: Vec<(Partition, NewRecord)>,
    ) -> Result<u64, InDoubt> {
        let partitions = self.0.shared.partitions;
        if let Some((partition, _)) = records.iter().find(|(partition, _)| partition.number() >= partitions) {
            return Err(InDoubt { failed: vec![*partition], reason: format!("there is no partition {partition}") });
        }
        let rows = records.into_iter().map(|(partition, record)| Row::new(partition, record)).collect();
        let (done, outcome) = oneshot::channel();
        way(&self.0.desk, Job { name: name.clone(), right, rows, done });
        let closed = |_| Err(InDoubt { failed: Vec::new(), reason: "the log is closed".to_owned() });
        outcome.await.unwrap_or_else(closed)
    }
}

impl EventLog for LocalLog {
    type Writer = LocalWriter;

    fn partitions(&self) -> u16 {
        self.0.shared.partitions
    }

    async fn fence(&self, writer: &WriterName, stops: Vec<(Partition, NewRecord)>) -> Result<(), LogError> {
        self.submit(Desk::hand_over, writer, Right::Renew, stops).await.map(drop).map_err(unavailable)
    }

    async fn open_writer(&self, name: &WriterName) -> Result<LocalWriter, LogError> {
        let generation = self.submit(Desk::hand_over, name, Right::Renew, Vec::new()).await.map_err(unavailable)?;
        Ok(LocalWriter { name: name.clone(), generation })
    }

    async fn append(&self, writer: &mut LocalWriter, batch: Vec<(Partition, NewRecord)>) -> Result<(), InDoubt> {
        self.submit(Desk::hand_over, &writer.name, Right::Generation(writer.generation), batch).await.map(drop)
    }

    async fn append_here(&self, writer: &mut LocalWriter, batch: Vec<(Partition, NewRecord)>) -> Result<(), InDoubt> {
        self.submit(Desk::commit_here, &writer.name, Right::Generation(writer.generation), batch).await.map(drop)
    }

    fn tail(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        tail::read(self.0.shared.clone(), from)
    }

    async fn end(&self, partition: Partition) -> Result<Offset, LogError> {
        let no_such = || LogError::Unavailable(format!("there is no partition {partition}"));
        self.0.shared.recent.end(partition).ok_or_else(no_such)
    }

    fn end_after(&self, last: Offset) -> Offset {
        last + 1
    }
}

fn unavailable(doubt: InDoubt) -> LogError {
    LogError::Unavailable(doubt.reason)
}
