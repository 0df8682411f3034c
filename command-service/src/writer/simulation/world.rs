//! Two instances on one log, and what happens to them: locks that move or are told to both, crashes, pauses, and a log that
//! fails in every way that it knows.

use std::{
    collections::HashSet,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use rand::{Rng, RngCore, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use shared::{
    Clock, Timestamp,
    clock::SharedClock,
    log::{
        LockEvent, Partition, WriterName,
        memory::{Faults, Health, MemLog},
    },
};
use tempfile::TempDir;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    check::{self, Tally, Violation},
    client::{Client, History},
};
use crate::{
    fold::Snapshots,
    writer::{Confirm, Ids, WriterConfig, WriterHandle, config::Sabotage, prepare},
};

const PARTITIONS: u16 = 2;
const CLIENTS: usize = 5;
const REQUESTS_PER_CLIENT: usize = 12;

/// One world in so many keeps snapshots: these wait for a disk.
const WORLDS_PER_SNAPSHOTS: u64 = 16;

/// The runtime's clock, as a clock of the world.
#[derive(Debug)]
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_750_000_000_000 + self.0.elapsed().as_millis() as i64)
    }
}

/// A process that can be stopped and continued, as by SIGSTOP and SIGCONT.
struct Stoppable<F> {
    stopped: Arc<AtomicBool>,
    continued: Pin<Box<dyn Future<Output = ()> + Send>>,
    notify: Arc<Notify>,
    inner: Pin<Box<F>>,
}

impl<F: Future> Future for Stoppable<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        while self.stopped.load(Ordering::Relaxed) {
            match self.continued.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.continued = wait(&self.notify),
            }
        }
        self.inner.as_mut().poll(context)
    }
}

fn wait(notify: &Arc<Notify>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let notify = Arc::clone(notify);
    Box::pin(async move { notify.notified().await })
}

/// One instance: where commands are sent to, and what chaos can do to it.
pub(super) struct Instance {
    number: usize,
    pub(super) handle: Option<WriterHandle>,
    task: Option<JoinHandle<super::super::Ended>>,
    locks: Option<mpsc::UnboundedSender<LockEvent>>,
    stopped: Arc<AtomicBool>,
    notify: Arc<Notify>,
}

pub(super) type Instances = Arc<Mutex<Vec<Instance>>>;

pub(super) struct World {
    log: MemLog,
    clock: SharedClock,
    rng: StdRng,
    faults: Faults,
    sabotage: Sabotage,
    confirm: Confirm,
    instances: Instances,
    holders: Vec<HashSet<usize>>,
    /// Instances of some worlds start from snapshots.
    snapshots: Option<TempDir>,
}

impl World {
    pub(super) fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let clock: SharedClock = Arc::new(PausedClock(Instant::now()));
        let mut log = MemLog::new(PARTITIONS, Arc::clone(&clock));
        if rng.random_bool(0.5) {
            log = log.with_markers();
        }
        if rng.random_bool(0.5) {
            log = log.without_fencing();
        }
        let faults = draw_faults(&mut rng);
        log.set_faults(faults.clone());
        let confirm = if rng.random_bool(0.1) { Confirm::Strict } else { Confirm::EndOffset };
        let instance = |number| Instance {
            number,
            handle: None,
            task: None,
            locks: None,
            stopped: Arc::default(),
            notify: Arc::default(),
        };
        let instances = Arc::new(Mutex::new(vec![instance(0), instance(1)]));
        let holders = vec![HashSet::new(); usize::from(PARTITIONS)];
        let snapshots = seed.is_multiple_of(WORLDS_PER_SNAPSHOTS).then(|| tempfile::tempdir().expect("a folder"));
        Self { log, clock, rng, faults, sabotage, confirm, instances, holders, snapshots }
    }

    /// Lives until all clients are done, heals the world, and holds what was answered against the log.
    pub(super) async fn live(mut self) -> Result<Tally, Violation> {
        self.boot(0).await;
        self.boot(1).await;
        for number in 0..PARTITIONS {
            let holder = usize::from(self.rng.random_bool(0.5));
            self.grant(Partition::new(number), holder);
        }
        let history = Arc::new(Mutex::new(History::default()));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let client =
                    Client::new(number, self.rng.next_u64(), Arc::clone(&self.instances), Arc::clone(&history));
                tokio::spawn(client.run(REQUESTS_PER_CLIENT))
            })
            .collect();
        while clients.iter().any(|client| !client.is_finished()) {
            sleep(Duration::from_millis(self.rng.random_range(1..800))).await;
            self.misfortune().await;
        }
        self.heal().await?;
        let chains = self.final_chains();
        let history = std::mem::take(&mut *history.lock().expect("history"));
        let partitions = (0..PARTITIONS).map(Partition::new);
        let records: Vec<_> = partitions.map(|partition| self.log.records(partition)).collect();
        check::check(&history, &records, &chains)
    }

    async fn misfortune(&mut self) {
        let who = self.rng.random_range(0..2);
        let partition = Partition::new(self.rng.random_range(0..PARTITIONS));
        match self.rng.random_range(0..100) {
            0..25 => {
                self.revoke(partition, 1 - who).await;
                self.grant(partition, who);
            }
            // A lock service that errs: both believe that they hold the partition.
            25..32 => self.grant(partition, who),
            32..42 => {
                self.crash(who);
                self.boot(who).await;
            }
            42..54 => self.stop_and_continue(who).await,
            54..60 => {
                let health = if self.rng.random_bool(0.5) { Health::Down } else { Health::Invisible };
                self.log.set_partition(partition, health);
                sleep(Duration::from_millis(self.rng.random_range(10..6000))).await;
                self.log.set_partition(partition, Health::Up);
            }
            _ => {}
        }
    }

    async fn boot(&mut self, number: usize) {
        let (locks, lock_events) = mpsc::unbounded_channel();
        let ids = ids(self.rng.next_u64(), Arc::clone(&self.clock));
        let name = format!("i{number}");
        let mut config = WriterConfig::new(&*name, WriterName(format!("sim.{name}")));
        config.round_commands = self.rng.random_range(1..6);
        config.confirm = self.confirm;
        config.sabotage = self.sabotage;
        let folder = self.snapshots.as_ref().map(|folder| folder.path().join(&name));
        config.snapshots = folder.map(|folder| Snapshots { folder, every: 1 });
        let prepared = prepare(self.log.clone(), || lock_events, Arc::clone(&self.clock), ids, config).await.ok();
        // A log that cannot be read now leaves the instance down until the next boot.
        let Some((handle, writer)) = prepared else { return };
        let (stopped, notify) = (Arc::<AtomicBool>::default(), Arc::<Notify>::default());
        let continued = wait(&notify);
        let (held, woken) = (Arc::clone(&stopped), Arc::clone(&notify));
        let task = tokio::spawn(Stoppable { stopped: held, continued, notify: woken, inner: Box::pin(writer) });
        for (index, holders) in self.holders.iter().enumerate() {
            if holders.contains(&number) {
                let assigned = LockEvent::Assigned(vec![Partition::new(index as u16)]);
                drop(locks.send(assigned));
            }
        }
        let mut instances = self.instances.lock().expect("instances");
        instances[number] =
            Instance { number, handle: Some(handle), task: Some(task), locks: Some(locks), stopped, notify };
    }

    fn crash(&mut self, number: usize) {
        let mut instances = self.instances.lock().expect("instances");
        let instance = &mut instances[number];
        if let Some(task) = instance.task.take() {
            task.abort();
        }
        instance.handle = None;
        instance.locks = None;
    }

    async fn stop_and_continue(&mut self, number: usize) {
        let (stopped, notify) = {
            let instances = self.instances.lock().expect("instances");
            (Arc::clone(&instances[number].stopped), Arc::clone(&instances[number].notify))
        };
        stopped.store(true, Ordering::Relaxed);
        for number_of_partition in 0..PARTITIONS {
            if self.rng.random_bool(0.8) {
                self.grant(Partition::new(number_of_partition), 1 - number);
            }
        }
        sleep(Duration::from_millis(self.rng.random_range(1..8000))).await;
        stopped.store(false, Ordering::Relaxed);
        notify.notify_one();
    }

    fn grant(&mut self, partition: Partition, number: usize) {
        self.holders[partition.index()].insert(number);
        let instances = self.instances.lock().expect("instances");
        if let Some(locks) = &instances[number].locks {
            drop(locks.send(LockEvent::Assigned(vec![partition])));
        }
    }

    async fn revoke(&mut self, partition: Partition, number: usize) {
        if !self.holders[partition.index()].remove(&number) {
            return;
        }
        let (released, let_go) = oneshot::channel();
        let event = LockEvent::Revoked { partitions: vec![partition], released };
        let locks = self.instances.lock().expect("instances")[number].locks.clone();
        if locks.is_some_and(|locks| locks.send(event).is_ok()) {
            drop(tokio::time::timeout(Duration::from_secs(2), let_go).await);
        }
    }

    /// No more faults, one holder for everything: the service must come back by itself.
    async fn heal(&mut self) -> Result<(), Violation> {
        self.log.set_faults(Faults { seed: self.faults.seed, ..Faults::default() });
        for number in 0..PARTITIONS {
            self.log.set_partition(Partition::new(number), Health::Up);
            self.revoke(Partition::new(number), 1).await;
        }
        let gone = self.instances.lock().expect("instances")[0].task.as_ref().is_none_or(JoinHandle::is_finished);
        for number in 0..PARTITIONS {
            self.grant(Partition::new(number), 0);
        }
        if gone {
            self.boot(0).await;
        }
        let handle = self.instances.lock().expect("instances")[0].handle.clone();
        let Some(mut handle) = handle else { return Err(Violation::NotServing("no writer".to_owned())) };
        let ready = tokio::time::timeout(Duration::from_secs(90), handle.ready()).await;
        // What is late by a fault of before lands now, and must not matter.
        sleep(Duration::from_secs(60)).await;
        ready.map_err(|_| Violation::NotServing(format!("{:?}", handle.status())))
    }

    fn final_chains(&self) -> Vec<Vec<(u64, String)>> {
        let instances = self.instances.lock().expect("instances");
        let alive = instances.iter().filter(|instance| instance.task.as_ref().is_some_and(|task| !task.is_finished()));
        alive
            .filter(|instance| instance.number == 0)
            .filter_map(|instance| instance.handle.as_ref())
            .map(|handle| handle.status().iter().map(|part| (part.pseq, part.chain.to_string())).collect())
            .collect()
    }
}

fn ids(seed: u64, clock: SharedClock) -> Ids {
    let mut rng = StdRng::seed_from_u64(seed);
    Box::new(move || {
        let mut random = [0; 10];
        rng.fill_bytes(&mut random);
        uuid::Builder::from_unix_timestamp_millis(clock.now().unix_millis() as u64, &random).into_uuid()
    })
}

/// From calm to hopeless; every kind of fault is absent in some worlds.
fn draw_faults(rng: &mut StdRng) -> Faults {
    let seed = rng.next_u64();
    let severity = *[0.0, 0.02, 0.1, 0.25].choose(rng).expect("not empty");
    let mut odds = || if rng.random_bool(0.5) { severity * rng.random::<f64>() } else { 0.0 };
    let millis = Duration::from_millis;
    Faults {
        seed,
        fail: odds(),
        slow: odds(),
        land_and_fail: odds(),
        land_later: odds(),
        late_announcement: odds(),
        land_prefix: odds(),
        land_without: odds(),
        duplicate: odds(),
        down: odds(),
        invisible: odds(),
        break_tail: odds() / 4.0,
        latency: millis(0)..millis(30),
        lag: millis(0)..millis(40),
        late: millis(1)..millis(9000),
        sick: millis(10)..millis(6000),
    }
}
