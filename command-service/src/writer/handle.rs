//! How the rest of the program speaks to the writer.

use std::{future::Future, sync::Arc};

use shared::log::{Chain, Partition};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    entries::Reply,
    linger::Callers,
    request::{Answer, Failure, Request},
};

/// What is sent to the actor.
#[derive(Debug)]
pub(super) enum Message {
    Submit(Box<Request>, Reply),
    ShutDown,
}

/// The state of one partition, for readiness and for comparing chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStatus {
    /// The partition.
    pub partition: Partition,
    /// The phase by name.
    pub phase: &'static str,
    /// Whether this instance should write to it.
    pub assigned: bool,
    /// The number of the last accepted record.
    pub pseq: u64,
    /// The chain of the last accepted record.
    pub chain: Chain,
}

/// A cheap handle to the writer.
#[derive(Debug, Clone)]
pub struct WriterHandle {
    requests: mpsc::Sender<Message>,
    status: watch::Receiver<Vec<PartitionStatus>>,
    callers: Arc<Callers>,
}

impl WriterHandle {
    pub(super) fn new(
        requests: mpsc::Sender<Message>,
        status: watch::Receiver<Vec<PartitionStatus>>,
        callers: Arc<Callers>,
    ) -> Self {
        Self { requests, status, callers }
    }

    /// Queues a command now, in the order of the calls, and waits for its answer in the returned future. Dropping the
    /// future does not take the command back.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn submit(&self, request: Request) -> impl Future<Output = Result<Answer, Failure>> + use<> {
        let command_id = request.stamp.id;
        let callers = self.callers.clone();
        let (reply, answer) = oneshot::channel();
        let queued = self.requests.try_send(Message::Submit(Box::new(request), reply));
        async move {
            if queued.is_err() {
                return Err(Failure::NOT_EXECUTED);
            }
            tokio::select! {
                biased;
                // A writer that went away may have sent the command before.
                answer = answer => answer.unwrap_or(Err(Failure::OutcomeUnknown { command_id })),
                never = callers.awake() => match never {},
            }
        }
    }

    /// The states of all partitions, as of the last change of a phase.
    pub fn status(&self) -> Vec<PartitionStatus> {
        self.status.borrow().clone()
    }

    /// Whether every partition that this instance should write to can be written to.
    pub fn is_ready(&self) -> bool {
        let status = self.status.borrow();
        !status.is_empty()
            && status.iter().any(|part| part.assigned)
            && status.iter().all(|part| !part.assigned || part.phase == "serving")
    }

    /// Waits until [`is_ready`](Self::is_ready), or for ever if the writer has ended.
    pub async fn ready(&mut self) {
        while !self.is_ready() {
            if self.status.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Refuses new commands, finishes what waits, and lets all partitions go. The writer's task then ends.
    pub async fn shut_down(&self) {
        // A failure means that the writer has already ended.
        drop(self.requests.send(Message::ShutDown).await);
    }
}
