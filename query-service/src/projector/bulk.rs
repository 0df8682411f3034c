//! Filling empty views from a long log: without the GIN indexes, whose upkeep costs more than all else together, and which
//! Postgres builds from full tables many times faster.
//!
//! The indexes are dropped only while nothing is projected yet, and whoever finds them missing with the views filled makes
//! them again, so a crash in between costs time and nothing else. Until then the service is not ready. The definitions are
//! those of the migrations; a test compares them.

use std::time::Duration;

use shared::log::{EventLog, Partition};
use sqlx::{Connection as _, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::time;

use super::{
    failure::Pause,
    health::{Health, State},
    indexes,
};

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Drops the indexes if nothing is projected yet and the log has at least `bulk_from` offsets.
///
/// # Errors
/// When the database cannot do it.
pub async fn prepare<L: EventLog>(pool: &PgPool, log: &L, bulk_from: u64) -> Result<(), sqlx::Error> {
    let mut records = 0;
    for partition in (0..log.partitions()).map(Partition::new) {
        // What cannot be seen now is not there for this decision.
        records += log.end(partition).await.map_or(0, |end| u64::try_from(end).unwrap_or(0));
    }
    if records < bulk_from {
        return Ok(());
    }
    let mut transaction = pool.begin().await?;
    // Nobody can begin to project until this is decided.
    sqlx::query("lock table projection in exclusive mode").execute(&mut *transaction).await?;
    let begun: bool = sqlx::query_scalar("select exists (select from projection where next_offset > 0)")
        .fetch_one(&mut *transaction)
        .await?;
    if !begun {
        tracing::info!(records, "filling empty views, without some indexes until they are full");
        sqlx::query(indexes::DROP).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// Makes the indexes that are missing once this process has caught up; then ends.
pub async fn finish(database: PgConnectOptions, health: Health) {
    let mut pause = Pause::new();
    loop {
        let wait = match make_missing(&database, &health).await {
            Ok(()) => return health.set_bulk(false),
            Err(error) => {
                let wait = pause.next();
                tracing::warn!(%error, ?wait, "cannot see to the indexes, trying again");
                wait
            }
        };
        time::sleep(wait).await;
    }
}

async fn make_missing(database: &PgConnectOptions, health: &Health) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(database).await?;
    let mut missing = Vec::new();
    for (name, definition) in indexes::GIN {
        let found: Option<String> =
            sqlx::query_scalar("select to_regclass($1)::text").bind(name).fetch_one(&mut connection).await?;
        missing.extend(found.is_none().then_some((name, definition)));
    }
    health.set_bulk(!missing.is_empty());
    for (name, definition) in missing {
        while health.states().iter().any(|(_, state)| matches!(state, State::Starting | State::CatchingUp)) {
            time::sleep(LOOK_EVERY).await;
        }
        tracing::info!(name, "making an index");
        sqlx::query(definition).execute(&mut connection).await?;
    }
    connection.close().await
}
