//! Reads the log for one stream: what counts, and where it stands.

use futures::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use shared::log::{Acceptance, EventLog, LogError, Offset, Partition, Record, Verdict};
use tokio::time::{self, Instant};

use super::cursor::Cursor;
use crate::{
    anchor,
    projector::{Pause, Reason, Unusable},
};

/// The most partitions in which a place is looked up at once.
const LOOK_UPS: usize = 4;

/// See the module.
pub struct Reader<L> {
    log: L,
    parts: Vec<Part>,
    source: Source,
    pause: Pause,
}

/// What must be known of a partition.
struct Part {
    rule: Acceptance,
    /// The last event that counts.
    passed: Option<Offset>,
}

/// Where records come from.
enum Source {
    Tail(BoxStream<'static, Result<Record, LogError>>),
    /// The log was not there; it is asked again then.
    Away(Instant),
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What counts behind this record cannot be told.
    #[error("partition {0}: {1}")]
    Record(Partition, Unusable),
    /// The log lacks what it must hold.
    #[error(transparent)]
    Log(LogError),
}

impl Failure {
    /// An event that counts, and whose value is not JSON.
    pub(super) fn of_value(event: &Record, error: serde_json::Error) -> Self {
        let reason = Reason::Unreadable(error.into());
        Self::Record(event.partition, Unusable { offset: event.offset, reason })
    }
}

impl<L: EventLog> Reader<L> {
    /// Before the first event.
    pub(super) fn from_the_beginning(log: L) -> Self {
        let parts = (0..log.partitions()).map(|number| Part::fresh(&log, Partition::new(number))).collect();
        Self::reading(log, parts)
    }

    /// Behind the events that a cursor names; none if this log has no such events.
    pub(super) async fn after(log: L, cursor: &Cursor) -> Result<Option<Self>, LogError> {
        if cursor.partitions() != usize::from(log.partitions()) {
            return Ok(None);
        }
        let parts = (0..log.partitions()).map(Partition::new).zip(cursor.passed.clone()).map(|(partition, passed)| {
            let log = &log;
            async move {
                let Some(offset) = passed else { return Ok(Some(Part::fresh(log, partition))) };
                let event = anchor::record_at(log, partition, offset).await?;
                let rule = event.and_then(|event| Acceptance::behind(&event, log.partitions()));
                Ok::<_, LogError>(rule.map(|rule| Part { rule, passed }))
            }
        });
        let parts: Vec<Option<Part>> = stream::iter(parts).buffered(LOOK_UPS).try_collect().await?;
        let Some(parts) = parts.into_iter().collect() else { return Ok(None) };
        let reader = Self::reading(log, parts);
        Ok(Some(reader).filter(|reader| reader.cursor() == *cursor))
    }

    /// Where the rule stands so; in partitions of which nothing is said, before the first event.
    pub(super) async fn behind(log: L, rules: Vec<Acceptance>) -> Result<Self, LogError> {
        let mut parts: Vec<Part> =
            (0..log.partitions()).map(|number| Part::fresh(&log, Partition::new(number))).collect();
        let found = rules.into_iter().filter(|rule| rule.partition.number() < log.partitions()).map(|rule| async {
            let passed = anchor::last_event(&log, &rule).await?;
            Ok::<_, LogError>(Part { rule, passed })
        });
        let found: Vec<Part> = stream::iter(found).buffered(LOOK_UPS).try_collect().await?;
        for part in found {
            let place = part.rule.partition.index();
            parts[place] = part;
        }
        Ok(Self::reading(log, parts))
    }

    fn reading(log: L, parts: Vec<Part>) -> Self {
        let source = Source::Tail(tail(&log, &parts));
        Self { log, parts, source, pause: Pause::new() }
    }

    /// Where it stands.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.parts.iter().map(|part| (part.passed, &part.rule)))
    }

    /// The next record, if it counts. Loses nothing when it is left before. A log that is away is waited for.
    ///
    /// # Errors
    /// When what counts cannot be told from here on.
    pub(super) async fn next(&mut self) -> Result<Option<Record>, Failure> {
        loop {
            match &mut self.source {
                Source::Away(until) => {
                    time::sleep_until(*until).await;
                    self.source = Source::Tail(tail(&self.log, &self.parts));
                }
                Source::Tail(records) => match records.next().await {
                    Some(Ok(record)) => {
                        self.pause.reset();
                        return self.judge(record);
                    }
                    Some(Err(error @ LogError::Damaged(_))) => return Err(Failure::Log(error)),
                    Some(Err(LogError::Unavailable(_))) | None => {
                        self.source = Source::Away(Instant::now() + self.pause.next());
                    }
                },
            }
        }
    }

    fn judge(&mut self, record: Record) -> Result<Option<Record>, Failure> {
        let part = &mut self.parts[record.partition.index()];
        let reason = match part.rule.step(&record) {
            Verdict::Accepted => {
                part.passed = Some(record.offset);
                return Ok(Some(record));
            }
            Verdict::NewWriter(_) | Verdict::NoWriter(_) | Verdict::Ignored(_) => return Ok(None),
            Verdict::Newer => Reason::Newer,
            Verdict::Corrupt => Reason::Corrupt,
        };
        Err(Failure::Record(record.partition, Unusable { offset: record.offset, reason }))
    }
}

impl Part {
    fn fresh<L: EventLog>(log: &L, partition: Partition) -> Self {
        Self { rule: Acceptance::new(partition, log.partitions()), passed: None }
    }
}

/// The records behind all that was read.
fn tail<L: EventLog>(log: &L, parts: &[Part]) -> BoxStream<'static, Result<Record, LogError>> {
    log.tail(parts.iter().map(|part| (part.rule.partition, part.rule.next_offset())).collect()).boxed()
}
