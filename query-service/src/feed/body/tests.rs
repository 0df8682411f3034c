use std::{future, sync::Arc};

use futures::StreamExt as _;
use shared::{
    SystemClock, Timestamp,
    events::{Headers, WriterStarted, headers},
    ids::Tenant,
    log::{Chain, NewRecord, Partition, WriterName, memory::MemLog},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;

/// A log of one partition with an announced writer and so many events of 10 KB.
async fn log_of(count: u64) -> MemLog {
    let log = MemLog::new(1, Arc::new(SystemClock));
    let (only, writer_id) = (Partition::new(0), Uuid::from_u128(1));
    let started = WriterStarted {
        writer_id,
        after: None,
        transactional_id: String::new(),
        instance: String::new(),
        url: None,
        partition: only,
        partitions: 1,
        fold_version: 1,
        started_at: Timestamp::from_unix_millis(0),
    };
    let mut batch = vec![(only, started.to_record(Uuid::from_u128(2)))];
    let mut chain = Chain::default();
    for pseq in 1..=count {
        let mut headers = Headers::default();
        headers.set(headers::PSEQ, pseq);
        headers.set(headers::TENANT, "acme");
        headers.set(headers::TIME, Timestamp::from_unix_millis(0));
        headers.set(headers::WRITER_ID, writer_id);
        let mut record = NewRecord { key: None, headers, value: format!("{:?}", "x".repeat(10_000)).into_bytes() };
        chain = chain.extended(pseq, &record.key, &record.headers, &record.value);
        record.headers.set(headers::CHAIN, chain.to_string());
        batch.push((only, record));
    }
    let mut writer = log.open_writer(&WriterName("w".to_owned())).await.expect("the log answers");
    log.append(&mut writer, batch).await.expect("appended");
    log
}

fn body(log: MemLog, ends: Ends) -> impl Stream<Item = String> + Unpin {
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("there is one");
    let tenant = Tenant::parse("acme").expect("a tenant");
    let filter = Filter { tenant, types: Vec::new(), segment: None };
    let body = Body::new(Reader::from_the_beginning(log), filter, ends, Slot { _permit: permit });
    let text = |chunk: Result<Bytes, Infallible>| match chunk {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(never) => match never {},
    };
    body.into_stream().map(text).boxed_local()
}

fn endless() -> Ends {
    let never = || Box::pin(future::pending());
    Ends { stopping: never(), expired: never(), left: never() }
}

#[tokio::test]
async fn what_is_sent_at_once_is_bounded_and_the_log_is_read_no_faster() {
    let mut chunks = body(log_of(100).await, endless());
    assert!(chunks.next().await.expect("a greeting").starts_with("retry: 2000\nid: e1.0."));
    let (mut events, mut parts) = (0, 0);
    while events < 100 {
        let chunk = chunks.next().await.expect("it goes on");
        assert!(chunk.len() <= CHUNK_BYTES + 11_000, "{}", chunk.len());
        events += chunk.matches("\ndata: ").count();
        parts += 1;
    }
    assert!(parts >= 15, "{parts}");
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_there_and_where_it_stands() {
    let tenant = Tenant::parse("other").expect("a tenant");
    let filter = Filter { tenant, types: Vec::new(), segment: None };
    let mut reading = Reading::of(Reader::from_the_beginning(log_of(2).await), filter);
    let begin = reading.told.clone();
    assert_eq!(reading.gather().await, b"", "nothing of this tenant");
    assert_eq!(reading.told, begin);
    reading.due = Instant::now();
    let silent = reading.next().await.expect("it goes on");
    assert_eq!(String::from_utf8_lossy(&silent), format!(":\nid: {}\n\n", reading.told));
    assert_ne!(reading.told, begin);
    reading.due = Instant::now();
    assert_eq!(reading.next().await.expect("it goes on"), b":\n\n");
}

#[tokio::test]
async fn a_stream_ends_when_the_service_stops_or_the_token_expires() {
    let ready = || Box::pin(future::ready(()));
    for (ends, expected) in [
        (Ends { stopping: ready(), ..endless() }, ": the service stops\n\n"),
        (Ends { expired: ready(), ..endless() }, ": the token has expired\n\n"),
        (Ends { left: ready(), ..endless() }, ": nobody reads\n\n"),
    ] {
        let chunks: Vec<String> = body(log_of(1).await, ends).collect().await;
        assert_eq!(chunks[1..], [expected.to_owned()]);
    }
}
