//! Removes the assignments of buried segments bit by bit, so that no transaction gets long. Any process may do it, and
//! several at once do no harm: they remove what nobody can see.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time;

/// Between two looks for something to remove.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Rows removed in one statement.
const BITE: i64 = 5_000;

/// Reaps until dropped.
pub async fn run(pool: PgPool) {
    loop {
        match bite(&pool).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => time::sleep(LOOK_EVERY).await,
            Err(error) => {
                tracing::warn!(%error, "cannot remove the assignments of deleted segments, trying again");
                time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Removes at most `$4` rows of a segment (`$1`, `$2`) that were written before `$3`; one statement for each table.
const BITES: [&str; 2] = [
    "delete from item_assignment where ctid = any (array(
         select ctid from item_assignment where tenant = $1 and segment_id = $2 and log_offset < $3 limit $4))",
    "delete from customer_assignment where ctid = any (array(
         select ctid from customer_assignment where tenant = $1 and segment_id = $2 and log_offset < $3 limit $4))",
];

/// Removes some dead rows, or the mark of a segment that has none left. Whether there may be more.
async fn bite(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let mark: Option<(String, String, i64)> =
        sqlx::query_as("select tenant, segment_id, log_offset from buried limit 1").fetch_optional(pool).await?;
    let Some((tenant, segment_id, log_offset)) = mark else { return Ok(false) };
    for statement in BITES {
        let removal = sqlx::query(statement).bind(&tenant).bind(&segment_id).bind(log_offset).bind(BITE);
        if removal.execute(pool).await?.rows_affected() > 0 {
            return Ok(true);
        }
    }
    sqlx::query("delete from buried where tenant = $1 and segment_id = $2 and log_offset = $3")
        .bind(&tenant)
        .bind(&segment_id)
        .bind(log_offset)
        .execute(pool)
        .await?;
    Ok(true)
}
