//! One partition of a log on its way into the index: judged, read and applied beside all others, since none says anything
//! about another.

use std::time::Duration;

use shared::{
    Timestamp,
    consistency::Place,
    log::{self, Acceptance, EventLog, Offset, Partition, Verdict},
    reference,
};
use tokio::{sync::mpsc, time};

use super::{
    super::{
        Index,
        fact::{self, Fact},
        stats,
    },
    Failure,
};
use crate::projector::{Reason, Unusable, is_all};

/// The most records that are applied at once: readers wait meanwhile.
pub const BATCH_RECORDS: usize = 256;

/// The end of a compacted log may hold nothing. Who reads it and gets nothing for so long has all of it.
const QUIET: Duration = Duration::from_secs(10);

/// A partition, and how its records are read.
pub trait Part: Send + 'static {
    /// A record of its log.
    type Record: Send + 'static;

    /// Which partition of its log.
    fn partition(&self) -> Partition;
    /// Which of both logs.
    fn place(&self) -> Place;
    /// Where it goes on.
    fn next(&self) -> Offset;
    /// Moves behind the next record; what it says, if it counts.
    fn read<'r>(&mut self, record: &'r Self::Record) -> Result<Option<(&'r str, Fact<'r>)>, Unusable>;
    /// Whether everything is read that the log held when this was its end.
    fn has_reached(&self, end: Offset) -> bool;
    /// The same if nothing comes for so long.
    fn quiet(&self) -> Option<Duration>;
    /// Which partition a record belongs to.
    fn partition_of(record: &Self::Record) -> Partition;
    /// Since when a record waits to be applied, if anybody wants to know.
    fn since(record: &Self::Record) -> Option<Timestamp>;
}

/// Of the log of events.
#[derive(Debug)]
pub struct Events<L> {
    pub acceptance: Acceptance,
    pub log: L,
}

/// Of the reference log.
#[derive(Debug)]
pub struct Reference {
    pub partition: Partition,
    pub next: Offset,
}

impl<L: EventLog> Part for Events<L> {
    type Record = log::Record;

    fn partition(&self) -> Partition {
        self.acceptance.partition
    }

    fn place(&self) -> Place {
        Place::Event(self.partition())
    }

    fn next(&self) -> Offset {
        self.acceptance.next_offset()
    }

    fn read<'r>(&mut self, record: &'r log::Record) -> Result<Option<(&'r str, Fact<'r>)>, Unusable> {
        let unusable = |reason| Unusable { offset: record.offset, reason };
        match self.acceptance.step(record) {
            Verdict::Accepted => fact::of_event(record).map_err(|error| unusable(error.into())),
            Verdict::Ignored(_) | Verdict::NewWriter(_) | Verdict::NoWriter(_) => Ok(None),
            Verdict::Newer => Err(unusable(Reason::Newer)),
            Verdict::Corrupt => Err(unusable(Reason::Corrupt)),
        }
    }

    fn has_reached(&self, end: Offset) -> bool {
        is_all(&self.log, self.next(), end)
    }

    fn quiet(&self) -> Option<Duration> {
        None
    }

    fn partition_of(record: &log::Record) -> Partition {
        record.partition
    }

    fn since(record: &log::Record) -> Option<Timestamp> {
        Some(record.appended_at)
    }
}

impl Part for Reference {
    type Record = reference::Record;

    fn partition(&self) -> Partition {
        self.partition
    }

    fn place(&self) -> Place {
        Place::Reference(self.partition)
    }

    fn next(&self) -> Offset {
        self.next
    }

    fn read<'r>(&mut self, record: &'r reference::Record) -> Result<Option<(&'r str, Fact<'r>)>, Unusable> {
        self.next = record.offset + 1;
        Ok(fact::of_reference(record))
    }

    fn has_reached(&self, end: Offset) -> bool {
        self.next >= end
    }

    fn quiet(&self) -> Option<Duration> {
        Some(QUIET)
    }

    fn partition_of(record: &reference::Record) -> Partition {
        record.partition
    }

    fn since(_: &reference::Record) -> Option<Timestamp> {
        None
    }
}

/// A partition, and what it had to read before the index knew everything.
#[derive(Debug)]
pub struct Share<P> {
    pub part: P,
    /// The end when it began; none when it has been there.
    pub end: Option<Offset>,
}

impl<P: Part> Share<P> {
    /// Applies heaps until there are no more; what it has become, and why it cannot go on if it cannot. `arrived` is told once, when
    /// it has been at its end.
    pub async fn work(
        mut self,
        index: Index,
        mut heaps: mpsc::Receiver<Vec<P::Record>>,
        arrived: impl Fn() + Send,
    ) -> (Self, Result<(), Failure>) {
        loop {
            if self.end.is_some_and(|end| self.part.has_reached(end)) {
                self.end = None;
                arrived();
            }
            let heap = match self.part.quiet().filter(|_| self.end.is_some()) {
                None => heaps.recv().await,
                Some(quiet) => match time::timeout(quiet, heaps.recv()).await {
                    Ok(heap) => heap,
                    Err(_) => {
                        self.end = Some(self.part.next());
                        continue;
                    }
                },
            };
            let Some(heap) = heap else { return (self, Ok(())) };
            for batch in heap.chunks(BATCH_RECORDS) {
                if let Err(failure) = self.apply(&index, batch) {
                    return (self, Err(failure));
                }
            }
        }
    }

    fn apply(&mut self, index: &Index, batch: &[P::Record]) -> Result<(), Failure> {
        if let Some(since) = batch.first().and_then(P::since) {
            index.progress().set_pending(self.part.partition(), Some(since));
        }
        let mut facts = Vec::with_capacity(batch.len());
        for record in batch {
            facts.extend(self.part.read(record)?);
        }
        index.apply(&facts, self.part.place(), self.part.next())?;
        stats::read(batch.len());
        Ok(())
    }
}
