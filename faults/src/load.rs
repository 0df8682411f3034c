//! Clients that write all the time and note what they are told.
//!
//! Half of them send an idempotency key and try again, with the same key, until they know; the others never do. Some
//! segments belong to one client, some are shared. The mix of commands is in [`client`].

mod client;
mod pulse;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{history::Attempt, stage::Stage};
use client::Client;
pub use pulse::Pulse;

/// The tenants that are written to.
pub const TENANTS: [&str; 3] = ["faultsa", "faultsb", "faultsc"];
/// The partitions of every log here.
pub const PARTITIONS: u16 = 6;
/// How long clients may go on to find out about their last commands.
const FINISH_WITHIN: Duration = Duration::from_secs(90);

/// Running clients.
pub struct Load {
    clients: JoinSet<Vec<Attempt>>,
    last_commands: watch::Sender<bool>,
    pulse: Arc<Pulse>,
}

impl Load {
    /// Starts the clients of the stage. Each prefers one of the addresses and takes the next one when it tries again.
    pub fn start(stage: &Stage, origins: &[String]) -> anyhow::Result<Self> {
        let (last_commands, told) = watch::channel(false);
        let pulse = Arc::new(Pulse::new());
        let origins: Arc<[Arc<str>]> = origins.iter().map(|origin| Arc::from(origin.as_str())).collect();
        let mut clients = JoinSet::new();
        for number in 0..stage.clients {
            let client = Client::new(number, origins.clone(), stage.issuer.tokens(), pulse.clone(), told.clone())?;
            clients.spawn(client.run());
        }
        Ok(Self { clients, last_commands, pulse })
    }

    /// What is seen of the clients while they run.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Lets the clients finish what they have begun, and gives what they have noted.
    pub async fn finish(mut self) -> anyhow::Result<Vec<Attempt>> {
        self.last_commands.send_replace(true);
        let deadline = Instant::now() + FINISH_WITHIN;
        let mut attempts = Vec::new();
        let late = "clients do not learn what became of their commands";
        while let Some(noted) = timeout_at(deadline, self.clients.join_next()).await.context(late)? {
            attempts.extend(noted?);
        }
        Ok(attempts)
    }
}
