//! The writing thread: takes whatever waits, commits it in one transaction, answers, and only then tidies up.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

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

/// Enough for one transaction; what waits beyond it goes into the next.
const MAX_GROUP_BYTES: usize = 16 * 1024 * 1024;

/// How much is written to the WAL before it is copied into the file: a copy costs two syncs, whatever its size. Then the WAL
/// is written from its beginning again, over what is there, which the file system syncs in a fraction of the time that it
/// needs for a file that grows.
const CHECKPOINT_BYTES: usize = 8 * 1024 * 1024;

/// What a transaction writes to the WAL at least: five pages of the trees that it touches.
const TRANSACTION_BYTES: usize = 5 * 4096;

/// How long the thread stays awake for a job that is announced.
const AWAKE_FOR: Duration = Duration::from_micros(200);

/// What the thread is asked for.
pub(super) enum Order {
    /// This.
    Commit(Job),
    /// To be awake when a job comes, which is soon: waking up takes as long as half a commit.
    Stir,
}

/// Something to commit.
pub(super) struct Job {
    pub name: WriterName,
    pub right: Right,
    pub rows: Vec<Row>,
    /// Told the generation of the writer, after the commit.
    pub done: oneshot::Sender<Result<u64, InDoubt>>,
}

/// By what right a job comes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Right {
    /// That of a handle; void if the writer's generation is another one by now.
    Generation(u64),
    /// It makes a new generation, so that all present handles of that writer are void.
    Renew,
}

pub(super) struct WriteThread {
    file: LogFile,
    lock: ProcessLock,
    shared: Arc<Shared>,
    clock: SharedClock,
    generations: BTreeMap<WriterName, u64>,
    unmoved_bytes: usize,
}

/// A job that has the right to be done, and the generation to answer with.
type Admitted = (Vec<Row>, u64, oneshot::Sender<Result<u64, InDoubt>>);

impl WriteThread {
    pub fn new(file: LogFile, lock: ProcessLock, shared: Arc<Shared>, clock: SharedClock) -> Self {
        Self { file, lock, shared, clock, generations: BTreeMap::new(), unmoved_bytes: 0 }
    }

    /// Runs until all senders of orders are gone.
    pub fn run(mut self, orders: &mpsc::Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let mut waiting = match order {
                Order::Commit(job) => Some(job),
                Order::Stir => self.soon(orders),
            };
            if waiting.is_none() {
                continue;
            }
            let (mut bytes, mut group) = (0, Vec::new());
            while let Some(job) = waiting {
                bytes += job.rows.iter().map(Row::size).sum::<usize>();
                group.extend(self.admit(job));
                waiting = if bytes < MAX_GROUP_BYTES { self.next(orders) } else { None };
            }
            self.commit(group);
            self.unmoved_bytes += bytes + TRANSACTION_BYTES;
            if self.unmoved_bytes > CHECKPOINT_BYTES {
                self.checkpoint();
            }
        }
        self.close();
    }

    /// The next job, if there is one now.
    fn next(&self, orders: &mpsc::Receiver<Order>) -> Option<Job> {
        orders.try_iter().find_map(|order| match order {
            Order::Commit(job) => Some(job),
            Order::Stir => {
                self.shared.stirred.store(false, Ordering::Relaxed);
                None
            }
        })
    }

    /// The next job, if it comes soon. Meanwhile the core is left to whoever wants it.
    fn soon(&self, orders: &mpsc::Receiver<Order>) -> Option<Job> {
        self.shared.stirred.store(false, Ordering::Relaxed);
        let until = Instant::now() + AWAKE_FOR;
        while Instant::now() < until {
            let job = self.next(orders);
            if job.is_some() {
                return job;
            }
            thread::yield_now();
        }
        None
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

    fn commit(&mut self, group: Vec<Admitted>) {
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

    /// Copies the WAL into the file, so that the next transaction starts it anew.
    fn checkpoint(&mut self) {
        // Also after a failure: the next attempt comes when as much again was written.
        self.unmoved_bytes = 0;
        let moved = self.file.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "could not copy the WAL into the file of the log");
        }
    }

    /// Closing the connection moves and removes the WAL.
    fn close(self) {
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
