//! The views: where they are, how they are made, and one module for each question that is asked of them.
//!
//! Tables lie in the schema of their [`Version`], reached by `search_path`; another version is another schema beside it, and the
//! [`registry`] says which is read. Whoever asks goes through a [`Reader`], which reads for one tenant. The projector is the
//! owner ([`Access`]).
//!
//! A new question: a function in the module of its table, SQL in, structs out. A new table: a migration, with a policy and a
//! grant as in `0004_wall.sql` if it has a tenant.

pub mod categories;
pub mod checksum;
pub mod customers;
mod doc;
pub mod history;
pub mod items;
pub mod matching;
mod migrations;
mod opening;
mod reader;
pub mod registry;
pub mod segments;
pub mod sessions;
mod version;
mod visible;
mod wall;

use shared::ids::Tenant;
use sqlx::{FromRow, Postgres, QueryBuilder, Row as _, postgres::PgRow};

pub(crate) use self::opening::{make, options};
pub use self::{
    opening::{Access, Database, OpenError, open, owner, reader},
    reader::{Reader, describe},
    registry::{Registered, Registry},
    version::{InvalidVersion, LAYOUT, Version},
    visible::{Customer, Visible, Which},
};

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

/// Selects a page of one text column; `push_from` writes everything from ` from` to the end of the condition, `push_order`
/// the ` order by`. The count, if wanted, is of the same snapshot.
///
/// Statements without a client's filter are few and are kept prepared. A filter is planned anew each time: a plan made for
/// unknown values reads far too much.
async fn select_page(
    reader: &Reader,
    tenant: &Tenant,
    column: &'static str,
    push_from: impl Fn(&mut QueryBuilder<Postgres>),
    push_order: impl Fn(&mut QueryBuilder<Postgres>),
    page: Page,
    is_common: bool,
) -> Result<PageOf<String>, sqlx::Error> {
    let push_rows = |sql: &mut QueryBuilder<Postgres>| {
        sql.push("select ").push(column).push(" as doc");
        push_from(sql);
        push_order(sql);
        // Numbers, not parameters, so that a kept plan knows how few rows are wanted.
        sql.push(" limit ").push(page.limit);
        if page.offset > 0 {
            sql.push(" offset ").push(page.offset);
        }
    };
    let mut sql = QueryBuilder::new("");
    let is_kept = is_common && page.offset == 0;
    if !page.count {
        push_rows(&mut sql);
        let rows = sql.build_query_scalar().persistent(is_kept);
        let rows = reader.read(tenant, async |connection| rows.fetch_all(connection).await).await?;
        return Ok(PageOf { rows, total: None });
    }
    sql.push("select (select count(*)");
    push_from(&mut sql);
    sql.push("), array(");
    push_rows(&mut sql);
    sql.push(")");
    let both = sql.build_query_as().persistent(is_kept);
    let (total, rows) = reader.read(tenant, async |connection| both.fetch_one(connection).await).await?;
    Ok(PageOf { rows, total: Some(total) })
}
