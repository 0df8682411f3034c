//! The ancestors of categories: which parents count, and the table `category_closure`.
//!
//! Both follow from the last record of every category, whatever the order in which they were read, so that views that are
//! built anew from a compacted log of several partitions are equal. Where parents lead back to where they began (through
//! [`MAX_DEPTH`] categories at most), the last record of the cycle is refused its parent: the category stands without one until
//! the cycle is gone. The last is the one with the greatest offset; between partitions there is no other order. Parents that are
//! not known count like others; they only have no parents themselves.
//!
//! Only what can have changed is made anew. An edge that changes matters to the categories below it. A cycle that comes has an
//! edge that changed; a cycle that goes, or whose last record is another, had its cut above a category that changed.

use shared::{log::Partition, reference::Kind};
use sqlx::{
    Executor as _, PgConnection, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::{batch::Refused, rows::CategoryRows};
use crate::views::categories::MAX_DEPTH;

/// Names of categories.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CategoryKeys {
    pub tenant: Vec<String>,
    pub category_id: Vec<String>,
}

/// Writes categories, removes others, and makes the closure fit. The records that are refused their parents by that, some of
/// them perhaps once more.
///
/// # Errors
/// When the database refuses.
pub async fn write(
    connection: &mut PgConnection,
    told: &CategoryRows,
    gone: &CategoryKeys,
) -> Result<Vec<Refused>, sqlx::Error> {
    let mut changed = told.key.clone();
    changed.extend(gone.clone());
    let parents: Vec<Option<&str>> =
        told.parent_id.iter().map(Option::as_deref).chain(gone.tenant.iter().map(|_| None)).collect();
    let mut moved = keys(connection, changed.bind(MOVED).bind(parents)).await?;
    moved.extend(keys(connection, changed.bind(CUT_ABOVE)).await?);
    store(connection, told, gone).await?;
    if moved.is_empty() {
        return Ok(Vec::new());
    }
    connection.execute(moved.bind(JOIN_AGAIN)).await?;
    let cuts = moved.bind(CUT_LAST).bind(i32::from(MAX_DEPTH)).fetch_all(&mut *connection).await?;
    let mut refused = Vec::new();
    for row in &cuts {
        moved.push(row.try_get("tenant")?, row.try_get("category_id")?);
        refused.push(refusal(row)?);
    }
    let affected = keys(connection, moved.bind(BELOW)).await?;
    connection.execute(affected.bind(FORGET)).await?;
    connection.execute(affected.bind(CLOSE).bind(i32::from(MAX_DEPTH))).await?;
    Ok(refused)
}

/// Those whose edge upwards changes, if `$3` are the parents to come.
const MOVED: &str = "
    select changed.tenant, changed.category_id
    from unnest($1::text[], $2::text[], $3::text[]) as changed (tenant, category_id, parent_id)
    left join category c on c.tenant = changed.tenant and c.category_id = changed.category_id
    where c.parent_id is distinct from changed.parent_id";

/// Those that are cut, among these and their ancestors.
const CUT_ABOVE: &str = "
    select distinct c.tenant, c.category_id
    from unnest($1::text[], $2::text[]) as changed (tenant, category_id)
    cross join lateral (
        select changed.category_id
        union all
        select up.ancestor_id from category_closure up
        where up.tenant = changed.tenant and up.category_id = changed.category_id
    ) above (category_id)
    join category c on c.tenant = changed.tenant and c.category_id = above.category_id
    where c.is_cut";

const JOIN_AGAIN: &str = "
    update category c set is_cut = false from unnest($1::text[], $2::text[]) as joined (tenant, category_id)
    where c.tenant = joined.tenant and c.category_id = joined.category_id and c.is_cut";

/// Walks upwards from each of these; where a walk comes back, the last record on it is cut. Every cycle is found from each of
/// these that is on it, with the same outcome.
const CUT_LAST: &str = "
    with recursive walk (tenant, started, reached, passed) as (
        select c.tenant, c.category_id, c.parent_id, array[c.category_id]
        from unnest($1::text[], $2::text[]) as moved (tenant, category_id)
        join category c on c.tenant = moved.tenant and c.category_id = moved.category_id
        where c.parent_id is not null and not c.is_cut
        union all
        select walk.tenant, walk.started, c.parent_id, walk.passed || c.category_id
        from walk join category c on c.tenant = walk.tenant and c.category_id = walk.reached
        where walk.reached <> walk.started and c.parent_id is not null and not c.is_cut
          and cardinality(walk.passed) < $3
    ), last as (
        select distinct walk.tenant, (
            select c.category_id from unnest(walk.passed) as member (category_id)
            join category c on c.tenant = walk.tenant and c.category_id = member.category_id
            order by c.log_offset desc, c.partition desc limit 1
        ) as category_id
        from walk where walk.reached = walk.started
    )
    update category c set is_cut = true from last
    where c.tenant = last.tenant and c.category_id = last.category_id
    returning c.partition, c.log_offset, c.tenant, c.category_id";

/// These and what is below them.
const BELOW: &str = "
    select tenant, category_id from unnest($1::text[], $2::text[]) as moved (tenant, category_id)
    union
    select down.tenant, down.category_id
    from unnest($1::text[], $2::text[]) as moved (tenant, category_id)
    join category_closure down on down.tenant = moved.tenant and down.ancestor_id = moved.category_id";

const FORGET: &str = "
    delete from category_closure old using unnest($1::text[], $2::text[]) as affected (tenant, category_id)
    where old.tenant = affected.tenant and old.category_id = affected.category_id";

const CLOSE: &str = "
    with recursive up (tenant, category_id, ancestor_id, depth) as (
        select c.tenant, c.category_id, c.parent_id, 1
        from unnest($1::text[], $2::text[]) as affected (tenant, category_id)
        join category c on c.tenant = affected.tenant and c.category_id = affected.category_id
        where c.parent_id is not null and not c.is_cut
        union all
        select up.tenant, up.category_id, c.parent_id, up.depth + 1
        from up join category c on c.tenant = up.tenant and c.category_id = up.ancestor_id
        where c.parent_id is not null and not c.is_cut and up.depth < $3
    )
    insert into category_closure (tenant, category_id, ancestor_id, depth)
    select tenant, category_id, ancestor_id, depth from up";

const REMOVE: &str = "
    delete from category c using unnest($1::text[], $2::text[]) as gone (tenant, category_id)
    where c.tenant = gone.tenant and c.category_id = gone.category_id";

const STORE: &str = "
    insert into category (tenant, category_id, parent_id, code, name, doc, partition, log_offset, is_cut)
    select tenant, category_id, parent_id, code, name::jsonb, doc::json, partition, log_offset, false
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::bigint[])
        as told (tenant, category_id, parent_id, code, name, doc, partition, log_offset)
    on conflict on constraint category_pkey do update set
        parent_id = excluded.parent_id, code = excluded.code, name = excluded.name, doc = excluded.doc,
        partition = excluded.partition, log_offset = excluded.log_offset, is_cut = excluded.is_cut";

async fn store(connection: &mut PgConnection, told: &CategoryRows, gone: &CategoryKeys) -> Result<(), sqlx::Error> {
    if !gone.is_empty() {
        connection.execute(gone.bind(REMOVE)).await?;
    }
    if !told.key.is_empty() {
        let statement = told.key.bind(STORE).bind(&told.parent_id).bind(&told.code).bind(&told.name).bind(&told.doc);
        connection.execute(statement.bind(&told.partition).bind(&told.log_offset)).await?;
    }
    Ok(())
}

async fn keys(
    connection: &mut PgConnection,
    statement: Query<'_, Postgres, PgArguments>,
) -> Result<CategoryKeys, sqlx::Error> {
    let mut keys = CategoryKeys::default();
    for row in statement.fetch_all(connection).await? {
        keys.tenant.push(row.try_get("tenant")?);
        keys.category_id.push(row.try_get("category_id")?);
    }
    Ok(keys)
}

fn refusal(row: &PgRow) -> Result<Refused, sqlx::Error> {
    let (tenant, category_id): (&str, &str) = (row.try_get("tenant")?, row.try_get("category_id")?);
    let partition = u16::try_from(row.try_get::<i16, _>("partition")?).unwrap_or_default();
    Ok(Refused {
        partition: Partition::new(partition),
        offset: row.try_get("log_offset")?,
        key: Some(format!("{tenant}/{}/{category_id}", Kind::Category)),
        reason: "the parents of the category lead back to it; it stands without parent".to_owned(),
    })
}

impl CategoryKeys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tenant.is_empty()
    }

    /// One more.
    pub fn push(&mut self, tenant: &str, category_id: &str) {
        self.tenant.push(tenant.to_owned());
        self.category_id.push(category_id.to_owned());
    }

    fn extend(&mut self, other: Self) {
        self.tenant.extend(other.tenant);
        self.category_id.extend(other.category_id);
    }

    fn bind<'q>(&'q self, statement: &'static str) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(statement).bind(&self.tenant).bind(&self.category_id)
    }
}
