//! The statements by which a batch changes the views: one for each table and kind of change, and only those that have rows.
//!
//! Deletions come first. Within a batch a deleted segment holds only what came after, so their order is otherwise free.

use sqlx::{Executor as _, PgConnection, Postgres, query::Query};

use super::rows::{ItemKeys, ItemRows, Keys, Rows, SegmentRows};

/// Writes the rows; the caller's transaction also stores the offset.
pub async fn write(connection: &mut PgConnection, partition: i16, rows: &Rows) -> Result<(), sqlx::Error> {
    let Rows { created, changed, gone, emptied, buried, assigned, reassigned, unassigned } = rows;
    bury(connection, &buried.0, &buried.1).await?;
    delete(connection, EMPTY, emptied).await?;
    delete(connection, DELETE_SEGMENTS, gone).await?;
    delete_items(connection, unassigned).await?;
    if !created.key.is_empty() {
        connection.execute(bind_segments(INSERT_SEGMENTS, partition, created)).await?;
    }
    if !changed.key.is_empty() {
        connection.execute(bind_segments(UPDATE_SEGMENTS, partition, changed)).await?;
    }
    if !assigned.key.is_empty() {
        connection.execute(bind_items(INSERT_ITEMS, partition, assigned)).await?;
    }
    if !reassigned.key.is_empty() {
        connection.execute(bind_items(UPDATE_ITEMS, partition, reassigned)).await?;
    }
    Ok(())
}

const EMPTY: &str = "
    delete from item_assignment row
    using unnest($1::text[], $2::text[]) as gone (tenant, segment_id)
    where row.tenant = gone.tenant and row.segment_id = gone.segment_id";

const DELETE_SEGMENTS: &str = "
    delete from segment row
    using unnest($1::text[], $2::text[]) as gone (tenant, segment_id)
    where row.tenant = gone.tenant and row.segment_id = gone.segment_id";

async fn delete(connection: &mut PgConnection, statement: &'static str, keys: &Keys) -> Result<(), sqlx::Error> {
    if !keys.is_empty() {
        connection.execute(sqlx::query(statement).bind(&keys.tenant).bind(&keys.segment_id)).await?;
    }
    Ok(())
}

async fn bury(connection: &mut PgConnection, keys: &Keys, offsets: &[i64]) -> Result<(), sqlx::Error> {
    if !keys.is_empty() {
        let statement = sqlx::query(
            "insert into buried (tenant, segment_id, log_offset)
             select * from unnest($1::text[], $2::text[], $3::bigint[])
             on conflict on constraint buried_pkey do update set log_offset = excluded.log_offset",
        );
        connection.execute(statement.bind(&keys.tenant).bind(&keys.segment_id).bind(offsets)).await?;
    }
    Ok(())
}

async fn delete_items(connection: &mut PgConnection, keys: &ItemKeys) -> Result<(), sqlx::Error> {
    if !keys.is_empty() {
        let statement = sqlx::query(
            "delete from item_assignment row
             using unnest($1::text[], $2::text[], $3::text[], $4::text[]) as gone (tenant, segment_id, type, item_id)
             where row.tenant = gone.tenant and row.segment_id = gone.segment_id
               and row.type = gone.type and row.item_id = gone.item_id",
        );
        let statement = statement.bind(&keys.segment.tenant).bind(&keys.segment.segment_id);
        connection.execute(statement.bind(&keys.kind).bind(&keys.item_id)).await?;
    }
    Ok(())
}

const INSERT_SEGMENTS: &str = "
    insert into segment (partition, tenant, segment_id, incarnation, version, created_at, modified_at, status, site_code,
        valid_from, valid_to, search, texts, doc)
    select $1, tenant, segment_id, incarnation, version, created_at, modified_at, status, site_code,
        valid_from, valid_to, search::jsonb, texts, doc::json
    from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[],
        $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[])
        as new (tenant, segment_id, incarnation, version, created_at, modified_at, status, site_code,
            valid_from, valid_to, search, texts, doc)
    on conflict on constraint segment_pkey do update set
        incarnation = excluded.incarnation, version = excluded.version, created_at = excluded.created_at,
        modified_at = excluded.modified_at, status = excluded.status, site_code = excluded.site_code,
        valid_from = excluded.valid_from, valid_to = excluded.valid_to, search = excluded.search,
        texts = excluded.texts, doc = excluded.doc";

const UPDATE_SEGMENTS: &str = "
    update segment row set
        partition = $1, version = new.version, created_at = new.created_at, modified_at = new.modified_at,
        status = new.status, site_code = new.site_code, valid_from = new.valid_from, valid_to = new.valid_to,
        search = new.search::jsonb, texts = new.texts, doc = new.doc::json
    from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[],
        $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[])
        as new (tenant, segment_id, incarnation, version, created_at, modified_at, status, site_code,
            valid_from, valid_to, search, texts, doc)
    where row.tenant = new.tenant and row.segment_id = new.segment_id";

fn bind_segments<'q>(
    statement: &'static str,
    partition: i16,
    rows: &'q SegmentRows,
) -> Query<'q, Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(statement)
        .bind(partition)
        .bind(&rows.key.tenant)
        .bind(&rows.key.segment_id)
        .bind(&rows.incarnation)
        .bind(&rows.stamp.version)
        .bind(&rows.stamp.created_at)
        .bind(&rows.stamp.modified_at)
        .bind(&rows.status)
        .bind(&rows.site_code)
        .bind(&rows.valid_from)
        .bind(&rows.valid_to)
        .bind(&rows.search)
        .bind(&rows.texts)
        .bind(&rows.doc)
}

const INSERT_ITEMS: &str = "
    insert into item_assignment (partition, tenant, segment_id, type, item_id, log_offset, incarnation, version, created_at,
        modified_at, mixins, metadata_mixins, search)
    select $1, tenant, segment_id, type, item_id, log_offset, incarnation, version, created_at, modified_at,
        mixins::json, metadata_mixins::json, search::jsonb
    from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[],
        $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::text[])
        as new (tenant, segment_id, type, item_id, log_offset, incarnation, version, created_at, modified_at,
            mixins, metadata_mixins, search)
    on conflict on constraint item_assignment_pkey do update set
        log_offset = excluded.log_offset, incarnation = excluded.incarnation, version = excluded.version,
        created_at = excluded.created_at, modified_at = excluded.modified_at, mixins = excluded.mixins,
        metadata_mixins = excluded.metadata_mixins, search = excluded.search";

const UPDATE_ITEMS: &str = "
    update item_assignment row set
        partition = $1, log_offset = new.log_offset, version = new.version, created_at = new.created_at,
        modified_at = new.modified_at, mixins = new.mixins::json, metadata_mixins = new.metadata_mixins::json,
        search = new.search::jsonb
    from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[],
        $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::text[])
        as new (tenant, segment_id, type, item_id, log_offset, incarnation, version, created_at, modified_at,
            mixins, metadata_mixins, search)
    where row.tenant = new.tenant and row.segment_id = new.segment_id
      and row.type = new.type and row.item_id = new.item_id";

fn bind_items<'q>(
    statement: &'static str,
    partition: i16,
    rows: &'q ItemRows,
) -> Query<'q, Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(statement)
        .bind(partition)
        .bind(&rows.key.segment.tenant)
        .bind(&rows.key.segment.segment_id)
        .bind(&rows.key.kind)
        .bind(&rows.key.item_id)
        .bind(&rows.log_offset)
        .bind(&rows.incarnation)
        .bind(&rows.stamp.version)
        .bind(&rows.stamp.created_at)
        .bind(&rows.stamp.modified_at)
        .bind(&rows.mixins)
        .bind(&rows.metadata_mixins)
        .bind(&rows.search)
}
