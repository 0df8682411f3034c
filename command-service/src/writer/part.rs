//! What the writer keeps for one partition: the fold of the log, the phase, and the commands without an answer.

use std::{collections::HashSet, sync::Arc, time::Duration};

use shared::{
    events::Envelope,
    log::{Offset, Partition},
};
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

use super::{
    entries::{Entries, Entry, Parked, Stage},
    handle::PartitionStatus,
    phase::Phase,
    request::{Answer, Failure, Outcome},
};
use crate::{
    domain::Receipt,
    fold::{Fold, Sealed},
};

/// The last accepted announcement of ours: what arrived before it and was decided right on it needs no confirmation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Barrier {
    pub(super) offset: Offset,
    pub(super) arrivals_before: u64,
}

/// Tells the lock group that partitions are let go, when the last holder is dropped.
#[derive(Debug)]
pub(super) struct Release(Option<oneshot::Sender<()>>);

impl Release {
    pub(super) fn new(released: oneshot::Sender<()>) -> Arc<Self> {
        Arc::new(Self(Some(released)))
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        if let Some(released) = self.0.take() {
            // The group may have stopped waiting.
            let _ = released.send(());
        }
    }
}

/// The partition is being let go.
#[derive(Debug)]
pub(super) struct Drain {
    pub(super) until: Instant,
    pub(super) _release: Option<Arc<Release>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) fold: Fold,
    pub(super) phase: Phase,
    pub(super) entries: Entries,
    pub(super) sealed: Sealed,
    pub(super) assigned: bool,
    pub(super) drain: Option<Drain>,
    pub(super) barrier: Option<Barrier>,
    /// Where `arrivals_before` of the announcement under way will come from.
    pub(super) announced_at_arrival: u64,
    /// Every writer id that this process made for the partition.
    pub(super) minted: HashSet<Uuid>,
    /// Failures since it was last serving.
    pub(super) failures: u32,
    #[cfg(test)]
    pub(super) sent_receipts: Vec<(u64, Receipt)>,
}

impl Part {
    pub(super) fn new(fold: Fold) -> Self {
        Self {
            fold,
            phase: Phase::Standby,
            entries: Entries::default(),
            sealed: Sealed::default(),
            assigned: false,
            drain: None,
            barrier: None,
            announced_at_arrival: 0,
            minted: HashSet::new(),
            failures: 0,
            #[cfg(test)]
            sent_receipts: Vec::new(),
        }
    }

    /// What must not be done: the answer before the record is read back.
    #[cfg(test)]
    pub(super) fn acknowledge_sent(&mut self) {
        for (arrival, receipt) in std::mem::take(&mut self.sent_receipts) {
            if let Some(entry) = self.entries.take(arrival) {
                entry.answer(&Ok(self.answer(Outcome::Changed(receipt), 0, false)));
            }
        }
    }

    pub(super) fn partition(&self) -> Partition {
        self.fold.acceptance.partition
    }

    pub(super) fn status(&self) -> PartitionStatus {
        PartitionStatus {
            partition: self.partition(),
            phase: self.phase.name(),
            assigned: self.assigned,
            pseq: self.fold.acceptance.pseq,
            chain: self.fold.acceptance.chain,
        }
    }

    /// Sends the answers that wrote nothing: they are confirmed.
    pub(super) fn tell_parked(&mut self) {
        let next_offset = self.fold.acceptance.next_offset();
        for (entry, parked) in self.entries.take_parked() {
            let answer = match parked {
                Parked::Refused(failure) => Err(failure),
                Parked::Unchanged(outcome) => Ok(self.answer(outcome, next_offset, false)),
            };
            entry.answer(&answer);
        }
    }

    /// The answer with this partition's place.
    pub(super) fn answer(&self, outcome: Outcome, next_offset: Offset, replayed: bool) -> Answer {
        Answer { outcome, partition: self.partition(), next_offset, replayed }
    }

    /// Answers the command whose record was accepted, if this instance has it.
    pub(super) fn tell_accepted(&mut self, envelope: &Envelope, receipt: Receipt, offset: Offset) {
        let Some(entry) = self.entries.take_by_id(envelope.command.id) else { return };
        let answer = if entry.request.stamp.hash == envelope.command.hash {
            Ok(self.answer(Outcome::Changed(receipt), offset + 1, false))
        } else {
            Err(Failure::KeyReused)
        };
        entry.answer(&answer);
    }

    /// Answers the commands whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        for entry in self.entries.take_expired(now) {
            give_up(entry);
        }
    }

    /// Answers everything that is not sent, and with `sent_too` also what is.
    pub(super) fn give_up_all(&mut self, sent_too: bool) {
        for entry in self.entries.take_all(sent_too) {
            give_up(entry);
        }
    }

    /// The pause before the next attempt: none after the first failure, then doubling.
    pub(super) fn back_off(&mut self, least: Duration, most: Duration) -> Duration {
        self.failures += 1;
        if self.failures == 1 {
            return Duration::ZERO;
        }
        let doubled = least.saturating_mul(1 << (self.failures - 2).min(16));
        doubled.min(most)
    }
}

/// Tells the truth about a command that will not be waited for any longer.
fn give_up(entry: Entry) {
    let failure = match entry.stage {
        Stage::Queued | Stage::Parked(_) => Failure::NOT_EXECUTED,
        Stage::Sent => Failure::OutcomeUnknown { command_id: entry.request.stamp.id },
    };
    entry.answer(&Err(failure));
}
