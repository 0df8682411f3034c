//! Reads both logs for the index, from their beginnings, for as long as the process lives.
//!
//! It begins when the views have caught up, so that it takes nothing from them at a start. Each log has one reader, which deals
//! its records out to the partitions ([`part`]); these work side by side. A tail that breaks is opened again where its partitions
//! stand; what has been read stays right. A record that cannot be applied ends it for good, as it ends the projection of its
//! partition: from there on the index would be wrong.

mod part;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{Stream, StreamExt as _, future, future::try_join_all};
use shared::{
    log::{Acceptance, EventLog, LogError, Offset, Partition},
    reference::ReferenceLog,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{self, Instant},
};

use self::part::{BATCH_RECORDS, Events, Part, Reference, Share};
use super::{Index, stats, world::Full};
use crate::projector::{Health, Pause, State, Unusable};

/// So many heaps, of [`BATCH_RECORDS`] at most, wait for a partition.
const HEAPS_WAITING: usize = 2;

/// How long the reader rests when few records came, unless somebody waits for them: who wakes for every record takes the
/// processor from those who write it.
const REST: Duration = Duration::from_millis(25);
const FEW: usize = 64;

/// How long it waits for views of which nothing is heard: the database may be away.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Fills an index.
#[derive(Debug)]
pub struct Follower<L, R> {
    index: Index,
    log: L,
    reference: R,
    views: Health,
}

/// Why it was interrupted.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("log: {0}")]
    Log(#[from] LogError),
    #[error(transparent)]
    Record(#[from] Unusable),
    #[error(transparent)]
    Full(#[from] Full),
}

/// How many partitions have not yet been where their logs ended when it began.
#[derive(Debug, Clone)]
struct Missing {
    index: Index,
    parts: Arc<AtomicUsize>,
    began: Instant,
}

impl Missing {
    fn one_less(&self) {
        if self.parts.fetch_sub(1, Ordering::AcqRel) == 1 {
            let took = self.began.elapsed();
            stats::built(took);
            tracing::info!(?took, "the match index is ready");
            self.index.set_ready();
        }
    }
}

/// Where it begins.
struct Beginning<L> {
    events: Vec<Share<Events<L>>>,
    reference: Vec<Share<Reference>>,
    missing: Missing,
}

impl<L: EventLog, R: ReferenceLog> Follower<L, R> {
    /// Of these logs, whose views are well when `views` says so.
    pub fn new(index: Index, log: L, reference: R, views: Health) -> Self {
        Self { index, log, reference, views }
    }

    /// Reads until dropped, which can be at any time.
    pub async fn run(self) {
        self.let_views_go_first().await;
        let mut pause = Pause::new();
        let Beginning { events, reference, missing } = loop {
            match self.begin().await {
                Ok(beginning) => break beginning,
                Err(error) => tracing::warn!(%error, "the match index cannot begin, trying again"),
            }
            time::sleep(pause.next()).await;
        };
        let failure = tokio::select! {
            failure = follow(events, &missing, |from| self.log.tail(from)) => failure,
            failure = follow(reference, &missing, |from| self.reference.tail(from)) => failure,
        };
        tracing::error!(%failure, "the match index has ended; matches are answered from the database");
        self.index.give_up();
        stats::stopped();
        future::pending().await
    }

    async fn let_views_go_first(&self) {
        let mut heard = Instant::now();
        while !self.views.problems().is_empty() && heard.elapsed() < PATIENCE {
            let states = self.views.states().into_iter().map(|(_, state)| state);
            if states.chain([self.views.reference()]).any(|state| state == State::CatchingUp) {
                heard = Instant::now();
            }
            time::sleep(LOOK_EVERY).await;
        }
    }

    async fn begin(&self) -> Result<Beginning<L>, LogError> {
        let (partitions, of_reference) = (self.log.partitions(), self.reference.partitions());
        let ends = try_join_all((0..partitions).map(|number| self.log.end(Partition::new(number)))).await?;
        let event = |(end, number): (Offset, u16)| {
            let acceptance = Acceptance::new(Partition::new(number), partitions);
            Share { part: Events { acceptance, log: self.log.clone() }, end: Some(end) }
        };
        let events: Vec<_> = ends.into_iter().zip(0..).map(event).collect();
        let ends = try_join_all((0..of_reference).map(|number| self.reference.end(Partition::new(number)))).await?;
        let entry = |(end, number): (Offset, u16)| Share {
            part: Reference { partition: Partition::new(number), next: 0 },
            end: Some(end),
        };
        let reference: Vec<_> = ends.into_iter().zip(0..).map(entry).collect();
        let parts = Arc::new((events.len() + reference.len()).into());
        let missing = Missing { index: self.index.clone(), parts, began: Instant::now() };
        Ok(Beginning { events, reference, missing })
    }
}

/// Reads a log, and again from where it broke; why that cannot go on.
async fn follow<P, S>(mut shares: Vec<Share<P>>, missing: &Missing, tail: impl Fn(Places) -> S) -> Failure
where
    P: Part,
    S: Stream<Item = Result<P::Record, LogError>> + Unpin,
{
    let mut pause = Pause::new();
    loop {
        let from: Places = shares.iter().map(|share| (share.part.partition(), share.part.next())).collect();
        let stood = from.clone();
        let (mut heaps, mut working) = (Vec::new(), JoinSet::new());
        for share in shares.drain(..) {
            let (send, received) = mpsc::channel(HEAPS_WAITING);
            heaps.push((share.part.partition(), send));
            let missing = missing.clone();
            working.spawn(share.work(missing.index.clone(), received, move || missing.one_less()));
        }
        let broken = tokio::select! {
            broken = deal::<P>(&missing.index, tail(from), heaps) => broken,
            // It ends before its heaps do only if it fails.
            Some(ended) = working.join_next() => match ended {
                Ok((_, Err(failure))) => return failure,
                Ok((_, Ok(()))) | Err(_) => LogError::Damaged("a part of the reader has ended".to_owned()),
            },
        };
        for (share, ended) in working.join_all().await {
            if let Err(failure) = ended {
                return failure;
            }
            shares.push(share);
        }
        if matches!(broken, LogError::Damaged(_)) {
            return broken.into();
        }
        shares.sort_by_key(|share| share.part.partition());
        if shares.iter().zip(stood).any(|(share, (_, next))| share.part.next() > next) {
            pause.reset();
        }
        let wait = pause.next();
        tracing::warn!(%broken, ?wait, "the match index is interrupted, trying again");
        time::sleep(wait).await;
    }
}

type Places = Vec<(Partition, Offset)>;
type Heaps<P> = Vec<(Partition, mpsc::Sender<Vec<<P as Part>::Record>>)>;

/// Deals the records of a tail out to their partitions until it breaks; why it did.
async fn deal<P: Part>(
    index: &Index,
    tail: impl Stream<Item = Result<P::Record, LogError>> + Unpin,
    heaps: Heaps<P>,
) -> LogError {
    let mut tail = tail.ready_chunks(BATCH_RECORDS);
    while let Some(records) = tail.next().await {
        let (count, mut broken) = (records.len(), None);
        let mut dealt: Vec<Vec<P::Record>> = heaps.iter().map(|_| Vec::new()).collect();
        for record in records {
            match record {
                Ok(record) => {
                    let is_its_own = |(partition, _): &(Partition, _)| *partition == P::partition_of(&record);
                    if let Some(at) = heaps.iter().position(is_its_own) {
                        dealt[at].push(record);
                    }
                }
                Err(error) => broken = Some(error),
            }
        }
        for (heap, (_, to)) in dealt.into_iter().zip(&heaps) {
            if !heap.is_empty() {
                // Who has failed says so itself.
                drop(to.send(heap).await);
            }
        }
        if let Some(broken) = broken {
            return broken;
        }
        if count < FEW && index.is_ready() {
            tokio::select! {
                () = time::sleep(REST) => {}
                () = index.progress().any_wanted() => {}
            }
        }
    }
    LogError::Unavailable("the tail ended".to_owned())
}
