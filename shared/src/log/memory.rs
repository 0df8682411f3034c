//! The log in memory: for unit tests and for the simulation, with every fault that a log may show.
//!
//! It needs nothing but `tokio::time`, so a paused clock drives it, and all chance comes from one seed. A new kind of fault:
//! a variant of [`Fault`], its meaning in [`MemLog::act`], and, if chance may choose it, odds in [`Faults`].

mod faults;
mod reader;
mod store;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::Stream;
use tokio::{sync::watch, time};

use super::{EventLog, InDoubt, LogError, NewRecord, Offset, Partition, Record, WriterName};
use crate::clock::SharedClock;

pub use faults::{Call, Fault, Faults};
pub use store::Health;

use faults::{Chance, Plan};
use store::{Action, Store};

/// A log in memory. Clones are the same log.
#[derive(Clone)]
pub struct MemLog(Arc<Inner>);

/// The right to append to a [`MemLog`].
#[derive(Debug)]
pub struct MemWriter {
    name: WriterName,
    generation: u64,
}

struct Inner {
    partitions: u16,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

struct State {
    store: Store,
    chance: Chance,
}

impl fmt::Debug for MemLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemLog").field("partitions", &self.0.partitions).finish_non_exhaustive()
    }
}

impl MemLog {
    /// An empty log without faults, whose fence works and whose offsets have no holes. The clock stamps the records.
    pub fn new(partitions: u16, clock: SharedClock) -> Self {
        let state = State { store: Store::new(partitions, clock), chance: Chance::default() };
        Self(Arc::new(Inner { partitions, state: Mutex::new(state), changed: watch::Sender::new(()) }))
    }

    /// With offsets as Kafka's transactions leave them: one more is used up in each partition that a batch touches.
    #[must_use]
    pub fn with_markers(self) -> Self {
        self.state().store.markers = true;
        self
    }

    /// Without a fence: batches of older handles land like any other, so that nothing but the acceptance rule is left.
    #[must_use]
    pub fn without_fencing(self) -> Self {
        self.state().store.fencing = false;
        self
    }

    /// With faults by chance.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        self.set_faults(faults);
        self
    }

    /// From now on these faults happen by chance, from the beginning of their seed; `Faults::default()` ends them all.
    pub fn set_faults(&self, faults: Faults) {
        self.state().chance.set(faults);
    }

    /// What happens to the next calls of this kind, one each, before chance decides again.
    pub fn script(&self, call: Call, faults: impl IntoIterator<Item = Fault>) {
        self.state().chance.script(call, faults);
    }

    /// Makes a partition sick or well again.
    pub fn set_partition(&self, partition: Partition, health: Health) {
        self.state().store.set_health(partition, health);
        self.0.changed.send_replace(());
    }

    /// Everything committed to a partition, whether readers can see it yet or not.
    pub fn records(&self, partition: Partition) -> Vec<Record> {
        self.state().store.records(partition).to_vec()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what was asked as chance and script have it. Once begun it goes on even if the caller stops waiting.
    async fn call(&self, call: Call, action: Action) -> Result<u64, InDoubt> {
        let plan = self.state().chance.plan(call, action.batch());
        if plan.is_immediate() {
            return self.act(plan.fault, action);
        }
        let log = self.clone();
        let done = tokio::spawn(async move { log.carry_out(plan, action).await });
        done.await.unwrap_or_else(|stopped| Err(in_doubt(&format!("the runtime is shutting down: {stopped}"))))
    }

    async fn carry_out(&self, plan: Plan, action: Action) -> Result<u64, InDoubt> {
        time::sleep(plan.latency).await;
        match plan.fault {
            Fault::Delay(time) => {
                time::sleep(time).await;
                self.act(Fault::Pass, action)
            }
            fault => self.act(fault, action),
        }
    }

    fn act(&self, fault: Fault, action: Action) -> Result<u64, InDoubt> {
        let landed = |action: Action| {
            // The report is lost or a lie, so what became of it does not matter.
            drop(self.run(action));
            Err(in_doubt("scripted or seeded, part or all of it landed"))
        };
        match fault {
            Fault::Pass | Fault::Delay(_) => self.run(action),
            Fault::Fail => {
                self.state().store.abort(action.batch());
                self.0.changed.send_replace(());
                Err(in_doubt("scripted or seeded, nothing landed"))
            }
            Fault::LandAndFail => landed(action),
            Fault::LandPrefix(length) => landed(action.prefix(length)),
            Fault::LandWithout(place) => landed(action.without(place)),
            Fault::LandLater(time) => {
                self.run_later(time, action);
                Err(in_doubt("scripted or seeded, it lands later"))
            }
            Fault::Duplicate(time) => {
                let copy = action.clone();
                let outcome = self.run(action);
                match &outcome {
                    Ok(generation) if time.is_zero() => drop(self.run(copy.repeated(*generation))),
                    Ok(generation) => self.run_later(time, copy.repeated(*generation)),
                    Err(_) => {}
                }
                outcome
            }
            Fault::Sick(partition, health, time) => {
                self.make_sick(partition, health, time);
                self.run(action)
            }
        }
    }

    fn run(&self, action: Action) -> Result<u64, InDoubt> {
        let outcome = self.state().store.run(action);
        self.0.changed.send_replace(());
        outcome
    }

    fn run_later(&self, time: Duration, action: Action) {
        let log = self.clone();
        tokio::spawn(async move {
            time::sleep(time).await;
            drop(log.run(action));
        });
    }

    fn make_sick(&self, partition: Partition, health: Health, time: Duration) {
        let illness = self.state().store.set_health(partition, health);
        let log = self.clone();
        tokio::spawn(async move {
            time::sleep(time).await;
            log.state().store.recover(partition, illness);
            log.0.changed.send_replace(());
        });
    }
}

impl EventLog for MemLog {
    type Writer = MemWriter;

    fn partitions(&self) -> u16 {
        self.0.partitions
    }

    async fn fence(&self, writer: &WriterName, stops: Vec<(Partition, NewRecord)>) -> Result<(), LogError> {
        let fenced = self.call(Call::Fence, Action::Fence { name: writer.clone(), stops }).await;
        fenced.map(drop).map_err(unavailable)
    }

    async fn open_writer(&self, name: &WriterName) -> Result<MemWriter, LogError> {
        let opened = self.call(Call::Open, Action::Open { name: name.clone() }).await;
        opened.map(|generation| MemWriter { name: name.clone(), generation }).map_err(unavailable)
    }

    async fn append(&self, writer: &mut MemWriter, batch: Vec<(Partition, NewRecord)>) -> Result<(), InDoubt> {
        let MemWriter { name, generation } = &*writer;
        self.call(Call::Append, Action::Append { name: name.clone(), generation: *generation, batch }).await.map(drop)
    }

    fn tail(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        reader::read(self.clone(), from)
    }

    async fn end(&self, partition: Partition) -> Result<Offset, LogError> {
        self.call(Call::End, Action::Look).await.map_err(unavailable)?;
        self.state().store.end(partition)
    }

    fn end_after(&self, last: Offset) -> Offset {
        last + if self.state().store.markers { 2 } else { 1 }
    }
}

fn in_doubt(reason: &str) -> InDoubt {
    InDoubt { failed: Vec::new(), reason: reason.to_owned() }
}

fn unavailable(doubt: InDoubt) -> LogError {
    LogError::Unavailable(doubt.reason)
}
