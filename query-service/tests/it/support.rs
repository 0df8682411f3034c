//! A fresh database with the views, and the projector between it and a log.

use std::{sync::Arc, time::Duration};

use local_parts::testing::TestDatabase;
use query_service::{
    progress::Progress,
    projector::{Health, Options, Projector, Reference},
    views::{self, Access, Database, Reader, Version, checksum},
};
use serde_json::Value;
use shared::{
    SystemClock,
    consistency::{Place, Positions},
    ids::Tenant,
    log::{Partition, memory::MemLog},
    reference::{Change, Entry, Id, Key, Kind, ReferenceLog as _},
};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::{task::JoinHandle, time::Instant};

use crate::{spread::Spread, story::Story};

/// Partitions of the logs in these tests.
pub const PARTITIONS: u16 = 3;

/// An empty log in memory.
pub fn empty_log() -> MemLog {
    MemLog::new(PARTITIONS, Arc::new(SystemClock)).with_markers()
}

/// What other systems tell, in a log of its own.
pub struct Catalogue {
    pub log: Spread,
}

impl Catalogue {
    pub async fn empty() -> Self {
        Self::spread_over(1).await
    }

    /// In so many partitions.
    pub async fn spread_over(partitions: u16) -> Self {
        Self { log: Spread::over(partitions).await }
    }

    /// Entries of a tenant are now so.
    pub async fn put(&self, tenant: &str, kind: Kind, entries: &[Value]) {
        let tenant = Tenant::parse(tenant).expect("a tenant");
        let change = |entry: &Value| {
            let entry = Entry::from_json(kind, entry.clone()).expect("an entry");
            Change::Put { tenant: tenant.clone(), entry }
        };
        self.log.write(entries.iter().map(change).collect()).await.expect("written");
    }

    /// An entry is gone.
    pub async fn delete(&self, tenant: &str, kind: Kind, id: &str) {
        let tenant = Tenant::parse(tenant).expect("a tenant");
        let key = Key { tenant, id: Id::parse(kind, id).expect("an id") };
        self.log.write(vec![Change::Delete(key)]).await.expect("written");
    }

    /// Behind everything that was told.
    pub async fn end(&self) -> Positions {
        let mut end = Positions::default();
        for partition in (0..self.log.partitions()).map(Partition::new) {
            let behind = self.log.end(partition).await.expect("the log answers");
            end.merge(&Positions::at(Place::Reference(partition), behind));
        }
        end
    }
}

/// The views of one test, in a database of their own.
pub struct Views {
    database: TestDatabase,
    /// Sees and may do everything.
    pub owner: PgPool,
    /// As the service reads.
    pub reader: Reader,
    pub progress: Progress,
}

impl Views {
    pub async fn empty() -> Self {
        Self::of(1).await
    }

    /// With so many partitions of reference data.
    pub async fn of(reference: u16) -> Self {
        let database = local_parts::testing::database().await;
        let progress = Progress::new(PARTITIONS, reference);
        let Access { owner, reader, .. } = open(database.url(), progress.clone()).await;
        Self { database, owner, reader, progress }
    }

    /// As after a new start of the process.
    pub async fn opened_again(self) -> Self {
        let Access { owner, reader, .. } = open(self.url(), self.progress.clone()).await;
        Self { owner, reader, ..self }
    }

    /// As the first start of a service does.
    pub async fn register(&self) {
        let registry = views::Registry::open(&Database::at(self.url())).await.expect("a registry");
        assert_eq!(registry.active_or_new().await.expect("a version"), Version::FIRST);
    }

    pub fn url(&self) -> &str {
        self.database.url()
    }

    /// Projects the log until the guard is dropped.
    pub fn project(&self, log: &MemLog) -> Projection {
        self.project_with(log, Options::default())
    }

    pub fn project_with(&self, log: &MemLog, options: Options) -> Projection {
        let clock = Arc::new(SystemClock);
        let access = Access { version: Version::FIRST, owner: self.owner.clone(), reader: self.reader.clone() };
        let projector = Projector::new(log.clone(), access, self.progress.clone(), clock, options);
        let health = projector.health();
        Projection { health, task: tokio::spawn(projector.run()) }
    }

    /// Projects what other systems tell until the guard is dropped.
    pub fn follow(&self, catalogue: &Catalogue) -> Projection {
        let health = Health::new(Version::FIRST, 0);
        let reference = Reference::new(catalogue.log.clone(), &self.owner, self.progress.clone(), health.clone());
        Projection { health, task: tokio::spawn(reference.run()) }
    }

    /// Waits until the views show everything that other systems told.
    pub async fn know(&self, catalogue: &Catalogue) {
        self.reach(&catalogue.end().await).await;
    }

    /// Waits until the views show everything.
    pub async fn reach(&self, positions: &Positions) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let reached = self.progress.wait(&self.reader, positions, deadline).await.expect("the database answers");
        assert!(reached, "the views have not reached {positions:?}");
    }

    /// Waits until the views show everything that was told.
    pub async fn catch_up(&self, story: &Story) {
        self.reach(&story.end().await).await;
    }

    /// Forgets everything, as if the tables had just been made.
    pub async fn clear(&self) {
        let tables = "truncate segment, segment_history, item_assignment, past_item_assignment, customer_assignment,
            past_customer_assignment, buried, projection, customer, legal_entity, product, category, product_category,
            category_closure, reference_projection, dead_letter";
        sqlx::query(tables).execute(&self.owner).await.expect("emptied");
        let mut connection = self.owner.acquire().await.expect("a connection");
        self.progress.relearn(&mut connection).await.expect("the database answers");
    }

    /// As [`Story::summary`].
    pub async fn summary(&self) -> Vec<String> {
        let mut lines: Vec<String> = sqlx::query_scalar(
            "select tenant || '/' || segment_id || ' ' || version from segment
             union all
             select tenant || '/' || segment_id || ' ' || type || ' ' || item_id || ' ' || version from live_item_assignment
             union all
             select tenant || '/' || segment_id || ' ' || customer_id || '/' || legal_entity_id || ' ' || version
             from live_customer_assignment",
        )
        .fetch_all(&self.owner)
        .await
        .expect("an answer");
        lines.sort();
        lines
    }

    /// One number from the database.
    pub async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(&self.owner).await.expect("a number")
    }

    pub async fn checksum(&self) -> Vec<String> {
        checksum::of(&self.owner).await.expect("a checksum").iter().map(ToString::to_string).collect()
    }
}

/// A database that nobody can use, until it is ended.
pub struct Outage {
    outside: PgConnection,
    database: String,
}

impl Outage {
    /// Closes every connection, and admits no new one.
    pub async fn of(owner: &PgPool) -> Self {
        let options = owner.connect_options().as_ref().clone();
        let database = options.get_database().expect("a name").to_owned();
        // From another database of the same server.
        let outside = PgConnection::connect_with(&options.database("postgres")).await.expect("connected");
        let mut outage = Self { outside, database };
        outage.admit(false).await;
        outage
    }

    pub async fn end(mut self) {
        self.admit(true).await;
    }

    async fn admit(&mut self, whether: bool) {
        let name = &self.database;
        let end_all = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
        let statements = format!("alter database \"{name}\" allow_connections {whether}; {end_all}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut self.outside).await.expect("done");
    }
}

/// With few connections: many tests share a server.
pub async fn open(url: &str, progress: Progress) -> Access {
    let database = Database { connections: 4, acquire_timeout: Duration::from_secs(10), ..Database::at(url) };
    views::open(&database, Version::FIRST, progress).await.expect("the views open")
}

/// A running projector. Dropping it is as good as a crash.
pub struct Projection {
    pub health: Health,
    task: JoinHandle<()>,
}

impl Projection {
    /// Ends it, and waits until nothing of it is left.
    pub async fn stop(mut self) {
        self.task.abort();
        // Aborted on purpose.
        drop((&mut self.task).await);
    }
}

/// Waits until something is so.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Drop for Projection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
