//! What a read may show: everything of the tenant, or what a customer is assigned to. It is a condition of the statement, so
//! filters, pages and totals know nothing of the rest.
//!
//! The segments of a customer are looked up first, by the key of `customer_assignment`, and the rest by their ids: whatever
//! the planner believes of customers, it never reads segments only to ask of each whose it is.

use shared::{
    Timestamp,
    ids::{SegmentId, Tenant},
};
use sqlx::{Postgres, QueryBuilder};

/// What a read may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visible {
    /// Everything of the tenant.
    Everything,
    /// The segments that a customer is assigned to, and what they hold.
    Of {
        /// The customer.
        customer: Customer,
        /// Which of them.
        which: Which,
    },
}

/// Which of a customer's segments are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All.
    Any,
    /// The active ones.
    Active,
    /// The active ones that are valid at this time.
    ActiveAndValid(Timestamp),
}

/// A customer, and for whom they act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The customer.
    pub id: String,
    /// The legal entity that they act for at present, if it is known. It only counts for customers of more than one: of
    /// these, assignments for it and assignments without any count; of others all do.
    pub legal_entity_id: Option<String>,
    /// Legal entities of the customer, besides those of their assignments.
    pub legal_entities: Vec<String>,
}

impl Visible {
    /// Appends ` and <condition>` on the segment `s`. `one` is its id, if only one is asked for.
    pub(super) fn push_segment_condition(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        tenant: &Tenant,
        one: Option<&SegmentId>,
    ) {
        let Self::Of { customer, which } = self else { return };
        sql.push(
            " and s.segment_id = any (array(select a.segment_id from live_customer_assignment a where a.tenant = ",
        );
        sql.push_bind(tenant.as_str());
        if let Some(one) = one {
            sql.push(" and a.segment_id = ").push_bind(one.as_str());
        }
        customer.push_assignment_condition(sql, tenant);
        sql.push("))");
        which.push_condition(sql);
    }
}

impl Which {
    /// Appends ` and <condition>` on the segment `s`; nothing where all are shown.
    pub(super) fn push_condition(self, sql: &mut QueryBuilder<Postgres>) {
        if self != Self::Any {
            sql.push(" and s.status = 'ACTIVE'");
        }
        if let Self::ActiveAndValid(at) = self {
            sql.push(" and (s.valid_from is null or s.valid_from <= ").push_bind(at.datetime());
            sql.push(") and (s.valid_to is null or s.valid_to >= ").push_bind(at.datetime()).push(")");
        }
    }
}

impl Customer {
    /// Appends ` and <condition>`: the row `a` of `customer_assignment` is one that counts.
    pub(super) fn push_assignment_condition(&self, sql: &mut QueryBuilder<Postgres>, tenant: &Tenant) {
        sql.push(" and a.customer_id = ").push_bind(&*self.id);
        let Some(legal_entity_id) = &self.legal_entity_id else { return };
        sql.push(" and (a.legal_entity_id in ('', ").push_bind(&**legal_entity_id).push(") or (");
        sql.push("select count(distinct id) < 2 from (");
        sql.push(
            "select o.legal_entity_id from live_customer_assignment o where o.legal_entity_id <> '' and o.tenant = ",
        );
        sql.push_bind(tenant.as_str()).push(" and o.customer_id = ").push_bind(&*self.id);
        sql.push(" union all select unnest(").push_bind(&*self.legal_entities).push("::text[])) entity (id)))");
    }
}
