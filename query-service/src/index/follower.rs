//! Reads both logs for the index, from their beginnings, for as long as the process lives.
//!
//! It begins when the views have caught up, so that it takes nothing from them at a start. A tail that breaks is opened
//! again where it broke; what has been read stays right. A record that cannot be applied ends it for good, as it ends the
//! projection of its partition: from there on the index would be wrong.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, future, stream};
use shared::{
    consistency::Place,
    log::{self, Acceptance, EventLog, LogError, Offset, Partition, Verdict},
    reference::{self, ReferenceLog},
};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};

use super::{
    Index,
    fact::{self, Fact},
    stats,
    world::Full,
};
use crate::projector::{Health, Pause, Reason, State, Unusable, is_all};

/// The most records that are applied at once: readers wait meanwhile. As many, of 1 MiB at most, wait to be applied.
const BATCH_RECORDS: usize = 256;

/// How long it rests when few records came, unless somebody waits for them: who wakes for every record takes the processor
/// from those who write it.
const REST: Duration = Duration::from_millis(25);
const FEW: usize = 64;

/// How long it waits for views of which nothing is heard: the database may be away.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The end of a compacted log may hold nothing. Who has read it and got nothing for so long has all of it.
const QUIET: Duration = Duration::from_secs(10);

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

/// A record of either log.
#[derive(Debug)]
enum News {
    Event(log::Record),
    Reference(reference::Record),
}

/// How far it has read, and what is still missing.
#[derive(Debug)]
struct Cursor {
    events: Vec<Acceptance>,
    reference: BTreeMap<Partition, Offset>,
    /// When the last record of reference data came.
    reference_came: Instant,
    /// The ends of the logs when it began; none when it has been there.
    ends: Option<BTreeMap<Place, Offset>>,
    began: Instant,
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
        let mut cursor = loop {
            match self.begin().await {
                Ok(cursor) => break cursor,
                Err(error) => tracing::warn!(%error, "the match index cannot begin, trying again"),
            }
            time::sleep(pause.next()).await;
        };
        loop {
            let failure = self.follow(&mut cursor, &mut pause).await;
            if !matches!(failure, Failure::Log(LogError::Unavailable(_))) {
                tracing::error!(%failure, "the match index has ended; matches are answered from the database");
                self.index.give_up();
                stats::stopped();
                return future::pending().await;
            }
            let wait = pause.next();
            tracing::warn!(%failure, ?wait, "the match index is interrupted, trying again");
            time::sleep(wait).await;
        }
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

    async fn begin(&self) -> Result<Cursor, LogError> {
        let partitions = self.log.partitions();
        let mut ends = BTreeMap::new();
        for partition in (0..partitions).map(Partition::new) {
            ends.insert(Place::Event(partition), self.log.end(partition).await?);
        }
        for partition in (0..self.reference.partitions()).map(Partition::new) {
            ends.insert(Place::Reference(partition), self.reference.end(partition).await?);
        }
        let now = Instant::now();
        Ok(Cursor {
            events: (0..partitions).map(|number| Acceptance::new(Partition::new(number), partitions)).collect(),
            reference: (0..self.reference.partitions()).map(|number| (Partition::new(number), 0)).collect(),
            reference_came: now,
            ends: Some(ends),
            began: now,
        })
    }

    /// One life of the tails; why it ended.
    async fn follow(&self, cursor: &mut Cursor, pause: &mut Pause) -> Failure {
        let mut news = self.news(cursor);
        cursor.reference_came = Instant::now();
        loop {
            match self.advance(&mut news, cursor).await {
                Ok(0) => {}
                Ok(_) => pause.reset(),
                Err(failure) => return failure,
            }
            if self.has_arrived(cursor) {
                cursor.ends = None;
                stats::built(cursor.began.elapsed());
                tracing::info!(took = ?cursor.began.elapsed(), "the match index is ready");
                self.index.set_ready();
            }
        }
    }

    /// Both logs, from where the cursor stands. They are read beside what is done with the records.
    fn news(&self, cursor: &Cursor) -> mpsc::Receiver<Result<News, LogError>> {
        let events = cursor.events.iter().map(|part| (part.partition, part.next_offset())).collect();
        let reference = cursor.reference.iter().map(|(partition, next)| (*partition, *next)).collect();
        let ended = || stream::iter([Err(LogError::Unavailable("the tail ended".to_owned()))]);
        let events = self.log.tail(events).map(|record| record.map(News::Event)).chain(ended());
        let reference = self.reference.tail(reference).map(|record| record.map(News::Reference)).chain(ended());
        let mut both = stream::select(events, reference);
        let (send, news) = mpsc::channel(BATCH_RECORDS);
        tokio::spawn(async move {
            loop {
                let next = tokio::select! {
                    next = both.next() => next,
                    () = send.closed() => None,
                };
                let Some(next) = next else { return };
                if send.send(next).await.is_err() {
                    return;
                }
            }
        });
        news
    }

    /// Applies what there is, or waits a while for something to apply; how many records came.
    async fn advance(
        &self,
        news: &mut mpsc::Receiver<Result<News, LogError>>,
        cursor: &mut Cursor,
    ) -> Result<usize, Failure> {
        let mut came = Vec::with_capacity(BATCH_RECORDS);
        if time::timeout(LOOK_EVERY, news.recv_many(&mut came, BATCH_RECORDS)).await.is_err() {
            return Ok(0);
        }
        // Nothing but an error ends it.
        let mut broken = came.is_empty().then(|| LogError::Unavailable("the reader has ended".to_owned()));
        let batch = came.into_iter().map_while(|news| news.map_err(|error| broken = Some(error)).ok());
        let batch: Vec<News> = batch.collect();
        self.apply(&batch, cursor)?;
        if let Some(error) = broken {
            return Err(error.into());
        }
        if batch.len() < FEW && cursor.ends.is_none() {
            tokio::select! {
                () = time::sleep(REST) => {}
                () = self.index.progress().any_wanted() => {}
            }
        }
        Ok(batch.len())
    }

    fn apply(&self, batch: &[News], cursor: &mut Cursor) -> Result<(), Failure> {
        let progress = self.index.progress();
        let mut facts = Vec::with_capacity(batch.len());
        let mut reached = BTreeMap::new();
        for news in batch {
            facts.extend(cursor.read(news)?);
            let is_oldest = reached.insert(news.place(), news.offset() + 1).is_none();
            if let News::Event(record) = news
                && is_oldest
            {
                progress.set_pending(record.partition, Some(record.appended_at));
            }
        }
        self.index.apply(&facts, &reached)?;
        stats::read(batch.len());
        Ok(())
    }

    /// Whether everything is read that the logs held when it began; once.
    fn has_arrived(&self, cursor: &Cursor) -> bool {
        let is_quiet = cursor.reference_came.elapsed() >= QUIET;
        cursor.ends.as_ref().is_some_and(|ends| {
            ends.iter().all(|(place, end)| match place {
                Place::Event(partition) => is_all(&self.log, cursor.events[partition.index()].next_offset(), *end),
                Place::Reference(partition) => is_quiet || cursor.reference.get(partition) >= Some(end),
            })
        })
    }
}

impl Cursor {
    /// Moves behind the next record; what it says, if it counts.
    fn read<'r>(&mut self, news: &'r News) -> Result<Option<(&'r str, Fact<'r>)>, Unusable> {
        match news {
            News::Event(record) => {
                let unusable = |reason| Unusable { offset: record.offset, reason };
                match self.events[record.partition.index()].step(record) {
                    Verdict::Accepted => fact::of_event(record).map_err(|error| unusable(error.into())),
                    Verdict::Ignored(_) | Verdict::NewWriter(_) | Verdict::NoWriter(_) => Ok(None),
                    Verdict::Newer => Err(unusable(Reason::Newer)),
                    Verdict::Corrupt => Err(unusable(Reason::Corrupt)),
                }
            }
            News::Reference(record) => {
                self.reference.insert(record.partition, record.offset + 1);
                self.reference_came = Instant::now();
                Ok(fact::of_reference(record))
            }
        }
    }
}

impl News {
    fn place(&self) -> Place {
        match self {
            Self::Event(record) => Place::Event(record.partition),
            Self::Reference(record) => Place::Reference(record.partition),
        }
    }

    fn offset(&self) -> Offset {
        match self {
            Self::Event(record) => record.offset,
            Self::Reference(record) => record.offset,
        }
    }
}
