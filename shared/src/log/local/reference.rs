//! Reference data in one SQLite file of its own: a table with the last change of each key, removals too, so that a reader
//! finds them however long it was away. A change moves its key to the end. The file lies beside that of the log, whose lock
//! keeps other processes away from both. `sqlite3 reference.sqlite 'select * from entry'` shows everything.

use std::{
    collections::VecDeque,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use rusqlite::{Connection, OptionalExtension as _};
use tokio::{sync::watch, task::spawn_blocking};

use super::{file, row::unreadable};
use crate::{
    log::{LogError, Offset, Partition},
    reference::{Change, InDoubt, Record, ReferenceLog},
};

/// Marks the file as ours: "SegR".
const APPLICATION_ID: i32 = 0x5365_6752;
/// The version of the schema, in `pragma user_version`.
const FORMAT: i32 = 1;
const SCHEMA: &str = "CREATE TABLE entry (position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT) STRICT";
const WRITE: &str = "INSERT INTO entry (position, key, value) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (key) DO UPDATE SET position = excluded.position, value = excluded.value";
const READ: &str = "SELECT position, key, value FROM entry WHERE position >= ?1 ORDER BY position LIMIT ?2";

const ONLY: Partition = Partition::new(0);
/// Records that are read at once.
const PAGE_RECORDS: i64 = 512;

/// Reference data in one SQLite file, in one partition. Clones are the same.
#[derive(Clone)]
pub struct LocalReference(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: Mutex<Connection>,
    end: watch::Sender<Offset>,
}

impl fmt::Debug for LocalReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalReference").field(&self.0.path).finish()
    }
}

impl LocalReference {
    /// Opens the file, or creates it in a folder that is there.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be used for now; `Damaged` if it is not such a file, or of a later format.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        let path = path.as_ref().to_owned();
        in_background(move || {
            let (writer, end) = open_file(&path).map_err(|error| file::within(&path, error))?;
            Ok(Self(Arc::new(Inner { path, writer: Mutex::new(writer), end: watch::Sender::new(end) })))
        })
        .await
    }

    /// Writes in one transaction; returns the offsets.
    fn write_now(&self, changes: &[Change]) -> rusqlite::Result<Vec<(Partition, Offset)>> {
        let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut behind = Vec::with_capacity(changes.len());
        let transaction = writer.transaction()?;
        let mut next = end(&transaction)?;
        {
            let mut statement = transaction.prepare_cached(WRITE)?;
            for change in changes {
                // What we write is JSON, and so UTF-8.
                let value = change.value().map(|json| String::from_utf8_lossy(&json).into_owned());
                statement.execute((next, change.key().to_string(), value))?;
                next += 1;
                behind.push((ONLY, next));
            }
        }
        transaction.commit()?;
        self.0.end.send_replace(next);
        Ok(behind)
    }
}

impl ReferenceLog for LocalReference {
    fn partitions(&self) -> u16 {
        1
    }

    async fn write(&self, changes: Vec<Change>) -> Result<Vec<(Partition, Offset)>, InDoubt> {
        let reference = self.clone();
        let written = in_background(move || reference.write_now(&changes).map_err(|error| unreadable(&error))).await;
        written.map_err(|error| InDoubt(error.to_string()))
    }

    fn tail(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        let start = from.iter().find(|(partition, _)| *partition == ONLY).map(|(_, next)| *next);
        let tail = Tail {
            path: self.0.path.clone(),
            changed: self.0.end.subscribe(),
            reader: None,
            next: start,
            page: VecDeque::new(),
        };
        stream::unfold(tail, |mut tail| async move {
            let item = tail.next().await;
            if item.is_err() {
                tail.next = None;
            }
            item.transpose().map(|item| (item, tail))
        })
        .boxed()
    }

    async fn end(&self, partition: Partition) -> Result<Offset, LogError> {
        let no_such = || LogError::Unavailable(format!("there is no partition {partition}"));
        (partition == ONLY).then(|| *self.0.end.borrow()).ok_or_else(no_such)
    }
}

/// Everything that a file of reference data holds when it is read, page by page; another process may have the file open, and
/// nothing is changed in it. Blocks.
#[derive(Debug)]
pub struct ReferencePages {
    reader: Connection,
    next: Offset,
}

impl ReferencePages {
    /// Opens the file.
    ///
    /// # Errors
    /// `Unavailable` if it is not there or cannot be used for now; `Damaged` if it is not such a file.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let reader = file::open_for_reading(path)?;
        match check_is_new(&reader).map_err(|error| file::within(path, error))? {
            false => Ok(Self { reader, next: 0 }),
            true => Err(LogError::Damaged(format!("{} holds nothing at all", path.display()))),
        }
    }
}

impl Iterator for ReferencePages {
    type Item = Result<Vec<Record>, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        match page(&self.reader, self.next) {
            Ok(page) => {
                self.next = page.back()?.offset + 1;
                Some(Ok(page.into()))
            }
            Err(error) => Some(Err(unreadable(&error))),
        }
    }
}

struct Tail {
    path: PathBuf,
    changed: watch::Receiver<Offset>,
    /// Opened when there is something to read, and lent to each read.
    reader: Option<Connection>,
    /// Where to go on; none after an error, and if nothing was asked for.
    next: Option<Offset>,
    page: VecDeque<Record>,
}

impl Tail {
    /// The next record; none at the end of the stream.
    async fn next(&mut self) -> Result<Option<Record>, LogError> {
        loop {
            if let Some(record) = self.page.pop_front() {
                return Ok(Some(record));
            }
            let Some(next) = self.next else { return Ok(None) };
            let closed = self.changed.wait_for(|end| *end > next).await.map(drop).is_err();
            if closed {
                return Err(LogError::Unavailable("the reference data is closed".to_owned()));
            }
            self.read(next).await?;
        }
    }

    async fn read(&mut self, next: Offset) -> Result<(), LogError> {
        let (reader, path) = (self.reader.take(), self.path.clone());
        let read = move || {
            let reader = reader.map_or_else(|| file::open_for_reading(&path), Ok)?;
            let page = page(&reader, next).map_err(|error| unreadable(&error))?;
            Ok((reader, page))
        };
        let (reader, page) = in_background(read).await?;
        self.reader = Some(reader);
        if let Some(last) = page.back() {
            self.next = Some(last.offset + 1);
        }
        self.page = page;
        Ok(())
    }
}

fn page(reader: &Connection, next: Offset) -> rusqlite::Result<VecDeque<Record>> {
    let mut statement = reader.prepare_cached(READ)?;
    let rows = statement.query_map((next, PAGE_RECORDS), |row| {
        let value: Option<String> = row.get(2)?;
        Ok(Record {
            partition: ONLY,
            offset: row.get(0)?,
            key: Some(row.get(1)?),
            value: value.map(String::into_bytes),
        })
    })?;
    rows.collect()
}

/// The file, checked, and the offset behind its last entry.
fn open_file(path: &Path) -> Result<(Connection, Offset), LogError> {
    let sql = |error: rusqlite::Error| unreadable(&error);
    let mut connection = Connection::open(path).map_err(sql)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(sql)?;
    let is_new = check_is_new(&connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(sql)?;
    // A commit is on the disk when it returns.
    connection.pragma_update(None, "synchronous", "full").map_err(sql)?;
    if is_new {
        create(&mut connection).map_err(sql)?;
    }
    let end = end(&connection).map_err(sql)?;
    Ok((connection, end))
}

/// Whether nothing was ever created here; an error if something else was.
fn check_is_new(connection: &Connection) -> Result<bool, LogError> {
    let sql = |error: rusqlite::Error| unreadable(&error);
    let found: Option<String> = connection
        .query_row("SELECT sql FROM sqlite_schema ORDER BY name = 'entry' DESC LIMIT 1", [], |row| row.get(0))
        .optional()
        .map_err(sql)?;
    let mark = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(sql);
    match (found.as_deref(), mark("application_id")?, mark("user_version")?) {
        (Some(SCHEMA), APPLICATION_ID, FORMAT) => Ok(false),
        (None, 0, 0) => Ok(true),
        (_, APPLICATION_ID, format) if format != FORMAT => {
            Err(LogError::Damaged(format!("reference data of format {format}; this version reads {FORMAT}")))
        }
        _ => Err(LogError::Damaged("not a file of reference data".to_owned())),
    }
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Positions only grow: whatever is changed moves behind the last one, which is never removed.
fn end(connection: &Connection) -> rusqlite::Result<Offset> {
    connection.query_row("SELECT coalesce(max(position) + 1, 0) FROM entry", [], |row| row.get(0))
}

/// SQLite blocks.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|stopped| Err(LogError::Unavailable(format!("the runtime is shutting down: {stopped}"))))
}
