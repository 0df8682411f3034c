//! Merges what the GIN indexes have put aside. Left to itself Postgres does it within some transaction of the projector, which
//! then stands still, and until then every search reads through all that was put aside.

use std::time::Duration;

use shared::clock::SharedClock;
use sqlx::PgPool;
use tokio::time;

use super::{
    health::{Health, State},
    indexes,
};
use crate::progress::Progress;

const EVERY: Duration = Duration::from_secs(1);

const MERGE: &str = "
    select gin_clean_pending_list(to_regclass(index))
    from unnest($1::text[]) index
    where to_regclass(index) is not null";

/// While the views are further behind than this, merging waits: they have more need of the database.
const BUSY: Duration = Duration::from_millis(200);

/// Merges every second in which this process has projected something, until dropped.
pub async fn run(pool: PgPool, progress: Progress, health: Health, clock: SharedClock) {
    let mut merged = progress.total();
    loop {
        time::sleep(EVERY).await;
        let projected = progress.total();
        if projected == merged
            || progress.lag(clock.now()) > BUSY
            || !health.states().iter().any(|(_, state)| projects(state))
        {
            continue;
        }
        match sqlx::query(MERGE).bind(indexes::names()).execute(&pool).await {
            Ok(_) => merged = projected,
            Err(error) => tracing::debug!(%error, "cannot merge what the indexes have put aside"),
        }
    }
}

fn projects(state: &State) -> bool {
    matches!(state, State::CatchingUp | State::Following)
}
