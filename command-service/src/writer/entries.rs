//! The commands of one partition that have no answer yet, in the order of their arrival.

use std::collections::{BTreeMap, HashMap};

use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

use super::request::{Answer, Failure, Outcome, Request};

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<Answer, Failure>>;

/// A decision that wrote nothing; it is told once it is confirmed.
#[derive(Debug, Clone)]
pub(super) enum Parked {
    Unchanged(Outcome),
    Refused(Failure),
}

/// How far a command has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// It waits to be decided. It has no record that could still be accepted.
    Queued,
    /// A record of it was handed to the log.
    Sent,
    /// It was decided without a record, which is not confirmed yet.
    Parked(Parked),
}

impl Stage {
    fn is_queued(&self) -> bool {
        matches!(self, Self::Queued)
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) request: Box<Request>,
    pub(super) deadline: Instant,
    pub(super) stage: Stage,
    replies: Vec<Reply>,
}

impl Entry {
    pub(super) fn new(request: Box<Request>, deadline: Instant, reply: Reply) -> Self {
        Self { request, deadline, stage: Stage::Queued, replies: vec![reply] }
    }

    /// Answers everybody who waits. Whoever no longer waits is of no concern.
    pub(super) fn answer(self, answer: &Result<Answer, Failure>) {
        for reply in self.replies {
            drop(reply.send(answer.clone()));
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Entries {
    by_arrival: BTreeMap<u64, Entry>,
    by_id: HashMap<Uuid, u64>,
    bytes: usize,
    /// How many wait to be decided.
    queued: usize,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.by_arrival.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_arrival.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a command that waits.
    pub(super) fn push(&mut self, arrival: u64, entry: Entry) {
        self.queued += 1;
        self.bytes += entry.request.size;
        self.by_id.insert(entry.request.stamp.id, arrival);
        self.by_arrival.insert(arrival, entry);
    }

    /// Joins a command that is under way, if the request is the same one; gives the reply back if there is none.
    pub(super) fn attach(&mut self, request: &Request, reply: Reply) -> Result<(), Reply> {
        let Some(entry) = self.by_id.get(&request.stamp.id).and_then(|arrival| self.by_arrival.get_mut(arrival)) else {
            return Err(reply);
        };
        if entry.request.stamp.hash == request.stamp.hash {
            entry.replies.push(reply);
        } else {
            drop(reply.send(Err(Failure::KeyReused)));
        }
        Ok(())
    }

    pub(super) fn has_queued(&self) -> bool {
        self.queued > 0
    }

    /// How many wait to be decided.
    pub(super) fn queued_len(&self) -> usize {
        self.queued
    }

    /// The first commands that wait to be decided.
    pub(super) fn queued(&self, most: usize) -> Vec<u64> {
        let queued = self.by_arrival.iter().filter(|(_, entry)| entry.stage.is_queued());
        queued.map(|(arrival, _)| *arrival).take(most).collect()
    }

    pub(super) fn get(&self, arrival: u64) -> Option<&Entry> {
        self.by_arrival.get(&arrival)
    }

    /// The command was decided.
    pub(super) fn decided(&mut self, arrival: u64, stage: Stage) {
        if let Some(entry) = self.by_arrival.get_mut(&arrival) {
            self.queued -= usize::from(entry.stage.is_queued());
            entry.stage = stage;
        }
    }

    pub(super) fn take(&mut self, arrival: u64) -> Option<Entry> {
        let entry = self.by_arrival.remove(&arrival)?;
        self.by_id.remove(&entry.request.stamp.id);
        self.bytes -= entry.request.size;
        self.queued -= usize::from(entry.stage.is_queued());
        Some(entry)
    }

    pub(super) fn take_by_id(&mut self, id: Uuid) -> Option<Entry> {
        self.by_id.get(&id).copied().and_then(|arrival| self.take(arrival))
    }

    /// The newest of the parked commands.
    pub(super) fn newest_parked(&self) -> Option<u64> {
        let mut newest_first = self.by_arrival.iter().rev();
        newest_first.find(|(_, entry)| matches!(entry.stage, Stage::Parked(_))).map(|(arrival, _)| *arrival)
    }

    pub(super) fn take_parked(&mut self) -> Vec<(Entry, Parked)> {
        let mut parked = Vec::new();
        for arrival in self.arrivals(|entry| matches!(entry.stage, Stage::Parked(_))) {
            let Some(mut entry) = self.take(arrival) else { continue };
            if let Stage::Parked(decision) = std::mem::replace(&mut entry.stage, Stage::Queued) {
                parked.push((entry, decision));
            }
        }
        parked
    }

    /// What was sent or parked waits again, in its old place: no record of it can be accepted any more.
    pub(super) fn requeue(&mut self) {
        for entry in self.by_arrival.values_mut() {
            entry.stage = Stage::Queued;
        }
        self.queued = self.by_arrival.len();
    }

    /// Takes out the commands whose time is over. Time-outs are equal, so the first to arrive are the first to end.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Entry> {
        let mut expired = Vec::new();
        while let Some(first) = self.by_arrival.first_entry() {
            if first.get().deadline > now {
                break;
            }
            let arrival = *first.key();
            expired.extend(self.take(arrival));
        }
        expired
    }

    /// Takes out everything, or everything that is not sent.
    pub(super) fn take_all(&mut self, sent_too: bool) -> Vec<Entry> {
        let arrivals = self.arrivals(|entry| sent_too || !matches!(entry.stage, Stage::Sent));
        arrivals.into_iter().filter_map(|arrival| self.take(arrival)).collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.by_arrival.first_key_value().map(|(_, entry)| entry.deadline)
    }

    fn arrivals(&self, which: impl Fn(&Entry) -> bool) -> Vec<u64> {
        self.by_arrival.iter().filter(|(_, entry)| which(entry)).map(|(arrival, _)| *arrival).collect()
    }
}
