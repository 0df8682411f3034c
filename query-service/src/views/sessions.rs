//! Who is connected to the database of the views.

use sqlx::PgPool;

use super::opening::READS;

const BUT_READS: &str = "
    select pid
    from pg_stat_activity
    where datname = current_database() and application_name is distinct from $1";

/// The server's processes for all sessions that answer no reads: those of projectors, rebuilds, and whoever looks after the views.
///
/// # Errors
/// When the database cannot be asked.
pub async fn all_but_reads(owner: &PgPool) -> Result<Vec<i32>, sqlx::Error> {
    sqlx::query_scalar(BUT_READS).bind(READS).fetch_all(owner).await
}
