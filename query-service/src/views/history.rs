//! Reads of the past: versions of a segment, and how its assignments were.

use shared::{
    Timestamp,
    http::past::Moment,
    ids::{SegmentId, Tenant},
};
use sqlx::{Postgres, QueryBuilder};

use super::{Page, PageOf, Reader, select_page};

/// Which entries of a segment's history are wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// Of this segment.
    pub segment_id: &'a SegmentId,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// Which of them.
    pub page: Page,
}

/// The SQL of a row as JSON; absent members are left out.
const ENTRY: &str = r#"'{' || coalesce('"version":' || h.version || ',', '') || '"type":"' || h.type
    || '","time":"' || to_char(h.happened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    || '","actor":' || to_json(h.actor) || ',"commandId":"' || h.command_id || '"'
    || coalesce(',"operations":' || h.operations, '') || coalesce(',"document":' || h.doc, '') || '}'"#;

/// A page of what happened to a segment, JSON, the latest first.
///
/// # Errors
/// When the database cannot answer; likewise below.
pub async fn list(reader: &Reader, wanted: &Wanted<'_>) -> Result<PageOf<String>, sqlx::Error> {
    let push_from = |sql: &mut QueryBuilder<Postgres>| {
        sql.push(" from segment_history h");
        push_segment(sql, "h", wanted.tenant, wanted.segment_id);
        if let Some(from) = wanted.from {
            sql.push(" and h.happened_at >= ").push_bind(from.datetime());
        }
        if let Some(to) = wanted.to {
            sql.push(" and h.happened_at <= ").push_bind(to.datetime());
        }
    };
    let push_order = |sql: &mut QueryBuilder<Postgres>| {
        sql.push(" order by h.happened_at desc, h.log_offset desc");
    };
    select_page(reader, wanted.tenant, ENTRY, push_from, push_order, wanted.page, true).await
}

/// Whether the segment was ever there.
pub async fn is_known(reader: &Reader, tenant: &Tenant, segment_id: &SegmentId) -> Result<bool, sqlx::Error> {
    let mut sql = QueryBuilder::new("select exists (select from segment_history h");
    push_segment(&mut sql, "h", tenant, segment_id);
    sql.push(")");
    reader.read(tenant, async |connection| sql.build_query_scalar().fetch_one(connection).await).await
}

/// The documents of a segment at each of these moments, of one snapshot; none where it was not there.
pub async fn documents<const N: usize>(
    reader: &Reader,
    tenant: &Tenant,
    segment_id: &SegmentId,
    moments: [Moment; N],
) -> Result<[Option<String>; N], sqlx::Error> {
    let mut sql = QueryBuilder::new("select array[");
    for (place, moment) in moments.into_iter().enumerate() {
        sql.push(if place == 0 { "(" } else { ", (" });
        push_document(&mut sql, tenant, segment_id, moment);
        sql.push(")");
    }
    sql.push("]");
    let found: Vec<Option<String>> =
        reader.read(tenant, async |connection| sql.build_query_scalar().fetch_one(connection).await).await?;
    found.try_into().map_err(|_| sqlx::Error::RowNotFound)
}

/// Appends the query for one document. The row is found by the index alone, and then read.
fn push_document(sql: &mut QueryBuilder<Postgres>, tenant: &Tenant, segment_id: &SegmentId, moment: Moment) {
    sql.push("select h.doc::text from segment_history h");
    push_segment(sql, "h", tenant, segment_id);
    let push_last = |sql: &mut QueryBuilder<Postgres>| {
        sql.push(" and (h.happened_at, h.log_offset) = (select l.happened_at, l.log_offset from segment_history l");
        push_segment(sql, "l", tenant, segment_id);
    };
    match moment {
        Moment::AsOf(instant) => {
            push_last(sql);
            sql.push(" and l.happened_at <= ").push_bind(instant.datetime());
        }
        Moment::Version(version) => {
            // Versions begin anew with every life: whoever looks back meets the version wanted or the beginning of the last one.
            let version = i64::try_from(version).unwrap_or(i64::MAX);
            sql.push(" and h.version = ").push_bind(version);
            push_last(sql);
            sql.push(" and l.version in (1, ").push_bind(version).push(")");
        }
    }
    sql.push(" order by l.happened_at desc, l.log_offset desc limit 1)");
}

fn push_segment(sql: &mut QueryBuilder<Postgres>, alias: &'static str, tenant: &Tenant, segment_id: &SegmentId) {
    sql.push(" where ").push(alias).push(".tenant = ").push_bind(tenant.as_str());
    sql.push(" and ").push(alias).push(".segment_id = ").push_bind(segment_id.as_str());
}

/// Appends ` from <assignments> a where <condition>`: those of the tenant that are there now, or were there at an instant.
/// `kind` is `item` or `customer`.
pub(super) fn push_assignments(
    sql: &mut QueryBuilder<Postgres>,
    kind: &'static str,
    tenant: &Tenant,
    as_of: Option<Timestamp>,
) {
    let Some(instant) = as_of.map(Timestamp::datetime) else {
        sql.push(" from live_").push(kind).push("_assignment a where a.tenant = ").push_bind(tenant.as_str());
        return;
    };
    sql.push(" from ").push(kind).push("_assignment_history a where a.tenant = ").push_bind(tenant.as_str());
    sql.push(" and a.modified_at <= ").push_bind(instant);
    sql.push(" and (a.ended_at is null or a.ended_at > ").push_bind(instant).push(")");
}
