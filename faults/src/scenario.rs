//! What can be broken. Each scenario starts what it needs, breaks it under load, heals it, and lets everything be checked.

mod disk_full;
mod embedded;
mod kafka;
mod kill_embedded;
mod rebuild_views;
mod rotate_keys;
mod stop_postgres;

use clap::ValueEnum;

use crate::stage::Stage;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// SIGKILL of `segments up` on the embedded log.
    KillEmbedded,
    /// SIGKILL of the command service on Kafka.
    KillCommand,
    /// SIGKILL of the broker.
    KillBroker,
    /// Of two command services one is stopped (SIGSTOP) for 20 s and continued.
    StopOwner,
    /// PostgreSQL is stopped for 10 s: writes go on.
    StopPostgres,
    /// The disk of the log is full for a while. Needs root: it mounts a small tmpfs.
    DiskFull,
    /// The keys of the issuer are rotated.
    RotateKeys,
    /// SIGKILL of `segments views rebuild`, and then it is let be; nobody notices.
    RebuildViews,
}

impl Scenario {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::KillEmbedded => "kill-embedded",
            Self::KillCommand => "kill-command",
            Self::KillBroker => "kill-broker",
            Self::StopOwner => "stop-owner",
            Self::StopPostgres => "stop-postgres",
            Self::DiskFull => "disk-full",
            Self::RotateKeys => "rotate-keys",
            Self::RebuildViews => "rebuild-views",
        }
    }

    /// How often to break it unless told otherwise.
    pub fn usual_rounds(self) -> u32 {
        match self {
            Self::KillEmbedded => 50,
            Self::KillCommand => 20,
            Self::KillBroker => 5,
            Self::StopOwner => 2,
            Self::StopPostgres => 1,
            Self::DiskFull => 3,
            Self::RotateKeys => 5,
            Self::RebuildViews => 10,
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// When a promise was broken, or it could not be run.
    pub async fn run(self, stage: &Stage) -> anyhow::Result<()> {
        match self {
            Self::KillEmbedded => kill_embedded::run(stage).await,
            Self::KillCommand => kafka::kill_command(stage).await,
            Self::KillBroker => kafka::kill_broker(stage).await,
            Self::StopOwner => kafka::stop_owner(stage).await,
            Self::StopPostgres => stop_postgres::run(stage).await,
            Self::DiskFull => disk_full::run(stage).await,
            Self::RotateKeys => rotate_keys::run(stage).await,
            Self::RebuildViews => rebuild_views::run(stage).await,
        }
    }
}
