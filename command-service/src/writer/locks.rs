//! Gaining and letting go of partitions, as the lock group says or because the program ends.

use std::sync::Arc;

use shared::log::{EventLog, LockEvent, Partition};
use tokio::time::Instant;

use super::{
    actor::Actor,
    part::{Drain, Release},
    phase::Phase,
    round,
};

impl<L: EventLog> Actor<L> {
    pub(super) fn locked(&mut self, event: LockEvent) {
        match event {
            LockEvent::Assigned(partitions) if !self.closing => {
                for partition in partitions {
                    let part = &mut self.parts[partition.index()];
                    part.assigned = true;
                    part.drain = None;
                    if matches!(part.phase, Phase::Standby | Phase::Stopping { .. }) {
                        part.phase = Phase::rest_until(Instant::now());
                    }
                }
            }
            LockEvent::Assigned(_) => {}
            LockEvent::Revoked { partitions, released } => {
                let release = Release::new(released);
                for partition in partitions {
                    self.drain(partition, Some(Arc::clone(&release)));
                }
            }
        }
        self.publish();
    }

    pub(super) fn close(&mut self) {
        if !self.closing {
            self.closing = true;
            for index in 0..self.parts.len() {
                self.drain(self.parts[index].partition(), None);
            }
        }
    }

    /// Takes no new commands, finishes what waits, then stops.
    pub(super) fn drain(&mut self, partition: Partition, release: Option<Arc<Release>>) {
        let until = round::from_now(self.config.drain_within);
        let part = &mut self.parts[partition.index()];
        part.assigned = false;
        part.drain = Some(Drain { until, _release: release });
    }

    /// Ends a drain that is done or has run out of time.
    pub(super) fn finish_drain(&mut self, index: usize, now: Instant) {
        let part = &mut self.parts[index];
        let Some(drain) = &part.drain else { return };
        let nothing_to_stop = part.phase.serving_as().is_none();
        if drain.until > now && !nothing_to_stop {
            return;
        }
        part.give_up_all(self.closing);
        part.drain = None;
        if part.phase != Phase::Halted {
            part.phase = Phase::Standby;
        }
    }
}
