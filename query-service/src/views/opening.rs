//! Where the views are, how they are made, and the two ways in: as the owner of the tables, or as their reader.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgConnection, PgPool,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    migrations,
    reader::{self, Reader},
    wall,
};
use crate::progress::Progress;

/// The version of the views, and the name of their schema.
pub const SCHEMA: &str = "v1";

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

/// Both ways in.
#[derive(Debug, Clone)]
pub struct Access {
    /// For the projector: all rights, the rows of all tenants. A few connections.
    pub owner: PgPool,
    /// For everyone else: reads, for one tenant at a time.
    pub reader: Reader,
}

/// Brings the tables up to date and connects.
///
/// # Errors
/// When the database cannot be reached, the migrations fail, or there is no wall between tenants.
pub async fn open(database: &Database, progress: Progress) -> Result<Access, OpenError> {
    let options = options(database)?;
    make(&options).await?;
    let options = options.options([("statement_timeout", STATEMENT_TIMEOUT)]);
    let limits =
        reader::Limits { connections: database.connections as usize, acquire_timeout: database.acquire_timeout };
    let reader = Reader::connect(options.options([("role", wall::READER)]), limits, progress).await?;
    Ok(Access { owner: owner(database)?, reader })
}

/// To tables that are there, as their owner; connects when it is used.
///
/// # Errors
/// When the URL is none.
pub fn owner(database: &Database) -> Result<PgPool, sqlx::Error> {
    let options = options(database)?.application_name("query-service owner");
    let options = options.options([("statement_timeout", STATEMENT_TIMEOUT)]);
    let pool = PgPoolOptions::new().max_connections(OWNERS).acquire_timeout(database.acquire_timeout);
    Ok(pool.connect_lazy_with(options))
}

/// As the owner, with nothing but what every connection needs.
pub(crate) fn options(database: &Database) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(&database.url)?
        .application_name("query-service")
        .options([("search_path", format!("{SCHEMA}, public").as_str()), ("TimeZone", "UTC")])
        .statement_cache_capacity(500)
        // What is slow shows in the metrics; statements in the log would only bury what matters.
        .disable_statement_logging())
}

/// Makes the tables, or brings them up to date.
pub(crate) async fn make(options: &PgConnectOptions) -> Result<(), OpenError> {
    let mut connection = PgConnection::connect_with(options).await?;
    wall::admit_reader(&mut connection).await?;
    // Two processes that start at once may both see no schema; the second attempt then finds it.
    let create = "create schema if not exists v1";
    if connection.execute(create).await.is_err() {
        connection.execute(create).await?;
    }
    migrations::run(&mut connection).await?;
    wall::trust_searches(&mut connection).await?;
    Ok(connection.close().await?)
}
