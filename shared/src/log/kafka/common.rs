//! One consumer for all readers of this process that are near the end of the log.
//!
//! A consumer costs the broker a fetch, and this process a thread and a decoding, for every batch that is written. The writer,
//! the projector and the match index of one process read the same records. So each begins with a consumer of its own, and
//! the first one that is near the end starts the common one; from then on whoever has come as far takes the records from
//! memory ([`recent`](crate::log::recent)). Who falls behind what is kept there gets a consumer of its own again.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak, mpsc},
    thread,
    time::Duration,
};

use futures::{FutureExt as _, Stream, StreamExt as _, stream, stream::BoxStream};
use tokio::{sync::watch, time::timeout};

use super::{
    config::KafkaConfig,
    tail::{self, Until},
};
use crate::{
    Clock as _, SystemClock, Timestamp,
    log::{
        LogError, Offset, Partition, Record,
        recent::{Found, Recent},
    },
};

/// Whoever reads what was written so lately is near the end.
const LATELY_MILLIS: i64 = 1_000;

/// Whoever gets nothing for so long is at the end.
const QUIET: Duration = Duration::from_secs(1);

/// Records of each partition that are taken from memory at once.
const AT_ONCE: usize = 256;

/// The common consumer of a log, if there is one now.
#[derive(Clone)]
pub(super) struct Common {
    held: Arc<Mutex<Weak<Shared>>>,
    /// Makes its thread. Whoever is the first to need it may be a thread that gives way to others, and what such a thread makes
    /// would give way, too.
    threads: mpsc::Sender<Reading>,
}

/// What the thread of a common consumer does.
struct Reading {
    config: KafkaConfig,
    positions: Vec<(Partition, Offset)>,
    readers: Weak<Shared>,
}

/// What the common consumer has read. It reads for as long as somebody holds this.
struct Shared {
    recent: Recent,
    /// Why it ended.
    failure: OnceLock<String>,
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Common").finish_non_exhaustive()
    }
}

impl Common {
    /// None yet; its thread will have the priority of this one.
    pub(super) fn new() -> Self {
        let (threads, wanted) = mpsc::channel::<Reading>();
        let make = move || wanted.iter().for_each(Reading::begin);
        spawn("kafka-threads", make);
        Self { held: Arc::default(), threads }
    }

    /// The records of the events from these offsets on, and then as they come.
    pub(super) fn read(
        &self,
        config: KafkaConfig,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        let source = Source::own(&config, &from);
        let reader = Reader { common: self.clone(), config, positions: from, source, newest: None };
        stream::unfold(Some(reader), |reader| async {
            let mut reader = reader?;
            match reader.next().await {
                Ok(record) => Some((Ok(record), Some(reader))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    /// What is read for all, if a reader that has come so far misses nothing with it.
    fn join(&self, positions: &[(Partition, Offset)]) -> Option<Arc<Shared>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.upgrade().filter(|shared| shared.recent.covers(positions))
    }

    /// Starts reading for all at these positions, of all partitions, unless somebody has.
    fn start(&self, config: &KafkaConfig, positions: &[(Partition, Offset)]) -> Option<Arc<Shared>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.upgrade().is_some_and(|shared| !shared.recent.is_closed()) {
            return None;
        }
        let mut ends = vec![0; positions.len()];
        for (partition, next) in positions {
            ends[partition.index()] = *next;
        }
        let shared = Arc::new(Shared { recent: Recent::new(&ends), failure: OnceLock::new() });
        *held = Arc::downgrade(&shared);
        let reading = Reading { config: config.clone(), positions: positions.to_vec(), readers: held.clone() };
        // It fails when there is no thread that makes threads.
        self.threads.send(reading).ok()?;
        Some(shared)
    }
}

impl Reading {
    fn begin(self) {
        let closing = Closing(self.readers.clone());
        spawn("kafka-common", move || {
            let _closing = closing;
            self.read_for_all();
        });
    }

    /// Until nobody needs it any more, or an error comes.
    fn read_for_all(&self) {
        let Self { config, positions, readers } = self;
        let read = tail::each_heap(config, &config.topic, positions, Until::Forever, tail::record, |heap| {
            readers.upgrade().map(|shared| shared.recent.publish(heap)).is_some()
        });
        if let (Err(error), Some(shared)) = (read, readers.upgrade()) {
            shared.failure.get_or_init(|| error.to_string());
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(work) {
        tracing::warn!(%error, "no thread for a common consumer");
    }
}

/// However the reading ends, by a panic too: nobody goes on waiting for it.
struct Closing(Weak<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.recent.close();
        }
    }
}

struct Reader {
    common: Common,
    config: KafkaConfig,
    /// Where to go on in each partition.
    positions: Vec<(Partition, Offset)>,
    source: Source,
    /// When the log took the newest record that came.
    newest: Option<Timestamp>,
}

enum Source {
    Own {
        records: BoxStream<'static, Result<Record, LogError>>,
        /// What this reader has started and is about to join.
        started: Option<Arc<Shared>>,
        /// Whether it has waited long for nothing.
        quiet: bool,
    },
    Common {
        shared: Arc<Shared>,
        changed: watch::Receiver<Offset>,
        fresh: VecDeque<Arc<Record>>,
    },
}

impl Source {
    fn own(config: &KafkaConfig, from: &[(Partition, Offset)]) -> Self {
        let records =
            tail::read(config.clone(), config.topic.clone(), from.to_vec(), Until::Forever, tail::record).boxed();
        Self::Own { records, started: None, quiet: false }
    }
}

impl Reader {
    async fn next(&mut self) -> Result<Record, LogError> {
        loop {
            let next = match &self.source {
                Source::Own { .. } => self.next_of_own().await,
                Source::Common { .. } => self.next_of_common().await,
            };
            if let Some(next) = next.transpose() {
                if let Ok(record) = &next {
                    self.passed(record);
                }
                return next;
            }
        }
    }

    /// None if it is to be asked again.
    async fn next_of_own(&mut self) -> Result<Option<Record>, LogError> {
        let Source::Own { records, started, quiet } = &mut self.source else { return Ok(None) };
        let ended = || LogError::Unavailable("the consumer ended".to_owned());
        if let Some(next) = records.next().now_or_never() {
            return next.ok_or_else(ended)?.map(Some);
        }
        if let Some(shared) = self.common.join(&self.positions) {
            let changed = shared.recent.changes(&self.positions);
            self.source = Source::Common { shared, changed, fresh: VecDeque::new() };
            return Ok(None);
        }
        let reads_all = self.positions.len() == usize::from(self.config.partitions);
        let is_near_the_end = *quiet || self.newest.is_some_and(is_late);
        let has_started = started.as_ref().is_some_and(|shared| !shared.recent.is_closed());
        if reads_all && is_near_the_end && !has_started {
            *started = self.common.start(&self.config, &self.positions);
        }
        // Whatever came of that, the own consumer goes on until the next look: this waits, and never turns round at once.
        let next = timeout(QUIET, records.next()).await;
        *quiet = next.is_err();
        next.map_or(Ok(None), |next| next.ok_or_else(ended)?.map(Some))
    }

    /// None if it is to be asked again.
    async fn next_of_common(&mut self) -> Result<Option<Record>, LogError> {
        let Source::Common { shared, changed, fresh } = &mut self.source else { return Ok(None) };
        if let Some(record) = fresh.pop_front() {
            return Ok(Some(Arc::unwrap_or_clone(record)));
        }
        changed.mark_unchanged();
        match shared.recent.after(&self.positions, AT_ONCE) {
            Found::Records(records) if !records.is_empty() => fresh.extend(records),
            // It fails when the sender is gone, and that is held right here.
            Found::Records(_) => drop(changed.changed().await),
            Found::Behind => self.source = Source::own(&self.config, &self.positions),
            Found::Closed => {
                let why = shared.failure.get().map_or("it was closed", String::as_str);
                return Err(LogError::Unavailable(format!("the common consumer ended: {why}")));
            }
        }
        Ok(None)
    }

    fn passed(&mut self, record: &Record) {
        self.newest = Some(record.appended_at);
        for (_, next) in self.positions.iter_mut().filter(|(held, _)| *held == record.partition) {
            *next = record.offset + 1;
        }
    }
}

/// Whether this was a moment ago.
fn is_late(moment: Timestamp) -> bool {
    SystemClock.now().unix_millis() - moment.unix_millis() < LATELY_MILLIS
}
