//! Who is connected to the database of the views.

use sqlx::PgPool;

/// The server's processes for all sessions with the database, whosesoever they are.
///
/// # Errors
/// When the database cannot be asked.
pub async fn all(owner: &PgPool) -> Result<Vec<i32>, sqlx::Error> {
    sqlx::query_scalar("select pid from pg_stat_activity where datname = current_database()").fetch_all(owner).await
}
