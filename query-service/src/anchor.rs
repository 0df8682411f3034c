//! From a place in the log to what the acceptance rule knows there, and back.

use futures::StreamExt as _;
use shared::{
    events::headers,
    log::{Acceptance, EventLog, LogError, Offset, Partition, Record},
};

/// How many offsets a first look goes back; each further one eight times as many.
const FIRST_LOOK: Offset = 64;
const WIDER: Offset = 8;

/// The record at this offset, if there is one.
pub async fn record_at<L: EventLog>(log: &L, partition: Partition, offset: Offset) -> Result<Option<Record>, LogError> {
    if log.end(partition).await? <= offset {
        return Ok(None);
    }
    let mut tail = log.tail(vec![(partition, offset)]);
    let record = tail.next().await.ok_or_else(ended)??;
    Ok(Some(record).filter(|record| record.offset == offset))
}

/// The event that counts last before this state of the rule: the one whose chain it holds. None if there is none yet.
pub async fn last_event<L: EventLog>(log: &L, state: &Acceptance) -> Result<Option<Offset>, LogError> {
    let Some(newest) = state.offset.filter(|_| state.pseq > 0) else { return Ok(None) };
    let chain = state.chain.to_string();
    let mut back = FIRST_LOOK;
    loop {
        let from = newest.saturating_sub(back - 1).max(0);
        let mut tail = log.tail(vec![(state.partition, from)]);
        let mut found = None;
        loop {
            let record = tail.next().await.ok_or_else(ended)??;
            if record.offset <= newest && record.headers.get(headers::CHAIN) == Some(&*chain) {
                found = Some(record.offset);
            }
            if record.offset >= newest {
                break;
            }
        }
        match found {
            Some(offset) => return Ok(Some(offset)),
            None if from == 0 => {
                let partition = state.partition;
                return Err(LogError::Damaged(format!(
                    "partition {partition} lacks the event that the views end with"
                )));
            }
            None => back = back.saturating_mul(WIDER),
        }
    }
}

fn ended() -> LogError {
    LogError::Unavailable("the tail ended".to_owned())
}
