//! The views: where they are, how they are made, and one module for each question that is asked of them.
//!
//! Tables lie in the schema `v1`, reached by `search_path`; another version of the views would be another schema beside it.
//! A new question: a function in the module of its table, SQL in, structs out. A new table: a migration.

pub mod categories;
pub mod checksum;
pub mod customers;
mod doc;
pub mod items;
pub mod matching;
pub(crate) mod migrations;
pub mod segments;
mod visible;

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, FromRow, PgPool, Postgres, QueryBuilder, Row as _,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};

pub use self::visible::{Customer, Visible, Which};
use crate::{progress::Progress, q::sort::Sort};

/// The version of the views, and the name of their schema.
pub const SCHEMA: &str = "v1";

/// A connection that was good so short a time ago is taken without asking.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The longest that a read may take; longer ones are refused, so that a costly filter cannot keep a connection for good.
const STATEMENT_TIMEOUT: &str = "10s";

/// The views cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be reached, or refused.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables cannot be brought up to date.
    #[error("migration: {0}")]
    Migration(#[from] MigrateError),
}

/// A document as it is answered, with the parts of its entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// JSON.
    pub doc: String,
    /// Tells one life of the id from the next.
    pub incarnation: String,
    /// `metadata.version`.
    pub version: i64,
    /// Whether the document shows reference data, which changes without the version.
    pub shows_names: bool,
}

impl FromRow<'_, PgRow> for Tagged {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            doc: row.try_get("doc")?,
            incarnation: row.try_get("incarnation")?,
            version: row.try_get("version")?,
            shows_names: row.try_get("shows_names")?,
        })
    }
}

/// A part of many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The most rows.
    pub limit: u32,
    /// How many rows before it.
    pub offset: i64,
    /// Whether all rows are to be counted.
    pub count: bool,
}

/// The rows of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    /// In the order asked for.
    pub rows: Vec<T>,
    /// All rows that fit, when they were to be counted.
    pub total: Option<i64>,
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

/// Brings the tables up to date and connects.
///
/// # Errors
/// When the database cannot be reached or the migrations fail.
pub async fn open(database: &Database, progress: Progress) -> Result<PgPool, OpenError> {
    migrate(&options(database)?).await?;
    Ok(connect(database, progress).await?)
}

/// Connects to tables that are there. Connections that are made later begin with what [`Progress`] must know.
///
/// # Errors
/// When the database cannot be reached.
pub async fn connect(database: &Database, progress: Progress) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(database.connections)
        .acquire_timeout(database.acquire_timeout)
        // A connection is tested when it is given back, and again only if it has been idle since: a read is one round trip.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move { Ok(meta.idle_for < TRUSTED_FOR || connection.ping().await.is_ok()) })
        })
        .after_connect(move |connection, _| {
            let progress = progress.clone();
            Box::pin(async move { progress.relearn(connection).await })
        })
        .connect_with(options(database)?.options([("statement_timeout", STATEMENT_TIMEOUT)]))
        .await
}

fn options(database: &Database) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(&database.url)?
        .application_name("query-service")
        .options([("search_path", format!("{SCHEMA}, public").as_str()), ("TimeZone", "UTC")])
        .statement_cache_capacity(500)
        // What is slow shows in the metrics; statements in the log would only bury what matters.
        .disable_statement_logging())
}

async fn migrate(options: &PgConnectOptions) -> Result<(), OpenError> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    // Two processes that start at once may both see no schema; the second attempt then finds it.
    let create = || sqlx::query("create schema if not exists v1").execute(&pool);
    if create().await.is_err() {
        create().await?;
    }
    migrations::run(&pool).await?;
    pool.close().await;
    Ok(())
}

/// Selects a page of one text column; `push_from` writes everything from ` from` to the end of the condition. The count, if
/// wanted, is of the same snapshot.
///
/// Statements without a client's filter are few and are kept prepared. A filter is planned anew each time: a plan made for
/// unknown values reads far too much.
async fn select_page(
    pool: &PgPool,
    column: &'static str,
    push_from: impl Fn(&mut QueryBuilder<Postgres>),
    sort: &Sort,
    page: Page,
    is_common: bool,
) -> Result<PageOf<String>, sqlx::Error> {
    let push_rows = |sql: &mut QueryBuilder<Postgres>| {
        sql.push("select ").push(column).push(" as doc");
        push_from(sql);
        sort.push_order_by(sql);
        // Numbers, not parameters, so that a kept plan knows how few rows are wanted.
        sql.push(" limit ").push(page.limit);
        if page.offset > 0 {
            sql.push(" offset ").push(page.offset);
        }
    };
    let mut sql = QueryBuilder::new("");
    if !page.count {
        push_rows(&mut sql);
        let rows = sql.build_query_scalar().persistent(is_common && page.offset == 0).fetch_all(pool).await?;
        return Ok(PageOf { rows, total: None });
    }
    sql.push("select (select count(*)");
    push_from(&mut sql);
    sql.push("), array(");
    push_rows(&mut sql);
    sql.push(")");
    let (total, rows) = sql.build_query_as().persistent(is_common && page.offset == 0).fetch_one(pool).await?;
    Ok(PageOf { rows, total: Some(total) })
}
