//! Records to append, and reading them back with patience.

use std::time::Duration;

use futures::{Stream, StreamExt};
use shared::{
    events::Headers,
    log::{EventLog, LogError, NewRecord, Offset, Partition, Record, WriterName},
};
use uuid::Uuid;

/// How many partitions the logs of the tests have.
pub const PARTITIONS: u16 = 3;

pub const P0: Partition = Partition::new(0);
pub const P1: Partition = Partition::new(1);
pub const P2: Partition = Partition::new(2);

/// A record that this text is found in again.
pub fn record(text: &str) -> NewRecord {
    NewRecord {
        key: Some(format!("acme/{text}")),
        headers: Headers::from_iter([("ce_id", text), ("content-type", "application/json")]),
        value: format!("{{\"text\":{text:?}}}").into_bytes(),
    }
}

/// The text of a record made by [`record`].
pub fn text(record: &Record) -> String {
    record.headers.get("ce_id").expect("every record of the tests has an id").to_owned()
}

pub fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(text).collect()
}

pub fn name(text: &str) -> WriterName {
    WriterName(text.to_owned())
}

pub fn from_the_start() -> Vec<(Partition, Offset)> {
    [P0, P1, P2].map(|partition| (partition, 0)).to_vec()
}

/// The next so many records.
pub async fn take(tail: &mut (impl Stream<Item = Result<Record, LogError>> + Unpin), count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(60), tail.next()).await;
        let next = next.unwrap_or_else(|_| panic!("{} of {count} records came", records.len()));
        records.push(next.expect("a tail does not end").expect("the log can be read"));
    }
    records
}

/// Everything that is and ever will be in a partition of what was sent until now: reads up to a record of one's own.
pub async fn everything<L: EventLog>(log: &L, partition: Partition) -> Vec<Record> {
    let mut writer = log.open_writer(&name(&Uuid::now_v7().to_string())).await.expect("a writer");
    log.append(&mut writer, vec![(partition, record("the last"))]).await.expect("an append");
    let mut tail = log.tail(vec![(partition, 0)]);
    let mut records = Vec::new();
    loop {
        let [next] = take(&mut tail, 1).await.try_into().expect("one record");
        if text(&next) == "the last" && log.end(partition).await.expect("an end") == log.end_after(next.offset) {
            return records;
        }
        records.push(next);
    }
}
