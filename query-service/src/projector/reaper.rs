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

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, PgConnection};

    use local_parts::testing::{TestDatabase, database};

    use crate::{
        progress::Progress,
        projector::rows::{AssignmentKeys, Assignments, Keys},
        views::{self, Access, Database, Version},
    };

    use super::*;

    /// Views with one row that waits to be removed.
    async fn one_waits() -> (TestDatabase, Access) {
        let database = database().await;
        let access = views::open(&Database::at(database.url()), Version::FIRST, Progress::new(1, 0)).await;
        let access = access.expect("the views open");
        let fill = "insert into item_assignment (tenant, segment_id, type, item_id, partition, log_offset, incarnation, version,
                        created_at, modified_at)
                    values ('acme', 's', 'PRODUCT', 'p', 0, 1, '00000000', 1, now(), now());
                    insert into buried (tenant, segment_id, until_offset, ended_at) values ('acme', 's', 5, now())";
        sqlx::raw_sql(fill).execute(&access.owner).await.expect("a row that waits to be removed");
        (database, access)
    }

    /// How many rows there are now, and in the past.
    async fn counted(access: &Access) -> (i64, i64) {
        let rows = "select (select count(*) from item_assignment), (select count(*) from past_item_assignment)";
        sqlx::query_as(rows).fetch_one(&access.owner).await.expect("an answer")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_row_that_waits_is_kept_when_its_item_came_and_went_in_the_next_life() {
        let (_database, access) = one_waits().await;
        let segment = Keys { tenant: vec!["acme".to_owned()], segment_id: vec!["s".to_owned()] };
        let target = [vec!["PRODUCT".to_owned()], vec!["p".to_owned()]];
        let rows = Assignments { unassigned: AssignmentKeys { segment, target }, ..Assignments::default() };
        let mut connection = access.owner.acquire().await.expect("a connection");
        ITEMS.write(&mut connection, 0, &rows).await.expect("written");
        drop(connection);
        assert_eq!(counted(&access).await, (0, 1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_row_that_is_overwritten_while_the_reaper_waits_for_it_stays() {
        let (database, access) = one_waits().await;
        let mut projecting = access.owner.begin().await.expect("a transaction");
        let assign = sqlx::query("update item_assignment set log_offset = 7");
        assign.execute(&mut *projecting).await.expect("it is assigned again");
        let owner = access.owner.clone();
        let reaping = tokio::spawn(async move { bite(&owner).await });
        let waits = "select exists (select from pg_stat_activity
                     where datname = current_database() and wait_event_type = 'Lock')";
        let mut looking = PgConnection::connect(database.url()).await.expect("a connection");
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut looking).await.expect("an answer") {
            time::sleep(Duration::from_millis(5)).await;
        }
        projecting.commit().await.expect("a commit");
        reaping.await.expect("no panic").expect("no error");
        assert_eq!(counted(&access).await, (1, 0));
    }
}
