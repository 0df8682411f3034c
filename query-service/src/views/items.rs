//! Reads of item assignments.

use shared::{
    Timestamp,
    ids::{ItemRef, SegmentId, Tenant},
};
use sqlx::{Postgres, QueryBuilder};

use super::{Page, PageOf, Reader, Tagged, Visible, doc::assignment_doc, history::push_assignments, select_page};
use crate::q::{Query, Resource, sort::Sort, sql::push_filter};

/// Which assignments are wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// Those of segments that the caller may see.
    pub visible: &'a Visible,
    /// Those of one segment only.
    pub segment_id: Option<&'a SegmentId>,
    /// Those of segments of one site only.
    pub site_code: Option<&'a str>,
    /// Those of active segments only.
    pub only_active: bool,
    /// As they were at this instant, not as they are.
    pub as_of: Option<Timestamp>,
    /// The filter.
    pub query: &'a Query,
    /// The order.
    pub sort: &'a Sort,
    /// Which of them.
    pub page: Page,
}

/// The SQL of the members that are known of the item; an empty text when none is.
macro_rules! known {
    () => {
        r#"coalesce((
            select coalesce(',"code":' || to_json(n.code), '') || coalesce(',"name":' || n.name::text, '')
            from item n where n.tenant = a.tenant and n.type = a.type and n.item_id = a.item_id), '')"#
    };
}

const DOC: &str = assignment_doc!(
    r#"'{"segmentId":' || to_json(a.segment_id) || ',"item":{"id":' || to_json(a.item_id) || "#,
    known!(),
    r#" || '},"type":"' || a.type || '"'"#
);

const TAGGED: &str = concat!(" as doc, a.incarnation, a.version, ", known!(), " <> '' as shows_names");

/// One assignment, if its segment is visible.
///
/// # Errors
/// When the database cannot answer; likewise below.
pub async fn get(
    reader: &Reader,
    tenant: &Tenant,
    visible: &Visible,
    segment_id: &SegmentId,
    item: &ItemRef,
) -> Result<Option<Tagged>, sqlx::Error> {
    let mut sql = QueryBuilder::new("select ");
    sql.push(DOC).push(TAGGED).push(" from live_item_assignment a where a.tenant = ");
    sql.push_bind(tenant.as_str()).push(" and a.type = ").push_bind(item.kind.as_str()).push(" and a.item_id = ");
    sql.push_bind(item.id.as_str()).push(" and a.segment_id = ").push_bind(segment_id.as_str());
    push_visible(&mut sql, tenant, visible, Some(segment_id), |_| {});
    reader.read(tenant, async |connection| sql.build_query_as().fetch_optional(connection).await).await
}

/// A page of assignments, JSON.
pub async fn list(reader: &Reader, wanted: &Wanted<'_>) -> Result<PageOf<String>, sqlx::Error> {
    let push_from = |sql: &mut QueryBuilder<Postgres>| {
        push_assignments(sql, "item", wanted.tenant, wanted.as_of);
        if let Some(segment_id) = wanted.segment_id {
            sql.push(" and a.segment_id = ").push_bind(segment_id.as_str());
        }
        push_segment_condition(sql, wanted);
        push_filter(sql, Resource::Item, wanted.query);
    };
    let push_order = |sql: &mut QueryBuilder<Postgres>| wanted.sort.push_order_by(sql);
    let is_common = wanted.query.is_empty() && wanted.as_of.is_none();
    select_page(reader, wanted.tenant, DOC, push_from, push_order, wanted.page, is_common).await
}

fn push_segment_condition(sql: &mut QueryBuilder<Postgres>, wanted: &Wanted<'_>) {
    let push_kind = |sql: &mut QueryBuilder<Postgres>| {
        if let Some(site_code) = wanted.site_code {
            sql.push(" and s.site_code = ").push_bind(site_code);
        }
        if wanted.only_active {
            sql.push(" and s.status = 'ACTIVE'");
        }
    };
    match wanted.visible {
        Visible::Of { .. } => push_visible(sql, wanted.tenant, wanted.visible, wanted.segment_id, push_kind),
        Visible::Everything if wanted.site_code.is_some() || wanted.only_active => {
            sql.push(" and exists (select from segment s where s.tenant = a.tenant and s.segment_id = a.segment_id");
            push_kind(sql);
            sql.push(")");
        }
        Visible::Everything => {}
    }
}

/// Appends ` and <condition>`: the segment is visible to a customer, and what `push_kind` demands of it.
fn push_visible(
    sql: &mut QueryBuilder<Postgres>,
    tenant: &Tenant,
    visible: &Visible,
    one: Option<&SegmentId>,
    push_kind: impl FnOnce(&mut QueryBuilder<Postgres>),
) {
    if *visible != Visible::Everything {
        sql.push(" and a.segment_id = any (array(select s.segment_id from segment s where s.tenant = ");
        sql.push_bind(tenant.as_str());
        visible.push_segment_condition(sql, tenant, one);
        push_kind(sql);
        sql.push("))");
    }
}
