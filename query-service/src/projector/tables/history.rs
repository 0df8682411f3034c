//! The statement for `segment_history`, which only ever grows.

use sqlx::{Executor as _, PgConnection};

use super::Writing;
use crate::projector::{
    copying::{self, Tuple},
    rows::HistoryRows,
};

const APPEND: &str = "
    insert into segment_history (partition, tenant, segment_id, happened_at, log_offset, version, type, actor, command_id,
        operations, doc)
    select $1, tenant, segment_id, happened_at, log_offset, version, type, actor, command_id, operations::json, doc::json
    from unnest($2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::uuid[],
        $10::text[], $11::text[])
        as new (tenant, segment_id, happened_at, log_offset, version, type, actor, command_id, operations, doc)";

/// Appends what happened.
pub async fn append(
    connection: &mut PgConnection,
    writing: Writing,
    partition: i16,
    rows: &HistoryRows,
) -> Result<(), sqlx::Error> {
    if rows.key.is_empty() {
        return Ok(());
    }
    if writing == Writing::Copied {
        let row = |row: &mut Tuple<'_>, n| copying::entry(row, partition, rows, n);
        return copying::HISTORY.copy(connection, rows.log_offset.len(), row).await;
    }
    let statement = sqlx::query(APPEND)
        .bind(partition)
        .bind(&rows.key.tenant)
        .bind(&rows.key.segment_id)
        .bind(&rows.happened_at)
        .bind(&rows.log_offset)
        .bind(&rows.version)
        .bind(&rows.kind)
        .bind(&rows.actor)
        .bind(&rows.command_id)
        .bind(&rows.operations)
        .bind(&rows.doc);
    connection.execute(statement).await?;
    Ok(())
}
