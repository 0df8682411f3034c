//! Goes on from a snapshot: folds what the log holds behind it.

use std::time::Duration;

use futures::StreamExt;
use shared::log::{EventLog, LogError, Offset, Record};
use tokio::time::timeout;

use crate::fold::{Fingerprint, NotUsed, Snapshot, Stuck};

/// A partition whose end is hidden behind markers yields nothing more; so long is waited before it counts as read.
pub(super) const QUIET: Duration = Duration::from_secs(2);

/// How many records go to a fold at once.
pub(super) const HEAP: usize = 512;

/// How long the log may take for the record that the snapshot ends with. Kafka has to be connected to first.
const FIRST: Duration = Duration::from_secs(10);

/// Why a snapshot does not lead to the end of the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error(transparent)]
    Foreign(#[from] NotUsed),
    #[error("the record at {offset} does not follow on it: {stuck}")]
    Stuck { offset: Offset, stuck: Stuck },
}

const ELSEWHERE: NotUsed = NotUsed::Foreign("its last record is not in this log");

/// The fold at this end of its partition. First of all the log must hold, at its place, the very record that the snapshot
/// ends with.
pub(super) async fn follow<L: EventLog>(
    log: &L,
    mut snapshot: Snapshot,
    end: Offset,
) -> Result<Result<Snapshot, Unfit>, LogError> {
    let partition = snapshot.fold.acceptance.partition;
    let mut awaited = snapshot.fold.acceptance.offset.zip(snapshot.last);
    if awaited.is_some_and(|(offset, _)| offset >= end) {
        return Ok(Err(ELSEWHERE.into()));
    }
    let from = awaited.map_or(0, |(offset, _)| offset);
    let mut tail = log.tail(vec![(partition, from)]).ready_chunks(HEAP);
    let mut unread = end > 0;
    while unread {
        let patience = if awaited.is_some() { FIRST } else { QUIET };
        let Ok(Some(records)) = timeout(patience, tail.next()).await else { break };
        let mut last: Option<Record> = None;
        for record in records {
            let record = record?;
            unread = log.end_after(record.offset) < end;
            if let Some((offset, fingerprint)) = awaited.take() {
                if record.offset != offset || Fingerprint::of(&record) != fingerprint {
                    return Ok(Err(ELSEWHERE.into()));
                }
                continue;
            }
            if let Err(stuck) = snapshot.fold.apply(&record) {
                return Ok(Err(Unfit::Stuck { offset: record.offset, stuck }));
            }
            last = Some(record);
        }
        if let Some(last) = last {
            snapshot.last = Some(Fingerprint::of(&last));
        }
    }
    Ok(if awaited.is_some() { Err(ELSEWHERE.into()) } else { Ok(snapshot) })
}
