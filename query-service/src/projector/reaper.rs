//! Moves the assignments of buried segments into the past bit by bit, so that no transaction gets long. Any process may do it, and
//! several at once do no harm: they move what no read of the present can see.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::time;

use super::tables::{CUSTOMERS, ITEMS, Mark};

/// Between two looks for something to remove.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Rows moved in one statement.
const BITE: i64 = 5_000;

/// Reaps until dropped.
pub async fn run(pool: PgPool) {
    loop {
        match bite(&pool).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => time::sleep(LOOK_EVERY).await,
            Err(error) => {
                tracing::warn!(%error, "cannot move the assignments of deleted segments, trying again");
                time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Reaps until nothing is left to.
pub async fn drain(pool: &PgPool) -> Result<(), sqlx::Error> {
    while bite(pool).await? {}
    Ok(())
}

/// Moves some dead rows into the past, or removes the mark of a segment that has none left. Whether there may be more.
async fn bite(pool: &PgPool) -> Result<bool, sqlx::Error> {
    // Of the marks of one segment the first comes first: what it ended did not end later.
    let first: Option<(String, String, i64, DateTime<Utc>)> = sqlx::query_as(
        "select tenant, segment_id, until_offset, ended_at from buried order by tenant, segment_id, until_offset limit 1",
    )
    .fetch_optional(pool)
    .await?;
    let Some((tenant, segment_id, until_offset, ended_at)) = first else { return Ok(false) };
    let mark = Mark { tenant, segment_id, until_offset, ended_at };
    let mut connection = pool.acquire().await?;
    for table in [&*ITEMS, &*CUSTOMERS] {
        if table.reap(&mut connection, &mark, BITE).await? > 0 {
            return Ok(true);
        }
    }
    sqlx::query("delete from buried where tenant = $1 and segment_id = $2 and until_offset = $3")
        .bind(&mark.tenant)
        .bind(&mark.segment_id)
        .bind(mark.until_offset)
        .execute(&mut *connection)
        .await?;
    Ok(true)
}
