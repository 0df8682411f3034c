//! The fold of one partition: what the writer knows of it, and what a snapshot keeps. The same on every instance that has read
//! as far.

mod dedupe;
mod file;
mod sealed;
mod snapshot;
#[cfg(test)]
mod tests;

use shared::{
    events::{Envelope, Unreadable},
    log::{Acceptance, Partition, Record, Verdict},
};

use crate::domain::{Contradiction, Model, Receipt};

pub(crate) use dedupe::Dedupe;
pub use file::{NotUsed, Snapshots};
pub(crate) use sealed::Sealed;
pub use snapshot::Claim;
pub(crate) use snapshot::{Fingerprint, Snapshot, View};

/// See the module.
#[derive(Debug, PartialEq)]
pub(crate) struct Fold {
    pub(crate) acceptance: Acceptance,
    pub(crate) model: Model,
    pub(crate) dedupe: Dedupe,
}

/// A partition cannot be folded any further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stuck {
    #[error("a newer version wrote this")]
    Newer,
    #[error("the record does not fit the chain of those before")]
    Corrupt,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

/// What a record meant.
#[derive(Debug)]
pub(crate) enum Folded {
    Accepted(Box<Envelope>, Receipt),
    Control(Verdict),
}

impl Fold {
    pub(crate) fn new(partition: Partition, partitions: u16) -> Self {
        let acceptance = Acceptance::new(partition, partitions);
        Self { acceptance, model: Model::default(), dedupe: Dedupe::default() }
    }

    /// Takes in the next record. After an error nothing has changed.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<Folded, Stuck> {
        self.apply_own(record, &mut Sealed::default())
    }

    /// Takes in the next record, which may be one of those that were sealed here. After an error nothing has changed.
    pub(crate) fn apply_own(&mut self, record: &Record, sealed: &mut Sealed) -> Result<Folded, Stuck> {
        let Acceptance { pseq, offset, clock, chain, .. } = self.acceptance;
        match self.acceptance.step(record) {
            Verdict::Accepted => self.accepted(record, sealed).inspect_err(|_| {
                self.acceptance = Acceptance { pseq, offset, clock, chain, ..self.acceptance.clone() };
            }),
            Verdict::Newer => Err(Stuck::Newer),
            Verdict::Corrupt => Err(Stuck::Corrupt),
            verdict @ (Verdict::NewWriter(_) | Verdict::NoWriter(_) | Verdict::Ignored(_)) => {
                Ok(Folded::Control(verdict))
            }
        }
    }

    fn accepted(&mut self, record: &Record, sealed: &mut Sealed) -> Result<Folded, Stuck> {
        let envelope = sealed.open(record, self.acceptance.chain)?;
        let receipt = self.model.apply(&envelope)?;
        self.dedupe.put(envelope.command, receipt, record.offset + 1, record.appended_at);
        Ok(Folded::Accepted(Box::new(envelope), receipt))
    }

    /// How much there is to keep: segments, assignments and keys.
    pub(crate) fn size(&self) -> usize {
        self.model.segment_count() + self.model.assignment_count() + self.dedupe.len()
    }
}
