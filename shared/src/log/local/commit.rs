//! Committing: a group of jobs becomes one transaction and one sync; then they are answered, and only then it is tidied up.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    Shared,
    file::{INSERT, LogFile},
    process_lock::ProcessLock,
    row::Row,
};
use crate::{
    Timestamp,
    clock::SharedClock,
    log::{InDoubt, Offset, Record, WriterName},
};

/// How much is written to the WAL before it is copied into the file: a copy costs two syncs, whatever its size. Then the WAL
/// is written from its beginning again, over what is there, which the file system syncs in a fraction of the time that it
/// needs for a file that grows.
const CHECKPOINT_BYTES: usize = 8 * 1024 * 1024;

/// What a transaction writes to the WAL at least: five pages of the trees that it touches.
const TRANSACTION_BYTES: usize = 5 * 4096;

/// Something to commit.
pub(super) struct Job {
    pub name: WriterName,
    pub right: Right,
    pub rows: Vec<Row>,
    /// Told the generation of the writer, after the commit.
    pub done: oneshot::Sender<Result<u64, InDoubt>>,
}

impl Job {
    /// Bytes in the file, about.
    pub fn size(&self) -> usize {
        self.rows.iter().map(Row::size).sum()
    }
}

/// By what right a job comes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Right {
    /// That of a handle; void if the writer's generation is another one by now.
    Generation(u64),
    /// It makes a new generation, so that all present handles of that writer are void.
    Renew,
}

/// The writing connection, and all that is known of what it wrote.
pub(super) struct Committer {
    file: LogFile,
    lock: ProcessLock,
    shared: Arc<Shared>,
    clock: SharedClock,
    generations: BTreeMap<WriterName, u64>,
    unmoved_bytes: usize,
}

/// A job that has the right to be done, and the generation to answer with.
type Admitted = (Vec<Row>, u64, oneshot::Sender<Result<u64, InDoubt>>);

impl Committer {
    pub fn new(file: LogFile, lock: ProcessLock, shared: Arc<Shared>, clock: SharedClock) -> Self {
        Self { file, lock, shared, clock, generations: BTreeMap::new(), unmoved_bytes: 0 }
    }

    /// Commits these jobs and answers them.
    pub fn commit(&mut self, jobs: impl IntoIterator<Item = Job>) {
        let (mut bytes, mut group) = (TRANSACTION_BYTES, Vec::new());
        for job in jobs {
            bytes += job.size();
            group.extend(self.admit(job));
        }
        self.commit_admitted(group);
        self.unmoved_bytes += bytes;
    }

    fn admit(&mut self, job: Job) -> Option<Admitted> {
        let Job { name, right, rows, done } = job;
        let current = self.generations.entry(name).or_default();
        match right {
            Right::Renew => *current += 1,
            Right::Generation(held) if held == *current => {}
            Right::Generation(held) => {
                let reason = format!("fenced: generation {held} of this writer, now {current}");
                answer(done, Err(InDoubt { failed: Vec::new(), reason }));
                return None;
            }
        }
        Some((rows, *current, done))
    }

    fn commit_admitted(&mut self, group: Vec<Admitted>) {
        let stamp = self.file.stamped.max(self.clock.now());
        let rows = || group.iter().flat_map(|(rows, ..)| rows);
        match write(&mut self.file.connection, rows(), self.file.next, stamp) {
            Ok(()) => {
                let first = self.file.next;
                let mut answers = Vec::with_capacity(group.len());
                let mut committed: Vec<Record> = Vec::new();
                for (rows, generation, done) in group {
                    for row in rows {
                        committed.push(row.placed(first + committed.len() as Offset, stamp));
                    }
                    answers.push((done, generation));
                }
                self.file.next += committed.len() as Offset;
                self.file.stamped = stamp;
                self.shared.recent.publish(committed);
                answers.into_iter().for_each(|(done, generation)| answer(done, Ok(generation)));
            }
            Err(error) => {
                tracing::error!(%error, "the log could not commit");
                let doubt = InDoubt { failed: Vec::new(), reason: error.to_string() };
                group.into_iter().for_each(|(.., done)| answer(done, Err(doubt.clone())));
            }
        }
    }

    /// Whether so much was written that [`tidy_up`](Self::tidy_up) is worth its time.
    pub fn is_untidy(&self) -> bool {
        self.unmoved_bytes > CHECKPOINT_BYTES
    }

    /// Copies the WAL into the file, so that the next transaction starts it anew.
    pub fn tidy_up(&mut self) {
        // Also after a failure: the next attempt comes when as much again was written.
        self.unmoved_bytes = 0;
        let moved = self.file.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "could not copy the WAL into the file of the log");
        }
    }

    /// Closing the connection moves and removes the WAL.
    pub fn close(self) {
        let Self { file, mut lock, shared, .. } = self;
        shared.recent.close();
        match file.connection.close() {
            Ok(()) => lock.note_clean_end(),
            Err((_, error)) => tracing::warn!(%error, "could not close the file of the log"),
        }
    }
}

/// One transaction; durable when this returns. After an error nothing of it is in the log, and the connection can be used
/// again: SQLite writes the next transaction over what this one left at the end of the WAL. It is not opened again on
/// purpose, for that would take such an end for committed although it was never synced.
fn write<'a>(
    connection: &mut Connection,
    rows: impl Iterator<Item = &'a Row>,
    first: Offset,
    stamp: Timestamp,
) -> rusqlite::Result<()> {
    let mut rows = rows.zip(first..).peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let committed = (|| {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut insert = connection.prepare_cached(INSERT)?;
        rows.try_for_each(|(row, position)| row.insert(&mut insert, position, stamp))?;
        connection.prepare_cached("COMMIT")?.execute([]).map(drop)
    })();
    if committed.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    committed
}

fn answer(done: oneshot::Sender<Result<u64, InDoubt>>, outcome: Result<u64, InDoubt>) {
    // Whoever asked may have stopped waiting.
    drop(done.send(outcome));
}
