//! Which log is looked at, and how its records come: in heaps through a bounded channel, so that memory stays the same however
//! long the log is.

use std::{fmt, path::PathBuf, thread, time::Duration};

use anyhow::ensure;
use clap::Args;
use futures::{
    Stream, StreamExt as _,
    future::try_join_all,
    stream::{self, BoxStream},
};
use shared::{
    config::TopicArgs,
    log::{
        EventLog as _, LogError, Offset, Partition, Record,
        kafka::{KafkaConfig, KafkaLog, KafkaReference},
        local::{LocalReader, Pages, ReferencePages},
    },
    reference::{self, ReferenceLog as _},
};
use tokio::sync::mpsc;

use crate::up::local;

/// Heaps that wait for whoever looks at them, and records in one that came from Kafka.
const HEAPS_WAITING: usize = 4;
const HEAP: usize = 512;
/// How often a file is looked at for new records.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Which log to look at.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// The data folder of `segments up`, whose embedded log is looked at. It may be running.
    #[arg(long, env = "DATA_DIR", default_value = ".segments")]
    pub data_dir: PathBuf,
    /// Look at the log in Apache Kafka instead: addresses of brokers, several with commas.
    #[arg(long, value_name = "BROKERS")]
    pub kafka: Option<String>,
    /// What to use there.
    #[command(flatten)]
    pub topics: TopicArgs,
}

/// A log that can be read.
#[derive(Debug, Clone)]
pub enum Source {
    /// The log of `segments up`.
    Local(LocalSource),
    /// A log in Kafka.
    Kafka(KafkaSource),
}

/// The file of an embedded log.
#[derive(Debug, Clone)]
pub struct LocalSource {
    /// The file.
    pub path: PathBuf,
    partitions: u16,
}

/// A log in Kafka, and where it is.
#[derive(Debug, Clone)]
pub struct KafkaSource {
    /// The log.
    pub log: KafkaLog,
    /// Where it is.
    pub config: KafkaConfig,
}

/// Records in their order, or why there are no more. `Damaged` is told, and where the log can be read behind it, it goes on.
pub type Heaps = mpsc::Receiver<Result<Vec<Record>, LogError>>;

/// Reference data on its way: everything that is there.
pub struct Reference {
    /// How many partitions its log has.
    pub partitions: u16,
    /// The records.
    pub records: BoxStream<'static, Result<reference::Record, LogError>>,
}

/// Records on their way.
pub struct Reading {
    /// The records.
    pub heaps: Heaps,
    /// About how many offsets there are to read.
    pub total: u64,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(LocalSource { path, .. }) => write!(f, "{}", path.display()),
            Self::Kafka(KafkaSource { config, .. }) => write!(f, "topic {} of {}", config.topic, config.brokers),
        }
    }
}

impl Source {
    /// Opens it, to read only.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is no log of ours.
    pub async fn open(args: &SourceArgs) -> anyhow::Result<Self> {
        match &args.kafka {
            None => {
                let path = local::folder(&args.data_dir).join(local::LOG);
                ensure!(
                    path.exists(),
                    "there is no embedded log in {} (--data-dir or --kafka names another)",
                    args.data_dir.display()
                );
                Ok(Self::at(path)?)
            }
            Some(brokers) => {
                let config = args.topics.config(brokers);
                let log = KafkaLog::connect(config.clone()).await?;
                Ok(Self::Kafka(KafkaSource { log, config }))
            }
        }
    }

    /// The embedded log in this file.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is no log of ours.
    pub fn at(path: PathBuf) -> Result<Self, LogError> {
        let partitions = LocalReader::open(&path)?.partitions();
        Ok(Self::Local(LocalSource { path, partitions }))
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u16 {
        match self {
            Self::Local(local) => local.partitions,
            Self::Kafka(kafka) => kafka.config.partitions,
        }
    }

    /// Whether an offset names one place in the whole log, and no place is left out.
    pub fn has_one_sequence(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// The offset behind what is in each partition now.
    ///
    /// # Errors
    /// When it cannot be read for now.
    pub async fn ends(&self) -> Result<Vec<Offset>, LogError> {
        match self {
            Self::Local(local) => Ok(vec![LocalReader::open(&local.path)?.end()?; usize::from(local.partitions)]),
            Self::Kafka(kafka) => try_join_all(self.every_partition().map(|partition| kafka.log.end(partition))).await,
        }
    }

    /// Everything that is there now; of one partition, or of all.
    ///
    /// # Errors
    /// When it cannot be read for now.
    pub async fn read(&self, partition: Option<Partition>) -> Result<Reading, LogError> {
        let (send, heaps) = mpsc::channel(HEAPS_WAITING);
        let total = match self {
            Self::Local(local) => {
                let reader = LocalReader::open(&local.path)?;
                let end = reader.end()?;
                spawn(move || {
                    // Either way there is nothing more to do.
                    let _ = hand_over(&mut reader.pages(partition, 0, end), &send);
                })?;
                end
            }
            Self::Kafka(kafka) => {
                let ends = self.ends().await?;
                let wanted = |number: &Partition| partition.is_none_or(|only| only == *number);
                let from: Vec<_> = self.every_partition().filter(wanted).map(|number| (number, 0)).collect();
                let total = from.iter().map(|(number, _)| ends[number.index()]).sum();
                tokio::spawn(pass_on(kafka.log.scan(from), send));
                total
            }
        };
        Ok(Reading { heaps, total: u64::try_from(total).unwrap_or(0) })
    }

    /// Everything that is there now, of all partitions, each from its offset on.
    ///
    /// # Errors
    /// When it cannot be read for now.
    pub async fn read_on(&self, from: &[Offset]) -> Result<Reading, LogError> {
        let (send, heaps) = mpsc::channel(HEAPS_WAITING);
        let ends = self.ends().await?;
        let total = match self {
            Self::Local(local) => {
                let reader = LocalReader::open(&local.path)?;
                let end = ends.into_iter().max().unwrap_or(0);
                let first = from.iter().copied().min().unwrap_or(0);
                spawn(move || {
                    // Either way there is nothing more to do.
                    let _ = hand_over(&mut reader.pages(None, first, end), &send);
                })?;
                end - first
            }
            Self::Kafka(kafka) => {
                tokio::spawn(pass_on(kafka.log.scan(self.every_partition().zip(from.iter().copied()).collect()), send));
                ends.iter().zip(from).map(|(end, next)| (end - next).max(0)).sum()
            }
        };
        Ok(Reading { heaps, total: u64::try_from(total).unwrap_or(0) })
    }

    /// Everything that is there now of the reference data beside it.
    ///
    /// # Errors
    /// When it cannot be read for now.
    pub async fn reference(&self) -> anyhow::Result<Reference> {
        Ok(match self {
            Self::Local(LocalSource { path, .. }) => {
                let path = path.with_file_name(local::REFERENCE);
                let pages: Box<dyn Iterator<Item = Result<Vec<reference::Record>, LogError>> + Send> =
                    if path.exists() { Box::new(ReferencePages::open(&path)?) } else { Box::new(std::iter::empty()) };
                let records = stream::iter(pages.flat_map(|page| match page {
                    Ok(records) => records.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                }));
                Reference { partitions: 1, records: records.boxed() }
            }
            Self::Kafka(KafkaSource { config, .. }) => {
                let log = KafkaReference::connect(config.clone()).await?;
                Reference { partitions: log.partitions(), records: log.scan().boxed() }
            }
        })
    }

    /// Everything that is there, and then what comes, until the receiver is dropped.
    ///
    /// # Errors
    /// When it cannot be read for now.
    pub fn follow(&self) -> Result<Heaps, LogError> {
        let (send, heaps) = mpsc::channel(HEAPS_WAITING);
        match self {
            Self::Local(local) => {
                let reader = LocalReader::open(&local.path)?;
                spawn(move || watch(reader.pages(None, 0, 0), &send))?;
            }
            Self::Kafka(kafka) => {
                let from = self.every_partition().map(|partition| (partition, 0)).collect();
                tokio::spawn(pass_on(kafka.log.tail(from), send));
            }
        }
        Ok(heaps)
    }

    fn every_partition(&self) -> impl Iterator<Item = Partition> + use<> {
        (0..self.partitions()).map(Partition::new)
    }
}

/// Nobody reads any more.
struct Gone;

type Sender = mpsc::Sender<Result<Vec<Record>, LogError>>;

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), LogError> {
    let spawned = thread::Builder::new().name("log-reader".to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| LogError::Unavailable(format!("no thread to read the log: {error}")))
}

/// Until the pages or the readers end; an error if there are no readers any more.
fn hand_over(pages: &mut Pages, to: &Sender) -> Result<(), Gone> {
    pages.try_for_each(|page| to.blocking_send(page).map_err(|_| Gone))
}

fn watch(mut pages: Pages, to: &Sender) {
    while !to.is_closed() {
        match pages.end() {
            Ok(end) => pages.go_on_to(end),
            // Nobody may be there any more.
            Err(error) => return drop(to.blocking_send(Err(error))),
        }
        if hand_over(&mut pages, to).is_err() {
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
}

async fn pass_on(records: impl Stream<Item = Result<Record, LogError>> + Send + Unpin, to: Sender) {
    let mut heaps = records.ready_chunks(HEAP);
    while let Some(heap) = heaps.next().await {
        let mut good = Vec::with_capacity(heap.len());
        let mut failed = None;
        for record in heap {
            match record {
                Ok(record) => good.push(record),
                Err(error) => failed = Some(error),
            }
        }
        let sent = to.send(Ok(good)).await.is_ok();
        if let Some(error) = failed {
            // Nobody may be there any more.
            return drop(to.send(Err(error)).await);
        }
        if !sent {
            return;
        }
    }
}
