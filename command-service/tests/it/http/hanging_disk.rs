//! A disk that hangs under the thread of the writer. No disk can be told to, so the log is one in memory that blocks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use command_service::{http::Settings, writer::WriterConfig};
use futures::Stream;
use serde_json::json;
use shared::{
    SystemClock,
    log::{EventLog, InDoubt, LogError, NewRecord, Offset, Partition, Record, WriterName, memory::MemLog},
};

use super::service::{SEGMENTS, Service, document};

#[derive(Debug, Clone)]
struct Hanging {
    log: MemLog,
    hangs: Arc<AtomicBool>,
}

impl EventLog for Hanging {
    type Writer = <MemLog as EventLog>::Writer;

    fn partitions(&self) -> u16 {
        self.log.partitions()
    }

    async fn fence(&self, writer: &WriterName, stops: Vec<(Partition, NewRecord)>) -> Result<(), LogError> {
        self.log.fence(writer, stops).await
    }

    async fn open_writer(&self, name: &WriterName) -> Result<Self::Writer, LogError> {
        self.log.open_writer(name).await
    }

    async fn append(&self, writer: &mut Self::Writer, batch: Vec<(Partition, NewRecord)>) -> Result<(), InDoubt> {
        self.log.append(writer, batch).await
    }

    async fn append_here(&self, writer: &mut Self::Writer, batch: Vec<(Partition, NewRecord)>) -> Result<(), InDoubt> {
        while self.hangs.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        self.log.append(writer, batch).await
    }

    fn tail(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        self.log.tail(from)
    }

    async fn end(&self, partition: Partition) -> Result<Offset, LogError> {
        self.log.end(partition).await
    }

    fn end_after(&self, last: Offset) -> Offset {
        self.log.end_after(last)
    }
}

#[tokio::test]
async fn while_the_disk_hangs_callers_hear_in_time_that_the_outcome_is_unknown_and_later_what_it_was() {
    let hangs = Arc::new(AtomicBool::new(false));
    let log = Hanging { log: MemLog::new(4, Arc::new(SystemClock)), hangs: hangs.clone() };
    let config =
        WriterConfig { linger: Duration::from_micros(500), ..WriterConfig::new("test", WriterName("test".into())) };
    let settings = Settings { answer_within: Duration::from_millis(300), ..Settings::default() };
    let service = Service::start_on(log, config, settings).await;
    let ask = async |key: &str| service.ask("POST", SEGMENTS).header("Idempotency-Key", key).json(&document()).await;
    assert_eq!(ask("before").await.status, 201);

    hangs.store(true, Ordering::Relaxed);
    let (first, behind_it) = tokio::join!(ask("k1"), ask("k2"));
    for answered in [first, behind_it] {
        assert_eq!(answered.status, 504);
        assert_eq!(answered.body["details"]["type"], json!("outcome-unknown"), "{}", answered.body);
    }

    hangs.store(false, Ordering::Relaxed);
    for key in ["k1", "k2"] {
        assert_eq!(ask(key).await.status, 201, "{key}");
        assert_eq!(ask(key).await.header("Idempotency-Replayed"), Some("true"), "{key}");
    }
}
