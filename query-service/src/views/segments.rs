//! Reads of segments.

use shared::ids::{SegmentId, Tenant};
use sqlx::{Postgres, QueryBuilder};

use super::{Page, PageOf, Reader, Tagged, Visible, select_page};
use crate::q::{Query, Resource, sort::Sort, sql::push_filter};

/// Which segments are wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// What the caller may see.
    pub visible: &'a Visible,
    /// The filter.
    pub query: &'a Query,
    /// The order.
    pub sort: &'a Sort,
    /// Which of them.
    pub page: Page,
}

/// One segment, if it is visible.
///
/// # Errors
/// When the database cannot answer; likewise below.
pub async fn get(
    reader: &Reader,
    tenant: &Tenant,
    visible: &Visible,
    id: &SegmentId,
) -> Result<Option<Tagged>, sqlx::Error> {
    let mut sql = QueryBuilder::new(
        "select s.doc::text as doc, s.incarnation, s.version, false as shows_names from segment s where s.tenant = ",
    );
    sql.push_bind(tenant.as_str()).push(" and s.segment_id = ").push_bind(id.as_str());
    visible.push_segment_condition(&mut sql, tenant, Some(id));
    reader.read(tenant, async |connection| sql.build_query_as().fetch_optional(connection).await).await
}

/// A page of documents, JSON.
pub async fn list(reader: &Reader, wanted: &Wanted<'_>) -> Result<PageOf<String>, sqlx::Error> {
    let push_from = |sql: &mut QueryBuilder<Postgres>| {
        sql.push(" from segment s where s.tenant = ").push_bind(wanted.tenant.as_str());
        wanted.visible.push_segment_condition(sql, wanted.tenant, None);
        push_filter(sql, Resource::Segment, wanted.query);
    };
    let is_common = wanted.query.is_empty();
    let push_order = |sql: &mut QueryBuilder<Postgres>| wanted.sort.push_order_by(sql);
    select_page(reader, wanted.tenant, "s.doc::text", push_from, push_order, wanted.page, is_common).await
}
