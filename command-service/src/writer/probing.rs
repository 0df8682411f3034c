//! Probing a partition that is sick while others are not: a second writer tries until its record can be read back.

use shared::{
    events::{Control, headers},
    log::{EventLog, LogError, Partition, Record, WriterName},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{actor::Actor, phase::Phase, round::from_now, takeover::Unsteady};

impl<L: EventLog> Actor<L> {
    pub(super) fn probe_later(&mut self, partition: Partition, now: Instant) {
        if !self.parts[partition.index()].assigned {
            return self.recover(partition, Unsteady::InDoubt);
        }
        tracing::warn!(%partition, "partition cannot be written to or read, leaving it out until it can");
        let retry_at = now + self.config.back_off_least;
        self.parts[partition.index()].phase = Phase::Probing { record_id: Uuid::nil(), retry_at, in_flight: false };
    }

    /// Stops our own last writer once more, as a record that can be read back.
    pub(super) fn start_probe(&mut self, partition: Partition) {
        let part = &self.parts[partition.index()];
        if !part.assigned {
            return self.recover(partition, Unsteady::InDoubt);
        }
        let last = part.fold.acceptance.last.unwrap_or_default();
        let (record_id, stop) = self.stop_record(partition, last);
        let name = WriterName(format!("{}.probe.{partition}", self.config.name));
        self.ops.probe(name, record_id, (partition, stop), self.config.append_within);
        let part = &mut self.parts[partition.index()];
        part.phase = Phase::Probing { record_id, retry_at: from_now(self.config.visible_within), in_flight: true };
    }

    pub(super) fn probed(&mut self, partition: Partition, asked: Uuid, result: Result<(), LogError>) {
        let pause = match result {
            Ok(()) => self.config.visible_within,
            Err(_) => {
                let (least, most) = (self.config.back_off_least, self.config.back_off_most);
                least + self.parts[partition.index()].back_off(least, most)
            }
        };
        let part = &mut self.parts[partition.index()];
        if let Phase::Probing { record_id, retry_at, in_flight } = &mut part.phase
            && *record_id == asked
        {
            *retry_at = from_now(pause);
            *in_flight = false;
        }
    }

    pub(super) fn probe_read_back(&mut self, record: &Record) {
        let part = &mut self.parts[record.partition.index()];
        let Phase::Probing { record_id, .. } = part.phase else { return };
        let is_stop = matches!(Control::of(record), Some(Control::Stopped(_)));
        if is_stop && record.headers.get(headers::ID) == Some(record_id.to_string().as_str()) {
            part.phase = Phase::rest_until(Instant::now());
        }
    }
}
