//! Serving: starting rounds, settling them when they are read back, confirming answers that wrote nothing.

use shared::log::{EventLog, LogError, NewRecord, Offset, Partition};
use tokio::time::Instant;
use uuid::Uuid;

use super::{actor::Actor, config::Confirm, phase::Phase, producer::Producer, round, takeover::Unsteady};

impl<L: EventLog> Actor<L> {
    pub(super) fn start_round(&mut self, now: Instant) {
        if !matches!(self.producer, Producer::Ready(_)) {
            return;
        }
        let ready = self.parts.iter().filter(|part| matches!(part.phase, Phase::Serving { .. }));
        let commands = ready.map(|part| part.entries.queued_len()).sum();
        if self.gather.holds_back(now, commands) {
            return;
        }
        let mut batch = Vec::new();
        for index in 0..self.parts.len() {
            let partition = self.parts[index].partition();
            let records = match self.parts[index].phase {
                Phase::Fenced if self.parts[index].assigned => vec![self.announcement(partition)],
                Phase::Serving { writer_id } => self.serve(partition, writer_id),
                _ => Vec::new(),
            };
            batch.extend(records.into_iter().map(|record| (partition, record)));
        }
        if batch.is_empty() {
            return;
        }
        self.gather.begun(commands);
        let appending = Producer::Appending { since: now };
        if let Producer::Ready(writer) = std::mem::replace(&mut self.producer, appending) {
            metrics::histogram!("writer_round_records").record(batch.len() as f64);
            let here = self.gather.has_few_callers() && !self.config.linger.is_zero();
            if self.ops.append(self.attempt, writer, batch, here) {
                self.callers.rouse();
            }
        }
    }

    /// What a partition that can be written to adds to the round.
    pub(super) fn serve(&mut self, partition: Partition, writer_id: Uuid) -> Vec<NewRecord> {
        let part = &mut self.parts[partition.index()];
        if !part.entries.has_queued() {
            return if part.drain.is_some() { vec![self.own_stop(partition, writer_id)] } else { Vec::new() };
        }
        let decided_at = part.fold.acceptance.offset;
        let decided = round::decide(part, writer_id, &self.config, &self.clock, &mut self.ids);
        if !decided.records.is_empty() {
            part.phase = Phase::Committing { writer_id, last_pseq: decided.last_pseq, until: None };
        } else if decided.parked {
            self.confirm(partition, writer_id, decided_at);
        }
        decided.records
    }

    /// Answers that wrote nothing are told when nobody can have written since they were decided.
    pub(super) fn confirm(&mut self, partition: Partition, writer_id: Uuid, decided_at: Option<Offset>) {
        #[cfg(test)]
        if self.config.sabotage == super::Sabotage::NoConfirm {
            return self.parts[partition.index()].tell_parked();
        }
        let part = &mut self.parts[partition.index()];
        let right_on_the_barrier = part.barrier.is_some_and(|barrier| {
            decided_at == Some(barrier.offset)
                && part.entries.newest_parked().is_some_and(|arrival| arrival <= barrier.arrivals_before)
        });
        if right_on_the_barrier {
            part.tell_parked();
        } else if self.config.confirm == Confirm::Strict {
            self.recover(partition, Unsteady::Unconfirmed);
        } else {
            self.epochs += 1;
            let until = round::from_now(self.config.visible_within);
            part.phase = Phase::Confirming { writer_id, decided_at, epoch: self.epochs, until };
            self.ops.end(partition, self.epochs);
        }
    }

    /// When the last record of our round is read back, the partition is ready for the next one.
    pub(super) fn settle_if_read_back(&mut self, partition: Partition) {
        let part = &mut self.parts[partition.index()];
        let acceptance = &part.fold.acceptance;
        let Phase::Committing { writer_id, last_pseq, .. } = part.phase else { return };
        let still_ours = acceptance.writer.as_ref().is_some_and(|writer| writer.id == writer_id);
        if still_ours && acceptance.pseq >= last_pseq {
            part.phase = Phase::Serving { writer_id };
            part.failures = 0;
            part.tell_parked();
            self.gather.answered(Instant::now());
        }
    }

    pub(super) fn end_known(&mut self, partition: Partition, asked: u64, result: Result<Offset, LogError>) {
        let part = &mut self.parts[partition.index()];
        let Phase::Confirming { writer_id, decided_at, epoch, .. } = part.phase else { return };
        if epoch != asked {
            return;
        }
        let unmoved = part.fold.acceptance.offset == decided_at;
        let expected = decided_at.map(|offset| self.log.end_after(offset));
        if unmoved && result.as_ref().ok().copied() == expected {
            part.phase = Phase::Serving { writer_id };
            part.tell_parked();
        } else {
            self.recover(partition, Unsteady::Unconfirmed);
        }
    }
}
