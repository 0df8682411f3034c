//! The categories that are assigned to segments, with what is above them.

use shared::ids::Tenant;
use sqlx::{FromRow, QueryBuilder, Row as _, postgres::PgRow};

use super::{Reader, Visible};

/// How many ancestors of a category count, beginning with its parent; what is above them is not looked at. A tree of so many
/// levels is about as deep as common readers of JSON can follow.
pub const MAX_DEPTH: u16 = 50;

/// Which categories are wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// Those of segments that the caller may see.
    pub visible: &'a Visible,
    /// Those of segments of one site only.
    pub site_code: Option<&'a str>,
}

/// A category that is assigned, or an ancestor of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its id.
    pub id: String,
    /// The category above it, which need not be one of the answer.
    pub parent_id: Option<String>,
    /// Whether one of the segments has it.
    pub is_assigned: bool,
    /// JSON: what else is known of it; none: nothing is.
    pub doc: Option<String>,
}

impl FromRow<'_, PgRow> for Category {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("category_id")?,
            parent_id: row.try_get("parent_id")?,
            is_assigned: row.try_get("is_assigned")?,
            doc: row.try_get("doc")?,
        })
    }
}

/// The categories that segments have, and their ancestors as far as they are known, each once and in no order.
///
/// # Errors
/// When the database cannot answer.
pub async fn forest(reader: &Reader, wanted: &Wanted<'_>) -> Result<Vec<Category>, sqlx::Error> {
    let tenant = wanted.tenant.as_str();
    let mut sql = QueryBuilder::new(
        "with assigned as materialized (
             select distinct a.item_id as category_id from live_item_assignment a where a.type = 'CATEGORY' and a.tenant = ",
    );
    sql.push_bind(tenant);
    sql.push(" and a.segment_id = any (array(select s.segment_id from segment s where s.tenant = ").push_bind(tenant);
    wanted.visible.push_segment_condition(&mut sql, wanted.tenant, None);
    if let Some(site_code) = wanted.site_code {
        sql.push(" and s.site_code = ").push_bind(site_code);
    }
    sql.push(
        "))), shown as (
             select category_id, bool_or(is_assigned) as is_assigned from (
                 select category_id, true as is_assigned from assigned
                 union all
                 select up.ancestor_id, false from assigned
                 join category_closure up on up.category_id = assigned.category_id and up.tenant = ",
    );
    sql.push_bind(tenant);
    sql.push(
        ") every group by category_id
         )
         select shown.category_id, shown.is_assigned, c.doc::text as doc,
             case when not c.is_cut then c.parent_id end as parent_id
         from shown left join category c on c.category_id = shown.category_id and c.tenant = ",
    );
    sql.push_bind(tenant).push(" where shown.is_assigned or c.doc is not null");
    reader.read(wanted.tenant, async |connection| sql.build_query_as().fetch_all(connection).await).await
}
