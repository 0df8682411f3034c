//! The migrations, part of the program. A new one: a file in `migrations/`, and a line in [`ALL`].

use futures::future::BoxFuture;
use sqlx::{
    PgConnection, SqlStr,
    error::BoxDynError,
    migrate::{MigrateError, Migration, MigrationSource, MigrationType, Migrator},
};

/// Version, what it is about, and the statements.
const ALL: [(i64, &str, &str); 5] = [
    (1, "views", include_str!("../../migrations/0001_views.sql")),
    (2, "customers", include_str!("../../migrations/0002_customers.sql")),
    (3, "reference", include_str!("../../migrations/0003_reference.sql")),
    (4, "wall", include_str!("../../migrations/0004_wall.sql")),
    (5, "history", include_str!("../../migrations/0005_history.sql")),
];

/// Brings the tables to which the connection's `search_path` leads up to date.
///
/// # Errors
/// When the database refuses, or was migrated by statements that differ from these.
pub async fn run(connection: &mut PgConnection) -> Result<(), MigrateError> {
    Migrator::new(Embedded).await?.run(connection).await
}

#[derive(Debug)]
struct Embedded;

impl MigrationSource<'static> for Embedded {
    fn resolve(self) -> BoxFuture<'static, Result<Vec<Migration>, BoxDynError>> {
        let migration = |(version, about, sql): (i64, &'static str, &'static str)| {
            Migration::new(version, about.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
        };
        Box::pin(async move { Ok(ALL.map(migration).into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_one_of_them() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let files = std::fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").file_name());
        let mut files: Vec<String> = files.map(|name| name.into_string().expect("a plain name")).collect();
        files.sort();
        assert_eq!(files, ALL.map(|(version, about, _)| format!("{version:04}_{about}.sql")));
    }
}
