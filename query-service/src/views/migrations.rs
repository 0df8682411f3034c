//! The migrations, part of the program. A new one: a file in `migrations/`, and a line in [`ALL`].

use futures::future::BoxFuture;
use sqlx::{
    PgConnection, SqlStr,
    error::BoxDynError,
    migrate::{MigrateError, Migration, MigrationSource, MigrationType, Migrator},
};

/// Version, what it is about, and the statements.
const ALL: [(i64, &str, &str); 6] = [
    (1, "views", include_str!("../../migrations/0001_views.sql")),
    (2, "customers", include_str!("../../migrations/0002_customers.sql")),
    (3, "reference", include_str!("../../migrations/0003_reference.sql")),
    (4, "wall", include_str!("../../migrations/0004_wall.sql")),
    (5, "history", include_str!("../../migrations/0005_history.sql")),
    (6, "metadata_texts", include_str!("../../migrations/0006_metadata_texts.sql")),
];

/// Brings the tables to which the connection's `search_path` leads up to date.
///
/// # Errors
/// When the database refuses, or was migrated by statements that differ from these.
pub async fn run(connection: &mut PgConnection) -> Result<(), MigrateError> {
    // As `run`, which would keep all futures around it from being sent to other threads.
    Migrator::new(First(ALL.len())).await?.run_direct(None, connection, false).await
}

/// So many of them, from the first on.
#[derive(Debug)]
struct First(usize);

impl MigrationSource<'static> for First {
    fn resolve(self) -> BoxFuture<'static, Result<Vec<Migration>, BoxDynError>> {
        let migration = |(version, about, sql): (i64, &'static str, &'static str)| {
            Migration::new(version, about.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
        };
        Box::pin(async move { Ok(ALL.into_iter().take(self.0).map(migration).collect()) })
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, Executor as _};

    use super::*;
    use crate::views::{Database, Version, options, wall};

    /// What the program of migration 4 had projected, how it looks for rows to remove, and how it takes up a partition.
    const OLD: &str = "
        insert into segment (tenant, segment_id, partition, incarnation, version, created_at, modified_at, status,
            site_code, search, texts, doc)
        values ('acme', 'g1', 0, '00000000', 1, now(), now(), 'ACTIVE', 'main', '{}', '', '{}');
        insert into item_assignment (tenant, segment_id, type, item_id, partition, log_offset, incarnation, version,
            created_at, modified_at)
        values ('acme', 'g1', 'PRODUCT', 'p1', 0, 2, '00000000', 1, now(), now());
        insert into buried values ('acme', 'g2', 1);
        insert into customer (tenant, customer_id) values ('acme', 'c1')";
    const REAP: &str = "select tenant, segment_id, log_offset from buried limit 1";
    const TAKE_UP: &str =
        "insert into projection (partition, next_offset, acceptance) values (0, 0, '{}') on conflict do nothing";

    #[tokio::test]
    async fn what_was_projected_before_there_was_a_past_is_projected_anew_and_not_by_an_old_program() {
        let database = local_parts::testing::database().await;
        let options = options(&Database::at(database.url()), Version::FIRST).expect("a URL");
        let mut connection = PgConnection::connect_with(&options).await.expect("connected");
        wall::admit_reader(&mut connection).await.expect("a reader");
        connection.execute("create schema v1").await.expect("a schema");
        Migrator::new(First(4)).await.expect("migrations").run(&mut connection).await.expect("made");
        sqlx::raw_sql(OLD).execute(&mut connection).await.expect("filled");
        connection.execute(TAKE_UP).await.expect("taken up");

        run(&mut connection).await.expect("migrated");
        for (table, expected) in
            [("segment", 0), ("item_assignment", 0), ("buried", 0), ("projection", 0), ("customer", 1)]
        {
            let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
            let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await.expect("a number");
            assert_eq!(rows, expected, "{table}");
        }
        for (statement, code) in [(TAKE_UP, "23502"), (REAP, "42703")] {
            let refused = connection.execute(statement).await.expect_err("refused").into_database_error();
            assert_eq!(refused.and_then(|error| error.code().map(String::from)).as_deref(), Some(code), "{statement}");
        }
    }

    #[test]
    fn every_file_of_the_folder_is_one_of_them() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let files = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").file_name());
        let mut files: Vec<String> = files.map(|name| name.into_string().expect("a plain name")).collect();
        files.sort();
        assert_eq!(files, ALL.map(|(version, about, _)| format!("{version:04}_{about}.sql")));
    }
}
