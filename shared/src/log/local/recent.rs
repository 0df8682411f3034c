//! The newest records of each partition, in memory: readers that keep up never touch the file. Also wakes them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::log::{Offset, Partition, Record};

const MAX_RECORDS: usize = 4096;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// What a reader gets.
pub(super) enum Found {
    /// These are the next, up to all there is.
    Records(Vec<Arc<Record>>),
    /// Some of what it wants is only in the file.
    Behind,
    /// It has everything, and nothing will come any more.
    Closed,
}

pub(super) struct Recent {
    rings: Mutex<Rings>,
    /// The end of each partition.
    ends: Vec<watch::Sender<Offset>>,
    /// The next position of the whole log.
    next: watch::Sender<Offset>,
}

struct Rings {
    of: Vec<Ring>,
    closed: bool,
}

/// Every record of one partition from `floor` on.
#[derive(Default)]
struct Ring {
    floor: Offset,
    bytes: usize,
    records: VecDeque<Arc<Record>>,
}

impl Recent {
    pub fn new(ends: &[Offset], next: Offset) -> Self {
        let ring = |_| Ring { floor: next, ..Ring::default() };
        Self {
            rings: Mutex::new(Rings { of: ends.iter().map(ring).collect(), closed: false }),
            ends: ends.iter().map(|end| watch::Sender::new(*end)).collect(),
            next: watch::Sender::new(next),
        }
    }

    /// Adds what was committed, in order of position, and wakes whoever waits for it.
    pub fn publish(&self, committed: Vec<Record>) {
        let Some(next) = committed.last().map(|record| record.offset + 1) else { return };
        let mut touched: Vec<Option<Offset>> = vec![None; self.ends.len()];
        let mut rings = self.rings();
        for record in committed {
            touched[record.partition.index()] = Some(record.offset + 1);
            rings.of[record.partition.index()].push(Arc::new(record));
        }
        drop(rings);
        for (end, touched) in self.ends.iter().zip(touched) {
            if let Some(touched) = touched {
                end.send_replace(touched);
            }
        }
        self.next.send_replace(next);
    }

    /// Wakes all readers for the last time.
    pub fn close(&self) {
        self.rings().closed = true;
        for end in self.ends.iter().chain([&self.next]) {
            end.send_modify(|_| {});
        }
    }

    /// The end of a partition; none if there is no such partition.
    pub fn end(&self, partition: Partition) -> Option<Offset> {
        self.ends.get(partition.index()).map(|end| *end.borrow())
    }

    /// The next position of the whole log.
    pub fn next(&self) -> Offset {
        *self.next.borrow()
    }

    /// Changes when one of these partitions does, and sometimes when another one does.
    pub fn changes(&self, positions: &[(Partition, Offset)]) -> watch::Receiver<Offset> {
        match positions {
            [(partition, _)] if partition.index() < self.ends.len() => self.ends[partition.index()].subscribe(),
            _ => self.next.subscribe(),
        }
    }

    /// Up to `limit` records of each partition from the given positions on.
    pub fn after(&self, positions: &[(Partition, Offset)], limit: usize) -> Found {
        let rings = self.rings();
        let mut found = Vec::new();
        for (partition, next) in positions {
            let Some(ring) = rings.of.get(partition.index()) else { continue };
            if *next < ring.floor && self.end(*partition).is_some_and(|end| end > *next) {
                return Found::Behind;
            }
            let start = ring.records.partition_point(|record| record.offset < *next);
            found.extend(ring.records.range(start..).take(limit).cloned());
        }
        if found.is_empty() && rings.closed { Found::Closed } else { Found::Records(found) }
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, record: Arc<Record>) {
        self.bytes += size(&record);
        self.records.push_back(record);
        while self.records.len() > MAX_RECORDS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= size(&oldest);
            self.floor = oldest.offset + 1;
        }
    }
}

fn size(record: &Record) -> usize {
    record.headers.size() + record.value.len()
}
