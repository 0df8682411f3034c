//! What the log in memory holds, and the calls on it once all chance is decided. Synchronous; the caller holds the lock.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Timestamp,
    clock::SharedClock,
    log::{InDoubt, LogError, NewRecord, Offset, Partition, Record, WriterName},
};

/// How a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Well.
    Up,
    /// It has no leader: a batch that names it fails as a whole, it can be neither read nor asked for its end.
    Down,
    /// It takes records, but readers do not see them until it is well again, and its end stands still.
    Invisible,
}

/// What can be asked of the log.
#[derive(Clone)]
pub(super) enum Action {
    Append { name: WriterName, generation: u64, batch: Vec<(Partition, NewRecord)> },
    Fence { name: WriterName, stops: Vec<(Partition, NewRecord)> },
    Open { name: WriterName },
    Look,
}

impl Action {
    pub fn batch(&self) -> &[(Partition, NewRecord)] {
        match self {
            Self::Append { batch, .. } => batch,
            Self::Fence { stops, .. } => stops,
            Self::Open { .. } | Self::Look => &[],
        }
    }

    pub fn prefix(mut self, length: usize) -> Self {
        self.edit(|batch| batch.truncate(length));
        self
    }

    pub fn without(mut self, place: usize) -> Self {
        self.edit(|batch| {
            if place < batch.len() {
                batch.remove(place);
            }
        });
        self
    }

    /// The same records once more, under the generation that they had the first time.
    pub fn repeated(self, generation: u64) -> Self {
        match self {
            Self::Fence { name, stops } => Self::Append { name, generation, batch: stops },
            other => other,
        }
    }

    fn edit(&mut self, change: impl FnOnce(&mut Vec<(Partition, NewRecord)>)) {
        match self {
            Self::Append { batch, .. } => change(batch),
            Self::Fence { stops, .. } => change(stops),
            Self::Open { .. } | Self::Look => {}
        }
    }
}

pub(super) struct Store {
    /// Whether each batch uses up one more offset in every partition that it touches.
    pub markers: bool,
    /// Whether appends of older generations are refused.
    pub fencing: bool,
    parts: Vec<Part>,
    generations: BTreeMap<WriterName, u64>,
    clock: SharedClock,
    stamped: Timestamp,
}

struct Part {
    health: Health,
    /// Counts changes of `health`, so that a planned recovery does not end a later illness.
    illness: u64,
    records: Vec<Record>,
    end: Offset,
    visible: usize,
    visible_end: Offset,
}

impl Store {
    pub fn new(partitions: u16, clock: SharedClock) -> Self {
        let part = |_| Part { health: Health::Up, illness: 0, records: Vec::new(), end: 0, visible: 0, visible_end: 0 };
        Self {
            markers: false,
            fencing: true,
            parts: (0..partitions).map(part).collect(),
            generations: BTreeMap::new(),
            clock,
            stamped: Timestamp::from_unix_millis(0),
        }
    }

    /// Does it; what comes back is the generation of the writer that it concerned.
    pub fn run(&mut self, action: Action) -> Result<u64, InDoubt> {
        match action {
            Action::Append { name, generation, batch } => {
                let current = self.generations.get(&name).copied().unwrap_or_default();
                if self.fencing && generation != current {
                    self.abort(&batch);
                    let reason = format!("fenced: generation {generation} of {name}, now {current}");
                    return Err(InDoubt { failed: Vec::new(), reason });
                }
                self.land(batch).map(|()| generation)
            }
            Action::Fence { name, stops } => {
                let generation = self.raise(name);
                self.land(stops).map(|()| generation)
            }
            Action::Open { name } => Ok(self.raise(name)),
            Action::Look => Ok(0),
        }
    }

    fn raise(&mut self, name: WriterName) -> u64 {
        let generation = self.generations.entry(name).or_default();
        *generation += 1;
        *generation
    }

    fn land(&mut self, batch: Vec<(Partition, NewRecord)>) -> Result<(), InDoubt> {
        let is_sick =
            |partition: &Partition| self.parts.get(partition.index()).is_none_or(|part| part.health == Health::Down);
        let failed: BTreeSet<Partition> = touched(&batch).into_iter().filter(is_sick).collect();
        if !failed.is_empty() {
            self.abort(&batch);
            let reason = "partitions without a leader".to_owned();
            return Err(InDoubt { failed: failed.into_iter().collect(), reason });
        }
        self.stamped = self.stamped.max(self.clock.now());
        let touched = touched(&batch);
        for (partition, new) in batch {
            let part = &mut self.parts[partition.index()];
            part.records.push(Record::placed(new, partition, part.end, self.stamped));
            part.end += 1;
        }
        self.settle(touched);
        Ok(())
    }

    /// Leaves what an aborted transaction leaves: nothing, or with markers a hole.
    pub fn abort(&mut self, batch: &[(Partition, NewRecord)]) {
        if !self.markers {
            return;
        }
        let reachable =
            |partition: &Partition| self.parts.get(partition.index()).is_some_and(|part| part.health != Health::Down);
        let touched: BTreeSet<Partition> = touched(batch).into_iter().filter(reachable).collect();
        for (partition, _) in batch.iter().filter(|(partition, _)| touched.contains(partition)) {
            self.parts[partition.index()].end += 1;
        }
        self.settle(touched);
    }

    fn settle(&mut self, touched: BTreeSet<Partition>) {
        for partition in touched {
            let part = &mut self.parts[partition.index()];
            part.end += Offset::from(self.markers);
            part.reveal();
        }
    }

    /// Sets the health of a partition; what comes back names this change for [`Self::recover`].
    pub fn set_health(&mut self, partition: Partition, health: Health) -> u64 {
        let Some(part) = self.parts.get_mut(partition.index()) else { return 0 };
        part.health = health;
        part.illness += 1;
        part.reveal();
        part.illness
    }

    /// Makes the partition well, unless its health was set again since.
    pub fn recover(&mut self, partition: Partition, illness: u64) {
        if self.parts.get(partition.index()).is_some_and(|part| part.illness == illness) {
            self.set_health(partition, Health::Up);
        }
    }

    pub fn records(&self, partition: Partition) -> &[Record] {
        self.parts.get(partition.index()).map_or(&[], |part| &part.records)
    }

    /// What a reader can get from this offset on.
    pub fn visible(&self, partition: Partition, from: Offset) -> &[Record] {
        let Some(part) = self.parts.get(partition.index()) else { return &[] };
        if part.health == Health::Down {
            return &[];
        }
        let visible = &part.records[..part.visible];
        &visible[visible.partition_point(|record| record.offset < from)..]
    }

    pub fn end(&self, partition: Partition) -> Result<Offset, LogError> {
        match self.parts.get(partition.index()) {
            Some(part) if part.health != Health::Down => Ok(part.visible_end),
            Some(_) => Err(LogError::Unavailable(format!("partition {partition} has no leader"))),
            None => Err(LogError::Unavailable(format!("there is no partition {partition}"))),
        }
    }
}

impl Part {
    fn reveal(&mut self) {
        if self.health == Health::Up {
            self.visible = self.records.len();
            self.visible_end = self.end;
        }
    }
}

fn touched(batch: &[(Partition, NewRecord)]) -> BTreeSet<Partition> {
    batch.iter().map(|(partition, _)| *partition).collect()
}
