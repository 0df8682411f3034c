//! Reads of customer assignments.

use shared::{
    Timestamp,
    ids::{CustomerRef, LegalEntityId, SegmentId, Tenant},
};
use sqlx::{Postgres, QueryBuilder};

use super::{Page, PageOf, Reader, Tagged, Visible, doc::assignment_doc, history::push_assignments, select_page};
use crate::q::{Query, Resource, sort::Sort, sql::push_filter};

/// Which assignments are wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// To this segment.
    pub segment_id: &'a SegmentId,
    /// What the caller may see: a customer only their own.
    pub visible: &'a Visible,
    /// As they were at this instant, not as they are.
    pub as_of: Option<Timestamp>,
    /// The filter.
    pub query: &'a Query,
    /// The order.
    pub sort: &'a Sort,
    /// Which of them.
    pub page: Page,
}

/// The SQL of the members that are known of the customer; an empty text when none is.
macro_rules! known_customer {
    () => {
        r#"coalesce((
            select coalesce(',"firstName":' || to_json(n.first_name), '') || coalesce(',"lastName":' || to_json(n.last_name), '')
                || coalesce(',"email":' || to_json(n.email), '')
            from customer n where n.tenant = a.tenant and n.customer_id = a.customer_id), '')"#
    };
}

/// The same of the legal entity.
macro_rules! known_legal_entity {
    () => {
        r#"coalesce((
            select ',"name":' || to_json(n.name)
            from legal_entity n where n.tenant = a.tenant and n.legal_entity_id = a.legal_entity_id), '')"#
    };
}

const DOC: &str = assignment_doc!(
    r#"'{"customer":{"id":' || to_json(a.customer_id) || "#,
    known_customer!(),
    r#" || '}' || case when a.legal_entity_id = '' then '' else ',"legalEntity":{"id":' || to_json(a.legal_entity_id) || "#,
    known_legal_entity!(),
    r#" || '}' end || ',"assignmentType":"' || a.assignment_type || '"'"#
);

const TAGGED: &str = concat!(
    " as doc, a.incarnation, a.version, ",
    known_customer!(),
    " || ",
    known_legal_entity!(),
    " <> '' as shows_names"
);

/// One assignment.
///
/// # Errors
/// When the database cannot answer; likewise below.
pub async fn get(
    reader: &Reader,
    tenant: &Tenant,
    segment_id: &SegmentId,
    customer: &CustomerRef,
) -> Result<Option<Tagged>, sqlx::Error> {
    let legal_entity_id = customer.legal_entity.as_ref().map_or("", LegalEntityId::as_str);
    let mut sql = QueryBuilder::new("select ");
    sql.push(DOC).push(TAGGED).push(" from live_customer_assignment a where a.tenant = ");
    sql.push_bind(tenant.as_str()).push(" and a.customer_id = ").push_bind(customer.id.as_str());
    sql.push(" and a.segment_id = ").push_bind(segment_id.as_str());
    sql.push(" and a.legal_entity_id = ").push_bind(legal_entity_id);
    reader.read(tenant, async |connection| sql.build_query_as().fetch_optional(connection).await).await
}

/// A page of assignments, JSON.
pub async fn list(reader: &Reader, wanted: &Wanted<'_>) -> Result<PageOf<String>, sqlx::Error> {
    let push_from = |sql: &mut QueryBuilder<Postgres>| {
        push_assignments(sql, "customer", wanted.tenant, wanted.as_of);
        sql.push(" and a.segment_id = ").push_bind(wanted.segment_id.as_str());
        push_own(sql, wanted);
        push_filter(sql, Resource::Customer, wanted.query);
    };
    let push_order = |sql: &mut QueryBuilder<Postgres>| wanted.sort.push_order_by(sql);
    let is_common = wanted.query.is_empty() && wanted.as_of.is_none();
    select_page(reader, wanted.tenant, DOC, push_from, push_order, wanted.page, is_common).await
}

/// Of a segment that a customer sees, the assignments by which they do.
fn push_own(sql: &mut QueryBuilder<Postgres>, wanted: &Wanted<'_>) {
    let Visible::Of { customer, which } = wanted.visible else { return };
    customer.push_assignment_condition(sql, wanted.tenant);
    sql.push(" and exists (select from segment s where s.tenant = a.tenant and s.segment_id = a.segment_id");
    which.push_condition(sql);
    sql.push(")");
}
