//! The SQLite file: its schema, its settings, and the checks that it is ours and whole.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    str::FromStr,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use uuid::Uuid;

use super::row;
use crate::{
    Timestamp,
    log::{LogError, Offset, Partition},
};

/// Marks the file as ours (`file(1)` and `pragma application_id` show it): "SegL".
const APPLICATION_ID: i32 = 0x5365_674c;

/// The version of the schema, in `pragma user_version`.
const FORMAT: i32 = 1;

/// The partitions share one sequence of positions, so a partition's offsets have holes and the file as a whole has none.
const SCHEMA: [(&str, &str); 3] = [
    ("meta", "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"),
    (
        "record",
        "CREATE TABLE record (position INTEGER PRIMARY KEY, partition INTEGER NOT NULL, appended_at INTEGER NOT NULL, \
         key TEXT, headers TEXT NOT NULL, value ANY NOT NULL) STRICT",
    ),
    ("record_by_partition", "CREATE INDEX record_by_partition ON record (partition, position)"),
];

pub(super) const INSERT: &str =
    "INSERT INTO record (position, partition, appended_at, key, headers, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// An open file, checked.
pub(super) struct LogFile {
    pub connection: Connection,
    pub id: Uuid,
    /// The next position.
    pub next: Offset,
    /// The end of each partition.
    pub ends: Vec<Offset>,
    /// The append time of the last record.
    pub stamped: Timestamp,
}

impl LogFile {
    /// Opens or creates the file. `thorough` reads all of it: a second or two a gigabyte.
    pub fn open(path: &Path, partitions: u16, now: Timestamp, thorough: bool) -> Result<Self, LogError> {
        let at = |error| within(path, error);
        check_magic(path).map_err(at)?;
        let connection = Connection::open(path).map_err(|error| at(row::unreadable(&error)))?;
        Self::open_connection(connection, path, partitions, now, thorough).map_err(at)
    }

    fn open_connection(
        mut connection: Connection,
        path: &Path,
        partitions: u16,
        now: Timestamp,
        thorough: bool,
    ) -> Result<Self, LogError> {
        let sql = |error: rusqlite::Error| row::unreadable(&error);
        connection.busy_timeout(Duration::from_secs(5)).map_err(sql)?;
        if is_empty(&connection).map_err(sql)? {
            configure(&connection).map_err(sql)?;
            create(&mut connection, partitions, now).map_err(sql)?;
            sync_folder(path).map_err(|error| LogError::Unavailable(error.to_string()))?;
        } else {
            check_identity(&connection)?;
            configure(&connection).map_err(sql)?;
        }
        let id = check_meta(&connection, partitions)?;
        check_size(&connection, path)?;
        if thorough {
            tracing::warn!("the machine went down while the log was open, checking all of it");
            check_pages(&connection)?;
        }
        let next = check_positions(&connection)?;
        let end = |number| end_of(&connection, Partition::new(number));
        let ends = (0..partitions).map(end).collect::<rusqlite::Result<_>>().map_err(sql)?;
        let stamped = connection
            .query_row("SELECT appended_at FROM record ORDER BY position DESC LIMIT 1", [], |row| row.get(0))
            .optional()
            .map_err(sql)?
            .unwrap_or(0);
        Ok(Self { connection, id, next, ends, stamped: Timestamp::from_unix_millis(stamped) })
    }
}

/// A connection that can only read.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, LogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(connection)
    });
    opened.map_err(|error| within(path, row::unreadable(&error)))
}

/// Every commit is synced before it returns (`synchronous`); copying the WAL into the file is left to the writing thread,
/// which does it after it has answered.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)
}

/// Whether nothing was ever created here; also after a crash in the middle of the creation.
fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(objects == 0 && pragma(connection, "application_id")? == 0 && pragma(connection, "user_version")? == 0)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

fn create(connection: &mut Connection, partitions: u16, now: Timestamp) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (_, sql) in SCHEMA {
        transaction.execute_batch(sql)?;
    }
    for (name, value) in [
        ("about", "an event log: one row of table record is one record, headers are CloudEvents attributes".to_owned()),
        ("format", FORMAT.to_string()),
        ("log_id", Uuid::now_v7().to_string()),
        ("partitions", partitions.to_string()),
        ("created", now.to_string()),
    ] {
        transaction.execute("INSERT INTO meta VALUES (?1, ?2)", [name, &value])?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// The entry of the new file must be on disk as well.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Must run before SQLite has the file open: closing a second handle of a file gives up the process's locks on it.
pub(super) fn check_magic(path: &Path) -> Result<(), LogError> {
    let mut start = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(LogError::Unavailable(error.to_string())),
        Ok(file) => {
            file.take(16).read_to_end(&mut start).map_err(|error| LogError::Unavailable(error.to_string()))?;
        }
    }
    if start.is_empty() || start == b"SQLite format 3\0" {
        return Ok(());
    }
    Err(LogError::Damaged("not an SQLite file".to_owned()))
}

fn check_identity(connection: &Connection) -> Result<(), LogError> {
    let sql = |error: rusqlite::Error| row::unreadable(&error);
    if pragma(connection, "application_id").map_err(sql)? != i64::from(APPLICATION_ID) {
        return Err(LogError::Damaged("an SQLite file of another program".to_owned()));
    }
    let format = pragma(connection, "user_version").map_err(sql)?;
    if format != i64::from(FORMAT) {
        return Err(LogError::Damaged(format!("format {format}; this version reads {FORMAT}")));
    }
    for (name, expected) in SCHEMA {
        let found: Option<String> = connection
            .query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0))
            .optional()
            .map_err(sql)?;
        if found.as_deref() != Some(expected) {
            return Err(LogError::Damaged(format!("{name} is missing or was changed")));
        }
    }
    Ok(())
}

fn check_meta(connection: &Connection, partitions: u16) -> Result<Uuid, LogError> {
    let found = meta::<u16>(connection, "partitions")?;
    if found != partitions {
        return Err(LogError::Damaged(format!("it has {found} partitions, {partitions} are configured")));
    }
    meta(connection, "log_id")
}

/// How many partitions a file has that somebody else may have open; nothing is changed in it.
///
/// # Errors
/// `Unavailable` if it is not there or cannot be read for now, `Damaged` if it is not a log.
pub(super) fn partitions_of(connection: &Connection) -> Result<u16, LogError> {
    check_identity(connection)?;
    meta(connection, "partitions")
}

fn meta<T: FromStr>(connection: &Connection, name: &str) -> Result<T, LogError> {
    let text: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(|error| row::unreadable(&error))?;
    text.and_then(|text| text.parse().ok()).ok_or_else(|| LogError::Damaged(format!("meta has no usable {name}")))
}

/// Moves everything into the file itself, whose length then tells whether its end was cut off. This also syncs what a
/// process that died may have left in the WAL unsynced, and so makes it durable before anybody reads it.
fn check_size(connection: &Connection, path: &Path) -> Result<(), LogError> {
    let sql = |error: rusqlite::Error| row::unreadable(&error);
    let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    match moved {
        Ok(0) => {}
        Ok(_) => return Ok(()), // Somebody reads the file with another program; the end of the WAL is not in it yet.
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => {
            tracing::warn!(path = %path.display(), "the disk is full, the log can only be read");
            return Ok(());
        }
        Err(error) => return Err(sql(error)),
    }
    let pages = pragma(connection, "page_count").map_err(sql)?;
    let bytes = pages * pragma(connection, "page_size").map_err(sql)?;
    let found = std::fs::metadata(path).map_err(|error| LogError::Unavailable(error.to_string()))?.len();
    if i64::try_from(found).is_ok_and(|found| found >= bytes) {
        return Ok(());
    }
    Err(LogError::Damaged(format!("its end is missing: {found} bytes of {bytes}")))
}

fn check_pages(connection: &Connection) -> Result<(), LogError> {
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|error| row::unreadable(&error))?;
    if verdict == "ok" { Ok(()) } else { Err(LogError::Damaged(verdict)) }
}

/// Positions count from 0 without a hole. Counting reads the small index only: 30 ms a million records.
fn check_positions(connection: &Connection) -> Result<Offset, LogError> {
    let sql = |error: rusqlite::Error| row::unreadable(&error);
    let last: Option<Offset> =
        connection.query_row("SELECT max(position) FROM record", [], |row| row.get(0)).map_err(sql)?;
    let first: Option<Offset> =
        connection.query_row("SELECT min(position) FROM record", [], |row| row.get(0)).map_err(sql)?;
    let count: Offset = connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).map_err(sql)?;
    let next = last.map_or(0, |last| last + 1);
    if first.unwrap_or(0) == 0 && count == next {
        return Ok(next);
    }
    Err(LogError::Damaged(format!("{count} records where {next} should be")))
}

fn end_of(connection: &Connection, partition: Partition) -> rusqlite::Result<Offset> {
    let last: Option<Offset> =
        connection.query_row("SELECT max(position) FROM record WHERE partition = ?1", [partition.number()], |row| {
            row.get(0)
        })?;
    Ok(last.map_or(0, |last| last + 1))
}

pub(super) fn within(path: &Path, error: LogError) -> LogError {
    match error {
        LogError::Unavailable(reason) => LogError::Unavailable(format!("{}: {reason}", path.display())),
        LogError::Damaged(reason) => LogError::Damaged(format!("{}: {reason}", path.display())),
    }
}
