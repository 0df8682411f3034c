//! Reads of segments.

use shared::ids::{SegmentId, Tenant};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{Answered, Page, PageOf, select_page};
use crate::q::{Query, Resource, sort::Sort, sql::push_filter};

/// Which segments are wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// The filter.
    pub query: &'a Query,
    /// The order.
    pub sort: &'a Sort,
    /// Which of them.
    pub page: Page,
}

/// One segment.
///
/// # Errors
/// When the database cannot answer; likewise below.
pub async fn get(pool: &PgPool, tenant: &Tenant, id: &SegmentId) -> Result<Option<Answered>, sqlx::Error> {
    sqlx::query_as("select doc::text as doc, incarnation, version from segment where tenant = $1 and segment_id = $2")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(pool)
        .await
}

/// A page of documents, JSON.
pub async fn list(pool: &PgPool, wanted: &Wanted<'_>) -> Result<PageOf<String>, sqlx::Error> {
    let push_from = |sql: &mut QueryBuilder<Postgres>| {
        sql.push(" from segment s where s.tenant = ").push_bind(wanted.tenant.as_str());
        push_filter(sql, Resource::Segment, wanted.query);
    };
    select_page(pool, "s.doc::text", push_from, wanted.sort, wanted.page, wanted.query.is_empty()).await
}
