//! The statements for `past_item_assignment` and `past_customer_assignment`: states of assignments that are over.
//!
//! A state ends once. Where more than one statement finds it, the first says when it ended, and the others leave it at that.

use chrono::{DateTime, Utc};
use sqlx::{Executor as _, PgConnection};

use crate::projector::rows::{AssignmentKeys, AssignmentRows, Deletions};

/// SQL: when the row `row` ended, if it waits to be removed; null if it does not.
const OVER: &str = "(select min(buried.ended_at) from buried
     where buried.tenant = row.tenant and buried.segment_id = row.segment_id and row.log_offset < buried.until_offset)";

/// A row of `buried`: what was written of the segment before this offset is dead.
#[derive(Debug)]
pub struct Mark {
    /// Whose segment.
    pub tenant: String,
    /// The segment.
    pub segment_id: String,
    /// Of the deletion.
    pub until_offset: i64,
    /// When it was.
    pub ended_at: DateTime<Utc>,
}

/// How the past of one of the tables is written.
#[derive(Debug)]
pub struct Past {
    copy: String,
    empty: String,
    rescue: String,
    insert: String,
    reap: String,
    has_assignment_type: bool,
}

impl Past {
    pub(super) fn of(table: &str, [first, second]: [&str; 2], has_assignment_type: bool) -> Self {
        let key = format!("tenant, segment_id, {first}, {second}");
        let (kind, kind_array) = if has_assignment_type { (", assignment_type", ", $12::text[]") } else { ("", "") };
        let columns =
            format!("{key}, log_offset, version, created_at, modified_at, mixins, metadata_mixins, search{kind}");
        let row = format!("row.{}", columns.replace(", ", ", row."));
        let on_segment = "row.tenant = other.tenant and row.segment_id = other.segment_id";
        let on_key = format!("{on_segment} and row.{first} = other.{first} and row.{second} = other.{second}");
        let into = format!("insert into past_{table} ({columns}, ended_at)");
        let unless_known = format!("on conflict on constraint past_{table}_pkey do nothing");
        Self {
            copy: format!(
                "{into} select {row}, other.ended_at
                 from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) as other ({key}, ended_at)
                 join {table} row on {on_key} {unless_known}"
            ),
            empty: format!(
                "with gone as (
                     delete from {table} row
                     using unnest($1::text[], $2::text[], $3::timestamptz[]) as other (tenant, segment_id, ended_at)
                     where {on_segment} returning {row}, coalesce({OVER}, other.ended_at) as ended_at
                 )
                 {into} select * from gone {unless_known}"
            ),
            rescue: format!(
                "{into} select {row}, {OVER}
                 from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as other ({key})
                 join {table} row on {on_key} where {OVER} is not null {unless_known}"
            ),
            insert: format!(
                "{into}
                 select {key}, log_offset, version, created_at, modified_at, mixins::json, metadata_mixins::json,
                     search::jsonb{kind}, ended_at
                 from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
                     $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::text[]{kind_array},
                     ${}::timestamptz[]) as new ({columns}, ended_at)",
                if has_assignment_type { 13 } else { 12 }
            ),
            reap: format!(
                // The offset is asked twice: a row that was overwritten while this waited for it is another one now.
                "with gone as (
                     delete from {table} row where row.log_offset < $3 and ctid = any (array(
                         select ctid from {table} where tenant = $1 and segment_id = $2 and log_offset < $3 limit $5))
                     returning {row}
                 ), kept as ({into} select gone.*, $4 from gone {unless_known})
                 select count(*) from gone"
            ),
            has_assignment_type,
        }
    }

    /// Keeps rows of the table as they are now.
    pub(super) async fn copy(
        &'static self,
        connection: &mut PgConnection,
        keys: &AssignmentKeys,
        ended_at: &[DateTime<Utc>],
    ) -> Result<(), sqlx::Error> {
        if !keys.is_empty() {
            let statement = sqlx::query(&*self.copy).bind(&keys.segment.tenant).bind(&keys.segment.segment_id);
            let statement = statement.bind(&keys.target[0]).bind(&keys.target[1]);
            connection.execute(statement.bind(ended_at)).await?;
        }
        Ok(())
    }

    /// Moves all rows of these segments. Some may have waited to be removed since an earlier deletion.
    pub(super) async fn empty(
        &'static self,
        connection: &mut PgConnection,
        segments: &Deletions,
    ) -> Result<(), sqlx::Error> {
        if !segments.key.is_empty() {
            let statement = sqlx::query(&*self.empty).bind(&segments.key.tenant).bind(&segments.key.segment_id);
            connection.execute(statement.bind(&segments.ended_at)).await?;
        }
        Ok(())
    }

    /// Keeps rows that wait to be removed and are about to be overwritten or deleted. Nearly always there is nothing to ask.
    pub(super) async fn rescue(
        &'static self,
        connection: &mut PgConnection,
        keys: &AssignmentKeys,
    ) -> Result<(), sqlx::Error> {
        if keys.is_empty() {
            return Ok(());
        }
        let some_wait: bool =
            sqlx::query_scalar("select exists (select from buried)").fetch_one(&mut *connection).await?;
        if some_wait {
            let statement = sqlx::query(&*self.rescue).bind(&keys.segment.tenant).bind(&keys.segment.segment_id);
            connection.execute(statement.bind(&keys.target[0]).bind(&keys.target[1])).await?;
        }
        Ok(())
    }

    /// Adds states that no table ever held.
    pub(super) async fn insert(
        &'static self,
        connection: &mut PgConnection,
        rows: &AssignmentRows,
        ended_at: &[DateTime<Utc>],
    ) -> Result<(), sqlx::Error> {
        if rows.key.is_empty() {
            return Ok(());
        }
        let statement = sqlx::query(&*self.insert)
            .bind(&rows.key.segment.tenant)
            .bind(&rows.key.segment.segment_id)
            .bind(&rows.key.target[0])
            .bind(&rows.key.target[1])
            .bind(&rows.log_offset)
            .bind(&rows.stamp.version)
            .bind(&rows.stamp.created_at)
            .bind(&rows.stamp.modified_at)
            .bind(&rows.mixins)
            .bind(&rows.metadata_mixins)
            .bind(&rows.search);
        let statement = if self.has_assignment_type { statement.bind(&rows.assignment_type) } else { statement };
        connection.execute(statement.bind(ended_at)).await?;
        Ok(())
    }
    /// Moves some rows of a segment that were written before its deletion, at most `bite` of them; how many.
    pub(super) async fn reap(
        &'static self,
        connection: &mut PgConnection,
        mark: &Mark,
        bite: i64,
    ) -> Result<i64, sqlx::Error> {
        let statement = sqlx::query_scalar(&*self.reap).bind(&mark.tenant).bind(&mark.segment_id);
        statement.bind(mark.until_offset).bind(mark.ended_at).bind(bite).fetch_one(connection).await
    }
}
