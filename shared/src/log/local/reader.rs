//! Reading a log beside the process that writes it: for tools. Takes no lock, changes nothing, and holds a read transaction no
//! longer than for a page, so that the writer's checkpoints are never held up. What is damaged is told and read past.

use std::{fmt, path::Path, path::PathBuf};

use rusqlite::{Connection, params};

use super::{file, row};
use crate::log::{LogError, Offset, Partition, Record};

/// Records and bytes of a page, about.
const PAGE_RECORDS: i64 = 512;
const PAGE_BYTES: usize = 1024 * 1024;

const OF_ALL: &str = "SELECT position, partition, appended_at, key, headers, value FROM record \
                      WHERE position >= ?1 AND position < ?2 ORDER BY position LIMIT ?3";
const OF_ONE: &str = "SELECT position, partition, appended_at, key, headers, value FROM record \
                      WHERE position >= ?1 AND position < ?2 AND partition = ?4 ORDER BY position LIMIT ?3";

/// A log in one SQLite file, to be read only. All calls block.
pub struct LocalReader {
    path: PathBuf,
    connection: Connection,
    partitions: u16,
}

impl fmt::Debug for LocalReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalReader").field(&self.path).finish()
    }
}

impl LocalReader {
    /// Opens the file.
    ///
    /// # Errors
    /// `Unavailable` if it is not there or cannot be read for now, `Damaged` if it is not a log.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let at = |error| file::within(path, error);
        file::check_magic(path).map_err(at)?;
        let connection = file::open_for_reading(path)?;
        let partitions = file::partitions_of(&connection).map_err(at)?;
        Ok(Self { path: path.to_owned(), connection, partitions })
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The position behind the last record of all partitions.
    ///
    /// # Errors
    /// When the file cannot be read for now.
    pub fn end(&self) -> Result<Offset, LogError> {
        let end = self.connection.query_row("SELECT coalesce(max(position) + 1, 0) FROM record", [], |row| row.get(0));
        end.map_err(|error| self.failed(&error))
    }

    /// The records from one position up to, and without, another; of one partition, or of all in the order in which they lie in
    /// the file.
    pub fn pages(self, partition: Option<Partition>, from: Offset, to: Offset) -> Pages {
        Pages { reader: self, partition, next: from, to, damaged: None }
    }

    fn failed(&self, error: &rusqlite::Error) -> LogError {
        file::within(&self.path, row::unreadable(error))
    }
}

/// The records of a stretch of the log, page by page. After a row that cannot be read, `Damaged`, it goes on behind it; after
/// any other error it ends.
#[derive(Debug)]
pub struct Pages {
    reader: LocalReader,
    partition: Option<Partition>,
    next: Offset,
    to: Offset,
    /// To be told when what was read before it is.
    damaged: Option<LogError>,
}

impl Iterator for Pages {
    type Item = Result<Vec<Record>, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.damaged.take() {
            return Some(Err(error));
        }
        if self.next >= self.to {
            return None;
        }
        match self.page() {
            Ok(records) if records.is_empty() => self.damaged.take().map(Err),
            Ok(records) => Some(Ok(records)),
            Err(error) => {
                self.next = self.to;
                Some(Err(self.reader.failed(&error)))
            }
        }
    }
}

impl Pages {
    /// Where the next page begins: goes on to `to` where this ended.
    pub fn go_on_to(&mut self, to: Offset) {
        self.to = to;
    }

    /// The position behind the last record of the log as it is now.
    ///
    /// # Errors
    /// When the file cannot be read for now.
    pub fn end(&self) -> Result<Offset, LogError> {
        self.reader.end()
    }

    fn page(&mut self) -> rusqlite::Result<Vec<Record>> {
        let connection = &self.reader.connection;
        let mut statement = connection.prepare_cached(if self.partition.is_some() { OF_ONE } else { OF_ALL })?;
        let mut rows = match self.partition {
            Some(partition) => statement.query(params![self.next, self.to, PAGE_RECORDS, partition.number()])?,
            None => statement.query(params![self.next, self.to, PAGE_RECORDS])?,
        };
        let (mut records, mut bytes) = (Vec::new(), 0);
        while bytes < PAGE_BYTES && self.damaged.is_none() {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                // The file itself is torn here; what was read before is told first.
                Err(error) => {
                    self.damaged = Some(self.reader.failed(&error));
                    self.next = self.to;
                    break;
                }
            };
            self.next = row.get::<_, Offset>(0)? + 1;
            match row::record(row) {
                Ok(record) => {
                    bytes += record.value.len();
                    records.push(record);
                }
                Err(error) => self.damaged = Some(error),
            }
        }
        Ok(records)
    }
}
