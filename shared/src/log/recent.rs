//! The newest records of each partition, in memory: readers that keep up never touch the file or the broker. Also wakes them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::log::{Offset, Partition, Record};

const MAX_RECORDS: usize = 4096;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// What a reader gets.
#[derive(Debug)]
pub(super) enum Found {
    /// These are the next, up to all there is.
    Records(Vec<Arc<Record>>),
    /// Some of what it wants is not here any more, or never was.
    Behind,
    /// It has everything, and nothing will come any more.
    Closed,
}

/// See the module.
pub(super) struct Recent {
    rings: Mutex<Rings>,
    /// The end of each partition.
    ends: Vec<watch::Sender<Offset>>,
    /// The greatest of them.
    greatest: watch::Sender<Offset>,
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
    /// Nothing yet, of partitions that end so.
    pub fn new(ends: &[Offset]) -> Self {
        let ring = |end: &Offset| Ring { floor: *end, ..Ring::default() };
        Self {
            rings: Mutex::new(Rings { of: ends.iter().map(ring).collect(), closed: false }),
            ends: ends.iter().map(|end| watch::Sender::new(*end)).collect(),
            greatest: watch::Sender::new(ends.iter().copied().max().unwrap_or_default()),
        }
    }

    /// Adds what was committed, in the order of each partition, and wakes whoever waits for it.
    pub fn publish(&self, committed: Vec<Record>) {
        let Some(greatest) = committed.iter().map(|record| record.offset + 1).max() else { return };
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
        self.greatest.send_modify(|held| *held = greatest.max(*held));
    }

    /// Wakes all readers for the last time.
    pub fn close(&self) {
        self.rings().closed = true;
        for end in self.ends.iter().chain([&self.greatest]) {
            end.send_modify(|_| {});
        }
    }

    /// The end of a partition; none if there is no such partition.
    pub fn end(&self, partition: Partition) -> Option<Offset> {
        self.ends.get(partition.index()).map(|end| *end.borrow())
    }

    /// The greatest end: where all partitions share one numbering, the next position.
    pub fn greatest_end(&self) -> Offset {
        *self.greatest.borrow()
    }

    /// Whether a reader that has come so far misses nothing if it goes on here, and waits for nothing that it has already.
    pub fn covers(&self, positions: &[(Partition, Offset)]) -> bool {
        let rings = self.rings();
        !rings.closed
            && positions.iter().all(|(partition, next)| {
                let floor = rings.of.get(partition.index()).map(|ring| ring.floor);
                floor.is_some_and(|floor| floor <= *next) && self.end(*partition).is_some_and(|end| *next <= end)
            })
    }

    /// Whether nothing will come any more.
    pub fn is_closed(&self) -> bool {
        self.rings().closed
    }

    /// Changes when one of these partitions does, and sometimes when another one does.
    pub fn changes(&self, positions: &[(Partition, Offset)]) -> watch::Receiver<Offset> {
        match positions {
            [(partition, _)] if partition.index() < self.ends.len() => self.ends[partition.index()].subscribe(),
            _ => self.greatest.subscribe(),
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
