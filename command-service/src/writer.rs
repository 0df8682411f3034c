//! The writer: decides commands one after another and makes the outcome durable.
//!
//! One instance is one writer for every partition it owns. State comes from reading the log back, never from the write
//! path: a command is answered when the instance's own reader has accepted its record. Everything that waits goes into one
//! round: one atomic append over all partitions. Every doubt (an error, a timeout, a foreign writer) is settled the same
//! way: announce a new writer id in the log, read up to the announcement, and what has not appeared by then never will.
//!
//! Read `actor` first (the loop), then `phase` and `part` (what is kept for a partition), `serving` and `round` (the ordinary
//! course), `takeover` (every doubt). A new kind of news is an arm in `Actor::run`.

mod actor;
mod boot;
mod config;
mod entries;
mod follow;
mod gather;
mod handle;
mod keeper;
mod linger;
mod locks;
mod ops;
mod part;
mod phase;
mod probing;
mod producer;
mod request;
mod round;
mod serving;
#[cfg(test)]
mod simulation;
mod takeover;
#[cfg(test)]
mod tests;

use shared::{
    clock::SharedClock,
    log::{EventLog, LockEvents, LogError},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

pub use actor::Ended;
#[cfg(test)]
use config::Sabotage;
pub use config::{Confirm, WriterConfig};
pub use handle::{PartitionStatus, WriterHandle};
pub use request::{Answer, Failure, Outcome, Request};

use actor::Actor;
use boot::Replayed;

/// Makes fresh ids (UUIDv7) for events, announcements and stops.
pub type Ids = Box<dyn FnMut() -> uuid::Uuid + Send>;

/// Replays the log, from snapshots where the configuration names a folder for them, then starts the writer. `locks` is called when the replay is done.
///
/// # Errors
/// When the log cannot be read.
pub async fn start<L: EventLog>(
    log: L,
    locks: impl FnOnce() -> LockEvents + 'static,
    clock: SharedClock,
    ids: Ids,
    config: WriterConfig,
) -> Result<(WriterHandle, JoinHandle<Ended>), LogError> {
    let (handle, writer) = prepare(log, locks, clock, ids, config).await?;
    let ended =
        on_its_own_thread(writer).map_err(|error| LogError::Unavailable(format!("no writer thread: {error}")))?;
    Ok((handle, ended))
}

/// Every command passes through the writer several times. On a thread of its own it is woken at once, whatever else the
/// process does, and its requests to the log begin and end without a change of thread.
/// Sockets have no place there, and files only where the writer could do nothing but wait for them: while it appends for a few
/// callers. Should that hang, the callers' own time-out tells them that the outcome is unknown.
fn on_its_own_thread(writer: impl Future<Output = Ended> + Send + 'static) -> std::io::Result<JoinHandle<Ended>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (tell, told) = oneshot::channel();
    let run = move || {
        // Whoever started the writer may be gone.
        drop(tell.send(runtime.block_on(writer)));
    };
    std::thread::Builder::new().name("writer".to_owned()).spawn(run)?;
    Ok(tokio::spawn(async { told.await.expect("the writer's thread ends with an answer") }))
}

async fn prepare<L: EventLog>(
    log: L,
    locks: impl FnOnce() -> LockEvents + 'static,
    clock: SharedClock,
    ids: Ids,
    config: WriterConfig,
) -> Result<(WriterHandle, impl Future<Output = Ended> + Send), LogError> {
    let replayed = boot::replay(&log, config.snapshots.as_ref()).await?;
    let (folds, kept) = replayed.into_iter().map(|Replayed { fold, kept, .. }| (fold, kept)).unzip();
    let (requests, inbox) = mpsc::channel(config.inbox_commands);
    let (status, statuses) = watch::channel(Vec::new());
    if let Some(snapshots) = config.snapshots.clone() {
        tokio::spawn(keeper::keep(log.clone(), snapshots, kept, statuses.clone()));
    }
    let actor = Actor::new(log, folds, locks(), clock, ids, config, status);
    Ok((WriterHandle::new(requests, statuses, actor.callers.clone()), actor.run(inbox)))
}
