//! Reads of item assignments.

use shared::ids::{ItemRef, SegmentId, Tenant};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{Answered, Page, PageOf, select_page};
use crate::q::{Query, Resource, sort::Sort, sql::push_filter};

/// Which assignments are wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// Those of one segment only.
    pub segment_id: Option<&'a SegmentId>,
    /// Those of segments of one site only.
    pub site_code: Option<&'a str>,
    /// Those of active segments only.
    pub only_active: bool,
    /// The filter.
    pub query: &'a Query,
    /// The order.
    pub sort: &'a Sort,
    /// Which of them.
    pub page: Page,
}

/// The row as the API returns it. Absent members are left out.
const DOC: &str = r#"'{"segmentId":' || to_json(i.segment_id) || ',"item":{"id":' || to_json(i.item_id) || '},"type":"' || i.type
    || '"' || coalesce(',"mixins":' || i.mixins, '') || ',"metadata":{"version":' || i.version
    || ',"createdAt":"' || to_char(i.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    || '","modifiedAt":"' || to_char(i.modified_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    || '"' || coalesce(',"mixins":' || i.metadata_mixins, '') || '}}'"#;

/// One assignment.
///
/// # Errors
/// When the database cannot answer; likewise below.
pub async fn get(
    pool: &PgPool,
    tenant: &Tenant,
    segment_id: &SegmentId,
    item: &ItemRef,
) -> Result<Option<Answered>, sqlx::Error> {
    let mut sql = QueryBuilder::new("select ");
    sql.push(DOC).push(" as doc, i.incarnation, i.version from live_item_assignment i where i.tenant = ");
    sql.push_bind(tenant.as_str()).push(" and i.type = ").push_bind(item.kind.as_str()).push(" and i.item_id = ");
    sql.push_bind(item.id.as_str()).push(" and i.segment_id = ").push_bind(segment_id.as_str());
    sql.build_query_as().fetch_optional(pool).await
}

/// A page of assignments, JSON.
pub async fn list(pool: &PgPool, wanted: &Wanted<'_>) -> Result<PageOf<String>, sqlx::Error> {
    let push_from = |sql: &mut QueryBuilder<Postgres>| {
        sql.push(" from live_item_assignment i where i.tenant = ").push_bind(wanted.tenant.as_str());
        if let Some(segment_id) = wanted.segment_id {
            sql.push(" and i.segment_id = ").push_bind(segment_id.as_str());
        }
        push_segment_condition(sql, wanted);
        push_filter(sql, Resource::Item, wanted.query);
    };
    select_page(pool, DOC, push_from, wanted.sort, wanted.page, wanted.query.is_empty()).await
}

fn push_segment_condition(sql: &mut QueryBuilder<Postgres>, wanted: &Wanted<'_>) {
    if wanted.site_code.is_none() && !wanted.only_active {
        return;
    }
    sql.push(" and exists (select from segment s where s.tenant = i.tenant and s.segment_id = i.segment_id");
    if let Some(site_code) = wanted.site_code {
        sql.push(" and s.site_code = ").push_bind(site_code);
    }
    if wanted.only_active {
        sql.push(" and s.status = 'ACTIVE'");
    }
    sql.push(")");
}
