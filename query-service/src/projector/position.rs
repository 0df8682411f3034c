//! The table `projection`: how far a partition is applied, with what the acceptance rule needs to go on from there. The
//! compare-and-set on its offset is what makes every record count exactly once; the lock only saves idle work. The table refuses
//! a layout older than its own, so that no program leaves out what it does not know.

use shared::log::{Acceptance, Offset, Partition};
use sqlx::{PgConnection, types::Json};

use crate::views::LAYOUT;

/// Another projector has applied the same records: what this one prepared must not be written.
#[derive(Debug, thiserror::Error)]
#[error("another projector was here")]
pub struct Outrun;

/// Whether this connection may project the partition. The lock ends with the connection; it is not waited for, since a
/// waiting statement would keep vacuum from its work.
pub async fn try_lock(connection: &mut PgConnection, partition: Partition) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_lock(hashtext(current_schema() || '.projection'), $1)")
        .bind(i32::from(partition.number()))
        .fetch_one(connection)
        .await
}

/// Where the partition's projection stands; before the first record it is made so.
pub async fn load(
    connection: &mut PgConnection,
    partition: Partition,
    partitions: u16,
) -> Result<Acceptance, sqlx::Error> {
    let fresh = Acceptance::new(partition, partitions);
    sqlx::query(
        "insert into projection (partition, next_offset, acceptance, layout) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(column(partition))
    .bind(fresh.next_offset())
    .bind(Json(&fresh))
    .bind(LAYOUT)
    .execute(&mut *connection)
    .await?;
    let stored: Json<Acceptance> = sqlx::query_scalar("select acceptance from projection where partition = $1")
        .bind(column(partition))
        .fetch_one(connection)
        .await?;
    Ok(stored.0)
}

/// Moves the partition from one offset on to where `to` stands; `false` when it no longer stood there.
pub async fn advance(connection: &mut PgConnection, from: Offset, to: &Acceptance) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "update projection set next_offset = $3, acceptance = $4, updated_at = now()
         where partition = $1 and next_offset = $2",
    )
    .bind(column(to.partition))
    .bind(from)
    .bind(to.next_offset())
    .bind(Json(to))
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// A partition as the tables hold it. Logs have far fewer than the 32,767 that fit.
pub fn column(partition: Partition) -> i16 {
    partition.number() as i16
}
