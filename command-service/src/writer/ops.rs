//! What the writer asks of the log. Each request runs as a task of its own and reports back; a report that comes too late is
//! told by its number.

use std::time::Duration;

use futures::FutureExt as _;
use shared::log::{EventLog, InDoubt, LogError, NewRecord, Offset, Partition, WriterName};
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;

/// A request to the log has ended.
#[derive(Debug)]
pub(super) enum Done<W> {
    Opened { attempt: u64, result: Result<W, LogError> },
    Appended { attempt: u64, writer: W, result: Result<(), InDoubt> },
    Fenced { partitions: Vec<Partition> },
    Probed { partition: Partition, record_id: Uuid, result: Result<(), LogError> },
    End { partition: Partition, epoch: u64, result: Result<Offset, LogError> },
}

/// Starts requests and collects their ends.
pub(super) struct Ops<L: EventLog> {
    log: L,
    done: mpsc::UnboundedSender<Done<L::Writer>>,
}

impl<L: EventLog> Ops<L> {
    pub(super) fn new(log: L) -> (Self, mpsc::UnboundedReceiver<Done<L::Writer>>) {
        let (done, ended) = mpsc::unbounded_channel();
        (Self { log, done }, ended)
    }

    pub(super) fn open(&self, attempt: u64, name: WriterName) {
        let log = self.log.clone();
        self.spawn(async move { Done::Opened { attempt, result: log.open_writer(&name).await } });
    }

    /// Appends, `here` on this thread if the log knows how; whether that is done.
    pub(super) fn append(
        &self,
        attempt: u64,
        mut writer: L::Writer,
        batch: Vec<(Partition, NewRecord)>,
        here: bool,
    ) -> bool {
        let log = self.log.clone();
        let mut appended = Box::pin(async move {
            let result =
                if here { log.append_here(&mut writer, batch).await } else { log.append(&mut writer, batch).await };
            Done::Appended { attempt, writer, result }
        });
        // It begins here and now; a task has its turn only after the others.
        let done = appended.as_mut().now_or_never();
        let is_done = done.is_some();
        match done {
            Some(done) => report(&self.done, done),
            None => self.spawn(appended),
        }
        is_done
    }

    /// Fences a former writer, for a limited time: safety does not need it.
    pub(super) fn fence(&self, name: WriterName, stops: Vec<(Partition, NewRecord)>, within: Duration) {
        let log = self.log.clone();
        let partitions = stops.iter().map(|(partition, _)| *partition).collect();
        self.spawn(async move {
            match timeout(within, log.fence(&name, stops)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => unfenced(&name, &error),
                Err(_) => unfenced(&name, &"not in time"),
            }
            Done::Fenced { partitions }
        });
    }

    pub(super) fn probe(&self, name: WriterName, record_id: Uuid, stop: (Partition, NewRecord), within: Duration) {
        let log = self.log.clone();
        let partition = stop.0;
        self.spawn(async move {
            let late = LogError::Unavailable("the probe did not end in time".to_owned());
            let result = timeout(within, log.fence(&name, vec![stop])).await.unwrap_or(Err(late));
            Done::Probed { partition, record_id, result }
        });
    }

    pub(super) fn end(&self, partition: Partition, epoch: u64) {
        let log = self.log.clone();
        self.spawn(async move { Done::End { partition, epoch, result: log.end(partition).await } });
    }

    fn spawn(&self, request: impl Future<Output = Done<L::Writer>> + Send + 'static) {
        let to = self.done.clone();
        tokio::spawn(async move { report(&to, request.await) });
    }
}

fn report<W>(to: &mpsc::UnboundedSender<Done<W>>, done: Done<W>) {
    // The writer may have ended; then nobody needs to know.
    drop(to.send(done));
}

fn unfenced(name: &WriterName, error: &dyn std::fmt::Display) {
    metrics::counter!("writer_unfenced_total").increment(1);
    tracing::warn!(writer = %name, %error, "former writer could not be fenced, going on without");
}
