//! Which records of a log count: the acceptance rule for all its partitions, for commands that show what happened. They read
//! from the beginning, since only that tells what counts.

use shared::{
    Timestamp,
    events::headers,
    log::{Acceptance, Ignored, Offset, Partition, Record, Verdict},
};

/// The log is damaged, or a newer version wrote it. [`super::verify`] says more.
#[derive(Debug, thiserror::Error)]
#[error("partition {partition}, offset {offset}: {why}; `segments log verify` says more")]
pub struct Damaged {
    partition: Partition,
    offset: Offset,
    why: &'static str,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// A fact.
    Event,
    /// A writer came or went, and all readers took note.
    Control,
    /// It does not count.
    Ignored(Ignored),
}

/// The rule for all partitions.
#[derive(Debug)]
pub struct Judge(Vec<Acceptance>);

impl Judge {
    /// Before the first record of a log.
    pub fn new(partitions: u16) -> Self {
        Self((0..partitions).map(|number| Acceptance::new(Partition::new(number), partitions)).collect())
    }

    /// Judges the next record of its partition.
    ///
    /// # Errors
    /// When nothing behind it can be judged.
    pub fn judge(&mut self, record: &Record) -> Result<Judged, Damaged> {
        let damaged = |why| Damaged { partition: record.partition, offset: record.offset, why };
        let acceptance = self.0.get_mut(record.partition.index());
        let acceptance = acceptance.ok_or_else(|| damaged("there is no such partition"))?;
        match acceptance.step(record) {
            Verdict::Accepted => Ok(Judged::Event),
            Verdict::NewWriter(_) | Verdict::NoWriter(_) => Ok(Judged::Control),
            Verdict::Ignored(why) => Ok(Judged::Ignored(why)),
            Verdict::Newer => Err(damaged("a newer version wrote this record")),
            Verdict::Corrupt => Err(damaged("the record does not fit those before it")),
        }
    }

    /// Where each partition stands.
    pub fn into_positions(self) -> Vec<Acceptance> {
        self.0
    }
}

/// The time of a record, as its writer says.
pub fn time_of(record: &Record) -> Option<Timestamp> {
    record.headers.get(headers::TIME)?.parse().ok()
}
