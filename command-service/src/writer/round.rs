//! A round: everything that waits, decided in order, as one atomic batch.

use std::{panic::AssertUnwindSafe, time::Duration};

use shared::{
    Timestamp,
    clock::SharedClock,
    events::{Envelope, Event, WriterStamp},
    log::{Acceptance, MAX_RECORD_BYTES, NewRecord, Record, Verdict},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Ids,
    config::WriterConfig,
    entries::{Parked, Stage},
    part::Part,
    request::{Failure, Outcome, Request},
};
use crate::domain::{Context, Overlay, Receipt};

/// What a partition adds to a round.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// The records, in order.
    pub(super) records: Vec<NewRecord>,
    /// The number of the last of them.
    pub(super) last_pseq: u64,
    /// Whether there are answers that wrote nothing.
    pub(super) parked: bool,
}

/// What one command came to.
enum Decision {
    Write(Box<Envelope>, NewRecord),
    Park(Parked),
    Fail(Failure),
}

/// Decides what waits in a partition, up to the limits of a round.
pub(super) fn decide(
    part: &mut Part,
    writer_id: Uuid,
    config: &WriterConfig,
    clock: &SharedClock,
    ids: &mut Ids,
) -> Decided {
    let mut decided = Decided::default();
    let mut bytes = 0;
    let mut failed = Vec::new();
    #[cfg(test)]
    let sent_receipts = &mut part.sent_receipts;
    let (fold, entries, sealed) = (&part.fold, &mut part.entries, &mut part.sealed);
    sealed.clear();
    let mut table = Table { overlay: fold.model.overlay(), acceptance: fold.acceptance.clone(), writer_id };
    for arrival in entries.queued(config.round_commands) {
        let Some(entry) = entries.get(arrival) else { continue };
        let stage = match table.decide(&entry.request, clock, ids) {
            Decision::Write(envelope, record) => {
                if bytes > 0 && bytes + record.size() > config.round_bytes {
                    break;
                }
                bytes += record.size();
                let (_receipt, record) = table.take(&envelope, record);
                #[cfg(test)]
                sent_receipts.push((arrival, _receipt));
                decided.records.push(record);
                sealed.push(table.acceptance.chain, *envelope);
                Stage::Sent
            }
            Decision::Park(parked) => {
                decided.parked = true;
                Stage::Parked(parked)
            }
            Decision::Fail(failure) => {
                failed.push((arrival, failure));
                continue;
            }
        };
        entries.decided(arrival, stage);
    }
    decided.last_pseq = table.acceptance.pseq;
    for (arrival, failure) in failed {
        if let Some(entry) = entries.take(arrival) {
            entry.answer(&Err(failure));
        }
    }
    decided
}

/// The state that a round decides on: the fold, and on top what the round has decided so far.
struct Table<'m> {
    overlay: Overlay<'m>,
    acceptance: Acceptance,
    writer_id: Uuid,
}

impl Table<'_> {
    fn decide(&self, request: &Request, clock: &SharedClock, ids: &mut Ids) -> Decision {
        let now = clock.now().max(self.acceptance.clock);
        let context = Context { now };
        let verdict = std::panic::catch_unwind(AssertUnwindSafe(|| self.overlay.decide(&request.command, &context)));
        let Ok(verdict) = verdict else {
            tracing::error!(command_id = %request.stamp.id, "a decision panicked");
            return Decision::Fail(Failure::Panicked);
        };
        match verdict {
            Err(rejection) => Decision::Park(Parked::Refused(Failure::Rejected(rejection))),
            Ok(None) => {
                Decision::Park(Parked::Unchanged(Outcome::Unchanged { etag: self.overlay.etag(&request.command) }))
            }
            Ok(Some(event)) => self.sealed(request, event, now, ids()),
        }
    }

    fn sealed(&self, request: &Request, event: Event, time: Timestamp, id: Uuid) -> Decision {
        // A creating event is the first of its incarnation, whatever was there before.
        let envelope = Envelope {
            id,
            tenant: request.command.key.tenant.clone(),
            time,
            sequence: self.overlay.next_sequence(&request.command.key),
            actor: request.actor.clone(),
            command: request.stamp,
            correlation_id: request.correlation_id.clone(),
            causation_id: request.causation_id.clone(),
            trace_parent: request.trace_parent.clone(),
            trace_state: request.trace_state.clone(),
            event,
        };
        let pseq = self.acceptance.pseq + 1;
        let record = envelope.seal(WriterStamp { writer_id: self.writer_id, pseq, previous: &self.acceptance.chain });
        let size = record.size();
        if size > MAX_RECORD_BYTES {
            return Decision::Fail(Failure::TooLarge { size, limit: MAX_RECORD_BYTES });
        }
        Decision::Write(Box::new(envelope), record)
    }

    /// Puts a decided record on top, through the same rule that every reader applies to it, and gives it back.
    fn take(&mut self, envelope: &Envelope, record: NewRecord) -> (Receipt, NewRecord) {
        let partition = self.acceptance.partition;
        let as_read = Record::placed(record, partition, self.acceptance.next_offset(), envelope.time);
        let verdict = self.acceptance.step(&as_read);
        assert_eq!(verdict, Verdict::Accepted, "a record that we would not accept must not be sent");
        let receipt = self.overlay.apply(envelope).expect("a decided event fits the state that it was decided on");
        let Record { key, headers, value, .. } = as_read;
        (receipt, NewRecord { key, headers, value })
    }
}

/// A moment from now, for a phase that waits.
pub(super) fn from_now(pause: Duration) -> Instant {
    Instant::now() + pause
}
