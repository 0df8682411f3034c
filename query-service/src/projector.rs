//! The projector: reads the log and writes the views, exactly once.
//!
//! One [`worker`] per partition, with its own connection; one [`hub`] reads the log for all. A [`feed`] collects records into
//! a [`batch`] (for each segment its net [`change`]), which becomes [`rows`], which [`tables`] writes (new ones perhaps by [`copying`]) in
//! one transaction with the new [`position`]. What goes wrong is judged in [`failure`]. Empty views are filled in [`bulk`].
//!
//! [`Reference`] does the same for the reference log, which other systems write.
//!
//! A new kind of event: fold it in [`change`]; if it needs a table, add a migration, its columns in [`rows`] and its statement
//! in [`tables`], and list the table in [`crate::views::checksum`] and its GIN index in [`indexes`].
//!
//! Transactions commit without waiting for the disk (`synchronous_commit = off`). Rows and offset lie in one transaction,
//! so a crash of Postgres takes back both or neither, and the log fills the gap. [`crate::progress`] keeps readers from
//! trusting positions of before such a crash.

mod apply;
mod batch;
mod bulk;
mod change;
mod copying;
mod failure;
mod feed;
mod health;
mod hub;
mod indexes;
mod load;
mod merging;
mod position;
mod reaper;
mod reference;
mod rows;
mod stats;
mod tables;
mod watch;
mod worker;

use shared::{
    clock::SharedClock,
    log::{EventLog, Partition},
};
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinSet;

pub use batch::{Reason, Unusable};
pub use failure::Failure;
pub(crate) use failure::Pause;
pub use health::{Health, State};
pub(crate) use load::{Filling, fill};
pub use load::{Lane, deal};
pub(crate) use reference::category_doc;
pub use reference::{CatalogueLane, Reference};
pub use stats::describe;
pub use tables::Writing;
pub(crate) use watch::is_all;

use self::{hub::Hub, worker::Worker};
use crate::{progress::Progress, views::Access};

/// What may be set about the projector.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Deleting a segment with this many assignments only marks them at once; they are removed bit by bit. The default keeps
    /// the transaction of a deletion under about a second.
    pub bury_from: u64,
    /// The most records in one transaction.
    pub batch_records: usize,
    /// From a log of this many records, empty views are filled without GIN indexes, which are made at the end.
    pub bulk_from: u64,
    /// How new rows are written; none: as is cheapest over the connection.
    pub writing: Option<Writing>,
}

impl Default for Options {
    fn default() -> Self {
        Self { bury_from: 50_000, batch_records: 1_000, bulk_from: 20_000, writing: None }
    }
}

/// The projection of all partitions of a log.
#[derive(Debug)]
pub struct Projector<L> {
    log: L,
    access: Access,
    progress: Progress,
    health: Health,
    clock: SharedClock,
    options: Options,
}

impl<L: EventLog> Projector<L> {
    /// Between a log and the views.
    pub fn new(log: L, access: Access, progress: Progress, clock: SharedClock, options: Options) -> Self {
        let health = Health::new(access.version, log.partitions());
        Self { log, access, progress, health, clock, options }
    }

    /// What each partition is doing.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Only looks how far other processes have projected, until dropped.
    pub async fn watch(self) {
        watch::run_alone(self.log, self.access.reader, self.progress, self.health, self.clock).await;
    }

    /// Projects until dropped, or until a fault in a task. It can be dropped at any time: what is not committed will be read
    /// again.
    pub async fn run(self) {
        let Access { owner, reader: views, .. } = self.access;
        let database = (*owner.connect_options()).clone();
        // Not ready before somebody has looked: `finish` does.
        self.health.set_bulk(true);
        if let Err(error) = bulk::prepare(&owner, &self.log, self.options.bulk_from).await {
            tracing::warn!(%error, "projecting with all indexes");
        }
        let mut tasks = JoinSet::new();
        let (hub, reader) = Hub::new(self.log.clone(), self.progress.clone());
        tasks.spawn(reader);
        for partition in (0..self.log.partitions()).map(Partition::new) {
            let worker = Worker {
                log: self.log.clone(),
                hub: hub.clone(),
                partition,
                database: for_projection(database.clone(), &partition.to_string()),
                progress: self.progress.clone(),
                health: self.health.clone(),
                options: self.options,
            };
            tasks.spawn(worker.run());
        }
        let unhurried = database.application_name("projector indexes").options([("statement_timeout", "0")]);
        tasks.spawn(bulk::finish(unhurried, self.health.clone()));
        tasks.spawn(reaper::run(owner.clone()));
        tasks.spawn(merging::run(owner, self.progress.clone(), self.health.clone(), self.clock.clone()));
        tasks.spawn(watch::run(self.log, views, self.progress, self.health, self.clock));
        while let Some(ended) = tasks.join_next().await {
            if let Err(panic) = ended {
                // Nobody would notice that a partition stands still; whoever runs this starts anew.
                return tracing::error!(%panic, "a task of the projector died");
            }
        }
    }
}

/// As the projector of something.
fn for_projection(database: PgConnectOptions, what: &str) -> PgConnectOptions {
    with_plans(database.application_name(&format!("projector {what}")))
}

/// Its statements join a batch with the keys of a table, so plans that read a table whole are wrong however small the table
/// seemed when the plan was made.
fn with_plans(database: PgConnectOptions) -> PgConnectOptions {
    database.options([
        ("statement_timeout", "0"),
        ("synchronous_commit", "off"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ])
}
