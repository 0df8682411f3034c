//! Where the views are, how they are made, and the two ways in: as the owner of the tables, or as their reader.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, PgPool,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    migrations,
    reader::{self, Reader},
    registry,
    version::Version,
    wall,
};
use crate::progress::Progress;

/// The longest that a read may take; longer ones are refused, so that a costly filter cannot keep a connection for good.
const STATEMENT_TIMEOUT: &str = "10s";

/// Connections as the owner, besides those of the projector's workers.
const OWNERS: u32 = 2;

/// The views cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be reached, or refused.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables cannot be brought up to date.
    #[error("migration: {0}")]
    Migration(#[from] MigrateError),
    /// Nobody may read.
    #[error(
        "the login {login} may not become the role {}, as which views are read ({source}); somebody who may make roles \
         has to say once: create role {}; grant {} to {login};",
        wall::READER,
        wall::READER,
        wall::READER
    )]
    NoReader {
        /// Who is connected.
        login: String,
        /// What the database refused.
        source: sqlx::Error,
    },
    /// The role could read the rows of every tenant.
    #[error(
        "no policy holds the role {}: it must not be a superuser, nor bypass row-level security, nor own tables",
        wall::READER
    )]
    NoWall,
}

/// How to reach the views.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://user:password@host:port/name`.
    pub url: String,
    /// The most connections for reads.
    pub connections: u32,
    /// How long a read waits for a connection before it is refused.
    pub acquire_timeout: Duration,
}

impl Database {
    /// With the usual limits.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), connections: 16, acquire_timeout: Duration::from_millis(1_500) }
    }
}

/// Both ways in to a version.
#[derive(Debug, Clone)]
pub struct Access {
    /// Which.
    pub version: Version,
    /// For the projector: all rights, the rows of all tenants. A few connections.
    pub owner: PgPool,
    /// For everyone else: reads, for one tenant at a time.
    pub reader: Reader,
}

/// Brings the tables of a version up to date and connects.
///
/// # Errors
/// When the database cannot be reached, the migrations fail, or there is no wall between tenants.
pub async fn open(database: &Database, version: Version, progress: Progress) -> Result<Access, OpenError> {
    make(&options(database, version)?, version).await?;
    let reader = reader(database, version, progress).await?;
    Ok(Access { version, owner: owner(database, version)?, reader })
}

/// To tables that are there, for reads.
///
/// # Errors
/// When the database cannot be reached, or there is no wall between tenants.
pub async fn reader(database: &Database, version: Version, progress: Progress) -> Result<Reader, OpenError> {
    let options =
        options(database, version)?.options([("statement_timeout", STATEMENT_TIMEOUT), ("role", wall::READER)]);
    let limits =
        reader::Limits { connections: database.connections as usize, acquire_timeout: database.acquire_timeout };
    Reader::connect(options, limits, progress).await
}

/// To tables that are there, as their owner; connects when it is used.
///
/// # Errors
/// When the URL is none.
pub fn owner(database: &Database, version: Version) -> Result<PgPool, sqlx::Error> {
    let options = options(database, version)?.application_name("query-service owner");
    let options = options.options([("statement_timeout", STATEMENT_TIMEOUT)]);
    let pool = PgPoolOptions::new().max_connections(OWNERS).acquire_timeout(database.acquire_timeout);
    Ok(pool.connect_lazy_with(options))
}

/// As the owner of a version, with nothing but what every connection needs.
pub(crate) fn options(database: &Database, version: Version) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(&database.url)?
        .application_name("query-service")
        .options([("search_path", format!("{version}, public").as_str()), ("TimeZone", "UTC")])
        .statement_cache_capacity(500)
        // What is slow shows in the metrics; statements in the log would only bury what matters.
        .disable_statement_logging())
}

/// Makes the tables, or brings them up to date.
pub(crate) async fn make(options: &PgConnectOptions, version: Version) -> Result<(), OpenError> {
    let mut connection = PgConnection::connect_with(options).await?;
    wall::admit_reader(&mut connection).await?;
    registry::ensure(&mut connection).await?;
    // Two processes that start at once may both see no schema; the second attempt then finds it.
    let create = || AssertSqlSafe(format!("create schema if not exists {version}"));
    if connection.execute(create()).await.is_err() {
        connection.execute(create()).await?;
    }
    migrations::run(&mut connection).await?;
    wall::trust_searches(&mut connection).await?;
    Ok(connection.close().await?)
}
