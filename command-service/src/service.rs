//! The command side put together: writer, locks, and what the handlers need. Its own program and the all-in-one both begin
//! here.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use shared::{
    clock::SharedClock,
    consistency::Acknowledged,
    log::{EventLog, LockEvents, LogError, kafka::KafkaLog},
    reference::ReferenceLog,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{
    http::{App, Settings},
    reference::ReferenceWriter,
    writer::{self, Ended, WriterConfig, WriterHandle},
};

const JOIN_AGAIN_AFTER: Duration = Duration::from_secs(1);
const LEAVE_WITHIN: Duration = Duration::from_secs(3);
const INSTANCE_FILE: &str = "instance";

/// The command side, running.
#[derive(Debug)]
pub struct Service {
    /// For [`crate::http::routes`].
    pub app: Arc<App>,
    /// For readiness, and to shut the writer down once no request is under way any more.
    pub writer: WriterHandle,
    /// Ends when the writer was shut down, or had to stop.
    pub ended: JoinHandle<Ended>,
}

/// Replays the log and starts the writer. `locks` is called when the replay is done; `acknowledged` is told every answered
/// write, for reads that the same process serves.
///
/// # Errors
/// When the log cannot be read.
pub async fn start<L: EventLog>(
    log: L,
    reference: impl ReferenceLog,
    locks: impl FnOnce() -> LockEvents + 'static,
    config: WriterConfig,
    settings: Settings,
    acknowledged: Option<Acknowledged>,
    clock: SharedClock,
) -> Result<Service, LogError> {
    let (handle, ended) = writer::start(log, locks, clock, Box::new(Uuid::now_v7), config).await?;
    let app = App::new(handle.clone(), ReferenceWriter::new(reference), settings, acknowledged);
    Ok(Service { app, writer: handle, ended })
}

/// Membership in the group of instances that share the partitions of a Kafka log out.
#[derive(Debug)]
pub struct Membership(JoinHandle<()>);

impl Membership {
    /// The function joins the group in the background, however long Kafka takes; the group is left when the receiver that it
    /// returns is dropped.
    pub fn prepare(log: KafkaLog, instance: &str) -> (impl FnOnce() -> LockEvents + use<>, Self) {
        let (send, receive) = mpsc::unbounded_channel();
        let (join, joining) = oneshot::channel();
        let instance = instance.to_owned();
        let work = async move {
            if joining.await.is_err() {
                return;
            }
            let mut events = loop {
                match log.locks(&instance).await {
                    Ok(events) => break events,
                    Err(error) => tracing::warn!(%error, "the lock group cannot be joined yet"),
                }
                sleep(JOIN_AGAIN_AFTER).await;
            };
            loop {
                tokio::select! {
                    () = send.closed() => break,
                    event = events.recv() => match event {
                        // The receiver may be dropped at this moment; the next turn sees it.
                        Some(event) => drop(send.send(event)),
                        None => return,
                    },
                }
            }
            // Nothing more comes once the group was left.
            events.close();
            while events.recv().await.is_some() {}
        };
        let join = move || {
            // The task waits for this, unless the runtime is shutting down.
            let _waits = join.send(());
            receive
        };
        (join, Self(tokio::spawn(work)))
    }

    /// Waits until the group was left, so that others need not wait for this instance to be missed.
    pub async fn left(self) {
        if timeout(LEAVE_WITHIN, self.0).await.is_err() {
            tracing::warn!("the lock group was not left in time; others take over when they miss this instance");
        }
    }
}

/// The name under which this instance writes: the configured one, or one that is kept in the data folder.
///
/// # Errors
/// When the folder cannot be used.
pub fn instance_name(configured: Option<&str>, data_dir: &Path) -> io::Result<String> {
    if let Some(name) = configured {
        return Ok(name.to_owned());
    }
    let path = data_dir.join(INSTANCE_FILE);
    match fs::read_to_string(&path) {
        Ok(name) if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let name = Uuid::now_v7().to_string();
    fs::create_dir_all(data_dir)?;
    fs::write(&path, &name)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_instance_is_configured_or_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data_dir = folder.path().join("new");
        let kept = instance_name(None, &data_dir).expect("the folder can be made");
        assert_eq!(instance_name(None, &data_dir).expect("the name is there"), kept);
        assert_eq!(instance_name(Some("pod-1"), &data_dir).expect("a name"), "pod-1");
    }
}
