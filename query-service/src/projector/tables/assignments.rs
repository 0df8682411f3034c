//! The statements for `item_assignment` and `customer_assignment`, which differ in the names of some columns only, and for the
//! past of each.
//!
//! A new column of both: in [`Table::new`] and in [`Table::bind`], whose order is that of the parameters; if the past should
//! show it, in [`Past`] too.

mod past;

use std::sync::LazyLock;

use sqlx::{Executor as _, PgConnection, Postgres, postgres::PgArguments, query::Query};

pub use self::past::Mark;
use self::past::Past;
use crate::projector::rows::{AssignmentKeys, AssignmentRows, Assignments, Deletions};

/// Products and categories.
pub static ITEMS: LazyLock<Table> = LazyLock::new(|| Table::new("item_assignment", ["type", "item_id"], false));

/// Customers.
pub static CUSTOMERS: LazyLock<Table> =
    LazyLock::new(|| Table::new("customer_assignment", ["customer_id", "legal_entity_id"], true));

/// How one of the tables is written.
#[derive(Debug)]
pub struct Table {
    past: Past,
    insert: String,
    update: String,
    delete: String,
    has_assignment_type: bool,
}

impl Table {
    fn new(table: &str, [first, second]: [&str; 2], has_assignment_type: bool) -> Self {
        let on_segment = "row.tenant = other.tenant and row.segment_id = other.segment_id";
        let on_key = format!("{on_segment} and row.{first} = other.{first} and row.{second} = other.{second}");
        let key = format!("tenant, segment_id, {first}, {second}");
        let (kind, kind_array, new_kind, kind_excluded) = if has_assignment_type {
            let assigned = |from| format!(", assignment_type = {from}.assignment_type");
            (", assignment_type", ", $14::text[]", assigned("other"), assigned("excluded"))
        } else {
            ("", "", String::new(), String::new())
        };
        let others = format!(
            "unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[],
                 $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::text[]{kind_array})
             as other ({key}, log_offset, incarnation, version, created_at, modified_at, mixins, metadata_mixins,
                 search{kind})"
        );
        Self {
            past: Past::of(table, [first, second], has_assignment_type),
            insert: format!(
                "insert into {table} (partition, {key}, log_offset, incarnation, version, created_at, modified_at,
                     mixins, metadata_mixins, search{kind})
                 select $1, {key}, log_offset, incarnation, version, created_at, modified_at,
                     mixins::json, metadata_mixins::json, search::jsonb{kind}
                 from {others}
                 on conflict on constraint {table}_pkey do update set
                     log_offset = excluded.log_offset, incarnation = excluded.incarnation, version = excluded.version,
                     created_at = excluded.created_at, modified_at = excluded.modified_at, mixins = excluded.mixins,
                     metadata_mixins = excluded.metadata_mixins, search = excluded.search{kind_excluded}"
            ),
            update: format!(
                "update {table} row set
                     partition = $1, log_offset = other.log_offset, version = other.version,
                     created_at = other.created_at, modified_at = other.modified_at, mixins = other.mixins::json,
                     metadata_mixins = other.metadata_mixins::json, search = other.search::jsonb{new_kind}
                 from {others} where {on_key}"
            ),
            delete: format!(
                "delete from {table} row using unnest($1::text[], $2::text[], $3::text[], $4::text[]) as other ({key}) where {on_key}"
            ),
            has_assignment_type,
        }
    }

    /// Puts into the past what the batch ended, and what came and went within it.
    pub async fn end(&'static self, connection: &mut PgConnection, rows: &Assignments) -> Result<(), sqlx::Error> {
        self.past.copy(connection, &rows.ended.0, &rows.ended.1).await?;
        self.past.insert(connection, &rows.over.0, &rows.over.1).await
    }

    /// Moves all assignments of these segments into the past.
    pub async fn empty(&'static self, connection: &mut PgConnection, segments: &Deletions) -> Result<(), sqlx::Error> {
        self.past.empty(connection, segments).await
    }

    /// Moves some dead rows of a segment into the past; how many.
    pub async fn reap(
        &'static self,
        connection: &mut PgConnection,
        mark: &Mark,
        bite: i64,
    ) -> Result<i64, sqlx::Error> {
        self.past.reap(connection, mark, bite).await
    }

    /// Writes what a batch changes in the table.
    pub async fn write(
        &'static self,
        connection: &mut PgConnection,
        partition: i16,
        rows: &Assignments,
    ) -> Result<(), sqlx::Error> {
        let Assignments { assigned, reassigned, unassigned, .. } = rows;
        // What is removed here may be of an earlier life, which ended when its segment did.
        self.past.rescue(connection, unassigned).await?;
        self.delete(connection, unassigned).await?;
        self.past.rescue(connection, &assigned.key).await?;
        for (statement, rows) in [(&*self.insert, assigned), (&*self.update, reassigned)] {
            if !rows.key.is_empty() {
                connection.execute(self.bind(statement, partition, rows)).await?;
            }
        }
        Ok(())
    }

    async fn delete(&'static self, connection: &mut PgConnection, keys: &AssignmentKeys) -> Result<(), sqlx::Error> {
        if !keys.is_empty() {
            let statement = sqlx::query(&*self.delete).bind(&keys.segment.tenant).bind(&keys.segment.segment_id);
            connection.execute(statement.bind(&keys.target[0]).bind(&keys.target[1])).await?;
        }
        Ok(())
    }

    fn bind<'q>(
        &self,
        statement: &'static str,
        partition: i16,
        rows: &'q AssignmentRows,
    ) -> Query<'q, Postgres, PgArguments> {
        let statement = sqlx::query(statement)
            .bind(partition)
            .bind(&rows.key.segment.tenant)
            .bind(&rows.key.segment.segment_id)
            .bind(&rows.key.target[0])
            .bind(&rows.key.target[1])
            .bind(&rows.log_offset)
            .bind(&rows.incarnation)
            .bind(&rows.stamp.version)
            .bind(&rows.stamp.created_at)
            .bind(&rows.stamp.modified_at)
            .bind(&rows.mixins)
            .bind(&rows.metadata_mixins)
            .bind(&rows.search);
        if self.has_assignment_type { statement.bind(&rows.assignment_type) } else { statement }
    }
}
