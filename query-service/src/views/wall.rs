//! The second wall between tenants, beside the condition that every statement has: row-level security. The policies are in
//! `0004_wall.sql`; here is what they need of the server.
//!
//! It is a wall against mistakes in our own statements, not against people who write theirs.

#[cfg(test)]
mod tests;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::OpenError;

/// Owns nothing, so policies hold for it, and may read what migrations grant it. No login: connections become it.
pub const READER: &str = "segments_reader";

/// The functions behind conditions of searches that an index can serve: regular expressions, paths in JSON, names.
///
/// Under a policy a condition comes to an index only if its function is known not to tell, by errors or otherwise, about rows that the
/// policy hides (`leakproof`). Nobody calls these with conditions of their own here, so what they might tell does not matter.
const SEARCHING: [&str; 5] = [
    "textregexeq(text,text)",
    "jsonb_path_match_opr(jsonb,jsonpath)",
    "arrayoverlap(anyarray,anyarray)",
    "name_values(jsonb)",
    "name_texts(jsonb)",
];

/// Makes the role if it is not there, and sees that this login can become it.
///
/// # Errors
/// When the login may do neither.
pub async fn admit_reader(connection: &mut PgConnection) -> Result<(), OpenError> {
    // Two processes that start at once may both find no role, or no membership; the second attempt then finds it.
    if try_admit(connection).await.is_ok() {
        return Ok(());
    }
    let Err(source) = try_admit(connection).await else { return Ok(()) };
    let login = sqlx::query_scalar("select quote_ident(current_user)").fetch_one(connection).await?;
    Err(OpenError::NoReader { login, source })
}

async fn try_admit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let is_there: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
        .bind(READER)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        connection.execute("create role segments_reader").await?;
    }
    if connection.execute("set role segments_reader").await.is_err() {
        connection.execute("grant segments_reader to current_user").await?;
        connection.execute("set role segments_reader").await?;
    }
    connection.execute("reset role").await?;
    Ok(())
}

/// Whether policies hold for the connection's role in every table with a tenant.
pub async fn stands(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select bool_and(row_security_active(class.oid))
         from pg_class class join pg_attribute attribute on attribute.attrelid = class.oid
         where class.relnamespace = current_schema()::regnamespace and class.relkind in ('r', 'p')
           and attribute.attname = 'tenant'",
    )
    .fetch_one(connection)
    .await
}

/// Has the functions of searches marked as leakproof, as far as that is ours to do: only superusers may, and functions that come
/// with PostgreSQL belong to everybody, so they are left alone where the database holds tables of others.
///
/// # Errors
/// When the database does not answer.
pub async fn trust_searches(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    // One process at a time.
    transaction.execute("select pg_advisory_xact_lock(hashtext('segments leakproof'))").await?;
    let (ours, not_ours): (Vec<_>, Vec<_>) =
        distrusted(&mut transaction).await?.into_iter().partition(|(_, is_ours_to_trust)| *is_ours_to_trust);
    for (function, _) in ours {
        transaction.execute(AssertSqlSafe(format!("alter function {function} leakproof"))).await?;
    }
    transaction.commit().await?;
    if !not_ours.is_empty() {
        let advice = not_ours.iter().map(|(function, _)| format!("alter function {function} leakproof"));
        let advice = advice.collect::<Vec<_>>().join("; ");
        tracing::warn!(advice, "searches read all rows of a tenant until a superuser follows the advice");
    }
    Ok(())
}

/// The functions of searches that are not leakproof, as SQL names them, and whether they are ours to mark.
async fn distrusted(connection: &mut PgConnection) -> Result<Vec<(String, bool)>, sqlx::Error> {
    sqlx::query_as(
        "select function.oid::regprocedure::text,
             login.rolsuper and (function.pronamespace = current_schema()::regnamespace or not exists (
                 select from pg_class class join pg_namespace schema on schema.oid = class.relnamespace
                 where class.relkind in ('r', 'p', 'v', 'm', 'f')
                   and schema.nspname not in (select 'v' || version from segments_registry.view)
                   and schema.nspname not in (current_schema(), 'segments_registry')
                   and schema.nspname <> 'information_schema' and not starts_with(schema.nspname, 'pg_')
                   and not exists (
                       select from pg_depend part
                       where part.classid = 'pg_class'::regclass and part.objid = class.oid and part.deptype = 'e'
                   )
             ))
         from pg_proc function join pg_roles login on login.rolname = current_user
         where function.oid = any ($1::text[]::regprocedure[]) and not function.proleakproof",
    )
    .bind(SEARCHING)
    .fetch_all(connection)
    .await
}
