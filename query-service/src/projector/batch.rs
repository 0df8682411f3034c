//! A run of records, judged by the acceptance rule, and what it does to the views in the end: one [`Change`] for each
//! segment. Pure; order is the log's.

use std::collections::HashMap;

use shared::{
    Timestamp,
    events::Envelope,
    ids::SegmentKey,
    log::{Acceptance, Ignored, Offset, Record, Verdict},
};

use super::change::Change;

/// The most bytes of values in a batch, the last one excepted.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A record that stops the partition, since no view may leave it out.
#[derive(Debug, thiserror::Error)]
#[error("record at offset {offset}: {reason}")]
pub struct Unusable {
    /// The record.
    pub offset: Offset,
    /// Why.
    pub reason: Reason,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// See [`Verdict::Newer`].
    #[error("a newer version of this program wrote it")]
    Newer,
    /// See [`Verdict::Corrupt`].
    #[error("it contradicts the records before it (writer, number, chain or partition count)")]
    Corrupt,
    /// It counts, and says nothing that is known here.
    #[error("{0}")]
    Unreadable(#[from] shared::events::Unreadable),
}

/// The net effect of some records of one partition, and where it leaves the acceptance rule.
#[derive(Debug)]
pub struct Batch {
    /// By segment.
    pub changes: HashMap<SegmentKey, Change>,
    /// The offset that the projection stands at before it.
    pub from: Offset,
    /// The rule after the last record.
    pub acceptance: Acceptance,
    /// When the log took the first record.
    pub oldest: Option<Timestamp>,
    /// Why some records did not count.
    pub ignored: Vec<Ignored>,
    max_records: usize,
    records: usize,
    bytes: usize,
}

impl Batch {
    /// Nothing yet, after what `acceptance` has seen.
    pub fn after(acceptance: Acceptance, max_records: usize) -> Self {
        let from = acceptance.next_offset();
        let (changes, ignored) = (HashMap::new(), Vec::new());
        Self { changes, from, acceptance, oldest: None, ignored, max_records, records: 0, bytes: 0 }
    }

    /// The empty one that follows this.
    pub fn following(&self) -> Self {
        Self::after(self.acceptance.clone(), self.max_records)
    }

    /// How many records it holds, those that do not count included.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Whether it should be applied before more is added.
    pub fn is_full(&self) -> bool {
        self.records >= self.max_records || self.bytes >= MAX_BYTES
    }

    /// Judges the next record and adds its effect.
    ///
    /// # Errors
    /// When the record stops the partition; the batch is as it was before.
    pub fn add(&mut self, record: &Record) -> Result<(), Unusable> {
        if let Some(envelope) = self.judge(record)? {
            self.fold(envelope, record.offset);
        }
        Ok(())
    }

    /// Adds the effect of an event that [`judge`](Self::judge) gave.
    pub fn fold(&mut self, envelope: Envelope, offset: Offset) {
        self.changes.entry(envelope.key()).or_default().fold(envelope, offset);
    }

    /// Judges the next record; the event, if it is one that counts.
    ///
    /// # Errors
    /// When the record stops the partition; the batch is as it was before.
    pub fn judge(&mut self, record: &Record) -> Result<Option<Envelope>, Unusable> {
        let mut event = None;
        let unusable = |reason| Unusable { offset: record.offset, reason };
        let Acceptance { pseq, offset, clock, chain, .. } = self.acceptance;
        match self.acceptance.step(record) {
            Verdict::Accepted => match Envelope::open(record) {
                Ok(envelope) => event = Some(envelope),
                Err(error) => {
                    // All that acceptance changes; the batch before this record is still good.
                    self.acceptance = Acceptance { pseq, offset, clock, chain, ..self.acceptance.clone() };
                    return Err(unusable(error.into()));
                }
            },
            Verdict::Ignored(reason) => self.ignored.push(reason),
            Verdict::NewWriter(_) | Verdict::NoWriter(_) => {}
            Verdict::Newer => return Err(unusable(Reason::Newer)),
            Verdict::Corrupt => return Err(unusable(Reason::Corrupt)),
        }
        self.oldest.get_or_insert(record.appended_at);
        self.records += 1;
        self.bytes += record.value.len();
        Ok(event)
    }
}
