//! Building the next version of the views beside the one that is read, step by step: the tables, their rows ([`Build::fill`]),
//! their keys and indexes ([`indexes`]), what came meanwhile ([`crate::projector::Lane`]), and then the services follow the log with
//! it. When it is what the logs say ([`crate::verify`]), they read it.
//!
//! Whoever does it may be killed at any time. What a step has done is in the database, and the next one goes on from there:
//! a [`Build`] is one at a time, and ends what is left of the one before.

mod indexes;

use std::time::Duration;

use shared::{
    consistency::Positions,
    log::{LogError, Record},
};
use sqlx::{Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};

use crate::{
    progress,
    projector::{self, CatalogueLane, Failure, Filling, Lane},
    verify::Fold,
    views::{
        self, Database, OpenError, Registered, Registry, Version,
        registry::{Refused, State},
    },
};

/// How long the one before may take to end.
const PATIENCE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(50);

/// How long the server may take to notice that whoever held the lock was killed.
const NOTICED_WITHIN: Duration = Duration::from_secs(3);

/// Records that are folded to their net effect before they are copied. Whoever does it keeps a thread for as long.
pub const BATCH_RECORDS: usize = 2_000;

/// Sessions of a build have this name, but for the one that holds its lock.
const NAME: &str = "views rebuild";

/// Why a version is not built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or did not answer.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The registry says no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The log cannot be loaded.
    #[error(transparent)]
    Load(#[from] Failure),
    /// Somebody else builds.
    #[error("another rebuild is under way")]
    Busy,
    /// Nobody projects.
    #[error("{0} does not follow the log: no service with a projector of this version of the program is well")]
    NotFollowed(Version),
}

/// A version that is being built.
#[derive(Debug)]
pub struct Build {
    database: Database,
    registry: Registry,
    version: Version,
    state: State,
    /// Holds the lock. Only one builds at a time.
    _lock: PgConnection,
}

impl Build {
    /// Goes on with the version that is being built, or begins a new one.
    ///
    /// # Errors
    /// When somebody else builds, or the database does not let it.
    pub async fn begin(database: &Database) -> Result<Self, Error> {
        let registry = Registry::open(database).await?;
        let lock = lock(database).await?;
        let all = registry.list().await?;
        if all.is_empty() {
            return Err(Refused::NoViews.into());
        }
        let found = all.into_iter().rfind(is_ours);
        let (version, state) = match found {
            Some(row) if matches!(row.state, State::Building | State::Following) => (row.version, row.state),
            found => {
                if let Some(rejected) = found.filter(|row| row.state == State::Rejected) {
                    registry.give_up(rejected.version).await?;
                }
                registry.sweep().await?;
                (registry.begin().await?, State::Building)
            }
        };
        let build = Self { database: database.clone(), registry, version, state, _lock: lock };
        if state == State::Building {
            let options = build.options()?;
            views::make(&options, version).await?;
            let mut connection = PgConnection::connect_with(&options).await?;
            indexes::put_off(&mut connection).await?;
            connection.close().await?;
        }
        Ok(build)
    }

    /// Which one.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it has still to be loaded; otherwise services follow the log with it.
    pub fn is_to_be_loaded(&self) -> bool {
        self.state == State::Building
    }

    /// Whether nothing of the log is there yet, so that it is to be filled.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        let mut connection = PgConnection::connect_with(&self.options()?).await?;
        let is_due = Filling::is_due(&mut connection).await?;
        connection.close().await?;
        Ok(is_due)
    }

    /// Fills it with all that a log holds, from its beginning: all of it, or nothing. Batches have so many records, such as
    /// [`BATCH_RECORDS`]. What the log was folded to.
    ///
    /// # Errors
    /// When the log cannot be read, or a record or the database stops it.
    pub async fn fill(
        &self,
        heaps: mpsc::Receiver<Result<Vec<Record>, LogError>>,
        folds: Vec<Fold>,
        batch_records: usize,
        told: impl FnMut(usize),
    ) -> Result<Vec<Fold>, Error> {
        Ok(projector::fill(&self.options()?, heaps, folds, batch_records, told).await?)
    }

    /// A lane that loads a partition of what came since, for [`projector::deal`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lane(&self, fold: Fold, partitions: u16) -> Result<Lane, Error> {
        Ok(Lane::load(fold, partitions, self.options()?).await?)
    }

    /// What loads the reference log.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn catalogue(&self, partitions: u16) -> Result<CatalogueLane, Error> {
        Ok(CatalogueLane::load(partitions, self.options()?).await?)
    }

    /// Makes the keys and indexes that are missing, and has the tables counted.
    ///
    /// # Errors
    /// When the database does not let it.
    pub async fn index(&self) -> Result<(), Error> {
        let options = self.options()?;
        indexes::make(&options).await?;
        let mut connection = PgConnection::connect_with(&options).await?;
        connection.execute(ANALYZE).await?;
        Ok(connection.close().await?)
    }

    /// From here on services follow the log with it.
    ///
    /// # Errors
    /// When the database does not let it.
    pub async fn hand_over(&mut self) -> Result<(), Error> {
        self.registry.settle(self.version, State::Following).await?;
        self.state = State::Following;
        Ok(())
    }

    /// Waits until the version shows what the one that is read shows now, if there is one of this layout.
    ///
    /// # Errors
    /// When it does not get there, since nobody follows the log with it.
    pub async fn catch_up(&self) -> Result<(), Error> {
        match self.registry.active().await {
            Ok(active) => catch_up(&self.database, active, self.version).await,
            Err(Refused::NoViews) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// From here on it is read. The one before is kept for as long as said; its name, and whether all services have followed.
    ///
    /// # Errors
    /// When the database does not let it.
    pub async fn switch(self, keep: Duration) -> Result<(Option<Version>, bool), Error> {
        switch(&self.registry, self.version, keep).await
    }

    /// It is not what the logs say, and will not be read. It is left for whoever looks for the cause.
    ///
    /// # Errors
    /// When the database does not let it.
    pub async fn reject(self) -> Result<(), Error> {
        Ok(self.registry.settle(self.version, State::Rejected).await?)
    }

    fn options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        Ok(views::options(&self.database, self.version)?
            .application_name(NAME)
            // What is written goes to the disk bit by bit, and is not in the way of a log on the same disk all at once.
            .options([("statement_timeout", "0"), ("synchronous_commit", "off"), ("backend_flush_after", "1MB")]))
    }
}

const ANALYZE: &str = "
    do $$
    declare
        of_version text;
    begin
        for of_version in
            select relname from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'r'
        loop
            execute format('analyze %I', of_version);
        end loop;
    end
    $$";

/// Back to the version that was read before, which still follows the log. From and to which, and whether all services have followed.
///
/// # Errors
/// When there is none, or it does not follow the log.
pub async fn roll_back(database: &Database, keep: Duration) -> Result<(Option<Version>, Version, bool), Error> {
    let registry = Registry::open(database).await?;
    let (active, previous) = (registry.active().await?, registry.previous().await?);
    catch_up(database, active, previous).await?;
    let (from, is_followed) = switch(&registry, previous, keep).await?;
    Ok((from, previous, is_followed))
}

/// Where the tables of a version stand in both logs.
///
/// # Errors
/// When the database does not answer.
pub async fn positions(database: &Database, version: Version) -> Result<Positions, sqlx::Error> {
    let mut connection = PgConnection::connect_with(&views::options(database, version)?).await?;
    let positions = progress::stored(&mut connection).await?.into_iter().collect();
    connection.close().await?;
    Ok(positions)
}

/// Waits until a version shows what another one shows now.
async fn catch_up(database: &Database, leader: Version, version: Version) -> Result<(), Error> {
    let goal = positions(database, leader).await?;
    let (mut reached, mut moved_at) = (Positions::default(), Instant::now());
    loop {
        let now = positions(database, version).await?;
        if goal.reached_by(|place| now.iter().find(|(other, _)| *other == place).map(|(_, next)| next)) {
            return Ok(());
        }
        if now != reached {
            (reached, moved_at) = (now, Instant::now());
        }
        if moved_at.elapsed() > PATIENCE {
            return Err(Error::NotFollowed(version));
        }
        time::sleep(GLANCE).await;
    }
}

async fn switch(registry: &Registry, to: Version, keep: Duration) -> Result<(Option<Version>, bool), Error> {
    let from = registry.switch(to, keep).await?;
    let is_followed = match from {
        Some(from) => registry.unread(from, PATIENCE).await?,
        None => true,
    };
    Ok((from, is_followed))
}

/// Whether it is a version that a build may have left.
fn is_ours(row: &Registered) -> bool {
    row.layout == views::LAYOUT && matches!(row.state, State::Building | State::Following | State::Rejected)
}

/// A session that holds the lock, when nothing is left of whoever held it before.
async fn lock(database: &Database) -> Result<PgConnection, Error> {
    let options = views::options(database, Version::FIRST)?.application_name("views rebuild lock");
    let mut connection = PgConnection::connect_with(&options).await?;
    let deadline = Instant::now() + NOTICED_WITHIN;
    let try_lock = "select pg_try_advisory_lock(hashtext('segments views rebuild'))";
    while !sqlx::query_scalar::<_, bool>(try_lock).fetch_one(&mut connection).await? {
        if Instant::now() > deadline {
            return Err(Error::Busy);
        }
        time::sleep(GLANCE).await;
    }
    let deadline = Instant::now() + PATIENCE;
    // The server goes on with statements of a process that was killed until it has something to say.
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
               where application_name = $1 and datname = current_database()";
    while sqlx::query_scalar::<_, i64>(end).bind(NAME).fetch_one(&mut connection).await? > 0 {
        if Instant::now() > deadline {
            return Err(Error::Busy);
        }
        time::sleep(GLANCE).await;
    }
    Ok(connection)
}
