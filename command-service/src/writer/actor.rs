//! The writer's loop: five sources of news (records, ended requests to the log, locks, commands, time), one thread of
//! decisions. After each piece of news it starts whatever can be started.

use std::sync::Arc;

use futures::StreamExt;
use shared::{
    clock::SharedClock,
    log::{EventLog, LockEvents, LogError, Partition, Record, WriterName, partition_of},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::{
    Ids,
    boot::log_stuck,
    config::WriterConfig,
    entries::{Entry, Reply},
    gather::Gather,
    handle::{Message, PartitionStatus},
    linger::{Callers, Linger},
    ops::{Done, Ops},
    part::Part,
    phase::Phase,
    producer::Producer,
    request::{Failure, Outcome, Request},
    round,
    takeover::Unsteady,
};
use crate::fold::{Fold, Folded};

/// News that is taken in one go before anything is started.
const HANDFUL: usize = 1024;

/// Why a writer's task has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    ShutDown,
    /// Another process runs under the same instance name.
    NameTaken {
        /// The name.
        instance: String,
    },
    /// Requests to the log do not return any more; only a new process helps.
    LogHangs,
}

/// See the module.
pub(super) struct Actor<L: EventLog> {
    pub(super) log: L,
    pub(super) parts: Vec<Part>,
    pub(super) producer: Producer<L::Writer>,
    pub(super) gather: Gather,
    linger: Linger,
    pub(super) callers: Arc<Callers>,
    /// Numbers the lives of the producer: what an earlier life reports is no news.
    pub(super) attempt: u64,
    /// The name of the present producer: the configured one, or with a number behind it.
    pub(super) name: WriterName,
    pub(super) renamed: u32,
    /// Openings and appends in a row that did not return.
    pub(super) hung_openings: u32,
    pub(super) hung_appends: u32,
    pub(super) ops: Ops<L>,
    done: mpsc::UnboundedReceiver<Done<L::Writer>>,
    locks: LockEvents,
    pub(super) clock: SharedClock,
    pub(super) ids: Ids,
    pub(super) config: WriterConfig,
    pub(super) arrivals: u64,
    pub(super) epochs: u64,
    tail: Tail,
    pub(super) closing: bool,
    pub(super) ended: Option<Ended>,
    status: watch::Sender<Vec<PartitionStatus>>,
}

type Records = futures::stream::BoxStream<'static, Result<Record, LogError>>;

/// The writer's own reader.
enum Tail {
    Reading(Records),
    Broken { retry_at: Instant },
}

impl Tail {
    async fn next(&mut self) -> Option<Result<Record, LogError>> {
        match self {
            Self::Reading(records) => records.next().await,
            Self::Broken { .. } => std::future::pending().await,
        }
    }
}

impl<L: EventLog> Actor<L> {
    pub(super) fn new(
        log: L,
        folds: Vec<Fold>,
        locks: LockEvents,
        clock: SharedClock,
        ids: Ids,
        config: WriterConfig,
        status: watch::Sender<Vec<PartitionStatus>>,
    ) -> Self {
        let (ops, done) = Ops::new(log.clone());
        let now = Instant::now();
        let mut actor = Self {
            log,
            parts: folds.into_iter().map(Part::new).collect(),
            producer: Producer::Closed { retry_at: now },
            gather: Gather::new(now),
            linger: Linger::new(now, config.linger),
            callers: Callers::new(config.linger),
            attempt: 0,
            name: config.name.clone(),
            renamed: 0,
            hung_openings: 0,
            hung_appends: 0,
            ops,
            done,
            locks,
            clock,
            ids,
            config,
            arrivals: 0,
            epochs: 0,
            tail: Tail::Broken { retry_at: now },
            closing: false,
            ended: None,
            status,
        };
        actor.open_tail();
        actor.publish();
        actor
    }

    /// Runs until it is shut down or cannot go on.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Message>) -> Ended {
        let (mut locks_open, mut inbox_open) = (true, true);
        let mut messages = Vec::new();
        loop {
            let timer = self.next_timer();
            tokio::select! {
                biased;
                record = self.tail.next() => self.read(record),
                Some(done) = self.done.recv() => self.done(done),
                lock = self.locks.recv(), if locks_open => match lock {
                    Some(event) => self.locked(event),
                    None => locks_open = false,
                },
                count = inbox.recv_many(&mut messages, HANDFUL), if inbox_open => {
                    if count == 0 {
                        inbox_open = false;
                        self.close();
                    }
                    messages.drain(..).for_each(|message| self.take_in(message));
                }
                () = sleep_until(timer) => {}
                never = self.linger.awake() => match never {},
            }
            // What a sender has put in meanwhile joins this round.
            while let Ok(message) = inbox.try_recv() {
                self.take_in(message);
            }
            self.advance();
            self.linger.news(Instant::now(), self.gather.has_few_callers());
            if let Some(ended) = self.ended.take() {
                self.parts.iter_mut().for_each(|part| part.give_up_all(true));
                self.publish();
                return ended;
            }
        }
    }

    fn take_in(&mut self, message: Message) {
        match message {
            Message::Submit(request, reply) => self.submitted(request, reply),
            Message::ShutDown => self.close(),
        }
    }

    fn submitted(&mut self, request: Box<Request>, reply: Reply) {
        let partition = partition_of(&request.command.key, self.log.partitions());
        let part = &mut self.parts[partition.index()];
        if let Some(known) = part.fold.dedupe.get(request.stamp.id) {
            let answer = if known.hash == request.stamp.hash {
                Ok(part.answer(Outcome::Changed(known.receipt), known.next_offset, true))
            } else {
                Err(Failure::KeyReused)
            };
            drop(reply.send(answer));
            return;
        }
        let Err(reply) = part.entries.attach(&request, reply) else { return };
        let full = part.entries.len() >= self.config.queue_commands
            || part.entries.bytes() + request.size > self.config.queue_bytes && !part.entries.is_empty();
        if full || part.drain.is_some() || !part.phase.takes_commands() {
            drop(reply.send(Err(Failure::NOT_EXECUTED)));
            return;
        }
        self.arrivals += 1;
        part.entries.push(self.arrivals, Entry::new(request, round::from_now(self.config.deadline), reply));
    }

    fn read(&mut self, record: Option<Result<Record, LogError>>) {
        match record {
            Some(Ok(record)) => self.folded(&record),
            Some(Err(error)) => self.tail_broke(&error.to_string()),
            None => self.tail_broke("the stream of records ended"),
        }
        // Taking what else is there already saves turns of the loop.
        for _ in 0..HANDFUL {
            let Tail::Reading(records) = &mut self.tail else { return };
            let ready = futures::FutureExt::now_or_never(records.next());
            match ready {
                None => return,
                Some(Some(Ok(record))) => self.folded(&record),
                Some(Some(Err(error))) => self.tail_broke(&error.to_string()),
                Some(None) => self.tail_broke("the stream of records ended"),
            }
        }
    }

    fn tail_broke(&mut self, error: &str) {
        tracing::warn!(error, "the writer's reader broke off, starting it again");
        self.tail = Tail::Broken { retry_at: round::from_now(self.config.back_off_least) };
    }

    fn open_tail(&mut self) {
        let from = self.parts.iter().map(|part| (part.partition(), part.fold.acceptance.next_offset())).collect();
        self.tail = Tail::Reading(self.log.tail(from).boxed());
    }

    fn folded(&mut self, record: &Record) {
        let part = &mut self.parts[record.partition.index()];
        if part.phase == Phase::Halted || record.offset < part.fold.acceptance.next_offset() {
            return;
        }
        match part.fold.apply_own(record, &mut part.sealed) {
            Ok(Folded::Accepted(envelope, receipt)) => {
                part.tell_accepted(&envelope, receipt, record.offset);
                self.settle_if_read_back(record.partition);
            }
            Ok(Folded::Control(verdict)) => self.control(record, &verdict),
            Err(stuck) => {
                log_stuck(record.partition, record.offset, &stuck);
                self.halt(record.partition);
            }
        }
    }

    fn halt(&mut self, partition: Partition) {
        let part = &mut self.parts[partition.index()];
        part.phase = Phase::Halted;
        part.give_up_all(false);
        metrics::gauge!("writer_halted_partitions").increment(1.0);
    }

    fn done(&mut self, done: Done<L::Writer>) {
        match done {
            Done::Opened { attempt, result } if attempt == self.attempt => self.opened(result),
            Done::Appended { attempt, writer, result } if attempt == self.attempt => self.appended(writer, result),
            // An earlier life of the producer: its handle goes with it.
            Done::Opened { .. } | Done::Appended { .. } => {}
            Done::Fenced { partitions } => self.fenced(&partitions),
            Done::Probed { partition, record_id, result } => self.probed(partition, record_id, result),
            Done::End { partition, epoch, result } => self.end_known(partition, epoch, result),
        }
    }

    fn advance(&mut self) {
        let now = Instant::now();
        self.timers(now);
        self.start_fencing(now);
        self.start_opening(now);
        self.start_round(now);
        if self.closing && self.parts.iter().all(|part| part.drain.is_none()) {
            self.ended.get_or_insert(Ended::ShutDown);
        }
        self.publish();
    }

    fn timers(&mut self, now: Instant) {
        if let Tail::Broken { retry_at } = self.tail
            && retry_at <= now
        {
            self.open_tail();
        }
        self.watch_producer(now);
        for index in 0..self.parts.len() {
            let part = &mut self.parts[index];
            part.expire(now);
            let partition = part.partition();
            match part.phase {
                Phase::Announced { until, .. } if until <= now => self.recover(partition, Unsteady::Unannounced),
                Phase::Committing { until: Some(until), .. } if until <= now => self.probe_later(partition, now),
                Phase::Confirming { until, .. } if until <= now => self.recover(partition, Unsteady::Unconfirmed),
                Phase::Probing { retry_at, in_flight: false, .. } if retry_at <= now => self.start_probe(partition),
                _ => {}
            }
            self.finish_drain(index, now);
        }
    }

    fn next_timer(&self) -> Instant {
        let far = round::from_now(self.config.append_within);
        let parts = self.parts.iter().flat_map(|part| {
            [part.phase.timer(), part.entries.next_deadline(), part.drain.as_ref().map(|drain| drain.until)]
        });
        let tail = match &self.tail {
            Tail::Broken { retry_at } => Some(*retry_at),
            Tail::Reading(_) => None,
        };
        parts.flatten().chain(tail).chain(self.producer_timer()).chain(self.gather.timer()).fold(far, Instant::min)
    }

    /// Tells the states; wakes whoever waits for a change of a phase.
    pub(super) fn publish(&self) {
        self.status.send_if_modified(|held| {
            let mut changed = held.len() != self.parts.len();
            if changed {
                *held = self.parts.iter().map(Part::status).collect();
            }
            for (part, held) in self.parts.iter().zip(held) {
                changed |= (part.phase.name(), part.assigned) != (held.phase, held.assigned);
                *held = part.status();
            }
            changed
        });
    }
}
