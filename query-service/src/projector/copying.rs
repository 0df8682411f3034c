//! Rows as COPY takes them, in its binary format: cheaper for the server than an insert, and only for rows that are not there yet.

mod binary;

use sqlx::PgConnection;

pub use self::binary::{Tuple, Tuples};
use super::rows::{HistoryRows, SegmentRows};

/// A table, and its columns in the order of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns.
    pub columns: &'static str,
}

/// As [`segment`] writes its rows.
pub const SEGMENTS: Table = Table {
    name: "segment",
    columns:
        "tenant, segment_id, partition, incarnation, version, created_at, modified_at, status, site_code, valid_from,
        valid_to, search, texts, doc",
};

/// As [`entry`] writes its rows.
pub const HISTORY: Table = Table {
    name: "segment_history",
    columns: "tenant, segment_id, happened_at, partition, log_offset, version, type, actor, command_id, operations, doc",
};

/// A row of `segment`.
pub fn segment(row: &mut Tuple<'_>, partition: i16, rows: &SegmentRows, n: usize, incarnation: &str) {
    row.text(&rows.key.tenant[n]).text(&rows.key.segment_id[n]).small(partition).text(incarnation);
    row.number(rows.stamp.version[n]).time(rows.stamp.created_at[n]).time(rows.stamp.modified_at[n]);
    row.text(rows.status[n]).text(&rows.site_code[n]).time(rows.valid_from[n]).time(rows.valid_to[n]);
    row.jsonb(Some(&rows.search[n])).text(&rows.texts[n]).json(Some(&rows.doc[n]));
}

/// A row of `segment_history`.
pub fn entry(row: &mut Tuple<'_>, partition: i16, rows: &HistoryRows, n: usize) {
    row.text(&rows.key.tenant[n]).text(&rows.key.segment_id[n]).time(rows.happened_at[n]).small(partition);
    row.number(rows.log_offset[n]).number(rows.version[n]).text(rows.kind[n]).text(&rows.actor[n]);
    row.uuid(rows.command_id[n]).json(rows.operations[n].as_deref()).json(rows.doc[n].as_deref());
}

impl Table {
    /// Copies so many rows, as `write` writes each.
    ///
    /// # Errors
    /// When the database refuses, for example because one is there already.
    pub async fn copy(
        self,
        connection: &mut PgConnection,
        rows: usize,
        write: impl Fn(&mut Tuple<'_>, usize),
    ) -> Result<(), sqlx::Error> {
        if rows == 0 {
            return Ok(());
        }
        let mut tuples = Tuples::default();
        (0..rows).for_each(|n| tuples.row(|row| write(row, n)));
        let mut copying = connection.copy_in_raw(&self.statement("format binary")).await?;
        copying.send(tuples.take()).await?;
        copying.finish().await.map(drop)
    }

    /// The statement that takes rows, with these options.
    pub fn statement(self, options: &str) -> String {
        format!("copy {} ({}) from stdin ({options})", self.name, self.columns)
    }
}
