//! Checksums of the views, to compare a rebuilt one with the one before, or those of two databases.
//!
//! A checksum counts the rows of a table and adds up a hash of each, so the order of rows does not matter. When and by whom
//! a row was written is left out, and so are rows that only wait to be removed.

use std::fmt;

use sqlx::{FromRow, PgPool, Row as _, postgres::PgRow};

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// The table.
    pub name: String,
    /// How many rows.
    pub rows: i64,
    /// The sum of their hashes.
    pub hash: String,
}

impl FromRow<'_, PgRow> for Checksum {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self { name: row.try_get("name")?, rows: row.try_get("rows")?, hash: row.try_get("hash")? })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.rows, self.hash)
    }
}

/// The statement, also for `psql`: set `search_path` to the schema of the views first. `projection` is part of it, since
/// equal rows at different positions of the log are not equal views.
pub const STATEMENT: &str = include_str!("checksum.sql");

/// The checksum of every table, with the rows of all tenants, in one snapshot.
///
/// # Errors
/// When the database cannot answer.
pub async fn of(owner: &PgPool) -> Result<Vec<Checksum>, sqlx::Error> {
    sqlx::query_as(STATEMENT).fetch_all(owner).await
}
