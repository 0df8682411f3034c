//! Follows the registry of versions ([`registry`]): projects into every version that is to follow the log, has requests answered
//! from the active one, and removes what was kept long enough.
//!
//! Versions of another layout are those of another program; nothing is done with them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use shared::{clock::SharedClock, log::EventLog, reference::ReferenceLog};
use sqlx::{
    Connection as _, PgConnection,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::{AbortHandle, JoinError, JoinSet},
    time::{self, Instant},
};

use super::Settings;
use crate::{
    http::App,
    present::Present,
    progress::Progress,
    projector::{Health, Pause, Projector, Reference},
    views::{
        self, Database, LAYOUT, OpenError, Registered, Registry, Version,
        registry::{self, State},
    },
};

/// Between two looks at the registry, for whoever missed that it changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long requests go on with the version before one that has still to catch up in this process.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(10);

/// How long requests may go on with the version that they began with.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

const GLANCE: Duration = Duration::from_millis(10);

/// Connections that look how far a version is, which requests do not use.
const LOOKING: u32 = 2;

/// Names for the exporter; call once, after the recorder is installed.
pub fn describe() {
    metrics::describe_gauge!("views_version", "The version of the views that requests are answered from");
}

/// The versions of the views in this process.
#[derive(Debug)]
pub(super) struct Keeper<L, R> {
    log: L,
    reference: R,
    settings: Settings,
    clock: SharedClock,
    registry: Registry,
    /// Those that are followed here.
    followed: BTreeMap<Version, Followed>,
    tasks: JoinSet<()>,
    /// Where they run.
    background: Handle,
}

/// A version that is followed here.
#[derive(Debug, Clone)]
pub(super) struct Followed {
    pub progress: Progress,
    pub health: Health,
    task: AbortHandle,
}

/// What requests are answered from.
#[derive(Debug)]
pub(super) struct Read {
    pub version: Version,
    pub app: Present<App>,
    pub health: Present<Health>,
}

impl<L: EventLog, R: ReferenceLog> Keeper<L, R> {
    /// Begins with the active version.
    pub async fn begin(
        log: L,
        reference: R,
        settings: &Settings,
        clock: SharedClock,
        background: Handle,
    ) -> Result<(Self, Version, Followed), OpenError> {
        let registry = Registry::open(&settings.database).await?;
        let active = registry.active_or_new().await?;
        let (settings, followed, tasks) = (settings.clone(), BTreeMap::new(), JoinSet::new());
        let mut keeper = Self { log, reference, settings, clock, registry, followed, tasks, background };
        let followed = keeper.follow(active).await?;
        Ok((keeper, active, followed))
    }

    /// Runs until dropped, or until the projection of a version ends, which it does by a fault only.
    pub async fn run(mut self, mut read: Read) {
        let changed = Arc::new(Notify::new());
        metrics::gauge!("views_version").set(f64::from(read.version.number()));
        let mut pause = Pause::new();
        let mut listening = JoinSet::new();
        listening.spawn(listen(self.settings.database.clone(), Arc::clone(&changed)));
        loop {
            let Err(error) = self.keep(&mut read, &changed, &mut pause).await else { return };
            let wait = pause.next();
            tracing::warn!(%error, ?wait, "the versions of the views cannot be followed, trying again");
            time::sleep(wait).await;
        }
    }

    /// One life of a connection, which holds the lock of what is read. Ends without error when a projection died.
    async fn keep(&mut self, read: &mut Read, changed: &Notify, pause: &mut Pause) -> Result<(), OpenError> {
        let options = views::options(&self.settings.database, Version::FIRST)?.application_name("views keeper");
        let mut connection = PgConnection::connect_with(&options).await?;
        registry::read_lock(&mut connection, read.version).await?;
        loop {
            let rows = registry::list(&mut connection).await?;
            self.fit(&mut connection, &rows, read).await?;
            pause.reset();
            let look_again = async {
                // The one that missed a change finds it a second later.
                drop(time::timeout(LOOK_EVERY, changed.notified()).await);
            };
            tokio::select! {
                () = look_again => connection.ping().await?,
                Some(ended) = self.tasks.join_next() => if is_fault(ended) { return Ok(()) },
            }
        }
    }

    /// Makes this process fit to what the registry says.
    async fn fit(
        &mut self,
        connection: &mut PgConnection,
        rows: &[Registered],
        read: &mut Read,
    ) -> Result<(), OpenError> {
        let ours: Vec<&Registered> = rows.iter().filter(|row| row.layout == LAYOUT).collect();
        let mut wanted: Vec<Version> =
            ours.iter().filter(|row| row.state.is_followed()).map(|row| row.version).collect();
        for version in wanted.clone() {
            if !self.followed.contains_key(&version)
                && let Err(error) = self.follow(version).await
            {
                // The one that is read is followed already. Another one may have been made by a later program.
                tracing::warn!(%version, %error, "a version of the views cannot be followed");
            }
        }
        let active = ours.iter().find(|row| row.state == State::Active).map(|row| row.version);
        if let Some(active) = active.filter(|active| *active != read.version)
            && let Some(followed) = self.followed.get(&active).cloned()
        {
            self.switch(connection, active, followed, read).await?;
        }
        wanted.push(read.version);
        self.followed.retain(|version, followed| {
            let is_wanted = wanted.contains(version);
            if !is_wanted {
                tracing::info!(%version, "a version of the views is no longer followed");
                followed.task.abort();
            }
            is_wanted
        });
        let some_are_over = rows.iter().any(|row| self.is_over(row));
        if self.settings.projector.is_some()
            && some_are_over
            && let Err(error) = self.clean_up().await
        {
            tracing::warn!(%error, "versions of the views that are over cannot be dropped");
        }
        Ok(())
    }

    fn is_over(&self, row: &Registered) -> bool {
        let is_kept = row.kept_until.is_none_or(|until| until > self.clock.now().datetime());
        row.state == State::Dropping || (row.layout == LAYOUT && !is_kept)
    }

    async fn clean_up(&self) -> Result<(), sqlx::Error> {
        // What is over only now is still followed; the next look finds it.
        for version in self.registry.sweep().await? {
            tracing::info!(%version, "a version of the views is dropped");
        }
        self.registry.expire().await
    }

    /// Begins to project into a version, or to look how others do.
    async fn follow(&mut self, version: Version) -> Result<Followed, OpenError> {
        let progress = Progress::new(self.log.partitions(), self.reference.partitions());
        let few = Database { connections: LOOKING, ..self.settings.database.clone() };
        let access = views::open(&few, version, progress.clone()).await?;
        let (options, clock) = (self.settings.projector.unwrap_or_default(), Arc::clone(&self.clock));
        let owner = access.owner.clone();
        let projector = Projector::new(self.log.clone(), access, progress.clone(), clock, options);
        let health = projector.health();
        tracing::info!(%version, "following a version of the views");
        let task = if self.settings.projector.is_some() {
            let reference = Reference::new(self.reference.clone(), &owner, progress.clone(), health.clone());
            let projecting = async {
                // Neither ends by itself, but for a fault.
                tokio::select! {
                    () = projector.run() => {}
                    () = reference.run() => {}
                }
            };
            self.tasks.spawn_on(projecting, &self.background)
        } else {
            self.tasks.spawn_on(projector.watch(), &self.background)
        };
        let followed = Followed { progress, health, task };
        self.followed.insert(version, followed.clone());
        Ok(followed)
    }

    /// New requests are answered from another version. Those that began with the one before end with it.
    async fn switch(
        &self,
        connection: &mut PgConnection,
        to: Version,
        Followed { progress, health, .. }: Followed,
        read: &mut Read,
    ) -> Result<(), OpenError> {
        let deadline = Instant::now() + CATCHES_UP_WITHIN;
        while !health.problems().is_empty() && Instant::now() < deadline {
            time::sleep(GLANCE).await;
        }
        let reader = views::reader(&self.settings.database, to, progress.clone()).await?;
        reader.warm(read.app.now().reader.sessions()).await?;
        registry::read_lock(connection, to).await?;
        let before = read.app.replace(App { reader, progress, ..read.app.now() });
        read.health.replace(health);
        let from = std::mem::replace(&mut read.version, to);
        metrics::gauge!("views_version").set(f64::from(to.number()));
        tracing::info!(%from, %to, "requests are answered from another version of the views");
        let deadline = Instant::now() + ENDS_WITHIN;
        while before.reader.is_shared() && Instant::now() < deadline {
            time::sleep(GLANCE).await;
        }
        Ok(registry::read_unlock(connection, from).await?)
    }
}

/// Tells whenever the registry changes, until dropped.
async fn listen(database: Database, changed: Arc<Notify>) {
    let mut pause = Pause::new();
    loop {
        if let Err(error) = listen_once(&database, &changed, &mut pause).await {
            tracing::debug!(%error, "changes of the registry of views are found later");
        }
        time::sleep(pause.next()).await;
    }
}

async fn listen_once(database: &Database, changed: &Notify, pause: &mut Pause) -> Result<(), sqlx::Error> {
    let options = views::options(database, Version::FIRST)?.application_name("views listener");
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(registry::CHANNEL).await?;
    pause.reset();
    // None: the connection was lost, and with it perhaps some news.
    while listener.try_recv().await?.is_some() {
        changed.notify_one();
    }
    Ok(())
}

/// What ends because it was stopped here is none.
fn is_fault(ended: Result<(), JoinError>) -> bool {
    match ended {
        Err(error) if error.is_cancelled() => false,
        ended => {
            tracing::error!(?ended, "the projection of a version of the views died");
            true
        }
    }
}
