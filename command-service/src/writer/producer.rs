//! The handle to append with: opened when it is needed, given up when an append fails or does not return.

use std::time::Duration;

use shared::log::{EventLog, InDoubt, LogError, WriterName};
use tokio::time::Instant;

use super::{
    actor::{Actor, Ended},
    phase::Phase,
    round::from_now,
    takeover::Unsteady,
};

/// Hung requests in a row after which only a new process helps.
const MOST_HUNG: u32 = 3;

/// The right to append, and what it is doing.
#[derive(Debug)]
pub(super) enum Producer<W> {
    /// There is none; one is opened when it is needed.
    Closed {
        retry_at: Instant,
    },
    Opening {
        since: Instant,
    },
    Ready(W),
    Appending {
        since: Instant,
    },
}

impl<L: EventLog> Actor<L> {
    /// Opens a writer when a partition needs one.
    pub(super) fn start_opening(&mut self, now: Instant) {
        let Producer::Closed { retry_at } = self.producer else { return };
        if self.needs_producer() && retry_at <= now {
            self.attempt += 1;
            self.producer = Producer::Opening { since: now };
            self.ops.open(self.attempt, self.name.clone());
        }
    }

    pub(super) fn needs_producer(&self) -> bool {
        self.parts.iter().any(|part| match part.phase {
            Phase::Fenced => part.assigned,
            Phase::Serving { .. } => part.entries.has_queued() || part.drain.is_some(),
            _ => false,
        })
    }

    pub(super) fn opened(&mut self, result: Result<L::Writer, LogError>) {
        match result {
            Ok(writer) => {
                self.hung_openings = 0;
                self.producer = Producer::Ready(writer);
            }
            Err(error) => {
                tracing::warn!(%error, "the log cannot be opened for writing, trying again");
                let pause = self.config.back_off_most / 4;
                self.producer = Producer::Closed { retry_at: from_now(pause) };
            }
        }
    }

    pub(super) fn appended(&mut self, writer: L::Writer, result: Result<(), InDoubt>) {
        self.hung_appends = 0;
        match result {
            Ok(()) => {
                if let Producer::Appending { since } = self.producer {
                    let (now, waiting) =
                        (Instant::now(), self.parts.iter().map(|part| part.entries.queued_len()).sum());
                    self.gather.done(now, now - since, waiting);
                }
                self.producer = Producer::Ready(writer);
                let until = from_now(self.config.visible_within);
                for part in &mut self.parts {
                    if let Phase::Committing { until: open @ None, .. } = &mut part.phase {
                        *open = Some(until);
                    }
                    #[cfg(test)]
                    if self.config.sabotage == super::Sabotage::AcknowledgeOnAppend {
                        part.acknowledge_sent();
                    }
                }
            }
            Err(doubt) => self.round_failed(&doubt),
        }
    }

    /// The outcome of a round is unknown: every partition of it is taken again, and those that failed are left out until
    /// they can be written to.
    pub(super) fn round_failed(&mut self, doubt: &InDoubt) {
        tracing::warn!(reason = doubt.reason, failed = ?doubt.failed, "the outcome of a round is unknown");
        let now = Instant::now();
        self.producer = Producer::Closed { retry_at: now };
        for index in 0..self.parts.len() {
            #[cfg(test)]
            self.parts[index].sent_receipts.clear();
            let partition = self.parts[index].partition();
            match self.parts[index].phase {
                Phase::Committing { until: None, .. } | Phase::Announced { .. }
                    if doubt.failed.contains(&partition) =>
                {
                    self.probe_later(partition, now);
                }
                Phase::Committing { until: None, .. } | Phase::Announced { .. } | Phase::Stopping { .. } => {
                    self.recover(partition, Unsteady::InDoubt);
                }
                _ => {}
            }
        }
    }

    /// Gives up a handle whose request does not return; changes the name when it was its opening.
    pub(super) fn watch_producer(&mut self, now: Instant) {
        match self.producer {
            Producer::Opening { since } if since + self.open_within() <= now => {
                self.hung_openings += 1;
                self.renamed += 1;
                self.name = WriterName(format!("{}.{}", self.config.name, self.renamed));
                tracing::warn!(name = %self.name, "the log does not open the writer in time, going by another name");
                self.give_up_handle(now);
                for index in 0..self.parts.len() {
                    if self.parts[index].phase.serving_as().is_some() && self.parts[index].assigned {
                        self.recover(self.parts[index].partition(), Unsteady::Renamed);
                    }
                }
            }
            Producer::Appending { since } if since + self.config.append_within <= now => {
                tracing::error!("an append does not return, giving its handle up");
                self.give_up_handle(now);
                self.hung_appends += 1;
                if self.hung_appends >= MOST_HUNG {
                    self.ended = Some(Ended::LogHangs);
                }
                let doubt = InDoubt { failed: Vec::new(), reason: "the append did not return".to_owned() };
                self.round_failed(&doubt);
            }
            _ => {}
        }
    }

    pub(super) fn give_up_handle(&mut self, now: Instant) {
        self.attempt += 1;
        metrics::counter!("writer_hung_total").increment(1);
        self.producer = Producer::Closed { retry_at: now };
    }

    /// How long an opening may take: longer with each that did not return, so that a log that is away is not besieged.
    pub(super) fn open_within(&self) -> Duration {
        self.config.open_within.saturating_mul(1 << self.hung_openings.min(5))
    }

    pub(super) fn producer_timer(&self) -> Option<Instant> {
        match self.producer {
            Producer::Closed { retry_at } => self.needs_producer().then_some(retry_at),
            Producer::Opening { since } => Some(since + self.open_within()),
            Producer::Appending { since } => Some(since + self.config.append_within),
            Producer::Ready(_) => None,
        }
    }
}
