//! Taking partitions over, from others or from one's own past: fence, open, announce, read up to the announcement. Every
//! doubt leads here; there is no other way of recovery.

use std::time::Duration;

use shared::{
    Timestamp,
    events::{FOLD_VERSION, WriterStarted, WriterStopped, headers},
    log::{EventLog, Ignored, NewRecord, Partition, Record, Verdict, WriterName},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    actor::{Actor, Ended},
    part::Barrier,
    phase::Phase,
    round::from_now,
};

/// Why a partition has to be announced again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsteady {
    /// The outcome of an append is unknown.
    InDoubt,
    /// Others may have written since an answer was decided.
    Unconfirmed,
    /// The announcement was overtaken by another.
    Overtaken,
    /// The announcement was not read back in time.
    Unannounced,
    /// Somebody stopped our writer.
    Stopped,
    /// One of our own records does not count.
    Ignored,
    /// The writer goes by another name now.
    Renamed,
}

impl<L: EventLog> Actor<L> {
    /// Leaves the rounds and takes the partition again. What is not answered is kept until the next announcement is read.
    pub(super) fn recover(&mut self, partition: Partition, why: Unsteady) {
        let part = &mut self.parts[partition.index()];
        if !part.assigned {
            // What was sent may still be settled by the next owner's announcement.
            part.give_up_all(false);
            part.phase = Phase::Standby;
            return;
        }
        let pause = match why {
            Unsteady::Unconfirmed | Unsteady::Stopped | Unsteady::Renamed => Duration::ZERO,
            Unsteady::InDoubt | Unsteady::Overtaken | Unsteady::Unannounced | Unsteady::Ignored => {
                part.back_off(self.config.back_off_least, self.config.back_off_most)
            }
        };
        let jitter = self.jitter(partition, pause);
        tracing::debug!(%partition, ?why, ?pause, "partition is taken again");
        metrics::counter!("writer_recoveries_total", "why" => format!("{why:?}")).increment(1);
        self.parts[partition.index()].phase = Phase::rest_until(from_now(pause + jitter));
    }

    /// Up to a quarter of the pause, different for each instance, partition and attempt.
    fn jitter(&self, partition: Partition, pause: Duration) -> Duration {
        let seed = format!("{}/{partition}/{}", self.config.instance, self.attempt);
        let byte = blake3::hash(seed.as_bytes()).as_bytes()[0];
        pause * u32::from(byte) / 1024
    }

    /// Fences the former writers of all partitions that have rested long enough, each by its own name.
    pub(super) fn start_fencing(&mut self, now: Instant) {
        let mut by_name: Vec<(WriterName, Vec<(Partition, NewRecord)>)> = Vec::new();
        for index in 0..self.parts.len() {
            let part = &mut self.parts[index];
            match part.phase {
                Phase::Resting { until, .. } if part.assigned && until <= now => {}
                _ => continue,
            }
            let former = part.fold.acceptance.writer.clone().filter(|writer| writer.transactional_id != self.name.0);
            let Some(former) = former else {
                part.phase = Phase::Fenced;
                continue;
            };
            part.phase = Phase::Fencing;
            let partition = part.partition();
            let (_, stop) = self.stop_record(partition, former.id);
            let name = WriterName(former.transactional_id);
            match by_name.iter_mut().find(|(held, _)| *held == name) {
                Some((_, stops)) => stops.push((partition, stop)),
                None => by_name.push((name, vec![(partition, stop)])),
            }
        }
        for (name, stops) in by_name {
            self.ops.fence(name, stops, self.config.fence_within);
        }
    }

    pub(super) fn fenced(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            let part = &mut self.parts[partition.index()];
            if part.phase == Phase::Fencing {
                part.phase = Phase::Fenced;
            }
        }
    }

    pub(super) fn announcement(&mut self, partition: Partition) -> NewRecord {
        let writer_id = (self.ids)();
        let part = &mut self.parts[partition.index()];
        part.minted.insert(writer_id);
        part.announced_at_arrival = self.arrivals;
        part.phase = Phase::Announced { writer_id, until: from_now(self.config.announced_within) };
        let started = WriterStarted {
            writer_id,
            after: part.fold.acceptance.last,
            transactional_id: self.name.0.clone(),
            instance: self.config.instance.clone(),
            url: self.config.url.clone(),
            partition,
            partitions: self.log.partitions(),
            fold_version: FOLD_VERSION,
            started_at: self.clock.now(),
        };
        started.to_record((self.ids)())
    }

    pub(super) fn own_stop(&mut self, partition: Partition, writer_id: Uuid) -> NewRecord {
        self.parts[partition.index()].phase = Phase::Stopping { writer_id };
        self.stop_record(partition, writer_id).1
    }

    pub(super) fn stop_record(&mut self, partition: Partition, writer_id: Uuid) -> (Uuid, NewRecord) {
        let by = self.config.instance.clone();
        let stopped = WriterStopped { writer_id, partition, stopped_at: self.clock.now(), by };
        let record_id = (self.ids)();
        (record_id, stopped.to_record(record_id))
    }

    pub(super) fn control(&mut self, record: &Record, verdict: &Verdict) {
        let partition = record.partition;
        match verdict {
            Verdict::NewWriter(writer_id) => self.barrier(record, *writer_id),
            Verdict::NoWriter(writer_id) => self.stopped(partition, *writer_id),
            Verdict::Ignored(why) => self.ignored(record, *why),
            Verdict::Accepted | Verdict::Newer | Verdict::Corrupt => {}
        }
        self.probe_read_back(record);
    }

    /// An accepted announcement: what was sent under an earlier id and has not appeared by now never will.
    fn barrier(&mut self, record: &Record, writer_id: Uuid) {
        let part = &mut self.parts[record.partition.index()];
        part.entries.requeue();
        part.expire(Instant::now());
        if !part.minted.contains(&writer_id) {
            return self.foreign_writer(record.partition);
        }
        match part.phase {
            Phase::Announced { writer_id: awaited, .. } if awaited == writer_id => self.announced(record, writer_id),
            // An earlier announcement of ours landed late. The present one will be overtaken, and follow on this one.
            _ => {}
        }
    }

    fn announced(&mut self, record: &Record, writer_id: Uuid) {
        let apart = apart(self.clock.now(), record.appended_at);
        let part = &mut self.parts[record.partition.index()];
        if apart > self.config.clock_tolerance {
            tracing::error!(partition = %record.partition, ?apart, "the log's clock and ours differ too much to write");
            part.give_up_all(true);
            part.phase = Phase::Resting { until: from_now(self.config.yield_for), foreign: true };
            return;
        }
        let arrivals_before = part.announced_at_arrival;
        part.barrier = Some(Barrier { offset: record.offset, arrivals_before });
        part.phase = Phase::Serving { writer_id };
        tracing::info!(partition = %record.partition, %writer_id, "partition is served");
    }

    /// Another instance has the partition: what we sent is settled, and is not executed by us.
    fn foreign_writer(&mut self, partition: Partition) {
        let part = &mut self.parts[partition.index()];
        let writer = part.fold.acceptance.writer.as_ref();
        let same_name = writer.is_some_and(|writer| writer.instance == self.config.instance);
        if same_name && part.barrier.is_some() {
            tracing::error!(instance = self.config.instance, "another process runs under this instance name");
            self.ended = Some(Ended::NameTaken { instance: self.config.instance.clone() });
        }
        part.give_up_all(true);
        let pause = self.config.yield_for;
        let until = from_now(pause + self.jitter(partition, pause));
        let part = &mut self.parts[partition.index()];
        part.phase = if part.assigned { Phase::Resting { until, foreign: true } } else { Phase::Standby };
        tracing::info!(%partition, "another instance has taken the partition");
    }

    fn stopped(&mut self, partition: Partition, writer_id: Uuid) {
        let part = &mut self.parts[partition.index()];
        match part.phase {
            Phase::Stopping { writer_id: own } if own == writer_id => {
                part.give_up_all(false);
                part.drain = None;
                part.phase = if part.assigned { Phase::rest_until(Instant::now()) } else { Phase::Standby };
            }
            _ if part.phase.serving_as() == Some(writer_id) => self.recover(partition, Unsteady::Stopped),
            _ => {}
        }
    }

    fn ignored(&mut self, record: &Record, why: Ignored) {
        metrics::counter!("log_ignored_records_total", "why" => why.as_str()).increment(1);
        let part = &mut self.parts[record.partition.index()];
        let writer_id = record.headers.get(headers::WRITER_ID).and_then(|text| text.parse::<Uuid>().ok());
        match (&part.phase, why) {
            (Phase::Announced { writer_id: own, .. }, Ignored::Overtaken) if writer_id == Some(*own) => {
                #[cfg(test)]
                if self.config.sabotage == super::Sabotage::IgnoredAnnouncementAsBarrier {
                    let own = *own;
                    part.entries.requeue();
                    // This instance now believes what no other reader does.
                    let acceptance = &mut part.fold.acceptance;
                    acceptance.last = Some(own);
                    if let Some(writer) = &mut acceptance.writer {
                        writer.id = own;
                    }
                    return self.announced(record, own);
                }
                self.recover(record.partition, Unsteady::Overtaken);
            }
            (phase, Ignored::Duplicate | Ignored::Gap) if writer_id.is_some() && phase.serving_as() == writer_id => {
                self.recover(record.partition, Unsteady::Ignored);
            }
            _ => {}
        }
    }
}

fn apart(a: Timestamp, b: Timestamp) -> Duration {
    Duration::from_millis(a.unix_millis().abs_diff(b.unix_millis()))
}
